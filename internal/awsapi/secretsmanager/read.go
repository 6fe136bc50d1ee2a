package secretsmanager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/service"
)

func (h *handlers) getSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	secret, version, err := h.secrets.SecretValueOf(ctx, caller(ctx), *in.SecretId, aws.ToString(in.VersionId), aws.ToString(in.VersionStage))
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.GetSecretValueOutput{
		ARN: &secret.ARN, Name: &secret.Name, VersionId: &version.ID, VersionStages: version.Labels, CreatedDate: &version.CreatedAt,
	}
	out.SecretString, out.SecretBinary = members(version.Value)
	return out, nil
}

// members are the two members of which a value is one.
func members(v service.SecretValue) (*string, []byte) {
	if v.Binary {
		return nil, v.Data
	}
	return aws.String(string(v.Data)), nil
}

func (h *handlers) batchGetSecretValue(ctx context.Context, in *secretsmanager.BatchGetSecretValueInput) (*secretsmanager.BatchGetSecretValueOutput, error) {
	switch {
	case in.SecretIdList != nil && in.Filters != nil, in.SecretIdList == nil && in.Filters == nil:
		return nil, awsapi.Refuse("InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case in.MaxResults != nil && in.Filters == nil:
		return nil, awsapi.Refuse("InvalidParameterException", "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	}
	if in.SecretIdList != nil {
		found, err := h.secrets.SecretValues(ctx, caller(ctx), in.SecretIdList)
		if err != nil {
			return nil, err
		}
		return batch(found), nil
	}
	q := service.SecretQuery{Filters: filtersOf(in.Filters)}
	p, err := h.page(ctx, "BatchGetSecretValue", in.NextToken, in.MaxResults, 20, &q)
	if err != nil {
		return nil, err
	}
	found, err := h.secrets.FindSecretValues(ctx, caller(ctx), q)
	if err != nil {
		return nil, err
	}
	more := len(found) > p.size
	if more {
		found = found[:p.size]
	}
	out := batch(found)
	if more {
		out.NextToken = p.seal(h, q.Cursor(&found[p.size-1].Secret))
	}
	return out, nil
}

func batch(found []service.BatchedSecret) *secretsmanager.BatchGetSecretValueOutput {
	out := &secretsmanager.BatchGetSecretValueOutput{SecretValues: []types.SecretValueEntry{}, Errors: []types.APIErrorType{}}
	for i := range found {
		f := &found[i]
		if f.Err != nil {
			wrong := fault(f.Err)
			out.Errors = append(out.Errors, types.APIErrorType{SecretId: &f.ID, ErrorCode: &wrong.Code, Message: &wrong.Message})
			continue
		}
		entry := types.SecretValueEntry{
			ARN: &f.Secret.ARN, Name: &f.Secret.Name, VersionId: &f.Version.ID, VersionStages: f.Version.Labels, CreatedDate: &f.Version.CreatedAt,
		}
		entry.SecretString, entry.SecretBinary = members(f.Version.Value)
		out.SecretValues = append(out.SecretValues, entry)
	}
	return out
}

func (h *handlers) describeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	x, err := h.secrets.SecretOf(ctx, caller(ctx), "DescribeSecret", *in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		ARN: &x.ARN, Name: &x.Name, Description: text(x.Description), KmsKeyId: text(x.KMSKey), OwningService: text(x.Owner),
		CreatedDate: moment(x.CreatedAt), LastChangedDate: moment(x.ChangedAt), LastAccessedDate: moment(x.AccessedAt), DeletedDate: moment(x.DeletedAt),
		Tags: tags(&x), VersionIdsToStages: labels(&x),
	}, nil
}

func (h *handlers) getResourcePolicy(ctx context.Context, in *secretsmanager.GetResourcePolicyInput) (*secretsmanager.GetResourcePolicyOutput, error) {
	x, err := h.secrets.SecretOf(ctx, caller(ctx), "GetResourcePolicy", *in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetResourcePolicyOutput{ARN: &x.ARN, Name: &x.Name}, nil
}

func (h *handlers) listSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	q := service.SecretQuery{
		Filters: filtersOf(in.Filters), Deleted: aws.ToBool(in.IncludePlannedDeletion),
		By: string(cmp.Or(in.SortBy, types.SortByTypeCreatedDate)), Descending: in.SortOrder == types.SortOrderTypeDesc,
	}
	p, err := h.page(ctx, "ListSecrets", in.NextToken, in.MaxResults, 100, &q)
	if err != nil {
		return nil, err
	}
	found, err := h.secrets.ListSecrets(ctx, caller(ctx), q)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretsOutput{SecretList: []types.SecretListEntry{}}
	if len(found) > p.size {
		found = found[:p.size]
		out.NextToken = p.seal(h, q.Cursor(&found[p.size-1]))
	}
	for i := range found {
		x := &found[i]
		out.SecretList = append(out.SecretList, types.SecretListEntry{
			ARN: &x.ARN, Name: &x.Name, Description: text(x.Description), KmsKeyId: text(x.KMSKey), OwningService: text(x.Owner),
			CreatedDate: moment(x.CreatedAt), LastChangedDate: moment(x.ChangedAt), LastAccessedDate: moment(x.AccessedAt), DeletedDate: moment(x.DeletedAt),
			Tags: tags(x), SecretVersionsToStages: labels(x),
		})
	}
	return out, nil
}

// listSecretVersionIds pages by position: versions are few, and each has its
// place but for those that go.
func (h *handlers) listSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	x, err := h.secrets.SecretOf(ctx, caller(ctx), "ListSecretVersionIds", *in.SecretId)
	if err != nil {
		return nil, err
	}
	list := pagetoken.List{Operation: "ListSecretVersionIds", Scope: []string{x.ARN, strconv.FormatBool(aws.ToBool(in.IncludeDeprecated))}}
	after := ""
	if token := aws.ToString(in.NextToken); token != "" {
		if after, err = h.pages.Open(list, token); err != nil {
			return nil, invalidToken()
		}
	}
	out := &secretsmanager.ListSecretVersionIdsOutput{ARN: &x.ARN, Name: &x.Name, Versions: []types.SecretVersionsListEntry{}}
	size, last := int(aws.ToInt32(in.MaxResults)), ""
	if size == 0 {
		size = 100
	}
	for _, v := range x.Versions {
		at := v.CreatedAt.UTC().Format(time.RFC3339Nano) + " " + v.ID
		if len(v.Labels) == 0 && !aws.ToBool(in.IncludeDeprecated) || !behind(at, after) {
			continue
		}
		if len(out.Versions) == size {
			out.NextToken = aws.String(h.pages.Seal(list, last))
			break
		}
		key := x.KMSKey
		if key == "" {
			key = "DefaultEncryptionKey"
		}
		last = at
		out.Versions = append(out.Versions, types.SecretVersionsListEntry{
			VersionId: aws.String(v.ID), VersionStages: v.Labels, CreatedDate: moment(v.CreatedAt), LastAccessedDate: moment(v.AccessedAt), KmsKeyIds: []string{key},
		})
	}
	return out, nil
}

// behind says whether a version comes after the one that a page ended with.
// Times that are written out do not sort as texts: their fractions are cut.
func behind(at, after string) bool {
	if after == "" {
		return true
	}
	a, idA, _ := strings.Cut(at, " ")
	b, idB, _ := strings.Cut(after, " ")
	timeA, errA := time.Parse(time.RFC3339Nano, a)
	timeB, errB := time.Parse(time.RFC3339Nano, b)
	if errors.Join(errA, errB) != nil {
		return false
	}
	return timeA.After(timeB) || timeA.Equal(timeB) && idA > idB
}

func (h *handlers) getRandomPassword(ctx context.Context, in *secretsmanager.GetRandomPasswordInput) (*secretsmanager.GetRandomPasswordOutput, error) {
	p := service.Password{
		Length: 32, Exclude: aws.ToString(in.ExcludeCharacters),
		Lowercase: !aws.ToBool(in.ExcludeLowercase), Uppercase: !aws.ToBool(in.ExcludeUppercase),
		Numbers: !aws.ToBool(in.ExcludeNumbers), Punctuation: !aws.ToBool(in.ExcludePunctuation), Space: aws.ToBool(in.IncludeSpace),
		EachKind: in.RequireEachIncludedType == nil || *in.RequireEachIncludedType,
	}
	if in.PasswordLength != nil {
		p.Length = int(*in.PasswordLength)
	}
	password, err := h.secrets.RandomPassword(ctx, caller(ctx), p)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: &password}, nil
}

// page is the part of a list that a request asks for.
type page struct {
	list pagetoken.List
	size int
}

// page reads the paging members of an input into a query, which asks for one
// more than fits.
func (h *handlers) page(ctx context.Context, operation string, token *string, size *int32, most int, q *service.SecretQuery) (page, error) {
	filters, err := json.Marshal(q.Filters)
	if err != nil {
		return page{}, err
	}
	p := page{size: most, list: pagetoken.List{Operation: operation, Scope: []string{
		h.account(ctx), string(filters), strconv.FormatBool(q.Deleted), q.By, strconv.FormatBool(q.Descending),
	}}}
	if size != nil {
		p.size = int(*size)
	}
	q.Limit = p.size + 1
	if aws.ToString(token) == "" {
		return p, nil
	}
	cursor, err := h.pages.Open(p.list, *token)
	if err == nil {
		err = json.Unmarshal([]byte(cursor), &q.After)
	}
	if err != nil {
		return p, invalidToken()
	}
	return p, nil
}

func (p page) seal(h *handlers, last service.SecretCursor) *string {
	cursor, err := json.Marshal(last)
	if err != nil {
		return nil // times of ours always encode
	}
	return aws.String(h.pages.Seal(p.list, string(cursor)))
}

func invalidToken() *awsapi.Fault {
	return awsapi.Refuse("InvalidNextTokenException", "The NextToken value is invalid.")
}

// account is the caller's, or the default one.
func (h *handlers) account(ctx context.Context) string {
	if account := caller(ctx).Account; account != "" {
		return account
	}
	return h.home.Account
}

func filtersOf(in []types.Filter) []service.SecretFilter {
	out := make([]service.SecretFilter, 0, len(in))
	for _, f := range in {
		out = append(out, service.SecretFilter{Key: string(f.Key), Values: f.Values})
	}
	return out
}

func tags(x *service.Secret) []types.Tag {
	out := make([]types.Tag, 0, len(x.Tags))
	for _, t := range x.Tags {
		out = append(out, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// labels are those of versions that have any.
func labels(x *service.Secret) map[string][]string {
	out := map[string][]string{}
	for _, v := range x.Versions {
		if len(v.Labels) > 0 {
			out[v.ID] = v.Labels
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

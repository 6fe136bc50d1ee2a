package secretsmanager_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

const (
	unknown = "Secrets Manager can't find the specified secret."
	deleted = "You can't perform this operation on the secret because it was marked for deletion."

	firstToken  = "11111111-1111-1111-1111-111111111111"
	secondToken = "22222222-2222-2222-2222-222222222222"
	thirdToken  = "33333333-3333-3333-3333-333333333333"
)

func TestASecretIsMadeAndRead(t *testing.T) {
	a, ctx := start(t), t.Context()
	made := apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{
		Name: aws.String("team/hub"), Description: aws.String("credentials"), SecretString: aws.String("s3cret"), ClientRequestToken: aws.String(firstToken),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))
	if !regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:123456789012:secret:team/hub-[A-Za-z0-9]{6}$`).MatchString(*made.ARN) || *made.Name != "team/hub" || *made.VersionId != firstToken {
		t.Errorf("made %s %s %s", *made.ARN, *made.Name, *made.VersionId)
	}
	partial := (*made.ARN)[:len(*made.ARN)-7]
	for _, id := range []string{"team/hub", *made.ARN, partial} {
		got := apitest.OK[*sdk.GetSecretValueOutput](t)(a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &id}))
		if *got.SecretString != "s3cret" || got.SecretBinary != nil || *got.VersionId != firstToken || !slices.Equal(got.VersionStages, []string{"AWSCURRENT"}) || *got.ARN != *made.ARN || got.CreatedDate == nil {
			t.Errorf("by %s: %+v", id, got)
		}
	}
	d := apitest.OK[*sdk.DescribeSecretOutput](t)(a.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: made.Name}))
	if *d.ARN != *made.ARN || *d.Description != "credentials" || d.CreatedDate == nil || d.LastChangedDate == nil || d.LastAccessedDate == nil || d.DeletedDate != nil || d.OwningService != nil ||
		len(d.Tags) != 1 || *d.Tags[0].Value != "a" || !slices.Equal(d.VersionIdsToStages[firstToken], []string{"AWSCURRENT"}) {
		t.Errorf("described as %+v", d)
	}
	for _, id := range []string{"team", "team/hub-AAAAAA", partial + "-AAAAAA", strings.Replace(*made.ARN, "us-east-1", "us-west-2", 1)} {
		_, err := a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &id})
		apitest.Want(t, err, "ResourceNotFoundException", unknown)
	}
}

func TestASecretMayHaveNoValueYetAndMayBeBytes(t *testing.T) {
	a, ctx := start(t), t.Context()
	name := aws.String("later")
	if made := apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: name})); made.VersionId != nil {
		t.Errorf("a version without a value: %s", *made.VersionId)
	}
	_, err := a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: name})
	apitest.Want(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")
	_, err = a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: name})
	apitest.Want(t, err, "InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	_, err = a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: name, SecretString: aws.String("a"), SecretBinary: []byte("b")})
	apitest.Want(t, err, "InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.")
	put := apitest.OK[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: name, SecretBinary: []byte{0, 1, 255}, VersionStages: []string{"mine"}}))
	if !slices.Equal(put.VersionStages, []string{"AWSCURRENT", "mine"}) {
		t.Errorf("the first version is %v", put.VersionStages)
	}
	got := apitest.OK[*sdk.GetSecretValueOutput](t)(a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: name, VersionStage: aws.String("mine")}))
	if got.SecretString != nil || string(got.SecretBinary) != "\x00\x01\xff" {
		t.Errorf("got %v and %v", got.SecretString, got.SecretBinary)
	}
}

func TestTheSameRequestTwiceIsOne(t *testing.T) {
	a, ctx := start(t), t.Context()
	in := &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("one"), ClientRequestToken: aws.String(firstToken)}
	first := apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, in))
	again := apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, in))
	if *again.ARN != *first.ARN || *again.VersionId != firstToken {
		t.Errorf("again is %s %s", *again.ARN, *again.VersionId)
	}
	in.SecretString = aws.String("other")
	_, err := a.CreateSecret(ctx, in)
	used := "You can't use ClientRequestToken " + firstToken + " because that value is already in use for a version of secret " + *first.ARN + "."
	apitest.Want(t, err, "ResourceExistsException", used)
	_, err = a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("one"), ClientRequestToken: aws.String(secondToken)})
	apitest.Want(t, err, "ResourceExistsException", "The operation failed because the secret s already exists.")

	put := &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("one"), ClientRequestToken: aws.String(firstToken)}
	apitest.OK[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, put))
	put.SecretString = aws.String("two")
	_, err = a.PutSecretValue(ctx, put)
	apitest.Want(t, err, "ResourceExistsException", used)
	if got := a.value("s"); got != "one" {
		t.Errorf("the value is %q", got)
	}
}

// stages are the labels of the versions by the last digit of their tokens.
func (a *api) stages(id string) string {
	a.t.Helper()
	out := apitest.OK[*sdk.ListSecretVersionIdsOutput](a.t)(a.ListSecretVersionIds(a.t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: &id, IncludeDeprecated: aws.Bool(true)}))
	var all []string
	for _, v := range out.Versions {
		all = append(all, (*v.VersionId)[:1]+strings.Join(v.VersionStages, ","))
	}
	return strings.Join(all, " ")
}

func TestLabelsMoveWithNewValues(t *testing.T) {
	a, ctx := start(t), t.Context()
	put := func(token, value string, labels ...string) {
		t.Helper()
		apitest.OK[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, &sdk.PutSecretValueInput{
			SecretId: aws.String("s"), SecretString: &value, ClientRequestToken: &token, VersionStages: labels,
		}))
	}
	is := func(expected string) {
		t.Helper()
		if got := a.stages("s"); got != expected {
			t.Errorf("labels are %q, want %q", got, expected)
		}
	}
	apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("1"), ClientRequestToken: aws.String(firstToken)}))
	put(secondToken, "2", "AWSPENDING", "mine")
	is("1AWSCURRENT 2AWSPENDING,mine")
	if got := a.value("s"); got != "1" {
		t.Errorf("a pending value is current: %s", got)
	}
	move := &sdk.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: aws.String(secondToken)}
	_, err := a.UpdateSecretVersionStage(ctx, move)
	apitest.Want(t, err, "InvalidParameterException", "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version "+firstToken+", so you must explicitly reference that version in RemoveFromVersionId.")
	move.RemoveFromVersionId = aws.String(firstToken)
	apitest.OK[*sdk.UpdateSecretVersionStageOutput](t)(a.UpdateSecretVersionStage(ctx, move))
	is("1AWSPREVIOUS 2AWSCURRENT,AWSPENDING,mine")
	put(thirdToken, "3")
	is("1 2AWSPENDING,AWSPREVIOUS,mine 3AWSCURRENT")
	_, err = a.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: aws.String(thirdToken)})
	apitest.Want(t, err, "InvalidParameterException", "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	apitest.OK[*sdk.UpdateSecretVersionStageOutput](t)(a.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("mine"), RemoveFromVersionId: aws.String(secondToken)}))
	// Back to what was before: the two change places.
	apitest.OK[*sdk.UpdateSecretVersionStageOutput](t)(a.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
		SecretId: aws.String("s"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: aws.String(secondToken), RemoveFromVersionId: aws.String(thirdToken),
	}))
	is("1 2AWSCURRENT,AWSPENDING 3AWSPREVIOUS")

	get := func(version, stage *string) (*sdk.GetSecretValueOutput, error) {
		return a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("s"), VersionId: version, VersionStage: stage})
	}
	if got := apitest.OK[*sdk.GetSecretValueOutput](t)(get(nil, aws.String("AWSPREVIOUS"))); *got.SecretString != "3" {
		t.Errorf("the previous value is %s", *got.SecretString)
	}
	if got := apitest.OK[*sdk.GetSecretValueOutput](t)(get(aws.String(firstToken), nil)); *got.SecretString != "1" || len(got.VersionStages) != 0 {
		t.Errorf("the first version is %+v", got)
	}
	_, err = get(aws.String(firstToken), aws.String("AWSCURRENT"))
	apitest.Want(t, err, "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	_, err = get(aws.String(strings.Repeat("9", 36)), nil)
	apitest.Want(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: "+strings.Repeat("9", 36))
	_, err = get(nil, aws.String("nobody"))
	apitest.Want(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: nobody")
}

func TestOldVersionsAreDroppedAndLabelsAreBounded(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.secret("s", "first")
	for i := range 120 {
		apitest.OK[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String(fmt.Sprint(i))}))
	}
	in, count := &sdk.ListSecretVersionIdsInput{SecretId: aws.String("s"), IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(30)}, 0
	seen := map[string]bool{}
	for p := sdk.NewListSecretVersionIdsPaginator(a.Client, in); p.HasMorePages(); {
		page := apitest.OK[*sdk.ListSecretVersionIdsOutput](t)(p.NextPage(ctx))
		for _, v := range page.Versions {
			seen[*v.VersionId] = true
			count++
		}
	}
	if count != 102 || len(seen) != count {
		t.Errorf("%d versions are kept, %d different ones", count, len(seen))
	}
	large := strings.Repeat("x", 64<<10)
	for range 30 {
		apitest.OK[*sdk.PutSecretValueOutput](t)(a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretString: &large}))
	}
	out := apitest.OK[*sdk.ListSecretVersionIdsOutput](t)(a.ListSecretVersionIds(ctx, &sdk.ListSecretVersionIdsInput{SecretId: aws.String("s"), IncludeDeprecated: aws.Bool(true)}))
	if len(out.Versions) != 18 { // 1 MiB of them, the current and the previous one
		t.Errorf("%d large versions are kept", len(out.Versions))
	}
	var labels []string
	for i := range 19 {
		labels = append(labels, fmt.Sprint("l", i))
	}
	_, err := a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("x"), VersionStages: labels})
	apitest.Want(t, err, "LimitExceededException", "The request failed because it would exceed the quota of 20 staging labels attached across all versions of the secret.")
}

func TestUpdateChangesWhatIsGiven(t *testing.T) {
	a, ctx := start(t), t.Context()
	made := a.secret("s", "one")
	up := apitest.OK[*sdk.UpdateSecretOutput](t)(a.UpdateSecret(ctx, &sdk.UpdateSecretInput{SecretId: aws.String("s"), Description: aws.String("now with words"), KmsKeyId: aws.String("alias/mine")}))
	if up.VersionId != nil || *up.ARN != *made.ARN {
		t.Errorf("updated: %+v", up)
	}
	if got := a.value("s"); got != "one" {
		t.Errorf("the value changed to %q", got)
	}
	up = apitest.OK[*sdk.UpdateSecretOutput](t)(a.UpdateSecret(ctx, &sdk.UpdateSecretInput{SecretId: aws.String("s"), SecretString: aws.String("two")}))
	if up.VersionId == nil || a.value("s") != "two" {
		t.Errorf("updated: %+v, value %q", up, a.value("s"))
	}
	d := apitest.OK[*sdk.DescribeSecretOutput](t)(a.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: aws.String("s")}))
	if *d.Description != "now with words" || *d.KmsKeyId != "alias/mine" || len(d.VersionIdsToStages) != 2 {
		t.Errorf("described as %+v", d)
	}
	_, err := a.UpdateSecret(ctx, &sdk.UpdateSecretInput{SecretId: aws.String("nobody"), Description: aws.String("")})
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
}

func TestADeletedSecretCanBeRestoredUntilItIsGone(t *testing.T) {
	a, ctx := start(t), t.Context()
	made := a.secret("s", "one")
	id := aws.String("s")
	for _, days := range []int64{6, 31, -1} {
		_, err := a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: &days})
		apitest.Want(t, err, "InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	_, err := a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true)})
	apitest.Want(t, err, "InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	_, err = a.RestoreSecret(ctx, &sdk.RestoreSecretInput{SecretId: id})
	apitest.Want(t, err, "InvalidRequestException", "You can't perform this operation on the secret because it was not marked for deletion.")

	out := apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: aws.Int64(7)}))
	if left := out.DeletionDate.Sub(a.Now()); left < 7*24*time.Hour-time.Minute || left > 7*24*time.Hour {
		t.Errorf("it goes in %v", left)
	}
	_, err = a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: id})
	apitest.Want(t, err, "InvalidRequestException", deleted)
	_, err = a.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: id, SecretString: aws.String("x")})
	apitest.Want(t, err, "InvalidRequestException", deleted)
	_, err = a.UpdateSecret(ctx, &sdk.UpdateSecretInput{SecretId: id})
	apitest.Want(t, err, "InvalidRequestException", deleted)
	_, err = a.TagResource(ctx, &sdk.TagResourceInput{SecretId: id, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	apitest.Want(t, err, "InvalidRequestException", deleted)
	_, err = a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: id})
	apitest.Want(t, err, "InvalidRequestException", "You can't perform this operation on the secret because it was already scheduled for deletion.")
	_, err = a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: id})
	apitest.Want(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	if d := apitest.OK[*sdk.DescribeSecretOutput](t)(a.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: id})); d.DeletedDate == nil {
		t.Error("a deleted secret is not said to be")
	}
	if l := apitest.OK[*sdk.ListSecretsOutput](t)(a.ListSecrets(ctx, &sdk.ListSecretsInput{})); len(l.SecretList) != 0 {
		t.Error("a deleted secret is listed")
	}
	if l := apitest.OK[*sdk.ListSecretsOutput](t)(a.ListSecrets(ctx, &sdk.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)})); len(l.SecretList) != 1 || l.SecretList[0].DeletedDate == nil {
		t.Error("a deleted secret is not listed")
	}

	apitest.OK[*sdk.RestoreSecretOutput](t)(a.RestoreSecret(ctx, &sdk.RestoreSecretInput{SecretId: id}))
	if got := a.value("s"); got != "one" {
		t.Errorf("restored as %q", got)
	}
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: id}))
	a.Wait(30 * 24 * time.Hour)
	_, err = a.RestoreSecret(ctx, &sdk.RestoreSecretInput{SecretId: id})
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
	// Its name is free at once, and it is another secret.
	if again := a.secret("s", "two"); *again.ARN == *made.ARN || a.value("s") != "two" {
		t.Errorf("the new secret is %s of %q", *again.ARN, a.value("s"))
	}
	_, err = a.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: made.ARN})
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
}

func TestDueDeletionsAreCarriedOut(t *testing.T) {
	a, ctx := start(t), t.Context()
	for _, name := range []string{"due", "later", "kept"} {
		a.secret(name, "x")
	}
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("due"), RecoveryWindowInDays: aws.Int64(7)}))
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("later")}))
	a.Wait(8 * 24 * time.Hour)
	if err := a.svc.SweepSecrets(ctx); err != nil {
		t.Fatal(err)
	}
	records, err := a.store.ListRecords(ctx, account, "secret", "", 10)
	if err != nil || len(records) != 2 || records[0].Name != "kept" || records[1].Name != "later" {
		t.Errorf("what is left: %d records, %v", len(records), err)
	}
}

func TestAForcedDeletionIsAtOnce(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.secret("s", "one")
	force := &sdk.DeleteSecretInput{SecretId: aws.String("s"), ForceDeleteWithoutRecovery: aws.Bool(true)}
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, force))
	_, err := a.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: aws.String("s")})
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, force)) // as AWS has it
	_, err = a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("s")})
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
	a.secret("s", "two")
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("s")}))
	apitest.OK[*sdk.DeleteSecretOutput](t)(a.DeleteSecret(ctx, force))
	a.secret("s", "three")
}

func TestTags(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.secret("s", "one")
	id := aws.String("s")
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	apitest.OK[*sdk.TagResourceOutput](t)(a.TagResource(ctx, &sdk.TagResourceInput{SecretId: id, Tags: []types.Tag{tag("b", "1"), tag("a", "1"), tag("b", "2")}}))
	apitest.OK[*sdk.UntagResourceOutput](t)(a.UntagResource(ctx, &sdk.UntagResourceInput{SecretId: id, TagKeys: []string{"a", "unknown"}}))
	d := apitest.OK[*sdk.DescribeSecretOutput](t)(a.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: id}))
	if len(d.Tags) != 1 || *d.Tags[0].Key != "b" || *d.Tags[0].Value != "2" {
		t.Errorf("tags are %+v", d.Tags)
	}
	_, err := a.TagResource(ctx, &sdk.TagResourceInput{SecretId: id, Tags: []types.Tag{tag("aws:x", "1")}})
	apitest.Want(t, err, "InvalidParameterException", "The tag is invalid: keys that begin with aws: are reserved.")
}

func TestSecretsAreListed(t *testing.T) {
	a, ctx := start(t), t.Context()
	for _, name := range []string{"prod/db", "prod/web", "test/db", "Zebra"} {
		apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{
			Name: &name, Description: aws.String("password of " + name), Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String(strings.Split(name, "/")[0])}},
		}))
		a.Wait(time.Second)
	}
	list := func(in sdk.ListSecretsInput) string {
		t.Helper()
		var names []string
		for p := sdk.NewListSecretsPaginator(a.Client, &in); p.HasMorePages(); {
			for _, s := range apitest.OK[*sdk.ListSecretsOutput](t)(p.NextPage(ctx)).SecretList {
				names = append(names, *s.Name)
			}
		}
		return strings.Join(names, " ")
	}
	filter := func(key string, values ...string) []types.Filter {
		return []types.Filter{{Key: types.FilterNameStringType(key), Values: values}}
	}
	for expected, in := range map[string]sdk.ListSecretsInput{
		"prod/db prod/web test/db Zebra": {MaxResults: aws.Int32(1)},
		"Zebra prod/db prod/web test/db": {MaxResults: aws.Int32(1), SortBy: types.SortByTypeName},
		"test/db prod/web prod/db Zebra": {MaxResults: aws.Int32(3), SortBy: types.SortByTypeName, SortOrder: types.SortOrderTypeDesc},
		"Zebra test/db prod/web prod/db": {MaxResults: aws.Int32(2), SortOrder: types.SortOrderTypeDesc},
		"prod/db prod/web":               {MaxResults: aws.Int32(1), Filters: filter("name", "prod/")},
		"prod/web prod/db":               {MaxResults: aws.Int32(1), Filters: filter("name", "prod/"), SortBy: types.SortByTypeLastChangedDate, SortOrder: types.SortOrderTypeDesc},
		"test/db Zebra":                  {Filters: filter("name", "!prod/"), SortBy: types.SortByTypeCreatedDate},
		"prod/web":                       {Filters: filter("description", "WEB pass")},
		"test/db":                        {Filters: filter("tag-value", "tes", "none"), SortBy: types.SortByTypeName},
		"prod/db test/db":                {Filters: filter("all", "DB")},
		"":                               {Filters: filter("owning-service", "events")},
		"prod/db":                        {Filters: append(filter("tag-key", "stage"), append(filter("all", "db"), filter("name", "prod")...)...)},
	} {
		if got := list(in); got != expected {
			t.Errorf("%+v lists %q, want %q", in, got, expected)
		}
	}
	first := apitest.OK[*sdk.ListSecretsOutput](t)(a.ListSecrets(ctx, &sdk.ListSecretsInput{MaxResults: aws.Int32(1)}))
	_, err := a.ListSecrets(ctx, &sdk.ListSecretsInput{NextToken: first.NextToken, Filters: filter("name", "x")})
	apitest.Want(t, err, "InvalidNextTokenException", "The NextToken value is invalid.")
	if out := apitest.OK[*sdk.ListSecretsOutput](t)(a.as("AKIDOTHER").ListSecrets(ctx, &sdk.ListSecretsInput{})); len(out.SecretList) != 0 {
		t.Error("another account sees them")
	}
}

func TestManyValuesAtOnce(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.secret("a", "1")
	a.secret("b", "2")
	apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("empty")}))
	out := apitest.OK[*sdk.BatchGetSecretValueOutput](t)(a.BatchGetSecretValue(ctx, &sdk.BatchGetSecretValueInput{SecretIdList: []string{"b", "nobody", "a", "empty"}}))
	if len(out.SecretValues) != 2 || *out.SecretValues[0].SecretString != "2" || len(out.Errors) != 2 || *out.Errors[0].Message != unknown || *out.Errors[0].ErrorCode != "ResourceNotFoundException" || *out.Errors[0].SecretId != "nobody" {
		t.Errorf("got %+v %+v", out.SecretValues, out.Errors)
	}
	in := &sdk.BatchGetSecretValueInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeAll, Values: []string{"!x"}}}, MaxResults: aws.Int32(1)}
	values := 0
	for p := sdk.NewBatchGetSecretValuePaginator(a.Client, in); p.HasMorePages(); {
		values += len(apitest.OK[*sdk.BatchGetSecretValueOutput](t)(p.NextPage(ctx)).SecretValues)
	}
	if values != 2 {
		t.Errorf("a filter finds %d values", values)
	}
	_, err := a.BatchGetSecretValue(ctx, &sdk.BatchGetSecretValueInput{})
	apitest.Want(t, err, "InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both.")
}

func TestRandomPasswords(t *testing.T) {
	a, ctx := start(t), t.Context()
	one := apitest.OK[*sdk.GetRandomPasswordOutput](t)(a.GetRandomPassword(ctx, &sdk.GetRandomPasswordInput{}))
	two := apitest.OK[*sdk.GetRandomPasswordOutput](t)(a.GetRandomPassword(ctx, &sdk.GetRandomPasswordInput{}))
	if len(*one.RandomPassword) != 32 || *one.RandomPassword == *two.RandomPassword {
		t.Errorf("%q and %q", *one.RandomPassword, *two.RandomPassword)
	}
	digits := apitest.OK[*sdk.GetRandomPasswordOutput](t)(a.GetRandomPassword(ctx, &sdk.GetRandomPasswordInput{
		PasswordLength: aws.Int64(4096), ExcludeLowercase: aws.Bool(true), ExcludeUppercase: aws.Bool(true), ExcludePunctuation: aws.Bool(true), ExcludeCharacters: aws.String("13579"),
	}))
	if !regexp.MustCompile(`^[02468]+$`).MatchString(*digits.RandomPassword) || len(*digits.RandomPassword) != 4096 {
		t.Errorf("not of even digits: %q", *digits.RandomPassword)
	}
	_, err := a.GetRandomPassword(ctx, &sdk.GetRandomPasswordInput{PasswordLength: aws.Int64(3)})
	apitest.Want(t, err, "InvalidParameterException", "Password length is too short based on the required types.")
}

func TestWhatASecretMayBeLike(t *testing.T) {
	a, ctx := start(t), t.Context()
	long := strings.Repeat("ä", 40_000) // fewer characters than bytes
	_, err := a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: &long})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536")
	_, err = a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("s"), SecretBinary: make([]byte, 65537)})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value at 'secretBinary' failed to satisfy constraint: Member must have length less than or equal to 65536")
	for _, name := range []string{"with space", "ä", "a\nb", "a:b"} {
		_, err = a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: &name})
		apitest.Want(t, err, "ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	_, err = a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("events!connection/x")})
	apitest.Want(t, err, "InvalidRequestException", "The secret name is invalid: the prefix events! is reserved for secrets that are managed by EventBridge.")
	_, err = a.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("s"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}})
	apitest.Want(t, err, "UnsupportedOperationException", "Secrets are not replicated to other regions by this version of ecru.")
	_, err = a.RotateSecret(ctx, &sdk.RotateSecretInput{SecretId: aws.String("s")})
	apitest.Want(t, err, "UnsupportedOperationException", "The operation RotateSecret is not supported by this version of ecru yet.")
	full := strings.Repeat("x", 65536)
	a.secret("s", full)
	if a.value("s") != full {
		t.Error("a value of the largest size is another one")
	}
	// A name that ends like an ARN's suffix is a name.
	made := a.secret("s-abcdef", "suffix")
	if got := a.value("arn:aws:secretsmanager:us-east-1:123456789012:secret:s-abcdef"); got != "suffix" || a.value(*made.ARN) != "suffix" {
		t.Errorf("by its partial ARN: %q", got)
	}
	p := apitest.OK[*sdk.GetResourcePolicyOutput](t)(a.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{SecretId: aws.String("s-abcdef")}))
	if p.ResourcePolicy != nil || *p.ARN != *made.ARN {
		t.Errorf("policy: %+v", p)
	}
}

package service

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/registry"
)

// CreateRepository is a repository that somebody wants.
type CreateRepository struct {
	Name              string
	TagMutability     registry.TagMutability // zero: MUTABLE
	MutabilityFilters []string
	ScanOnPush        bool
	Encryption        registry.Encryption // zero type: AES256
	Tags              []registry.ResourceTag
}

// CreateRepository creates a repository. With tags the caller must be allowed
// to tag it, too.
// Errors: RepositoryAlreadyExists, InvalidParameter, InvalidTagParameter,
// TooManyTags, Kms.
func (s *Service) CreateRepository(ctx context.Context, c Caller, in CreateRepository) (*registry.Repository, error) {
	scope, err := s.allowCreating(ctx, c, in.Name, in.Tags)
	if err != nil {
		return nil, err
	}
	if in.TagMutability == "" {
		in.TagMutability = registry.Mutable
	}
	if err := validMutability(in.TagMutability, in.MutabilityFilters); err != nil {
		return nil, err
	}
	encryption, err := s.encryption(scope, in.Encryption)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	repo := &registry.Repository{
		Account: scope.Account, Name: in.Name, CreatedAt: s.Now(),
		TagMutability: in.TagMutability, MutabilityFilters: in.MutabilityFilters,
		ScanOnPush: in.ScanOnPush, Encryption: encryption, Tags: tags,
	}
	if err := s.Store.CreateRepository(ctx, repo, s.Limits.Repositories); err != nil {
		return nil, err
	}
	return repo, s.tellFrequency(ctx, repo)
}

// allowCreating authorises a new repository with tags.
func (s *Service) allowCreating(ctx context.Context, c Caller, name string, tags []registry.ResourceTag) (registry.Scope, error) {
	q := question{action: "ecr:CreateRepository", repository: name, tags: tags}
	scope, err := s.decide(ctx, c, q)
	if err != nil || len(tags) == 0 {
		return scope, err
	}
	q.action = "ecr:TagResource"
	return s.decide(ctx, c, q)
}

// encryption completes an encryption configuration as ECR echoes it.
// Errors: InvalidParameter, Kms.
func (s *Service) encryption(scope registry.Scope, e registry.Encryption) (registry.Encryption, error) {
	switch e.Type {
	case "", "AES256":
		if e.KMSKey != "" {
			return e, registry.InvalidParameter("encryptionConfiguration", "Invalid encryption configuration: Encryption key should not be set for AES256 encryption.")
		}
		return registry.Encryption{Type: "AES256"}, nil
	}
	if e.KMSKey == "" {
		// The account's own key for ECR: one and the same each time.
		e.KMSKey = uuid.NewSHA1(uuid.NameSpaceURL, []byte("alias/aws/ecr "+scope.Region+" "+scope.Account)).String()
	}
	if strings.HasPrefix(e.KMSKey, "arn:") {
		return e, keyInRegion(scope, e.KMSKey)
	}
	kind := "key/"
	if strings.HasPrefix(e.KMSKey, "alias/") {
		kind = ""
	}
	e.KMSKey = "arn:aws:kms:" + scope.Region + ":" + scope.Account + ":" + kind + e.KMSKey
	return e, nil
}

// keyInRegion refuses a key of another region. Errors: Kms.
func keyInRegion(scope registry.Scope, arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	switch {
	case len(parts) != 6:
		return registry.InvalidKeyARN(arn)
	case parts[3] != scope.Region:
		return registry.InvalidKeyARN(parts[3])
	}
	return nil
}

func validMutability(mode registry.TagMutability, filters []string) error {
	excluding := mode == registry.ImmutableWithExclusion || mode == registry.MutableWithExclusion
	switch {
	case excluding && len(filters) == 0:
		return registry.InvalidParameter("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as "+string(mode))
	case !excluding && len(filters) > 0:
		return registry.InvalidParameter("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as "+string(mode))
	}
	return nil
}

// DescribeRepositories answers the named repositories; an unknown one fails
// the whole call. Errors: RepositoryNotFound.
func (s *Service) DescribeRepositories(ctx context.Context, c Caller, names []string) ([]registry.Repository, error) {
	out := make([]registry.Repository, 0, len(names))
	for _, name := range names {
		scope, err := s.allowOn(ctx, c, "ecr:DescribeRepositories", name)
		if err != nil {
			return nil, err
		}
		repo, err := s.Store.Repository(ctx, scope.Account, name)
		if err != nil {
			return nil, err
		}
		out = append(out, *repo)
	}
	return out, nil
}

// everyRepository is the name that stands for all of them where access control
// is asked about a list.
const everyRepository = "*"

// ListRepositories answers up to limit repositories by name, after a name, to
// those who may describe all.
func (s *Service) ListRepositories(ctx context.Context, c Caller, after string, limit int) ([]registry.Repository, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeRepositories", everyRepository)
	if err != nil {
		return nil, err
	}
	return s.Store.ListRepositories(ctx, scope.Account, after, limit)
}

// DeleteRepository removes a repository and answers it as it was.
// Errors: RepositoryNotFound, RepositoryNotEmpty.
func (s *Service) DeleteRepository(ctx context.Context, c Caller, name string, force bool) (*registry.Repository, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DeleteRepository", name)
	if err != nil {
		return nil, err
	}
	announce := s.announcer()
	repo, err := s.Store.DeleteRepository(ctx, scope.Account, name, force, announce.tell)
	announce.wake(err)
	return repo, err
}

// PutTagMutability changes whether tags may move, for later pushes.
// Errors: RepositoryNotFound, InvalidParameter.
func (s *Service) PutTagMutability(ctx context.Context, c Caller, name string, mode registry.TagMutability, filters []string) (*registry.Repository, error) {
	scope, err := s.allowOn(ctx, c, "ecr:PutImageTagMutability", name)
	if err != nil {
		return nil, err
	}
	if err := validMutability(mode, filters); err != nil {
		return nil, err
	}
	return s.Store.UpdateRepository(ctx, scope.Account, name, func(r *registry.Repository) error {
		r.TagMutability, r.MutabilityFilters = mode, filters
		return nil
	})
}

// PutScanOnPush changes a repository's own scan-on-push setting, which
// enhanced scanning has no use for.
// Errors: RepositoryNotFound, Validation.
func (s *Service) PutScanOnPush(ctx context.Context, c Caller, name string, on bool) (*registry.Repository, error) {
	scope, err := s.allowOn(ctx, c, "ecr:PutImageScanningConfiguration", name)
	if err != nil {
		return nil, err
	}
	if _, err := s.Store.Repository(ctx, scope.Account, name); err != nil {
		return nil, err
	}
	if err := s.basicOnly(ctx, scope.Account); err != nil {
		return nil, err
	}
	return s.Store.UpdateRepository(ctx, scope.Account, name, func(r *registry.Repository) error {
		r.ScanOnPush = on
		return nil
	})
}

// TagResource adds or replaces tags of a repository by key.
// Errors: RepositoryNotFound, InvalidParameter (ARN), InvalidTagParameter,
// TooManyTags.
func (s *Service) TagResource(ctx context.Context, c Caller, arn string, tags []registry.ResourceTag) error {
	scope, name, err := s.taggable(ctx, c, question{action: "ecr:TagResource", tags: tags}, arn)
	if err != nil {
		return err
	}
	_, err = s.Store.UpdateRepository(ctx, scope.Account, name, func(r *registry.Repository) error {
		merged, err := mergeTags(r.Tags, tags)
		r.Tags = merged
		return err
	})
	return err
}

// UntagResource removes tags of a repository; keys that it does not have are
// passed over. Errors: RepositoryNotFound, InvalidParameter (ARN).
func (s *Service) UntagResource(ctx context.Context, c Caller, arn string, keys []string) error {
	scope, name, err := s.taggable(ctx, c, question{action: "ecr:UntagResource", tagKeys: keys}, arn)
	if err != nil {
		return err
	}
	_, err = s.Store.UpdateRepository(ctx, scope.Account, name, func(r *registry.Repository) error {
		r.Tags = slices.DeleteFunc(r.Tags, func(t registry.ResourceTag) bool { return slices.Contains(keys, t.Key) })
		return nil
	})
	return err
}

// ResourceTags answers the tags of a repository, by key.
// Errors: RepositoryNotFound, InvalidParameter (ARN).
func (s *Service) ResourceTags(ctx context.Context, c Caller, arn string) ([]registry.ResourceTag, error) {
	scope, name, err := s.taggable(ctx, c, question{action: "ecr:ListTagsForResource"}, arn)
	if err != nil {
		return nil, err
	}
	repo, err := s.Store.Repository(ctx, scope.Account, name)
	if err != nil {
		return nil, err
	}
	return repo.Tags, nil
}

// taggable authorises a question about the repository that an ARN names.
func (s *Service) taggable(ctx context.Context, c Caller, q question, arn string) (registry.Scope, string, error) {
	account, name, ok := s.Default.RepositoryFromARN(arn)
	if !ok {
		return registry.Scope{}, "", registry.InvalidParameter("resourceArn", "Invalid ARN")
	}
	c.Registry, q.repository = account, name
	scope, err := s.decide(ctx, c, q)
	return scope, name, err
}

// mergeTags puts added over old by key.
func mergeTags(old, added []registry.ResourceTag) ([]registry.ResourceTag, error) {
	merged := slices.Clone(old)
	for _, t := range added {
		if err := validResourceTag(t); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(merged, func(m registry.ResourceTag) bool { return m.Key == t.Key })
		if i < 0 {
			merged = append(merged, t)
		} else {
			merged[i].Value = t.Value
		}
	}
	if len(merged) > registry.MaxResourceTags {
		return nil, registry.Errorf(registry.CodeTooManyTags, "The maximum number of tags that can be applied to a repository is %d", registry.MaxResourceTags)
	}
	slices.SortFunc(merged, func(a, b registry.ResourceTag) int { return cmp.Compare(a.Key, b.Key) })
	return merged, nil
}

func validResourceTag(t registry.ResourceTag) error {
	switch {
	case t.Key == "" || len([]rune(t.Key)) > registry.MaxResourceTagKey:
		return registry.Errorf(registry.CodeInvalidTagParameter, "Invalid parameter: tag keys must have between 1 and %d characters", registry.MaxResourceTagKey)
	case len([]rune(t.Value)) > registry.MaxResourceTagValue:
		return registry.Errorf(registry.CodeInvalidTagParameter, "Invalid parameter: tag values must have at most %d characters", registry.MaxResourceTagValue)
	case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return registry.Errorf(registry.CodeInvalidTagParameter, "Invalid parameter: tag keys must not begin with aws:")
	}
	return nil
}

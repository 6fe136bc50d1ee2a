package service_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// template makes one that is applied to pushes and no different from how
// repositories are anyway, but for what change says.
func (h *house) template(prefix string, change ...func(*registry.CreationTemplate)) {
	h.t.Helper()
	t := registry.CreationTemplate{Prefix: prefix, AppliedFor: []registry.CreationReason{registry.CreateOnPush}}
	for _, c := range change {
		c(&t)
	}
	if _, _, err := h.CreateTemplate(h.t.Context(), h.owner, t); err != nil {
		h.t.Fatal(err)
	}
}

func described(text string) func(*registry.CreationTemplate) {
	return func(t *registry.CreationTemplate) { t.Tags = []registry.ResourceTag{{Key: "by", Value: text}} }
}

// member makes a user who may do what a statement's members say.
func (h *house) member(name, statement string) service.Caller {
	h.t.Helper()
	if err := h.EnsureAccount(h.t.Context(), account); err != nil {
		h.t.Fatal(err)
	}
	u, err := h.CreateUser(h.t.Context(), h.owner, service.CreateUser{Name: name, Inline: map[string]string{
		"all": `{"Version":"2012-10-17","Statement":[` + statement + `]}`,
	}})
	if err != nil {
		h.t.Fatal(err)
	}
	return service.Caller{Principal: iam.UserPrincipal(account, name, u.ID, "AKIA"+strings.ToUpper(name))}
}

// made answers a repository, nil if there is none.
func (h *house) made(name string) *registry.Repository {
	h.t.Helper()
	found, err := h.DescribeRepositories(h.t.Context(), h.owner, []string{name})
	if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return &found[0]
}

func refusedAs(t *testing.T, err error, want *registry.Error) {
	t.Helper()
	var e *registry.Error
	if !errors.As(err, &e) || e.Code != want.Code || e.Message != want.Message {
		t.Errorf("got %v, want %v", err, want)
	}
}

const (
	anybodyPulls = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}`
	keepTen      = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}`
)

func TestPushMakesTheRepositoryThatATemplateDescribes(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("prod/", func(t *registry.CreationTemplate) {
		t.TagMutability, t.MutabilityFilters = registry.ImmutableWithExclusion, []string{"dev-*"}
		t.Encryption = registry.Encryption{Type: "KMS"}
		t.Tags = []registry.ResourceTag{{Key: "team", Value: "web"}}
		t.RepositoryPolicy, t.LifecyclePolicy = anybodyPulls, keepTen
	})
	digest := h.blob("prod/app", "content")
	if got := read(t, h, "prod/app", digest); got != "content" {
		t.Errorf("content = %q", got)
	}
	repo := h.made("prod/app")
	if repo.TagMutability != registry.ImmutableWithExclusion || len(repo.MutabilityFilters) != 1 || repo.Encryption.Type != "KMS" ||
		!strings.HasPrefix(repo.Encryption.KMSKey, "arn:aws:kms:us-east-1:"+account+":key/") ||
		len(repo.Tags) != 1 || repo.Tags[0] != (registry.ResourceTag{Key: "team", Value: "web"}) {
		t.Errorf("repository = %+v", repo)
	}
	policy, err := h.RepositoryPolicy(ctx, h.owner, "prod/app")
	if err != nil || !strings.Contains(policy.Text, "ecr:BatchGetImage") {
		t.Errorf("policy = %+v, %v", policy, err)
	}
	lifecycle, err := h.LifecyclePolicy(ctx, h.owner, "prod/app")
	if err != nil || lifecycle.Text != keepTen {
		t.Errorf("lifecycle policy = %+v, %v", lifecycle, err)
	}
}

func TestEveryFirstStepOfAPushMakesTheRepository(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("ROOT")
	index := []byte(`{"schemaVersion":2,"mediaType":"` + registry.MediaTypeOCIIndex + `","manifests":[]}`)
	for name, push := range map[string]func(repository string) error{
		"upload": func(name string) error {
			_, err := h.StartUpload(ctx, h.owner, name)
			return err
		},
		"blob": func(name string) error {
			_, err := h.PushBlob(ctx, h.owner, name, digestOf("x"), body("x"))
			return err
		},
		"mount": func(name string) error {
			_, _, err := h.MountBlob(ctx, h.owner, name, "elsewhere", digestOf("x"))
			return err
		},
		"manifest": func(name string) error {
			_, _, err := h.PutManifest(ctx, h.owner, service.PushManifest{Repository: name, Payload: index, Tags: []string{"v1"}})
			return err
		},
		"image": func(name string) error {
			_, _, err := h.PutImage(ctx, h.owner, service.PushManifest{Repository: name, Payload: index, Tags: []string{"v1"}})
			return err
		},
	} {
		if err := push("by/" + name); err != nil || h.made("by/"+name) == nil {
			t.Errorf("%s: %v, repository %v", name, err, h.made("by/"+name))
		}
	}
}

func TestNoTemplateNoRepository(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("prod")
	h.template("copies", func(t *registry.CreationTemplate) {
		t.AppliedFor = []registry.CreationReason{registry.CreateOnPullThrough, registry.CreateForReplication}
	})
	for _, name := range []string{"prod", "production/app", "copies/app", "other"} {
		_, err := h.StartUpload(ctx, h.owner, name)
		refusedAs(t, err, registry.RepositoryNotFound(account, name))
		_, err = h.PushBlob(ctx, h.owner, name, digestOf("x"), body("x"))
		refusedAs(t, err, registry.RepositoryNotFound(account, name))
		_, _, err = h.MountBlob(ctx, h.owner, name, "other", digestOf("x"))
		refusedAs(t, err, registry.RepositoryNotFound(account, name))
		_, _, err = h.PutManifest(ctx, h.owner, service.PushManifest{Repository: name, Payload: manifest(digestOf("{}"), digestOf("x"), 1)})
		refusedAs(t, err, registry.RepositoryNotFound(account, name))
		if h.made(name) != nil {
			t.Errorf("%s was made", name)
		}
	}
	// Only a push makes a repository.
	_, err := h.Manifest(ctx, h.owner, "prod/app", registry.Reference{Tag: "v1"}, service.ManifestPull)
	refusedAs(t, err, registry.RepositoryNotFound(account, "prod/app"))
	_, err = h.CheckLayers(ctx, h.owner, "prod/app", []string{digestOf("x")})
	refusedAs(t, err, registry.RepositoryNotFound(account, "prod/app"))
}

func TestLongestPrefixThatIsForPushesDecides(t *testing.T) {
	h := newHouse(t)
	h.template("ROOT", described("root"))
	h.template("prod", described("prod"))
	h.template("prod/team", described("team"))
	h.template("prod/team/copies", described("copies"), func(t *registry.CreationTemplate) {
		t.AppliedFor = []registry.CreationReason{registry.CreateForReplication}
	})
	for name, want := range map[string]string{
		"app": "root", "prod": "root", "production/app": "root", "prod/app": "prod", "prod/team": "prod",
		"prod/team/app": "team", "prod/team/copies/app": "team",
	} {
		h.blob(name, "content")
		if got := h.made(name).Tags[0].Value; got != want {
			t.Errorf("%s was made by %s, want %s", name, got, want)
		}
	}
}

func TestWhatIsNoManifestMakesNoRepository(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("ROOT")
	good := manifest(digestOf("{}"), digestOf("x"), 1)
	for name, in := range map[string]service.PushManifest{
		"no manifest":  {Payload: []byte("{")},
		"no tag":       {Payload: good, Tags: []string{"+"}},
		"other digest": {Payload: good, Digest: digestOf("other")},
	} {
		in.Repository = "app"
		if _, _, err := h.PutManifest(ctx, h.owner, in); err == nil || h.made("app") != nil {
			t.Errorf("%s: %v, repository %v", name, err, h.made("app"))
		}
	}
}

func TestPushersNeedToBeAllowedToCreate(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("prod", described("template"))
	pusher := h.member("pusher", `{"Effect":"Allow","Action":["ecr:InitiateLayerUpload","ecr:CompleteLayerUpload"],"Resource":"*"}`)
	_, err := h.StartUpload(ctx, pusher, "prod/app")
	refusedAs(t, err, registry.Errorf(registry.CodeAccessDenied, "User: arn:aws:iam::%s:user/pusher is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:us-east-1:%s:repository/prod/app because no identity-based policy allows the ecr:CreateRepository action", account, account))
	if h.made("prod/app") != nil {
		t.Error("the repository was made nevertheless")
	}
	// Where no template would apply nobody is asked.
	_, err = h.StartUpload(ctx, pusher, "other")
	refusedAs(t, err, registry.RepositoryNotFound(account, "other"))

	maker := h.member("maker", `{"Effect":"Allow","Action":["ecr:InitiateLayerUpload","ecr:CreateRepository"],"Resource":"arn:aws:ecr:us-east-1:`+account+`:repository/prod/*",
		"Condition":{"StringEquals":{"ecr:ResourceTag/by":"nobody"}}}`)
	_, err = h.StartUpload(ctx, maker, "prod/app")
	wantCode(t, err, registry.CodeAccessDenied)
	tagger := h.member("tagger", `{"Effect":"Allow","Action":"ecr:InitiateLayerUpload","Resource":"*"},
		{"Effect":"Allow","Action":"ecr:CreateRepository","Resource":"arn:aws:ecr:us-east-1:`+account+`:repository/prod/*","Condition":{"StringEquals":{"aws:RequestTag/by":"template"}}}`)
	if _, err := h.StartUpload(ctx, tagger, "prod/app"); err != nil || h.made("prod/app") == nil {
		t.Errorf("may create with that tag: %v", err)
	}
	// From now on it is an ordinary push.
	if _, err := h.StartUpload(ctx, pusher, "prod/app"); err != nil {
		t.Error(err)
	}
}

func TestPolicyOfATemplateHoldsForThePushThatMakesTheRepository(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("sealed", func(t *registry.CreationTemplate) {
		t.RepositoryPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage"}]}`
	})
	eager := h.member("eager", `{"Effect":"Allow","Action":"ecr:*","Resource":"*"}`)
	index := []byte(`{"schemaVersion":2,"mediaType":"` + registry.MediaTypeOCIIndex + `","manifests":[]}`)
	_, _, err := h.PutManifest(ctx, eager, service.PushManifest{Repository: "sealed/app", Payload: index, Tags: []string{"v1"}})
	wantCode(t, err, registry.CodeAccessDenied)
}

func TestPushesAtTheSameTimeMakeOneRepository(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("ROOT", func(t *registry.CreationTemplate) { t.RepositoryPolicy = anybodyPulls })
	var wg sync.WaitGroup
	failed := make([]error, 16)
	for i := range failed {
		wg.Go(func() {
			if _, failed[i] = h.StartUpload(ctx, h.owner, "app"); failed[i] == nil {
				_, failed[i] = h.RepositoryPolicy(ctx, h.owner, "app")
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Error(err)
	}
}

func TestQuotaOfRepositoriesHoldsForPushes(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.config.Limits.Repositories = 1
	h.restart()
	h.template("ROOT")
	h.repository("one")
	_, err := h.StartUpload(ctx, h.owner, "two")
	refusedAs(t, err, registry.TooManyRepositories(account, 1))
}

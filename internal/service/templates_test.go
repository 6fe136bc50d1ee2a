package service_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

func TestTemplatesComeBackAsTheyWereMade(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	want := registry.CreationTemplate{
		Prefix: "prod/", Description: "all of it", AppliedFor: []registry.CreationReason{registry.CreateOnPush, registry.CreateForReplication, registry.CreateOnPush},
		TagMutability: registry.MutableWithExclusion, MutabilityFilters: []string{"v*"},
		Encryption:       registry.Encryption{Type: "KMS", KMSKey: "arn:aws:kms:us-east-1:" + account + ":key/k"},
		Tags:             []registry.ResourceTag{{Key: "b", Value: "1"}, {Key: "a", Value: ""}},
		RepositoryPolicy: anybodyPulls, LifecyclePolicy: keepTen, CustomRoleARN: "arn:aws:iam::" + account + ":role/maker",
	}
	_, made, err := h.CreateTemplate(ctx, h.owner, want)
	if err != nil {
		t.Fatal(err)
	}
	want.Prefix, want.AppliedFor = "prod", want.AppliedFor[:2]
	want.Tags = []registry.ResourceTag{{Key: "a", Value: ""}, {Key: "b", Value: "1"}}
	_, found, err := h.Templates(ctx, h.owner, []string{"prod/", "unknown", "prod"})
	if err != nil || len(found) != 1 {
		t.Fatalf("found = %+v, %v", found, err)
	}
	for _, got := range []registry.CreationTemplate{*made, found[0]} {
		if got.CreatedAt.IsZero() || !got.UpdatedAt.Equal(got.CreatedAt) {
			t.Errorf("times %v, %v", got.CreatedAt, got.UpdatedAt)
		}
		got.CreatedAt, got.UpdatedAt = time.Time{}, time.Time{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	_, gone, err := h.DeleteTemplate(ctx, h.owner, "prod/")
	if err != nil || gone.Description != "all of it" {
		t.Errorf("gone = %+v, %v", gone, err)
	}
	_, _, err = h.DeleteTemplate(ctx, h.owner, "prod")
	refusedAs(t, err, registry.TemplateNotFound())
}

func TestPrefixIsTakenWithAndWithoutItsSlash(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("prod")
	for _, prefix := range []string{"prod", "prod/"} {
		_, _, err := h.CreateTemplate(ctx, h.owner, registry.CreationTemplate{Prefix: prefix})
		refusedAs(t, err, registry.TemplateAlreadyExists())
	}
	h.template("production")
	h.template("ROOT")
	_, all, err := h.ListTemplates(ctx, h.owner, "", 2)
	if err != nil || len(all) != 2 || all[0].Prefix != "ROOT" || all[1].Prefix != "prod" {
		t.Errorf("first page = %+v, %v", all, err)
	}
	_, all, err = h.ListTemplates(ctx, h.owner, "prod", 2)
	if err != nil || len(all) != 1 || all[0].Prefix != "production" {
		t.Errorf("second page = %+v, %v", all, err)
	}
}

func TestUpdateOfATemplateReplacesWhatItNames(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("prod", func(t *registry.CreationTemplate) {
		t.Description, t.RepositoryPolicy = "old", anybodyPulls
		t.TagMutability, t.MutabilityFilters = registry.ImmutableWithExclusion, []string{"dev-*"}
		t.Tags = []registry.ResourceTag{{Key: "team", Value: "web"}}
	})
	h.blob("prod/before", "content")
	h.pass(time.Minute)
	text, none, immutable := "new", "", registry.Immutable
	update := func(change service.TemplateChange) *registry.CreationTemplate {
		t.Helper()
		_, got, err := h.UpdateTemplate(ctx, h.owner, "prod/", change)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := update(service.TemplateChange{Description: &text})
	if got.Description != "new" || got.RepositoryPolicy != anybodyPulls || len(got.MutabilityFilters) != 1 || len(got.Tags) != 1 || len(got.AppliedFor) != 1 {
		t.Errorf("after one member: %+v", got)
	}
	if got.UpdatedAt.Sub(got.CreatedAt) < time.Minute {
		t.Errorf("created %v, updated %v", got.CreatedAt, got.UpdatedAt)
	}
	got = update(service.TemplateChange{
		Description: &none, RepositoryPolicy: &none, TagMutability: &immutable, Tags: []registry.ResourceTag{},
		AppliedFor: []registry.CreationReason{registry.CreateForReplication}, Encryption: &registry.Encryption{Type: "KMS_DSSE"},
	})
	if got.Description != "" || got.RepositoryPolicy != "" || got.TagMutability != registry.Immutable || got.MutabilityFilters != nil ||
		len(got.Tags) != 0 || got.AppliesFor(registry.CreateOnPush) || got.Encryption.Type != "KMS_DSSE" {
		t.Errorf("after all members: %+v", got)
	}
	if repo := h.made("prod/before"); repo.TagMutability != registry.ImmutableWithExclusion || len(repo.Tags) != 1 {
		t.Errorf("the repository of before has changed: %+v", repo)
	}
	_, _, err := h.UpdateTemplate(ctx, h.owner, "nowhere", service.TemplateChange{})
	refusedAs(t, err, registry.TemplateNotFound())
	_, _, err = h.UpdateTemplate(ctx, h.owner, "prod", service.TemplateChange{MutabilityFilters: []string{"v*"}})
	refusedAs(t, err, registry.InvalidParameter("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as IMMUTABLE"))
	broken := "{"
	_, _, err = h.UpdateTemplate(ctx, h.owner, "prod", service.TemplateChange{RepositoryPolicy: &broken})
	refusedAs(t, err, registry.InvalidParameter("PolicyText", "Invalid repository policy provided"))
}

func TestTemplatesThatWouldMakeNoRepositoryAreRefused(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	for name, c := range map[string]struct {
		template registry.CreationTemplate
		want     *registry.Error
	}{
		"filters without exclusion": {registry.CreationTemplate{MutabilityFilters: []string{"*"}},
			registry.InvalidParameter("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as MUTABLE")},
		"exclusion without filters": {registry.CreationTemplate{TagMutability: registry.MutableWithExclusion},
			registry.InvalidParameter("imageTagMutabilityExclusionFilters", "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION")},
		"key for AES256": {registry.CreationTemplate{Encryption: registry.Encryption{Type: "AES256", KMSKey: "arn:aws:kms:us-east-1:" + account + ":key/k"}},
			registry.InvalidParameter("encryptionConfiguration", "Invalid encryption configuration: Encryption key should not be set for AES256 encryption.")},
		"tag": {registry.CreationTemplate{Tags: []registry.ResourceTag{{Key: strings.Repeat("k", 129)}}},
			registry.Errorf(registry.CodeInvalidTagParameter, "Invalid parameter: tag keys must have between 1 and 128 characters")},
		"policy": {registry.CreationTemplate{RepositoryPolicy: `{"Statement":[{"Effect":"Perhaps"}]}`},
			registry.InvalidParameter("PolicyText", "Invalid repository policy provided")},
		"lifecycle policy": {registry.CreationTemplate{LifecyclePolicy: "no"},
			registry.InvalidParameter("LifecyclePolicyText", "Lifecycle policy parsing failure: Could not map policyString into LifecyclePolicy.")},
		"role of another account": {registry.CreationTemplate{CustomRoleARN: "arn:aws:iam::111111111111:role/maker"}, registry.RoleElsewhere()},
	} {
		c.template.Prefix = "prod"
		_, _, err := h.CreateTemplate(ctx, h.owner, c.template)
		t.Run(name, func(t *testing.T) { refusedAs(t, err, c.want) })
	}
	if _, found, err := h.Templates(ctx, h.owner, []string{"prod"}); err != nil || len(found) != 0 {
		t.Errorf("found = %+v, %v", found, err)
	}
}

func TestPoliciesOfATemplateAreForThoseWhoMayPutThem(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	maker := h.member("maker", `{"Effect":"Allow","Action":"ecr:*RepositoryCreationTemplate*","Resource":"*"},
		{"Effect":"Allow","Action":["ecr:SetRepositoryPolicy","ecr:PutLifecyclePolicy"],"Resource":"arn:aws:ecr:us-east-1:`+account+`:repository/team/*"}`)
	create := func(prefix, policy, lifecycle string) error {
		_, _, err := h.CreateTemplate(ctx, maker, registry.CreationTemplate{Prefix: prefix, RepositoryPolicy: policy, LifecyclePolicy: lifecycle})
		return err
	}
	denied := func(action, below string) *registry.Error {
		return registry.Errorf(registry.CodeAccessDenied, "User: arn:aws:iam::%s:user/maker is not authorized to perform: %s on resource: arn:aws:ecr:us-east-1:%s:repository/%s because no identity-based policy allows the %s action", account, action, account, below, action)
	}
	refusedAs(t, create("prod", anybodyPulls, ""), denied("ecr:SetRepositoryPolicy", "prod/*"))
	refusedAs(t, create("ROOT", "", keepTen), denied("ecr:PutLifecyclePolicy", "*"))
	for _, err := range []error{create("prod", "", ""), create("team", anybodyPulls, keepTen), create("team/web", anybodyPulls, "")} {
		if err != nil {
			t.Error(err)
		}
	}
	policy := anybodyPulls
	_, _, err := h.UpdateTemplate(ctx, maker, "prod/", service.TemplateChange{RepositoryPolicy: &policy})
	refusedAs(t, err, denied("ecr:SetRepositoryPolicy", "prod/*"))
}

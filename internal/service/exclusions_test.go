package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// pulledAt answers when an image was pulled last, as far as it was recorded.
func (h *house) pulledAt(repository, digest string) time.Time {
	h.t.Helper()
	h.Start()
	if err := h.Stop(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	details, err := h.DescribeImages(h.t.Context(), h.owner, repository, []registry.ImageID{{Digest: digest}})
	if err != nil {
		h.t.Fatal(err)
	}
	return details[0].LastPulledAt
}

func TestPullsOfExcludedPrincipalsDoNotCount(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.repository("web")
	digest := h.image("web", "layer", "v1")
	const everything = `{"Effect":"Allow","Action":"ecr:*","Resource":"*"}`
	robot, person := h.member("robot", everything), h.member("person", everything)
	role, err := h.CreateRole(ctx, h.owner, service.CreateRole{
		Name:   "scanner",
		Trust:  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`,
		Inline: map[string]string{"all": `{"Version":"2012-10-17","Statement":[` + everything + `]}`},
	})
	if err != nil {
		t.Fatal(err)
	}
	scanner := service.Caller{Principal: iam.RolePrincipal(account, "scanner", role.ID, "tonight", "ASIA")}
	pull := func(c service.Caller) {
		t.Helper()
		if _, err := h.Manifest(ctx, c, "web", registry.Reference{Tag: "v1"}, service.ManifestPull); err != nil {
			t.Fatal(err)
		}
		if found, _, err := h.BatchGetImages(ctx, c, "web", []registry.ImageID{{Tag: "v1"}}); err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
	}
	exclude := func(arn string) {
		t.Helper()
		if _, err := h.ExcludePullTime(ctx, h.owner, arn); err != nil {
			t.Fatal(err)
		}
	}
	exclude(iam.UserARN(account, "robot"))
	exclude(iam.RoleARN(account, "scanner"))
	pull(robot)
	pull(scanner)
	if at := h.pulledAt("web", digest); !at.IsZero() {
		t.Errorf("pulled at %v by those who do not count", at)
	}
	pull(person)
	first := h.pulledAt("web", digest)
	if first.IsZero() {
		t.Fatal("a pull that counts was not recorded")
	}
	h.pass(2 * time.Hour)
	pull(scanner)
	if at := h.pulledAt("web", digest); !at.Equal(first) {
		t.Errorf("pulled at %v, want %v still", at, first)
	}
	if err := h.IncludePullTime(ctx, h.owner, iam.RoleARN(account, "scanner")); err != nil {
		t.Fatal(err)
	}
	pull(scanner) // counts again, at once
	if at := h.pulledAt("web", digest); !at.After(first) {
		t.Errorf("pulled at %v, want later than %v", at, first)
	}
}

func TestExclusionOfAnotherProcessIsNoticedWithinAMinute(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.repository("web")
	one, two := h.image("web", "one", "one"), h.image("web", "two", "two")
	robot := h.member("robot", `{"Effect":"Allow","Action":"ecr:*","Resource":"*"}`)
	pull := func(tag string) {
		t.Helper()
		if _, err := h.Manifest(ctx, robot, "web", registry.Reference{Tag: tag}, service.ManifestPull); err != nil {
			t.Fatal(err)
		}
	}
	pull("one")
	if h.pulledAt("web", one).IsZero() {
		t.Error("a pull that counts was not recorded")
	}
	elsewhere := service.New(h.config)
	if _, err := elsewhere.ExcludePullTime(ctx, h.owner, iam.UserARN(account, "robot")); err != nil {
		t.Fatal(err)
	}
	h.pass(time.Minute)
	pull("two")
	if at := h.pulledAt("web", two); !at.IsZero() {
		t.Errorf("pulled at %v by somebody who does not count", at)
	}
}

func TestExclusionsAreListedAndBounded(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	for i := range 100 {
		if _, err := h.ExcludePullTime(ctx, h.owner, iam.UserARN(account, fmt.Sprintf("u%02d", i))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.ExcludePullTime(ctx, h.owner, iam.UserARN(account, "u07"))
	refusedAs(t, err, registry.ExclusionAlreadyExists())
	_, err = h.ExcludePullTime(ctx, h.owner, iam.UserARN(account, "one-more"))
	refusedAs(t, err, registry.TooManyExclusions(account, 100))
	arns, err := h.PullTimeExclusions(ctx, h.owner, iam.UserARN(account, "u97"), 10)
	if err != nil || len(arns) != 2 || arns[0] != iam.UserARN(account, "u98") {
		t.Errorf("page = %v, %v", arns, err)
	}
	refusedAs(t, h.IncludePullTime(ctx, h.owner, iam.UserARN(account, "stranger")), registry.ExclusionNotFound())
	_, err = h.ExcludePullTime(ctx, service.Caller{}, iam.UserARN(account, "u01"))
	wantCode(t, err, registry.CodeAccessDenied)
}

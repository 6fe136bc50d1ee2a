package service_test

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

const hubSecret = "arn:aws:secretsmanager:us-east-1:" + account + ":secret:ecr-pullthroughcache/hub-AbCdEf"

func (h *house) rule(prefix, url, secret string) *registry.CacheRule {
	h.t.Helper()
	_, r, err := h.CreateCacheRule(h.t.Context(), h.owner, registry.CacheRule{Prefix: prefix, URL: url, CredentialARN: secret})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func TestCacheRulesAreKept(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	r := h.rule("quay/", "quay.io", "")
	if r.Prefix != "quay" || r.Kind != registry.UpstreamQuay || r.UpstreamPrefix != "" || r.CreatedAt.IsZero() {
		t.Errorf("rule = %+v", r)
	}
	_, _, err := h.CreateCacheRule(ctx, h.owner, registry.CacheRule{Prefix: "quay", URL: "registry.k8s.io"})
	refusedAs(t, err, registry.CacheRuleAlreadyExists())
	h.rule("ROOT", "public.ecr.aws", "")
	h.rule("hub", "registry-1.docker.io", hubSecret)

	_, found, err := h.CacheRules(ctx, h.owner, []string{"quay/", "hub", "quay"})
	if err != nil || len(found) != 2 || found[0].Prefix != "quay" || found[1].CredentialARN != hubSecret || found[1].Kind != registry.UpstreamDockerHub {
		t.Errorf("found = %+v, %v", found, err)
	}
	_, _, err = h.CacheRules(ctx, h.owner, []string{"quay", "unknown"})
	refusedAs(t, err, registry.CacheRuleNotFound())
	_, all, err := h.ListCacheRules(ctx, h.owner, "ROOT", 1)
	if err != nil || len(all) != 1 || all[0].Prefix != "hub" {
		t.Errorf("page = %+v, %v", all, err)
	}
	_, gone, err := h.DeleteCacheRule(ctx, h.owner, "quay/")
	if err != nil || gone.URL != "quay.io" {
		t.Errorf("gone = %+v, %v", gone, err)
	}
	_, _, err = h.DeleteCacheRule(ctx, h.owner, "quay")
	refusedAs(t, err, registry.CacheRuleNotFound())
}

func TestUpdateOfACacheRuleChangesItsCredentials(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.rule("hub", "registry-1.docker.io", hubSecret)
	h.rule("quay", "quay.io", "")
	h.pass(time.Minute)
	_, r, err := h.UpdateCacheRule(ctx, h.owner, "hub", hubSecret+"2", "")
	if err != nil || r.CredentialARN != hubSecret+"2" || r.UpdatedAt.Sub(r.CreatedAt) < time.Minute {
		t.Errorf("rule = %+v, %v", r, err)
	}
	_, _, err = h.UpdateCacheRule(ctx, h.owner, "hub", "", "arn:aws:iam::"+account+":role/puller")
	refusedAs(t, err, registry.CredentialMismatch())
	_, _, err = h.UpdateCacheRule(ctx, h.owner, "quay", hubSecret, "")
	refusedAs(t, err, registry.UpstreamIsOpen())
	_, _, err = h.UpdateCacheRule(ctx, h.owner, "unknown", hubSecret, "")
	refusedAs(t, err, registry.CacheRuleNotFound())
}

func TestOnlyOpenUpstreamsAreSaidToBeValid(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.rule("hub", "registry-1.docker.io", hubSecret)
	h.rule("quay", "quay.io", "")
	if _, r, failure, err := h.ValidateCacheRule(ctx, h.owner, "quay/"); err != nil || failure != "" || r.URL != "quay.io" {
		t.Errorf("open: %+v, %q, %v", r, failure, err)
	}
	if _, _, failure, err := h.ValidateCacheRule(ctx, h.owner, "hub"); err != nil || failure != "This version of ecru cannot check the credentials of upstream registries yet." {
		t.Errorf("with a secret: %q, %v", failure, err)
	}
	_, _, _, err := h.ValidateCacheRule(ctx, h.owner, "unknown")
	refusedAs(t, err, registry.CacheRuleNotFound())
}

func TestQuotaOfCacheRules(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.config.Limits.PullThroughCacheRules = 2
	h.restart()
	h.rule("one", "quay.io", "")
	h.rule("two", "quay.io", "")
	_, _, err := h.CreateCacheRule(ctx, h.owner, registry.CacheRule{Prefix: "three", URL: "quay.io"})
	refusedAs(t, err, registry.TooManyCacheRules(account, 2))
}

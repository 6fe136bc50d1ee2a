package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const hubSecret = "arn:aws:secretsmanager:us-east-1:" + account + ":secret:ecr-pullthroughcache/hub-AbCdEf"

// secret makes the secret of an ARN, which is as good without its suffix.
func (h *house) secret(arn, value string) {
	h.t.Helper()
	_, name, _ := strings.Cut(arn, ":secret:")
	_, _, err := h.CreateSecret(h.t.Context(), h.owner, service.NewSecret{
		Name: name, Token: strings.Repeat("1", 32), Value: &service.SecretValue{Data: []byte(value)},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

const hubCredential = `{"username":"me","accessToken":"t-o-k"}`

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
	_, _, err = h.CreateCacheRule(ctx, h.owner, registry.CacheRule{Prefix: "hub", URL: "registry-1.docker.io", CredentialARN: hubSecret})
	refusedAs(t, err, registry.SecretElsewhere())
	h.secret(hubSecret, hubCredential)
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
	h.secret(hubSecret, hubCredential)
	h.rule("hub", "registry-1.docker.io", hubSecret)
	h.rule("quay", "quay.io", "")
	h.pass(time.Minute)
	_, _, err := h.UpdateCacheRule(ctx, h.owner, "hub", hubSecret+"2", "")
	refusedAs(t, err, registry.SecretElsewhere())
	h.secret(hubSecret+"2", hubCredential)
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

func TestARuleIsValidIfItsSecretHasCredentials(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.secret(hubSecret, hubCredential)
	h.rule("hub", "registry-1.docker.io", hubSecret)
	h.rule("quay", "quay.io", "")
	if _, r, failure, err := h.ValidateCacheRule(ctx, h.owner, "quay/"); err != nil || failure != "" || r.URL != "quay.io" {
		t.Errorf("open: %+v, %q, %v", r, failure, err)
	}
	is := func(what, expected string) {
		t.Helper()
		if _, _, failure, err := h.ValidateCacheRule(ctx, h.owner, "hub"); err != nil || failure != expected {
			t.Errorf("%s: %q, %v", what, failure, err)
		}
	}
	is("with credentials", "")
	for i, value := range []string{"text", `{"username":"me"}`, `{"username":"","accessToken":"x"}`, `["me","x"]`, `{"username":1,"accessToken":"x"}`} {
		_, _, err := h.PutSecretValue(ctx, h.owner, service.PutSecret{ID: hubSecret, Token: strings.Repeat(string(rune('a'+i)), 32), Value: &service.SecretValue{Data: []byte(value)}})
		if err != nil {
			t.Fatal(err)
		}
		is(value, "The secret value is not valid. It must be a JSON object with username and accessToken.")
	}
	if _, err := h.DeleteSecret(ctx, h.owner, service.DeleteSecret{ID: hubSecret}); err != nil {
		t.Fatal(err)
	}
	is("with a secret that is to be deleted", "The secret is unable to be accessed. Verify the resource permissions for the secret and try again.")
	_, _, err := h.CreateCacheRule(ctx, h.owner, registry.CacheRule{Prefix: "another", URL: "ghcr.io", CredentialARN: hubSecret})
	refusedAs(t, err, registry.SecretInaccessible())
	if _, err := h.DeleteSecret(ctx, h.owner, service.DeleteSecret{ID: hubSecret, Force: true}); err != nil {
		t.Fatal(err)
	}
	is("without its secret", registry.SecretElsewhere().Message)
	_, _, _, err = h.ValidateCacheRule(ctx, h.owner, "unknown")
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

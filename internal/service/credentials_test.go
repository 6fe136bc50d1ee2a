package service_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	deployARN = "arn:aws:iam::000000000000:role/deploy"
	ciIssuer  = "https://id.example/ci"
	// webToken claims to be of ciIssuer; what it is worth says the house's
	// tokens.
	webToken = "e30.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUvY2kifQ.c2ln"
)

// verified are tokens that were found good, or why not.
type verified struct {
	token iam.IdentityToken
	err   error
	asked []iam.Issuer
}

func (v *verified) Verify(_ context.Context, issuer iam.Issuer, _ string) (iam.IdentityToken, error) {
	v.asked = append(v.asked, issuer)
	return v.token, v.err
}

func trusts(principal string, conditions ...string) string {
	text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:AssumeRoleWithWebIdentity"],"Principal":` + principal
	if len(conditions) > 0 {
		text += `,"Condition":` + conditions[0]
	}
	return text + "}}"
}

const allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// role makes the role "deploy".
func (h *house) role(trust string, policies ...string) service.Role {
	h.t.Helper()
	r, err := h.CreateRole(h.t.Context(), h.owner, service.CreateRole{Name: "deploy", Trust: trust, MaxSession: 2 * time.Hour, Managed: policies})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// login makes a user with a key and answers it as a caller.
func (h *house) login(account, name string, documents ...string) (service.Caller, service.NewAccessKey) {
	h.t.Helper()
	c := h.newcomer(account, name, documents...)
	key, err := h.CreateKey(h.t.Context(), h.owner, account, name)
	if err != nil {
		h.t.Fatal(err)
	}
	c.AccessKeyID = key.ID
	return c, key
}

func (h *house) assume(c service.Caller, change ...func(*service.AssumeRole)) (service.Credentials, error) {
	in := service.AssumeRole{RoleARN: deployARN, Session: "job-1"}
	for _, do := range change {
		do(&in)
	}
	return h.AssumeRole(h.t.Context(), c, in)
}

func TestARoleIsTakenOnByWhomItTrusts(t *testing.T) {
	h := identities(t)
	r := h.role(trusts(`{"AWS":"arn:aws:iam::000000000000:user/ci"}`), readOnly)
	ci, _ := h.login(account, "ci")
	got, err := h.assume(ci)
	if err != nil {
		t.Fatal(err)
	}
	want := iam.RolePrincipal(account, "deploy", r.ID, "job-1", got.AccessKeyID)
	want.SourceKeyID = ci.AccessKeyID
	if got.Principal != want || !strings.HasPrefix(got.AccessKeyID, "ASIA") || got.PackedPolicySize != 0 {
		t.Errorf("%+v", got)
	}
	if life := got.ExpiresAt.Sub(h.clock()); life > time.Hour || life < time.Hour-time.Second {
		t.Errorf("they live for %v", life)
	}
	secret, p, err := h.Secret(t.Context(), got.AccessKeyID, got.Token)
	if err != nil || secret != got.Secret || p != want {
		t.Errorf("Secret = %q, %+v, %v", secret, p, err)
	}
	// And they may do what the role may.
	session := service.Caller{Principal: p}
	if _, err := h.DescribeRepositories(t.Context(), session, nil); err != nil {
		t.Errorf("reading: %v", err)
	}
	_, err = h.CreateRepository(t.Context(), session, service.CreateRepository{Name: "x"})
	wantText(t, err, registry.CodeAccessDenied, "User: arn:aws:sts::000000000000:assumed-role/deploy/job-1 is not authorized to perform: ecr:CreateRepository on resource: "+
		"arn:aws:ecr:us-east-1:000000000000:repository/x because no identity-based policy allows the ecr:CreateRepository action")
}

// TestWhoMayTakeOnARole: the trust policy must always say so.
func TestWhoMayTakeOnARole(t *testing.T) {
	const assume = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + deployARN + `"}}`
	const never = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}}`
	for name, c := range map[string]struct {
		trust    string
		account  string
		policies []string
		allowed  bool
	}{
		"named":                           {trusts(`{"AWS":"arn:aws:iam::000000000000:user/ci"}`), account, nil, true},
		"named, denied by its own policy": {trusts(`{"AWS":"arn:aws:iam::000000000000:user/ci"}`), account, []string{never}, false},
		"of the account":                  {trusts(`{"AWS":"000000000000"}`), account, nil, false},
		"of the account, allowed by its own policy": {trusts(`{"AWS":"000000000000"}`), account, []string{assume}, true},
		"allowed everything, not trusted":           {trusts(`{"AWS":"arn:aws:iam::000000000000:user/other"}`), account, []string{allowAll}, false},
		"everybody":                                 {trusts(`"*"`), account, nil, true},
		"of another account, which is trusted":      {trusts(`{"AWS":"111111111111"}`), other, []string{assume}, true},
		"of another account, without a policy":      {trusts(`{"AWS":"111111111111"}`), other, nil, false},
		"named in another account, without one":     {trusts(`{"AWS":"arn:aws:iam::111111111111:user/ci"}`), other, nil, false},
		"of another account, not trusted":           {trusts(`{"AWS":"000000000000"}`), other, []string{allowAll}, false},
		"only for another action": {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":"*"}}`,
			account, []string{allowAll}, false},
		"a provider is trusted": {trusts(`{"Federated":"arn:aws:iam::000000000000:oidc-provider/id.example/ci"}`), account, []string{allowAll}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := identities(t)
			if _, _, err := h.CreateAccount(t.Context(), h.owner, other, ""); err != nil {
				t.Fatal(err)
			}
			h.role(c.trust)
			ci, _ := h.login(c.account, "ci", c.policies...)
			_, err := h.assume(ci)
			if c.allowed && err != nil {
				t.Error(err)
			}
			if !c.allowed {
				wantText(t, err, registry.CodeAccessDenied, "User: "+ci.ARN+" is not authorized to perform: sts:AssumeRole on resource: "+deployARN)
			}
		})
	}
}

// TestARoleThatIsNotThereIsRefusedLikeAnyOther: to everybody.
func TestARoleThatIsNotThereIsRefusedLikeAnyOther(t *testing.T) {
	h := identities(t)
	ci, _ := h.login(account, "ci", allowAll)
	for _, c := range []service.Caller{ci, h.owner} {
		_, err := h.assume(c)
		wantText(t, err, registry.CodeAccessDenied, "User: "+c.ARN+" is not authorized to perform: sts:AssumeRole on resource: "+deployARN)
	}
	for _, arn := range []string{
		"", "deploy", "arn:aws:iam::000000000000:user/deploy", "arn:aws:iam::00000000000:role/deploy", "arn:aws:iam::000000000000:role/",
		"arn:aws:sts::000000000000:assumed-role/deploy/x", "arn:aws:iam::000000000000:role/" + strings.Repeat("x", 1000),
	} {
		_, err := h.assume(ci, func(in *service.AssumeRole) { in.RoleARN = arn })
		wantText(t, err, registry.CodeValidation, "Request ARN is invalid")
	}
}

func TestConditionsOfATrustPolicy(t *testing.T) {
	h := identities(t)
	h.role(trusts(`{"AWS":"arn:aws:iam::000000000000:user/ci"}`,
		`{"StringEquals":{"sts:ExternalId":"customer/7"},"StringLike":{"sts:RoleSessionName":"job-*"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`))
	ci, _ := h.login(account, "ci")
	ci.SourceIP = "10.1.2.3"
	external := func(in *service.AssumeRole) { in.ExternalID = "customer/7" }
	if _, err := h.assume(ci, external); err != nil {
		t.Error(err)
	}
	elsewhere := ci
	elsewhere.SourceIP = "192.0.2.1"
	for name, try := range map[string]func() error{
		"without the id": func() error { _, err := h.assume(ci); return err },
		"another id": func() error {
			_, err := h.assume(ci, func(in *service.AssumeRole) { in.ExternalID = "customer/8" })
			return err
		},
		"another name": func() error {
			_, err := h.assume(ci, external, func(in *service.AssumeRole) { in.Session = "me" })
			return err
		},
		"from elsewhere": func() error { _, err := h.assume(elsewhere, external); return err },
	} {
		if err := try(); registry.CodeOf(err) != registry.CodeAccessDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHowLongSessionsLive(t *testing.T) {
	h := identities(t)
	h.role(trusts(`"*"`)) // two hours at most
	ci, _ := h.login(account, "ci")
	life := func(d time.Duration) func(*service.AssumeRole) { return func(in *service.AssumeRole) { in.Life = d } }
	got, err := h.assume(ci, life(2*time.Hour))
	if err != nil || got.ExpiresAt.Sub(h.clock()) < 2*time.Hour-time.Second {
		t.Errorf("%v, %v", got.ExpiresAt, err)
	}
	_, err = h.assume(ci, life(2*time.Hour+time.Second))
	wantText(t, err, registry.CodeValidation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	chained := service.Caller{Principal: got.Principal}
	if again, err := h.assume(chained, life(time.Hour)); err != nil || again.Principal.SourceKeyID != ci.AccessKeyID {
		t.Errorf("a chain of roles: %+v, %v", again.Principal, err)
	}
	_, err = h.assume(chained, life(2*time.Hour))
	wantText(t, err, registry.CodeValidation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
}

func TestSessionPoliciesOnlyTakeAway(t *testing.T) {
	h, ctx := identities(t), t.Context()
	h.role(trusts(`"*"`), readOnly)
	ci, _ := h.login(account, "ci")
	h.repository("a/x")
	h.repository("b/x")
	limited := func(limits service.SessionLimits) service.Caller {
		t.Helper()
		got, err := h.assume(ci, func(in *service.AssumeRole) { in.Limits = limits })
		if err != nil || got.PackedPolicySize < 1 || got.PackedPolicySize > 100 {
			t.Fatalf("%+v, %v", got, err)
		}
		_, p, err := h.Secret(ctx, got.AccessKeyID, got.Token)
		if err != nil {
			t.Fatal(err)
		}
		return service.Caller{Principal: p}
	}
	a := limited(service.SessionLimits{Policy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:000000000000:repository/a/*"}}`})
	if _, err := h.DescribeRepositories(ctx, a, []string{"a/x"}); err != nil {
		t.Error(err)
	}
	_, err := h.DescribeRepositories(ctx, a, []string{"b/x"})
	wantText(t, err, registry.CodeAccessDenied, "User: arn:aws:sts::000000000000:assumed-role/deploy/job-1 is not authorized to perform: ecr:DescribeRepositories on resource: "+
		"arn:aws:ecr:us-east-1:000000000000:repository/b/x because no session policy allows the ecr:DescribeRepositories action")
	_, err = h.CreateRepository(ctx, a, service.CreateRepository{Name: "a/y"})
	wantCode(t, err, registry.CodeAccessDenied)

	pull := limited(service.SessionLimits{Managed: []string{"arn:aws:iam::aws:policy/" + pullOnly}})
	_, err = h.DescribeRepositories(ctx, pull, []string{"a/x"})
	wantCode(t, err, registry.CodeAccessDenied)

	for _, c := range []struct {
		limits service.SessionLimits
		code   registry.Code
		text   string
	}{
		{service.SessionLimits{Policy: "{"}, registry.CodeMalformedPolicyDocument, "the document is not JSON: unexpected end of JSON input"},
		{service.SessionLimits{Policy: `{"Version":"2012-10-17","Statement":[]}`}, registry.CodeMalformedPolicyDocument, "Statement is empty"},
		{service.SessionLimits{Policy: trusts(`"*"`)}, registry.CodeMalformedPolicyDocument, "statement #1: must not have a Principal: the policy belongs to one"},
		{service.SessionLimits{Managed: []string{"arn:aws:iam::aws:policy/Nothing"}}, registry.CodeValidation,
			"A policy ARN is not one of a managed policy that there is: arn:aws:iam::aws:policy/Nothing"},
		{service.SessionLimits{Policy: strings.Replace(allowAll, `"Resource":"*"`, `"Resource":"arn:aws:ecr:*:*:repository/`+strings.Repeat("x", 6970)+`"`, 1)}, registry.CodePackedPolicyTooLarge,
			"Packed size of the session policies consumes 115% of allotted space."},
	} {
		_, err := h.assume(ci, func(in *service.AssumeRole) { in.Limits = c.limits })
		wantText(t, err, c.code, c.text)
	}
}

// TestTemporaryCredentialsEndWithWhatTheyCameFrom: at once, whatever their
// token says.
func TestTemporaryCredentialsEndWithWhatTheyCameFrom(t *testing.T) {
	for name, end := range map[string]func(h *house, ctx context.Context, key service.NewAccessKey) error{
		"key switched off": func(h *house, ctx context.Context, key service.NewAccessKey) error {
			_, err := h.SetKeyActive(ctx, h.owner, "", key.ID, false)
			return err
		},
		"key deleted": func(h *house, ctx context.Context, key service.NewAccessKey) error {
			return h.DeleteKey(ctx, h.owner, "", key.ID)
		},
		"user deleted": func(h *house, ctx context.Context, _ service.NewAccessKey) error {
			return h.DeleteUser(ctx, h.owner, "", "ci")
		},
		"user made again": func(h *house, ctx context.Context, key service.NewAccessKey) error {
			stored, _, err := h.config.Store.AccessKey(ctx, key.ID)
			if err == nil {
				err = h.DeleteUser(ctx, h.owner, "", "ci")
			}
			if err == nil {
				_, err = h.CreateUser(ctx, h.owner, service.CreateUser{Name: "ci"})
			}
			if err == nil { // not even if the namesake had that very key
				err = h.config.Store.CreateAccessKey(ctx, stored, 0)
			}
			return err
		},
		"role deleted": func(h *house, ctx context.Context, _ service.NewAccessKey) error {
			return h.DeleteRole(ctx, h.owner, "", "deploy")
		},
		"role made again": func(h *house, ctx context.Context, _ service.NewAccessKey) error {
			err := h.DeleteRole(ctx, h.owner, "", "deploy")
			h.role(trusts(`"*"`))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, ctx := identities(t), t.Context()
			h.role(trusts(`"*"`))
			ci, key := h.login(account, "ci")
			ofRole, err := h.assume(ci)
			if err != nil {
				t.Fatal(err)
			}
			ofUser, err := h.GetSessionToken(ctx, ci, service.GetSessionToken{})
			if err != nil {
				t.Fatal(err)
			}
			alive := func(want error, all ...service.Credentials) {
				t.Helper()
				for _, c := range all {
					if _, _, err := h.Secret(ctx, c.AccessKeyID, c.Token); !errors.Is(err, want) {
						t.Errorf("credentials of %s: %v", c.Principal.ARN, err)
					}
				}
			}
			alive(nil, ofRole, ofUser)
			if err := end(h, ctx, key); err != nil {
				t.Fatal(err)
			}
			alive(iam.ErrUnknownKey, ofRole)
			if strings.HasPrefix(name, "role") {
				alive(nil, ofUser)
				return
			}
			alive(iam.ErrUnknownKey, ofUser)
			if _, _, err := h.Secret(ctx, key.ID, ""); !errors.Is(err, iam.ErrUnknownKey) {
				t.Errorf("the key itself: %v", err)
			}
		})
	}
}

func TestKeysAndTokensBelongTogether(t *testing.T) {
	h, ctx := identities(t), t.Context()
	ci, key := h.login(account, "ci")
	one, err := h.GetSessionToken(ctx, ci, service.GetSessionToken{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.GetSessionToken(ctx, ci, service.GetSessionToken{Life: 15 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	secret, p, err := h.Secret(ctx, key.ID, "")
	if err != nil || secret != key.Secret || p != ci.Principal {
		t.Errorf("the long-lived key: %+v, %v", p, err)
	}
	for name, pair := range map[string][2]string{
		"a token with a long-lived key": {key.ID, one.Token}, "no token": {one.AccessKeyID, ""}, "another's token": {one.AccessKeyID, two.Token},
		"nobody's key": {"AKIANOBODY", ""}, "nobody's key with a token": {"ASIANOBODY", one.Token}, "no key": {"", ""}, "no token at all": {one.AccessKeyID, "x"},
	} {
		if _, _, err := h.Secret(ctx, pair[0], pair[1]); !errors.Is(err, iam.ErrUnknownKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.pass(15 * time.Minute)
	if _, _, err := h.Secret(ctx, two.AccessKeyID, two.Token); !errors.Is(err, iam.ErrTokenExpired) {
		t.Errorf("after their time: %v", err)
	}
	h.restart() // nothing is kept in memory
	if _, _, err := h.Secret(ctx, one.AccessKeyID, one.Token); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	h.config.Secret = []byte("another instance")
	h.restart()
	if _, _, err := h.Secret(ctx, one.AccessKeyID, one.Token); !errors.Is(err, iam.ErrUnknownKey) {
		t.Errorf("at another instance: %v", err)
	}
}

func TestSessionTokens(t *testing.T) {
	h, ctx := identities(t), t.Context()
	ci, _ := h.login(account, "ci", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	lives := func(c service.Caller, asked, want time.Duration) service.Credentials {
		t.Helper()
		got, err := h.GetSessionToken(ctx, c, service.GetSessionToken{Life: asked})
		if err != nil {
			t.Fatal(err)
		}
		if life := got.ExpiresAt.Sub(h.clock()); life > want || life < want-time.Second {
			t.Errorf("asked for %v they live %v", asked, life)
		}
		return got
	}
	got := lives(ci, 0, 12*time.Hour)
	lives(ci, 36*time.Hour, 36*time.Hour)
	if p := got.Principal; p.ARN != ci.ARN || p.UserID != ci.UserID || p.SourceKeyID != ci.AccessKeyID || p.Kind != iam.User || p.Name != "ci" {
		t.Errorf("%+v", p)
	}
	lives(h.owner, 0, time.Hour)
	lives(h.owner, 12*time.Hour, time.Hour)
	_, err := h.GetSessionToken(ctx, service.Caller{Principal: got.Principal}, service.GetSessionToken{})
	wantText(t, err, registry.CodeAccessDenied, "Cannot call GetSessionToken with session credentials")
}

// webHouse is a house that knows an issuer, whose tokens are as good as v says.
func webHouse(t *testing.T) (*house, *verified) {
	t.Helper()
	v := &verified{token: iam.IdentityToken{
		Subject: "repo:a/b:ref:main", Audience: "ecru",
		Claims: map[string][]string{"sub": {"repo:a/b:ref:main"}, "aud": {"ecru"}, "amr": {"authenticated"}, "Repository_Owner": {"a"}},
	}}
	h := newHouse(t)
	h.config.Identities = v
	h.restart()
	if err := h.EnsureAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	_, err := h.CreateProvider(t.Context(), h.owner, service.CreateProvider{Issuer: ciIssuer, Audiences: []string{"ecru"}})
	if err != nil {
		t.Fatal(err)
	}
	return h, v
}

func (h *house) assumeWith(token string) (service.WebIdentityCredentials, error) {
	return h.AssumeRoleWithWebIdentity(h.t.Context(), service.Caller{SourceIP: "10.1.2.3"}, service.AssumeRoleWithWebIdentity{RoleARN: deployARN, Session: "job-1", Token: token})
}

const ciProvider = `{"Federated":"arn:aws:iam::000000000000:oidc-provider/id.example/ci"}`

func TestARoleIsTakenOnWithAToken(t *testing.T) {
	h, v := webHouse(t)
	r := h.role(trusts(ciProvider, `{"StringEquals":{"id.example/ci:aud":"ecru"},"StringLike":{"id.example/ci:sub":"repo:a/*"}}`), readOnly)
	got, err := h.assumeWith(webToken)
	if err != nil {
		t.Fatal(err)
	}
	if want := iam.RolePrincipal(account, "deploy", r.ID, "job-1", got.AccessKeyID); got.Principal != want {
		t.Errorf("%+v", got.Principal)
	}
	if got.Subject != "repo:a/b:ref:main" || got.Audience != "ecru" || got.Provider != "arn:aws:iam::000000000000:oidc-provider/id.example/ci" {
		t.Errorf("%+v", got)
	}
	if len(v.asked) != 1 || v.asked[0].URL != ciIssuer || v.asked[0].Audiences[0] != "ecru" {
		t.Errorf("asked %+v", v.asked)
	}
	_, p, err := h.Secret(t.Context(), got.AccessKeyID, got.Token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.DescribeRepositories(t.Context(), service.Caller{Principal: p}, nil); err != nil {
		t.Error(err)
	}
	if err := h.DeleteRole(t.Context(), h.owner, "", "deploy"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Secret(t.Context(), got.AccessKeyID, got.Token); !errors.Is(err, iam.ErrUnknownKey) {
		t.Errorf("after the role is gone: %v", err)
	}
}

func TestWhomATrustPolicyLetsInWithAToken(t *testing.T) {
	for name, c := range map[string]struct {
		trust   string
		allowed bool
	}{
		"any bearer":       {trusts(ciProvider), true},
		"method":           {trusts(ciProvider, `{"ForAnyValue:StringLike":{"id.example/ci:amr":"authenticated"}}`), true},
		"another claim":    {trusts(ciProvider, `{"StringEquals":{"id.example/ci:repository_owner":"a"}}`), true},
		"provider":         {trusts(ciProvider, `{"StringEquals":{"aws:FederatedProvider":"arn:aws:iam::000000000000:oidc-provider/id.example/ci"}}`), true},
		"address":          {trusts(ciProvider, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), true},
		"session":          {trusts(ciProvider, `{"StringEquals":{"sts:RoleSessionName":"job-1"}}`), true},
		"another address":  {trusts(ciProvider, `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), false},
		"another subject":  {trusts(ciProvider, `{"StringEquals":{"id.example/ci:sub":"repo:a/c"}}`), false},
		"another audience": {trusts(ciProvider, `{"StringEquals":{"id.example/ci:aud":"other"}}`), false},
		"a missing claim":  {trusts(ciProvider, `{"StringEquals":{"id.example/ci:job":"x"}}`), false},
		"another issuer":   {trusts(`{"Federated":"arn:aws:iam::000000000000:oidc-provider/id.example"}`), false},
		"another account":  {trusts(`{"Federated":"arn:aws:iam::111111111111:oidc-provider/id.example/ci"}`), false},
		"everybody":        {trusts(`"*"`), false},
		"the account":      {trusts(`{"AWS":"000000000000"}`), false},
		"another action":   {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + ciProvider + `}}`, false},
		"denied": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Principal":` + ciProvider + `},` +
			`{"Effect":"Deny","Action":"sts:*","Principal":` + ciProvider + `,"Condition":{"StringLike":{"id.example/ci:sub":"*:ref:main"}}}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := webHouse(t)
			h.role(c.trust)
			_, err := h.assumeWith(webToken)
			if c.allowed && err != nil {
				t.Error(err)
			}
			if !c.allowed {
				wantText(t, err, registry.CodeAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
			}
		})
	}
}

// What the request itself says cannot be said by a token, whatever its issuer is
// called.
func TestClaimsDoNotReplaceWhatIsKnownOfTheRequest(t *testing.T) {
	h, v := webHouse(t)
	if _, err := h.CreateProvider(t.Context(), h.owner, service.CreateProvider{Issuer: "https://aws", Audiences: []string{"ecru"}}); err != nil {
		t.Fatal(err)
	}
	v.token.Claims["SourceIp"] = []string{"192.0.2.1"}
	h.role(trusts(`{"Federated":"arn:aws:iam::000000000000:oidc-provider/aws"}`, `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`))
	_, err := h.assumeWith("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://aws"}`)) + ".c2ln")
	wantText(t, err, registry.CodeAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
}

func TestTokensThatAreNotAccepted(t *testing.T) {
	h, v := webHouse(t)
	_, err := h.assumeWith(webToken)
	wantText(t, err, registry.CodeAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity") // there is no role
	h.role(trusts(ciProvider))
	v.asked = nil
	for token, text := range map[string]string{
		"":             "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
		"opaque":       "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
		"e30.e30.c2ln": "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
		// {"iss":"https://evil.example"}, {"iss":"http://id.example/ci"}, {"iss":"id.example/ci"}
		"e30.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.c2ln": "No OpenIDConnect provider found in your account for https://evil.example",
		"e30.eyJpc3MiOiJodHRwOi8vaWQuZXhhbXBsZS9jaSJ9.c2ln": "No OpenIDConnect provider found in your account for http://id.example/ci",
		"e30.eyJpc3MiOiJpZC5leGFtcGxlL2NpIn0.c2ln":          "No OpenIDConnect provider found in your account for id.example/ci",
	} {
		_, err := h.assumeWith(token)
		wantText(t, err, registry.CodeInvalidIdentityToken, text)
	}
	if len(v.asked) != 0 {
		t.Errorf("asked %v, which nobody has configured", v.asked)
	}
	_, err = h.AssumeRoleWithWebIdentity(t.Context(), service.Caller{}, service.AssumeRoleWithWebIdentity{RoleARN: "arn:aws:iam::111111111111:role/deploy", Session: "job", Token: webToken})
	wantText(t, err, registry.CodeInvalidIdentityToken, "No OpenIDConnect provider found in your account for "+ciIssuer)
	v.err = registry.IncorrectAudience()
	_, err = h.assumeWith(webToken)
	wantText(t, err, registry.CodeInvalidIdentityToken, "Incorrect token audience")
	v.err = registry.IssuerUnreachable(ciIssuer, nil)
	_, err = h.assumeWith(webToken)
	wantText(t, err, registry.CodeIDPCommunicationError, "The identity provider https://id.example/ci could not be reached to verify the token. Retry later.")
	h.config.Identities = nil
	h.restart()
	_, err = h.assumeWith(webToken)
	wantCode(t, err, registry.CodeIDPCommunicationError)
}

func TestWhoAsksTooOftenIsHeldBack(t *testing.T) {
	h, _ := webHouse(t)
	h.config.Rates = map[string]float64{"sts:AssumeRoleWithWebIdentity": 1, "sts:AssumeRole": 1, "sts:GetSessionToken": 1}
	h.restart()
	h.role(trusts(`"*"`))
	ci, _ := h.login(account, "ci")
	for name, try := range map[string]func() error{
		"with a token":    func() error { _, err := h.assumeWith("x"); return err },
		"a role":          func() error { _, err := h.assume(ci); return err },
		"a session token": func() error { _, err := h.GetSessionToken(t.Context(), ci, service.GetSessionToken{}); return err },
	} {
		var last error
		for range 100 {
			if last = try(); registry.CodeOf(last) == registry.CodeThrottled {
				break
			}
		}
		if registry.CodeOf(last) != registry.CodeThrottled {
			t.Errorf("%s: %v", name, last)
		}
	}
}

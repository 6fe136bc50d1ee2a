package service_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	other    = "111111111111"
	pullOnly = "AmazonEC2ContainerRegistryPullOnly"
	readOnly = "AmazonEC2ContainerRegistryReadOnly"
	keyAdmin = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ecru:*AccessKey*","ecru:GetUser"],"Resource":"*"}}`
	trustAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`
)

// identities is a house whose default account is known.
func identities(t testing.TB) *house {
	t.Helper()
	h := newHouse(t)
	if err := h.EnsureAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	return h
}

// newcomer makes a user with inline policies and answers it as a caller.
func (h *house) newcomer(account, name string, documents ...string) service.Caller {
	h.t.Helper()
	inline := map[string]string{}
	for i, d := range documents {
		inline[fmt.Sprintf("p%d", i)] = d
	}
	u, err := h.CreateUser(h.t.Context(), h.owner, service.CreateUser{Account: account, Name: name, Inline: inline})
	if err != nil {
		h.t.Fatal(err)
	}
	return service.Caller{Principal: iam.UserPrincipal(account, name, u.ID, "AKIA"+strings.ToUpper(name))}
}

func root(account string) service.Caller {
	return service.Caller{Principal: iam.RootPrincipal(account, "AKIAROOT")}
}

func wantText(t *testing.T, err error, code registry.Code, text string) {
	t.Helper()
	if want := string(code) + ": " + text; err == nil || err.Error() != want {
		t.Errorf("error is %v\nwant %s", err, want)
	}
}

func TestAnAccountComesWithARootKeyOfItsOwn(t *testing.T) {
	h, ctx := identities(t), t.Context()
	made, key, err := h.CreateAccount(ctx, h.owner, other, "Team Blue")
	if err != nil || made.ID != other || made.Name != "Team Blue" || key.Account != other || key.User != "" || !key.Active || len(key.Secret) != 40 {
		t.Fatalf("CreateAccount = %+v, %+v, %v", made, key.AccessKey, err)
	}
	stored, found, err := h.config.Store.AccessKey(ctx, key.ID)
	if err != nil || !found || stored.Principal != iam.RootARN(other) || stored.UserID != other {
		t.Errorf("stored = %+v, %v, %v", stored, found, err)
	}
	if bytes.Contains(stored.Secret, []byte(key.Secret)) {
		t.Error("the secret is stored as it is")
	}
	_, _, err = h.CreateAccount(ctx, h.owner, other, "")
	wantText(t, err, registry.CodeEntityAlreadyExists, "Account with name 111111111111 already exists.")
	for _, id := range []string{"", "1", "11111111111a", "1111111111111"} {
		_, _, err := h.CreateAccount(ctx, h.owner, id, "")
		wantCode(t, err, registry.CodeInvalidParameter)
	}
	_, _, err = h.CreateAccount(ctx, h.owner, "222222222222", strings.Repeat("x", 51))
	wantCode(t, err, registry.CodeInvalidParameter)
	_, _, err = h.CreateAccount(ctx, h.owner, "222222222222", "two\nlines")
	wantCode(t, err, registry.CodeInvalidParameter)

	all, err := h.ListAccounts(ctx, h.owner, "", 10)
	if err != nil || len(all) != 2 || all[0].ID != account || all[1].Name != "Team Blue" {
		t.Errorf("ListAccounts = %+v, %v", all, err)
	}
	if err := h.EnsureAccount(ctx, other); err != nil {
		t.Errorf("ensuring an account that is there: %v", err)
	}
}

func TestOnlyTheOperatorManagesOtherAccounts(t *testing.T) {
	h, ctx := identities(t), t.Context()
	if _, _, err := h.CreateAccount(ctx, h.owner, other, ""); err != nil {
		t.Fatal(err)
	}
	everything := h.newcomer(account, "everything", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	session := h.owner
	session.SourceKeyID = "AKIAEXAMPLE"
	strangers := map[string]service.Caller{
		"nobody": {}, "owner of another account": root(other), "owner of no account here": root("999999999999"),
	}
	for name, c := range strangers {
		_, _, err := h.CreateAccount(ctx, c, "222222222222", "")
		wantCode(t, err, registry.CodeAccessDenied)
		_, err = h.ListAccounts(ctx, c, "", 10)
		wantCode(t, err, registry.CodeAccessDenied)
		_, err = h.CreateUser(ctx, c, service.CreateUser{Account: account, Name: "x"})
		wantCode(t, err, registry.CodeAccessDenied)
		_, err = h.ListKeys(ctx, c, account, "")
		if registry.CodeOf(err) != registry.CodeAccessDenied {
			t.Errorf("%s lists keys: %v", name, err)
		}
	}
	for name, c := range map[string]service.Caller{"a user who may do everything": everything, "a session of the operator": session} {
		_, err := h.CreateUser(ctx, c, service.CreateUser{Account: other, Name: "x"})
		if registry.CodeOf(err) != registry.CodeAccessDenied {
			t.Errorf("%s makes users elsewhere: %v", name, err)
		}
	}
	if _, err := h.CreateUser(ctx, h.owner, service.CreateUser{Account: other, Name: "ci"}); err != nil {
		t.Errorf("the operator in another account: %v", err)
	}
	if _, err := h.CreateUser(ctx, root(other), service.CreateUser{Name: "dev"}); err != nil {
		t.Errorf("an owner in its own account: %v", err)
	}
	_, err := h.CreateUser(ctx, h.owner, service.CreateUser{Account: "333333333333", Name: "x"})
	wantText(t, err, registry.CodeNoSuchEntity, "The account with name 333333333333 cannot be found.")
}

func TestUsersMayManageWhatTheirPoliciesAllow(t *testing.T) {
	h, ctx := identities(t), t.Context()
	h.newcomer(account, "ci")
	nobody := h.newcomer(account, "nobody")
	_, err := h.ListUsers(ctx, nobody, "", "", 10)
	wantText(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: ecru:ListUsers on resource: * "+
		"because no identity-based policy allows the ecru:ListUsers action")
	admin := h.newcomer(account, "admin", keyAdmin)
	if _, err := h.CreateKey(ctx, admin, "", "ci"); err != nil {
		t.Errorf("a user who may manage keys: %v", err)
	}
	_, err = h.CreateUser(ctx, admin, service.CreateUser{Name: "x"})
	wantCode(t, err, registry.CodeAccessDenied)
	// A key of the owner would be a key to everything.
	_, err = h.CreateKey(ctx, admin, "", "")
	wantText(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:user/admin is not authorized to perform: ecru:CreateAccessKey on resource: arn:aws:iam::000000000000:root because only an owner may manage the keys of an owner")
	owners, err := h.CreateKey(ctx, h.owner, "", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.RotateKey(ctx, admin, "", owners.ID, false)
	wantCode(t, err, registry.CodeAccessDenied)
	_, err = h.SetKeyActive(ctx, admin, "", owners.ID, false)
	wantCode(t, err, registry.CodeAccessDenied)
	wantCode(t, h.DeleteKey(ctx, admin, "", owners.ID), registry.CodeAccessDenied)
}

func TestPoliciesOfTheRegistryHaveNoSayOverIdentities(t *testing.T) {
	h, ctx := identities(t), t.Context()
	for _, policy := range []string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`,
	} {
		if err := h.config.Store.PutSetting(ctx, account, meta.SettingRegistryPolicy, policy); err != nil {
			t.Fatal(err)
		}
		if _, err := h.ListUsers(ctx, h.owner, "", "", 10); err != nil {
			t.Errorf("the owner is locked out by %s: %v", policy, err)
		}
		if _, err := h.AllowManaging(ctx, h.owner, "", "ClearPolicies"); err != nil {
			t.Errorf("the owner cannot clear %s: %v", policy, err)
		}
		_, err := h.ListUsers(ctx, root(other), account, "", 10)
		wantCode(t, err, registry.CodeAccessDenied)
	}
}

func TestUsersHaveNamesIDsAndPolicies(t *testing.T) {
	h, ctx := identities(t), t.Context()
	u, err := h.CreateUser(ctx, h.owner, service.CreateUser{Name: "ci+bot@x", Managed: []string{"arn:aws:iam::aws:policy/" + pullOnly}, Inline: map[string]string{"keys": keyAdmin}})
	if err != nil || len(u.ID) != 21 || !strings.HasPrefix(u.ID, "AIDA") || u.ARN != "arn:aws:iam::000000000000:user/ci+bot@x" {
		t.Fatalf("CreateUser = %+v, %v", u, err)
	}
	got, err := h.User(ctx, h.owner, "", "ci+bot@x")
	if err != nil || fmt.Sprint(got.Managed) != "["+pullOnly+"]" || got.Inline["keys"] != keyAdmin || got.CreatedAt.IsZero() {
		t.Errorf("User = %+v, %v", got, err)
	}
	_, err = h.CreateUser(ctx, h.owner, service.CreateUser{Name: "CI+bot@X"})
	wantText(t, err, registry.CodeEntityAlreadyExists, "User with name ci+bot@x already exists.")
	for _, name := range []string{"", "a b", "a/b", "ü", strings.Repeat("a", 65), "a\n"} {
		_, err := h.CreateUser(ctx, h.owner, service.CreateUser{Name: name})
		wantCode(t, err, registry.CodeInvalidParameter)
	}
	_, err = h.CreateUser(ctx, h.owner, service.CreateUser{Name: "x", Managed: []string{"Nonsense"}})
	wantText(t, err, registry.CodeNoSuchEntity, "Policy Nonsense does not exist or is not attachable.")
	_, err = h.CreateUser(ctx, h.owner, service.CreateUser{Name: "x", Inline: map[string]string{"p": `{"Version":"2012-10-17","Statement":[{}]}`}})
	wantCode(t, err, registry.CodeMalformedPolicyDocument)
	_, err = h.User(ctx, h.owner, "", "x")
	wantText(t, err, registry.CodeNoSuchEntity, "The user with name x cannot be found.")
	wantCode(t, h.DeleteUser(ctx, h.owner, "", "x"), registry.CodeNoSuchEntity)
}

func TestPoliciesComeAndGo(t *testing.T) {
	h, ctx := identities(t), t.Context()
	h.newcomer(account, "ci")
	if _, err := h.CreateRole(ctx, h.owner, service.CreateRole{Name: "deploy", Trust: trustAll}); err != nil {
		t.Fatal(err)
	}
	type call func(name string) error
	for noun, of := range map[string]struct{ attach, detach, put, remove call }{
		"ci": {
			func(p string) error { return h.AttachUserPolicy(ctx, h.owner, "", "ci", p) },
			func(p string) error { return h.DetachUserPolicy(ctx, h.owner, "", "ci", p) },
			func(p string) error { return h.PutUserPolicy(ctx, h.owner, "", "ci", p, keyAdmin) },
			func(p string) error { return h.DeleteUserPolicy(ctx, h.owner, "", "ci", p) },
		},
		"deploy": {
			func(p string) error { return h.AttachRolePolicy(ctx, h.owner, "", "deploy", p) },
			func(p string) error { return h.DetachRolePolicy(ctx, h.owner, "", "deploy", p) },
			func(p string) error { return h.PutRolePolicy(ctx, h.owner, "", "deploy", p, keyAdmin) },
			func(p string) error { return h.DeleteRolePolicy(ctx, h.owner, "", "deploy", p) },
		},
	} {
		for step, err := range []error{of.attach(readOnly), of.attach(pullOnly), of.attach(readOnly), of.detach(pullOnly), of.put("keys"), of.put("keys"), of.put("more"), of.remove("keys")} {
			if err != nil {
				t.Errorf("%s step %d: %v", noun, step, err)
			}
		}
		wantText(t, of.detach(pullOnly), registry.CodeNoSuchEntity, "Policy "+pullOnly+" was not found.")
		wantText(t, of.remove("keys"), registry.CodeNoSuchEntity, "The policy with name keys cannot be found.")
		wantCode(t, of.put("not/a name"), registry.CodeInvalidParameter)
	}
	u, _ := h.User(ctx, h.owner, "", "ci")
	r, err := h.Role(ctx, h.owner, "", "deploy")
	if err != nil || fmt.Sprint(u.Managed, len(u.Inline)) != "["+readOnly+"] 1" || fmt.Sprint(r.Managed, len(r.Inline)) != "["+readOnly+"] 1" || r.Trust != trustAll {
		t.Errorf("left: %+v, %+v, %v", u, r, err)
	}
	wantText(t, h.AttachUserPolicy(ctx, h.owner, "", "nobody", readOnly), registry.CodeNoSuchEntity, "The user with name nobody cannot be found.")
	long := strings.Replace(keyAdmin, "{", "{"+strings.Repeat(" ", 10_240), 1)
	wantCode(t, h.PutUserPolicy(ctx, h.owner, "", "ci", "long", long), registry.CodeLimitExceeded)
	err = h.PutUserPolicy(ctx, h.owner, "", "ci", "bad", "{")
	wantCode(t, err, registry.CodeMalformedPolicyDocument)
}

func TestAnAttachedPolicyDecidesAtOnce(t *testing.T) {
	h, ctx := identities(t), t.Context()
	h.repository("web")
	ci := h.newcomer(account, "ci")
	_, err := h.DescribeRepositories(ctx, ci, []string{"web"})
	wantCode(t, err, registry.CodeAccessDenied)
	if err := h.AttachUserPolicy(ctx, h.owner, "", "ci", readOnly); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DescribeRepositories(ctx, ci, []string{"web"}); err != nil {
		t.Errorf("with a policy: %v", err)
	}
	// A namesake that is made later is somebody else.
	if err := h.DeleteUser(ctx, h.owner, "", "ci"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CreateUser(ctx, h.owner, service.CreateUser{Name: "ci", Managed: []string{readOnly}}); err != nil {
		t.Fatal(err)
	}
	_, err = h.DescribeRepositories(ctx, ci, []string{"web"})
	wantCode(t, err, registry.CodeAccessDenied)
}

func TestNobodyHasMoreThanTwoKeys(t *testing.T) {
	h, ctx := identities(t), t.Context()
	h.newcomer(account, "ci")
	first, err := h.CreateKey(ctx, h.owner, "", "ci")
	if err != nil || first.User != "ci" || len(first.ID) != 20 || !strings.HasPrefix(first.ID, "AKIA") {
		t.Fatalf("CreateKey = %+v, %v", first.AccessKey, err)
	}
	second, err := h.RotateKey(ctx, h.owner, "", first.ID, true)
	if err != nil || second.ID == first.ID || second.Secret == first.Secret {
		t.Fatalf("RotateKey = %+v, %v", second.AccessKey, err)
	}
	_, err = h.CreateKey(ctx, h.owner, "", "ci")
	wantText(t, err, registry.CodeLimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 2")
	keys, err := h.ListKeys(ctx, h.owner, "", "ci")
	if err != nil || len(keys) != 2 {
		t.Fatalf("ListKeys = %+v, %v", keys, err)
	}
	for _, k := range keys {
		if k.Active != (k.ID == second.ID) || k.User != "ci" || !k.LastUsed.At.IsZero() {
			t.Errorf("key %+v", k)
		}
	}
	if err := h.DeleteKey(ctx, h.owner, "", first.ID); err != nil {
		t.Error(err)
	}
	wantText(t, h.DeleteKey(ctx, h.owner, "", first.ID), registry.CodeNoSuchEntity, "The Access Key with id "+first.ID+" cannot be found.")
	if k, err := h.SetKeyActive(ctx, h.owner, "", second.ID, false); err != nil || k.Active {
		t.Errorf("SetKeyActive = %+v, %v", k, err)
	}
	// A key is found in its own account only.
	if _, _, err := h.CreateAccount(ctx, h.owner, other, ""); err != nil {
		t.Fatal(err)
	}
	_, err = h.SetKeyActive(ctx, root(other), "", second.ID, true)
	wantCode(t, err, registry.CodeNoSuchEntity)
	_, err = h.CreateKey(ctx, h.owner, "", "nobody")
	wantCode(t, err, registry.CodeNoSuchEntity)
	if err := h.DeleteUser(ctx, h.owner, "", "ci"); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := h.config.Store.AccessKey(ctx, second.ID); found {
		t.Error("a key outlived its user")
	}
}

func TestAnOwnerMayHaveOneKeyMoreThanAUser(t *testing.T) {
	h, ctx := identities(t), t.Context()
	for range 3 {
		if _, err := h.CreateKey(ctx, h.owner, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.CreateKey(ctx, h.owner, "", "")
	wantText(t, err, registry.CodeLimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 3")
}

func TestTheLastRootKeyOfTheDefaultAccountStays(t *testing.T) {
	h, ctx := identities(t), t.Context()
	first, made, err := h.EnsureRootKey(ctx, account)
	if err != nil || !made || first.Secret == "" {
		t.Fatalf("EnsureRootKey = %+v, %v, %v", first.AccessKey, made, err)
	}
	again, made, err := h.EnsureRootKey(ctx, account)
	if err != nil || made || again.ID != first.ID || again.Secret != first.Secret {
		t.Fatalf("again = %+v, %v, %v", again.AccessKey, made, err)
	}
	refusal := first.ID + " is the last active root key of the default account. Make another one first, or rotate it."
	_, err = h.SetKeyActive(ctx, h.owner, "", first.ID, false)
	wantText(t, err, registry.CodeUnsupported, refusal)
	wantText(t, h.DeleteKey(ctx, h.owner, "", first.ID), registry.CodeUnsupported, refusal)
	second, err := h.RotateKey(ctx, h.owner, "", first.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.SetKeyActive(ctx, h.owner, "", second.ID, false)
	wantCode(t, err, registry.CodeUnsupported)
	if err := h.DeleteKey(ctx, h.owner, "", first.ID); err != nil {
		t.Errorf("deleting a disabled one: %v", err)
	}
	// Of two that are switched off at once one stays.
	third, err := h.CreateKey(ctx, h.owner, "", "")
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, id := range []string{second.ID, third.ID} {
		both.Go(func() { _, _ = h.SetKeyActive(ctx, h.owner, "", id, false) })
	}
	both.Wait()
	if key, made, err := h.EnsureRootKey(ctx, account); err != nil || made {
		t.Errorf("none was left: %+v, %v", key.AccessKey, err)
	}
}

func TestSessionsCannotMakeThemselvesPermanent(t *testing.T) {
	h, ctx := identities(t), t.Context()
	c := h.newcomer(account, "admin", keyAdmin)
	c.SourceKeyID = c.AccessKeyID
	_, err := h.CreateKey(ctx, c, "", "admin")
	wantText(t, err, registry.CodeAccessDenied, "Temporary credentials that were made by GetSessionToken cannot manage identities.")

	// Sessions of a role that may are another matter, as in IAM.
	r, err := h.CreateRole(ctx, h.owner, service.CreateRole{Name: "admin", Trust: trustAll, Inline: map[string]string{"keys": keyAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	assumed := service.Caller{Principal: iam.RolePrincipal(account, "admin", r.ID, "s", "ASIAX")}
	assumed.SourceKeyID = c.AccessKeyID
	if _, err := h.CreateKey(ctx, assumed, "", "admin"); err != nil {
		t.Errorf("a session of a role: %v", err)
	}
}

func TestUsesOfKeysAreRecorded(t *testing.T) {
	h, ctx := identities(t), t.Context()
	h.newcomer(account, "ci")
	key, err := h.CreateKey(ctx, h.owner, "", "ci")
	if err != nil {
		t.Fatal(err)
	}
	lastUse := func() service.KeyUse {
		t.Helper()
		h.Start()
		if err := h.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		keys, err := h.ListKeys(ctx, h.owner, "", "ci")
		if err != nil {
			t.Fatal(err)
		}
		return keys[0].LastUsed
	}
	h.KeyUsed(key.ID, "ecr", "us-east-1")
	h.KeyUsed("AKIAUNKNOWN", "ecr", "us-east-1")
	first := lastUse()
	if first.Service != "ecr" || first.Region != "us-east-1" || h.clock().Sub(first.At).Abs() > time.Second {
		t.Errorf("first use: %+v", first)
	}
	h.pass(10 * time.Second)
	h.KeyUsed(key.ID, "ecr", "us-east-1")
	if got := lastUse(); !got.At.Equal(first.At) {
		t.Errorf("the same use within a minute was written again: %+v", got)
	}
	h.KeyUsed(key.ID, "sts", "eu-west-1")
	if got := lastUse(); got.Service != "sts" || !got.At.After(first.At) {
		t.Errorf("another use: %+v", got)
	}
}

func TestRolesSayWhoMayAssumeThemAndForHowLong(t *testing.T) {
	h, ctx := identities(t), t.Context()
	r, err := h.CreateRole(ctx, h.owner, service.CreateRole{Name: "deploy", Trust: trustAll, Managed: []string{pullOnly}})
	if err != nil || len(r.ID) != 21 || !strings.HasPrefix(r.ID, "AROA") || r.MaxSession != time.Hour || r.ARN != iam.RoleARN(account, "deploy") {
		t.Fatalf("CreateRole = %+v, %v", r, err)
	}
	for _, d := range []time.Duration{time.Second, 899 * time.Second, 43_201 * time.Second, -time.Hour, time.Hour + time.Millisecond} {
		_, err := h.CreateRole(ctx, h.owner, service.CreateRole{Name: "x", Trust: trustAll, MaxSession: d})
		wantCode(t, err, registry.CodeInvalidParameter)
	}
	_, err = h.CreateRole(ctx, h.owner, service.CreateRole{Name: "x", Trust: keyAdmin})
	wantCode(t, err, registry.CodeMalformedPolicyDocument)
	_, err = h.CreateRole(ctx, h.owner, service.CreateRole{Name: "x", Trust: strings.Repeat(" ", 5000) + trustAll})
	wantCode(t, err, registry.CodeLimitExceeded)
	_, err = h.CreateRole(ctx, h.owner, service.CreateRole{Name: "Deploy", Trust: trustAll})
	wantCode(t, err, registry.CodeEntityAlreadyExists)
	// A user may be called like a role.
	h.newcomer(account, "deploy")

	trust := strings.Replace(trustAll, account, other, 1)
	if err := h.UpdateTrust(ctx, h.owner, "", "deploy", trust); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.UpdateTrust(ctx, h.owner, "", "deploy", "nonsense"), registry.CodeMalformedPolicyDocument)
	got, err := h.Role(ctx, h.owner, "", "deploy")
	if err != nil || got.Trust != trust || got.ID != r.ID || fmt.Sprint(got.Managed) != "["+pullOnly+"]" {
		t.Errorf("Role = %+v, %v", got, err)
	}
	roles, err := h.ListRoles(ctx, h.owner, "", "", 10)
	if err != nil || len(roles) != 1 {
		t.Errorf("ListRoles = %+v, %v", roles, err)
	}
	if err := h.DeleteRole(ctx, h.owner, "", "deploy"); err != nil {
		t.Error(err)
	}
	wantText(t, h.DeleteRole(ctx, h.owner, "", "deploy"), registry.CodeNoSuchEntity, "The role with name deploy cannot be found.")
}

func TestIssuersAreNamedByURL(t *testing.T) {
	h, ctx := identities(t), t.Context()
	github := "https://token.actions.githubusercontent.com"
	p, err := h.CreateProvider(ctx, h.owner, service.CreateProvider{Issuer: github, Audiences: []string{"sts.amazonaws.com"}})
	if err != nil || p.ARN != "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com" || p.Issuer != github {
		t.Fatalf("CreateProvider = %+v, %v", p, err)
	}
	_, err = h.CreateProvider(ctx, h.owner, service.CreateProvider{Issuer: github, Audiences: []string{"x"}})
	wantText(t, err, registry.CodeEntityAlreadyExists, "OIDC provider with name token.actions.githubusercontent.com already exists.")
	for _, issuer := range []string{
		"", "github.com", "http://github.com", "ftp://github.com", "https://", "https:github.com", "https://a?b", "https://a#b", "https://a#", "https://u:p@a",
		"https://a/" + strings.Repeat("b", 255), "http://localhost.example.com", "https://a\n",
	} {
		_, err := h.CreateProvider(ctx, h.owner, service.CreateProvider{Issuer: issuer, Audiences: []string{"x"}})
		if registry.CodeOf(err) != registry.CodeInvalidParameter {
			t.Errorf("issuer %q: %v", issuer, err)
		}
	}
	for _, audiences := range [][]string{nil, {""}, {"a", "a"}, {"a\x00"}, {strings.Repeat("a", 256)}, make([]string, 101)} {
		_, err := h.CreateProvider(ctx, h.owner, service.CreateProvider{Issuer: "https://a", Audiences: audiences})
		wantCode(t, err, registry.CodeInvalidParameter)
	}
	for _, ca := range []string{"x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", strings.Repeat("x", 65<<10)} {
		_, err := h.CreateProvider(ctx, h.owner, service.CreateProvider{Issuer: "https://a", Audiences: []string{"x"}, CA: ca})
		wantCode(t, err, registry.CodeInvalidParameter)
	}
	for _, local := range []string{"http://localhost:8080", "http://127.0.0.1:9/realm", "http://[::1]:9"} {
		if _, err := h.CreateProvider(ctx, h.owner, service.CreateProvider{Issuer: local, Audiences: []string{"x"}}); err != nil {
			t.Errorf("issuer %q: %v", local, err)
		}
	}
	// The server's own machine is the default account's to look at.
	if _, _, err := h.CreateAccount(ctx, h.owner, other, ""); err != nil {
		t.Fatal(err)
	}
	for _, local := range []string{"http://localhost:8080", "http://127.0.0.1:9", "https://localhost", "https://[::1]:9", "https://127.1.2.3"} {
		_, err := h.CreateProvider(ctx, root(other), service.CreateProvider{Issuer: local, Audiences: []string{"x"}})
		wantText(t, err, registry.CodeInvalidParameter, "Invalid parameter at 'issuer' failed to satisfy constraint: 'may be on this machine in the default account only'")
	}
	all, err := h.ListProviders(ctx, h.owner, "", "", 10)
	if err != nil || len(all) != 4 {
		t.Errorf("ListProviders = %+v, %v", all, err)
	}
	if err := h.DeleteProvider(ctx, h.owner, "", github); err != nil {
		t.Error(err)
	}
	if err := h.DeleteProvider(ctx, h.owner, "", "127.0.0.1:9/realm"); err != nil {
		t.Error(err)
	}
	wantCode(t, h.DeleteProvider(ctx, h.owner, "", github), registry.CodeNoSuchEntity)
}

func TestSecretsOfKeysAreNotLogged(t *testing.T) {
	h, ctx := identities(t), t.Context()
	var log bytes.Buffer
	h.config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.restart()
	h.newcomer(account, "ci")
	key, err := h.CreateKey(ctx, h.owner, "", "ci")
	if err != nil {
		t.Fatal(err)
	}
	h.KeyUsed(key.ID, "ecr", "us-east-1")
	h.Start()
	if err := h.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), key.Secret) {
		t.Error("a secret is in the log")
	}
}

package admin

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = "000000000000"
	policy  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecru:List*","Resource":"*"}}`
	trust   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`
)

// feed is advisories that can be made to fail.
type feed struct{ err error }

func (f feed) Sources(context.Context) ([]advisory.Source, error) {
	return []advisory.Source{{Ecosystem: "Alpine", Records: 3, FetchedAt: time.Unix(1, 0), LastError: "late"}}, f.err
}

func (f feed) Update(context.Context, []string) ([]advisory.Outcome, error) {
	return []advisory.Outcome{{Ecosystem: "Alpine", Changed: true, Records: 3}, {Ecosystem: "Debian", Err: errors.New("gone")}}, f.err
}

func (f feed) Import(context.Context, string, []string) ([]advisory.Outcome, error) {
	return nil, f.err
}

func (f feed) Export(context.Context, string, []string) (*advisory.Manifest, error) {
	return &advisory.Manifest{Key: "ed25519:x", Members: []advisory.Member{{Ecosystem: "Alpine", Records: 3, Checked: time.Unix(1, 0)}}}, f.err
}

func (f feed) ImportBundle(context.Context, string, []ed25519.PublicKey, bool, []string) ([]advisory.Outcome, error) {
	return nil, f.err
}

func (f feed) Key() (ed25519.PublicKey, error) { return make([]byte, ed25519.PublicKeySize), f.err }

// bench is the API over a real store.
type bench struct {
	t     *testing.T
	local *awsapi.Local
	store *sql.Store
}

func newBench(t *testing.T, advisories Advisories) *bench {
	t.Helper()
	store, err := sql.Open(t.Context(), sql.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "ecru.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	ring, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	s := service.New(service.Config{Default: registry.Scope{Account: account, Region: "us-east-1"}, Store: store, Keyring: ring, Secret: []byte("secret")})
	if err := s.EnsureAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	local, err := awsapi.NewLocal(Service(Config{Account: account, Advisories: advisories, Service: s, PageKey: []byte("key")}))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, local: local, store: store}
}

// as calls an operation and answers its output, or the code of its refusal.
func (b *bench) as(p iam.Principal, operation, body string) (map[string]any, string) {
	b.t.Helper()
	answer, err := b.local.Call(b.t.Context(), awsapi.Call{Principal: p}, operation, []byte(body))
	var f *awsapi.Fault
	if errors.As(err, &f) {
		return map[string]any{"message": f.Message}, f.Code
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil {
		b.t.Fatalf("%s answers %s: %v", operation, answer, err)
	}
	return out, ""
}

func (b *bench) do(operation, body string) map[string]any {
	b.t.Helper()
	out, code := b.as(owner(account), operation, body)
	if code != "" {
		b.t.Fatalf("%s: %s: %v", operation, code, out["message"])
	}
	return out
}

func owner(account string) iam.Principal { return iam.RootPrincipal(account, "AKIAEXAMPLE") }

// inside answers a member below others: inside(out, "user", "arn").
func inside(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func TestOnlyWhoIsAllowedMayTouchAdvisories(t *testing.T) {
	b := newBench(t, feed{})
	id, _ := inside(b.do("CreateUser", `{"userName":"feeder","inlinePolicies":{"p":`+quoted(strings.Replace(policy, "ecru:List*", "ecru:*Advisories*", 1))+`}}`), "user", "userId").(string)
	for operation, body := range map[string]string{"AdvisoriesStatus": `{}`, "UpdateAdvisories": `{}`, "ImportAdvisories": `{"directory":"/data"}`,
		"ImportAdvisoriesBundle": `{"file":"/data"}`, "ExportAdvisories": `{"file":"/data"}`, "GetAdvisoriesKey": `{}`} {
		for name, p := range map[string]iam.Principal{"owner": owner(account), "feeder": iam.UserPrincipal(account, "feeder", id, "AKIA")} {
			if out, code := b.as(p, operation, body); code != "" {
				t.Errorf("%s by the %s: %s %v", operation, name, code, out)
			}
		}
		for name, p := range map[string]iam.Principal{"another account": owner("111111111111"), "nobody": {}, "a user": iam.UserPrincipal(account, "x", "AIDAX", "AKIA")} {
			if _, code := b.as(p, operation, body); code != "AccessDeniedException" {
				t.Errorf("%s by %s: %q, want AccessDeniedException", operation, name, code)
			}
		}
	}
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

func TestAnswersTellWhatWasDone(t *testing.T) {
	b := newBench(t, feed{})
	got := fmt.Sprint(b.do("AdvisoriesStatus", `{}`))
	if want := "map[sources:[map[checkedAt:1 ecosystem:Alpine fetchedAt:1 lastError:late location: records:3]]]"; got != want {
		t.Errorf("status = %s, want %s", got, want)
	}
	outcomes, _ := b.do("UpdateAdvisories", `{}`)["outcomes"].([]any)
	if len(outcomes) != 2 || inside(outcomes[0], "problem") != nil || inside(outcomes[1], "problem") != "gone" {
		t.Errorf("update = %v", outcomes)
	}
	if got, want := fmt.Sprint(b.do("ExportAdvisories", `{"file":"/x"}`)), "map[key:ed25519:x members:[map[checkedAt:1 ecosystem:Alpine records:3]]]"; got != want {
		t.Errorf("export = %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(b.do("GetAdvisoriesKey", `{}`)), "map[key:ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]"; got != want {
		t.Errorf("key = %s, want %s", got, want)
	}
}

func TestRefusalsAreWorded(t *testing.T) {
	b := newBench(t, feed{err: advisory.ErrOff})
	if _, code := b.as(owner(account), "UpdateAdvisories", `{}`); code != "InvalidParameterException" {
		t.Errorf("without a feed: %s", code)
	}
	if f := fault(errors.New("secret path")); f.Status != 500 || f.Message == "secret path" {
		t.Errorf("a failure of ours: %+v", f)
	}
	for operation, bodies := range map[string][]string{
		"ImportAdvisories":            {`{}`, `{"directory":""}`},
		"ImportAdvisoriesBundle":      {`{}`, `{"file":""}`, `{"file":"/x","trust":["x"]}`, `{"file":"/x"}`},
		"ExportAdvisories":            {`{}`, `{"file":""}`, `{"file":"/x"}`},
		"CreateAccount":               {`{}`, `{"accountId":"12"}`},
		"CreateUser":                  {`{}`, `{"userName":"a b"}`, `{"userName":"a","accountId":"x"}`},
		"ListUsers":                   {`{"maxResults":0}`, `{"maxResults":1001}`, `{"nextToken":"x"}`},
		"UpdateAccessKey":             {`{}`, `{"accessKeyId":"AKIA","status":"Asleep"}`},
		"CreateRole":                  {`{"roleName":"r"}`, `{"roleName":"r","assumeRolePolicyDocument":` + quoted(trust) + `,"maxSessionDuration":9223372036854775807}`},
		"PutUserPolicy":               {`{"userName":"x","policyName":"p"}`},
		"CreateOpenIDConnectProvider": {`{"issuer":"https://a"}`, `{"issuer":"a","clientIds":["x"]}`},
	} {
		for _, body := range bodies {
			if out, code := b.as(owner(account), operation, body); code != "InvalidParameterException" {
				t.Errorf("%s %s: %s %v", operation, body, code, out)
			}
		}
	}
	for operation, want := range map[string][2]string{
		"GetUser":          {`{"userName":"x"}`, "NoSuchEntityException"},
		"GetRole":          {`{"roleName":"x"}`, "NoSuchEntityException"},
		"DeleteAccessKey":  {`{"accessKeyId":"AKIA"}`, "NoSuchEntityException"},
		"CreateAccount":    {`{"accountId":"` + account + `"}`, "EntityAlreadyExistsException"},
		"AttachUserPolicy": {`{"userName":"x","policyName":"AmazonEC2ContainerRegistryReadOnly"}`, "NoSuchEntityException"},
		"ClearPolicies":    {`{}`, "RegistryPolicyNotFoundException"},
		"Nonsense":         {`{}`, "UnknownOperationException"},
	} {
		if out, code := b.as(owner(account), operation, want[0]); code != want[1] {
			t.Errorf("%s: %s %v, want %s", operation, code, out, want[1])
		}
	}
}

func TestUsersAndTheirKeysThroughTheAPI(t *testing.T) {
	b := newBench(t, feed{})
	made := b.do("CreateUser", `{"userName":"ci","managedPolicies":["AmazonEC2ContainerRegistryReadOnly"]}`)
	if inside(made, "user", "arn") != "arn:aws:iam::000000000000:user/ci" {
		t.Errorf("CreateUser answers %v", made)
	}
	b.do("PutUserPolicy", `{"userName":"ci","policyName":"lists","policyDocument":`+quoted(policy)+`}`)
	b.do("DetachUserPolicy", `{"userName":"ci","policyName":"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"}`)
	user := inside(b.do("GetUser", `{"userName":"ci"}`), "user")
	if inside(user, "inlinePolicies", "lists") != policy || inside(user, "managedPolicies") != nil {
		t.Errorf("GetUser answers %v", user)
	}
	key := inside(b.do("CreateAccessKey", `{"userName":"ci"}`), "accessKey")
	id, _ := inside(key, "accessKeyId").(string)
	if secret, _ := inside(key, "secretAccessKey").(string); len(secret) != 40 || inside(key, "userName") != "ci" || inside(key, "status") != "Active" {
		t.Errorf("CreateAccessKey answers %v", key)
	}
	b.do("UpdateAccessKey", `{"accessKeyId":"`+id+`","status":"Inactive"}`)
	listed := fmt.Sprint(b.do("ListAccessKeys", `{"userName":"ci"}`))
	if !strings.Contains(listed, "status:Inactive") || strings.Contains(listed, "secret") {
		t.Errorf("ListAccessKeys answers %v", listed)
	}
	b.do("DeleteUser", `{"userName":"ci"}`)
	if out := fmt.Sprint(b.do("ListAccessKeys", `{}`)); strings.Contains(out, id) {
		t.Errorf("keys of a user that is gone: %s", out)
	}
}

func TestListsArePagedAndTokensBelongToTheirList(t *testing.T) {
	b := newBench(t, feed{})
	for i := range 5 {
		b.do("CreateUser", fmt.Sprintf(`{"userName":"u%d"}`, i))
		b.do("CreateAccessKey", fmt.Sprintf(`{"userName":"u%d"}`, i))
	}
	for operation, member := range map[string]string{"ListUsers": "users", "ListAccessKeys": "accessKeys"} {
		var seen []any
		token := ""
		for pages := 0; ; pages++ {
			body := `{"maxResults":2}`
			if token != "" {
				body = `{"maxResults":2,"nextToken":"` + token + `"}`
			}
			out := b.do(operation, body)
			items, _ := out[member].([]any)
			seen = append(seen, items...)
			token, _ = out["nextToken"].(string)
			if token == "" {
				break
			}
			if len(items) != 2 || pages > 5 {
				t.Fatalf("%s: a page of %d", operation, len(items))
			}
			if _, code := b.as(owner(account), "ListRoles", `{"nextToken":"`+token+`"}`); code != "InvalidParameterException" {
				t.Errorf("a token of %s in another list: %s", operation, code)
			}
		}
		if len(seen) != 5 {
			t.Errorf("%s answers %d of 5", operation, len(seen))
		}
	}
}

func TestRolesAndIssuersThroughTheAPI(t *testing.T) {
	b := newBench(t, feed{})
	b.do("CreateRole", `{"roleName":"ci","assumeRolePolicyDocument":`+quoted(trust)+`,"maxSessionDuration":7200}`)
	b.do("AttachRolePolicy", `{"roleName":"ci","policyName":"AmazonEC2ContainerRegistryPowerUser"}`)
	b.do("PutRolePolicy", `{"roleName":"ci","policyName":"p","policyDocument":`+quoted(policy)+`}`)
	b.do("DeleteRolePolicy", `{"roleName":"ci","policyName":"p"}`)
	b.do("UpdateAssumeRolePolicy", `{"roleName":"ci","policyDocument":`+quoted(trust)+`}`)
	role := inside(b.do("GetRole", `{"roleName":"ci"}`), "role")
	if inside(role, "maxSessionDuration") != 7200.0 || inside(role, "assumeRolePolicyDocument") != trust || fmt.Sprint(inside(role, "managedPolicies")) != "[AmazonEC2ContainerRegistryPowerUser]" {
		t.Errorf("GetRole answers %v", role)
	}
	b.do("DetachRolePolicy", `{"roleName":"ci","policyName":"AmazonEC2ContainerRegistryPowerUser"}`)
	b.do("DeleteRole", `{"roleName":"ci"}`)
	if roles, _ := b.do("ListRoles", `{}`)["roles"].([]any); len(roles) != 0 {
		t.Errorf("left: %v", roles)
	}
	b.do("CreateOpenIDConnectProvider", `{"issuer":"https://gitlab.example.com","clientIds":["ecru"]}`)
	providers, _ := b.do("ListOpenIDConnectProviders", `{}`)["providers"].([]any)
	if len(providers) != 1 || inside(providers[0], "arn") != "arn:aws:iam::000000000000:oidc-provider/gitlab.example.com" {
		t.Errorf("providers: %v", providers)
	}
	b.do("DeleteOpenIDConnectProvider", `{"issuer":"https://gitlab.example.com"}`)
}

func TestAnOwnerClearsAPolicyThatLocksEverybodyOut(t *testing.T) {
	b := newBench(t, feed{})
	b.do("CreateAccount", `{"accountId":"111111111111","name":"Team"}`)
	for _, who := range []string{account, "111111111111"} {
		deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`
		if err := b.store.PutSetting(t.Context(), "111111111111", meta.SettingRegistryPolicy, deny); err != nil {
			t.Fatal(err)
		}
		if _, code := b.as(owner("222222222222"), "ClearPolicies", `{"accountId":"111111111111"}`); code != "AccessDeniedException" {
			t.Errorf("a stranger: %s", code)
		}
		if out, code := b.as(owner(who), "ClearPolicies", `{"accountId":"111111111111"}`); code != "" {
			t.Errorf("%s: %s %v", who, code, out)
		}
		if _, found, err := b.store.Setting(t.Context(), "111111111111", meta.SettingRegistryPolicy); found || err != nil {
			t.Errorf("the policy is still there (%v)", err)
		}
	}
}

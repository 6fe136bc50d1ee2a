package service_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const otherAccount = "111111111111"

// userWith makes a user of the account with an inline policy of these statements.
func (h *house) userWith(name string, statements ...string) service.Caller {
	h.t.Helper()
	ctx := h.t.Context()
	if err := h.EnsureAccount(ctx, account); err != nil {
		h.t.Fatal(err)
	}
	in := service.CreateUser{Name: name}
	if len(statements) > 0 {
		in.Inline = map[string]string{"inline": policyOf(statements...)}
	}
	u, err := h.CreateUser(ctx, h.owner, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return service.Caller{Principal: iam.UserPrincipal(account, name, u.ID, "AKIAUSER")}
}

// stranger is the owner of another account who comes to this one.
func stranger() service.Caller {
	return service.Caller{Principal: iam.RootPrincipal(otherAccount, "AKIAOTHER"), Registry: account}
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allow is a statement for an identity.
func allow(action, resource string, more ...string) string {
	return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"` + strings.Join(more, "") + `}`
}

// about is a statement of a repository's policy.
func about(effect, principal, action string, more ...string) string {
	return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"` + action + `"` + strings.Join(more, "") + `}`
}

func (h *house) set(c service.Caller, text string, force bool) error {
	h.t.Helper()
	_, err := h.SetRepositoryPolicy(h.t.Context(), c, "web", text, force)
	return err
}

// wantDenial fails the test unless an error has the code and the text.
func wantDenial(t *testing.T, err error, code registry.Code, message string) {
	t.Helper()
	if err == nil || err.Error() != string(code)+": "+message && !strings.HasPrefix(err.Error(), string(code)+": "+message+": ") {
		t.Errorf("got  %v\nwant %s: %s", err, code, message)
	}
}

const (
	invalidRepositoryPolicy = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
	invalidRegistryPolicy   = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'"
	noRepositoryPolicy      = "Repository policy does not exist for the repository with name 'web' in the registry with id '000000000000'"
	noRegistryPolicy        = "Registry policy does not exist in the registry with id '000000000000'"
	noRepository            = "The repository with name 'nope' does not exist in the registry with id '000000000000'"
	lockedOut               = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The repository policy would not allow you to set the repository policy again. Use force to set it nevertheless'"
)

func TestPolicyOfARepositoryComesBackInECRsLayout(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	_, err := h.RepositoryPolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeRepositoryPolicyNotFound, noRepositoryPolicy)
	_, err = h.DeleteRepositoryPolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeRepositoryPolicyNotFound, noRepositoryPolicy)

	want := service.Policy{Account: account, Repository: "web", Text: `{
  "Version" : "2008-10-17",
  "Statement" : [ {
    "Sid" : "pull",
    "Effect" : "Allow",
    "Principal" : "*",
    "Action" : [ "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer" ]
  } ]
}`}
	given := `{"Statement":[{"Sid":"pull","Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	for name, call := range map[string]func() (service.Policy, error){
		"set":       func() (service.Policy, error) { return h.SetRepositoryPolicy(ctx, h.owner, "web", given, false) },
		"set again": func() (service.Policy, error) { return h.SetRepositoryPolicy(ctx, h.owner, "web", given, false) },
	} {
		if got, err := call(); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := h.RepositoryPolicy(ctx, h.owner, "web"); err != nil || got != want {
		t.Errorf("got: %+v, %v", got, err)
	}
	if got, err := h.DeleteRepositoryPolicy(ctx, h.owner, "web"); err != nil || got != want {
		t.Errorf("deleted: %+v, %v", got, err)
	}
	_, err = h.RepositoryPolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeRepositoryPolicyNotFound, noRepositoryPolicy)

	for _, call := range []func() (service.Policy, error){
		func() (service.Policy, error) { return h.SetRepositoryPolicy(ctx, h.owner, "nope", given, false) },
		func() (service.Policy, error) { return h.RepositoryPolicy(ctx, h.owner, "nope") },
		func() (service.Policy, error) { return h.DeleteRepositoryPolicy(ctx, h.owner, "nope") },
	} {
		_, err := call()
		wantDenial(t, err, registry.CodeRepositoryNotFound, noRepository)
	}
}

func TestWhatIsNoPolicyIsRefused(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	for name, text := range map[string]string{
		"empty": "", "not JSON": "policy", "null": "null", "a list": "[]", "an empty object": "{}",
		"cut off": `{"Statement":[`, "two": policyOf(about("Allow", `"*"`, "ecr:*")) + "{}",
		"no principal": policyOf(allow("ecr:*", "*")), "no effect": policyOf(`{"Principal":"*","Action":"ecr:*"}`),
		"a version of its own": `{"Version":"2020-01-01","Statement":[` + about("Allow", `"*"`, "ecr:*") + `]}`,
		"deep":                 `{"Statement":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		"deep objects":         strings.Repeat(`{"Statement":`, 700) + "1" + strings.Repeat("}", 700),
	} {
		t.Run(name, func(t *testing.T) {
			wantDenial(t, h.set(h.owner, text, true), registry.CodeInvalidParameter, invalidRepositoryPolicy)
			_, err := h.PutRegistryPolicy(ctx, h.owner, text)
			wantDenial(t, err, registry.CodeInvalidParameter, invalidRegistryPolicy)
		})
	}
}

func TestPrincipalsThatDoNotExistAreInvalid(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	h.userWith("ada")
	if _, _, err := h.CreateAccount(ctx, h.owner, otherAccount, "second"); err != nil {
		t.Fatal(err)
	}
	_, err := h.CreateRole(ctx, h.owner, service.CreateRole{
		Account: otherAccount, Name: "ci", Trust: policyOf(about("Allow", `{"AWS":"`+account+`"}`, "sts:AssumeRole")),
	})
	if err != nil {
		t.Fatal(err)
	}
	for principal, exists := range map[string]bool{
		"*": true, account: true, "999999999999": true,
		"arn:aws:iam::" + account + ":root":          true,
		"arn:aws:iam::" + account + ":user/ada":      true,
		"arn:aws:iam::" + account + ":user/eve":      false,
		"arn:aws:iam::" + account + ":user/team/ada": false,
		"arn:aws:iam::" + account + ":role/ada":      false,
		"arn:aws:iam::" + otherAccount + ":role/ci":  true,
		// Whether it is there is the other account's own business.
		"arn:aws:iam::" + otherAccount + ":role/cd":                      true,
		"arn:aws:sts::" + otherAccount + ":assumed-role/ci/build-1":      true,
		"arn:aws:sts::" + otherAccount + ":assumed-role/cd/build-1":      true,
		"arn:aws:iam::" + otherAccount + ":user/ada":                     true,
		"arn:aws:iam::999999999999:role/somewhere":                       true,
		"arn:aws:iam::999999999999:user/path/somebody":                   true,
		"arn:aws:sts::999999999999:assumed-role/somewhere/session":       true,
		"arn:aws:iam::" + account + ":group/admins":                      false,
		"arn:aws:iam::" + account + ":user/*":                            false,
		"arn:aws:s3:::bucket":                                            false,
		"arn:aws:iam::" + account + ":user/":                             false,
		"arn:aws:iam::" + account + ":role/aws-service-role/x/../ci":     false,
		"arn:aws:sts::" + otherAccount + ":assumed-role/ci/build-1/more": false,
	} {
		t.Run(principal, func(t *testing.T) {
			err := h.set(h.owner, policyOf(about("Allow", `{"AWS":["`+account+`","`+principal+`"]}`, "ecr:BatchGetImage")), false)
			_, registryErr := h.PutRegistryPolicy(ctx, h.owner, policyOf(about("Allow", `{"AWS":"`+principal+`"}`, "ecr:ReplicateImage", `,"Resource":"*"`)))
			if exists && (err != nil || registryErr != nil) {
				t.Errorf("refused: %v, %v", err, registryErr)
			}
			if !exists {
				wantDenial(t, err, registry.CodeInvalidParameter, invalidRepositoryPolicy)
				wantDenial(t, registryErr, registry.CodeInvalidParameter, invalidRegistryPolicy)
			}
		})
	}
}

func TestNobodyLocksThemselvesOutUnawares(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	denied := policyOf(about("Deny", `"*"`, "ecr:*"))
	wantDenial(t, h.set(h.owner, denied, false), registry.CodeInvalidParameter, lockedOut)
	wantDenial(t, h.set(h.owner, policyOf(about("Deny", `"*"`, "ecr:SetRepositoryPolicy")), false), registry.CodeInvalidParameter, lockedOut)
	if err := h.set(h.owner, policyOf(about("Deny", `"*"`, "ecr:GetRepositoryPolicy")), false); err != nil {
		t.Errorf("a policy that denies something else: %v", err)
	}

	// What decides are the values of this very request.
	fromHome := h.owner
	fromHome.SourceIP = "10.1.2.3"
	const elsewhere = `,"Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`
	atHome := policyOf(about("Deny", `"*"`, "ecr:SetRepositoryPolicy", elsewhere))
	if err := h.set(fromHome, atHome, false); err != nil {
		t.Errorf("a policy that the caller meets: %v", err)
	}
	away := h.owner
	away.SourceIP = "192.0.2.1"
	wantCode(t, h.set(away, atHome, false), registry.CodeAccessDenied) // by the policy that is there
	if err := h.ClearPolicies(ctx, account, "web"); err != nil {
		t.Fatal(err)
	}
	wantDenial(t, h.set(away, atHome, false), registry.CodeInvalidParameter, lockedOut)
	arn := "arn:aws:ecr:us-east-1:" + account + ":repository/web"
	if err := h.TagResource(ctx, h.owner, arn, []registry.ResourceTag{{Key: "locked", Value: "yes"}}); err != nil {
		t.Fatal(err)
	}
	wantDenial(t, h.set(h.owner, policyOf(about("Deny", `"*"`, "ecr:*", `,"Condition":{"StringEquals":{"aws:ResourceTag/locked":"yes"}}`)), false),
		registry.CodeInvalidParameter, lockedOut)

	// Who wants it gets it, and an operator gets them out.
	if err := h.set(h.owner, denied, true); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.set(h.owner, atHome, true), registry.CodeAccessDenied)
	_, err := h.DeleteRepositoryPolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:root is not authorized to perform: ecr:DeleteRepositoryPolicy on resource: "+
		arn+" with an explicit deny in a resource-based policy")
	if err := h.ClearPolicies(ctx, account, "web"); err != nil {
		t.Fatal(err)
	}
	wantDenial(t, h.ClearPolicies(ctx, account, "web"), registry.CodeRepositoryPolicyNotFound, noRepositoryPolicy)
	wantDenial(t, h.ClearPolicies(ctx, account, "nope"), registry.CodeRepositoryNotFound, noRepository)
	if err := h.set(h.owner, atHome, true); err != nil {
		t.Error(err)
	}
}

func TestAnotherAccountKeepsTheRightThatItUses(t *testing.T) {
	h := newHouse(t)
	h.repository("web")
	lend := policyOf(about("Allow", `{"AWS":"`+otherAccount+`"}`, "ecr:*"))
	wantCode(t, h.set(stranger(), lend, false), registry.CodeAccessDenied)
	if err := h.set(h.owner, lend, false); err != nil {
		t.Fatal(err)
	}
	wantDenial(t, h.set(stranger(), policyOf(about("Allow", `{"AWS":"`+otherAccount+`"}`, "ecr:BatchGetImage")), false), registry.CodeInvalidParameter, lockedOut)
	if err := h.set(stranger(), policyOf(about("Allow", `{"AWS":"`+otherAccount+`"}`, "ecr:Set*")), false); err != nil {
		t.Error(err)
	}
}

func TestPolicyOfTheRegistry(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	_, err := h.RegistryPolicy(ctx, h.owner)
	wantDenial(t, err, registry.CodeRegistryPolicyNotFound, noRegistryPolicy)
	_, err = h.DeleteRegistryPolicy(ctx, h.owner)
	wantDenial(t, err, registry.CodeRegistryPolicyNotFound, noRegistryPolicy)
	want := service.Policy{Account: account, Text: `{
  "Version" : "2012-10-17",
  "Statement" : [ {
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "111111111111"
    },
    "Action" : "ecr:ReplicateImage",
    "Resource" : "arn:aws:ecr:us-east-1:000000000000:repository/*"
  } ]
}`}
	given := policyOf(about("Allow", `{"AWS":"`+otherAccount+`"}`, "ecr:ReplicateImage", `,"Resource":"arn:aws:ecr:us-east-1:`+account+`:repository/*"`))
	if got, err := h.PutRegistryPolicy(ctx, h.owner, given); err != nil || got != want {
		t.Errorf("put: %+v, %v", got, err)
	}
	if got, err := h.RegistryPolicy(ctx, h.owner); err != nil || got != want {
		t.Errorf("got: %+v, %v", got, err)
	}
	if got, err := h.DeleteRegistryPolicy(ctx, h.owner); err != nil || got != want {
		t.Errorf("deleted: %+v, %v", got, err)
	}

	// Nothing guards it; an operator gets its author out.
	if _, err := h.PutRegistryPolicy(ctx, h.owner, policyOf(about("Deny", `"*"`, "ecr:*", `,"Resource":"*"`))); err != nil {
		t.Fatal(err)
	}
	_, err = h.DeleteRegistryPolicy(ctx, h.owner)
	wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:root is not authorized to perform: ecr:DeleteRegistryPolicy on resource: * with an explicit deny in a resource-based policy")
	if err := h.ClearPolicies(ctx, account, ""); err != nil {
		t.Fatal(err)
	}
	wantDenial(t, h.ClearPolicies(ctx, account, ""), registry.CodeRegistryPolicyNotFound, noRegistryPolicy)
	_, err = h.RegistryPolicy(ctx, h.owner)
	wantDenial(t, err, registry.CodeRegistryPolicyNotFound, noRegistryPolicy)
}

func TestPoliciesNeedTheirOwnPermissions(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	nobody := h.userWith("nobody")
	const resource = "arn:aws:ecr:us-east-1:000000000000:repository/web"
	refused := func(action, resource string, err error) {
		t.Helper()
		wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: ecr:"+action+" on resource: "+resource+
			" because no identity-based policy allows the ecr:"+action+" action")
	}
	refused("SetRepositoryPolicy", resource, h.set(nobody, "", true))
	_, err := h.RepositoryPolicy(ctx, nobody, "web")
	refused("GetRepositoryPolicy", resource, err)
	_, err = h.DeleteRepositoryPolicy(ctx, nobody, "web")
	refused("DeleteRepositoryPolicy", resource, err)
	_, err = h.PutRegistryPolicy(ctx, nobody, "")
	refused("PutRegistryPolicy", "*", err)
	_, err = h.RegistryPolicy(ctx, nobody)
	refused("GetRegistryPolicy", "*", err)
	_, err = h.DeleteRegistryPolicy(ctx, nobody)
	refused("DeleteRegistryPolicy", "*", err)
	_, err = h.PutLifecyclePolicy(ctx, nobody, "web", "")
	refused("PutLifecyclePolicy", resource, err)
	_, err = h.LifecyclePolicy(ctx, nobody, "web")
	refused("GetLifecyclePolicy", resource, err)
	_, err = h.DeleteLifecyclePolicy(ctx, nobody, "web")
	refused("DeleteLifecyclePolicy", resource, err)
	refused("StartLifecyclePolicyPreview", resource, h.StartLifecyclePreview(ctx, nobody, "web", ""))
	refused("GetLifecyclePolicyPreview", resource, h.LifecyclePreview(ctx, nobody, "web"))
}

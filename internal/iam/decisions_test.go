package iam

import (
	"strings"
	"testing"
)

// Who asks. The registry is of account 111111111111.
const (
	here   = "111111111111"
	abroad = "222222222222"

	appRepository = "arn:aws:ecr:us-east-1:111111111111:repository/app"
	devRole       = "arn:aws:iam::111111111111:role/dev"
)

var (
	nobody      = Principal{}
	root        = RootPrincipal(here, "AKIAROOT")
	alice       = UserPrincipal(here, "alice", "AIDAALICE", "AKIAALICE")
	bob         = UserPrincipal(here, "bob", "AIDABOB", "AKIABOB")
	dev         = RolePrincipal(here, "dev", "AROADEV", "s1", "ASIADEV")
	foreignRoot = RootPrincipal(abroad, "AKIAFROOT")
	carol       = UserPrincipal(abroad, "carol", "AIDACAROL", "AKIACAROL")
	foreignDev  = RolePrincipal(abroad, "dev", "AROAFDEV", "s1", "ASIAFDEV")
	ci          = FederatedPrincipal(here, "ci.example", "repo:x")
)

// policy is a document of statements.
func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// Statements of identity policies.
func allow(action string) string {
	return `{"Effect":"Allow","Action":"` + action + `","Resource":"*"}`
}
func deny(action string) string { return `{"Effect":"Deny","Action":"` + action + `","Resource":"*"}` }

// Statements of repository and trust policies; principal is JSON.
func grant(principal, action string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `"}`
}
func refuse(principal, action string) string {
	return `{"Effect":"Deny","Principal":` + principal + `,"Action":"` + action + `"}`
}

func aws(names ...string) string { return `{"AWS":["` + strings.Join(names, `","`) + `"]}` }

// decision is one case. What is left out is a pull from the repository app.
type decision struct {
	name string
	who  Principal

	action, account, resource string
	context                   map[string][]string

	identity                             []string
	session, repository, registry, trust string

	want string // Decision.String()
}

func (c decision) question(t *testing.T) question {
	t.Helper()
	or := func(s, fallback string) string {
		if s == "" {
			return fallback
		}
		return s
	}
	compile := func(name string, g Grammar, text string) both {
		if text == "" {
			return both{}
		}
		p, err := Parse(name, g, text)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return both{text, p, slowParse(t, g, text)}
	}
	q := question{
		request: Request{
			Principal: c.who, Action: or(c.action, "ecr:BatchGetImage"), Account: or(c.account, here),
			Resource: or(c.resource, appRepository), Context: c.context,
		},
		session:  compile("", SessionPolicy, c.session),
		resource: compile("", ResourcePolicy, c.repository),
		registry: compile("", RegistryPolicy, c.registry),
	}
	if c.trust != "" {
		q.resource = compile("", TrustPolicy, c.trust)
	}
	for _, text := range c.identity {
		q.identity = append(q.identity, compile("own", IdentityPolicy, text))
	}
	return q
}

// decide runs cases through both evaluators.
func decide(t *testing.T, cases []decision) {
	t.Helper()
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			if got := c.question(t).check(t).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// What decisions are called that many cases end in.
const (
	byOwnership  = "allowed by ownership"
	byOwn        = "allowed by identity-based policy own statement #1"
	byRepository = "allowed by resource-based policy of the repository statement #1"
	byRegistry   = "allowed by resource-based policy of the registry statement #1"
	byTrust      = "allowed by resource-based policy of the role statement #1"
	noIdentity   = "no identity-based policy allows ecr:BatchGetImage"
	noResource   = "no resource-based policy allows ecr:BatchGetImage"
	noSession    = "no session policy allows ecr:BatchGetImage"
	deniedOwn    = "denied by identity-based policy own statement #1"
	deniedRepo   = "denied by resource-based policy of the repository statement #1"
)

func TestWhoMay(t *testing.T) {
	everything := []string{policy(allow("*"))}
	decide(t, []decision{
		// Nobody.
		{name: "nobody may nothing", who: nobody, want: noResource},
		{name: "nobody is not everyone", who: nobody, repository: policy(grant(`"*"`, "*")), want: noResource},
		{name: "nobody is not AWS everyone", who: nobody, repository: policy(grant(aws("*"), "*")), want: noResource},
		{name: "nobody is not whoever is not listed", who: nobody, repository: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"222222222222"},"Action":"*"}`), want: noResource},

		// Owners.
		{name: "owner needs no policy", who: root, want: byOwnership},
		{name: "owner may what no policy names", who: root, action: "ecr:DeleteRepository", want: byOwnership},
		{name: "owner is denied by the repository", who: root, repository: policy(refuse(`"*"`, "*")), want: deniedRepo},
		{name: "owner is denied when the account is", who: root, repository: policy(refuse(aws(here), "ecr:Batch*")), want: deniedRepo},
		{name: "owner is not denied by another action", who: root, repository: policy(refuse(`"*"`, "ecr:PutImage")), want: byOwnership},
		{name: "owner is denied by the registry", who: root, registry: policy(`{"Sid":"Freeze all","Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}`), want: "denied by resource-based policy of the registry statement Freeze all"},
		{name: "owner of another account has no right here", who: foreignRoot, want: noResource},
		{name: "owner of another account is let in by account id", who: foreignRoot, repository: policy(grant(aws(abroad), "ecr:BatchGetImage")), want: byRepository},
		{name: "owner of another account is let in by ARN", who: foreignRoot, repository: policy(grant(aws(RootARN(abroad)), "ecr:BatchGetImage")), want: byRepository},
		{name: "owner of another account is let in with everyone", who: foreignRoot, repository: policy(grant(`"*"`, "ecr:BatchGetImage")), want: byRepository},
		{name: "owner of another account is not its user", who: foreignRoot, repository: policy(grant(aws(carol.ARN), "*")), want: noResource},

		// Users of the account.
		{name: "user without policies", who: alice, want: noIdentity},
		{name: "user by an own policy", who: alice, identity: everything, want: byOwn},
		{name: "user by the second of two policies", who: alice, identity: []string{policy(allow("ecr:PutImage")), policy(allow("ecr:PutImage"), allow("ecr:BatchGetImage"))}, want: "allowed by identity-based policy own statement #2"},
		{name: "user named by the repository", who: alice, repository: policy(grant(aws(alice.ARN), "ecr:BatchGetImage")), want: byRepository},
		{name: "user beside another that is named", who: bob, repository: policy(grant(aws(alice.ARN), "ecr:BatchGetImage")), want: noIdentity},
		{name: "user among several that are named", who: bob, repository: policy(grant(aws(alice.ARN, bob.ARN), "ecr:BatchGetImage")), want: byRepository},
		{name: "user with everyone", who: alice, repository: policy(grant(`"*"`, "ecr:BatchGetImage")), want: byRepository},
		{name: "user with AWS everyone", who: alice, repository: policy(grant(aws("*"), "ecr:BatchGetImage")), want: byRepository},
		{name: "own account named only delegates", who: alice, repository: policy(grant(aws(here), "ecr:BatchGetImage")), want: noIdentity},
		{name: "own root named only delegates", who: alice, repository: policy(grant(aws(RootARN(here)), "ecr:BatchGetImage")), want: noIdentity},
		{name: "own account named beside the user", who: alice, repository: policy(grant(aws(here, alice.ARN), "ecr:BatchGetImage")), want: byRepository},
		{name: "own account named and an own policy", who: alice, identity: everything, repository: policy(grant(aws(here), "ecr:BatchGetImage")), want: byOwn},
		{name: "user named by the registry", who: alice, registry: policy(`{"Effect":"Allow","Principal":{"AWS":"` + alice.ARN + `"},"Action":"ecr:*","Resource":"*"}`), want: byRegistry},
		{name: "namesake of another account named", who: alice, repository: policy(grant(aws(UserARN(abroad, "alice")), "*")), want: noIdentity},
		{name: "names have a case", who: alice, repository: policy(grant(aws(UserARN(here, "Alice")), "*")), want: noIdentity},
		{name: "role of the user's name", who: alice, repository: policy(grant(aws(RoleARN(here, "alice")), "*")), want: noIdentity},
		{name: "service named is nobody of ours", who: alice, repository: policy(grant(`{"Service":"lambda.amazonaws.com"}`, "*")), want: noIdentity},
		{name: "service beside the user", who: alice, repository: policy(grant(`{"Service":["lambda.amazonaws.com"],"AWS":"`+alice.ARN+`"}`, "*")), want: byRepository},

		// Denies.
		{name: "own deny beats own allow", who: alice, identity: []string{policy(deny("ecr:BatchGetImage"), allow("*"))}, want: deniedOwn},
		{name: "deny after the allow", who: alice, identity: []string{policy(allow("*"), deny("ecr:BatchGetImage"))}, want: "denied by identity-based policy own statement #2"},
		{name: "deny in another policy", who: alice, identity: []string{policy(allow("*")), policy(deny("ecr:Batch*"))}, want: deniedOwn},
		{name: "deny of another action", who: alice, identity: []string{policy(deny("ecr:PutImage")), policy(allow("*"))}, want: byOwn},
		{name: "own deny beats the repository's allow", who: alice, identity: []string{policy(deny("*"))}, repository: policy(grant(`"*"`, "*")), want: deniedOwn},
		{name: "repository's deny beats own allow", who: alice, identity: everything, repository: policy(refuse(aws(alice.ARN), "*")), want: deniedRepo},
		{name: "repository's deny of another user", who: alice, identity: everything, repository: policy(refuse(aws(bob.ARN), "*")), want: byOwn},
		{name: "repository's deny of the account", who: alice, identity: everything, repository: policy(refuse(aws(here), "*")), want: deniedRepo},
		{name: "repository's deny of another account", who: alice, identity: everything, repository: policy(refuse(aws(abroad), "*")), want: byOwn},
		{name: "repository's deny of everyone", who: alice, identity: everything, repository: policy(refuse(aws("*"), "*")), want: deniedRepo},
		{name: "repository's deny of a service", who: alice, identity: everything, repository: policy(refuse(`{"Service":"lambda.amazonaws.com"}`, "*")), want: byOwn},
		{name: "registry's deny beats the repository's allow", who: alice, repository: policy(grant(`"*"`, "*")), registry: policy(`{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}`), want: "denied by resource-based policy of the registry statement #1"},
		{name: "deny by Sid", who: alice, identity: []string{policy(`{"Sid":"NoPulls","Effect":"Deny","Action":"ecr:BatchGetImage","Resource":"*"}`)}, want: "denied by identity-based policy own statement NoPulls"},
		{name: "identity's deny is told before the repository's", who: alice, identity: []string{policy(deny("*"))}, repository: policy(refuse(`"*"`, "*")), want: deniedOwn},

		// Roles.
		{name: "role without policies", who: dev, want: noIdentity},
		{name: "role by its own policy", who: dev, identity: everything, want: byOwn},
		{name: "role named", who: dev, repository: policy(grant(aws(devRole), "ecr:BatchGetImage")), want: byRepository},
		{name: "session named", who: dev, repository: policy(grant(aws(dev.ARN), "ecr:BatchGetImage")), want: byRepository},
		{name: "another session named", who: dev, repository: policy(grant(aws("arn:aws:sts::111111111111:assumed-role/dev/s2"), "*")), want: noIdentity},
		{name: "another role named", who: dev, repository: policy(grant(aws(RoleARN(here, "ops")), "*")), want: noIdentity},
		{name: "user of the role's name", who: dev, repository: policy(grant(aws(UserARN(here, "dev")), "*")), want: noIdentity},
		{name: "role of another account named", who: dev, repository: policy(grant(aws(RoleARN(abroad, "dev")), "*")), want: noIdentity},
		{name: "role's account named only delegates", who: dev, repository: policy(grant(aws(here), "*")), want: noIdentity},
		{name: "role denied", who: dev, identity: everything, repository: policy(refuse(aws(devRole), "*")), want: deniedRepo},
		{name: "session denied", who: dev, identity: everything, repository: policy(refuse(aws(dev.ARN), "*")), want: deniedRepo},
		{name: "another session denied", who: dev, identity: everything, repository: policy(refuse(aws("arn:aws:sts::111111111111:assumed-role/dev/s2"), "*")), want: byOwn},

		// The token of the registry.
		{name: "token by an own policy", who: alice, action: "ecr:GetAuthorizationToken", resource: "*", identity: everything, want: byOwn},
		{name: "token without", who: alice, action: "ecr:GetAuthorizationToken", resource: "*", want: "no identity-based policy allows ecr:GetAuthorizationToken"},
		{name: "token is not the registry's to give", who: alice, action: "ecr:GetAuthorizationToken", resource: "*", registry: policy(`{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}`), want: "no identity-based policy allows ecr:GetAuthorizationToken"},
		{name: "token denied by the registry", who: alice, action: "ecr:GetAuthorizationToken", resource: "*", identity: everything, registry: policy(`{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}`), want: "denied by resource-based policy of the registry statement #1"},
		{name: "token of the owner", who: root, action: "ecr:GetAuthorizationToken", resource: "*", want: byOwnership},
		{name: "token of another owner", who: foreignRoot, action: "ecr:GetAuthorizationToken", resource: "*", want: byOwnership},
		{name: "token of a user of another account", who: carol, action: "ecr:GetAuthorizationToken", resource: "*", identity: everything, want: byOwn},
		{name: "token of a user of another account without", who: carol, action: "ecr:GetAuthorizationToken", resource: "*", want: "no identity-based policy allows ecr:GetAuthorizationToken"},
	})
}

// TestAnOwnerOfNoAccountOwnsNothing: two accounts that are not known are not the
// same.
func TestAnOwnerOfNoAccountOwnsNothing(t *testing.T) {
	if d := Evaluate(Request{Principal: Principal{ARN: "x", Kind: Root}, Action: "ecr:PutImage"}, Policies{}); d.Allowed {
		t.Error(d)
	}
}

func TestWhoMayFromAnotherAccount(t *testing.T) {
	everything := []string{policy(allow("*"))}
	decide(t, []decision{
		{name: "no side allows", who: carol, want: noIdentity},
		{name: "only the own side allows", who: carol, identity: everything, want: noResource},
		{name: "only the repository allows the account", who: carol, repository: policy(grant(aws(abroad), "*")), want: noIdentity},
		{name: "only the repository allows the user", who: carol, repository: policy(grant(aws(carol.ARN), "*")), want: noIdentity},
		{name: "only the repository allows everyone", who: carol, repository: policy(grant(`"*"`, "*")), want: noIdentity},
		{name: "both sides, by account", who: carol, identity: everything, repository: policy(grant(aws(abroad), "ecr:BatchGetImage")), want: byRepository},
		{name: "both sides, by root", who: carol, identity: everything, repository: policy(grant(aws(RootARN(abroad)), "ecr:BatchGetImage")), want: byRepository},
		{name: "both sides, by user", who: carol, identity: everything, repository: policy(grant(aws(carol.ARN), "ecr:BatchGetImage")), want: byRepository},
		{name: "both sides, by everyone", who: carol, identity: everything, repository: policy(grant(`"*"`, "ecr:BatchGetImage")), want: byRepository},
		{name: "both sides, by the registry", who: carol, identity: everything, registry: policy(`{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:*","Resource":"` + appRepository + `"}`), want: byRegistry},
		{name: "registry names another repository", who: carol, identity: everything, registry: policy(`{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:*","Resource":"arn:aws:ecr:us-east-1:111111111111:repository/other"}`), want: noResource},
		{name: "the account of the registry is not one's own", who: carol, identity: everything, repository: policy(grant(aws(here), "*")), want: noResource},
		{name: "a third account", who: carol, identity: everything, repository: policy(grant(aws("333333333333"), "*")), want: noResource},
		{name: "own policy for another action", who: carol, identity: []string{policy(allow("ecr:PutImage"))}, repository: policy(grant(aws(abroad), "*")), want: noIdentity},
		{name: "repository for another action", who: carol, identity: everything, repository: policy(grant(aws(abroad), "ecr:PutImage")), want: noResource},
		{name: "own policy for another account's repositories", who: carol, identity: []string{policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:222222222222:*"}`)}, repository: policy(grant(aws(abroad), "*")), want: noIdentity},
		{name: "own deny", who: carol, identity: []string{policy(deny("*"))}, repository: policy(grant(aws(abroad), "*")), want: deniedOwn},
		{name: "repository's deny of the account", who: carol, identity: everything, repository: policy(refuse(aws(abroad), "*"), grant(aws(carol.ARN), "*")), want: deniedRepo},
		{name: "registry's deny of the account", who: carol, identity: everything, repository: policy(grant(aws(carol.ARN), "*")), registry: policy(`{"Effect":"Deny","Principal":{"AWS":"222222222222"},"Action":"*","Resource":"*"}`), want: "denied by resource-based policy of the registry statement #1"},
		{name: "role of another account named", who: foreignDev, identity: everything, repository: policy(grant(aws(RoleARN(abroad, "dev")), "*")), want: byRepository},
		{name: "role of another account named without its own policy", who: foreignDev, repository: policy(grant(aws(RoleARN(abroad, "dev")), "*")), want: noIdentity},
		{name: "namesake role of the registry's account named", who: foreignDev, identity: everything, repository: policy(grant(aws(devRole), "*")), want: noResource},
		{name: "session of another account named", who: foreignDev, identity: everything, repository: policy(grant(aws(foreignDev.ARN), "*")), want: byRepository},
		{name: "owner denied like its account", who: foreignRoot, repository: policy(grant(`"*"`, "*"), refuse(aws(abroad), "*")), want: "denied by resource-based policy of the repository statement #2"},
		{name: "replication by the source's root", who: foreignRoot, action: "ecr:ReplicateImage", registry: policy(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Resource":"arn:aws:ecr:us-east-1:111111111111:repository/*"}`), want: byRegistry},
		{name: "account-wide question from abroad", who: carol, action: "ecr:DescribeRepositories", resource: "*", identity: everything, want: "no resource-based policy allows ecr:DescribeRepositories"},
		{name: "account-wide question from abroad, allowed by the registry", who: carol, action: "ecr:DescribeRepositories", resource: "*", identity: everything, registry: policy(`{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"ecr:Describe*","Resource":"*"}`), want: byRegistry},
	})
}

func TestSessionsOfLessThanTheirPrincipal(t *testing.T) {
	everything := []string{policy(allow("*"))}
	pulls, pushes := policy(allow("ecr:BatchGetImage")), policy(allow("ecr:PutImage"))
	decide(t, []decision{
		{name: "both allow", who: dev, identity: everything, session: pulls, want: byOwn},
		{name: "session lacks it", who: dev, identity: everything, session: pushes, want: noSession},
		{name: "session alone gives nothing", who: dev, session: pulls, want: noIdentity},
		{name: "neither allows", who: dev, session: pushes, want: noIdentity},
		{name: "session denies", who: dev, identity: everything, session: policy(allow("*"), deny("ecr:Batch*")), want: "denied by session policy statement #2"},
		{name: "session limits the repository's allow", who: dev, repository: policy(grant(aws(devRole), "*")), session: pushes, want: noSession},
		{name: "session limits an allow of itself by name", who: dev, repository: policy(grant(aws(dev.ARN), "*")), session: pushes, want: noSession},
		{name: "session and repository", who: dev, repository: policy(grant(aws(devRole), "*")), session: pulls, want: byRepository},
		{name: "session limits users", who: alice, identity: everything, session: pushes, want: noSession},
		{name: "session limits the owner", who: root, session: pushes, want: noSession},
		{name: "owner within its session", who: root, session: pulls, want: byOwnership},
		{name: "session denies the owner", who: root, session: policy(deny("*")), want: "denied by session policy statement #1"},
		{name: "session limits from another account", who: foreignDev, identity: everything, repository: policy(grant(aws(abroad), "*")), session: pushes, want: noSession},
		{name: "session from another account", who: foreignDev, identity: everything, repository: policy(grant(aws(abroad), "*")), session: pulls, want: byRepository},
		{name: "session for another repository", who: dev, identity: everything, session: policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:repository/other"}`), want: noSession},
		{name: "session limits the token", who: dev, action: "ecr:GetAuthorizationToken", resource: "*", identity: everything, session: pulls, want: "no session policy allows ecr:GetAuthorizationToken"},
		{name: "own deny before the session's", who: dev, identity: []string{policy(deny("*"))}, session: policy(deny("*")), want: deniedOwn},
	})
}

func TestWhoMayTakeOnARole(t *testing.T) {
	assume := []string{policy(allow("sts:AssumeRole"))}
	provider := `{"Federated":"` + ci.ARN + `"}`
	const (
		web     = "sts:AssumeRoleWithWebIdentity"
		noTrust = "no resource-based policy allows sts:AssumeRole"
		noWeb   = "no resource-based policy allows sts:AssumeRoleWithWebIdentity"
	)
	take := func(c decision) decision {
		if c.action == "" {
			c.action = "sts:AssumeRole"
		}
		c.resource = devRole
		return c
	}
	cases := []decision{
		{name: "trusted by name", who: alice, trust: policy(grant(aws(alice.ARN), "sts:AssumeRole")), want: byTrust},
		{name: "trusted account, allowed by own policy", who: alice, identity: assume, trust: policy(grant(aws(here), "sts:AssumeRole")), want: byOwn},
		{name: "trusted account, no own policy", who: alice, trust: policy(grant(aws(here), "sts:AssumeRole")), want: "no identity-based policy allows sts:AssumeRole"},
		{name: "own policy, not trusted", who: alice, identity: assume, trust: policy(grant(aws(bob.ARN), "sts:AssumeRole")), want: noTrust},
		{name: "own policy of everything, not trusted", who: alice, identity: []string{policy(allow("*"))}, trust: policy(grant(aws(abroad), "sts:AssumeRole")), want: noTrust},
		{name: "own policy, role without trust policy", who: alice, identity: assume, want: noTrust},
		{name: "trusted for another action", who: alice, identity: assume, trust: policy(grant(aws(alice.ARN), "sts:TagSession")), want: noTrust},
		{name: "own deny of a trusted user", who: alice, identity: []string{policy(deny("sts:*"))}, trust: policy(grant(aws(alice.ARN), "sts:AssumeRole")), want: deniedOwn},
		{name: "trust denies", who: alice, identity: assume, trust: policy(refuse(aws(alice.ARN), "sts:AssumeRole")), want: "denied by resource-based policy of the role statement #1"},
		{name: "the owner", who: root, trust: policy(grant(aws(alice.ARN), "sts:AssumeRole")), want: byOwnership},
		{name: "trust denies the owner", who: root, trust: policy(refuse(aws(here), "sts:AssumeRole")), want: "denied by resource-based policy of the role statement #1"},
		{name: "trusted from another account, both sides", who: carol, identity: assume, trust: policy(grant(aws(abroad), "sts:AssumeRole")), want: byTrust},
		{name: "trusted from another account, trust only", who: carol, trust: policy(grant(aws(carol.ARN), "sts:AssumeRole")), want: "no identity-based policy allows sts:AssumeRole"},
		{name: "from another account, own side only", who: carol, identity: assume, trust: policy(grant(aws(here), "sts:AssumeRole")), want: noTrust},
		{name: "trusted owner of another account", who: foreignRoot, trust: policy(grant(aws(abroad), "sts:AssumeRole")), want: byTrust},
		{name: "role that takes on a role", who: dev, trust: policy(grant(aws(devRole), "sts:AssumeRole")), want: byTrust},
		{name: "session that takes on less", who: dev, trust: policy(grant(aws(devRole), "sts:AssumeRole")), session: policy(allow("ecr:*")), want: "no session policy allows sts:AssumeRole"},

		{name: "provider trusted", who: ci, action: web, trust: policy(grant(provider, web)), want: byTrust},
		{name: "provider not trusted", who: ci, action: web, trust: policy(grant(`{"Federated":"arn:aws:iam::111111111111:oidc-provider/other.example"}`, web)), want: noWeb},
		{name: "provider of another account trusted", who: ci, action: web, trust: policy(grant(`{"Federated":"arn:aws:iam::222222222222:oidc-provider/ci.example"}`, web)), want: noWeb},
		{name: "provider trusted for another action", who: ci, action: web, trust: policy(grant(provider, "sts:AssumeRole")), want: noWeb},
		{name: "bearer of a token is not the account", who: ci, action: web, trust: policy(grant(aws(here), "*")), want: noWeb},
		{name: "bearer of a token is not everyone", who: ci, action: web, trust: policy(grant(`"*"`, "*")), want: noWeb},
		{name: "bearer of a token is not whoever is not listed", who: ci, action: web, trust: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"222222222222"},"Action":"*"}`), want: noWeb},
		{name: "bearer of a token without a trust policy", who: ci, action: web, want: noWeb},
		{name: "everyone denied, bearer of a token too", who: ci, action: web, trust: policy(grant(provider, web), refuse(`"*"`, web)), want: "denied by resource-based policy of the role statement #2"},
		{name: "all but the provider denied", who: ci, action: web, trust: policy(grant(provider, web), `{"Effect":"Deny","NotPrincipal":`+provider+`,"Action":"*"}`), want: byTrust},
		{name: "all but a user denied", who: ci, action: web, trust: policy(grant(provider, web), `{"Effect":"Deny","NotPrincipal":{"AWS":"`+alice.ARN+`"},"Action":"*"}`), want: "denied by resource-based policy of the role statement #2"},
		{name: "account denied is not the bearer of a token", who: ci, action: web, trust: policy(grant(provider, web), refuse(aws(here), "*")), want: byTrust},
		{name: "right subject of the token", who: ci, action: web, context: map[string][]string{"ci.example:sub": {"repo:x"}}, trust: policy(`{"Effect":"Allow","Principal":` + provider + `,"Action":"` + web + `","Condition":{"StringEquals":{"ci.example:sub":"repo:x"}}}`), want: byTrust},
		{name: "wrong subject of the token", who: ci, action: web, context: map[string][]string{"ci.example:sub": {"repo:y"}}, trust: policy(`{"Effect":"Allow","Principal":` + provider + `,"Action":"` + web + `","Condition":{"StringEquals":{"ci.example:sub":"repo:x"}}}`), want: noWeb},
	}
	for i := range cases {
		cases[i] = take(cases[i])
	}
	cases = append(cases, decision{name: "bearer of a token is no user of the registry", who: ci, want: noResource})
	cases = append(cases, decision{name: "bearer of a token has no policy of its own", who: ci, identity: []string{policy(allow("*"))}, want: noResource})
	decide(t, cases)
}

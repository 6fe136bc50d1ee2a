package iam

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// Small alphabets, so that what policies say and what requests ask collide.
var (
	someAccounts = []string{"111111111111", "222222222222"}
	someActions  = []string{"ecr:PutImage", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:CreateRepository", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "ecru:CreateUser", "ecru:ClearPolicies"}
	actionWords  = []string{"*", "*", "ecr:*", "ecr:*", "sts:*", "ecr:Put*", "ECR:putIMAGE", "ecr:?utImage", "*:*Image", "ecr:BatchGetImage", "ecr:*Get*", "sts:*", "sts:AssumeRole", "ecr:GetAuthorizationToken", "ecr:Create?epository", "ecr:*Image*", "iam:*", "iam:Create*", "ecru:*", "ecr:Delete*"}
	someResource = []string{"*", "arn:aws:ecr:us-east-1:111111111111:repository/a", "arn:aws:ecr:us-east-1:111111111111:repository/a/b", "arn:aws:ecr:us-east-1:222222222222:repository/alice", "arn:aws:iam::111111111111:role/dev"}
	resourceWord = []string{"*", "*", "arn:aws:ecr:*:*:repository/a*", "arn:aws:ecr:us-east-?:111111111111:repository/?", "arn:aws:ecr:us-east-1:*", "arn:aws:ecr:*:${aws:PrincipalAccount}:repository/*",
		"arn:aws:ecr:*:*:repository/${aws:username}", "arn:aws:ecr:*:*:*/${*}", "arn:aws:iam::*:role/*", "arn:aws:ecr:*:222222222222:repository/*l?c*", "arn:aws:ecr:*:*:repository/${aws:username, 'a'}"}
	awsPrincipals = []string{"*", "111111111111", "222222222222", "arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root",
		"arn:aws:iam::111111111111:user/alice", "arn:aws:iam::111111111111:user/bob", "arn:aws:iam::222222222222:user/alice",
		"arn:aws:iam::111111111111:role/dev", "arn:aws:iam::222222222222:role/dev", "arn:aws:sts::111111111111:assumed-role/dev/s1", "arn:aws:sts::222222222222:assumed-role/dev/s2"}
	someProviders = []string{"arn:aws:iam::111111111111:oidc-provider/ci.example", "arn:aws:iam::222222222222:oidc-provider/ci.example"}

	someKeys   = []string{"aws:SourceIp", "aws:username", "ecr:ResourceTag/team", "aws:TagKeys", "aws:PrincipalArn", "aws:CurrentTime", "aws:MultiFactorAuthAge", "aws:SecureTransport", "x:binary"}
	wantedText = []string{"alice", "Alice", "a*", "?lice", "${aws:username}", "${*}", "*", "10.0.0.1", "blue", "red", ""}
	wantedARN  = []string{"arn:aws:iam::111111111111:user/*", "arn:aws:iam::*:role/dev", "*", "arn:aws:sts::*", "arn:*:iam::1111*:*", "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"}
	wantedNum  = []string{"0", "5", "5.0", "10", "-1", "1e1"}
	wantedDate = []string{"2026-01-01T00:00:00Z", "2026", "1767225600", "2026-01-01T01:00:00+01:00", "2027-01-01"}
	wantedIP   = []string{"10.0.0.0/8", "10.0.0.1", "192.168.1.7/24", "::1/128", "2001:db8::/32", "0.0.0.0/0"}
	givenValue = []string{"alice", "ALICE", "*", "10.0.0.1", "192.168.1.99", "2001:db8::5", "blue", "red", "team", "5", "10.0", "1767225600", "2026-06-01T00:00:00Z", "true", "False", "YQ==", "arn:aws:iam::111111111111:user/alice", "arn:aws:iam::222222222222:role/dev", "x", ""}
)

type dice struct{ *rand.Rand }

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

// chance is true n times of a hundred.
func (d dice) chance(n int) bool { return d.IntN(100) < n }

// oneOrMore answers a string or a list of strings.
func (d dice) oneOrMore(from []string) any {
	if d.chance(50) {
		return pick(d, from)
	}
	list := []any{}
	for range 1 + d.IntN(3) {
		list = append(list, pick(d, from))
	}
	return list
}

func (d dice) not(element string, n int) string {
	if d.chance(n) {
		return "Not" + element
	}
	return element
}

func (d dice) document(g Grammar) string {
	doc := map[string]any{}
	if d.chance(90) {
		doc["Version"] = "2012-10-17"
	} else if d.chance(50) {
		doc["Version"] = "2008-10-17"
	}
	if d.chance(30) {
		doc["Statement"] = d.statement(g)
	} else {
		list := []any{}
		for range 1 + d.IntN(3) {
			list = append(list, d.statement(g))
		}
		doc["Statement"] = list
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (d dice) statement(g Grammar) map[string]any {
	s := map[string]any{"Effect": "Allow"}
	if d.chance(12) {
		s["Effect"] = "Deny"
	}
	s[d.not("Action", 12)] = d.oneOrMore(actionWords)
	if g != TrustPolicy && (g != ResourcePolicy || d.chance(30)) {
		s[d.not("Resource", 12)] = d.oneOrMore(resourceWord)
	}
	if g.principal() {
		s[d.not("Principal", 12)] = d.principal()
	}
	if d.chance(25) {
		s["Condition"] = d.conditions()
	}
	return s
}

func (d dice) principal() any {
	if d.chance(15) {
		return "*"
	}
	p := map[string]any{}
	if d.chance(80) {
		p["AWS"] = d.oneOrMore(awsPrincipals)
	}
	if d.chance(20) {
		p["Federated"] = d.oneOrMore(someProviders)
	}
	if len(p) == 0 || d.chance(10) {
		p["Service"] = "lambda.amazonaws.com"
	}
	return p
}

var operatorWords = []string{
	"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
	"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
	"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Null",
}

func (d dice) conditions() map[string]any {
	block := map[string]any{}
	for range 1 + d.IntN(2) {
		operator := pick(d, operatorWords)
		wanted := wantedText
		switch {
		case strings.HasPrefix(operator, "Numeric"):
			wanted = wantedNum
		case strings.HasPrefix(operator, "Date"):
			wanted = wantedDate
		case strings.HasPrefix(operator, "Arn"):
			wanted = wantedARN
		case strings.Contains(operator, "IpAddress"):
			wanted = wantedIP
		case operator == "BinaryEquals":
			wanted = []string{"YQ==", "Yg==", ""}
		case operator == "Bool", operator == "Null":
			wanted = []string{"true", "false"}
		}
		if operator != "Null" {
			if d.chance(25) {
				operator += "IfExists"
			}
			if d.chance(30) {
				operator = pick(d, []string{"ForAllValues:", "ForAnyValue:"}) + operator
			}
		}
		keys := map[string]any{}
		for range 1 + d.IntN(2) {
			keys[pick(d, someKeys)] = d.oneOrMore(wanted)
		}
		block[operator] = keys
	}
	return block
}

func (d dice) caller() Principal {
	account := pick(d, someAccounts)
	switch d.IntN(10) {
	case 0:
		return RootPrincipal(account, "AKIA")
	case 1, 2, 3:
		return RolePrincipal(account, "dev", "AROA", pick(d, []string{"s1", "s2"}), "ASIA")
	case 4:
		return FederatedPrincipal(account, "ci.example", "repo:x")
	case 5:
		if d.chance(20) {
			return Principal{}
		}
	}
	return UserPrincipal(account, pick(d, []string{"alice", "bob"}), "AIDA", "AKIA")
}

func (d dice) request() Request {
	r := Request{Principal: d.caller(), Action: pick(d, someActions), Account: pick(d, someAccounts), Resource: pick(d, someResource)}
	if d.chance(50) && r.Principal.Account != "" {
		r.Account = r.Principal.Account
	}
	r.Context = map[string][]string{"aws:principalaccount": {r.Principal.Account}, "aws:principalarn": {r.Principal.IdentityARN()}}
	if r.Principal.Kind == User {
		r.Context["aws:username"] = []string{r.Principal.Name}
	}
	for range d.IntN(6) {
		key := strings.ToLower(pick(d, someKeys))
		list := []string{}
		for range d.IntN(3) {
			list = append(list, pick(d, givenValue))
		}
		r.Context[key] = list
	}
	return r
}

// both is a policy as either evaluator has it.
type both struct {
	text string
	fast *Policy
	slow *slowPolicy
}

func (d dice) policies(t testing.TB, g Grammar, n int) []both {
	t.Helper()
	all := make([]both, n)
	for i := range all {
		text := d.document(g)
		p, err := Parse("p", g, text)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		all[i] = both{text, p, slowParse(t, g, text)}
	}
	return all
}

// question is one random case.
type question struct {
	request                     Request
	identity                    []both
	session, resource, registry both
}

func (q question) ask() Decision {
	p := Policies{Session: q.session.fast, Resource: q.resource.fast, Registry: q.registry.fast}
	for _, identity := range q.identity {
		p.Identity = append(p.Identity, identity.fast)
	}
	return Evaluate(q.request, p)
}

func (q question) askSlowly() (allowed, explicit bool, by Source) {
	p := slowPolicies{session: q.session.slow, resource: q.resource.slow, registry: q.registry.slow}
	for _, identity := range q.identity {
		p.identity = append(p.identity, identity.slow)
	}
	return slowEvaluate(q.request, p)
}

func (q question) check(t testing.TB) Decision {
	t.Helper()
	got := q.ask()
	allowed, explicit, by := q.askSlowly()
	if got.Allowed != allowed || got.Explicit != explicit || got.By != by {
		text, _ := json.MarshalIndent(q.request, "", " ")
		t.Fatalf("decided %+v; the slow evaluator says allowed %v, explicit %v, by %s\nrequest %s\nidentity %+v\nsession %s\nresource %s\nregistry %s",
			got, allowed, explicit, by, text, q.identity, q.session.text, q.resource.text, q.registry.text)
	}
	return got
}

// TestAgreesWithTheSlowEvaluator compares both evaluators on random cases.
func TestAgreesWithTheSlowEvaluator(t *testing.T) {
	cases := 200_000
	if testing.Short() {
		cases = 20_000
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := dice{rand.New(rand.NewPCG(seed, 3))}
	identity := d.policies(t, IdentityPolicy, 2000)
	session := d.policies(t, SessionPolicy, 300)
	resource := append(d.policies(t, ResourcePolicy, 1000), d.policies(t, TrustPolicy, 500)...)
	registry := d.policies(t, RegistryPolicy, 500)

	counts := map[string]int{}
	for range cases {
		q := question{request: d.request()}
		for range d.IntN(4) {
			q.identity = append(q.identity, pick(d, identity))
		}
		if d.chance(25) {
			q.session = pick(d, session)
		}
		if d.chance(75) {
			q.resource = pick(d, resource)
		}
		if d.chance(25) {
			q.registry = pick(d, registry)
		}
		got := q.check(t)
		switch {
		case got.Allowed:
			counts["allowed by "+string(got.By)]++
			counts["allowed"]++
		case got.Explicit:
			counts["explicitly denied by "+string(got.By)]++
		default:
			counts["no allow in "+string(got.By)]++
		}
	}
	for what, n := range counts {
		t.Logf("%5.1f%% %s", 100*float64(n)/float64(cases), what)
		if n < cases/200 {
			t.Errorf("only %d of %d cases: %s", n, cases, what)
		}
	}
	// Ten outcomes: allowed at all, by three sorts; denied by three, lacking in three.
	if len(counts) != 10 {
		t.Errorf("the cases reach %d outcomes of 10", len(counts))
	}
}

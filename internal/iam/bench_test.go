package iam

import (
	"fmt"
	"testing"
)

// benchmarkDecision measures one decision, which must be an allow.
func benchmarkDecision(b *testing.B, r Request, p Policies) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if d := Evaluate(r, p); !d.Allowed {
			b.Fatal(d)
		}
	}
}

func pull(p Principal) Request {
	return Request{Principal: p, Action: "ecr:BatchGetImage", Account: here, Resource: appRepository}
}

func mustParse(tb testing.TB, g Grammar, document string) *Policy {
	tb.Helper()
	p, err := Parse("p", g, document)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func BenchmarkDecideOwner(b *testing.B) { benchmarkDecision(b, pull(root), Policies{}) }

func BenchmarkDecideReadOnly(b *testing.B) {
	benchmarkDecision(b, pull(alice), Policies{Identity: []*Policy{Managed("AmazonEC2ContainerRegistryReadOnly")}})
}

func BenchmarkDecideFromAnotherAccount(b *testing.B) {
	repository := mustParse(b, ResourcePolicy, policy(grant(aws(abroad), "ecr:BatchGetImage")))
	benchmarkDecision(b, pull(foreignDev), Policies{Identity: []*Policy{Managed("AmazonEC2ContainerRegistryPullOnly")}, Resource: repository})
}

// longPolicy has twenty statements with conditions and a variable; the last one
// allows pulls.
func longPolicy() (document string, context map[string][]string) {
	var statements []string
	for i := range 20 {
		statements = append(statements, fmt.Sprintf(`{"Sid":"S%d","Effect":"Allow","Action":["ecr:Batch*","ecr:GetDownloadUrlForLayer"],
			"Resource":"arn:aws:ecr:*:111111111111:repository/*","Condition":{
			"StringLike":{"ecr:ResourceTag/team":"team-%d*"},
			"IpAddress":{"aws:SourceIp":["10.%d.0.0/16","192.168.0.0/16"]},
			"Bool":{"aws:SecureTransport":"true"}}}`, i, i, i))
	}
	statements = append(statements, `{"Effect":"Deny","Action":"*","Resource":"arn:aws:ecr:*:*:repository/${aws:username}/private/*"}`)
	return policy(statements...), map[string][]string{
		"ecr:resourcetag/team": {"team-19"}, "aws:sourceip": {"10.19.2.3"}, "aws:securetransport": {"true"}, "aws:username": {"alice"},
	}
}

func BenchmarkDecideTwentyConditionalStatements(b *testing.B) {
	document, context := longPolicy()
	r := pull(alice)
	r.Context = context
	benchmarkDecision(b, r, Policies{Identity: []*Policy{mustParse(b, IdentityPolicy, document)}})
}

func BenchmarkParseTwentyConditionalStatements(b *testing.B) {
	document, _ := longPolicy()
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		mustParse(b, IdentityPolicy, document)
	}
}

// TestDecidingTakesNoMemory: the common decisions leave nothing to collect.
func TestDecidingTakesNoMemory(t *testing.T) {
	readOnly := Policies{Identity: []*Policy{Managed("AmazonEC2ContainerRegistryReadOnly")}}
	both := Policies{Identity: readOnly.Identity, Resource: mustParse(t, ResourcePolicy, policy(grant(aws(abroad), "ecr:BatchGetImage")))}
	for name, c := range map[string]struct {
		request  Request
		policies Policies
	}{
		"owner":           {pull(root), Policies{}},
		"read-only user":  {pull(alice), readOnly},
		"another account": {pull(foreignDev), both},
		"refusal":         {pull(bob), Policies{}},
	} {
		if n := testing.AllocsPerRun(100, func() { Evaluate(c.request, c.policies) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

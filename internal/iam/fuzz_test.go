package iam

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// FuzzParse: no document upsets the parser, or one that it accepts the
// evaluator.
func FuzzParse(f *testing.F) {
	d := dice{rand.New(rand.NewPCG(1, 1))}
	for g := IdentityPolicy; g <= SessionPolicy; g++ {
		for range 20 {
			f.Add(int(g), d.document(g))
		}
	}
	for _, document := range managedDocuments {
		f.Add(int(IdentityPolicy), document)
	}
	f.Add(int(IdentityPolicy), `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAllValues:NumericLessThanIfExists":{"x:a":[1,2]}}}]}`)
	f.Add(int(TrustPolicy), `{"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/x"},"Action":"sts:AssumeRoleWithWebIdentity"}}`)
	f.Fuzz(func(t *testing.T, grammar int, document string) {
		g := Grammar(grammar)
		if g < IdentityPolicy || g > SessionPolicy {
			return
		}
		p, err := Parse("p", g, document)
		if err != nil {
			if p != nil || len(err.Error()) > 4<<10 {
				t.Fatalf("%v, an error of %d bytes", p, len(err.Error()))
			}
			return
		}
		if len(p.statements) == 0 || (len(p.Principals()) > 0 && !g.principal()) {
			t.Fatalf("%+v", p)
		}
		request := Request{Principal: alice, Action: "ecr:PutImage", Account: here, Resource: appRepository}
		begin := time.Now()
		plain := Evaluate(request, policiesOf(g, p))
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("deciding took %v", took)
		}
		request.Action = "ECR:PUTIMAGE"
		if other := Evaluate(request, policiesOf(g, p)); other.Allowed != plain.Allowed {
			t.Fatalf("the case of the action decides: %s, %s", plain, other)
		}
		request.Principal = nobody
		if d := Evaluate(request, policiesOf(g, p)); d.Allowed {
			t.Fatalf("nobody: %s", d)
		}
	})
}

// policiesOf puts a policy where its kind belongs.
func policiesOf(g Grammar, p *Policy) Policies {
	switch g {
	case IdentityPolicy:
		return Policies{Identity: []*Policy{p}}
	case SessionPolicy:
		return Policies{Session: p}
	case RegistryPolicy:
		return Policies{Registry: p}
	default:
		return Policies{Resource: p}
	}
}

// FuzzEvaluate compares both evaluators on documents and requests of any form.
func FuzzEvaluate(f *testing.F) {
	d := dice{rand.New(rand.NewPCG(2, 2))}
	for range 60 {
		r := d.request()
		f.Add(d.IntN(8), r.Action, r.Resource, "aws:SourceIp", "10.0.0.1", d.document(IdentityPolicy), d.document(SessionPolicy), d.document(ResourcePolicy), d.document(RegistryPolicy))
	}
	f.Add(1, "ecr:PutImage", appRepository, "aws:username", "a*?${*}", policy(`{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/${aws:username, 'x'}?*"}`), "", "", "")
	callers := []Principal{root, alice, bob, dev, foreignRoot, carol, foreignDev, ci}
	f.Fuzz(func(t *testing.T, who int, action, resource, key, value, identity, session, repository, registry string) {
		if len(action)+len(resource)+len(value)+len(identity)+len(session)+len(repository)+len(registry) > 20_000 {
			return // the slow one is
		}
		// Patterns take characters that are no UTF-8 one by one; the slow one
		// does not know them at all.
		action, resource = strings.ToValidUTF8(action, "?"), strings.ToValidUTF8(resource, "?")
		value = strings.ToValidUTF8(value, "?")
		q := question{request: Request{
			Principal: callers[uint(who)%uint(len(callers))], Action: action, Account: here, Resource: resource,
			Context: map[string][]string{
				"aws:username": {"alice"}, "aws:principalaccount": {here}, strings.ToLower(key): {value, "x"}, "x:n": {value},
			},
		}}
		add := func(to *both, g Grammar, document string) {
			if p, err := Parse("p", g, document); err == nil {
				*to = both{document, p, slowParse(t, g, document)}
			}
		}
		var own both
		if add(&own, IdentityPolicy, identity); own.fast != nil {
			q.identity = []both{own}
		}
		add(&q.session, SessionPolicy, session)
		add(&q.resource, ResourcePolicy, repository)
		if q.resource.fast == nil {
			add(&q.resource, TrustPolicy, repository)
		}
		add(&q.registry, RegistryPolicy, registry)
		q.check(t)
	})
}

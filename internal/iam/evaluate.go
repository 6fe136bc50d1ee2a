package iam

import "strings"

// Request is one question to the evaluator.
type Request struct {
	Principal Principal
	Action    string // "ecr:PutImage"
	Account   string // that owns the resource
	Resource  string // ARN, or "*" for registry-level actions
	// Context holds the values of condition keys by lower-case key
	// ("aws:sourceip", "aws:requesttag/team"); a key may have several.
	Context map[string][]string
}

// Policies are all that has a say in one decision. Compiled policies are
// immutable and may be shared.
type Policies struct {
	Identity []*Policy // of the principal: managed and inline
	Session  *Policy   // limits temporary credentials; nil when nothing does
	Resource *Policy   // of the repository, or a role's trust policy; nil when it has none
	Registry *Policy   // of the registry; nil when it has none or does not apply
}

// Conditional says whether any statement has a condition or a variable, so that
// the values of condition keys are needed.
func (p Policies) Conditional() bool {
	for _, identity := range p.Identity {
		if identity.Conditional() {
			return true
		}
	}
	return p.Session.Conditional() || p.Resource.Conditional() || p.Registry.Conditional()
}

// Evaluate decides a request. An explicit deny wins over everything, ownership
// included; without any allow the answer is no; and nobody is never allowed
// anything.
func Evaluate(r Request, p Policies) Decision {
	if r.Principal.Anonymous() {
		return Decision{By: ResourceBased, Action: r.Action}
	}
	var e evaluation
	for _, identity := range p.Identity {
		e.hear(&r, identity, IdentityBased, &e.identity)
	}
	e.hear(&r, p.Session, SessionBased, &e.session)
	e.hear(&r, p.Resource, ResourceBased, &e.resource)
	e.hear(&r, p.Registry, ResourceBased, &e.resource)
	if e.denied {
		return e.deny
	}
	d := e.grant(&r, p.Resource)
	if d.Allowed && p.Session != nil && !e.session.named.Allowed {
		return missing(&r, SessionBased)
	}
	return d
}

// evaluation is what was heard about one request. It does not hold the request,
// which would make the compiler put it on the heap.
type evaluation struct {
	identity opinion
	session  opinion
	resource opinion // of the resource's and the registry's policies together
	deny     Decision
	denied   bool
}

// opinion holds the first allows of policies.
type opinion struct {
	named   Decision // of the caller itself
	account Decision // of the caller's account, which may pass it on
}

func (o *opinion) allows() bool { return o.named.Allowed || o.account.Allowed }

// either answers the stronger allow.
func (o *opinion) either() Decision {
	if o.named.Allowed {
		return o.named
	}
	return o.account
}

// hear asks all statements of a policy, until one denies.
func (e *evaluation) hear(r *Request, p *Policy, by Source, o *opinion) {
	if p == nil || e.denied {
		return
	}
	for i := range p.statements {
		s := &p.statements[i]
		if !s.deny && o.named.Allowed || !s.applies(r) {
			continue
		}
		named := byName
		if p.grammar.principal() {
			named = s.concerns(&r.Principal)
		}
		if named == unnamed {
			continue
		}
		d := Decision{Allowed: !s.deny, Explicit: true, By: by, Action: r.Action, Policy: p.name, Statement: s.label}
		switch {
		case s.deny:
			e.deny, e.denied = d, true
			return
		case named == byName:
			o.named = d
		case !o.account.Allowed:
			o.account = d
		}
	}
}

// missing is the lack of an allow.
func missing(r *Request, by Source) Decision { return Decision{By: by, Action: r.Action} }

// grant weighs the allows, when nothing denied.
func (e *evaluation) grant(r *Request, resource *Policy) Decision {
	p := &r.Principal
	own := p.Account != "" && p.Account == r.Account
	switch {
	case p.Kind == Federated:
		return e.resourceGrant(r)
	case identityOnly(r.Action):
		return e.identityGrant(r)
	case !own:
		return e.foreignGrant(r)
	case p.Kind == Root:
		return e.identityGrant(r)
	case e.resource.named.Allowed && !e.identity.allows():
		return e.resource.named
	case assumesRole(r.Action, resource):
		return e.trustGrant(r)
	}
	return e.identityGrant(r)
}

// identityGrant is the say of the principal's own policies. Owners need none.
func (e *evaluation) identityGrant(r *Request) Decision {
	if r.Principal.Kind == Root {
		return Decision{Allowed: true, By: Ownership, Action: r.Action}
	}
	if e.identity.named.Allowed {
		return e.identity.named
	}
	return missing(r, IdentityBased)
}

// resourceGrant is the say of the resource's policy and the registry's.
func (e *evaluation) resourceGrant(r *Request) Decision {
	if e.resource.allows() {
		return e.resource.either()
	}
	return missing(r, ResourceBased)
}

// foreignGrant is for principals of another account: their own policies and the
// resource's must allow.
func (e *evaluation) foreignGrant(r *Request) Decision {
	if d := e.identityGrant(r); !d.Allowed {
		return d
	}
	return e.resourceGrant(r)
}

// trustGrant is for roles of the same account: nobody but the owner takes one on
// unless its trust policy says so, whatever other policies they have.
func (e *evaluation) trustGrant(r *Request) Decision {
	if !e.resource.allows() {
		return missing(r, ResourceBased)
	}
	if e.resource.named.Allowed {
		return e.resource.named
	}
	return e.identityGrant(r)
}

// identityOnly says whether an action is one that no resource has a say in: the
// token that ecr:GetAuthorizationToken answers is the caller's own.
func identityOnly(action string) bool {
	return strings.EqualFold(action, "ecr:GetAuthorizationToken")
}

// assumesRole says whether a request is for a role. A role that came without a
// trust policy trusts nobody.
func assumesRole(action string, resource *Policy) bool {
	return resource != nil && resource.grammar == TrustPolicy || strings.HasPrefix(action, "sts:AssumeRole")
}

package iam

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

// Decision is the evaluator's answer and why.
type Decision struct {
	Allowed bool
	// Explicit is set when a statement decided, not the lack of one.
	Explicit bool
	// By is the sort of policy that decided, or that lacks an allow.
	By Source
	// Policy and Statement name the statement that decided: the policy's name
	// where it has one, and the Sid or the position ("#1") of the statement.
	Policy    string
	Statement string
}

// Source is a sort of policy.
type Source string

// The sorts of policies.
const (
	IdentityBased Source = "identity-based policy"
	ResourceBased Source = "resource-based policy"
	SessionBased  Source = "session policy"
	Ownership     Source = "ownership" // the owner of an account needs no policy
)

// String says in a few words what was decided and by what, for audit logs.
func (d Decision) String() string {
	if d.Allowed {
		return "allowed by " + string(d.By)
	}
	return "denied"
}

// Conditional says whether any statement has a condition, so that the values of
// condition keys are needed.
func (p Policies) Conditional() bool { return true }

// Reason is the end of AWS's refusal.
func (d Decision) Reason(action string) string {
	if d.Explicit {
		article := "a "
		if d.By == IdentityBased {
			article = "an "
		}
		return "with an explicit deny in " + article + string(d.By)
	}
	return "because no " + string(d.By) + " allows the " + action + " action"
}

// Evaluate decides a request.
func Evaluate(r Request, p Policies) Decision {
	if !r.Principal.Anonymous() && r.Principal.Account == r.Account {
		return Decision{Allowed: true, By: Ownership}
	}
	return Decision{By: ResourceBased}
}

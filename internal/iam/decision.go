package iam

// Decision is the evaluator's answer and why.
type Decision struct {
	Allowed bool
	// Explicit is set when a statement decided, not the lack of one.
	Explicit bool
	// By is the sort of policy that decided, or that lacks an allow.
	By Source
	// Action is what was asked for.
	Action string
	// Policy and Statement name the statement that decided: the policy's name,
	// or whose it is where it has none, and the Sid or the position ("#1") of
	// the statement.
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
	switch {
	case !d.Allowed && !d.Explicit && d.Action == "":
		return "no " + string(d.By) + " allows it"
	case !d.Allowed && !d.Explicit:
		return "no " + string(d.By) + " allows " + d.Action
	}
	said, policy, statement := "denied by ", "", ""
	if d.Allowed {
		said = "allowed by "
	}
	if d.Policy != "" {
		policy = " "
	}
	if d.Statement != "" {
		statement = " statement "
	}
	// At once, because every request pays for it.
	return said + string(d.By) + policy + d.Policy + statement + d.Statement
}

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

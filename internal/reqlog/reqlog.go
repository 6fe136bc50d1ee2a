// Package reqlog lets log lines and metrics tell which request they belong to.
// The server puts a note into the context of each request; transports write on
// it who is asking for what; every line that is logged with that context
// carries the request's id.
//
// It is apart from package server so that transports can import it. It must
// not know anything of HTTP, nor import any other package of this module.
package reqlog

import "context"

// Note is what is known of a request beside what its connection shows. It
// belongs to the goroutine that serves the request.
type Note struct {
	RequestID string
	Principal string // who asks, "" while unknown
	Operation string // what for; one of a small set of names, because metrics are kept for each

	// The rest is for audit logs. Audited says that there is one.

	Audited  bool
	Identity Identity
	Service  string // ecr, sts, ecru
	Region   string // that the client signed for; "" for the server's own
	// Parameters appends what was asked for as a JSON object, or nothing. It is
	// only called by whoever needs it, once, when the request is over.
	Parameters func([]byte) []byte
	// Failure is why the request was refused or failed.
	Failure Failure
	// Decisions are what access control said, in the order in which it was
	// asked.
	Decisions []Decision
	few       [2]Decision // most requests ask no more often
}

// Identity is who asks.
type Identity struct {
	Kind        string // Root, User, AssumedRole
	Account     string
	ARN         string
	UserID      string
	AccessKeyID string
	Name        string // of the user or role
}

// Failure is the error of a request in the words of its protocol.
type Failure struct {
	Code    string
	Message string
}

// Decision is what access control said of one action.
type Decision struct {
	Account  string // whose resource
	Action   string // ecr:PutImage
	Resource string // ARN or "*"
	Allowed  bool
	Reason   string
}

// Decide leaves a decision on the note. Outside of a request it does nothing.
func Decide(ctx context.Context, d Decision) {
	n := from(ctx)
	if n == nil {
		return
	}
	if n.Decisions == nil {
		n.Decisions = n.few[:0]
	}
	n.Decisions = append(n.Decisions, d)
}

// Audited says whether anybody will read the decisions about a request.
func Audited(ctx context.Context) bool {
	n := from(ctx)
	return n != nil && n.Audited
}

// Identify says who asks in full.
func Identify(ctx context.Context, who Identity) {
	if n := from(ctx); n != nil {
		n.Identity = who
	}
}

// Ask says which service is asked, in which region and for what.
func Ask(ctx context.Context, service, region string, parameters func([]byte) []byte) {
	if n := from(ctx); n != nil {
		n.Service, n.Region, n.Parameters = service, region, parameters
	}
}

// Fail says why the request is refused.
func Fail(ctx context.Context, code, message string) {
	if n := from(ctx); n != nil {
		n.Failure = Failure{code, message}
	}
}

type noteKey struct{}

// With puts a note into a context.
func With(ctx context.Context, n *Note) context.Context {
	return context.WithValue(ctx, noteKey{}, n)
}

func from(ctx context.Context) *Note {
	n, _ := ctx.Value(noteKey{}).(*Note)
	return n
}

// Annotate says who asks and for what; an empty text leaves what was said
// before. Outside of a request it does nothing.
func Annotate(ctx context.Context, principal, operation string) {
	n := from(ctx)
	if n == nil {
		return
	}
	if principal != "" {
		n.Principal = principal
	}
	if operation != "" {
		n.Operation = operation
	}
}

// RequestID answers the id of the request that ctx belongs to, "" outside of
// one.
func RequestID(ctx context.Context) string {
	if n := from(ctx); n != nil {
		return n.RequestID
	}
	return ""
}

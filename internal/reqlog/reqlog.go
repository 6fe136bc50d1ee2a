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
	// Decisions are what access control said, in the order in which it was
	// asked.
	Decisions []Decision
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
	if n := from(ctx); n != nil {
		n.Decisions = append(n.Decisions, d)
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

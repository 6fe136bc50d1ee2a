package awsapi

import (
	"context"

	"github.com/ecru-registry/ecru/internal/iam"
)

// Call is what a handler may want to know about the request around its input.
type Call struct {
	RequestID string
	Service   string // ecr
	Operation string // CreateRepository
	Principal iam.Principal
	Region    string // the one the client signed for
	Scheme    string // http or https, as the client sees it
	Host      string // as the client sent it
	Secure    bool   // the client spoke TLS; unlike Scheme it is nobody's mere word
	SourceIP  string
	UserAgent string
}

type callKey struct{}

// WithCall puts c into a context.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom takes the call out of the context of a handler; outside of one it
// is empty.
func CallFrom(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}

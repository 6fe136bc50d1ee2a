// Package eventbridge speaks the part of Amazon EventBridge's API that users of
// ECR need: rules, targets, events, connections and API destinations of the
// default event bus.
//
// It decodes, calls the service and encodes. It must not decide anything, nor
// reach the store.
package eventbridge

import (
	"context"
	"reflect"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/service"
)

// Target is the prefix of X-Amz-Target, SigningName the service to sign for.
const (
	Target      = "AWSEvents"
	SigningName = "events"
)

// Bus is what the API needs of the service.
type Bus interface {
	Rules
	Targets
	Buses
	Tags
	Connections
	Destinations
}

// Config is what the API is made of.
type Config struct {
	Service Bus
	// PageKey seals page tokens.
	PageKey []byte
}

type handlers struct {
	bus   Bus
	pages *pagetoken.Codec
}

// Service makes the table of operations.
func Service(c Config) awsapi.Service {
	h := &handlers{bus: c.Service, pages: pagetoken.New(c.PageKey)}
	return awsapi.Service{
		Target: Target, SigningName: SigningName,
		Operations: h.operations(),
		Known:      knownOperations(),
		Names:      names, Paths: wire.LowerCamel,
		Constraints: constraints(),
		Violated: func(found []validate.Violation) *awsapi.Fault {
			return awsapi.Refuse("ValidationException", "%s", validate.ValidationErrors(found))
		},
		Fault: fault,
	}
}

func (h *handlers) operations() []awsapi.Operation {
	var all []awsapi.Operation
	for _, part := range [][]awsapi.Operation{
		h.ruleOperations(), h.targetOperations(), h.busOperations(), h.tagOperations(),
		h.connectionOperations(), h.destinationOperations(),
	} {
		all = append(all, part...)
	}
	return all
}

func constraints() []validate.Structure {
	var all []validate.Structure
	for _, part := range [][]validate.Structure{
		ruleConstraints(), targetConstraints(), busConstraints(), tagConstraints(),
		connectionConstraints(), destinationConstraints(),
	} {
		all = append(all, part...)
	}
	return all
}

// names is the rule of the service: members are called as in Go.
func names(_ reflect.Type, field string) string { return field }

// caller is who asks.
func caller(ctx context.Context) service.Caller {
	call := awsapi.CallFrom(ctx)
	return service.Caller{
		Principal: call.Principal,
		SourceIP:  call.SourceIP, Secure: call.Secure, UserAgent: call.UserAgent,
	}
}

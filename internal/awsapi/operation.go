package awsapi

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

// DefaultLimit bounds the body of an operation that says nothing else.
const DefaultLimit = 1 << 20

// MaxLimit is the largest body that any operation may ask for.
const MaxLimit = 32 << 20

// Operation is one entry in the table of a service.
type Operation struct {
	name    string
	limit   int64
	in, out reflect.Type
	hidden  *hidden // of in, from logs
	// begin makes an empty input, and what to call once it is filled.
	begin func() (in any, call func(context.Context) (any, error))
}

// Op makes the entry of a handler. The name is that of its input type, which
// the SDK calls after the operation.
func Op[I, O any](handle func(context.Context, *I) (*O, error)) Operation {
	in := reflect.TypeFor[I]()
	return Operation{
		name:  strings.TrimSuffix(in.Name(), "Input"),
		limit: DefaultLimit,
		in:    in, out: reflect.TypeFor[O](),
		begin: func() (any, func(context.Context) (any, error)) {
			in := new(I)
			return in, func(ctx context.Context) (any, error) { return handle(ctx, in) }
		},
	}
}

// UpTo gives an operation another limit of its body's size.
func (o Operation) UpTo(bytes int64) Operation {
	o.limit = bytes
	return o
}

// Service is a JSON service: the operations under one prefix of X-Amz-Target,
// or, of a REST service, those at its routes.
type Service struct {
	// Target is the prefix, without the dot.
	Target string
	// Routes make it a REST service: they say by the name of an operation where
	// it is, also of those that are not served.
	Routes map[string]Route
	// SigningName is the service that clients sign for.
	SigningName string
	// Operations are served; every other name of Known is answered with the
	// clear error that it is not yet.
	Operations []Operation
	Known      []string
	// Names is how the service names its members; nil means wire.LowerCamel.
	Names wire.Names
	// Unions are those of the members that are one of several structures.
	Unions []wire.Union
	// Paths is how texts about wrong members call them; nil means Names.
	Paths wire.Names
	// Constraints are checked before a handler is called, and Violated words
	// what they find.
	Constraints []validate.Structure
	Violated    func([]validate.Violation) *Fault
	// Fault turns the error of a handler into what the client sees.
	Fault func(error) *Fault
}

// prepared is a service ready to serve.
type prepared struct {
	Service
	codec *wire.Codec
	rules *validate.Set
	byOp  map[string]*Operation
	known map[string]bool
}

func prepare(s Service) (*prepared, error) {
	if s.Names == nil {
		s.Names = wire.LowerCamel
	}
	p := &prepared{Service: s, codec: wire.New(s.Names, s.Unions...), byOp: map[string]*Operation{}, known: map[string]bool{}}
	if s.Paths == nil {
		s.Paths = s.Names
	}
	var err error
	if p.rules, err = validate.NewSet(s.Paths, s.Constraints...); err != nil {
		return nil, err
	}
	for i := range s.Operations {
		o := &s.Operations[i]
		if p.byOp[o.name] != nil {
			return nil, fmt.Errorf("the operation %s is there twice", o.name)
		}
		if o.limit <= 0 || o.limit > MaxLimit {
			return nil, fmt.Errorf("the operation %s has a body limit of %d bytes", o.name, o.limit)
		}
		for _, t := range []reflect.Type{o.in, o.out} {
			if err := p.codec.Prepare(t); err != nil {
				return nil, err
			}
		}
		o.hidden = hiddenOf(o.in)
		p.byOp[o.name] = o
	}
	for _, name := range s.Known {
		p.known[name] = true
	}
	for name := range s.Routes {
		p.known[name] = true
	}
	return p, nil
}

// contentType is that of the service's answers.
func (p *prepared) contentType() string {
	if p.Routes != nil {
		return restContentType
	}
	return contentType
}

// find answers the operation of a name, or why it is not served.
func (p *prepared) find(name string) (*Operation, *Fault) {
	if o := p.byOp[name]; o != nil {
		return o, nil
	}
	if p.known[name] {
		return nil, Refuse("UnsupportedOperationException", "The operation %s is not supported by this version of ecru yet.", name)
	}
	return nil, Refuse("UnknownOperationException", "")
}

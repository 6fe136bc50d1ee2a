package awsapi

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

// restContentType is that of every answer of a REST service.
const restContentType = "application/json"

// Route is where a REST service answers one operation.
type Route struct {
	Method string
	// Path is the whole path, or, with a Label, its beginning.
	Path string
	// Label is the Go name of the text member that is the rest of the path.
	Label string
	// Query are the Go names of the list members that come in the query.
	Query []string
}

// endpoint is a route of a service that is ready to serve.
type endpoint struct {
	Route
	service   *prepared
	operation string
}

// endpoints finds the operation of a path.
type endpoints struct {
	exact  map[string][]endpoint // by path
	prefix []endpoint
}

// add takes the routes of a service up.
func (e *endpoints) add(p *prepared) error {
	for operation, route := range p.Routes {
		one := endpoint{Route: route, service: p, operation: operation}
		if o := p.byOp[operation]; o != nil {
			if err := one.fits(o.in); err != nil {
				return err
			}
		}
		if route.Label != "" {
			e.prefix = append(e.prefix, one)
			continue
		}
		for _, other := range e.exact[route.Path] {
			if other.Method == route.Method {
				return fmt.Errorf("%s and %s have the same route", other.operation, operation)
			}
		}
		if e.exact == nil {
			e.exact = map[string][]endpoint{}
		}
		e.exact[route.Path] = append(e.exact[route.Path], one)
	}
	for name := range p.byOp {
		if _, ok := p.Routes[name]; !ok {
			return fmt.Errorf("the operation %s has no route", name)
		}
	}
	return nil
}

// fits says whether an input has the members that a route fills.
func (e endpoint) fits(in reflect.Type) error {
	if f, ok := in.FieldByName(e.Label); e.Label != "" && (!ok || f.Type != reflect.TypeFor[*string]()) {
		return fmt.Errorf("%s has no text %s", in, e.Label)
	}
	for _, name := range e.Query {
		if f, ok := in.FieldByName(name); !ok || f.Type != reflect.TypeFor[[]string]() {
			return fmt.Errorf("%s has no list %s", in, name)
		}
	}
	return nil
}

// at answers the endpoints of a path, whatever their methods.
func (e *endpoints) at(path string) []endpoint {
	if found := e.exact[path]; found != nil {
		return found
	}
	var found []endpoint
	for _, one := range e.prefix {
		if rest, ok := strings.CutPrefix(path, one.Path); ok && rest != "" {
			found = append(found, one)
		}
	}
	return found
}

// Serves says whether a path is one of a REST service.
func (s *Server) Serves(path string) bool {
	return len(s.rest.at(path)) > 0
}

// serveREST writes the answer of a REST service, or its refusal, which it
// answers for the log.
func (s *Server) serveREST(w http.ResponseWriter, r *http.Request, found []endpoint, call *Call) *Fault {
	fault := s.routed(w, r, found, call)
	if fault != nil {
		fault = restFault(fault)
		writeRESTFault(w, fault)
	}
	return fault
}

func (s *Server) routed(w http.ResponseWriter, r *http.Request, found []endpoint, call *Call) *Fault {
	for _, e := range found {
		if e.Method == r.Method {
			return s.serve(w, r, e.service, e.operation, func(in any) *Fault { return e.bind(r, in) }, call)
		}
	}
	if r.Header.Get("Authorization") == "" {
		return signatureFault(&sigv4.Error{Kind: sigv4.Missing, Message: "Missing Authentication Token"})
	}
	return &Fault{Status: http.StatusNotFound, Code: "UnknownOperationException"}
}

// bind fills in what of an input is not in the body.
func (e endpoint) bind(r *http.Request, in any) *Fault {
	v := reflect.ValueOf(in).Elem()
	if e.Label != "" {
		_, label, _ := strings.Cut(r.URL.EscapedPath(), e.Path)
		text, err := url.PathUnescape(label)
		if err != nil {
			return Refuse("SerializationException", "The path is malformed.")
		}
		v.FieldByName(e.Label).Set(reflect.ValueOf(&text))
	}
	if len(e.Query) == 0 {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Refuse("SerializationException", "The query string is malformed.")
	}
	for _, name := range e.Query {
		if given := values[e.service.Names(v.Type(), name)]; given != nil {
			v.FieldByName(name).Set(reflect.ValueOf(given))
		}
	}
	return nil
}

// restFault words a refusal of the server itself as REST services do.
func restFault(f *Fault) *Fault {
	out := *f
	switch f.Code {
	case "ServerException":
		out.Code = "InternalServerException"
	case "InvalidSignatureException", "MissingAuthenticationTokenException", "IncompleteSignatureException",
		"UnrecognizedClientException", "ExpiredTokenException":
		out.Status = http.StatusForbidden
	}
	return &out
}

func writeRESTFault(w http.ResponseWriter, f *Fault) {
	body := append([]byte(`{"message":`), wire.AppendString(nil, cmp.Or(f.Message, f.Code))...)
	for _, m := range f.Members {
		body = m.append(append(body, ','))
	}
	w.Header().Set("Content-Type", restContentType)
	w.Header().Set("X-Amzn-Errortype", f.Code)
	if f.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write(append(body, '}'))
}

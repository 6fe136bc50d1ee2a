package awsapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// maxForm bounds the body of a query request.
const maxForm = 64 << 10

// QueryService is a service of the query protocol: a form in, XML out.
type QueryService interface {
	// SigningName is the service that clients sign for.
	SigningName() string
	// Actions names the actions of the service.
	Actions() []string
	// Serves says whether an action is one of the service's. Only such names
	// are observed: others are whatever a client made up.
	Serves(action string) bool
	// Unsigned says whether an action is for callers without keys, who prove in
	// another way who they are. No other action is served without a signature.
	Unsigned(action string) bool
	// Serve answers one action of an authenticated caller, or an unsigned one.
	// If it refuses it has written so, and answers the refusal for the log.
	Serve(w http.ResponseWriter, r *http.Request, form url.Values) *Fault
	// Refuse answers a request that did not get as far as an action: err is a
	// *sigv4.Error, a *Fault, or a failure of ours.
	Refuse(w http.ResponseWriter, r *http.Request, err error)
}

// IsQuery says whether a request without X-Amz-Target speaks the query
// protocol: a form, or a presigned GET with an Action.
func IsQuery(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost:
		return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	case http.MethodGet:
		return strings.Contains(r.URL.RawQuery, "Action=")
	}
	return false
}

func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request, call *Call) *Fault {
	call.Service = s.Query.SigningName()
	form, err := s.readForm(r, call)
	if err != nil {
		s.Query.Refuse(w, r.WithContext(WithCall(r.Context(), *call)), err)
		return asFault(err)
	}
	if action := form.Get("Action"); s.Query.Serves(action) {
		call.Operation = action
	}
	reqlog.Ask(r.Context(), call.Service, call.Region, func(to []byte) []byte { return append(to, formParameters(form)...) })
	return s.Query.Serve(w, r.WithContext(WithCall(r.Context(), *call)), form)
}

// asFault is only for the log: a query service words its own refusals.
func asFault(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return signatureFault(err)
}

// readForm answers the form of a caller who has signed it, or an unsigned one
// of an action that is served so.
func (s *Server) readForm(r *http.Request, call *Call) (url.Values, error) {
	pending, refused := s.Verifier.Begin(r, s.Query.SigningName())
	if refused != nil && !unsigned(refused) {
		return nil, refused
	}
	body, hash, release, err := s.bodies.read(r, maxForm)
	defer release()
	if err != nil {
		return nil, bodyFault(err, "query", maxForm)
	}
	if refused == nil {
		if call.Principal, err = pending.Finish(hash); err != nil {
			return nil, err
		}
		call.Region = pending.Region()
	}
	text := string(body)
	if r.Method == http.MethodGet {
		text = r.URL.RawQuery
	}
	form, err := url.ParseQuery(text)
	if refused != nil && (err != nil || !s.Query.Unsigned(form.Get("Action"))) {
		return nil, refused
	}
	if err != nil {
		return nil, Refuse("MalformedQueryString", "The query string contains a syntax error.")
	}
	return form, nil
}

// unsigned says whether a request was refused because it has no signature at
// all; one that has, but a wrong one, is never taken for it.
func unsigned(err error) bool {
	var e *sigv4.Error
	return errors.As(err, &e) && e.Kind == sigv4.Missing
}

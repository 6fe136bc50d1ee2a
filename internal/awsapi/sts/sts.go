// Package sts serves the part of AWS's Security Token Service that users of a
// registry call: who am I, and temporary credentials. It speaks the query
// protocol. The answer is XML, or JSON when the client asks for it.
//
// It must not decide anything: that is the business of the use cases.
package sts

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	version   = "2011-06-15"
)

// Credentials is what the API needs of the use cases.
type Credentials interface {
	AssumeRole(ctx context.Context, c service.Caller, in service.AssumeRole) (service.Credentials, error)
	AssumeRoleWithWebIdentity(ctx context.Context, c service.Caller, in service.AssumeRoleWithWebIdentity) (service.WebIdentityCredentials, error)
	GetSessionToken(ctx context.Context, c service.Caller, in service.GetSessionToken) (service.Credentials, error)
}

// Service is the STS of one instance.
type Service struct {
	credentials Credentials
	rules       *validate.Set
}

// New makes a Service.
func New(credentials Credentials) (*Service, error) {
	rules, err := validate.NewSet(wire.LowerCamel, constraints()...)
	if err != nil {
		return nil, err
	}
	return &Service{credentials: credentials, rules: rules}, nil
}

// SigningName is the service that clients sign for.
func (*Service) SigningName() string { return "sts" }

// Serves says whether an action is served.
func (*Service) Serves(action string) bool { return slices.Contains(actionNames(), action) }

// Unsigned says whether an action needs no signature: only the one that
// exchanges the token of somebody else for credentials.
func (*Service) Unsigned(action string) bool { return action == actionWebIdentity }

// answer is what an action says: the element around its result, and the result.
type answer struct {
	action string
	result any
}

// Serve answers one action.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, form url.Values) *awsapi.Fault {
	result, fault := s.perform(r.Context(), form)
	if fault != nil {
		writeFault(w, r, fault)
		return fault
	}
	call := awsapi.CallFrom(r.Context())
	write(w, r, http.StatusOK, answer{call.Operation, result})
	return nil
}

func (s *Service) perform(ctx context.Context, form url.Values) (any, *awsapi.Fault) {
	action := form.Get("Action")
	switch {
	case form.Get("Version") != version && form.Get("Version") != "" || action == "":
		return nil, awsapi.Refuse("InvalidAction", "Could not find operation %s for version %s", action, orNone(form.Get("Version")))
	case !s.Serves(action):
		return nil, awsapi.Refuse("InvalidAction", "The action %s is not supported by this version of ecru yet.", action)
	}
	out, err := actions()[action](s, ctx, form)
	if err != nil {
		return nil, faultOf(err)
	}
	return out, nil
}

func orNone(s string) string {
	if s == "" {
		return "NO_VERSION_SPECIFIED"
	}
	return s
}

type responseMetadata struct {
	RequestID string `xml:"RequestId" json:"RequestId"`
}

// envelope is what stands around a result; its elements are called like the
// action.
func (a answer) envelope(requestID string) any {
	return envelope{
		XMLName: xml.Name{Local: a.action + "Response"}, NS: namespace,
		Result: named{xml.Name{Local: a.action + "Result"}, a.result}, Metadata: responseMetadata{requestID},
	}
}

type envelope struct {
	XMLName  xml.Name
	NS       string           `xml:"xmlns,attr"`
	Result   named            `xml:""`
	Metadata responseMetadata `xml:"ResponseMetadata"`
}

// named is a value in an element whose name is not that of its type.
type named struct {
	name  xml.Name
	value any
}

// MarshalXML writes the value under the name.
func (n named) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(n.value, xml.StartElement{Name: n.name})
}

// write encodes an answer as the client asked for it.
func write(w http.ResponseWriter, r *http.Request, status int, v any) {
	requestID := awsapi.CallFrom(r.Context()).RequestID
	var body []byte
	var err error
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		if a, ok := v.(answer); ok {
			v = map[string]any{a.action + "Response": map[string]any{a.action + "Result": a.result, "ResponseMetadata": responseMetadata{requestID}}}
		}
		body, err = json.Marshal(v)
	} else {
		w.Header().Set("Content-Type", "text/xml")
		if a, ok := v.(answer); ok {
			v = a.envelope(requestID)
		}
		body, err = xml.MarshalIndent(v, "", "  ")
	}
	if err != nil { // the types are ours and always encode
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

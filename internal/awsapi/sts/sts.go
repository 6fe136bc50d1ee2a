// Package sts serves the part of AWS's Security Token Service that users of a
// registry call: GetCallerIdentity, in the query protocol. The answer is XML,
// or JSON when the client asks for it.
//
// It must not decide anything: the caller is known before it is called.
package sts

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
)

const (
	namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	version   = "2011-06-15"
)

// Service is the STS of one instance. It has no state.
type Service struct{}

// SigningName is the service that clients sign for.
func (Service) SigningName() string { return "sts" }

// Serves says whether an action is served.
func (Service) Serves(action string) bool { return action == "GetCallerIdentity" }

type responseMetadata struct {
	RequestID string `xml:"RequestId" json:"RequestId"`
}

type identity struct {
	ARN     string `xml:"Arn" json:"Arn"`
	UserID  string `xml:"UserId" json:"UserId"`
	Account string `xml:"Account" json:"Account"`
}

type identityResponse struct {
	XMLName  xml.Name         `xml:"GetCallerIdentityResponse" json:"-"`
	NS       string           `xml:"xmlns,attr" json:"-"`
	Result   identity         `xml:"GetCallerIdentityResult" json:"GetCallerIdentityResult"`
	Metadata responseMetadata `xml:"ResponseMetadata" json:"ResponseMetadata"`
}

type errorDetail struct {
	Type    string `xml:"Type" json:"Type"`
	Code    string `xml:"Code" json:"Code"`
	Message string `xml:"Message" json:"Message"`
}

type errorResponse struct {
	XMLName   xml.Name    `xml:"ErrorResponse" json:"-"`
	NS        string      `xml:"xmlns,attr" json:"-"`
	Error     errorDetail `xml:"Error" json:"Error"`
	RequestID string      `xml:"RequestId" json:"RequestId"`
}

// Serve answers one action.
func (s Service) Serve(w http.ResponseWriter, r *http.Request, form url.Values) {
	action := form.Get("Action")
	switch {
	case form.Get("Version") != version && form.Get("Version") != "" || action == "":
		s.refuse(w, r, http.StatusBadRequest, "InvalidAction", "Could not find operation "+action+" for version "+orNone(form.Get("Version")))
	case !s.Serves(action):
		s.refuse(w, r, http.StatusBadRequest, "InvalidAction", "The action "+action+" is not supported by this version of ecru yet.")
	default:
		call := awsapi.CallFrom(r.Context())
		id := identity{ARN: call.Principal.ARN, UserID: call.Principal.UserID, Account: call.Principal.Account}
		write(w, r, http.StatusOK, "GetCallerIdentityResponse", identityResponse{NS: namespace, Result: id, Metadata: responseMetadata{call.RequestID}})
	}
}

func orNone(s string) string {
	if s == "" {
		return "NO_VERSION_SPECIFIED"
	}
	return s
}

// Refuse words what went wrong before the action was known.
func (s Service) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var signature *sigv4.Error
	var fault *awsapi.Fault
	switch {
	case errors.As(err, &signature):
		status, code, message := wording(signature)
		s.refuse(w, r, status, code, message)
	case errors.As(err, &fault) && fault.Status < http.StatusInternalServerError:
		s.refuse(w, r, fault.Status, strings.TrimSuffix(fault.Code, "Exception"), fault.Message)
	default:
		s.refuse(w, r, http.StatusInternalServerError, "InternalFailure", awsapi.Internal(err).Message)
	}
}

// wording is how the query protocol calls the refusals of a signature.
func wording(e *sigv4.Error) (status int, code, message string) {
	switch e.Kind {
	case sigv4.Missing:
		return http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"
	case sigv4.Incomplete:
		return http.StatusBadRequest, "IncompleteSignature", e.Message
	case sigv4.UnknownKey:
		return http.StatusForbidden, "InvalidClientTokenId", e.Message
	case sigv4.Expired:
		return http.StatusForbidden, "ExpiredToken", e.Message
	default:
		return http.StatusForbidden, "SignatureDoesNotMatch", e.Message
	}
}

func (s Service) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	kind := "Sender"
	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	write(w, r, status, "", errorResponse{
		NS: namespace, RequestID: awsapi.CallFrom(r.Context()).RequestID,
		Error: errorDetail{Type: kind, Code: code, Message: message},
	})
}

// write encodes v as the client asked; wrapper is the name around it in JSON,
// which in XML is that of the root element.
func write(w http.ResponseWriter, r *http.Request, status int, wrapper string, v any) {
	var body []byte
	var err error
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		if wrapper != "" {
			v = map[string]any{wrapper: v}
		}
		body, err = json.Marshal(v)
	} else {
		w.Header().Set("Content-Type", "text/xml")
		body, err = xml.MarshalIndent(v, "", "  ")
	}
	if err != nil { // the types are ours and always encode
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

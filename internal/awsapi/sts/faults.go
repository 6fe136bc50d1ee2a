package sts

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/registry"
)

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

// Refuse words what went wrong before the action was known.
func (s *Service) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var signature *sigv4.Error
	var fault *awsapi.Fault
	switch {
	case errors.As(err, &signature):
		fault = wording(signature)
	case errors.As(err, &fault) && fault.Status < http.StatusInternalServerError:
		short := *fault
		short.Code = strings.TrimSuffix(fault.Code, "Exception")
		fault = &short
	default:
		fault = failure(err)
	}
	writeFault(w, r, fault)
}

// wording is how the query protocol calls the refusals of a signature.
func wording(e *sigv4.Error) *awsapi.Fault {
	f := &awsapi.Fault{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch", Message: e.Message}
	switch e.Kind {
	case sigv4.Missing:
		f.Code, f.Message = "MissingAuthenticationToken", "Request is missing Authentication Token"
	case sigv4.Incomplete:
		f.Status, f.Code = http.StatusBadRequest, "IncompleteSignature"
	case sigv4.UnknownKey:
		f.Code = "InvalidClientTokenId"
	case sigv4.Expired:
		f.Code = "ExpiredToken"
	case sigv4.Mismatch:
	}
	return f
}

// faultOf is the one place where coded errors become STS's.
func faultOf(err error) *awsapi.Fault {
	var fault *awsapi.Fault
	if errors.As(err, &fault) {
		return fault
	}
	var e *registry.Error
	if !errors.As(err, &e) {
		return failure(err)
	}
	f := &awsapi.Fault{Status: http.StatusBadRequest, Message: e.Message, Cause: e.Err}
	switch e.Code {
	case registry.CodeAccessDenied:
		f.Status, f.Code = http.StatusForbidden, "AccessDenied"
	case registry.CodeIDPRejectedClaim:
		f.Status, f.Code = http.StatusForbidden, "IDPRejectedClaim"
	case registry.CodeIDPCommunicationError, registry.CodeInvalidIdentityToken, registry.CodeMalformedPolicyDocument, registry.CodePackedPolicyTooLarge, registry.CodeThrottled:
		f.Code = string(e.Code)
	case registry.CodeExpiredToken:
		f.Code = "ExpiredTokenException"
	case registry.CodeValidation, registry.CodeInvalidParameter:
		f.Code = "ValidationError"
	default:
		return failure(err)
	}
	return f
}

func failure(err error) *awsapi.Fault {
	f := awsapi.Internal(err)
	f.Code = "InternalFailure"
	return f
}

func writeFault(w http.ResponseWriter, r *http.Request, f *awsapi.Fault) {
	kind := "Sender"
	if f.Status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	write(w, r, f.Status, errorResponse{
		NS: namespace, RequestID: awsapi.CallFrom(r.Context()).RequestID,
		Error: errorDetail{Type: kind, Code: f.Code, Message: f.Message},
	})
}

package oci

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// problem is an answer that is not what was asked for.
type problem struct {
	status  int
	code    string // of the specification
	message string
}

func (p *problem) Error() string { return p.code + ": " + p.message }

// Codes of the specification, and two of its predecessor's that every client
// knows (UNKNOWN, UNAVAILABLE).
const (
	codeBlobUnknown         = "BLOB_UNKNOWN"
	codeBlobUploadInvalid   = "BLOB_UPLOAD_INVALID"
	codeBlobUploadUnknown   = "BLOB_UPLOAD_UNKNOWN"
	codeDenied              = "DENIED"
	codeDigestInvalid       = "DIGEST_INVALID"
	codeManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN"
	codeManifestInvalid     = "MANIFEST_INVALID"
	codeManifestUnknown     = "MANIFEST_UNKNOWN"
	codeNameInvalid         = "NAME_INVALID"
	codeNameUnknown         = "NAME_UNKNOWN"
	codePaginationInvalid   = "PAGINATION_NUMBER_INVALID"
	codeRangeInvalid        = "RANGE_INVALID"
	codeSizeInvalid         = "SIZE_INVALID"
	codeTagInvalid          = "TAG_INVALID"
	codeTooManyRequests     = "TOOMANYREQUESTS"
	codeUnauthorized        = "UNAUTHORIZED"
	codeUnavailable         = "UNAVAILABLE"
	codeUnknown             = "UNKNOWN"
	codeUnsupported         = "UNSUPPORTED"
)

// Problems that this package finds itself.
var (
	errUnauthorized = &problem{http.StatusUnauthorized, codeUnauthorized, "Authentication required: log in as user AWS with the password of an authorization token"}
	errTokenExpired = &problem{http.StatusForbidden, codeDenied, "Your authorization token has expired. Reauthenticate and try again."}
	errNoEndpoint   = &problem{http.StatusNotFound, codeUnsupported, "There is no such endpoint"}
	errMethod       = &problem{http.StatusMethodNotAllowed, codeUnsupported, "The endpoint does not have this method"}

	errNoManifest     = &problem{http.StatusNotFound, codeManifestUnknown, "Requested image not found"}
	errDigest         = &problem{http.StatusBadRequest, codeDigestInvalid, "Invalid parameter at 'digest' failed to satisfy constraint: 'must be a sha256 or sha512 digest in lower-case hexadecimal'"}
	errManifestSize   = &problem{http.StatusRequestEntityTooLarge, codeManifestInvalid, "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Member must have length less than or equal to " + strconv.Itoa(registry.MaxManifestSize) + "'"}
	errManyTags       = &problem{http.StatusBadRequest, codeTagInvalid, "A manifest can be pushed with at most " + strconv.Itoa(maxPushTags) + " tags at once"}
	errBodyBroken     = &problem{http.StatusBadRequest, codeManifestInvalid, "The request body ended before it was complete"}
	errQuery          = &problem{http.StatusBadRequest, codeUnsupported, "The query of the URL cannot be read"}
	errPageSize       = &problem{http.StatusBadRequest, codePaginationInvalid, "Invalid parameter at 'n' failed to satisfy constraint: 'must be a number that is not negative'"}
	errPageStart      = &problem{http.StatusBadRequest, codePaginationInvalid, "Invalid parameter at 'last' failed to satisfy constraint: 'must be the last entry of a page'"}
	errContentRange   = &problem{http.StatusBadRequest, codeBlobUploadInvalid, "Invalid Content-Range: expected '<first>-<last>'"}
	errContentLength  = &problem{http.StatusBadRequest, codeSizeInvalid, "The body is not as long as its Content-Range says"}
	errRange          = &problem{http.StatusRequestedRangeNotSatisfiable, codeRangeInvalid, "The blob does not have the range that was asked for"}
	errGrantExpired   = &problem{http.StatusForbidden, codeDenied, "Request has expired"}
	errGrantSignature = &problem{http.StatusForbidden, codeDenied, "The signature of the URL is not valid"}
)

// errBadName refuses the name of a repository. A read is told that there is no
// such repository.
func errBadName(method string) *problem {
	status := http.StatusBadRequest
	if method == http.MethodGet || method == http.MethodHead {
		status = http.StatusNotFound
	}
	return &problem{status, codeNameInvalid, "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '" + registry.RepositoryNamePattern + "''"}
}

// statusOf is the one place where coded errors become answers.
func statusOf(e *registry.Error, k kind) (status int, code string) {
	switch e.Code {
	case registry.CodeAccessDenied, registry.CodeLimitExceeded:
		return http.StatusForbidden, codeDenied
	case registry.CodeThrottled:
		return http.StatusTooManyRequests, codeTooManyRequests
	case registry.CodeRepositoryNotFound:
		return http.StatusNotFound, codeNameUnknown
	case registry.CodeImageNotFound:
		return http.StatusNotFound, codeManifestUnknown
	case registry.CodeLayersNotFound:
		if k == kindManifest {
			return http.StatusNotFound, codeManifestBlobUnknown
		}
		return http.StatusNotFound, codeBlobUnknown
	case registry.CodeReferencedImagesNotFound:
		return http.StatusNotFound, codeManifestBlobUnknown
	case registry.CodeUploadNotFound:
		return http.StatusNotFound, codeBlobUploadUnknown
	case registry.CodeImageReferenced:
		return http.StatusMethodNotAllowed, codeUnsupported
	case registry.CodeImageTagAlreadyExists, registry.CodeTagInvalid:
		return http.StatusBadRequest, codeTagInvalid
	case registry.CodeDigestInvalid, registry.CodeImageDigestDoesNotMatch:
		return http.StatusBadRequest, codeDigestInvalid
	case registry.CodeManifestInvalid:
		return http.StatusBadRequest, codeManifestInvalid
	case registry.CodeManifestTooLarge:
		return http.StatusRequestEntityTooLarge, codeManifestInvalid
	case registry.CodeLayerTooLarge:
		return http.StatusRequestEntityTooLarge, codeBlobUploadInvalid
	case registry.CodeRangeInvalid, registry.CodeInvalidLayerPart:
		return http.StatusRequestedRangeNotSatisfiable, codeBlobUploadInvalid
	case registry.CodeInvalidLayer, registry.CodeLayerPartTooSmall, registry.CodeEmptyUpload,
		registry.CodeLayerAlreadyExists, registry.CodeBodyInterrupted:
		return http.StatusBadRequest, codeBlobUploadInvalid
	case registry.CodeInternal:
		return http.StatusInternalServerError, codeUnknown
	}
	return http.StatusBadRequest, codeUnsupported
}

// problemOf turns any error into an answer, and logs what is our own fault.
func (h *Handler) problemOf(x *exchange, err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var e *registry.Error
	if !errors.As(err, &e) {
		e = registry.Internal("", err)
	}
	if e.Code == registry.CodeInternal && x.r.Context().Err() != nil {
		// The client has gone, or we are stopping: nobody's failure.
		h.Logger.DebugContext(x.r.Context(), "request abandoned", "path", x.r.URL.Path, "error", err)
		return &problem{http.StatusServiceUnavailable, codeUnavailable, "The request was abandoned"}
	}
	status, code := statusOf(e, x.target.kind)
	message := e.Message
	switch {
	case status == http.StatusInternalServerError:
		h.Logger.ErrorContext(x.r.Context(), "request failed", "method", x.r.Method, "path", x.r.URL.Path, "error", err)
		message = "An internal error occurred"
	case e.Code == registry.CodeImageNotFound:
		message = errNoManifest.message
	}
	return &problem{status, code, message}
}

// fail answers that a request failed.
func (h *Handler) fail(x *exchange, err error) {
	p := h.problemOf(x, err)
	reqlog.Fail(x.r.Context(), p.code, p.message)
	header := x.w.Header()
	switch p.status {
	case http.StatusUnauthorized:
		header.Set("Www-Authenticate", h.challenge(x.r))
	case http.StatusMethodNotAllowed:
		header.Set("Allow", h.endpoints[x.target.kind].allow)
	}
	var e *registry.Error
	if errors.As(err, &e) && e.Upload != nil {
		uploadHeaders(header, x.target.name, e.Upload.ID, e.Upload.Size)
	}
	if p == errBodyBroken || registry.CodeOf(err) == registry.CodeBodyInterrupted {
		header.Set("Connection", "close")
	} else {
		settle(x)
	}
	if x.head() {
		x.w.WriteHeader(p.status)
		return
	}
	writeJSON(x, p.status, "application/json", errorDocument{[]errorEntry{{p.code, p.message}}})
}

type errorDocument struct {
	Errors []errorEntry `json:"errors"`
}

type errorEntry struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// writeJSON answers a document.
func writeJSON(x *exchange, status int, mediaType string, document any) {
	// The documents of this package are made of strings and numbers: they can
	// always be encoded.
	body, _ := json.Marshal(document)
	header := x.w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	if !x.head() {
		_, _ = x.w.Write(body) // who does not read it is gone
	}
}

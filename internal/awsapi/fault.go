package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Fault is an error as it goes to the client.
type Fault struct { //nolint:errname // the protocols call it so, and XxxError says less
	Status  int
	Code    string // RepositoryNotFoundException
	Message string
	// Members are what the shape of the error has beside its message.
	Members []Member
	// Cause is for the log.
	Cause error
}

// Member is one more member of an error's body.
type Member struct {
	Name string
	Text string
	Int  *int64 // counts instead of Text where it is set
	// Raw is the value in JSON; it counts instead of Text where it is set.
	Raw []byte
}

// append writes the member as one of a JSON object.
func (m Member) append(to []byte) []byte {
	to = append(wire.AppendString(to, m.Name), ':')
	switch {
	case m.Raw != nil:
		return append(to, m.Raw...)
	case m.Int != nil:
		return strconv.AppendInt(to, *m.Int, 10)
	}
	return wire.AppendString(to, m.Text)
}

func (f *Fault) Error() string {
	if f.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", f.Code, f.Message, f.Cause)
	}
	return f.Code + ": " + f.Message
}

func (f *Fault) Unwrap() error { return f.Cause }

// Refuse makes the fault of a client's mistake, which is 400 on JSON services
// whatever the mistake is.
func Refuse(code, format string, args ...any) *Fault {
	return &Fault{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// internalText is all that a client learns about a failure of ours.
const internalText = "An internal error occurred. The request id finds it in the server's log."

// Internal makes the fault of a failure of ours.
func Internal(cause error) *Fault {
	return &Fault{Status: http.StatusInternalServerError, Code: "ServerException", Message: internalText, Cause: cause}
}

// Coded makes the fault of a coded error, which the service calls by the names in
// exceptions. What has no code, or one that is not there, is a failure of ours.
func Coded(err error, exceptions map[registry.Code]string) *Fault {
	var e *registry.Error
	if !errors.As(err, &e) {
		return Internal(err)
	}
	name, known := exceptions[e.Code]
	if !known {
		return Internal(err)
	}
	f := Refuse(name, "%s", e.Message)
	f.Cause = e.Err
	return f
}

// signatureFault words a refused signature as JSON services do.
func signatureFault(err error) *Fault {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return Internal(err)
	}
	f := Refuse("InvalidSignatureException", "%s", e.Message)
	switch e.Kind {
	case sigv4.Missing:
		f.Code = "MissingAuthenticationTokenException"
	case sigv4.Incomplete:
		f.Code = "IncompleteSignatureException"
	case sigv4.UnknownKey:
		f.Code = "UnrecognizedClientException"
	case sigv4.Expired:
		f.Code = "ExpiredTokenException"
	case sigv4.Mismatch:
	}
	f.Cause = detail(e)
	return f
}

// detail keeps what we would have signed for the log: a proxy that rewrites
// the Host is found by it and by nothing else.
func detail(e *sigv4.Error) error {
	if e.Detail == "" {
		return nil
	}
	return errors.New(e.Detail)
}

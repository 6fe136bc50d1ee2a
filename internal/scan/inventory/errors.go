package inventory

import (
	"errors"
	"fmt"
)

// Reason says, in a form that programs can switch on, why a layer or an image could not be read.
type Reason string

// The reasons. All of them are faults of the layer, so trying again gives the same answer.
const (
	ReasonNotTar    Reason = "NOT_TAR"    // the bytes are no tar archive, compressed or not
	ReasonCorrupt   Reason = "CORRUPT"    // a broken archive or compressed stream
	ReasonTruncated Reason = "TRUNCATED"  // the archive or compressed stream ends early
	ReasonLimit     Reason = "LIMIT"      // a limit of Limits is exceeded
	ReasonDatabase  Reason = "DATABASE"   // a package database cannot be read
	ReasonFile      Reason = "FILE"       // a language file cannot be read; no failure, but a warning of the inventory
	ReasonRecord    Reason = "BAD_RECORD" // an encoded layer record cannot be decoded
	ReasonStale     Reason = "STALE"      // an encoded layer record of another IndexerVersion
)

// ErrLimit matches (errors.Is) every *Error with ReasonLimit.
var ErrLimit = errors.New("scan limit exceeded")

// Error is a layer or record that cannot be used. Errors of the reader that ReadLayer was given, and of its context, are
// not of this type: they say nothing about the layer.
type Error struct {
	Reason Reason
	Path   string // the file inside the layer, when it is about one
	Err    error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Is lets errors.Is(err, ErrLimit) see the reason.
func (e *Error) Is(target error) bool { return target == ErrLimit && e.Reason == ReasonLimit }

func fail(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

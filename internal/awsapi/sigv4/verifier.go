package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
)

// MaxSkew is how far the clock of a client may be off.
const MaxSkew = 5 * time.Minute

const (
	dateTimeForm = "20060102T150405Z"
	dateForm     = "20060102"
	algorithm    = "AWS4-HMAC-SHA256"
	terminator   = "aws4_request"
)

// Keys finds the secret of an access key and whose it is. Temporary keys work
// with the session token that they were issued with, others with none.
//
// Errors: iam.ErrUnknownKey for credentials that do not exist, are not active or
// do not belong together, iam.ErrTokenExpired for those that have ended.
type Keys interface {
	Secret(ctx context.Context, accessKeyID, sessionToken string) (secret string, owner iam.Principal, err error)
}

// KeyUses is what Keys may be, too: it is then told of every request that was
// signed with a long-lived key. It must not block.
type KeyUses interface {
	KeyUsed(accessKeyID, service, region string)
}

// Kind is the sort of a refusal; protocols name them differently.
type Kind int

// The sorts of refusals.
const (
	Missing    Kind = iota + 1 // no signature at all
	Incomplete                 // not the form of a signature
	UnknownKey                 // no such key, or a session token we did not issue
	Expired                    // temporary credentials that have ended
	Mismatch                   // wrong signature, scope or clock
)

// Error is a refusal. Message is for the client; Detail, what we would have
// signed, is for the debug log.
type Error struct {
	Kind    Kind
	Message string
	Detail  string
}

func (e *Error) Error() string { return e.Message }

const (
	textInvalidToken = "The security token included in the request is invalid."
	textExpiredToken = "The security token included in the request is expired"
	textMismatch     = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

// Options are the parts of a Verifier that have defaults.
type Options struct {
	// Region that clients must sign for; empty accepts any.
	Region string
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Verifier checks signatures. It is safe for concurrent use.
type Verifier struct {
	keys    Keys
	region  string
	now     func() time.Time
	derived derivedKeys
}

// New makes a Verifier over keys.
func New(keys Keys, o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{keys: keys, region: o.Region, now: o.Now}
}

// Pending is a request whose head is in order and whose body is still unread.
type Pending struct {
	verifier *Verifier
	request  *http.Request
	sig      signature
	secret   string
	owner    iam.Principal
}

// Region is the one that the client signed for.
func (p *Pending) Region() string { return p.sig.scope.region }

// AccessKeyID names the key that the client says it has; only Finish proves it.
func (p *Pending) AccessKeyID() string { return p.sig.scope.accessKeyID }

// Begin checks the head of r as a request to service. A refusal is an *Error;
// any other error means that the keys could not be looked up.
func (v *Verifier) Begin(r *http.Request, service string) (*Pending, error) {
	sig, err := parse(r)
	if err != nil {
		return nil, err
	}
	if err := v.checkScope(sig, service); err != nil {
		return nil, err
	}
	if err := v.checkClock(sig); err != nil {
		return nil, err
	}
	if err := checkCovered(r, sig); err != nil {
		return nil, err
	}
	secret, owner, err := v.keys.Secret(r.Context(), sig.scope.accessKeyID, sig.sessionToken)
	switch {
	case errors.Is(err, iam.ErrTokenExpired):
		return nil, &Error{Kind: Expired, Message: textExpiredToken}
	case errors.Is(err, iam.ErrUnknownKey):
		return nil, &Error{Kind: UnknownKey, Message: textInvalidToken}
	case err != nil:
		return nil, fmt.Errorf("look up an access key: %w", err)
	}
	return &Pending{verifier: v, request: r, sig: sig, secret: secret, owner: owner}, nil
}

// Finish decides, given the SHA-256 of the body as it was received.
func (p *Pending) Finish(body [sha256.Size]byte) (iam.Principal, error) {
	payload := hex.EncodeToString(body[:])
	if claimed := p.request.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != payload {
		return iam.Principal{}, &Error{Kind: Mismatch, Message: textMismatch, Detail: "x-amz-content-sha256 is not the hash of the body, which is " + payload}
	}
	canonical, err := canonicalRequest(p.request, p.sig, payload)
	if err != nil {
		return iam.Principal{}, err
	}
	hash := sha256.Sum256(canonical)
	toSign := algorithm + "\n" + p.sig.at.Format(dateTimeForm) + "\n" + p.sig.scope.String() + "\n" + hex.EncodeToString(hash[:])
	key := p.verifier.derived.get(p.secret, p.sig.scope)
	if subtle.ConstantTimeCompare(sum(key[:], toSign), p.sig.signature) != 1 {
		return iam.Principal{}, &Error{Kind: Mismatch, Message: textMismatch, Detail: string(canonical)}
	}
	if uses, ok := p.verifier.keys.(KeyUses); ok && p.sig.sessionToken == "" {
		uses.KeyUsed(p.sig.scope.accessKeyID, p.sig.scope.service, p.sig.scope.region)
	}
	return p.owner, nil
}

func (v *Verifier) checkScope(sig signature, service string) error {
	s := sig.scope
	switch {
	case s.service != service:
		return mismatch("Credential should be scoped to correct service: '%s'. ", service)
	case !regionName(s.region) || v.region != "" && s.region != v.region:
		return mismatch("Credential should be scoped to a valid region, not '%s'. ", strings.ToValidUTF8(s.region[:min(len(s.region), maxRegion)], "?"))
	case s.terminator != terminator:
		return mismatch("Credential should be scoped with a valid terminator: 'aws4_request', not '%s'. ", s.terminator)
	}
	if day := sig.at.Format(dateForm); s.date != day {
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.date, day, sig.at.Format(dateTimeForm))
	}
	return nil
}

// maxRegion is longer than the name of any region.
const maxRegion = 64

// regionName says whether something can be the name of a region.
func regionName(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxRegion
}

func (v *Verifier) checkClock(sig signature) error {
	now := v.now().UTC()
	oldest, newest := now.Add(-MaxSkew-sig.expires), now.Add(MaxSkew)
	if sig.at.Before(oldest) {
		return mismatch("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			sig.at.Add(sig.expires).Format(dateTimeForm), now.Add(-MaxSkew).Format(dateTimeForm), now.Format(dateTimeForm))
	}
	if sig.at.After(newest) {
		return mismatch("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			sig.at.Format(dateTimeForm), newest.Format(dateTimeForm), now.Format(dateTimeForm))
	}
	return nil
}

// checkCovered refuses a signature that leaves out what decides the meaning of
// the request. Other headers may be unsigned: proxies add their own.
func checkCovered(r *http.Request, sig signature) error {
	for _, name := range []string{"Host", "X-Amz-Date", "X-Amz-Target", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
		if name != "Host" && r.Header.Get(name) == "" {
			continue
		}
		if !sig.covers(strings.ToLower(name)) {
			if name == "Host" {
				return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
			}
			return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

func mismatch(format string, args ...any) error {
	return &Error{Kind: Mismatch, Message: strings.TrimSpace(fmt.Sprintf(format, args...))}
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum(nil)
}

package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxExpires is the longest life of a presigned URL.
const maxExpires = 7 * 24 * time.Hour

// signature is what a client says that it signed, and how.
type signature struct {
	scope         scope
	at            time.Time
	signedHeaders []string // lower case, sorted
	signature     []byte
	sessionToken  string
	presigned     bool
	expires       time.Duration // of a presigned URL
}

type scope struct {
	accessKeyID, date, region, service, terminator string
}

// String is the scope without the key, as it is signed.
func (s scope) String() string {
	return s.date + "/" + s.region + "/" + s.service + "/" + s.terminator
}

func (s signature) covers(header string) bool {
	_, found := slices.BinarySearch(s.signedHeaders, header)
	return found
}

func parse(r *http.Request) (signature, error) {
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 1:
		return signature{}, incomplete("The request has more than one Authorization header.")
	case len(headers) == 1:
		return parseHeader(r, headers[0])
	case strings.Contains(r.URL.RawQuery, "X-Amz-"):
		return parseQuery(r)
	}
	return signature{}, &Error{Kind: Missing, Message: "Missing Authentication Token"}
}

func incomplete(format string, args ...any) error {
	return &Error{Kind: Incomplete, Message: fmt.Sprintf(format, args...)}
}

func parseHeader(r *http.Request, header string) (signature, error) {
	name, rest, _ := strings.Cut(header, " ")
	if name != algorithm {
		if strings.HasPrefix(name, "AWS4-") {
			return signature{}, incomplete("Unsupported AWS 'algorithm': '%s'.", name)
		}
		return signature{}, &Error{Kind: Missing, Message: "Missing Authentication Token"}
	}
	fields, err := headerFields(rest, header)
	if err != nil {
		return signature{}, err
	}
	var wrong []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[name] == "" {
			wrong = append(wrong, fmt.Sprintf("Authorization header requires '%s' parameter.", name))
		}
	}
	at, ok := headerDate(r)
	if !ok {
		wrong = append(wrong, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(wrong) > 0 {
		return signature{}, incomplete("%s Authorization=%s", strings.Join(wrong, " "), redact(header))
	}
	sig := signature{at: at, sessionToken: r.Header.Get("X-Amz-Security-Token")}
	err = sig.fill(fields["Credential"], fields["SignedHeaders"], fields["Signature"])
	return sig, err
}

// headerFields splits "Credential=…, SignedHeaders=…, Signature=…".
func headerFields(rest, header string) (map[string]string, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[name]; !ok || twice {
			return nil, incomplete("Invalid key=value pair (missing equal-sign or given twice) in Authorization header: '%s'.", redact(header))
		}
		fields[name] = value
	}
	return fields, nil
}

// redact leaves out the signature itself and bounds what is repeated.
func redact(header string) string {
	header, _, _ = strings.Cut(header, "Signature=")
	if len(header) > 512 {
		header = header[:512] + "…"
	}
	return strings.ToValidUTF8(header, "?")
}

func headerDate(r *http.Request) (time.Time, bool) {
	if s := r.Header.Get("X-Amz-Date"); s != "" {
		return parseDateTime(s)
	}
	s := r.Header.Get("Date")
	if at, ok := parseDateTime(s); ok {
		return at, true
	}
	at, err := http.ParseTime(s)
	return at.UTC(), err == nil
}

func parseDateTime(s string) (time.Time, bool) {
	at, err := time.Parse(dateTimeForm, s)
	return at, err == nil
}

func parseQuery(r *http.Request) (signature, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return signature{}, incomplete("The query string is malformed.")
	}
	if name := q.Get("X-Amz-Algorithm"); name != algorithm {
		return signature{}, incomplete("Unsupported AWS 'algorithm': '%s'.", redact(name))
	}
	var wrong []string
	for _, name := range []string{"X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders"} {
		if len(q[name]) != 1 || q.Get(name) == "" {
			wrong = append(wrong, fmt.Sprintf("AWS query-string parameters must include '%s' once.", name))
		}
	}
	if len(wrong) > 0 {
		return signature{}, incomplete("%s", strings.Join(wrong, " "))
	}
	at, ok := parseDateTime(q.Get("X-Amz-Date"))
	if !ok {
		return signature{}, incomplete("Date must be in ISO-8601 'basic format'. Got '%s'.", redact(q.Get("X-Amz-Date")))
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	expires := time.Duration(min(max(seconds, 0), int(maxExpires/time.Second)+1)) * time.Second
	if err != nil || expires <= 0 || expires > maxExpires {
		return signature{}, incomplete("X-Amz-Expires must be a number of seconds between 1 and 604800.")
	}
	sig := signature{at: at, presigned: true, expires: expires, sessionToken: q.Get("X-Amz-Security-Token")}
	err = sig.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature"))
	return sig, err
}

func (s *signature) fill(credential, signedHeaders, hexSignature string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[0] == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", redact(credential))
	}
	s.scope = scope{parts[0], parts[1], parts[2], parts[3], parts[4]}
	s.signedHeaders = strings.Split(signedHeaders, ";")
	// The names go into what is hashed as they are; a list that is not sorted,
	// or says a name twice, has no canonical form.
	for i, name := range s.signedHeaders {
		if name == "" || name != strings.ToLower(name) || i > 0 && name <= s.signedHeaders[i-1] {
			return incomplete("SignedHeaders must be a sorted list of header names in lower case.")
		}
	}
	var err error
	if s.signature, err = hex.DecodeString(hexSignature); err != nil || len(s.signature) != 32 {
		return &Error{Kind: Mismatch, Message: textMismatch, Detail: "the signature is not 64 hexadecimal digits"}
	}
	return nil
}

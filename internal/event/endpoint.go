package event

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxEndpoint is how long an endpoint may be.
const maxEndpoint = 2048

// Endpoint is where an API destination is: a URL of http or https, or the
// subject of a NATS server (nats or tls).
type Endpoint struct {
	Scheme string
	Host   string // with a port, if it says one
	// Path is as it was written, with * where path values go. It is empty for NATS.
	Path  string
	Query string // as it was written; empty for NATS
	// Subject is that of NATS, with * where path values go.
	Subject string
	// CloudEvents asks for CloudEvents instead of what the target gets (NATS only:
	// HTTP has headers for it).
	CloudEvents bool
}

// NATS says whether the endpoint is a NATS server.
func (e Endpoint) NATS() bool { return e.Scheme == "nats" || e.Scheme == "tls" }

// PathValues is how many path values the endpoint takes.
func (e Endpoint) PathValues() int { return strings.Count(e.Path+e.Subject, "*") }

// ParseEndpoint reads the endpoint of an API destination. The error is for the
// one who has written it.
func ParseEndpoint(text string) (Endpoint, error) {
	if len(text) > maxEndpoint {
		return Endpoint{}, fmt.Errorf("it is longer than %d characters", maxEndpoint)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }) {
		return Endpoint{}, errors.New("it must be ASCII without spaces; escape other characters with %")
	}
	u, err := url.Parse(text)
	if err != nil {
		return Endpoint{}, errors.New("it is not a URL")
	}
	switch {
	case !slices.Contains([]string{"http", "https", "nats", "tls"}, u.Scheme):
		return Endpoint{}, errors.New("it must begin with https://, http://, nats:// or tls://")
	case u.User != nil:
		return Endpoint{}, errors.New("it must not hold credentials: they belong into the connection")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return Endpoint{}, errors.New("it must not have a fragment")
	}
	if err := validHost(u); err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Scheme: u.Scheme, Host: u.Host}
	if e.NATS() {
		return e.withSubject(u)
	}
	e.Path, e.Query = u.EscapedPath(), u.RawQuery
	if e.Path == "" {
		e.Path = "/"
	}
	return e, nil
}

func validHost(u *url.URL) error {
	host := u.Hostname()
	if host == "" {
		return errors.New("it names no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not a port", port)
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return errors.New("its port is missing")
	}
	if strings.HasPrefix(u.Host, "[") {
		if a, err := netip.ParseAddr(host); err != nil || a.Zone() != "" {
			return errors.New("its host is not an IPv6 address")
		}
		return nil
	}
	valid := func(r rune) bool {
		return r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if strings.ContainsFunc(host, func(r rune) bool { return !valid(r) }) || len(host) > 253 {
		return errors.New("its host is not a name or an address")
	}
	return nil
}

// withSubject reads the path and query of a NATS URL.
func (e Endpoint) withSubject(u *url.URL) (Endpoint, error) {
	e.Subject = strings.TrimPrefix(u.Path, "/")
	if e.Subject == "" {
		return Endpoint{}, errors.New("it names no subject: nats://HOST:4222/SUBJECT")
	}
	if strings.ContainsFunc(e.Subject, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII || r == '>' }) || strings.HasPrefix(e.Subject, "$") {
		return Endpoint{}, errors.New("its subject must not begin with $ nor hold spaces or >")
	}
	if slices.Contains(strings.Split(e.Subject, "."), "") {
		return Endpoint{}, errors.New("a part of its subject is empty")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Endpoint{}, errors.New("its query is malformed")
	}
	e.CloudEvents, err = formatOf(query)
	return e, err
}

// formatOf reads the one parameter that endpoints and ARNs of ours have.
func formatOf(query url.Values) (cloudEvents bool, err error) {
	for name, values := range query {
		if name != "format" || len(values) != 1 || values[0] != "cloudevents" {
			return false, errors.New("its only parameter is format=cloudevents")
		}
		cloudEvents = true
	}
	return cloudEvents, nil
}

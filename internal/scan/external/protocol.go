package external

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Media types of the API.
const (
	typeMetadata = "application/vnd.scanner.adapter.metadata+json; version=1.0"
	typeRequest  = "application/vnd.scanner.adapter.scan.request+json; version=1.0"
	typeResponse = "application/vnd.scanner.adapter.scan.response+json; version=1.0"
)

// reportTypes are the reports that can be read, the best first: version 1.1 tells
// of CVSS and CWE, under either of its names.
func reportTypes() []string {
	return []string{
		"application/vnd.security.vulnerability.report; version=1.1",
		"application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.1",
		"application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0",
	}
}

// Auth is how a scanner wants callers to prove themselves.
type Auth string

// The ways, as Harbor names them.
const (
	NoAuth Auth = "none"
	Basic  Auth = "basic"
	Bearer Auth = "bearer"
	APIKey Auth = "api-key"
)

// Auths lists them.
func Auths() []string { return []string{string(NoAuth), string(Basic), string(Bearer), string(APIKey)} }

// Endpoint is where an adapter is, and how it is called.
type Endpoint struct {
	URL string
	// Auth and Credential are how we prove ourselves: USER:PASSWORD, a token or a
	// key.
	Auth       Auth
	Credential string
	// CA are certificates in PEM that vouch for the adapter beside those of the
	// system; SkipVerify says that nobody needs to.
	CA         string
	SkipVerify bool
}

// Bounds of what endpoints are made of.
const (
	maxURL        = 1024
	maxCredential = 4096
	maxCA         = 64 << 10
)

// Validate says in words for its owner what is wrong with an endpoint.
func (e *Endpoint) Validate() error {
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || len(e.URL) > maxURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the URL must be one of http or https")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return errors.New("the URL must have no user, query or fragment")
	case !slices.Contains(Auths(), string(e.Auth)):
		return errors.New("the authentication must be one of " + strings.Join(Auths(), ", "))
	case (e.Auth == NoAuth) != (e.Credential == ""):
		return errors.New("a credential goes with every authentication but none")
	case len(e.Credential) > maxCredential || strings.ContainsFunc(e.Credential, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("the credential must be one line of printable ASCII")
	case e.Auth == Basic && !strings.Contains(e.Credential, ":"):
		return errors.New("the credential of basic authentication must be USER:PASSWORD")
	case len(e.CA) > maxCA:
		return errors.New("the certificates are too long")
	}
	_, err = e.tls()
	return err
}

// apiRoot is the version of the API that adapters serve, which URLs of adapters
// leave out.
const apiRoot = "/api/v1"

// at is the URL of an operation.
func (e *Endpoint) at(operation string) string {
	base := strings.TrimRight(e.URL, "/")
	if u, err := url.Parse(base); err != nil || !strings.HasPrefix(path.Base(u.Path), "v1") || path.Base(path.Dir(u.Path)) != "api" {
		base += apiRoot
	}
	return base + operation
}

// prove adds to a request what it proves itself with.
func (e *Endpoint) prove(r *http.Request) {
	switch e.Auth {
	case NoAuth:
	case Basic:
		user, password, _ := strings.Cut(e.Credential, ":")
		r.SetBasicAuth(user, password)
	case Bearer:
		r.Header.Set("Authorization", "Bearer "+e.Credential)
	case APIKey:
		r.Header.Set("X-ScannerAdapter-API-Key", e.Credential)
	}
}

// Metadata is what an adapter says of itself.
type Metadata struct {
	Scanner      Identity          `json:"scanner"`
	Capabilities []Capability      `json:"capabilities"`
	Properties   map[string]string `json:"properties"`
}

// Identity is the scanner behind an adapter.
type Identity struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor"`
	Version string `json:"version"`
}

// Capability is a sort of reports that an adapter makes of sorts of artifacts.
type Capability struct {
	// Type is "vulnerability" or "sbom"; adapters of API 1.1 do not say, and
	// mean the first.
	Type     string   `json:"type"`
	Consumes []string `json:"consumes_mime_types"`
	Produces []string `json:"produces_mime_types"`
}

const vulnerabilities = "vulnerability"

// check says what is missing for an adapter to be of use.
func (m *Metadata) check() error {
	if m.Scanner.Name == "" {
		return faultf("its metadata do not name the scanner")
	}
	for i := range m.Capabilities {
		if c := &m.Capabilities[i]; c.vulnerable() && c.report() != "" {
			return nil
		}
	}
	return faultf("it makes none of the reports that are read: %s", strings.Join(reportTypes(), ", "))
}

// reportOf answers the report that can be had of artifacts of a type, and the
// capability; "" when none can.
func (m *Metadata) reportOf(mediaType string) (string, *Capability) {
	for i := range m.Capabilities {
		c := &m.Capabilities[i]
		if report := c.report(); report != "" && c.vulnerable() && slices.ContainsFunc(c.Consumes, func(t string) bool { return sameType(t, mediaType) }) {
			return report, c
		}
	}
	return "", nil
}

func (c *Capability) vulnerable() bool { return c.Type == "" || c.Type == vulnerabilities }

// report is the best report that the capability makes and we can read, in the
// adapter's own spelling.
func (c *Capability) report() string {
	for _, want := range reportTypes() {
		for _, have := range c.Produces {
			if sameType(have, want) {
				return have
			}
		}
	}
	return ""
}

// sameType compares media types with their versions, however they are spaced.
func sameType(a, b string) bool {
	kindA, parametersA, errA := mime.ParseMediaType(a)
	kindB, parametersB, errB := mime.ParseMediaType(b)
	return errA == nil && errB == nil && kindA == kindB && parametersA["version"] == parametersB["version"]
}

// updated is when the scanner's data were updated, if it says so.
func (m *Metadata) updated() time.Time {
	at, err := time.Parse(time.RFC3339, m.Properties["harbor.scanner-adapter/vulnerability-database-updated-at"])
	if err != nil {
		return time.Time{}
	}
	return at
}

// Request asks for a scan.
type Request struct {
	Registry Registry `json:"registry"`
	Artifact Artifact `json:"artifact"`
	// Enabled narrows down what an adapter does that has more than one type of
	// capability (API 1.2).
	Enabled []enabled `json:"enabled_capabilities,omitempty"`
}

// Registry is where the scanner finds the artifact.
type Registry struct {
	URL string `json:"url"`
	// Authorization is the value of the header that it sends there. It must not
	// be logged.
	Authorization string `json:"authorization"`
}

// Artifact is what is to be scanned.
type Artifact struct {
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
	MediaType  string `json:"mime_type"`
}

type enabled struct {
	Type     string   `json:"type"`
	Produces []string `json:"produces_mime_types"`
}

// When an adapter is asked again for a report that it is working on.
const (
	defaultRefresh = 5 * time.Second
	leastRefresh   = time.Second
	mostRefresh    = 5 * time.Minute
)

// refreshAfter reads the header by which an adapter says so.
func refreshAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(h.Get("Refresh-After")))
	if err != nil {
		return defaultRefresh
	}
	return min(max(time.Duration(min(seconds, 3600))*time.Second, leastRefresh), mostRefresh)
}

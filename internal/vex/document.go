package vex

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Formats of documents.
const (
	OpenVEX   = "OpenVEX"
	CSAF      = "CSAF"
	CycloneDX = "CycloneDX"
)

// Status is what a statement says of a vulnerability.
type Status string

// The statuses, in the words of OpenVEX.
const (
	NotAffected        Status = "not_affected"
	Affected           Status = "affected"
	Fixed              Status = "fixed"
	UnderInvestigation Status = "under_investigation"
)

// Document is what somebody says.
type Document struct {
	ID         string      `json:"id"`
	Format     string      `json:"format"`
	Author     string      `json:"author,omitempty"`
	Version    string      `json:"version,omitempty"`
	IssuedAt   time.Time   `json:"issuedAt,omitzero"` // or last changed
	Statements []Statement `json:"statements"`
}

// Statement is what is said of a vulnerability.
type Statement struct {
	Vulnerabilities []string  `json:"vulnerabilities"` // ids of one and the same
	Status          Status    `json:"status"`
	Justification   string    `json:"justification,omitempty"`
	Note            string    `json:"note,omitempty"`
	Products        []Product `json:"products,omitempty"`
	At              time.Time `json:"at,omitzero"`
}

// Product is what a statement is about.
type Product struct {
	// Names are package URLs, digests and other identifiers of one thing. None
	// means the thing that the document was given for, which it has no name for
	// that can be understood.
	Names []string `json:"names,omitempty"`
	// Within names packages of that thing; empty means all of it.
	Within []string `json:"within,omitempty"`
}

// Excuses says whether a finding does not count by a status.
func (s Status) Excuses() bool { return s == NotAffected || s == Fixed }

// Bounds of a document. Real ones stay far below.
const (
	MaxBytes      = 32 << 20
	maxStatements = 100_000
	maxProducts   = 1_000_000 // of all statements
	maxText       = 4096      // bytes of a text
	// maxIDs is how many ids one vulnerability has. A statement with a list of
	// all that there are would hide them all in one line.
	maxIDs = 64
	// maxExpanded is how much larger than itself a document may become by what it
	// refers to again and again.
	maxExpanded = 16
)

// IsArtifact says whether artifacts of a type that lie beside an image may be
// documents. Attestations and CycloneDX documents need not be; those that are not,
// say nothing.
func IsArtifact(artifactType string) bool {
	return slices.ContainsFunc([]string{
		"openvex", "csaf", "vnd.cyclonedx", "vnd.in-toto", "vnd.dev.cosign", "vnd.dev.sigstore", "dsse.envelope", "application/vex",
	}, func(part string) bool { return strings.Contains(artifactType, part) })
}

// Errors of Parse.
var (
	ErrUnknownFormat = errors.New("vex: the document is neither OpenVEX, CSAF nor CycloneDX with analyses")
	ErrTooLarge      = errors.New("vex: the document is too large")
)

// Parse reads a document of any of the formats.
func Parse(data []byte) (*Document, error) {
	inner, subjects, err := unwrap(data, 3)
	if err != nil {
		return nil, err
	}
	d, err := parse(inner)
	if err != nil {
		return nil, err
	}
	if subjects != nil {
		d.isAbout(*subjects)
	}
	return d, d.check(len(data))
}

// parse reads what is in no envelope.
func parse(data []byte) (*Document, error) {
	var kind struct {
		Context   any    `json:"@context"`
		BOMFormat string `json:"bomFormat"`
		Document  *struct {
			CSAFVersion string `json:"csaf_version"`
		} `json:"document"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, fmt.Errorf("vex: not a JSON document: %w", err)
	}
	context, _ := kind.Context.(string)
	switch {
	case strings.HasPrefix(context, "https://openvex.dev/ns"):
		return parseOpenVEX(data)
	case kind.BOMFormat == CycloneDX:
		return parseCycloneDX(data)
	case kind.Document != nil && kind.Document.CSAFVersion != "":
		return parseCSAF(data)
	}
	return nil, ErrUnknownFormat
}

// unwrap takes a document out of an envelope (DSSE) and an in-toto statement, and
// answers the digests of what that is about; nil where there is no in-toto
// statement that says so.
func unwrap(data []byte, depth int) ([]byte, *[]string, error) {
	if len(data) > MaxBytes {
		return nil, nil, ErrTooLarge
	}
	var wrapped struct {
		Payload       string          `json:"payload"`
		PayloadType   string          `json:"payloadType"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
		Subject       []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if depth == 0 || json.Unmarshal(data, &wrapped) != nil {
		return data, nil, nil //nolint:nilerr // what is in no envelope is for its own reader to refuse
	}
	switch {
	case wrapped.Payload != "" && wrapped.PayloadType != "":
		inner, err := base64.StdEncoding.DecodeString(wrapped.Payload)
		if err != nil {
			return nil, nil, fmt.Errorf("vex: the envelope's payload: %w", err)
		}
		return unwrap(inner, depth-1)
	case wrapped.PredicateType != "" && len(wrapped.Predicate) > 0:
		inner, subjects, err := unwrap(wrapped.Predicate, depth-1)
		if subjects == nil && len(wrapped.Subject) > 0 {
			subjects = new([]string)
			for _, s := range wrapped.Subject {
				if hash := s.Digest["sha256"]; hash != "" {
					*subjects = append(*subjects, "sha256:"+strings.ToLower(hash))
				}
			}
		}
		return inner, subjects, err
	}
	return data, nil, nil
}

// isAbout makes what has no product of its own be about the subjects of an
// attestation, of whatever image it lies beside.
func (d *Document) isAbout(subjects []string) {
	for i := range d.Statements {
		s := &d.Statements[i]
		if len(s.Products) == 0 {
			s.Products = []Product{{}}
		}
		for j := range s.Products {
			if p := &s.Products[j]; len(p.Names) == 0 {
				// Subjects without a digest that is known are about nothing here.
				p.Names = append([]string{"subject"}, subjects...)
			}
		}
	}
}

// check refuses documents that say nothing or too much, and cuts long texts. size
// is how large the document came.
func (d *Document) check(size int) error {
	if len(d.Statements) == 0 {
		return errors.New("vex: the document holds no statement about anything that can be told")
	}
	if len(d.Statements) > maxStatements {
		return fmt.Errorf("%w: %d statements", ErrTooLarge, len(d.Statements))
	}
	products, expanded := 0, 0
	for i := range d.Statements {
		s := &d.Statements[i]
		products += len(s.Products)
		if err := s.check(); err != nil {
			return fmt.Errorf("vex: statement %d %w", i+1, err)
		}
		if s.At.IsZero() {
			s.At = d.IssuedAt
		}
		s.Note, s.Justification = clip(s.Note), clip(s.Justification)
		expanded += s.size()
	}
	if products > maxProducts {
		return fmt.Errorf("%w: %d products", ErrTooLarge, products)
	}
	if expanded > maxExpanded*size {
		return fmt.Errorf("%w: it repeats itself too often", ErrTooLarge)
	}
	d.ID, d.Author, d.Version = clip(d.ID), clip(d.Author), clip(d.Version)
	return nil
}

func (s *Statement) check() error {
	switch {
	case len(s.Vulnerabilities) == 0:
		return errors.New("names no vulnerability")
	case len(s.Vulnerabilities) > maxIDs:
		return fmt.Errorf("has %d ids for one vulnerability", len(s.Vulnerabilities))
	case !slices.Contains([]Status{NotAffected, Affected, Fixed, UnderInvestigation}, s.Status):
		return fmt.Errorf("has the unknown status %.64q", s.Status)
	}
	return nil
}

// size is how much text the statement is.
func (s *Statement) size() int {
	n := len(s.Note) + len(s.Justification)
	for _, id := range s.Vulnerabilities {
		n += len(id)
	}
	for _, p := range s.Products {
		for _, name := range p.Names {
			n += len(name)
		}
		for _, name := range p.Within {
			n += len(name)
		}
	}
	return n
}

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// moment reads a time as documents have it; zero when there is none.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// names are those that are not empty, each once.
func names(all ...string) []string {
	var out []string
	seen := make(map[string]bool, len(all))
	for _, name := range all {
		if name = strings.TrimSpace(name); name != "" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

package vex

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	// Names are package URLs, digests and other identifiers of one thing.
	Names []string `json:"names"`
	// Within names packages of that thing; empty means all of it.
	Within []string `json:"within,omitempty"`
}

// Bounds of a document. Real ones stay far below.
const (
	MaxBytes      = 32 << 20
	maxStatements = 100_000
	maxProducts   = 1_000_000 // of all statements
	maxText       = 4096
)

// Errors of Parse.
var (
	ErrUnknownFormat = errors.New("vex: the document is neither OpenVEX, CSAF nor CycloneDX with analyses")
	ErrTooLarge      = errors.New("vex: the document is too large")
)

// Parse reads a document of any of the formats.
func Parse(data []byte) (*Document, error) {
	data, err := unwrap(data, 3)
	if err != nil {
		return nil, err
	}
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
	var d *Document
	context, _ := kind.Context.(string)
	switch {
	case strings.HasPrefix(context, "https://openvex.dev/ns"):
		d, err = parseOpenVEX(data)
	case kind.BOMFormat == CycloneDX:
		d, err = parseCycloneDX(data)
	case kind.Document != nil && kind.Document.CSAFVersion != "":
		d, err = parseCSAF(data)
	default:
		return nil, ErrUnknownFormat
	}
	if err != nil {
		return nil, err
	}
	return d, d.check()
}

// unwrap takes a document out of an envelope (DSSE) and an in-toto statement.
func unwrap(data []byte, depth int) ([]byte, error) {
	if len(data) > MaxBytes {
		return nil, ErrTooLarge
	}
	var wrapped struct {
		Payload       string          `json:"payload"`
		PayloadType   string          `json:"payloadType"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	if depth == 0 || json.Unmarshal(data, &wrapped) != nil {
		return data, nil
	}
	switch {
	case wrapped.Payload != "" && wrapped.PayloadType != "":
		inner, err := base64.StdEncoding.DecodeString(wrapped.Payload)
		if err != nil {
			return nil, fmt.Errorf("vex: the envelope's payload: %w", err)
		}
		return unwrap(inner, depth-1)
	case wrapped.PredicateType != "" && len(wrapped.Predicate) > 0:
		return unwrap(wrapped.Predicate, depth-1)
	}
	return data, nil
}

// check refuses documents that say nothing or too much, and cuts long texts.
func (d *Document) check() error {
	if len(d.Statements) == 0 {
		return errors.New("vex: the document holds no statement")
	}
	if len(d.Statements) > maxStatements {
		return fmt.Errorf("%w: %d statements", ErrTooLarge, len(d.Statements))
	}
	products := 0
	for i := range d.Statements {
		s := &d.Statements[i]
		products += len(s.Products)
		if len(s.Vulnerabilities) == 0 {
			return fmt.Errorf("vex: statement %d names no vulnerability", i+1)
		}
		switch s.Status {
		case NotAffected, Affected, Fixed, UnderInvestigation:
		default:
			return fmt.Errorf("vex: statement %d: unknown status %.64q", i+1, s.Status)
		}
		if s.At.IsZero() {
			s.At = d.IssuedAt
		}
		s.Note, s.Justification = clip(s.Note), clip(s.Justification)
	}
	if products > maxProducts {
		return fmt.Errorf("%w: %d products", ErrTooLarge, products)
	}
	d.ID, d.Author, d.Version = clip(d.ID), clip(d.Author), clip(d.Version)
	return nil
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
	seen := map[string]bool{}
	for _, name := range all {
		if name = strings.TrimSpace(name); name != "" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

package vex

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The members of OpenVEX that are of use here. The project's own library brings
// in-toto and protocol buffers along for as many.
type openDocument struct {
	ID          string          `json:"@id"`
	Author      string          `json:"author"`
	Timestamp   string          `json:"timestamp"`
	LastUpdated string          `json:"last_updated"`
	Version     json.RawMessage `json:"version"` // a number, once a text
	Statements  []openStatement `json:"statements"`
}

type openStatement struct {
	Vulnerability openVulnerability `json:"vulnerability"`
	Timestamp     string            `json:"timestamp"`
	LastUpdated   string            `json:"last_updated"`
	Status        string            `json:"status"`
	Justification string            `json:"justification"`
	Impact        string            `json:"impact_statement"`
	Action        string            `json:"action_statement"`
	Notes         string            `json:"status_notes"`
	Products      []openProduct     `json:"products"`
}

type openVulnerability struct {
	ID      string   `json:"@id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

// UnmarshalJSON takes a bare id, too: that is how documents of version 0.0.1
// have it.
func (v *openVulnerability) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &v.Name) == nil {
		return nil
	}
	type plain openVulnerability
	return json.Unmarshal(data, (*plain)(v))
}

type openComponent struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers"`
	Hashes      map[string]string `json:"hashes"`
}

type openProduct struct {
	openComponent
	Parts []openComponent `json:"subcomponents"`
}

// UnmarshalJSON takes a bare name, too.
func (p *openProduct) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &p.ID) == nil {
		return nil
	}
	type plain openProduct
	return json.Unmarshal(data, (*plain)(p))
}

func parseOpenVEX(data []byte) (*Document, error) {
	var in openDocument
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("vex: not an OpenVEX document: %w", err)
	}
	d := &Document{
		ID: in.ID, Format: OpenVEX, Author: in.Author, Version: strings.Trim(string(in.Version), `"`),
		IssuedAt: moment(firstOf(in.LastUpdated, in.Timestamp)),
	}
	for i := range in.Statements {
		s := &in.Statements[i]
		v := s.Vulnerability
		out := Statement{
			Vulnerabilities: names(append([]string{vulnerabilityName(v.Name, v.ID)}, v.Aliases...)...),
			Status:          Status(s.Status), Justification: s.Justification,
			Note: firstOf(s.Impact, s.Action, s.Notes), At: moment(firstOf(s.LastUpdated, s.Timestamp)),
		}
		for j := range s.Products {
			p := Product{Names: s.Products[j].names()}
			for k := range s.Products[j].Parts {
				p.Within = append(p.Within, s.Products[j].Parts[k].names()...)
			}
			// Without a name it cannot be told what is meant, and packages that have
			// none must not widen a statement to the whole product.
			if len(p.Names) == 0 || len(p.Within) == 0 && len(s.Products[j].Parts) > 0 {
				continue
			}
			out.Products = append(out.Products, p)
		}
		if len(out.Products) == 0 && len(s.Products) > 0 {
			continue
		}
		d.Statements = append(d.Statements, out)
	}
	return d, nil
}

// vulnerabilityName takes the id out of an IRI where there is no name.
func vulnerabilityName(name, iri string) string {
	if name != "" {
		return name
	}
	return iri[strings.LastIndexByte(iri, '/')+1:]
}

func (c *openComponent) names() []string {
	all := append([]string{c.ID}, slices.Sorted(maps.Values(c.Identifiers))...)
	if hash := c.Hashes["sha-256"]; hash != "" {
		all = append(all, "sha256:"+strings.ToLower(hash))
	}
	return names(all...)
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

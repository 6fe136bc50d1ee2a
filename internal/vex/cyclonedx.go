package vex

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

func parseCycloneDX(data []byte) (*Document, error) {
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(data), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return nil, fmt.Errorf("vex: not a CycloneDX document: %w", err)
	}
	d := &Document{ID: bom.SerialNumber, Format: CycloneDX, Version: strconv.Itoa(bom.Version)}
	known := componentRefs{}
	var whole []Product // what the document is about
	if m := bom.Metadata; m != nil {
		d.IssuedAt = moment(m.Timestamp)
		d.Author = cycloneAuthor(m)
		if m.Component != nil {
			known.add([]cyclonedx.Component{*m.Component})
			if found := componentNames(m.Component); len(found) > 0 {
				whole = []Product{{Names: found}}
			}
		}
	}
	if bom.Components != nil {
		known.add(*bom.Components)
	}
	if bom.Vulnerabilities == nil {
		return nil, ErrUnknownFormat
	}
	for i := range *bom.Vulnerabilities {
		if s, ok := cycloneStatement(&(*bom.Vulnerabilities)[i], known, whole); ok {
			d.Statements = append(d.Statements, s)
		}
	}
	return d, nil
}

func cycloneAuthor(m *cyclonedx.Metadata) string {
	if m.Authors != nil {
		for _, a := range *m.Authors {
			return firstOf(a.Name, a.Email)
		}
	}
	if m.Supplier != nil {
		return m.Supplier.Name
	}
	return ""
}

// componentRefs are the names of components by their bom-ref.
type componentRefs map[string][]string

func (r componentRefs) add(all []cyclonedx.Component) {
	for i := range all {
		c := &all[i]
		if c.BOMRef != "" {
			r[c.BOMRef] = componentNames(c)
		}
		if c.Components != nil {
			r.add(*c.Components)
		}
	}
}

func componentNames(c *cyclonedx.Component) []string {
	found := []string{c.PackageURL}
	if c.Hashes != nil {
		for _, h := range *c.Hashes {
			if h.Algorithm == cyclonedx.HashAlgoSHA256 {
				found = append(found, "sha256:"+strings.ToLower(h.Value))
			}
		}
	}
	return names(found...)
}

// cycloneStatement is what an analysis says; one without a state says nothing.
// What names no component is about what the whole document is about.
func cycloneStatement(v *cyclonedx.Vulnerability, known componentRefs, whole []Product) (Statement, bool) {
	if v.Analysis == nil {
		return Statement{}, false
	}
	status, ok := map[cyclonedx.ImpactAnalysisState]Status{
		cyclonedx.IASResolved: Fixed, cyclonedx.IASResolvedWithPedigree: Fixed, cyclonedx.IASExploitable: Affected,
		cyclonedx.IASInTriage: UnderInvestigation, cyclonedx.IASFalsePositive: NotAffected, cyclonedx.IASNotAffected: NotAffected,
	}[v.Analysis.State]
	if !ok {
		return Statement{}, false
	}
	s := Statement{
		Vulnerabilities: names(v.ID), Status: status, Justification: string(v.Analysis.Justification), Note: v.Analysis.Detail,
		At: moment(firstOf(v.Analysis.LastUpdated, v.Analysis.FirstIssued, v.Updated)),
	}
	if s.Justification == "" && v.Analysis.State == cyclonedx.IASFalsePositive {
		s.Justification = string(cyclonedx.IASFalsePositive)
	}
	if v.References != nil {
		for _, r := range *v.References {
			s.Vulnerabilities = names(append(s.Vulnerabilities, r.ID)...)
		}
	}
	if v.Affects == nil || len(*v.Affects) == 0 {
		s.Products = whole
		return s, len(s.Vulnerabilities) > 0
	}
	for _, a := range *v.Affects {
		// BOM-Link: urn:cdx:SERIAL/VERSION#REF names a component of another document.
		_, ref, linked := strings.Cut(a.Ref, "#")
		if !linked {
			ref = a.Ref
		}
		found, there := known[ref] // of a component without a name: none
		if !there {
			found = names(ref)
		}
		if len(found) > 0 {
			s.Products = append(s.Products, Product{Names: found})
		}
	}
	return s, len(s.Products) > 0 && len(s.Vulnerabilities) > 0
}

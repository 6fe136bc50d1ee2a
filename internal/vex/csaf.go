package vex

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The part of CSAF 2.0 that VEX needs. The project's own library refuses
// documents whose every enumeration it does not know, which real ones are, and
// brings a downloader and a signature checker along.
type csafDocument struct {
	Document struct {
		Publisher struct {
			Name string `json:"name"`
		} `json:"publisher"`
		Tracking struct {
			ID      string `json:"id"`
			Version string `json:"version"`
			Current string `json:"current_release_date"`
			Initial string `json:"initial_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	Tree            csafTree            `json:"product_tree"`
	Vulnerabilities []csafVulnerability `json:"vulnerabilities"`
}

type csafTree struct {
	Branches      []csafBranch       `json:"branches"`
	Names         []csafProduct      `json:"full_product_names"`
	Relationships []csafRelationship `json:"relationships"`
	Groups        []struct {
		ID       string   `json:"group_id"`
		Products []string `json:"product_ids"`
	} `json:"product_groups"`
}

type csafBranch struct {
	Branches []csafBranch `json:"branches"`
	Product  *csafProduct `json:"product"`
}

type csafProduct struct {
	ID     string `json:"product_id"`
	Helper struct {
		PURL   string `json:"purl"`
		Hashes []struct {
			Files []struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"value"`
			} `json:"file_hashes"`
		} `json:"hashes"`
	} `json:"product_identification_helper"`
}

type csafRelationship struct {
	Category string      `json:"category"`
	Part     string      `json:"product_reference"`
	Whole    string      `json:"relates_to_product_reference"`
	Product  csafProduct `json:"full_product_name"`
}

type csafVulnerability struct {
	CVE string `json:"cve"`
	IDs []struct {
		Text string `json:"text"`
	} `json:"ids"`
	Status map[string][]string `json:"product_status"`
	Flags  []struct {
		Label    string   `json:"label"`
		Products []string `json:"product_ids"`
		Groups   []string `json:"group_ids"`
	} `json:"flags"`
	Threats []struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
		Groups   []string `json:"group_ids"`
	} `json:"threats"`
}

const maxBranches = 64 // in depth

func parseCSAF(data []byte) (*Document, error) {
	var in csafDocument
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("vex: not a CSAF document: %w", err)
	}
	t := in.Document.Tracking
	d := &Document{ID: t.ID, Format: CSAF, Author: in.Document.Publisher.Name, Version: t.Version, IssuedAt: moment(firstOf(t.Current, t.Initial))}
	products := in.Tree.products()
	for i := range in.Vulnerabilities {
		d.Statements = append(d.Statements, in.Vulnerabilities[i].statements(products, in.Tree.groups())...)
	}
	return d, nil
}

// products are what the ids of the tree stand for.
func (t *csafTree) products() map[string]Product {
	all := map[string]Product{}
	add := func(p *csafProduct) {
		found := []string{p.Helper.PURL}
		for _, h := range p.Helper.Hashes {
			for _, f := range h.Files {
				if strings.EqualFold(f.Algorithm, "sha256") {
					found = append(found, "sha256:"+strings.ToLower(f.Value))
				}
			}
		}
		if found = names(found...); len(found) > 0 {
			all[p.ID] = Product{Names: found}
		}
	}
	var walk func([]csafBranch, int)
	walk = func(branches []csafBranch, depth int) {
		for i := range branches {
			if branches[i].Product != nil {
				add(branches[i].Product)
			}
			if depth < maxBranches {
				walk(branches[i].Branches, depth+1)
			}
		}
	}
	walk(t.Branches, 0)
	for i := range t.Names {
		add(&t.Names[i])
	}
	for _, r := range t.Relationships {
		whole, part := all[r.Whole], all[r.Part]
		switch {
		case len(part.Names) == 0:
		case len(whole.Names) == 0: // part of something that has no name here, such as a distribution's release
			all[r.Product.ID] = part
		default:
			all[r.Product.ID] = Product{Names: whole.Names, Within: part.Names}
		}
	}
	return all
}

func (t *csafTree) groups() map[string][]string {
	all := map[string][]string{}
	for _, g := range t.Groups {
		all[g.ID] = g.Products
	}
	return all
}

// statements makes one of each product and status: justifications differ by
// product.
func (v *csafVulnerability) statements(products map[string]Product, groups map[string][]string) []Statement {
	ids := []string{v.CVE}
	for _, id := range v.IDs {
		ids = append(ids, id.Text)
	}
	flags, notes := map[string]string{}, map[string]string{}
	for _, f := range v.Flags {
		spread(flags, f.Label, f.Products, f.Groups, groups)
	}
	for _, t := range v.Threats {
		if t.Category == "impact" {
			spread(notes, t.Details, t.Products, t.Groups, groups)
		}
	}
	var all []Statement
	for _, of := range []struct {
		member string
		status Status
	}{
		{"known_not_affected", NotAffected}, {"fixed", Fixed}, {"first_fixed", Fixed},
		{"known_affected", Affected}, {"first_affected", Affected}, {"last_affected", Affected}, {"under_investigation", UnderInvestigation},
	} {
		for _, id := range v.Status[of.member] {
			if p, known := products[id]; known && len(names(ids...)) > 0 {
				all = append(all, Statement{Vulnerabilities: names(ids...), Status: of.status, Justification: flags[id], Note: notes[id], Products: []Product{p}})
			}
		}
	}
	return all
}

// spread gives products, by id or by group, a text.
func spread(to map[string]string, text string, products, ofGroups []string, groups map[string][]string) {
	for _, id := range products {
		to[id] = text
	}
	for _, g := range ofGroups {
		for _, id := range groups[g] {
			to[id] = text
		}
	}
}

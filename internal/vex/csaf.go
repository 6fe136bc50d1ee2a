package vex

import (
	"encoding/json"
	"fmt"
	"slices"
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
		CPE    string `json:"cpe"`
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

const (
	maxBranches = 64        // in depth
	maxSpread   = 2_000_000 // products that groups stand for, in all
)

func parseCSAF(data []byte) (*Document, error) {
	var in csafDocument
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("vex: not a CSAF document: %w", err)
	}
	t := in.Document.Tracking
	d := &Document{ID: t.ID, Format: CSAF, Author: in.Document.Publisher.Name, Version: t.Version, IssuedAt: moment(firstOf(t.Current, t.Initial))}
	x := csafExpansion{products: in.Tree.products(), groups: in.Tree.groups(), left: maxSpread}
	for i := range in.Vulnerabilities {
		statements, err := x.statements(&in.Vulnerabilities[i])
		if err != nil {
			return nil, err
		}
		d.Statements = append(d.Statements, statements...)
	}
	return d, nil
}

// csafProducts are what the ids of a tree stand for.
type csafProducts struct {
	known map[string]Product
	// vague are packages of things that cannot be told. They are not excused by
	// what is said of them, but they can be affected.
	vague map[string]Product
}

func (t *csafTree) products() csafProducts {
	x := csafProducts{known: map[string]Product{}, vague: map[string]Product{}}
	var unnamed []string
	add := func(p *csafProduct) {
		if found := p.names(); len(found) > 0 {
			x.known[p.ID] = Product{Names: found}
		} else if !slices.Contains(unnamed, p.ID) && len(unnamed) < 2 {
			unnamed = append(unnamed, p.ID)
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
	if len(unnamed) == 1 { // it can only be what the document was given for
		x.known[unnamed[0]] = Product{}
	}
	for i := range t.Relationships {
		x.relate(&t.Relationships[i])
	}
	return x
}

// relate adds a product that is a part of another.
func (x *csafProducts) relate(r *csafRelationship) {
	part := x.known[r.Part]
	inside := part.Within
	if len(inside) == 0 {
		inside = packagesOf(part.Names)
	}
	if len(inside) == 0 {
		return
	}
	if whole, known := x.known[r.Whole]; known {
		x.known[r.Product.ID] = Product{Names: whole.Names, Within: inside}
	} else {
		x.vague[r.Product.ID] = Product{Names: inside}
	}
}

func (p *csafProduct) names() []string {
	found := []string{p.Helper.PURL, p.Helper.CPE}
	for _, h := range p.Helper.Hashes {
		for _, f := range h.Files {
			if strings.EqualFold(f.Algorithm, "sha256") {
				found = append(found, "sha256:"+strings.ToLower(f.Value))
			}
		}
	}
	return names(found...)
}

func packagesOf(found []string) []string {
	return slices.DeleteFunc(slices.Clone(found), func(name string) bool { return !strings.HasPrefix(name, "pkg:") })
}

func (t *csafTree) groups() map[string][]string {
	all := map[string][]string{}
	for _, g := range t.Groups {
		all[g.ID] = g.Products
	}
	return all
}

// csafExpansion makes statements of what a document says of its products.
type csafExpansion struct {
	products csafProducts
	groups   map[string][]string
	left     int // of what groups may stand for
}

// said is what a statement says beside what it is about.
type said struct {
	status              Status
	justification, note string
}

// statements makes one of all products of which the same is said.
func (x *csafExpansion) statements(v *csafVulnerability) ([]Statement, error) {
	ids := []string{v.CVE}
	for _, id := range v.IDs {
		ids = append(ids, id.Text)
	}
	flags, notes := map[string]string{}, map[string]string{}
	for _, f := range v.Flags {
		if err := x.spread(flags, f.Label, f.Products, f.Groups); err != nil {
			return nil, err
		}
	}
	for _, t := range v.Threats {
		if t.Category != "impact" {
			continue
		}
		if err := x.spread(notes, t.Details, t.Products, t.Groups); err != nil {
			return nil, err
		}
	}
	if ids = names(ids...); len(ids) == 0 {
		return nil, nil
	}
	var all []Statement
	at := map[said]int{}
	for _, of := range []struct {
		member string
		status Status
	}{
		{"known_not_affected", NotAffected}, {"fixed", Fixed}, {"first_fixed", Fixed},
		{"known_affected", Affected}, {"first_affected", Affected}, {"last_affected", Affected}, {"under_investigation", UnderInvestigation},
	} {
		for _, id := range v.Status[of.member] {
			product, known := x.products.known[id]
			if !known && !of.status.Excuses() {
				product, known = x.products.vague[id]
			}
			if !known {
				continue
			}
			what := said{of.status, flags[id], notes[id]}
			i, begun := at[what]
			if !begun {
				i = len(all)
				at[what] = i
				all = append(all, Statement{Vulnerabilities: ids, Status: what.status, Justification: what.justification, Note: what.note})
			}
			all[i].Products = append(all[i].Products, product)
		}
	}
	return all, nil
}

// spread gives products, by id or by group, a text.
func (x *csafExpansion) spread(to map[string]string, text string, products, ofGroups []string) error {
	for _, id := range products {
		to[id] = text
	}
	for _, g := range ofGroups {
		if x.left -= len(x.groups[g]); x.left < 0 {
			return fmt.Errorf("%w: its groups stand for too many products", ErrTooLarge)
		}
		for _, id := range x.groups[g] {
			to[id] = text
		}
	}
	return nil
}

package enhanced

import (
	"cmp"
	"context"
	"slices"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

// Risks tells what is known of vulnerabilities beside their advisories; those of
// which nothing is known have no entry.
type Risks interface {
	Risks(ctx context.Context, ids []string) (map[string]finding.Risk, error)
}

// ReaderStore is what a reader needs of the metadata.
type ReaderStore interface {
	CoverageByID(ctx context.Context, ids []int64) (map[int64]finding.Coverage, error)
	InventoryProblems(ctx context.Context, inventory string, vulnerabilities ...string) ([]meta.StoredProblem, error)
}

// Reader makes findings of what is kept of them.
type Reader struct {
	Store       ReaderStore
	Inventories *Inventories
	Risks       Risks
}

// Findings composes findings of their states, in the order given, whatever images
// they are of.
func (r *Reader) Findings(ctx context.Context, states []finding.State) ([]finding.Finding, error) {
	if len(states) == 0 {
		return nil, nil
	}
	coverage, err := r.Store.CoverageByID(ctx, distinctCoverage(states))
	if err != nil {
		return nil, err
	}
	risks, err := r.Risks.Risks(ctx, distinctVulnerabilities(states))
	if err != nil {
		return nil, err
	}
	out := make([]finding.Finding, len(states))
	groups, inventories := map[string][]int{}, []string{}
	for i, s := range states {
		c, ok := coverage[s.Coverage]
		if !ok {
			out[i] = finding.Compose(s, finding.Image{Repository: s.Repository, Digest: s.Digest}, nil)
			continue
		}
		if groups[c.InventoryID] == nil {
			inventories = append(inventories, c.InventoryID)
		}
		groups[c.InventoryID] = append(groups[c.InventoryID], i)
	}
	// One after the other: of what there may be in a hundred images only one is
	// held at a time.
	for _, id := range inventories {
		if err := r.compose(ctx, states, groups[id], coverage, risks, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compose makes findings of some states, all of images with the same inventory.
func (r *Reader) compose(ctx context.Context, states []finding.State, some []int, coverage map[int64]finding.Coverage, risks map[string]finding.Risk, out []finding.Finding) error {
	var vulnerabilities []string
	for _, i := range some {
		vulnerabilities = append(vulnerabilities, states[i].VulnerabilityID)
	}
	inventory := coverage[states[some[0]].Coverage].InventoryID
	stored, err := r.Store.InventoryProblems(ctx, inventory, distinct(vulnerabilities)...)
	if err != nil {
		return err
	}
	problems := group(stored)
	slices.SortStableFunc(some, func(a, b int) int { return cmp.Compare(states[a].Coverage, states[b].Coverage) })
	var v *view
	for _, i := range some {
		s := states[i]
		if v == nil || v.coverage.ID != s.Coverage {
			if v, err = r.view(ctx, coverage[s.Coverage]); err != nil {
				return err
			}
		}
		out[i] = v.compose(s, problems[s.VulnerabilityID], risks[s.VulnerabilityID])
	}
	return nil
}

func distinctCoverage(states []finding.State) []int64 {
	seen := map[int64]bool{}
	var ids []int64
	for _, s := range states {
		if !seen[s.Coverage] {
			seen[s.Coverage] = true
			ids = append(ids, s.Coverage)
		}
	}
	return ids
}

func distinctVulnerabilities(states []finding.State) []string {
	seen := map[string]bool{}
	var ids []string
	for _, s := range states {
		if !seen[s.VulnerabilityID] {
			seen[s.VulnerabilityID] = true
			ids = append(ids, s.VulnerabilityID)
		}
	}
	return ids
}

// problemsOf are problems by vulnerability.
type problemsOf map[string][]meta.StoredProblem

func group(stored []meta.StoredProblem) problemsOf {
	out := problemsOf{}
	for _, p := range stored {
		out[p.VulnerabilityID] = append(out[p.VulnerabilityID], p)
	}
	return out
}

// view is an image with all that findings of it are composed of.
type view struct {
	coverage finding.Coverage
	contents *contents // nil before the first scan
	layers   []string
}

func (r *Reader) view(ctx context.Context, c finding.Coverage) (*view, error) {
	contents, err := r.Inventories.of(ctx, c.InventoryID)
	if err != nil {
		return nil, err
	}
	return newView(c, contents)
}

func newView(c finding.Coverage, contents *contents) (*view, error) {
	layers, err := decodeLayers(c.Layers)
	return &view{coverage: c, contents: contents, layers: layers}, err
}

// compose makes a finding of the problems that it consists of.
func (v *view) compose(s finding.State, problems []meta.StoredProblem, risk finding.Risk) finding.Finding {
	located := make([]finding.LocatedProblem, len(problems))
	for i, p := range problems {
		located[i].Problem = p.Problem
		if v.contents != nil {
			located[i].Packages, located[i].More = v.contents.located(p.Of, v.layers)
		}
	}
	s.EPSS, s.Exploit = epss(risk), risk.KnownExploited
	f := finding.Compose(s, v.coverage.Image, located)
	f.Risk = risk
	return f
}

func epss(r finding.Risk) float64 {
	if !r.HasEPSS {
		return -1
	}
	return r.EPSS
}

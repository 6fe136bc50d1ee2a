package service

import (
	"context"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Aggregation is what findings are counted by, in Inspector's words.
type Aggregation string

// The aggregations that images have.
const (
	AggregateAccount    Aggregation = "ACCOUNT"
	AggregateType       Aggregation = "FINDING_TYPE"
	AggregateImage      Aggregation = "AWS_ECR_CONTAINER"
	AggregateRepository Aggregation = "REPOSITORY"
	AggregateLayer      Aggregation = "IMAGE_LAYER"
	AggregatePackage    Aggregation = "PACKAGE"
	AggregateTitle      Aggregation = "TITLE"
)

// FindingAggregation asks for a page of groups of the account's ACTIVE findings.
type FindingAggregation struct {
	By Aggregation
	// Criteria select findings, by the same names as everywhere.
	Criteria finding.Criteria
	// Layers and Packages select groups of those aggregations.
	Layers, Packages []finding.TextFilter
	Order            finding.Order
	Ascending        bool
	After            *finding.Place
	Limit            int
}

// FindingGroup is a group of findings with what is told of it.
type FindingGroup struct {
	finding.Group
	Place           finding.Place
	Image           *finding.Image // of an image or a layer
	ResourceID      string
	Repository      string
	Layer           string
	Title           string
	VulnerabilityID string
}

const (
	coverageBatch = 500 // images whose findings or coverage are read at a time
	layerBatch    = 50
)

// AggregateFindings answers a page of groups, and whether there are more. What
// findings are counted is of one moment only for each read of the store.
func (s *Service) AggregateFindings(ctx context.Context, c Caller, in FindingAggregation) ([]FindingGroup, bool, error) {
	scope, err := s.allowInspector(ctx, c, "ListFindingAggregations")
	if err != nil {
		return nil, false, err
	}
	n := narrow(in.Criteria, scope)
	if n.never {
		return nil, false, nil
	}
	leave, err := s.inspector.long.enter(ctx, scope.Account)
	if err != nil {
		return nil, false, err
	}
	defer leave()
	n.query.Statuses = []finding.Status{finding.Active}
	a := &aggregator{
		s: s, scope: scope, FindingAggregation: in, narrowed: n,
		best: finding.NewBest(in.Order, in.Ascending, in.After, in.Limit+1), told: map[string]FindingGroup{},
	}
	if err := a.run(ctx); err != nil {
		return nil, false, err
	}
	groups := a.best.Groups()
	more := len(groups) > in.Limit
	if more {
		groups = groups[:in.Limit]
	}
	out := make([]FindingGroup, len(groups))
	for i, g := range groups {
		out[i] = a.told[g.Key]
		out[i].Group, out[i].Place = g, a.best.PlaceOf(g)
	}
	return out, more, a.describe(ctx, out)
}

// aggregator makes one page of groups.
type aggregator struct {
	s     *Service
	scope registry.Scope
	FindingAggregation
	narrowed
	best *finding.Best
	told map[string]FindingGroup // of groups that were among the best
}

func (a *aggregator) run(ctx context.Context) error {
	switch a.By {
	case AggregateAccount, AggregateType:
		return a.byAccount(ctx)
	case AggregateImage, AggregateRepository:
		return a.byImage(ctx)
	case AggregateLayer:
		return a.byLayer(ctx)
	case AggregatePackage:
		return a.byPackage(ctx)
	case AggregateTitle:
		return a.byVulnerability(ctx)
	}
	return nil // nothing that images have
}

// add takes a group up, with what is told of it.
func (a *aggregator) add(g finding.Group, told FindingGroup) {
	if g.All > 0 && a.best.Add(g) {
		a.told[g.Key] = told
		if len(a.told) > 4*a.Limit+64 {
			a.forget()
		}
	}
}

// forget drops what is told of groups that are not among the best any more.
func (a *aggregator) forget() {
	kept := make(map[string]FindingGroup, a.Limit+1)
	for _, g := range a.best.Groups() {
		kept[g.Key] = a.told[g.Key]
	}
	a.told = kept
}

// eachState calls do for the states of all findings that a query selects.
func (a *aggregator) eachState(ctx context.Context, q meta.FindingQuery, do func(*finding.State) error) error {
	for q.Limit = statesBatch; ; {
		states, err := a.s.Store.ListFindings(ctx, a.scope.Account, q)
		if err != nil {
			return err
		}
		for i := range states {
			if err := do(&states[i]); err != nil {
				return err
			}
		}
		if len(states) < q.Limit {
			return nil
		}
		q.After = &states[len(states)-1]
	}
}

// byAccount makes the one group that all findings are in.
func (a *aggregator) byAccount(ctx context.Context) error {
	g := finding.Group{Key: a.scope.Account}
	err := a.eachState(ctx, a.query, func(s *finding.State) error {
		g.AddState(s)
		return nil
	})
	a.add(g, FindingGroup{})
	return err
}

// byImage makes a group of each image, or of the images of each repository.
func (a *aggregator) byImage(ctx context.Context) error {
	counted, err := a.s.Store.CountFindings(ctx, a.scope.Account, a.query, meta.GroupByImage)
	if err != nil {
		return err
	}
	byID := map[int64]*finding.Counts{}
	var ids []int64
	for _, c := range counted {
		id, err := strconv.ParseInt(c.Key, 10, 64)
		if err != nil {
			return registry.Internal("reading counts of findings", err)
		}
		counts := byID[id]
		if counts == nil {
			counts = &finding.Counts{Images: 1}
			byID[id], ids = counts, append(ids, id)
		}
		counts.Add(c.Severity, int64(c.Findings))
	}
	repositories := map[string]*finding.Counts{}
	err = a.eachImage(ctx, ids, func(c *finding.Coverage) error {
		counts := byID[c.ID]
		if a.By == AggregateImage {
			a.add(finding.Group{Key: a.resourceID(c), Counts: *counts}, FindingGroup{Image: &c.Image, ResourceID: a.resourceID(c), Repository: c.Image.Repository})
			return nil
		}
		if sum := repositories[c.Image.Repository]; sum != nil {
			sum.Sum(*counts)
		} else {
			repositories[c.Image.Repository] = counts
		}
		return nil
	})
	for name, counts := range repositories {
		a.add(finding.Group{Key: name, Counts: *counts}, FindingGroup{Repository: name})
	}
	return err
}

func (a *aggregator) resourceID(c *finding.Coverage) string {
	return a.scope.RepositoryARN(c.Image.Repository) + "/" + c.Image.Digest
}

// eachImage calls do for those of some images that the criteria select.
func (a *aggregator) eachImage(ctx context.Context, ids []int64, do func(*finding.Coverage) error) error {
	for len(ids) > 0 {
		some := ids[:min(len(ids), coverageBatch)]
		ids = ids[len(some):]
		found, err := a.s.Store.CoverageByID(ctx, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			c, ok := found[id]
			if !ok || !a.selects(&c) {
				continue
			}
			if err := do(&c); err != nil {
				return err
			}
		}
	}
	return nil
}

// selects says whether the findings of an image can match. What the criteria of
// these aggregations ask is the same for all of them.
func (a *aggregator) selects(c *finding.Coverage) bool {
	f := finding.Finding{
		State: finding.State{Account: c.Account, Repository: c.Image.Repository, Digest: c.Image.Digest, Status: finding.Active},
		Image: c.Image,
	}
	return a.state.Matches(&f) && (a.whole == nil || a.whole.Matches(&f))
}

// byLayer makes a group of each layer of each image. The findings of an image are
// looked at together, so that only the best groups need be kept.
func (a *aggregator) byLayer(ctx context.Context) error {
	counted, err := a.s.Store.CountFindings(ctx, a.scope.Account, a.query, meta.GroupByImage)
	if err != nil {
		return err
	}
	var ids []int64
	seen := map[string]bool{}
	for _, c := range counted {
		if id, err := strconv.ParseInt(c.Key, 10, 64); err == nil && !seen[c.Key] {
			seen[c.Key] = true
			ids = append(ids, id)
		}
	}
	for len(ids) > 0 {
		some := ids[:min(len(ids), layerBatch)]
		ids = ids[len(some):]
		if err := a.layersOf(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// layersOf adds the layers of some images.
func (a *aggregator) layersOf(ctx context.Context, images []int64) error {
	groups := map[string]*FindingGroup{}
	w := a.walk()
	w.query.Coverage = images
	err := w.each(ctx, func(found []finding.Finding) error {
		for i := range found {
			f := &found[i]
			counted := map[string]bool{}
			for _, p := range f.Packages {
				if p.Layer == "" || counted[p.Layer] || !finding.MatchText(p.Layer, a.Layers) {
					continue
				}
				counted[p.Layer] = true
				id := f.ResourceID(a.scope.Region)
				g := groups[id+"/"+p.Layer]
				if g == nil {
					image := f.Image
					g = &FindingGroup{Group: finding.Group{Key: id + "/" + p.Layer}, Image: &image, ResourceID: id, Repository: f.Repository, Layer: p.Layer}
					groups[g.Key] = g
				}
				g.AddState(&f.State)
			}
		}
		return nil
	})
	for _, g := range groups {
		a.add(g.Group, *g)
	}
	return err
}

func (a *aggregator) walk() *findingWalk {
	return &findingWalk{s: a.s, account: a.scope.Account, narrowed: a.narrowed}
}

// byPackage makes a group of each name of a package. A finding of two packages is
// in the groups of both.
func (a *aggregator) byPackage(ctx context.Context) error {
	groups := map[string]*finding.Counts{}
	err := a.walk().each(ctx, func(found []finding.Finding) error {
		for i := range found {
			counted := map[string]bool{}
			for _, p := range found[i].Packages {
				if counted[p.Name] || !finding.MatchText(p.Name, a.Packages) {
					continue
				}
				counted[p.Name] = true
				counts := groups[p.Name]
				if counts == nil {
					counts = &finding.Counts{}
					groups[strings.Clone(p.Name)] = counts
				}
				counts.AddState(&found[i].State)
			}
		}
		return nil
	})
	for name, counts := range groups {
		a.add(finding.Group{Key: name, Counts: *counts}, FindingGroup{})
	}
	return err
}

// byVulnerability makes a group of each vulnerability. Its title is that of one of
// its findings: they differ in the packages that images have.
func (a *aggregator) byVulnerability(ctx context.Context) error {
	counted, err := a.s.Store.CountFindings(ctx, a.scope.Account, a.query, meta.GroupByVulnerability)
	if err != nil {
		return err
	}
	groups := map[string]*finding.Counts{}
	for _, c := range counted {
		counts := groups[c.Key]
		if counts == nil {
			counts = &finding.Counts{}
			groups[c.Key] = counts
		}
		counts.Add(c.Severity, int64(c.Findings))
	}
	ids := a.Criteria.Texts["vulnerabilityId"]
	for id, counts := range groups {
		if !finding.MatchText(id, ids) {
			continue
		}
		title := ""
		if titles := a.Criteria.Texts["title"]; len(titles) > 0 {
			if !finding.TitleMayMatch(id, titles) {
				continue
			}
			if title, err = a.title(ctx, id); err != nil {
				return err
			}
			if !finding.MatchText(title, titles) {
				continue
			}
		}
		a.add(finding.Group{Key: id, Counts: *counts}, FindingGroup{VulnerabilityID: id, Title: title})
	}
	return nil
}

// title answers the title of the first finding of a vulnerability.
func (a *aggregator) title(ctx context.Context, id string) (string, error) {
	q := a.query
	q.Vulnerabilities, q.Limit = []string{id}, 1
	states, err := a.s.Store.ListFindings(ctx, a.scope.Account, q)
	if err != nil || len(states) == 0 {
		return id, err
	}
	found, err := a.s.Findings.Findings(ctx, states)
	if err != nil || len(found) == 0 {
		return id, err
	}
	return found[0].Title, nil
}

// describe adds to a page what is too dear to be looked up for all groups.
func (a *aggregator) describe(ctx context.Context, page []FindingGroup) error {
	for i := range page {
		if a.By == AggregateTitle && page[i].Title == "" {
			var err error
			if page[i].Title, err = a.title(ctx, page[i].Key); err != nil {
				return err
			}
		}
	}
	return nil
}

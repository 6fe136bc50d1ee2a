package service

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// CoverageList asks for a page of what enhanced scanning knows of.
type CoverageList struct {
	Criteria finding.Criteria
	After    string // as the page before told; empty at the beginning
	Limit    int
}

// CoveragePage is a page of repositories and images.
type CoveragePage struct {
	Resources []finding.Resource
	Next      string // where the next page begins; empty at the end
}

// InspectorCoverage answers a page of coverage: repositories first, then images.
func (s *Service) InspectorCoverage(ctx context.Context, c Caller, in CoverageList) (CoveragePage, error) {
	scope, err := s.allowInspector(ctx, c, "ListCoverage")
	if err != nil {
		return CoveragePage{}, err
	}
	w, err := s.walkCoverage(ctx, scope, in.Criteria)
	if err != nil || w == nil {
		return CoveragePage{}, err
	}
	if w.at, err = parseCoveragePlace(in.After); err != nil {
		return CoveragePage{}, err
	}
	var page CoveragePage
	for !w.at.ended {
		batch, err := w.next(ctx, min(in.Limit+1, coverageBatch))
		if err != nil {
			return page, err
		}
		for i := range batch {
			if !w.matcher.Matches(&batch[i]) {
				continue
			}
			if len(page.Resources) == in.Limit {
				page.Next = placeOf(&page.Resources[in.Limit-1]).String()
				return page, nil
			}
			page.Resources = append(page.Resources, batch[i])
		}
		if w.looked > maxStatesLooked && !w.at.ended {
			page.Next = w.at.String()
			return page, nil
		}
	}
	return page, nil
}

// CoverageCount is how many resources there are in a group.
type CoverageCount struct {
	Key   string
	Count int64
}

// CoverageStatistics counts what enhanced scanning knows of, in groups if groupBy
// says how; groups are in order of their names.
func (s *Service) CoverageStatistics(ctx context.Context, c Caller, criteria finding.Criteria, groupBy string) (total int64, groups []CoverageCount, err error) {
	scope, err := s.allowInspector(ctx, c, "ListCoverageStatistics")
	if err != nil {
		return 0, nil, err
	}
	leave, err := s.inspector.long.enter(ctx, scope.Account)
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	counts := map[string]int64{}
	err = s.eachResource(ctx, scope, criteria, func(r *finding.Resource) error {
		total++
		if key := groupOf(r, groupBy); key != "" {
			counts[key]++
		}
		return nil
	})
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		groups = append(groups, CoverageCount{Key: key, Count: counts[key]})
	}
	return total, groups, err
}

func groupOf(r *finding.Resource, by string) string {
	switch by {
	case "SCAN_STATUS_CODE":
		return string(r.Code)
	case "SCAN_STATUS_REASON":
		return r.Reason
	case "ACCOUNT_ID":
		return r.Account
	case "RESOURCE_TYPE":
		return r.Type
	case "ECR_REPOSITORY_NAME":
		return r.Repository
	}
	return ""
}

// eachResource calls do for all repositories and images that criteria select.
func (s *Service) eachResource(ctx context.Context, scope registry.Scope, criteria finding.Criteria, do func(*finding.Resource) error) error {
	w, err := s.walkCoverage(ctx, scope, criteria)
	if err != nil || w == nil {
		return err
	}
	for !w.at.ended {
		batch, err := w.next(ctx, coverageBatch)
		if err != nil {
			return err
		}
		for i := range batch {
			if !w.matcher.Matches(&batch[i]) {
				continue
			}
			if err := do(&batch[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// coveragePlace is how far a walk has come: behind a repository, or, once those
// are done, behind the coverage of an image.
type coveragePlace struct {
	repository string
	images     bool
	coverage   int64
	ended      bool
}

func (p coveragePlace) String() string {
	if p.images {
		return "i/" + strconv.FormatInt(p.coverage, 10)
	}
	return "r/" + p.repository
}

func placeOf(r *finding.Resource) coveragePlace {
	if r.Coverage != nil {
		return coveragePlace{images: true, coverage: r.Coverage.ID}
	}
	return coveragePlace{repository: r.Repository}
}

func parseCoveragePlace(text string) (p coveragePlace, err error) {
	kind, rest, _ := strings.Cut(text, "/")
	if kind == "i" {
		p.images = true
		p.coverage, err = strconv.ParseInt(rest, 10, 64)
		if err != nil {
			err = registry.InvalidNextToken()
		}
		return p, err
	}
	p.repository = rest
	return p, nil
}

// coverageWalk goes through the repositories and images of an account.
type coverageWalk struct {
	s       *Service
	scope   registry.Scope
	config  registry.ScanningConfiguration
	matcher *finding.Matcher[finding.Resource]
	query   meta.CoverageQuery
	at      coveragePlace
	looked  int
}

// walkCoverage answers nil where there is nothing: under basic scanning nothing is
// covered.
func (s *Service) walkCoverage(ctx context.Context, scope registry.Scope, criteria finding.Criteria) (*coverageWalk, error) {
	w := &coverageWalk{s: s, scope: scope, matcher: criteria.NewResourceMatcher()}
	var err error
	w.config, err = s.scanningConfiguration(ctx, scope.Account)
	if err != nil || w.matcher.Never() || w.config.Type != registry.ScanEnhanced {
		return nil, err
	}
	if codes, ok := criteria.OnlyEquals("scanStatusCode"); ok && len(codes) == 1 {
		w.query.Code = finding.CoverageCode(codes[0])
	}
	if reasons, ok := criteria.OnlyEquals("scanStatusReason"); ok && len(reasons) == 1 {
		w.query.Reason = reasons[0]
	}
	return w, nil
}

func (w *coverageWalk) next(ctx context.Context, limit int) (batch []finding.Resource, err error) {
	if !w.at.images {
		return w.repositories(ctx, limit)
	}
	w.query.After, w.query.Limit = w.at.coverage, limit
	covered, err := w.s.Store.ListCoverage(ctx, w.scope.Account, w.query)
	for i := range covered {
		w.at.coverage = covered[i].ID
		batch = append(batch, finding.ResourceOf(&covered[i], w.scope.Region))
	}
	w.at.ended = len(covered) < limit
	w.looked += len(covered)
	return batch, err
}

func (w *coverageWalk) repositories(ctx context.Context, limit int) (batch []finding.Resource, err error) {
	found, err := w.s.Store.ListRepositories(ctx, w.scope.Account, w.at.repository, limit)
	for i := range found {
		w.at.repository = found[i].Name
		batch = append(batch, w.repository(&found[i]))
	}
	w.at.images = len(found) < limit
	w.looked += len(found)
	return batch, err
}

// repository tells of a repository: it is covered unless its images are scanned
// when somebody asks, which under enhanced scanning is never.
func (w *coverageWalk) repository(r *registry.Repository) finding.Resource {
	out := finding.Resource{
		ID: w.scope.RepositoryARN(r.Name), Type: finding.RepositoryResource, Account: w.scope.Account, Repository: r.Name,
		Code: finding.Covered, Reason: finding.ReasonSuccessful,
	}
	frequency, _ := w.config.FrequencyFor(r)
	out.Frequency = cmp.Or(frequency, registry.ScanManual)
	if out.Frequency == registry.ScanManual {
		out.Code, out.Reason = finding.NotCovered, finding.ReasonFrequencyManual
	}
	return out
}

package service

import (
	"context"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// How much one request for findings looks at: a page is shorter than it could be
// where few of many match, and the next one goes on behind what was looked at.
const (
	maxStatesLooked = 20_000
	maxWholeLooked  = 2_000
	statesBatch     = 1_000
	wholeBatch      = 100

	// withinMoment is added to ends of spans, which are told in milliseconds.
	withinMoment = time.Millisecond - time.Nanosecond
)

// FindingList asks for a page of findings.
type FindingList struct {
	Criteria   finding.Criteria
	Sort       FindingSort
	Descending bool
	After      *FindingState // as the page before told; nil at the beginning
	Limit      int
}

// FindingPage is a page of findings.
type FindingPage struct {
	Findings []finding.Finding
	// Next is where the next page begins; nil at the end.
	Next *FindingState
}

// InspectorFindings answers a page of the account's findings.
func (s *Service) InspectorFindings(ctx context.Context, c Caller, in FindingList) (FindingPage, error) {
	scope, err := s.allowInspector(ctx, c, "ListFindings")
	if err != nil {
		return FindingPage{}, err
	}
	n := narrow(in.Criteria, scope)
	if n.never {
		return FindingPage{}, nil
	}
	n.query.Sort, n.query.Descending, n.query.After = in.Sort, in.Descending, in.After
	w := &findingWalk{s: s, account: scope.Account, narrowed: n}
	return w.page(ctx, in.Limit)
}

// findingWalk goes through the findings that a question narrows down to.
type findingWalk struct {
	s       *Service
	account string
	narrowed
	states, whole int // looked at
	ended         bool
}

// page answers up to limit findings.
func (w *findingWalk) page(ctx context.Context, limit int) (FindingPage, error) {
	var page FindingPage
	// What the store selects is most often all that matches. Where it is not,
	// more is read at a time.
	for w.query.Limit = limit + 1; ; w.query.Limit = min(2*w.query.Limit, statesBatch) {
		states, err := w.next(ctx)
		if err != nil {
			return page, err
		}
		for len(states) > 0 {
			if len(page.Findings) == limit || w.states >= maxStatesLooked || w.whole >= maxWholeLooked {
				page.Next = w.query.After
				return page, nil
			}
			if states, err = w.take(ctx, &page, states, limit); err != nil {
				return page, err
			}
		}
		if w.ended {
			return page, nil
		}
	}
}

// next reads the next states; After stays before them.
func (w *findingWalk) next(ctx context.Context) ([]finding.State, error) {
	states, err := w.s.Store.ListFindings(ctx, w.account, w.query)
	w.ended = len(states) < w.query.Limit
	return states, err
}

// take looks at the first of some states, and answers those that are left.
func (w *findingWalk) take(ctx context.Context, page *FindingPage, states []finding.State, limit int) ([]finding.State, error) {
	var chosen []finding.State
	room := min(limit-len(page.Findings), wholeBatch)
	looked := 0
	var one finding.Finding
	for looked < len(states) && len(chosen) < room {
		one.State = states[looked]
		if w.state.Matches(&one) {
			chosen = append(chosen, states[looked])
		}
		looked++
	}
	w.states += looked
	w.query.After = &states[looked-1]
	found, err := w.compose(ctx, chosen)
	page.Findings = append(page.Findings, found...)
	return states[looked:], err
}

// compose makes whole findings of states, and answers those that match.
func (w *findingWalk) compose(ctx context.Context, states []finding.State) ([]finding.Finding, error) {
	if len(states) == 0 {
		return nil, nil
	}
	all, err := w.s.Findings.Findings(ctx, states)
	if err != nil || w.narrowed.whole == nil {
		return all, err
	}
	w.whole += len(states)
	matching := all[:0]
	for i := range all {
		if w.narrowed.whole.Matches(&all[i]) {
			matching = append(matching, all[i])
		}
	}
	return matching, nil
}

// each calls do for all findings that match, in the order of the store, a batch
// at a time.
func (w *findingWalk) each(ctx context.Context, do func([]finding.Finding) error) error {
	for !w.ended {
		w.query.Limit = statesBatch
		states, err := w.next(ctx)
		if err != nil || len(states) == 0 {
			return err
		}
		w.query.After = &states[len(states)-1]
		for len(states) > 0 {
			page := FindingPage{}
			after := w.query.After
			if states, err = w.take(ctx, &page, states, wholeBatch); err != nil {
				return err
			}
			w.query.After = after
			if err := do(page.Findings); err != nil {
				return err
			}
		}
	}
	return nil
}

// FindingDetails are findings by their ARNs; those that are not there are named.
// They are in the order in which they were asked for.
func (s *Service) FindingDetails(ctx context.Context, c Caller, arns []string) (found []finding.Finding, unknown []string, err error) {
	scope, err := s.allowInspector(ctx, c, "BatchGetFindingDetails")
	if err != nil {
		return nil, nil, err
	}
	var uids []string
	for _, arn := range arns {
		if uid, ok := strings.CutPrefix(arn, inspectorPrefix(scope)+"finding/"); ok {
			uids = append(uids, uid)
		}
	}
	byARN := map[string]finding.Finding{}
	if len(uids) > 0 {
		states, err := s.Store.ListFindings(ctx, scope.Account, meta.FindingQuery{UIDs: uids, Limit: len(uids)})
		if err != nil {
			return nil, nil, err
		}
		all, err := s.Findings.Findings(ctx, states)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range all {
			byARN[f.ARN(scope.Region)] = f
		}
	}
	for _, arn := range arns {
		if f, ok := byARN[arn]; ok {
			found = append(found, f)
		} else {
			unknown = append(unknown, arn)
		}
	}
	return found, unknown, nil
}

// FindingSortOf answers the order that Inspector's API has a name for. What is the
// same for all images orders by nothing. Errors: Validation.
func FindingSortOf(field string) (FindingSort, error) {
	switch field {
	case "":
		return meta.SortByID, nil
	case "SEVERITY", "INSPECTOR_SCORE", "EPSS_SCORE", "FIRST_OBSERVED_AT", "LAST_OBSERVED_AT", "FINDING_STATUS",
		"VULNERABILITY_ID", "ECR_IMAGE_REPOSITORY_NAME", "ECR_IMAGE_PUSHED_AT", "VENDOR_SEVERITY":
		return meta.FindingSort(field), nil
	case "AWS_ACCOUNT_ID", "FINDING_TYPE", "RESOURCE_TYPE", "ECR_IMAGE_REGISTRY", "NETWORK_PROTOCOL":
		return meta.SortByID, nil
	}
	return "", registry.SortUnsupported(field)
}

// Vulnerability answers what is told of a vulnerability in a finding of the
// account, whatever its state; false if no image has had it.
func (s *Service) Vulnerability(ctx context.Context, c Caller, id string) (finding.Finding, bool, error) {
	scope, err := s.allowInspector(ctx, c, "SearchVulnerabilities")
	if err != nil {
		return finding.Finding{}, false, err
	}
	q := meta.FindingQuery{Vulnerabilities: []string{id}, Sort: meta.SortByStatus, Limit: 1}
	states, err := s.Store.ListFindings(ctx, scope.Account, q)
	if err != nil || len(states) == 0 {
		return finding.Finding{}, false, err
	}
	found, err := s.Findings.Findings(ctx, states)
	if err != nil || len(found) == 0 {
		return finding.Finding{}, false, err
	}
	return found[0], true, nil
}

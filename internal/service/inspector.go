package service

import (
	"context"
	"strings"
	"sync"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// FindingReader composes findings of their states, in the same order. Those whose
// image is forgotten are left out.
type FindingReader interface {
	Findings(ctx context.Context, states []finding.State) ([]finding.Finding, error)
}

// inspector is what the use cases of Inspector's API share.
type inspector struct {
	filters sync.Mutex // held while a filter is named
	reports sync.Mutex // held while a report is begun
	long    longRequests
}

// Some values in which findings are asked for, named here for transports.
type (
	// FindingSort is what findings are ordered by.
	FindingSort = meta.FindingSort
	// FindingState is what is kept of a finding.
	FindingState = finding.State
)

// inspectorPrefix is how ARNs of Inspector begin.
func inspectorPrefix(scope registry.Scope) string {
	return "arn:aws:inspector2:" + scope.Region + ":" + scope.Account + ":"
}

// allowInspector authorises an action of Inspector on all that an account has.
func (s *Service) allowInspector(ctx context.Context, c Caller, action string) (registry.Scope, error) {
	return s.allowResource(ctx, c, "inspector2:"+action, "*")
}

// narrowed is a question about findings as the store takes it.
type narrowed struct {
	query meta.FindingQuery
	state *finding.Matcher[finding.Finding] // what the states must be, beside
	whole *finding.Matcher[finding.Finding] // what whole findings must be, nil if nothing
	never bool                              // nothing can match
}

// narrow takes out of criteria what the store can select by. Everything is asked
// of what it answers again.
func narrow(c finding.Criteria, scope registry.Scope) narrowed {
	of, rest := c.Split()
	n := narrowed{state: of.NewMatcher(scope.Region)}
	if !rest.Empty() {
		n.whole = rest.NewMatcher(scope.Region)
	}
	n.never = n.state.Never() || n.whole != nil && n.whole.Never() || !hasConstants(c, scope)
	n.only(c, "findingStatus", func(v string) { n.query.Statuses = append(n.query.Statuses, finding.Status(v)) })
	n.only(c, "severity", func(v string) { n.query.Severities = append(n.query.Severities, registry.Severity(v)) })
	n.only(c, "vulnerabilityId", func(v string) { n.query.Vulnerabilities = append(n.query.Vulnerabilities, v) })
	n.only(c, "ecrImageRepositoryName", func(v string) { n.query.Repositories = append(n.query.Repositories, v) })
	n.only(c, "ecrImageHash", func(v string) { n.query.Digests = append(n.query.Digests, v) })
	n.arns(c, scope)
	if dates := c.Dates["updatedAt"]; len(dates) == 1 {
		if from := dates[0].From; from != nil {
			n.query.UpdatedFrom = *from
		}
		if to := dates[0].To; to != nil {
			n.query.UpdatedTo = to.Add(withinMoment)
		}
	}
	return n
}

// hasConstants says whether findings of an account can have what is the same for
// all of them.
func hasConstants(c finding.Criteria, scope registry.Scope) bool {
	constant := finding.Criteria{Texts: map[string][]finding.TextFilter{}}
	for _, name := range []string{"awsAccountId", "findingType", "resourceType", "ecrImageRegistry"} {
		constant.Texts[name] = c.Texts[name]
	}
	return constant.NewMatcher(scope.Region).Matches(&finding.Finding{State: finding.State{Account: scope.Account}})
}

// only takes the values that a text must be one of.
func (n *narrowed) only(c finding.Criteria, name string, take func(value string)) {
	values, _ := c.OnlyEquals(name)
	for _, v := range values {
		take(v)
	}
}

// arns narrows by what the names of findings and images have in them.
func (n *narrowed) arns(c finding.Criteria, scope registry.Scope) {
	if arns, ok := c.OnlyEquals("findingArn"); ok {
		for _, arn := range arns {
			if uid, ok := strings.CutPrefix(arn, inspectorPrefix(scope)+"finding/"); ok {
				n.query.UIDs = append(n.query.UIDs, uid)
			}
		}
		n.never = n.never || len(n.query.UIDs) == 0
	}
	// With digests that are asked for by themselves, those must do.
	if ids, ok := c.OnlyEquals("resourceId"); ok && len(n.query.Digests) == 0 {
		for _, id := range ids {
			if at := strings.LastIndexByte(id, '/'); at >= 0 && strings.HasPrefix(id, scope.RepositoryARN("")) {
				n.query.Digests = append(n.query.Digests, id[at+1:])
			}
		}
		n.never = n.never || len(n.query.Digests) == 0
	}
}

package service

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
)

// What a filter does with the findings that it selects.
const (
	FilterNone     = "NONE"
	FilterSuppress = "SUPPRESS"
)

// maxFindingFilters is how many filters an account may have.
const maxFindingFilters = 500

// FindingFilter is a filter of findings.
type FindingFilter struct {
	ID          string            `json:"id"`
	ARN         string            `json:"-"`
	Owner       string            `json:"-"`
	Name        string            `json:"name"`
	Action      string            `json:"action"`
	Description string            `json:"description,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Author      string            `json:"author,omitempty"` // who said last what it is
	Criteria    finding.Criteria  `json:"criteria"`
	Tags        map[string]string `json:"tags,omitempty"`
	CreatedAt   time.Time         `json:"-"`
	UpdatedAt   time.Time         `json:"-"`
}

// suppresses says whether findings depend on the filter.
func (f *FindingFilter) suppresses() bool { return f.Action == FilterSuppress }

// filterPrefix is what the ARNs of an account's filters begin with.
func filterPrefix(scope registry.Scope) string {
	return inspectorPrefix(scope) + "owner/" + scope.Account + "/filter/"
}

// decodeFilter reads a filter.
func decodeFilter(scope registry.Scope, r meta.Record) (FindingFilter, error) {
	var f FindingFilter
	err := decodeRecord(r, &f)
	f.ARN, f.Owner = filterPrefix(scope)+r.Name, scope.Account
	f.CreatedAt, f.UpdatedAt = r.CreatedAt, r.UpdatedAt
	return f, err
}

// FindingFilters answers all filters of an account, in order of their ids, for who
// decides what is suppressed.
func (s *Service) FindingFilters(ctx context.Context, account string) ([]FindingFilter, error) {
	scope := registry.Scope{Account: account, Region: s.Default.Region}
	records, err := s.Store.ListRecords(ctx, account, meta.FindingFilterRecord, "", maxFindingFilters)
	if err != nil {
		return nil, err
	}
	all := make([]FindingFilter, 0, len(records))
	for _, r := range records {
		f, err := decodeFilter(scope, r)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// filterNamed answers the id of the filter with a name, empty if there is none.
func (s *Service) filterNamed(ctx context.Context, account, name string) (string, error) {
	all, err := s.FindingFilters(ctx, account)
	for _, f := range all {
		if f.Name == name {
			return f.ID, err
		}
	}
	return "", err
}

// CreateFindingFilter stores a filter and answers its ARN. One that suppresses
// does so from then on. Errors: ResourceAlreadyExists, LimitExceeded, Validation.
func (s *Service) CreateFindingFilter(ctx context.Context, c Caller, f FindingFilter) (string, error) {
	tags := tagsOf(f.Tags)
	scope := s.registryOf(c)
	q := question{action: "inspector2:CreateFilter", resource: filterPrefix(scope) + "*", tags: tags}
	if _, err := s.decide(ctx, c, q); err != nil {
		return "", err
	}
	if len(tags) > 0 {
		q.action = "inspector2:TagResource"
		if _, err := s.decide(ctx, c, q); err != nil {
			return "", err
		}
	}
	if err := checkFilterTags(f.Tags); err != nil {
		return "", err
	}
	s.inspector.filters.Lock()
	defer s.inspector.filters.Unlock()
	if taken, err := s.filterNamed(ctx, scope.Account, f.Name); err != nil || taken != "" {
		if err == nil {
			err = registry.FilterExists(f.Name)
		}
		return "", err
	}
	f.ID, f.Author = newFilterID(), c.ARN
	body, err := encodeRecord(f)
	if err != nil {
		return "", err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.FindingFilterRecord, Name: f.ID, Body: body, CreatedAt: s.Now()}
	err = s.resettling(ctx, scope.Account, f.suppresses(), func() error {
		return s.Store.CreateRecord(ctx, record, maxFindingFilters)
	})
	if errors.Is(err, meta.ErrFull) {
		err = registry.TooManyFilters(maxFindingFilters)
	}
	return filterPrefix(scope) + f.ID, err
}

// resettling makes a change of filters; if it matters, all findings of the account
// are asked again whether they are suppressed.
func (s *Service) resettling(ctx context.Context, account string, matters bool, change func() error) error {
	if !matters {
		return change()
	}
	return s.withJob(ctx, enhanced.NewResettleJob(account, "", s.Now()), func() error {
		if err := change(); err != nil {
			return err
		}
		return s.Store.PutSetting(ctx, account, settingSuppressions, uuid.NewString())
	})
}

// suppressingFilters are those of an account that suppress what they select.
func (s *Service) suppressingFilters(ctx context.Context, account string) ([]FindingFilter, error) {
	all, err := s.FindingFilters(ctx, account)
	return slices.DeleteFunc(all, func(f FindingFilter) bool { return !f.suppresses() }), err
}

// filteredBy answers which filter suppresses a finding, nil when none does. One
// goroutine at a time may ask.
func filteredBy(filters []FindingFilter, region string) func(finding.Finding) *finding.Suppression {
	matchers := make([]*finding.Matcher[finding.Finding], len(filters))
	for i := range filters {
		matchers[i] = filters[i].Criteria.NewMatcher(region)
	}
	return func(f finding.Finding) *finding.Suppression {
		// A filter for active findings is about what is active but for filters:
		// otherwise it would let go of what it has suppressed.
		f.Status = finding.Active
		for i, m := range matchers {
			if m.Matches(&f) {
				by := &filters[i]
				return &finding.Suppression{
					Kind: finding.SuppressedByFilter, ID: by.ARN, Author: by.Author, Reason: cmp.Or(by.Reason, by.Description, by.Name),
				}
			}
		}
		return nil
	}
}

// newFilterID is sixteen random hexadecimal digits.
func newFilterID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// FilterChange is what a filter is to be; what is nil stays.
type FilterChange struct {
	Name, Action, Description, Reason *string
	Criteria                          *finding.Criteria
}

// apply changes a filter.
func (in *FilterChange) apply(f *FindingFilter) {
	replace(&f.Name, in.Name)
	replace(&f.Action, in.Action)
	replace(&f.Description, in.Description)
	replace(&f.Reason, in.Reason)
	if in.Criteria != nil {
		f.Criteria = *in.Criteria
	}
}

// UpdateFindingFilter changes a filter. What it suppressed and does not any more
// is active again. Errors: ResourceNotFound, Validation.
func (s *Service) UpdateFindingFilter(ctx context.Context, c Caller, arn string, in FilterChange) error {
	scope, before, err := s.filterOf(ctx, c, question{action: "inspector2:UpdateFilter", resource: arn})
	if err != nil {
		return err
	}
	s.inspector.filters.Lock()
	defer s.inspector.filters.Unlock()
	if in.Name != nil {
		taken, err := s.filterNamed(ctx, scope.Account, *in.Name)
		if err != nil {
			return err
		}
		if taken != "" && taken != before.ID {
			return registry.FilterNameTaken(*in.Name)
		}
	}
	after := before
	in.apply(&after)
	return s.resettling(ctx, scope.Account, before.suppresses() || after.suppresses(), func() error {
		return s.changeFilter(ctx, scope, before, func(f *FindingFilter) error {
			f.Author = c.ARN
			in.apply(f)
			return nil
		})
	})
}

// DeleteFindingFilter removes a filter. What it suppressed is active again.
// Errors: ResourceNotFound.
func (s *Service) DeleteFindingFilter(ctx context.Context, c Caller, arn string) error {
	scope, f, err := s.filterOf(ctx, c, question{action: "inspector2:DeleteFilter", resource: arn})
	if err != nil {
		return err
	}
	return s.resettling(ctx, scope.Account, f.suppresses(), func() error {
		_, err := s.Store.DeleteRecord(ctx, scope.Account, meta.FindingFilterRecord, f.ID)
		return filterFound(arn, err)
	})
}

// ListFindingFilters answers up to limit filters after one, in order of their ids;
// only those with an action, if there is one, and of those ARNs, if there are any.
// ARNs of no filter are passed over.
func (s *Service) ListFindingFilters(ctx context.Context, c Caller, arns []string, action, after string, limit int) ([]FindingFilter, error) {
	scope, err := s.allowResource(ctx, c, "inspector2:ListFilters", filterPrefix(s.registryOf(c))+"*")
	if err != nil {
		return nil, err
	}
	all, err := s.FindingFilters(ctx, scope.Account)
	if err != nil {
		return nil, err
	}
	var page []FindingFilter
	for _, f := range all {
		if len(page) < limit && f.ID > after && (action == "" || f.Action == action) && (len(arns) == 0 || slices.Contains(arns, f.ARN)) {
			page = append(page, f)
		}
	}
	return page, nil
}

// filterOf authorises a question about the filter that an ARN names, and answers
// it. Errors: ResourceNotFound.
func (s *Service) filterOf(ctx context.Context, c Caller, q question) (registry.Scope, FindingFilter, error) {
	scope := s.registryOf(c)
	var f FindingFilter
	found := registry.FilterNotFound(q.resource)
	if id, ours := strings.CutPrefix(q.resource, filterPrefix(scope)); ours {
		// Conditions may ask for the tags; a filter that is not there has none.
		record, err := s.Store.Record(ctx, scope.Account, meta.FindingFilterRecord, id)
		switch {
		case errors.Is(err, meta.ErrNoRecord):
		case err != nil:
			return scope, f, err
		default:
			if f, err = decodeFilter(scope, record); err != nil {
				return scope, f, err
			}
			found, q.resourceTags = nil, tagsOf(f.Tags)
		}
	}
	if _, err := s.decide(ctx, c, q); err != nil {
		return scope, f, err
	}
	if found != nil {
		return scope, f, found
	}
	return scope, f, nil
}

func (s *Service) changeFilter(ctx context.Context, scope registry.Scope, before FindingFilter, change func(*FindingFilter) error) error {
	_, err := s.Store.UpdateRecord(ctx, scope.Account, meta.FindingFilterRecord, before.ID, s.Now(), func(r *meta.Record) error {
		f, err := decodeFilter(scope, *r)
		if err == nil {
			err = change(&f)
		}
		if err == nil {
			r.Body, err = encodeRecord(f)
		}
		return err
	})
	return filterFound(before.ARN, err)
}

func filterFound(arn string, err error) error {
	if errors.Is(err, meta.ErrNoRecord) {
		return registry.FilterNotFound(arn)
	}
	return err
}

// TagFindingFilter adds or replaces tags of a filter.
// Errors: ResourceNotFound, Validation.
func (s *Service) TagFindingFilter(ctx context.Context, c Caller, arn string, tags map[string]string) error {
	scope, f, err := s.filterOf(ctx, c, question{action: "inspector2:TagResource", resource: arn, tags: tagsOf(tags)})
	if err != nil {
		return err
	}
	return s.changeFilter(ctx, scope, f, func(f *FindingFilter) error {
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		maps.Copy(f.Tags, tags)
		return checkFilterTags(f.Tags)
	})
}

// UntagFindingFilter removes tags of a filter; keys that it does not have are
// passed over. Errors: ResourceNotFound.
func (s *Service) UntagFindingFilter(ctx context.Context, c Caller, arn string, keys []string) error {
	scope, f, err := s.filterOf(ctx, c, question{action: "inspector2:UntagResource", resource: arn, tagKeys: keys})
	if err != nil {
		return err
	}
	return s.changeFilter(ctx, scope, f, func(f *FindingFilter) error {
		for _, key := range keys {
			delete(f.Tags, key)
		}
		return nil
	})
}

// FindingFilterTags answers the tags of a filter. Errors: ResourceNotFound.
func (s *Service) FindingFilterTags(ctx context.Context, c Caller, arn string) (map[string]string, error) {
	_, f, err := s.filterOf(ctx, c, question{action: "inspector2:ListTagsForResource", resource: arn})
	return f.Tags, err
}

func tagsOf(tags map[string]string) []registry.ResourceTag {
	var out []registry.ResourceTag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, registry.ResourceTag{Key: key, Value: tags[key]})
	}
	return out
}

// checkFilterTags says what is wrong about all tags of a filter.
func checkFilterTags(tags map[string]string) error {
	if len(tags) > registry.MaxResourceTags {
		return registry.InspectorTagsInvalid("a resource can have up to 50 tags.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return registry.InspectorTagsInvalid("keys that begin with aws: are reserved.")
		}
	}
	return nil
}

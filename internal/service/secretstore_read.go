package service

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// SecretValueOf answers the value of a version of a secret: by id, by staging
// label, or the current one. Errors: ResourceNotFound, InvalidRequest.
func (s *Service) SecretValueOf(ctx context.Context, c Caller, id, version, label string) (Secret, SecretVersion, error) {
	asked := label
	if version == "" && label == "" {
		asked = labelCurrent
	}
	found, err := s.allowSecret(ctx, c, "GetSecretValue", id, secretSubject{keys: map[string]string{
		"secretsmanager:versionid": version, "secretsmanager:versionstage": asked,
	}})
	if err != nil {
		return Secret{}, SecretVersion{}, err
	}
	return s.valueOf(ctx, found, version, label)
}

func (s *Service) valueOf(ctx context.Context, found *foundSecret, id, label string) (Secret, SecretVersion, error) {
	if !found.DeletedAt.IsZero() {
		return Secret{}, SecretVersion{}, registry.SecretDeleted()
	}
	v, err := found.pick(id, label)
	if err != nil {
		return Secret{}, SecretVersion{}, err
	}
	s.accessed(ctx, found, v)
	out := v.describe()
	out.Value = v.value()
	return found.describe(), out, nil
}

// accessed notes the day on which a version was read. That it could not be
// noted is no reason to keep the value back.
func (s *Service) accessed(ctx context.Context, found *foundSecret, v *storedSecretVersion) {
	today := s.Now().UTC().Truncate(day)
	if !v.AccessedAt.Before(today) {
		return
	}
	_, err := s.changeSecret(ctx, found, func(x *storedSecret) error {
		x.AccessedAt = today
		if v := x.version(v.ID); v != nil {
			v.AccessedAt = today
		}
		return nil
	})
	if err != nil && registry.CodeOf(err) != registry.CodeResourceNotFound {
		s.Logger.WarnContext(ctx, "noting the use of a secret", "secret", found.arn(), "error", err)
	}
}

// SecretOf describes a secret for one of the actions that only read about it.
// Errors: ResourceNotFound.
func (s *Service) SecretOf(ctx context.Context, c Caller, action, id string) (Secret, error) {
	found, err := s.allowSecret(ctx, c, action, id, secretSubject{})
	if err != nil {
		return Secret{}, err
	}
	return found.describe(), nil
}

// SecretQuery selects secrets.
type SecretQuery struct {
	Filters []SecretFilter // all of them
	Deleted bool           // those marked for deletion, too
	// By is name, created-date, last-changed-date or last-accessed-date; empty
	// is name.
	By         string
	Descending bool
	After      SecretCursor // exclusive
	Limit      int
}

// SecretFilter selects secrets of which an attribute matches one of the values.
type SecretFilter struct {
	Key    string // description, name, tag-key, tag-value, primary-region, owning-service, all
	Values []string
}

// SecretCursor is where a list goes on: behind that name and, where it is not in
// order of names, that time.
type SecretCursor struct {
	At   time.Time
	Name string
}

// Cursor answers where a list that ends with a secret goes on.
func (q *SecretQuery) Cursor(last *Secret) SecretCursor {
	return SecretCursor{q.timeOf(last), last.Name}
}

func (q *SecretQuery) timeOf(x *Secret) time.Time {
	switch q.By {
	case "created-date":
		return x.CreatedAt
	case "last-changed-date":
		return x.ChangedAt
	case "last-accessed-date":
		return x.AccessedAt
	}
	return time.Time{}
}

// ListSecrets answers a page of an account's secrets.
func (s *Service) ListSecrets(ctx context.Context, c Caller, q SecretQuery) ([]Secret, error) {
	scope, err := s.allowResource(ctx, c, "secretsmanager:ListSecrets", "*")
	if err != nil {
		return nil, err
	}
	return s.findSecrets(ctx, scope, q)
}

func (s *Service) findSecrets(ctx context.Context, scope registry.Scope, q SecretQuery) ([]Secret, error) {
	after, inOrder := "", (q.By == "" || q.By == "name") && !q.Descending
	if inOrder {
		after = q.After.Name
	}
	var all []Secret
	err := s.eachSecret(ctx, scope, after, func(found *foundSecret) (bool, error) {
		if found.gone(s.Now()) || !q.Deleted && !found.DeletedAt.IsZero() {
			return true, nil
		}
		x := found.describe()
		if q.matches(&x) && q.isBehind(&x) {
			all = append(all, x)
		}
		return !inOrder || len(all) < q.Limit, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Secret) int { return q.compare(q.Cursor(&a), q.Cursor(&b)) })
	if len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

func (q *SecretQuery) compare(a, b SecretCursor) int {
	order := cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name))
	if q.Descending {
		return -order
	}
	return order
}

func (q *SecretQuery) isBehind(x *Secret) bool {
	return q.After == SecretCursor{} || q.compare(q.Cursor(x), q.After) > 0
}

func (q *SecretQuery) matches(x *Secret) bool {
	return !slices.ContainsFunc(q.Filters, func(f SecretFilter) bool { return !f.matches(x) })
}

// matches compares names and tags by their beginning, and the rest by words.
func (f *SecretFilter) matches(x *Secret) bool {
	var attributes []string
	compare := strings.HasPrefix
	for _, t := range x.Tags {
		if f.Key == "tag-key" || f.Key == "all" {
			attributes = append(attributes, t.Key)
		}
		if f.Key == "tag-value" || f.Key == "all" {
			attributes = append(attributes, t.Value)
		}
	}
	switch f.Key {
	case "name":
		attributes = append(attributes, x.Name)
	case "description":
		attributes, compare = append(attributes, x.Description), hasWords
	case "owning-service":
		attributes, compare = append(attributes, x.Owner), hasWords
	case "all":
		attributes, compare = append(attributes, x.Name, x.Description), hasWords
	}
	return slices.ContainsFunc(f.Values, func(value string) bool {
		wanted, not := strings.CutPrefix(value, "!")
		return not != slices.ContainsFunc(attributes, func(a string) bool { return compare(a, wanted) })
	})
}

// hasWords says whether each word of a value begins a word of a text, whatever
// their case.
func hasWords(text, value string) bool {
	words, wanted := wordsOf(text), wordsOf(value)
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(w string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, w) })
	})
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" /-_+=.@!:", r) })
}

// BatchedSecret is one of the answers to a request for many values.
type BatchedSecret struct {
	ID      string // as it was asked for
	Secret  Secret
	Version SecretVersion
	Err     error // why there is no value
}

// SecretValues answers the current values of secrets, each with what is wrong
// with it. Errors: AccessDenied for the request as a whole.
func (s *Service) SecretValues(ctx context.Context, c Caller, ids []string) ([]BatchedSecret, error) {
	if _, err := s.allowResource(ctx, c, "secretsmanager:BatchGetSecretValue", "*"); err != nil {
		return nil, err
	}
	return s.batch(ctx, c, ids)
}

// FindSecretValues answers the current values of the secrets that a query
// selects, and which secrets it went through.
func (s *Service) FindSecretValues(ctx context.Context, c Caller, q SecretQuery) ([]BatchedSecret, error) {
	if _, err := s.allowResource(ctx, c, "secretsmanager:BatchGetSecretValue", "*"); err != nil {
		return nil, err
	}
	selected, err := s.ListSecrets(ctx, c, q)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(selected))
	for i := range selected {
		ids[i] = selected[i].ARN
	}
	out, err := s.batch(ctx, c, ids)
	for i := range out {
		out[i].Secret = selected[i]
	}
	return out, err
}

func (s *Service) batch(ctx context.Context, c Caller, ids []string) ([]BatchedSecret, error) {
	out := make([]BatchedSecret, len(ids))
	for i, id := range ids {
		out[i].ID = id
		out[i].Secret, out[i].Version, out[i].Err = s.SecretValueOf(ctx, c, id, "", "")
		if registry.CodeOf(out[i].Err) == registry.CodeInternal {
			return nil, out[i].Err
		}
	}
	return out, nil
}

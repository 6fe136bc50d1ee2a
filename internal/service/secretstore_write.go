package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// NewSecret is a secret to be made. Without a value it gets one later.
type NewSecret struct {
	Name        string
	Token       string // makes the request the same when it is repeated; the id of the version
	Description string
	KMSKey      string
	Value       *SecretValue
	Tags        []registry.ResourceTag
}

// CreateSecret makes a secret and answers it with the id of its version, if it
// has a value. Errors: Validation, InvalidRequest, InvalidParameter,
// ResourceAlreadyExists, LimitExceeded.
func (s *Service) CreateSecret(ctx context.Context, c Caller, in NewSecret) (Secret, string, error) {
	about := secretSubject{tags: in.Tags, keys: map[string]string{"secretsmanager:name": in.Name}}
	_, scope, err := s.allowSecretName(ctx, c, "CreateSecret", in.Name, about)
	if err == nil && len(in.Tags) > 0 {
		_, _, err = s.allowSecretName(ctx, c, "TagResource", in.Name, about)
	}
	if err != nil {
		return Secret{}, "", err
	}
	switch {
	case !validSecretName.MatchString(in.Name):
		return Secret{}, "", registry.SecretNameInvalid()
	case strings.HasPrefix(in.Name, managedPrefix):
		return Secret{}, "", registry.SecretNameReserved()
	case in.Token == "":
		return Secret{}, "", registry.SecretTokenMissing()
	}
	if err := validSecretValue(in.Value); err != nil {
		return Secret{}, "", err
	}
	if in.Tags, err = mergeSecretTags(nil, in.Tags); err != nil {
		return Secret{}, "", err
	}
	return s.makeSecret(ctx, scope, "", in)
}

// managedPrefix begins the names of secrets that belong to connections.
const managedPrefix = "events!"

// makeSecret stores a new secret. Where one of that name is, what is asked for
// may be there already.
func (s *Service) makeSecret(ctx context.Context, scope registry.Scope, owner string, in NewSecret) (Secret, string, error) {
	now := s.Now()
	stored := &storedSecret{
		Account: scope.Account, Name: in.Name, Suffix: newSecretSuffix(), Description: in.Description, KMSKey: in.KMSKey,
		Owner: owner, Tags: in.Tags, CreatedAt: now, ChangedAt: now,
	}
	found := &foundSecret{scope, meta.Record{}, stored}
	id := ""
	if in.Value != nil {
		v, err := stored.put(in.Token, *in.Value, nil, found.arn(), now)
		if err != nil {
			return Secret{}, "", err
		}
		id = v.ID
	}
	body, err := s.sealRecord(stored)
	if err != nil {
		return Secret{}, "", err
	}
	record := meta.Record{Account: scope.Account, Kind: meta.SecretRecord, Name: in.Name, Body: body, CreatedAt: now}
	err = s.Store.CreateRecord(ctx, record, maxSecrets)
	if errors.Is(err, meta.ErrExists) {
		there, removed, lookErr := s.secretInTheWay(ctx, scope, in)
		if lookErr != nil || !removed {
			return there, in.versionID(), lookErr
		}
		err = s.Store.CreateRecord(ctx, record, maxSecrets)
	}
	switch {
	case errors.Is(err, meta.ErrExists):
		return Secret{}, "", registry.SecretExists(in.Name)
	case errors.Is(err, meta.ErrFull):
		return Secret{}, "", registry.TooManySecrets(maxSecrets)
	case err != nil:
		return Secret{}, "", err
	}
	return found.describe(), id, nil
}

func (in *NewSecret) versionID() string {
	if in.Value == nil {
		return ""
	}
	return in.Token
}

// secretInTheWay looks at the secret whose name is wanted: it may be what is
// asked for, made by an earlier try, or due to be deleted, which it is then.
func (s *Service) secretInTheWay(ctx context.Context, scope registry.Scope, in NewSecret) (there Secret, removed bool, err error) {
	record, err := s.Store.Record(ctx, scope.Account, meta.SecretRecord, in.Name)
	if errors.Is(err, meta.ErrNoRecord) {
		return Secret{}, true, nil // it has just gone
	}
	if err != nil {
		return Secret{}, false, err
	}
	stored, err := s.openRecord(record)
	if err != nil {
		return Secret{}, false, err
	}
	found := &foundSecret{scope, record, stored}
	if stored.gone(s.Now()) {
		removed, err := s.removeSecret(ctx, found)
		if err == nil && !removed {
			err = registry.SecretNameDeleted()
		}
		return Secret{}, removed, err
	}
	if !stored.DeletedAt.IsZero() {
		return Secret{}, false, registry.SecretNameDeleted()
	}
	v := stored.version(in.Token)
	switch {
	case v == nil || in.Value == nil:
		return Secret{}, false, registry.SecretExists(in.Name)
	case !v.holds(*in.Value):
		return Secret{}, false, registry.SecretTokenUsed(in.Token, found.arn())
	}
	return found.describe(), false, nil
}

// validSecretValue checks a value, which may be absent.
func validSecretValue(v *SecretValue) error {
	if v == nil || len(v.Data) <= maxSecretBytes {
		return nil
	}
	member := "secretString"
	if v.Binary {
		member = "secretBinary"
	}
	return registry.SecretValueTooLong(member, maxSecretBytes)
}

// PutSecret is a new value of a secret.
type PutSecret struct {
	ID     string // name or ARN of the secret
	Token  string
	Value  *SecretValue
	Labels []string
}

// PutSecretValue gives a secret a new version and answers both.
// Errors: ResourceNotFound, InvalidRequest, ResourceAlreadyExists, LimitExceeded.
func (s *Service) PutSecretValue(ctx context.Context, c Caller, in PutSecret) (Secret, SecretVersion, error) {
	found, err := s.allowSecret(ctx, c, "PutSecretValue", in.ID, secretSubject{})
	if err != nil {
		return Secret{}, SecretVersion{}, err
	}
	switch {
	case in.Value == nil:
		return Secret{}, SecretVersion{}, registry.SecretValueMissing()
	case in.Token == "":
		return Secret{}, SecretVersion{}, registry.SecretTokenMissing()
	}
	if err := validSecretValue(in.Value); err != nil {
		return Secret{}, SecretVersion{}, err
	}
	var version SecretVersion
	found, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		if err := x.mayChange(); err != nil {
			return err
		}
		version, err = x.put(in.Token, *in.Value, in.Labels, found.arn(), s.Now())
		return err
	})
	if err != nil {
		return Secret{}, SecretVersion{}, err
	}
	return found.describe(), version, nil
}

// mayChange says whether users may change a secret now.
func (x *storedSecret) mayChange() error {
	switch {
	case x.Owner != "":
		return registry.SecretManaged()
	case !x.DeletedAt.IsZero():
		return registry.SecretDeleted()
	}
	return nil
}

// SecretChange is a change of a secret; what is nil stays.
type SecretChange struct {
	Token       string
	Description *string
	KMSKey      *string
	Value       *SecretValue
}

// UpdateSecret changes a secret and answers it with the id of the version that
// it got, if it got a value. Errors: those of PutSecretValue.
func (s *Service) UpdateSecret(ctx context.Context, c Caller, id string, in SecretChange) (Secret, string, error) {
	found, err := s.allowSecret(ctx, c, "UpdateSecret", id, secretSubject{})
	if err != nil {
		return Secret{}, "", err
	}
	if in.Token == "" {
		return Secret{}, "", registry.SecretTokenMissing()
	}
	if err := validSecretValue(in.Value); err != nil {
		return Secret{}, "", err
	}
	version := ""
	found, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		if err := x.mayChange(); err != nil {
			return err
		}
		if in.Value != nil {
			v, err := x.put(in.Token, *in.Value, nil, found.arn(), s.Now())
			if err != nil {
				return err
			}
			version = v.ID
		}
		replace(&x.Description, in.Description)
		replace(&x.KMSKey, in.KMSKey)
		x.ChangedAt = s.Now()
		return nil
	})
	if err != nil {
		return Secret{}, "", err
	}
	return found.describe(), version, nil
}

// MoveSecretLabel takes a staging label from one version and gives it to
// another; either may be empty.
// Errors: ResourceNotFound, InvalidParameter, InvalidRequest, LimitExceeded.
func (s *Service) MoveSecretLabel(ctx context.Context, c Caller, id, label, from, to string) (Secret, error) {
	found, err := s.allowSecret(ctx, c, "UpdateSecretVersionStage", id, secretSubject{})
	if err != nil {
		return Secret{}, err
	}
	found, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		if err := x.mayChange(); err != nil {
			return err
		}
		if err := x.checkMove(label, from, to); err != nil {
			return err
		}
		x.move(label, to)
		x.ChangedAt = s.Now()
		x.prune()
		return x.checkLabels()
	})
	if err != nil {
		return Secret{}, err
	}
	return found.describe(), nil
}

func (x *storedSecret) checkMove(label, from, to string) error {
	for _, id := range []string{from, to} {
		if id != "" && x.version(id) == nil {
			return registry.SecretVersionUnknown(id)
		}
	}
	has := x.labelled(label)
	switch {
	case has != nil && has.ID == to:
		return nil
	case has != nil && from == "":
		return registry.SecretLabelAttached(label, has.ID)
	case from != "" && (has == nil || has.ID != from):
		return registry.SecretLabelNotThere(label, from)
	case label == labelCurrent && to == "":
		return registry.SecretLabelLost(label)
	}
	return nil
}

// TagSecret adds tags to a secret or replaces them.
// Errors: ResourceNotFound, InvalidParameter, InvalidRequest.
func (s *Service) TagSecret(ctx context.Context, c Caller, id string, tags []registry.ResourceTag) error {
	found, err := s.allowSecret(ctx, c, "TagResource", id, secretSubject{tags: tags})
	if err != nil {
		return err
	}
	_, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		if err := x.mayChange(); err != nil {
			return err
		}
		merged, err := mergeSecretTags(x.Tags, tags)
		x.Tags, x.ChangedAt = merged, s.Now()
		return err
	})
	return err
}

// UntagSecret removes tags from a secret; unknown ones are passed over.
// Errors: ResourceNotFound, InvalidRequest.
func (s *Service) UntagSecret(ctx context.Context, c Caller, id string, keys []string) error {
	found, err := s.allowSecret(ctx, c, "UntagResource", id, secretSubject{tagKeys: keys})
	if err != nil {
		return err
	}
	_, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		if err := x.mayChange(); err != nil {
			return err
		}
		x.Tags = slices.DeleteFunc(x.Tags, func(t registry.ResourceTag) bool { return slices.Contains(keys, t.Key) })
		x.ChangedAt = s.Now()
		return nil
	})
	return err
}

// mergeSecretTags adds tags to others. Errors: InvalidParameter.
func mergeSecretTags(old, added []registry.ResourceTag) ([]registry.ResourceTag, error) {
	merged := slices.Clone(old)
	for _, t := range added {
		switch {
		case t.Key == "":
			return nil, registry.SecretTagInvalid("its key is empty.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, registry.SecretTagInvalid("keys that begin with aws: are reserved.")
		}
		i := slices.IndexFunc(merged, func(m registry.ResourceTag) bool { return m.Key == t.Key })
		if i < 0 {
			merged = append(merged, t)
		} else {
			merged[i].Value = t.Value
		}
	}
	if len(merged) > registry.MaxResourceTags {
		return nil, registry.SecretTagInvalid("a secret may have 50 tags.")
	}
	slices.SortFunc(merged, func(a, b registry.ResourceTag) int { return cmp.Compare(a.Key, b.Key) })
	return merged, nil
}

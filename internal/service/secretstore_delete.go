package service

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// A secret is removed in two steps: its record is marked by who removes it, and
// then deleted by that one alone. Otherwise two who find it due could delete
// between them the new secret that has its name in the meantime.
type secretRemoval struct {
	Token string    `json:"token"`
	At    time.Time `json:"at"`
}

// abandonedRemoval is when a removal that has not ended is somebody else's.
const abandonedRemoval = time.Hour

// gone says whether a secret is no more, although its record may be there.
func (x *storedSecret) gone(now time.Time) bool {
	return x.Removal != nil || !x.DueAt.IsZero() && !now.Before(x.DueAt)
}

var errRemovalElsewhere = errors.New("somebody else is removing it")

// removeSecret removes the record of a secret, and says whether it has: somebody
// else may be at it.
func (s *Service) removeSecret(ctx context.Context, found *foundSecret) (bool, error) {
	now := s.Now()
	mark := &secretRemoval{Token: rand.Text(), At: now}
	_, err := s.Store.UpdateRecord(ctx, found.scope.Account, meta.SecretRecord, found.Name, now, func(r *meta.Record) error {
		stored, err := s.openRecord(*r)
		if err != nil {
			return err
		}
		if stored.Suffix != found.Suffix || stored.Removal != nil && now.Sub(stored.Removal.At) < abandonedRemoval {
			return errRemovalElsewhere
		}
		stored.Removal, stored.Versions = mark, nil
		r.Body, err = s.sealRecord(stored)
		return err
	})
	switch {
	case errors.Is(err, errRemovalElsewhere), errors.Is(err, meta.ErrNoRecord):
		return false, nil
	case err != nil:
		return false, err
	}
	_, err = s.Store.DeleteRecord(ctx, found.scope.Account, meta.SecretRecord, found.Name)
	return err == nil, err
}

// DeleteSecret is the deletion of a secret.
type DeleteSecret struct {
	ID    string
	Days  *int64 // to recover it in; nil: 30
	Force bool   // at once
}

// DeleteSecret marks a secret for deletion or, if it is forced, deletes it.
// Errors: ResourceNotFound, InvalidParameter, InvalidRequest.
func (s *Service) DeleteSecret(ctx context.Context, c Caller, in DeleteSecret) (Secret, error) {
	days := int64(defaultSecretWindow)
	if in.Days != nil {
		days = *in.Days
	}
	about := secretSubject{keys: map[string]string{"secretsmanager:forcedeletewithoutrecovery": strconv.FormatBool(in.Force)}}
	if !in.Force {
		about.keys["secretsmanager:recoverywindowindays"] = strconv.FormatInt(days, 10)
	}
	found, scope, err := s.allowSecretName(ctx, c, "DeleteSecret", in.ID, about)
	if err != nil {
		return Secret{}, err
	}
	switch {
	case in.Days != nil && in.Force:
		return Secret{}, registry.SecretWindowForced()
	case days < leastSecretWindow || days > mostSecretWindow:
		return Secret{}, registry.SecretWindowInvalid(leastSecretWindow, mostSecretWindow)
	case in.Force:
		return s.forceDelete(ctx, scope, in.ID, found)
	case found == nil:
		return Secret{}, registry.SecretUnknown()
	}
	found, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		switch {
		case x.Owner != "":
			return registry.SecretManaged()
		case !x.DeletedAt.IsZero():
			return registry.SecretDeletedTwice()
		}
		now := s.Now()
		x.DeletedAt, x.DueAt = now, now.Add(time.Duration(days)*day)
		return nil
	})
	if err != nil {
		return Secret{}, err
	}
	return found.describe(), nil
}

// forceDelete deletes a secret at once. One that is not there is as good as
// deleted, as it is to AWS.
func (s *Service) forceDelete(ctx context.Context, scope registry.Scope, id string, found *foundSecret) (Secret, error) {
	now := s.Now()
	if found == nil {
		name := parseSecretRef(id).names[0]
		return Secret{Name: name.name, ARN: secretARN(scope, name.name, name.suffix), DeletedAt: now, DueAt: now}, nil
	}
	if found.Owner != "" {
		return Secret{}, registry.SecretManaged()
	}
	if _, err := s.removeSecret(ctx, found); err != nil {
		return Secret{}, err
	}
	out := found.describe()
	out.DeletedAt, out.DueAt = now, now
	return out, nil
}

// RestoreSecret takes the mark of deletion from a secret.
// Errors: ResourceNotFound, InvalidRequest.
func (s *Service) RestoreSecret(ctx context.Context, c Caller, id string) (Secret, error) {
	found, err := s.allowSecret(ctx, c, "RestoreSecret", id, secretSubject{})
	if err != nil {
		return Secret{}, err
	}
	found, err = s.changeSecret(ctx, found, func(x *storedSecret) error {
		switch {
		case x.Owner != "":
			return registry.SecretManaged()
		case x.DeletedAt.IsZero():
			return registry.SecretNotDeleted()
		}
		x.DeletedAt, x.DueAt = time.Time{}, time.Time{}
		return nil
	})
	if err != nil {
		return Secret{}, err
	}
	return found.describe(), nil
}

// secretsAtOnce is how many secrets are in memory at a time while all of an
// account are looked at, and secretWalks how many look at them then: one may
// have megabytes.
const (
	secretsAtOnce = 10
	secretWalks   = 2
)

// SweepSecrets deletes the secrets that are due to be.
func (s *Service) SweepSecrets(ctx context.Context) error {
	for account := ""; ; {
		accounts, err := s.Store.ListRecords(ctx, "", meta.AccountRecord, account, sweepBatch)
		if err != nil || len(accounts) == 0 {
			return err
		}
		for _, record := range accounts {
			account = record.Name
			if err := s.sweepSecretsOf(ctx, registry.Scope{Account: account, Region: s.Default.Region}); err != nil {
				return err
			}
		}
	}
}

func (s *Service) sweepSecretsOf(ctx context.Context, scope registry.Scope) error {
	return s.eachSecret(ctx, scope, "", func(found *foundSecret) (bool, error) {
		if !found.gone(s.Now()) {
			if orphan, err := s.isOrphan(ctx, found); err != nil || !orphan {
				return true, err
			}
		}
		removed, err := s.removeSecret(ctx, found)
		if removed {
			s.Logger.InfoContext(ctx, "deleted a secret that was due to be", "secret", found.arn())
		}
		return true, err
	})
}

// eachSecret calls visit with the secrets of an account after a name, those that
// are gone too, until it answers false.
func (s *Service) eachSecret(ctx context.Context, scope registry.Scope, after string, visit func(*foundSecret) (bool, error)) error {
	for more := true; more; {
		var err error
		if after, more, err = s.pageOfSecrets(ctx, scope, after, visit); err != nil {
			return err
		}
	}
	return nil
}

// pageOfSecrets visits a page of them, and answers where the next one begins.
func (s *Service) pageOfSecrets(ctx context.Context, scope registry.Scope, after string, visit func(*foundSecret) (bool, error)) (last string, more bool, err error) {
	select {
	case s.walks <- struct{}{}:
		defer func() { <-s.walks }()
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	records, err := s.Store.ListRecords(ctx, scope.Account, meta.SecretRecord, after, secretsAtOnce)
	if err != nil || len(records) == 0 {
		return "", false, err
	}
	for i := range records {
		last = records[i].Name
		stored, err := s.openRecord(records[i])
		if err != nil {
			return "", false, err
		}
		if more, err := visit(&foundSecret{scope, records[i], stored}); err != nil || !more {
			return "", false, err
		}
		records[i] = meta.Record{}
	}
	return last, true, nil
}

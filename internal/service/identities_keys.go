package service

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// How many access keys somebody may have. For users it is as in IAM: one in
// use, and one to change over to. Owners may have one more, because the key that
// the instance began with can be switched off but not removed.
const (
	maxKeys      = 2
	maxOwnerKeys = 3
)

// AccessKey is a long-lived key without its secret, which is shown once, when
// it is made.
type AccessKey struct {
	ID        string
	Account   string
	User      string // empty: the owner of the account
	Active    bool
	CreatedAt time.Time
	LastUsed  KeyUse // zero: never, as far as is known
}

// KeyUse is when and for what a key was used last.
type KeyUse struct {
	At      time.Time
	Service string
	Region  string
}

// NewAccessKey is a key that was just made.
type NewAccessKey struct {
	AccessKey
	Secret string
}

// keyOwner is whose a key is.
type keyOwner struct {
	account string
	user    string // empty: the account's owner
	arn     string
	userID  string
}

func rootOwner(account string) keyOwner {
	return keyOwner{account: account, arn: iam.RootARN(account), userID: account}
}

// NewKeyPair makes a key pair that looks like AWS's: 20 characters that begin
// with AKIA, and 40.
func NewKeyPair() (id, secret string) {
	raw := make([]byte, 40)
	_, _ = rand.Read(raw) // never fails
	id = "AKIA" + base32.StdEncoding.EncodeToString(raw[:10])
	return id, base64.RawStdEncoding.EncodeToString(raw[10:])
}

// CreateKey makes a key of a user, or of the account's owner if user is empty.
// Keys of an owner are for owners to make. Errors: AccessDenied, NoSuchEntity,
// LimitExceeded.
func (s *Service) CreateKey(ctx context.Context, c Caller, account, user string) (NewAccessKey, error) {
	account, err := s.allowIdentities(ctx, c, account, "CreateAccessKey")
	if err != nil {
		return NewAccessKey{}, err
	}
	owner, err := s.ownerOfKeys(ctx, c, account, user, "CreateAccessKey")
	if err != nil {
		return NewAccessKey{}, err
	}
	return s.createKey(ctx, owner)
}

func (s *Service) createKey(ctx context.Context, owner keyOwner) (NewAccessKey, error) {
	if owner.user == "" {
		return s.makeKey(ctx, owner, maxOwnerKeys)
	}
	key, err := s.makeKey(ctx, owner, maxKeys)
	if err != nil {
		return key, err
	}
	// A user that was deleted meanwhile must not leave a key behind.
	u, err := s.user(ctx, owner.account, owner.user)
	if err == nil && u.ID == owner.userID {
		return key, nil
	}
	gone := s.Store.DeleteAccessKey(ctx, owner.account, key.ID)
	if err == nil {
		err = entityError(meta.UserRecord, owner.user, meta.ErrNoRecord)
	}
	if gone != nil && !errors.Is(gone, meta.ErrNoRecord) {
		err = errors.Join(err, gone)
	}
	return NewAccessKey{}, err
}

// ownerOfKeys answers whose keys are meant. An action on keys of an account's
// owner is refused to all but owners: whoever has one may do everything.
func (s *Service) ownerOfKeys(ctx context.Context, c Caller, account, user, operation string) (keyOwner, error) {
	if user != "" {
		u, err := s.user(ctx, account, user)
		return keyOwner{account: account, user: user, arn: u.ARN, userID: u.ID}, err
	}
	if c.Kind != iam.Root {
		return keyOwner{}, registry.Errorf(registry.CodeAccessDenied, "User: %s is not authorized to perform: ecru:%s on resource: %s because only an owner may manage the keys of an owner",
			c.ARN, operation, iam.RootARN(account))
	}
	return rootOwner(account), nil
}

// makeKey stores a new key unless its owner has most already (0: unlimited).
func (s *Service) makeKey(ctx context.Context, owner keyOwner, most int) (NewAccessKey, error) {
	id, secret := NewKeyPair()
	sealed, err := s.sealSecret(secret)
	if err != nil {
		return NewAccessKey{}, err
	}
	key := meta.AccessKey{
		ID: id, Secret: sealed, Account: owner.account, Principal: owner.arn,
		UserID: owner.userID, Active: true, CreatedAt: s.Now(),
	}
	if err := s.Store.CreateAccessKey(ctx, key, most); err != nil {
		if errors.Is(err, meta.ErrFull) {
			err = registry.Errorf(registry.CodeLimitExceeded, "Cannot exceed quota for AccessKeysPerUser: %d", most)
		}
		return NewAccessKey{}, err
	}
	return NewAccessKey{AccessKey: keyOf(key), Secret: secret}, nil
}

func keyOf(k meta.AccessKey) AccessKey {
	_, user, _ := strings.Cut(k.Principal, ":user/")
	return AccessKey{
		ID: k.ID, Account: k.Account, User: user, Active: k.Active, CreatedAt: k.CreatedAt,
		LastUsed: KeyUse{At: k.LastUsed.At, Service: k.LastUsed.Service, Region: k.LastUsed.Region},
	}
}

// ListKeys answers the keys of an account in order of id, only those of a user
// if one is named. Errors: AccessDenied, NoSuchEntity.
func (s *Service) ListKeys(ctx context.Context, c Caller, account, user string) ([]AccessKey, error) {
	account, err := s.allowIdentities(ctx, c, account, "ListAccessKeys")
	if err != nil {
		return nil, err
	}
	principal := ""
	if user != "" {
		u, err := s.user(ctx, account, user)
		if err != nil {
			return nil, err
		}
		principal = u.ARN
	}
	stored, err := s.Store.ListAccessKeys(ctx, account, principal)
	if err != nil {
		return nil, err
	}
	out := make([]AccessKey, len(stored))
	for i, k := range stored {
		out[i] = keyOf(k)
	}
	return out, nil
}

// SetKeyActive switches a key on or off. The last active key of the owner of
// the default account cannot be switched off. Errors: AccessDenied,
// NoSuchEntity, UnsupportedOperation.
func (s *Service) SetKeyActive(ctx context.Context, c Caller, account, id string, active bool) (AccessKey, error) {
	key, err := s.keyToChange(ctx, c, account, id, "UpdateAccessKey")
	if err != nil {
		return AccessKey{}, err
	}
	if active {
		err = keyError(id, s.Store.SetAccessKeyActive(ctx, key.Account, id, true))
	} else {
		err = s.disable(ctx, key)
	}
	out := keyOf(key)
	out.Active = active
	return out, err
}

func (s *Service) disable(ctx context.Context, key meta.AccessKey) error {
	s.rootKeys.Lock()
	defer s.rootKeys.Unlock()
	if err := s.notTheLast(ctx, key); err != nil {
		return err
	}
	return keyError(key.ID, s.Store.SetAccessKeyActive(ctx, key.Account, key.ID, false))
}

// DeleteKey removes a key. The last active key of the owner of the default
// account cannot be deleted, and the key that the instance began with only be
// switched off. Errors: AccessDenied, NoSuchEntity, UnsupportedOperation.
func (s *Service) DeleteKey(ctx context.Context, c Caller, account, id string) error {
	key, err := s.keyToChange(ctx, c, account, id, "DeleteAccessKey")
	if err != nil {
		return err
	}
	s.rootKeys.Lock()
	defer s.rootKeys.Unlock()
	if err := s.notTheLast(ctx, key); err != nil {
		return err
	}
	return keyError(id, s.Store.DeleteAccessKey(ctx, key.Account, id))
}

// RotateKey makes another key for whoever has this one, and with disable
// switches this one off at once. Errors: AccessDenied, NoSuchEntity,
// LimitExceeded when there are as many as there may be.
func (s *Service) RotateKey(ctx context.Context, c Caller, account, id string, disable bool) (NewAccessKey, error) {
	old, err := s.keyToChange(ctx, c, account, id, "RotateAccessKey")
	if err != nil {
		return NewAccessKey{}, err
	}
	made, err := s.createKey(ctx, keyOwner{account: old.Account, user: keyOf(old).User, arn: old.Principal, userID: old.UserID})
	if err != nil || !disable {
		return made, err
	}
	if err := s.disable(ctx, old); err != nil && registry.CodeOf(err) != registry.CodeNoSuchEntity {
		return made, err
	}
	return made, nil // or it was deleted meanwhile, which is as good
}

// keyToChange authorises a change of a key and answers it.
func (s *Service) keyToChange(ctx context.Context, c Caller, account, id, operation string) (meta.AccessKey, error) {
	account, err := s.allowIdentities(ctx, c, account, operation)
	if err != nil {
		return meta.AccessKey{}, err
	}
	key, found, err := s.Store.AccessKey(ctx, id)
	if err != nil {
		return key, err
	}
	if !found || key.Account != account {
		return key, keyError(id, meta.ErrNoRecord)
	}
	if user := keyOf(key).User; user == "" {
		_, err = s.ownerOfKeys(ctx, c, account, user, operation)
	}
	return key, err
}

// notTheLast refuses what would leave nobody who can operate the instance. The
// caller holds rootKeys, so that two requests cannot each spare the other's
// key; two replicas could, and then keys are made anew on a stopped server.
func (s *Service) notTheLast(ctx context.Context, key meta.AccessKey) error {
	root := iam.RootARN(s.Default.Account)
	if key.Principal != root || !key.Active {
		return nil
	}
	keys, err := s.Store.ListAccessKeys(ctx, s.Default.Account, root)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(keys, func(k meta.AccessKey) bool { return k.Active && k.ID != key.ID }) {
		return nil
	}
	return registry.Errorf(registry.CodeUnsupported, "%s is the last active root key of the default account. Make another one first, or rotate it.", key.ID)
}

func keyError(id string, err error) error {
	switch {
	case errors.Is(err, meta.ErrNoRecord):
		return registry.Errorf(registry.CodeNoSuchEntity, "The Access Key with id %s cannot be found.", id)
	case errors.Is(err, meta.ErrExists):
		return registry.Errorf(registry.CodeUnsupported, "%s is the key that the instance began with: it can be disabled but not deleted.", id)
	}
	return err
}

func (s *Service) deleteKeysOf(ctx context.Context, account, principal string) error {
	keys, err := s.Store.ListAccessKeys(ctx, account, principal)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := s.Store.DeleteAccessKey(ctx, account, k.ID); err != nil && !errors.Is(err, meta.ErrNoRecord) {
			return err
		}
	}
	return nil
}

// EnsureRootKey answers an active key of the owner of an account with its
// secret, and whether it had to be made. It asks nobody: it is for the start of
// a server and for no transport.
func (s *Service) EnsureRootKey(ctx context.Context, account string) (key NewAccessKey, made bool, err error) {
	keys, err := s.Store.ListAccessKeys(ctx, account, iam.RootARN(account))
	if err != nil {
		return NewAccessKey{}, false, err
	}
	for _, k := range keys {
		if k.Active {
			secret, err := s.openSecret(k.Secret)
			return NewAccessKey{AccessKey: keyOf(k), Secret: secret}, false, err
		}
	}
	// Two that were switched off must not keep the server from starting.
	key, err = s.makeKey(ctx, rootOwner(account), 0)
	return key, err == nil, err
}

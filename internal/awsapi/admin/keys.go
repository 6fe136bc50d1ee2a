package admin

import (
	"context"
	"sort"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// Keys is what the API needs of access keys.
type Keys interface {
	CreateKey(ctx context.Context, c service.Caller, account, user string) (service.NewAccessKey, error)
	ListKeys(ctx context.Context, c service.Caller, account, user string) ([]service.AccessKey, error)
	SetKeyActive(ctx context.Context, c service.Caller, account, id string, active bool) (service.AccessKey, error)
	DeleteKey(ctx context.Context, c service.Caller, account, id string) error
	RotateKey(ctx context.Context, c service.Caller, account, id string, disable bool) (service.NewAccessKey, error)
}

// The states of a key.
const (
	Active   = "Active"
	Inactive = "Inactive"
)

// Key is an access key without its secret.
type Key struct {
	AccessKeyID *string
	AccountID   *string
	UserName    *string // absent: the account's owner
	Status      *string
	CreateDate  *time.Time
	LastUsed    *KeyUse
}

// KeyUse is when and for what a key was used last.
type KeyUse struct {
	Date        *time.Time
	ServiceName *string
	Region      *string
}

// NewKey is a key that was just made: the only time that its secret is told.
type NewKey struct {
	AccessKeyID     *string
	SecretAccessKey *string
	AccountID       *string
	UserName        *string
	Status          *string
	CreateDate      *time.Time
}

// CreateAccessKeyInput asks for a key of a user, or of the account's owner when
// no user is named.
type CreateAccessKeyInput struct{ AccountID, UserName *string }

// CreateAccessKeyOutput tells it.
type CreateAccessKeyOutput struct{ AccessKey *NewKey }

// ListAccessKeysInput asks for the keys of an account or of one user.
type ListAccessKeysInput struct {
	AccountID  *string
	UserName   *string
	NextToken  *string
	MaxResults *int32
}

// ListAccessKeysOutput is a page of them.
type ListAccessKeysOutput struct {
	AccessKeys []Key
	NextToken  *string
}

// UpdateAccessKeyInput switches a key on or off.
type UpdateAccessKeyInput struct{ AccountID, AccessKeyID, Status *string }

// UpdateAccessKeyOutput tells how it is now.
type UpdateAccessKeyOutput struct{ AccessKey *Key }

// DeleteAccessKeyInput names a key to be removed.
type DeleteAccessKeyInput struct{ AccountID, AccessKeyID *string }

// RotateAccessKeyInput asks for another key of whoever has this one.
type RotateAccessKeyInput struct {
	AccountID   *string
	AccessKeyID *string
	DisableOld  *bool
}

// RotateAccessKeyOutput tells it.
type RotateAccessKeyOutput struct{ AccessKey *NewKey }

func (h handlers) keyOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createAccessKey), awsapi.Op(h.listAccessKeys), awsapi.Op(h.updateAccessKey),
		awsapi.Op(h.deleteAccessKey), awsapi.Op(h.rotateAccessKey),
	}
}

func (h handlers) createAccessKey(ctx context.Context, in *CreateAccessKeyInput) (*CreateAccessKeyOutput, error) {
	key, err := h.service.CreateKey(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName))
	worded := wordNewKey(key)
	return answer(CreateAccessKeyOutput{AccessKey: &worded}, err)
}

func (h handlers) listAccessKeys(ctx context.Context, in *ListAccessKeysInput) (*ListAccessKeysOutput, error) {
	p, err := h.page("ListAccessKeys", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID), deref(in.UserName))
	if err != nil {
		return nil, err
	}
	keys, err := h.service.ListKeys(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName))
	// There are few enough that the store answers all of them at once.
	keys = keys[sort.Search(len(keys), func(i int) bool { return keys[i].ID > p.Cursor }):]
	var out ListAccessKeysOutput
	out.AccessKeys, out.NextToken = cut(h, p, keys, func(k service.AccessKey) string { return k.ID }, wordKey)
	return answer(out, err)
}

func (h handlers) updateAccessKey(ctx context.Context, in *UpdateAccessKeyInput) (*UpdateAccessKeyOutput, error) {
	key, err := h.service.SetKeyActive(ctx, caller(ctx), deref(in.AccountID), deref(in.AccessKeyID), deref(in.Status) == Active)
	worded := wordKey(key)
	return answer(UpdateAccessKeyOutput{AccessKey: &worded}, err)
}

func (h handlers) deleteAccessKey(ctx context.Context, in *DeleteAccessKeyInput) (*Done, error) {
	return done(h.service.DeleteKey(ctx, caller(ctx), deref(in.AccountID), deref(in.AccessKeyID)))
}

func (h handlers) rotateAccessKey(ctx context.Context, in *RotateAccessKeyInput) (*RotateAccessKeyOutput, error) {
	key, err := h.service.RotateKey(ctx, caller(ctx), deref(in.AccountID), deref(in.AccessKeyID), deref(in.DisableOld))
	worded := wordNewKey(key)
	return answer(RotateAccessKeyOutput{AccessKey: &worded}, err)
}

func wordKey(k service.AccessKey) Key {
	out := Key{AccessKeyID: &k.ID, AccountID: &k.Account, UserName: text(k.User), Status: status(k.Active), CreateDate: sometime(k.CreatedAt)}
	if !k.LastUsed.At.IsZero() {
		out.LastUsed = &KeyUse{Date: &k.LastUsed.At, ServiceName: text(k.LastUsed.Service), Region: text(k.LastUsed.Region)}
	}
	return out
}

func wordNewKey(k service.NewAccessKey) NewKey {
	return NewKey{
		AccessKeyID: &k.ID, SecretAccessKey: &k.Secret, AccountID: &k.Account,
		UserName: text(k.User), Status: status(k.Active), CreateDate: sometime(k.CreatedAt),
	}
}

func status(active bool) *string {
	state := Inactive
	if active {
		state = Active
	}
	return &state
}

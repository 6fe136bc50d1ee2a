package admin

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// Accounts is what the API needs of accounts.
type Accounts interface {
	CreateAccount(ctx context.Context, c service.Caller, id, name string) (service.Account, service.NewAccessKey, error)
	ListAccounts(ctx context.Context, c service.Caller, after string, limit int) ([]service.Account, error)
	// ClearPolicies asks nobody: the API does before.
	ClearPolicies(ctx context.Context, account, repository string) error
}

// Account is a registry of its own.
type Account struct {
	AccountID  *string
	Name       *string
	CreateDate *time.Time
}

// CreateAccountInput asks for an account.
type CreateAccountInput struct {
	AccountID *string
	Name      *string
}

// CreateAccountOutput tells the account and its root key, once.
type CreateAccountOutput struct {
	Account   *Account
	AccessKey *NewKey
}

// ListAccountsInput asks for all accounts.
type ListAccountsInput struct {
	NextToken  *string
	MaxResults *int32
}

// ListAccountsOutput is a page of them.
type ListAccountsOutput struct {
	Accounts  []Account
	NextToken *string
}

// ClearPoliciesInput asks to remove the policy of a repository, or that of the
// registry when none is named. It helps an owner whom a policy locks out: no
// policy of a repository or a registry has a say in it.
type ClearPoliciesInput struct{ AccountID, RepositoryName *string }

func (h handlers) accountOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.createAccount), awsapi.Op(h.listAccounts), awsapi.Op(h.clearPolicies)}
}

func (h handlers) createAccount(ctx context.Context, in *CreateAccountInput) (*CreateAccountOutput, error) {
	account, key, err := h.service.CreateAccount(ctx, caller(ctx), deref(in.AccountID), deref(in.Name))
	if err != nil {
		return nil, err
	}
	worded, made := wordAccount(account), wordNewKey(key)
	return &CreateAccountOutput{Account: &worded, AccessKey: &made}, nil
}

func (h handlers) listAccounts(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
	p, err := h.page("ListAccounts", in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	accounts, err := h.service.ListAccounts(ctx, caller(ctx), p.Cursor, p.Size+1)
	var out ListAccountsOutput
	out.Accounts, out.NextToken = cut(h, p, accounts, func(a service.Account) string { return a.ID }, wordAccount)
	return answer(out, err)
}

func (h handlers) clearPolicies(ctx context.Context, in *ClearPoliciesInput) (*Done, error) {
	account, err := h.service.AllowManaging(ctx, caller(ctx), deref(in.AccountID), "ClearPolicies")
	if err != nil {
		return nil, err
	}
	return done(h.service.ClearPolicies(ctx, account, deref(in.RepositoryName)))
}

func wordAccount(a service.Account) Account {
	return Account{AccountID: &a.ID, Name: text(a.Name), CreateDate: sometime(a.CreatedAt)}
}

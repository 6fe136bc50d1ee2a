package admin

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// Users is what the API needs of users.
type Users interface {
	CreateUser(ctx context.Context, c service.Caller, in service.CreateUser) (service.User, error)
	User(ctx context.Context, c service.Caller, account, name string) (service.User, error)
	ListUsers(ctx context.Context, c service.Caller, account, after string, limit int) ([]service.User, error)
	DeleteUser(ctx context.Context, c service.Caller, account, name string) error
}

// UserPolicies is what the API needs of the policies of users.
type UserPolicies interface {
	AttachUserPolicy(ctx context.Context, c service.Caller, account, user, policy string) error
	DetachUserPolicy(ctx context.Context, c service.Caller, account, user, policy string) error
	PutUserPolicy(ctx context.Context, c service.Caller, account, user, name, document string) error
	DeleteUserPolicy(ctx context.Context, c service.Caller, account, user, name string) error
}

// User is somebody who has access keys. In every input an account that is left
// out is the caller's.
type User struct {
	UserName        *string
	UserID          *string
	ARN             *string
	CreateDate      *time.Time
	ManagedPolicies []string
	InlinePolicies  map[string]string // documents by name
}

// CreateUserInput asks for a user with the policies that it begins with.
type CreateUserInput struct {
	AccountID       *string
	UserName        *string
	ManagedPolicies []string
	InlinePolicies  map[string]string
}

// CreateUserOutput tells the user.
type CreateUserOutput struct{ User *User }

// GetUserInput asks for one user.
type GetUserInput struct{ AccountID, UserName *string }

// GetUserOutput tells it.
type GetUserOutput struct{ User *User }

// ListUsersInput asks for the users of an account.
type ListUsersInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListUsersOutput is a page of them.
type ListUsersOutput struct {
	Users     []User
	NextToken *string
}

// DeleteUserInput names a user to be removed with its keys.
type DeleteUserInput struct{ AccountID, UserName *string }

// AttachUserPolicyInput gives a user a managed policy, by name or ARN.
type AttachUserPolicyInput struct{ AccountID, UserName, PolicyName *string }

// DetachUserPolicyInput takes it away.
type DetachUserPolicyInput struct{ AccountID, UserName, PolicyName *string }

// PutUserPolicyInput gives a user an inline policy.
type PutUserPolicyInput struct{ AccountID, UserName, PolicyName, PolicyDocument *string }

// DeleteUserPolicyInput takes it away.
type DeleteUserPolicyInput struct{ AccountID, UserName, PolicyName *string }

func (h handlers) userOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createUser), awsapi.Op(h.getUser), awsapi.Op(h.listUsers), awsapi.Op(h.deleteUser),
		awsapi.Op(h.attachUserPolicy), awsapi.Op(h.detachUserPolicy),
		awsapi.Op(h.putUserPolicy), awsapi.Op(h.deleteUserPolicy),
	}
}

func (h handlers) createUser(ctx context.Context, in *CreateUserInput) (*CreateUserOutput, error) {
	user, err := h.service.CreateUser(ctx, caller(ctx), service.CreateUser{
		Account: deref(in.AccountID), Name: deref(in.UserName), Managed: in.ManagedPolicies, Inline: in.InlinePolicies,
	})
	worded := wordUser(user)
	return answer(CreateUserOutput{User: &worded}, err)
}

func (h handlers) getUser(ctx context.Context, in *GetUserInput) (*GetUserOutput, error) {
	user, err := h.service.User(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName))
	worded := wordUser(user)
	return answer(GetUserOutput{User: &worded}, err)
}

func (h handlers) listUsers(ctx context.Context, in *ListUsersInput) (*ListUsersOutput, error) {
	p, err := h.page("ListUsers", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID))
	if err != nil {
		return nil, err
	}
	users, err := h.service.ListUsers(ctx, caller(ctx), deref(in.AccountID), p.Cursor, p.Size+1)
	var out ListUsersOutput
	out.Users, out.NextToken = cut(h, p, users, func(u service.User) string { return u.Name }, wordUser)
	return answer(out, err)
}

// accountOf is the account that an input is about.
func accountOf(ctx context.Context, account *string) string {
	if deref(account) != "" {
		return *account
	}
	return awsapi.CallFrom(ctx).Principal.Account
}

func (h handlers) deleteUser(ctx context.Context, in *DeleteUserInput) (*Done, error) {
	return done(h.service.DeleteUser(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName)))
}

func (h handlers) attachUserPolicy(ctx context.Context, in *AttachUserPolicyInput) (*Done, error) {
	return done(h.service.AttachUserPolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName), deref(in.PolicyName)))
}

func (h handlers) detachUserPolicy(ctx context.Context, in *DetachUserPolicyInput) (*Done, error) {
	return done(h.service.DetachUserPolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName), deref(in.PolicyName)))
}

func (h handlers) putUserPolicy(ctx context.Context, in *PutUserPolicyInput) (*Done, error) {
	return done(h.service.PutUserPolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName), deref(in.PolicyName), deref(in.PolicyDocument)))
}

func (h handlers) deleteUserPolicy(ctx context.Context, in *DeleteUserPolicyInput) (*Done, error) {
	return done(h.service.DeleteUserPolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.UserName), deref(in.PolicyName)))
}

func wordUser(u service.User) User {
	return User{
		UserName: &u.Name, UserID: &u.ID, ARN: &u.ARN, CreateDate: sometime(u.CreatedAt),
		ManagedPolicies: u.Managed, InlinePolicies: u.Inline,
	}
}

package admin

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// Roles is what the API needs of roles.
type Roles interface {
	CreateRole(ctx context.Context, c service.Caller, in service.CreateRole) (service.Role, error)
	Role(ctx context.Context, c service.Caller, account, name string) (service.Role, error)
	ListRoles(ctx context.Context, c service.Caller, account, after string, limit int) ([]service.Role, error)
	DeleteRole(ctx context.Context, c service.Caller, account, name string) error
	UpdateTrust(ctx context.Context, c service.Caller, account, name, document string) error
}

// RolePolicies is what the API needs of the policies of roles.
type RolePolicies interface {
	AttachRolePolicy(ctx context.Context, c service.Caller, account, role, policy string) error
	DetachRolePolicy(ctx context.Context, c service.Caller, account, role, policy string) error
	PutRolePolicy(ctx context.Context, c service.Caller, account, role, name, document string) error
	DeleteRolePolicy(ctx context.Context, c service.Caller, account, role, name string) error
}

// Role is taken on for a while by whom its trust policy names.
type Role struct {
	RoleName                 *string
	RoleID                   *string
	ARN                      *string
	CreateDate               *time.Time
	AssumeRolePolicyDocument *string
	MaxSessionDuration       *int64 // seconds
	ManagedPolicies          []string
	InlinePolicies           map[string]string
}

// CreateRoleInput asks for a role with the policies that it begins with.
type CreateRoleInput struct {
	AccountID                *string
	RoleName                 *string
	AssumeRolePolicyDocument *string
	MaxSessionDuration       *int64
	ManagedPolicies          []string
	InlinePolicies           map[string]string
}

// CreateRoleOutput tells the role.
type CreateRoleOutput struct{ Role *Role }

// GetRoleInput asks for one role.
type GetRoleInput struct{ AccountID, RoleName *string }

// GetRoleOutput tells it.
type GetRoleOutput struct{ Role *Role }

// ListRolesInput asks for the roles of an account.
type ListRolesInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListRolesOutput is a page of them.
type ListRolesOutput struct {
	Roles     []Role
	NextToken *string
}

// DeleteRoleInput names a role to be removed.
type DeleteRoleInput struct{ AccountID, RoleName *string }

// UpdateAssumeRolePolicyInput replaces a role's trust policy.
type UpdateAssumeRolePolicyInput struct{ AccountID, RoleName, PolicyDocument *string }

// AttachRolePolicyInput gives a role a managed policy, by name or ARN.
type AttachRolePolicyInput struct{ AccountID, RoleName, PolicyName *string }

// DetachRolePolicyInput takes it away.
type DetachRolePolicyInput struct{ AccountID, RoleName, PolicyName *string }

// PutRolePolicyInput gives a role an inline policy.
type PutRolePolicyInput struct{ AccountID, RoleName, PolicyName, PolicyDocument *string }

// DeleteRolePolicyInput takes it away.
type DeleteRolePolicyInput struct{ AccountID, RoleName, PolicyName *string }

func (h handlers) roleOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createRole), awsapi.Op(h.getRole), awsapi.Op(h.listRoles), awsapi.Op(h.deleteRole), awsapi.Op(h.updateTrust),
		awsapi.Op(h.attachRolePolicy), awsapi.Op(h.detachRolePolicy),
		awsapi.Op(h.putRolePolicy), awsapi.Op(h.deleteRolePolicy),
	}
}

func (h handlers) createRole(ctx context.Context, in *CreateRoleInput) (*CreateRoleOutput, error) {
	role, err := h.service.CreateRole(ctx, caller(ctx), service.CreateRole{
		Account: deref(in.AccountID), Name: deref(in.RoleName), Trust: deref(in.AssumeRolePolicyDocument),
		MaxSession: time.Duration(deref(in.MaxSessionDuration)) * time.Second,
		Managed:    in.ManagedPolicies, Inline: in.InlinePolicies,
	})
	worded := wordRole(role)
	return answer(CreateRoleOutput{Role: &worded}, err)
}

func (h handlers) getRole(ctx context.Context, in *GetRoleInput) (*GetRoleOutput, error) {
	role, err := h.service.Role(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName))
	worded := wordRole(role)
	return answer(GetRoleOutput{Role: &worded}, err)
}

func (h handlers) listRoles(ctx context.Context, in *ListRolesInput) (*ListRolesOutput, error) {
	p, err := h.page("ListRoles", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID))
	if err != nil {
		return nil, err
	}
	roles, err := h.service.ListRoles(ctx, caller(ctx), deref(in.AccountID), p.Cursor, p.Size+1)
	var out ListRolesOutput
	out.Roles, out.NextToken = cut(h, p, roles, func(r service.Role) string { return r.Name }, wordRole)
	return answer(out, err)
}

func (h handlers) deleteRole(ctx context.Context, in *DeleteRoleInput) (*Done, error) {
	return done(h.service.DeleteRole(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName)))
}

func (h handlers) updateTrust(ctx context.Context, in *UpdateAssumeRolePolicyInput) (*Done, error) {
	return done(h.service.UpdateTrust(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName), deref(in.PolicyDocument)))
}

func (h handlers) attachRolePolicy(ctx context.Context, in *AttachRolePolicyInput) (*Done, error) {
	return done(h.service.AttachRolePolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName), deref(in.PolicyName)))
}

func (h handlers) detachRolePolicy(ctx context.Context, in *DetachRolePolicyInput) (*Done, error) {
	return done(h.service.DetachRolePolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName), deref(in.PolicyName)))
}

func (h handlers) putRolePolicy(ctx context.Context, in *PutRolePolicyInput) (*Done, error) {
	return done(h.service.PutRolePolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName), deref(in.PolicyName), deref(in.PolicyDocument)))
}

func (h handlers) deleteRolePolicy(ctx context.Context, in *DeleteRolePolicyInput) (*Done, error) {
	return done(h.service.DeleteRolePolicy(ctx, caller(ctx), deref(in.AccountID), deref(in.RoleName), deref(in.PolicyName)))
}

func wordRole(r service.Role) Role {
	seconds := int64(r.MaxSession / time.Second)
	return Role{
		RoleName: &r.Name, RoleID: &r.ID, ARN: &r.ARN, CreateDate: sometime(r.CreatedAt),
		AssumeRolePolicyDocument: &r.Trust, MaxSessionDuration: &seconds,
		ManagedPolicies: r.Managed, InlinePolicies: r.Inline,
	}
}

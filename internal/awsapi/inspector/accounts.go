package inspector

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Accounts is what the API needs of accounts.
type Accounts interface {
	SwitchInspector(ctx context.Context, c service.Caller, on bool, accounts []string) (own []service.InspectorAccount, others []string, err error)
	InspectorAccounts(ctx context.Context, c service.Caller, accounts []string) (own []service.InspectorAccount, others []string, err error)
	InspectorConfiguration(ctx context.Context, c service.Caller) (service.InspectorConfiguration, error)
	PutInspectorConfiguration(ctx context.Context, c service.Caller, change service.InspectorConfiguration) error
	AllowInspector(ctx context.Context, c service.Caller, operation string) (string, error)
	MayInspector(ctx context.Context, c service.Caller, operations ...string) (map[string]bool, error)
}

func (h *handlers) accountOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.enable),
		awsapi.Op(h.disable),
		awsapi.Op(h.batchGetAccountStatus),
		awsapi.Op(h.getConfiguration),
		awsapi.Op(h.updateConfiguration),
		awsapi.Op(h.listAccountPermissions),
	}
}

// imagesOnly refuses to scan what is no image.
func imagesOnly(scan []types.ResourceScanType) error {
	for _, t := range scan {
		if t != types.ResourceScanTypeEcr {
			return registry.InspectorUnsupported("The resource type " + string(t))
		}
	}
	return nil
}

func (h *handlers) enable(ctx context.Context, in *inspector2.EnableInput) (*inspector2.EnableOutput, error) {
	if err := imagesOnly(in.ResourceTypes); err != nil {
		return nil, err
	}
	own, others, err := h.service.SwitchInspector(ctx, caller(ctx), true, in.AccountIds)
	if err != nil {
		return nil, err
	}
	out := &inspector2.EnableOutput{Accounts: []types.Account{}, FailedAccounts: denied(others)}
	for _, a := range own {
		if a.Changed {
			out.Accounts = append(out.Accounts, types.Account{AccountId: &a.ID, Status: types.StatusEnabled, ResourceStatus: resourceStatus(true)})
			continue
		}
		out.FailedAccounts = append(out.FailedAccounts, types.FailedAccount{
			AccountId: &a.ID, ErrorCode: types.ErrorCodeAlreadyEnabled, ErrorMessage: aws.String("Account is already enabled for the requested resource types."),
			Status: types.StatusEnabled, ResourceStatus: resourceStatus(true),
		})
	}
	return out, nil
}

// disable switches off what is named; without names everything, which is the same.
func (h *handlers) disable(ctx context.Context, in *inspector2.DisableInput) (*inspector2.DisableOutput, error) {
	c := caller(ctx)
	out := &inspector2.DisableOutput{Accounts: []types.Account{}}
	if len(in.ResourceTypes) > 0 && !slices.Contains(in.ResourceTypes, types.ResourceScanTypeEcr) {
		// What else there is was never on.
		own, others, err := h.service.InspectorAccounts(ctx, c, in.AccountIds)
		if err != nil {
			return nil, err
		}
		if _, err := h.service.AllowInspector(ctx, c, "Disable"); err != nil {
			return nil, err
		}
		for _, a := range own {
			out.Accounts = append(out.Accounts, types.Account{AccountId: &a.ID, Status: statusOf(a.Enabled), ResourceStatus: resourceStatus(a.Enabled)})
		}
		out.FailedAccounts = denied(others)
		return out, nil
	}
	own, others, err := h.service.SwitchInspector(ctx, c, false, in.AccountIds)
	if err != nil {
		return nil, err
	}
	for _, a := range own {
		out.Accounts = append(out.Accounts, types.Account{AccountId: &a.ID, Status: types.StatusDisabled, ResourceStatus: resourceStatus(false)})
	}
	out.FailedAccounts = denied(others)
	return out, nil
}

func statusOf(enabled bool) types.Status {
	if enabled {
		return types.StatusEnabled
	}
	return types.StatusDisabled
}

func resourceStatus(enabled bool) *types.ResourceStatus {
	return &types.ResourceStatus{
		Ecr: statusOf(enabled), Ec2: types.StatusDisabled, Lambda: types.StatusDisabled,
		LambdaCode: types.StatusDisabled, CodeRepository: types.StatusDisabled,
	}
}

// denied are accounts that are not the caller's.
func denied(accounts []string) []types.FailedAccount {
	out := []types.FailedAccount{}
	for _, id := range accounts {
		out = append(out, types.FailedAccount{
			AccountId: &id, ErrorCode: types.ErrorCodeAccessDenied, ErrorMessage: aws.String(registry.InspectorAccountDenied(id).Message),
		})
	}
	return out
}

func (h *handlers) batchGetAccountStatus(ctx context.Context, in *inspector2.BatchGetAccountStatusInput) (*inspector2.BatchGetAccountStatusOutput, error) {
	own, others, err := h.service.InspectorAccounts(ctx, caller(ctx), in.AccountIds)
	if err != nil {
		return nil, err
	}
	out := &inspector2.BatchGetAccountStatusOutput{Accounts: []types.AccountState{}, FailedAccounts: denied(others)}
	state := func(enabled bool) *types.State { return &types.State{Status: statusOf(enabled)} }
	for _, a := range own {
		out.Accounts = append(out.Accounts, types.AccountState{
			AccountId: &a.ID, State: state(a.Enabled),
			ResourceState: &types.ResourceState{
				Ecr: state(a.Enabled), Ec2: state(false), Lambda: state(false), LambdaCode: state(false), CodeRepository: state(false),
			},
		})
	}
	return out, nil
}

func (h *handlers) getConfiguration(ctx context.Context, _ *inspector2.GetConfigurationInput) (*inspector2.GetConfigurationOutput, error) {
	config, err := h.service.InspectorConfiguration(ctx, caller(ctx))
	if err != nil {
		return nil, err
	}
	return &inspector2.GetConfigurationOutput{EcrConfiguration: &types.EcrConfigurationState{RescanDurationState: &types.EcrRescanDurationState{
		RescanDuration:         types.EcrRescanDuration(config.RescanDuration),
		PullDateRescanDuration: types.EcrPullDateRescanDuration(config.PullDateRescanDuration),
		PullDateRescanMode:     types.EcrPullDateRescanMode(config.PullDateRescanMode),
		Status:                 types.EcrRescanDurationStatusSuccess, UpdatedAt: when(config.UpdatedAt),
	}}}, nil
}

func (h *handlers) updateConfiguration(ctx context.Context, in *inspector2.UpdateConfigurationInput) (*inspector2.UpdateConfigurationOutput, error) {
	if in.Ec2Configuration != nil {
		return nil, registry.InspectorUnsupported("ec2Configuration")
	}
	change := service.InspectorConfiguration{}
	if e := in.EcrConfiguration; e != nil {
		change.RescanDuration = string(e.RescanDuration)
		change.PullDateRescanDuration = string(e.PullDateRescanDuration)
		change.PullDateRescanMode = string(e.PullDateRescanMode)
	}
	err := h.service.PutInspectorConfiguration(ctx, caller(ctx), change)
	return &inspector2.UpdateConfigurationOutput{}, err
}

func (h *handlers) listAccountPermissions(ctx context.Context, in *inspector2.ListAccountPermissionsInput) (*inspector2.ListAccountPermissionsOutput, error) {
	c := caller(ctx)
	if _, err := h.service.AllowInspector(ctx, c, "ListAccountPermissions"); err != nil {
		return nil, err
	}
	may, err := h.service.MayInspector(ctx, c, "Enable", "Disable")
	if err != nil {
		return nil, err
	}
	if _, err := h.page("ListAccountPermissions", in.NextToken, nil, maxGroups, c.Account, in.Service); err != nil {
		return nil, err // there never is a second page
	}
	out := &inspector2.ListAccountPermissionsOutput{Permissions: []types.Permission{}}
	if in.Service != "" && in.Service != types.ServiceEcr {
		return out, nil
	}
	add := func(operations ...types.Operation) {
		for _, o := range operations {
			out.Permissions = append(out.Permissions, types.Permission{Operation: o, Service: types.ServiceEcr})
		}
	}
	if may["Enable"] {
		add(types.OperationEnableScanning, types.OperationEnableRepository)
	}
	if may["Disable"] {
		add(types.OperationDisableScanning, types.OperationDisableRepository)
	}
	return out, nil
}

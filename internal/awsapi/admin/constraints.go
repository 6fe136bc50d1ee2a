package admin

import (
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/scan/external"
)

// constraints are what the form of inputs must be like; what names and
// documents must be like is for the service to say.
func constraints() []validate.Structure {
	user, role := must("UserName"), must("RoleName")
	policy, document := must("PolicyName"), must("PolicyDocument")
	key := must("AccessKeyID")
	account := validate.Field{Name: "AccountID", Rule: validate.Rule{Pattern: `[0-9]{12}`}}
	return []validate.Structure{
		validate.For[ImportAdvisoriesInput](must("Directory")),
		validate.For[ImportAdvisoriesBundleInput](must("File")),
		validate.For[ExportAdvisoriesInput](must("File")),

		validate.For[CreateSuppressionInput](account, must("Vulnerability"), must("Reason")),
		validate.For[ListSuppressionsInput](account, pageSize()),
		validate.For[DeleteSuppressionInput](account, must("SuppressionID")),
		validate.For[AddVexDocumentInput](account, must("Document")),
		validate.For[ListVexDocumentsInput](account, pageSize()),
		validate.For[DeleteVexDocumentInput](account, must("DocumentID")),

		validate.For[AddScannerInput](account, must("ScannerName"), must("URL"), scope(), validate.Field{Name: "Auth", Rule: validate.Rule{Enum: external.Auths()}}),
		validate.For[ListScannersInput](account, pageSize()),
		validate.For[TestScannerInput](account, must("ScannerName")),
		validate.For[SetDefaultScannerInput](account, must("ScannerName"), scope()),
		validate.For[RemoveScannerInput](account, must("ScannerName"), scope()),

		validate.For[ListReportsInput](account, pageSize()),
		validate.For[GetReportInput](account, must("ReportID")),
		validate.For[ExplainFindingInput](account, must("RepositoryName"), must("Vulnerability")),
		validate.For[AttachSbomInput](account, must("RepositoryName"), validate.Field{Name: "Format", Rule: validate.Rule{Enum: []string{"CYCLONEDX_1_4", "SPDX_2_3"}}}),

		validate.For[CreateAccountInput](must("AccountID")),
		validate.For[ListAccountsInput](pageSize()),
		validate.For[ClearPoliciesInput](account),

		validate.For[CreateUserInput](account, user),
		validate.For[GetUserInput](account, user),
		validate.For[ListUsersInput](account, pageSize()),
		validate.For[DeleteUserInput](account, user),
		validate.For[AttachUserPolicyInput](account, user, policy),
		validate.For[DetachUserPolicyInput](account, user, policy),
		validate.For[PutUserPolicyInput](account, user, policy, document),
		validate.For[DeleteUserPolicyInput](account, user, policy),

		validate.For[CreateAccessKeyInput](account),
		validate.For[ListAccessKeysInput](account, pageSize()),
		validate.For[UpdateAccessKeyInput](account, key, validate.Field{Name: "Status", Rule: validate.Rule{Required: true, Enum: []string{Active, Inactive}}}),
		validate.For[DeleteAccessKeyInput](account, key),
		validate.For[RotateAccessKeyInput](account, key),

		validate.For[CreateRoleInput](account, role, must("AssumeRolePolicyDocument"),
			validate.Field{Name: "MaxSessionDuration", Rule: validate.Rule{Value: &validate.Range{Min: 900, Max: 43_200}}}),
		validate.For[GetRoleInput](account, role),
		validate.For[ListRolesInput](account, pageSize()),
		validate.For[DeleteRoleInput](account, role),
		validate.For[UpdateAssumeRolePolicyInput](account, role, document),
		validate.For[AttachRolePolicyInput](account, role, policy),
		validate.For[DetachRolePolicyInput](account, role, policy),
		validate.For[PutRolePolicyInput](account, role, policy, document),
		validate.For[DeleteRolePolicyInput](account, role, policy),

		validate.For[CreateOpenIDConnectProviderInput](account, must("Issuer"), must("ClientIDs")),
		validate.For[ListOpenIDConnectProvidersInput](account, pageSize()),
		validate.For[DeleteOpenIDConnectProviderInput](account, must("Issuer")),

		validate.For[ListEventsInput](account, pageSize()),
		validate.For[ReplayEventsInput](account, must("From")),
		validate.For[ListDeadLettersInput](account, ids(), pageSize()),
		validate.For[RetryDeadLettersInput](account, ids()),
		validate.For[DeleteDeadLettersInput](account, ids()),
	}
}

func must(member string) validate.Field {
	return validate.Field{Name: member, Rule: validate.Rule{Required: true, MinLen: 1}}
}

func scope() validate.Field {
	return validate.Field{Name: "Scope", Rule: validate.Rule{Enum: []string{ScopeAccount, ScopeInstance}}}
}

func ids() validate.Field {
	return validate.Field{Name: "IDs", Rule: validate.Rule{MaxLen: 1000}}
}

func pageSize() validate.Field {
	return validate.Field{Name: "MaxResults", Rule: validate.Rule{Value: &validate.Range{Min: 1, Max: maxPage}}}
}

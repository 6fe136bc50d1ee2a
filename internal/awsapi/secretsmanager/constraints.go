package secretsmanager

import (
	"math"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// constraints are facts of the service's public model.
func constraints() []validate.Structure {
	id, token := is("SecretId", length(1, 2048).Must()), is("ClientRequestToken", length(32, 64))
	text, bytes := is("SecretString", length(0, 65536).Secret()), is("SecretBinary", length(0, 65536).Secret())
	description, key := is("Description", length(0, 2048)), is("KmsKeyId", length(0, 2048))
	page := func(most int64) validate.Field {
		return is("MaxResults", validate.Rule{Value: &validate.Range{Min: 1, Max: most}})
	}
	next := is("NextToken", length(1, 4096))
	stage, version := length(1, 256), length(32, 64)
	filters := is("Filters", length(0, 10))
	return []validate.Structure{
		validate.For[secretsmanager.CreateSecretInput](
			is("Name", length(1, 512).Must()), token, description, key, bytes, text, is("Tags", validate.Rule{}),
		),
		validate.For[secretsmanager.PutSecretValueInput](
			id, token, bytes, text, is("VersionStages", listOf(1, 20, stage)), is("RotationToken", length(36, 256).Secret()),
		),
		validate.For[secretsmanager.UpdateSecretInput](id, token, description, key, bytes, text),
		validate.For[secretsmanager.UpdateSecretVersionStageInput](
			id, is("VersionStage", stage.Must()), is("RemoveFromVersionId", version), is("MoveToVersionId", version),
		),
		validate.For[secretsmanager.GetSecretValueInput](id, is("VersionId", version), is("VersionStage", stage)),
		validate.For[secretsmanager.BatchGetSecretValueInput](
			is("SecretIdList", listOf(1, 20, length(1, 2048))), filters, page(20), next,
		),
		validate.For[secretsmanager.DescribeSecretInput](id),
		validate.For[secretsmanager.GetResourcePolicyInput](id),
		validate.For[secretsmanager.ListSecretsInput](
			filters, page(100), next,
			is("SortOrder", oneOf("asc", "desc")), is("SortBy", oneOf("created-date", "last-accessed-date", "last-changed-date", "name")),
		),
		validate.For[secretsmanager.ListSecretVersionIdsInput](id, page(100), next),
		validate.For[secretsmanager.DeleteSecretInput](id),
		validate.For[secretsmanager.RestoreSecretInput](id),
		validate.For[secretsmanager.TagResourceInput](id, is("Tags", validate.Rule{}.Must())),
		validate.For[secretsmanager.UntagResourceInput](id, is("TagKeys", listOf(0, 0, length(1, 128)).Must())),
		validate.For[secretsmanager.GetRandomPasswordInput](
			is("PasswordLength", validate.Rule{Value: &validate.Range{Min: 1, Max: 4096}}), is("ExcludeCharacters", length(0, 4096)),
		),
		validate.For[types.Tag](is("Key", length(1, 128)), is("Value", length(0, 256))),
		validate.For[types.Filter](
			is("Key", oneOf("description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all")),
			is("Values", listOf(1, 10, validate.Rule{MaxLen: 512, Pattern: `^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$`})),
		),
	}
}

// is ties a rule to a member by its Go name.
func is(member string, rule validate.Rule) validate.Field {
	return validate.Field{Name: member, Rule: rule}
}

func length(from, to int) validate.Rule { return validate.Rule{MinLen: from, MaxLen: to} }

func oneOf(values ...string) validate.Rule { return validate.Rule{Enum: values} }

func listOf(from, to int, each validate.Rule) validate.Rule {
	if to == 0 {
		to = math.MaxInt
	}
	return validate.Rule{MinLen: from, MaxLen: to, Each: &each}
}

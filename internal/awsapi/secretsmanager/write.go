package secretsmanager

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// noticeKey is told to who names a key of KMS.
const noticeKey = "KmsKeyId is kept and told; secrets are sealed with the key file of ecru."

func (h *handlers) createSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	if len(in.AddReplicaRegions) > 0 {
		return nil, registry.Errorf(registry.CodeUnsupported, "Secrets are not replicated to other regions by this version of ecru.")
	}
	if aws.ToString(in.Type) != "" {
		return nil, registry.Errorf(registry.CodeUnsupported, "Secrets of third parties are not supported by this version of ecru.")
	}
	value, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	told(ctx, in.KmsKeyId)
	secret, version, err := h.secrets.CreateSecret(ctx, caller(ctx), service.NewSecret{
		Name: *in.Name, Token: aws.ToString(in.ClientRequestToken), Description: aws.ToString(in.Description),
		KMSKey: aws.ToString(in.KmsKeyId), Value: value, Tags: tagsOf(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.CreateSecretOutput{ARN: &secret.ARN, Name: &secret.Name, VersionId: text(version)}, nil
}

func (h *handlers) putSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	value, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	secret, version, err := h.secrets.PutSecretValue(ctx, caller(ctx), service.PutSecret{
		ID: *in.SecretId, Token: aws.ToString(in.ClientRequestToken), Value: value, Labels: in.VersionStages,
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutSecretValueOutput{ARN: &secret.ARN, Name: &secret.Name, VersionId: &version.ID, VersionStages: version.Labels}, nil
}

func (h *handlers) updateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	value, err := valueOf(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	told(ctx, in.KmsKeyId)
	secret, version, err := h.secrets.UpdateSecret(ctx, caller(ctx), *in.SecretId, service.SecretChange{
		Token: aws.ToString(in.ClientRequestToken), Description: in.Description, KMSKey: in.KmsKeyId, Value: value,
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.UpdateSecretOutput{ARN: &secret.ARN, Name: &secret.Name, VersionId: text(version)}, nil
}

func (h *handlers) updateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	secret, err := h.secrets.MoveSecretLabel(ctx, caller(ctx), *in.SecretId, *in.VersionStage, aws.ToString(in.RemoveFromVersionId), aws.ToString(in.MoveToVersionId))
	if err != nil {
		return nil, err
	}
	return &secretsmanager.UpdateSecretVersionStageOutput{ARN: &secret.ARN, Name: &secret.Name}, nil
}

func (h *handlers) tagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	return &secretsmanager.TagResourceOutput{}, h.secrets.TagSecret(ctx, caller(ctx), *in.SecretId, tagsOf(in.Tags))
}

func (h *handlers) untagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	return &secretsmanager.UntagResourceOutput{}, h.secrets.UntagSecret(ctx, caller(ctx), *in.SecretId, in.TagKeys)
}

func (h *handlers) deleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	secret, err := h.secrets.DeleteSecret(ctx, caller(ctx), service.DeleteSecret{
		ID: *in.SecretId, Days: in.RecoveryWindowInDays, Force: aws.ToBool(in.ForceDeleteWithoutRecovery),
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DeleteSecretOutput{ARN: &secret.ARN, Name: &secret.Name, DeletionDate: &secret.DueAt}, nil
}

func (h *handlers) restoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	secret, err := h.secrets.RestoreSecret(ctx, caller(ctx), *in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.RestoreSecretOutput{ARN: &secret.ARN, Name: &secret.Name}, nil
}

// valueOf is the one value that is given, nil when none is. An empty one is none.
func valueOf(text *string, bytes []byte) (*service.SecretValue, error) {
	switch hasText := aws.ToString(text) != ""; {
	case hasText && len(bytes) > 0:
		return nil, registry.SecretValueTwice()
	case hasText:
		return &service.SecretValue{Data: []byte(*text)}, nil
	case len(bytes) > 0:
		return &service.SecretValue{Binary: true, Data: bytes}, nil
	}
	return nil, nil
}

func told(ctx context.Context, key *string) {
	if aws.ToString(key) != "" {
		awsapi.Notice(ctx, noticeKey)
	}
}

func tagsOf(in []types.Tag) []registry.ResourceTag {
	out := make([]registry.ResourceTag, 0, len(in))
	for _, t := range in {
		out = append(out, registry.ResourceTag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return out
}

// text is nil for an empty text.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

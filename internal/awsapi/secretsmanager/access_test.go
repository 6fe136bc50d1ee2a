package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

func TestPoliciesDecideAboutEachSecret(t *testing.T) {
	a, ctx := start(t), t.Context()
	made := a.secret("prod/db", "one")
	apitest.OK[*sdk.CreateSecretOutput](t)(a.CreateSecret(ctx, &sdk.CreateSecretInput{
		Name: aws.String("tagged"), SecretString: aws.String("two"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))
	reader := a.user("reader", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/*"},
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{"StringEquals":{"secretsmanager:ResourceTag/team":"a"}}}]}`)
	get := func(id string) (*sdk.GetSecretValueOutput, error) {
		return reader.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &id})
	}
	for _, id := range []string{"prod/db", *made.ARN, "tagged"} {
		apitest.OK[*sdk.GetSecretValueOutput](t)(get(id))
	}
	_, err := get("prod/unknown")
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
	no := func(action, id string) string {
		return "User: arn:aws:iam::123456789012:user/reader is not authorized to perform: secretsmanager:" + action + " on resource: " + id +
			" because no identity-based policy allows the secretsmanager:" + action + " action"
	}
	// Who may not read it does not learn whether it is there.
	other := a.secret("test/db", "three")
	for _, id := range []string{"test/db", *other.ARN, "test/unknown"} {
		_, err = get(id)
		apitest.Want(t, err, "AccessDeniedException", no("GetSecretValue", id))
	}
	_, err = reader.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: aws.String("prod/db"), SecretString: aws.String("x")})
	apitest.Want(t, err, "AccessDeniedException", no("PutSecretValue", "prod/db"))
	_, err = reader.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("nobody"), ForceDeleteWithoutRecovery: aws.Bool(true)})
	apitest.Want(t, err, "AccessDeniedException", no("DeleteSecret", "nobody"))
	_, err = reader.ListSecrets(ctx, &sdk.ListSecretsInput{})
	apitest.Want(t, err, "AccessDeniedException", no("ListSecrets", "*"))
}

func TestCreatingWithTagsNeedsToBeAllowedToTag(t *testing.T) {
	a, ctx := start(t), t.Context()
	maker := a.user("maker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:CreateSecret","Resource":"arn:aws:secretsmanager:*:*:secret:ci/*-??????"}]}`)
	apitest.OK[*sdk.CreateSecretOutput](t)(maker.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("ci/one")}))
	_, err := maker.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("ci/two"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if err == nil || !strings.Contains(err.Error(), "secretsmanager:TagResource on resource: ci/two") {
		t.Errorf("tags without permission: %v", err)
	}
	_, err = maker.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("other")})
	if err == nil || !strings.Contains(err.Error(), "secretsmanager:CreateSecret on resource: other") {
		t.Errorf("a name that is not allowed: %v", err)
	}
}

func TestSecretsOfAnotherAccountAreRefused(t *testing.T) {
	a, ctx := start(t), t.Context()
	made := a.secret("s", "one")
	unknownARN := "arn:aws:secretsmanager:us-east-1:" + account + ":secret:unknown-AbCdEf"
	for _, id := range []string{*made.ARN, unknownARN} {
		_, err := a.as("AKIDOTHER").GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &id})
		apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::210987654321:root is not authorized to perform: secretsmanager:GetSecretValue on resource: "+id+
			" because no resource-based policy allows the secretsmanager:GetSecretValue action")
	}
	_, err := a.as("AKIDOTHER").GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("s")})
	apitest.Want(t, err, "ResourceNotFoundException", unknown)
}

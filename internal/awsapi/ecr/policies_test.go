package ecr_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

const (
	lending = `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["210987654321"]},"Action":"ecr:*"}]}`
	lent    = `{
  "Version" : "2008-10-17",
  "Statement" : [ {
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : [ "210987654321" ]
    },
    "Action" : "ecr:*"
  } ]
}`
)

func TestPolicyOfARepository(t *testing.T) {
	a := start(t)
	ctx, web := t.Context(), aws.String("web")
	a.repository("web")
	set := apitest.OK[*sdk.SetRepositoryPolicyOutput](t)(a.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: web, PolicyText: aws.String(lending)}))
	if *set.RegistryId != account || *set.RepositoryName != "web" || *set.PolicyText != lent {
		t.Errorf("%+v %s", set, *set.PolicyText)
	}
	got := apitest.OK[*sdk.GetRepositoryPolicyOutput](t)(a.as("AKIDOTHER").GetRepositoryPolicy(ctx, &sdk.GetRepositoryPolicyInput{RepositoryName: web, RegistryId: aws.String(account)}))
	if *got.RegistryId != account || *got.RepositoryName != "web" || *got.PolicyText != lent {
		t.Errorf("%+v %s", got, *got.PolicyText)
	}
	_, err := a.as("AKIDOTHER").SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{
		RepositoryName: web, RegistryId: aws.String(account), PolicyText: aws.String(strings.Replace(lending, "ecr:*", "ecr:ListImages", 1)),
	})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The repository policy would not allow you to set the repository policy again. Use force to set it nevertheless'")
	gone := apitest.OK[*sdk.DeleteRepositoryPolicyOutput](t)(a.DeleteRepositoryPolicy(ctx, &sdk.DeleteRepositoryPolicyInput{RepositoryName: web}))
	if *gone.RegistryId != account || *gone.RepositoryName != "web" || *gone.PolicyText != lent {
		t.Errorf("%+v %s", gone, *gone.PolicyText)
	}
	_, err = a.GetRepositoryPolicy(ctx, &sdk.GetRepositoryPolicyInput{RepositoryName: web})
	apitest.Want(t, err, "RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.DeleteRepositoryPolicy(ctx, &sdk.DeleteRepositoryPolicyInput{RepositoryName: web})
	apitest.Want(t, err, "RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: aws.String("nope"), PolicyText: aws.String(lending)})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
	_, err = a.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: web, PolicyText: aws.String("")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
	_, err = a.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: web, PolicyText: aws.String(strings.Repeat(" ", 10241))})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Member must have length less than or equal to 10240'")

	deny := `{"Statement":{"Effect":"Deny","Principal":"*","Action":"ecr:*"}}`
	_, err = a.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: web, PolicyText: &deny})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The repository policy would not allow you to set the repository policy again. Use force to set it nevertheless'")
	apitest.OK[*sdk.SetRepositoryPolicyOutput](t)(a.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: web, PolicyText: &deny, Force: true}))
	_, err = a.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"web"}})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:root is not authorized to perform: ecr:DescribeRepositories on resource: "+
		"arn:aws:ecr:us-east-1:123456789012:repository/web with an explicit deny in a resource-based policy")
}

func TestPolicyOfTheRegistry(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	_, err := a.GetRegistryPolicy(ctx, &sdk.GetRegistryPolicyInput{})
	apitest.Want(t, err, "RegistryPolicyNotFoundException", "Registry policy does not exist in the registry with id '123456789012'")
	_, err = a.DeleteRegistryPolicy(ctx, &sdk.DeleteRegistryPolicyInput{})
	apitest.Want(t, err, "RegistryPolicyNotFoundException", "Registry policy does not exist in the registry with id '123456789012'")
	given := strings.Replace(lending, `"Action"`, `"Resource":"*","Action"`, 1)
	text := strings.Replace(lent, `"Action"`, "\"Resource\" : \"*\",\n    \"Action\"", 1)
	put := apitest.OK[*sdk.PutRegistryPolicyOutput](t)(a.PutRegistryPolicy(ctx, &sdk.PutRegistryPolicyInput{PolicyText: &given}))
	got := apitest.OK[*sdk.GetRegistryPolicyOutput](t)(a.GetRegistryPolicy(ctx, &sdk.GetRegistryPolicyInput{}))
	// It lets the other account in wherever no policy of a repository does.
	in := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(a.as("AKIDOTHER").DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RegistryId: aws.String(account)}))
	if in.Repositories == nil {
		t.Errorf("%+v", in)
	}
	gone := apitest.OK[*sdk.DeleteRegistryPolicyOutput](t)(a.DeleteRegistryPolicy(ctx, &sdk.DeleteRegistryPolicyInput{}))
	for _, answer := range [][2]*string{{put.RegistryId, put.PolicyText}, {got.RegistryId, got.PolicyText}, {gone.RegistryId, gone.PolicyText}} {
		if *answer[0] != account || *answer[1] != text {
			t.Errorf("%s: %s", *answer[0], *answer[1])
		}
	}
	_, err = a.PutRegistryPolicy(ctx, &sdk.PutRegistryPolicyInput{PolicyText: aws.String(`{"Statement":[]}`)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid registry policy provided'")
	_, err = a.as("AKIDOTHER").DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RegistryId: aws.String(account)})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::210987654321:root is not authorized to perform: ecr:DescribeRepositories on resource: "+
		"arn:aws:ecr:us-east-1:123456789012:repository/* because no resource-based policy allows the ecr:DescribeRepositories action")
}

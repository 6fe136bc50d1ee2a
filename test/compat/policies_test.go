package compat

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

func policyRows() []*operation {
	return []*operation{
		setRepositoryPolicy(), getRepositoryPolicy(), deleteRepositoryPolicy(),
		putRegistryPolicy(), getRegistryPolicy(), deleteRegistryPolicy(),
	}
}

// allow is a policy of a repository that lets a principal do something.
func allow(principal, actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":"Allow","Principal":` + principal + `,"Action":` + actions + `}]}`
}

// pulls is a policy, and inLayout the same as ECR answers it.
const (
	pulls    = `{"Version":"2008-10-17","Statement":[{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	inLayout = "{\n  \"Version\" : \"2008-10-17\",\n  \"Statement\" : [ {\n    \"Sid\" : \"AllowPull\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"arn:aws:iam::111122223333:root\"\n    },\n    \"Action\" : [ \"ecr:BatchGetImage\", \"ecr:GetDownloadUrlForLayer\" ]\n  } ]\n}"

	noRepositoryPolicy = "Repository policy does not exist for the repository with name 'team/web' in the registry with id '{account}'"
	noRegistryPolicy   = "Registry policy does not exist in the registry with id '{account}'"
)

// sameJSON compares two texts as JSON.
func (a *account) sameJSON(got, want string) {
	a.t.Helper()
	var x, y any
	a.must(json.Unmarshal([]byte(got), &x))
	a.must(json.Unmarshal([]byte(want), &y))
	a.same(x, y)
}

// malformed are texts that are no policy; resource is what statements of the
// kind need beside the others, with a comma.
func malformed(resource string) [][2]string {
	statement := func(members string) string {
		return `{"Version":"2012-10-17","Statement":[{` + resource + members + `}]}`
	}
	return [][2]string{
		{"an empty text", ""},
		{"no JSON", "allow everything"},
		{"two documents", statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*"`) + "{}"},
		{"no statement", `{"Version":"2012-10-17"}`},
		{"an unknown version", `{"Version":"2020-01-01","Statement":[]}`},
		{"no effect", statement(`"Principal":"*","Action":"ecr:*"`)},
		{"an unknown effect", statement(`"Effect":"Maybe","Principal":"*","Action":"ecr:*"`)},
		{"no action", statement(`"Effect":"Allow","Principal":"*"`)},
		{"no principal", statement(`"Effect":"Allow","Action":"ecr:*"`)},
		{"an unknown element", statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*","Because":"I say so"`)},
		{"an unknown operator", statement(`"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringResembles":{"aws:username":"x"}}`)},
		{"a principal that is no ARN", statement(`"Effect":"Allow","Principal":{"AWS":"me"},"Action":"ecr:*"`)},
		{"a user that is not there", statement(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::{account}:user/ghost"},"Action":"ecr:*"`)},
		{"a role that is not there", statement(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::{account}:role/ghost"},"Action":"ecr:*"`)},
		{"a principal and its opposite", statement(`"Effect":"Allow","Principal":"*","NotPrincipal":{"AWS":"111122223333"},"Action":"ecr:*"`)},
	}
}

// malformedPolicies are the refusals of all of them.
func malformedPolicies[I any](kind, resource string, set func(in *I, text string)) part {
	return func(op *operation) {
		for _, c := range malformed(resource) {
			but("a policy with "+c[0], func(a *account, in *I) { set(in, a.fill(c[1])) },
				invalidParameter, violates("PolicyText", "Invalid "+kind+" policy provided"))(op)
		}
	}
}

func setRepositoryPolicy() *operation {
	type in = ecr.SetRepositoryPolicyInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryName: aws.String(web), PolicyText: aws.String(pulls)}
	}
	set := func(in *in, text string) { in.PolicyText = &text }
	lockOut := func(a *account) string {
		return a.fill(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"{account}"},"Action":"ecr:SetRepositoryPolicy"}]}`)
	}
	return row("SetRepositoryPolicy", good, unpaged,
		shape("the policy in ECR's layout", func(a *account) {
			a.same(do(a, a.SetRepositoryPolicy, good(a)), &ecr.SetRepositoryPolicyOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), PolicyText: aws.String(inLayout)})
		}),
		shape("every form of principals and conditions", func(a *account) {
			in := good(a)
			in.PolicyText = aws.String(`{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::111122223333:role/ci"],
				"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage","Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:*"},"Bool":{"aws:SecureTransport":"true"}}}}`)
			a.sameJSON(*do(a, a.SetRepositoryPolicy, in).PolicyText, *in.PolicyText)
		}),
		malformedPolicies("repository", "", set),
		wrong("a text that is too long", func(in *in) { set(in, strings.Repeat(" ", 10241)) }, "PolicyText", "Member must have length less than or equal to 10240"),
		but("a policy that locks its author out", func(a *account, in *in) { set(in, lockOut(a)) }, invalidParameter, violates("PolicyText",
			"The repository policy would not allow you to set the repository policy again. Use force to set it nevertheless")),
		effects("it is answered from then on, and replaced as a whole", func(a *account) {
			in := good(a)
			do(a, a.SetRepositoryPolicy, in)
			set(in, allow(`"*"`, `"ecr:BatchGetImage"`))
			do(a, a.SetRepositoryPolicy, in)
			a.sameJSON(*do(a, a.GetRepositoryPolicy, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(web)}).PolicyText, *in.PolicyText)
		}),
		effects("another account may do what it and its own policy allow", func(a *account) {
			in := good(a)
			other := a.house.account(a.t)
			images := &ecr.ListImagesInput{RegistryId: &a.id, RepositoryName: aws.String(web)}
			set(in, allow(`{"AWS":"`+other.id+`"}`, `["ecr:ListImages"]`))
			do(a, a.SetRepositoryPolicy, in)
			do(other, other.ListImages, images)
			refuse(other, other.DescribeImages, &ecr.DescribeImagesInput{RegistryId: &a.id, RepositoryName: aws.String(web)}, accessDenied,
				"User: arn:aws:iam::{account}:root is not authorized to perform: ecr:DescribeImages on resource: "+a.arn(web)+" because no resource-based policy allows the ecr:DescribeImages action")
			u := other.user("ci", "")
			refuse(u, u.ListImages, images, accessDenied,
				"User: arn:aws:iam::{account}:user/ci is not authorized to perform: ecr:ListImages on resource: "+a.arn(web)+" because no identity-based policy allows the ecr:ListImages action")
		}),
		effects("an explicit deny wins", func(a *account) {
			in := good(a)
			set(in, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:ListImages"},{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`)
			do(a, a.SetRepositoryPolicy, in)
			refuse(a, a.ListImages, &ecr.ListImagesInput{RepositoryName: aws.String(web)}, accessDenied,
				"User: arn:aws:iam::{account}:root is not authorized to perform: ecr:ListImages on resource: "+a.arn(web)+" with an explicit deny in a resource-based policy")
		}),
		effects("force sets what locks out", func(a *account) {
			in := good(a)
			set(in, lockOut(a))
			in.Force = true
			do(a, a.SetRepositoryPolicy, in)
			refuse(a, a.SetRepositoryPolicy, in, accessDenied,
				"User: arn:aws:iam::{account}:root is not authorized to perform: ecr:SetRepositoryPolicy on resource: "+a.arn(web)+" with an explicit deny in a resource-based policy")
		}),
		effects("what is refused changes nothing", func(a *account) {
			in := good(a)
			do(a, a.SetRepositoryPolicy, in)
			set(in, "{}")
			refuse(a, a.SetRepositoryPolicy, in, invalidParameter, violates("PolicyText", "Invalid repository policy provided"))
			a.same(*do(a, a.GetRepositoryPolicy, &ecr.GetRepositoryPolicyInput{RepositoryName: aws.String(web)}).PolicyText, inLayout)
		}),
	)
}

// withPolicy creates the repository of good inputs with a policy.
func (a *account) withPolicy() *string {
	a.t.Helper()
	a.repository(web)
	do(a, a.SetRepositoryPolicy, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String(web), PolicyText: aws.String(pulls)})
	return aws.String(web)
}

func getRepositoryPolicy() *operation {
	type in = ecr.GetRepositoryPolicyInput
	return row("GetRepositoryPolicy", func(a *account) *in { return &in{RepositoryName: a.withPolicy()} }, unpaged, readsOnly,
		shape("the policy in ECR's layout", func(a *account) {
			a.same(do(a, a.GetRepositoryPolicy, &in{RepositoryName: a.withPolicy()}), &ecr.GetRepositoryPolicyOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), PolicyText: aws.String(inLayout)})
		}),
		but("a repository without one", func(a *account, in *in) {
			a.repository("plain")
			in.RepositoryName = aws.String("plain")
		}, "RepositoryPolicyNotFoundException", strings.ReplaceAll(noRepositoryPolicy, web, "plain")),
	)
}

func deleteRepositoryPolicy() *operation {
	type in = ecr.DeleteRepositoryPolicyInput
	return row("DeleteRepositoryPolicy", func(a *account) *in { return &in{RepositoryName: a.withPolicy()} }, unpaged,
		shape("the policy that is gone", func(a *account) {
			a.same(do(a, a.DeleteRepositoryPolicy, &in{RepositoryName: a.withPolicy()}), &ecr.DeleteRepositoryPolicyOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), PolicyText: aws.String(inLayout)})
		}),
		but("a repository without one", func(a *account, in *in) {
			a.repository("plain")
			in.RepositoryName = aws.String("plain")
		}, "RepositoryPolicyNotFoundException", strings.ReplaceAll(noRepositoryPolicy, web, "plain")),
		effects("it is gone, and so is what it allowed", func(a *account) {
			in := &in{RepositoryName: a.withPolicy()}
			other := a.house.account(a.t)
			do(a, a.SetRepositoryPolicy, &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String(web), PolicyText: aws.String(allow(`"*"`, `"ecr:ListImages"`))})
			images := &ecr.ListImagesInput{RegistryId: &a.id, RepositoryName: aws.String(web)}
			do(other, other.ListImages, images)
			do(a, a.DeleteRepositoryPolicy, in)
			refuse(a, a.DeleteRepositoryPolicy, in, "RepositoryPolicyNotFoundException", noRepositoryPolicy)
			refuse(other, other.ListImages, images, accessDenied,
				"User: arn:aws:iam::{account}:root is not authorized to perform: ecr:ListImages on resource: "+a.arn(web)+" because no resource-based policy allows the ecr:ListImages action")
		}),
	)
}

// registryAllows is a policy of a registry.
func registryAllows(principal, actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":"Allow","Principal":` + principal + `,"Action":` + actions + `,"Resource":"arn:aws:ecr:*:*:repository/*"}]}`
}

func putRegistryPolicy() *operation {
	type in = ecr.PutRegistryPolicyInput
	set := func(in *in, text string) { in.PolicyText = &text }
	good := func(*account) *in {
		return &in{PolicyText: aws.String(registryAllows(`{"AWS":"111122223333"}`, `["ecr:ReplicateImage"]`))}
	}
	return row("PutRegistryPolicy", good, unpaged,
		shape("the policy in ECR's layout", func(a *account) {
			a.same(do(a, a.PutRegistryPolicy, good(a)), &ecr.PutRegistryPolicyOutput{RegistryId: &a.id, PolicyText: aws.String(
				"{\n  \"Version\" : \"2012-10-17\",\n  \"Statement\" : [ {\n    \"Sid\" : \"one\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"111122223333\"\n    },\n    \"Action\" : [ \"ecr:ReplicateImage\" ],\n    \"Resource\" : \"arn:aws:ecr:*:*:repository/*\"\n  } ]\n}")})
		}),
		malformedPolicies("registry", `"Resource":"*",`, set),
		wrong("no resource", func(in *in) { set(in, allow(`"*"`, `"ecr:*"`)) }, "PolicyText", "Invalid registry policy provided"),
		wrong("a text that is too long", func(in *in) { set(in, strings.Repeat(" ", 10241)) }, "PolicyText", "Member must have length less than or equal to 10240"),
		effects("it is answered from then on, and replaced as a whole", func(a *account) {
			do(a, a.PutRegistryPolicy, good(a))
			second := registryAllows(`{"AWS":"444455556666"}`, `"ecr:CreateRepository"`)
			do(a, a.PutRegistryPolicy, &in{PolicyText: &second})
			a.sameJSON(*do(a, a.GetRegistryPolicy, &ecr.GetRegistryPolicyInput{}).PolicyText, second)
		}),
		effects("in scope V2 it decides about every action", func(a *account) {
			other := a.house.account(a.t)
			a.repository(web)
			do(a, a.PutRegistryPolicy, &in{PolicyText: aws.String(registryAllows(`{"AWS":"`+other.id+`"}`, `"ecr:ListImages"`))})
			do(other, other.ListImages, &ecr.ListImagesInput{RegistryId: &a.id, RepositoryName: aws.String(web)})
		}),
		effects("in scope V1 only about three", func(a *account) {
			other := a.house.account(a.t)
			a.repository(web)
			do(a, a.PutAccountSetting, &ecr.PutAccountSettingInput{Name: aws.String("REGISTRY_POLICY_SCOPE"), Value: aws.String("V1")})
			do(a, a.PutRegistryPolicy, &in{PolicyText: aws.String(registryAllows(`{"AWS":"`+other.id+`"}`, `"ecr:*"`))})
			do(other, other.CreateRepository, &ecr.CreateRepositoryInput{RegistryId: &a.id, RepositoryName: aws.String("by-other")})
			refuse(other, other.ListImages, &ecr.ListImagesInput{RegistryId: &a.id, RepositoryName: aws.String(web)}, accessDenied,
				"User: arn:aws:iam::{account}:root is not authorized to perform: ecr:ListImages on resource: "+a.arn(web)+" because no resource-based policy allows the ecr:ListImages action")
			a.same(repositoryNames(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{})), []string{"by-other", web})
		}),
		effects("one of each registry", func(a *account) {
			other := a.house.account(a.t)
			do(a, a.PutRegistryPolicy, good(a))
			refuse(other, other.GetRegistryPolicy, &ecr.GetRegistryPolicyInput{}, "RegistryPolicyNotFoundException", noRegistryPolicy)
		}),
	)
}

// registryPolicy puts a policy of the registry and answers what is answered of it.
func (a *account) registryPolicy() *string {
	a.t.Helper()
	return do(a, a.PutRegistryPolicy, &ecr.PutRegistryPolicyInput{PolicyText: aws.String(registryAllows(`"*"`, `"ecr:ReplicateImage"`))}).PolicyText
}

func getRegistryPolicy() *operation {
	type in = ecr.GetRegistryPolicyInput
	good := func(a *account) *in {
		a.registryPolicy()
		return &in{}
	}
	return row("GetRegistryPolicy", good, unpaged, readsOnly,
		shape("the policy in ECR's layout", func(a *account) {
			text := a.registryPolicy()
			a.same(do(a, a.GetRegistryPolicy, &in{}), &ecr.GetRegistryPolicyOutput{RegistryId: &a.id, PolicyText: text})
		}),
		fails("a registry without one", func(a *account) {
			refuse(a, a.GetRegistryPolicy, &in{}, "RegistryPolicyNotFoundException", noRegistryPolicy)
		}),
	)
}

func deleteRegistryPolicy() *operation {
	type in = ecr.DeleteRegistryPolicyInput
	good := func(a *account) *in {
		a.registryPolicy()
		return &in{}
	}
	return row("DeleteRegistryPolicy", good, unpaged,
		shape("the policy that is gone", func(a *account) {
			text := a.registryPolicy()
			a.same(do(a, a.DeleteRegistryPolicy, &in{}), &ecr.DeleteRegistryPolicyOutput{RegistryId: &a.id, PolicyText: text})
		}),
		fails("a registry without one", func(a *account) {
			refuse(a, a.DeleteRegistryPolicy, &in{}, "RegistryPolicyNotFoundException", noRegistryPolicy)
		}),
		effects("it is gone", func(a *account) {
			do(a, a.DeleteRegistryPolicy, good(a))
			refuse(a, a.GetRegistryPolicy, &ecr.GetRegistryPolicyInput{}, "RegistryPolicyNotFoundException", noRegistryPolicy)
		}),
	)
}

package iam

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// managedPrefix begins the ARNs of managed policies.
const managedPrefix = "arn:aws:iam::aws:policy/"

// The actions of AWS's managed policies for ECR build on each other.
const (
	readActions = `"ecr:GetAuthorizationToken",
		"ecr:BatchCheckLayerAvailability",
		"ecr:GetDownloadUrlForLayer",
		"ecr:GetRepositoryPolicy",
		"ecr:DescribeRepositories",
		"ecr:ListImages",
		"ecr:DescribeImages",
		"ecr:BatchGetImage",
		"ecr:GetLifecyclePolicy",
		"ecr:GetLifecyclePolicyPreview",
		"ecr:ListTagsForResource",
		"ecr:DescribeImageScanFindings"`
	pushActions = `"ecr:InitiateLayerUpload",
		"ecr:UploadLayerPart",
		"ecr:CompleteLayerUpload",
		"ecr:PutImage"`
	pullActions = `"ecr:GetAuthorizationToken",
		"ecr:BatchGetImage",
		"ecr:GetDownloadUrlForLayer",
		"ecr:BatchImportUpstreamImage"`
)

// eventReadActions and managedSecretActions are those of AWS's managed policies for
// EventBridge and Secrets Manager that are about them.
const (
	eventReadActions = `"events:DescribeRule",
		"events:DescribeEventBus",
		"events:DescribeEventSource",
		"events:ListEventBuses",
		"events:ListEventSources",
		"events:ListRuleNamesByTarget",
		"events:ListRules",
		"events:ListTargetsByRule",
		"events:TestEventPattern",
		"events:DescribeArchive",
		"events:ListArchives",
		"events:DescribeReplay",
		"events:ListReplays",
		"events:DescribeConnection",
		"events:ListConnections",
		"events:DescribeApiDestination",
		"events:ListApiDestinations",
		"events:DescribeEndpoint",
		"events:ListEndpoints"`
	managedSecretActions = `"secretsmanager:CreateSecret",
		"secretsmanager:UpdateSecret",
		"secretsmanager:DeleteSecret",
		"secretsmanager:GetSecretValue",
		"secretsmanager:PutSecretValue"`
)

// managedDocuments are the managed policies as AWS publishes them. Those of
// EventBridge and Secrets Manager are without the statements and actions about
// services that are not here.
var managedDocuments = map[string]string{
	"AdministratorAccess": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,

	"AmazonEventBridgeFullAccess": `{"Version":"2012-10-17","Statement":[
		{"Sid":"EventBridgeActions","Effect":"Allow","Action":["events:*"],"Resource":"*"},
		{"Sid":"SecretsManagerAccessForApiDestinations","Effect":"Allow","Action":[` + managedSecretActions + `],
		 "Resource":"arn:aws:secretsmanager:*:*:secret:events!*"}]}`,

	"AmazonEventBridgeReadOnlyAccess": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":[` + eventReadActions + `],"Resource":"*"}]}`,

	"SecretsManagerReadWrite": `{"Version":"2012-10-17","Statement":[
		{"Sid":"BasePermissions","Effect":"Allow","Action":["secretsmanager:*"],"Resource":"*"}]}`,

	"AmazonEC2ContainerRegistryFullAccess": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ecr:*","cloudtrail:LookupEvents"],"Resource":"*"},
		{"Effect":"Allow","Action":["iam:CreateServiceLinkedRole"],"Resource":"*",
		 "Condition":{"StringEquals":{"iam:AWSServiceName":["replication.ecr.amazonaws.com"]}}}]}`,

	"AmazonEC2ContainerRegistryPowerUser": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":[` + readActions + `,` + pushActions + `],"Resource":"*"}]}`,

	"AmazonEC2ContainerRegistryPullOnly": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":[` + pullActions + `],"Resource":"*"}]}`,

	"AmazonEC2ContainerRegistryReadOnly": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":[` + readActions + `],"Resource":"*"}]}`,
}

// managed compiles the managed policies once, when they are first asked for.
var managed = sync.OnceValue(func() map[string]*Policy {
	all := map[string]*Policy{}
	for name, document := range managedDocuments {
		p, err := Parse(name, IdentityPolicy, document)
		if err != nil {
			// A test compiles them all.
			panic(fmt.Sprintf("managed policy %s: %v", name, err))
		}
		all[name] = p
	}
	return all
})

// Managed answers a managed policy by its name or ARN, nil when there is none.
func Managed(nameOrARN string) *Policy {
	return managed()[strings.TrimPrefix(nameOrARN, managedPrefix)]
}

// ManagedNames are the names of all managed policies, sorted.
func ManagedNames() []string {
	names := make([]string, 0, len(managedDocuments))
	for name := range managedDocuments {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

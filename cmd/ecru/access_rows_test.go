package main

import (
	"net/http"
	"strings"
)

// walked is one thing that a caller can ask for, and who may without any policy
// that names it. An operation or a route that has no row fails the walk.
type walked struct {
	// name is "ecr:CreateRepository" for an operation of an API, "GET manifest"
	// for a route of the distribution API.
	name string
	// action is the one that it is authorised as, where that is not its name.
	action string
	// body is a request that passes the checks of its form; {digest} and
	// {layer} stand for an image and a layer that are there.
	body string
	// method and path are those of an operation of a REST service.
	method, path string
	// reader says whether AmazonEC2ContainerRegistryReadOnly allows it.
	reader bool
	// self says that it concerns the caller alone, whose registry it is.
	self bool
	// open says that it is asked without credentials.
	open bool
	// free says that it needs no permission.
	free bool
}

// operations are those of the APIs at "/".
func operationRows() []walked {
	const (
		policy    = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"ecr:BatchGetImage\"}]}`
		registry  = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"ecr:ReplicateImage\",\"Resource\":\"*\"}]}`
		lifecycle = `{\"rules\":[{\"rulePriority\":1,\"selection\":{\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\",\"countNumber\":10},\"action\":{\"type\":\"expire\"}}]}`
		arn       = `"resourceArn":"arn:aws:ecr:us-east-1:000000000000:repository/walk"`
		walk      = `"repositoryName":"walk"`
		image     = walk + `,"imageId":{"imageTag":"1"}`
	)
	return []walked{
		{name: "ecr:BatchCheckLayerAvailability", body: `{` + walk + `,"layerDigests":["{layer}"]}`, reader: true},
		{name: "ecr:BatchDeleteImage", body: `{` + walk + `,"imageIds":[{"imageTag":"1"}]}`},
		{name: "ecr:BatchGetImage", body: `{` + walk + `,"imageIds":[{"imageTag":"1"}]}`, reader: true},
		{name: "ecr:BatchGetRepositoryScanningConfiguration", body: `{"repositoryNames":["walk"]}`},
		{name: "ecr:CompleteLayerUpload", body: `{` + walk + `,"uploadId":"01234567-89ab-cdef-0123-456789abcdef","layerDigests":["{layer}"]}`},
		{name: "ecr:CreatePullThroughCacheRule", body: `{"ecrRepositoryPrefix":"ecr-public","upstreamRegistryUrl":"public.ecr.aws"}`},
		{name: "ecr:CreateRepository", body: `{"repositoryName":"another"}`},
		{name: "ecr:CreateRepositoryCreationTemplate", body: `{"prefix":"team","appliedFor":["CREATE_ON_PUSH"]}`},
		{name: "ecr:DeleteLifecyclePolicy", body: `{` + walk + `}`},
		{name: "ecr:DeletePullThroughCacheRule", body: `{"ecrRepositoryPrefix":"ecr-public"}`},
		{name: "ecr:DeleteRegistryPolicy", body: `{}`},
		{name: "ecr:DeleteRepository", body: `{` + walk + `,"force":true}`},
		{name: "ecr:DeleteRepositoryCreationTemplate", body: `{"prefix":"team"}`},
		{name: "ecr:DeleteRepositoryPolicy", body: `{` + walk + `}`},
		{name: "ecr:DeleteSigningConfiguration", body: `{}`},
		{name: "ecr:DeregisterPullTimeUpdateExclusion", action: "ecr:DeletePullTimeUpdateExclusion", body: `{"principalArn":"arn:aws:iam::000000000000:user/reader"}`},
		{name: "ecr:DescribeImageReplicationStatus", body: `{` + image + `}`},
		{name: "ecr:DescribeImageScanFindings", body: `{` + image + `}`, reader: true},
		{name: "ecr:DescribeImageSigningStatus", body: `{` + image + `}`},
		{name: "ecr:DescribeImages", body: `{` + walk + `}`, reader: true},
		{name: "ecr:DescribePullThroughCacheRules", body: `{}`},
		{name: "ecr:DescribeRegistry", body: `{}`},
		{name: "ecr:DescribeReplicationBackfillResults", body: `{"replicationBackfillId":"01234567-89ab-cdef-0123-456789abcdef"}`},
		{name: "ecr:DescribeRepositories", body: `{"repositoryNames":["walk"]}`, reader: true},
		{name: "ecr:DescribeRepositoryCreationTemplates", body: `{}`},
		{name: "ecr:GetAccountSetting", body: `{"name":"BLOB_MOUNTING"}`},
		{name: "ecr:GetAuthorizationToken", body: `{}`, reader: true, self: true},
		{name: "ecr:GetDownloadUrlForLayer", body: `{` + walk + `,"layerDigest":"{layer}"}`, reader: true},
		{name: "ecr:GetLifecyclePolicy", body: `{` + walk + `}`, reader: true},
		{name: "ecr:GetLifecyclePolicyPreview", body: `{` + walk + `}`, reader: true},
		{name: "ecr:GetRegistryPolicy", body: `{}`},
		{name: "ecr:GetRegistryScanningConfiguration", body: `{}`},
		{name: "ecr:GetRepositoryPolicy", body: `{` + walk + `}`, reader: true},
		{name: "ecr:GetSigningConfiguration", body: `{}`},
		{name: "ecr:InitiateLayerUpload", body: `{` + walk + `}`},
		{name: "ecr:ListImageReferrers", action: "ecr:BatchGetImage", body: `{` + walk + `,"subjectId":{"imageDigest":"{digest}"}}`, reader: true},
		{name: "ecr:ListImages", body: `{` + walk + `}`, reader: true},
		{name: "ecr:ListPullTimeUpdateExclusions", body: `{}`},
		{name: "ecr:ListReplicationBackfills", body: `{}`},
		{name: "ecr:ListTagsForResource", body: `{` + arn + `}`, reader: true},
		{name: "ecr:PutAccountSetting", body: `{"name":"BLOB_MOUNTING","value":"ENABLED"}`},
		{name: "ecr:PutImage", body: `{` + walk + `,"imageManifest":"{}"}`},
		{name: "ecr:PutImageScanningConfiguration", body: `{` + walk + `,"imageScanningConfiguration":{"scanOnPush":true}}`},
		{name: "ecr:PutImageTagMutability", body: `{` + walk + `,"imageTagMutability":"IMMUTABLE"}`},
		{name: "ecr:PutLifecyclePolicy", body: `{` + walk + `,"lifecyclePolicyText":"` + lifecycle + `"}`},
		{name: "ecr:PutRegistryPolicy", body: `{"policyText":"` + registry + `"}`},
		{name: "ecr:PutRegistryScanningConfiguration", body: `{"scanType":"BASIC"}`},
		{name: "ecr:PutReplicationConfiguration", body: `{"replicationConfiguration":{"rules":[]}}`},
		{name: "ecr:PutSigningConfiguration", body: `{"signingConfiguration":{"rules":[]}}`},
		{name: "ecr:RegisterPullTimeUpdateExclusion", action: "ecr:CreatePullTimeUpdateExclusion", body: `{"principalArn":"arn:aws:iam::000000000000:user/reader"}`},
		{name: "ecr:SetRepositoryPolicy", body: `{` + walk + `,"policyText":"` + policy + `"}`},
		{name: "ecr:StartImageScan", body: `{` + image + `}`},
		{name: "ecr:StartLifecyclePolicyPreview", body: `{` + walk + `}`},
		{name: "ecr:StartReplicationBackfill", body: `{"destination":{"region":"us-west-2","registryId":"000000000000"}}`},
		{name: "ecr:StopReplicationBackfill", body: `{"replicationBackfillId":"01234567-89ab-cdef-0123-456789abcdef"}`},
		{name: "ecr:TagResource", body: `{` + arn + `,"tags":[{"Key":"a","Value":"b"}]}`},
		{name: "ecr:UntagResource", body: `{` + arn + `,"tagKeys":["a"]}`},
		{name: "ecr:UpdateImageStorageClass", body: `{` + image + `,"targetStorageClass":"ARCHIVE"}`},
		{name: "ecr:UpdatePullThroughCacheRule", body: `{"ecrRepositoryPrefix":"ecr-public","customRoleArn":"arn:aws:iam::000000000000:role/x"}`},
		{name: "ecr:UpdateRepositoryCreationTemplate", body: `{"prefix":"team"}`},
		{name: "ecr:UploadLayerPart", body: `{` + walk + `,"uploadId":"01234567-89ab-cdef-0123-456789abcdef","partFirstByte":0,"partLastByte":0,"layerPartBlob":"AA=="}`},
		{name: "ecr:ValidatePullThroughCacheRule", body: `{"ecrRepositoryPrefix":"ecr-public"}`},
	}
}

// stsRows are those of STS; the bodies are forms.
func stsRows() []walked {
	const role = "RoleArn=arn:aws:iam::000000000000:role/deploy&RoleSessionName=walk"
	return []walked{
		{name: "sts:AssumeRole", body: role},
		{name: "sts:AssumeRoleWithWebIdentity", body: role + "&WebIdentityToken=x.y.z", open: true},
		{name: "sts:GetCallerIdentity", reader: true, self: true, free: true},
		{name: "sts:GetSessionToken", reader: true, self: true, free: true},
	}
}

// adminRows are those of ecru's own API. Managed policies for ECR allow none of
// them; another account's users may not manage this one.
func adminRows() []walked {
	const (
		account = `"accountId":"000000000000"`
		user    = account + `,"userName":"reader"`
		role    = account + `,"roleName":"deploy"`
		key     = account + `,"accessKeyId":"AKIAAAAAAAAAAAAAAAAA"`
		trust   = `"assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"000000000000\"},\"Action\":\"sts:AssumeRole\"}]}"`
		inline  = `"policyName":"p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"`
	)
	return []walked{
		{name: "ecru:AdvisoriesStatus", body: `{}`},
		{name: "ecru:AttachRolePolicy", body: `{` + role + `,"policyName":"AdministratorAccess"}`},
		{name: "ecru:AttachUserPolicy", body: `{` + user + `,"policyName":"AdministratorAccess"}`},
		{name: "ecru:ClearPolicies", body: `{` + account + `}`},
		{name: "ecru:CreateAccessKey", body: `{` + user + `}`},
		{name: "ecru:CreateAccount", body: `{"accountId":"222222222222"}`},
		{name: "ecru:CreateOpenIDConnectProvider", body: `{` + account + `,"issuer":"https://ci.example.com","clientIds":["ecru"]}`},
		{name: "ecru:CreateRole", body: `{` + role + `,` + trust + `}`},
		{name: "ecru:CreateUser", body: `{` + account + `,"userName":"new"}`},
		{name: "ecru:DeleteAccessKey", body: `{` + key + `}`},
		{name: "ecru:DeleteOpenIDConnectProvider", body: `{` + account + `,"issuer":"https://ci.example.com"}`},
		{name: "ecru:DeleteRole", body: `{` + role + `}`},
		{name: "ecru:DeleteRolePolicy", body: `{` + role + `,"policyName":"p"}`},
		{name: "ecru:DeleteUser", body: `{` + account + `,"userName":"new"}`},
		{name: "ecru:DeleteUserPolicy", body: `{` + user + `,"policyName":"p"}`},
		{name: "ecru:DetachRolePolicy", body: `{` + role + `,"policyName":"AdministratorAccess"}`},
		{name: "ecru:DetachUserPolicy", body: `{` + user + `,"policyName":"AdministratorAccess"}`},
		{name: "ecru:ExportAdvisories", body: `{"file":"/nonexistent/x"}`},
		{name: "ecru:GetAdvisoriesKey", body: `{}`},
		{name: "ecru:GetRole", body: `{` + role + `}`},
		{name: "ecru:GetUser", body: `{` + user + `}`},
		{name: "ecru:ImportAdvisories", body: `{"directory":"/nonexistent"}`},
		{name: "ecru:ImportAdvisoriesBundle", body: `{"file":"/nonexistent"}`},
		{name: "ecru:ListAccessKeys", body: `{` + account + `}`},
		{name: "ecru:ListAccounts", body: `{}`},
		{name: "ecru:ListOpenIDConnectProviders", body: `{` + account + `}`},
		{name: "ecru:ListRoles", body: `{` + account + `}`},
		{name: "ecru:ListUsers", body: `{` + account + `}`},
		{name: "ecru:PutRolePolicy", body: `{` + role + `,` + inline + `}`},
		{name: "ecru:PutUserPolicy", body: `{` + user + `,` + inline + `}`},
		{name: "ecru:RotateAccessKey", body: `{` + key + `}`},
		{name: "ecru:UpdateAccessKey", body: `{` + key + `,"status":"Inactive"}`},
		{name: "ecru:UpdateAdvisories", body: `{}`},
		{name: "ecru:UpdateAssumeRolePolicy", body: `{` + role + `,` + strings.Replace(trust, "assumeRolePolicyDocument", "policyDocument", 1) + `}`},
	}
}

// routeRows are those of the distribution API. A route may be asked with any of
// the methods that its row names.
func routeRows() []walkedRoute {
	const (
		manifest = "/v2/walk/manifests/1"
		blob     = "/v2/walk/blobs/{layer}"
		upload   = "/v2/walk/blobs/uploads/{upload}"
	)
	return []walkedRoute{
		{method: http.MethodGet, kind: "base", path: "/v2/", reader: true, self: true},
		{method: http.MethodHead, kind: "base", path: "/v2/", reader: true, self: true},
		{method: http.MethodGet, kind: "catalog", action: "ecr:DescribeRepositories", path: "/v2/_catalog", reader: true},
		{method: http.MethodHead, kind: "catalog", action: "ecr:DescribeRepositories", path: "/v2/_catalog", reader: true},
		{method: http.MethodGet, kind: "manifest", action: "ecr:BatchGetImage", path: manifest, reader: true},
		{method: http.MethodHead, kind: "manifest", action: "ecr:BatchGetImage", path: manifest, reader: true},
		{method: http.MethodPut, kind: "manifest", action: "ecr:PutImage", path: manifest},
		{method: http.MethodDelete, kind: "manifest", action: "ecr:BatchDeleteImage", path: manifest},
		{method: http.MethodGet, kind: "blob", action: "ecr:GetDownloadUrlForLayer", path: blob, reader: true},
		{method: http.MethodHead, kind: "blob", action: "ecr:BatchCheckLayerAvailability", path: blob, reader: true},
		{method: http.MethodDelete, kind: "blob", action: "ecr:BatchDeleteImage", path: blob},
		{method: http.MethodPost, kind: "uploads", action: "ecr:InitiateLayerUpload", path: "/v2/walk/blobs/uploads/"},
		{method: http.MethodGet, kind: "upload", action: "ecr:UploadLayerPart", path: upload},
		{method: http.MethodHead, kind: "upload", action: "ecr:UploadLayerPart", path: upload},
		{method: http.MethodPatch, kind: "upload", action: "ecr:UploadLayerPart", path: upload},
		{method: http.MethodPut, kind: "upload", action: "ecr:CompleteLayerUpload", path: upload + "?digest={layer}"},
		{method: http.MethodDelete, kind: "upload", action: "ecr:UploadLayerPart", path: upload},
		{method: http.MethodGet, kind: "tags", action: "ecr:ListImages", path: "/v2/walk/tags/list", reader: true},
		{method: http.MethodHead, kind: "tags", action: "ecr:ListImages", path: "/v2/walk/tags/list", reader: true},
		{method: http.MethodGet, kind: "referrers", action: "ecr:BatchGetImage", path: "/v2/walk/referrers/{digest}", reader: true},
		{method: http.MethodHead, kind: "referrers", action: "ecr:BatchGetImage", path: "/v2/walk/referrers/{digest}", reader: true},
		// The URL of a layer is its own credential: it is walked on its own.
		{method: http.MethodGet, kind: "layer", path: "/layers/000000000000/walk/{layer}?expires=1&sig=x", granted: true},
		{method: http.MethodHead, kind: "layer", path: "/layers/000000000000/walk/{layer}?expires=1&sig=x", granted: true},
	}
}

// walkedRoute is one method on one kind of path.
type walkedRoute struct {
	method, kind, path string
	// action is the one that it is authorised as.
	action       string
	reader, self bool
	granted      bool // by the signature in its URL and nothing else
}

package ecr

import (
	"context"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Target is the prefix of X-Amz-Target.
const Target = "AmazonEC2ContainerRegistry_V20150921"

// Repositories is what the API needs of repositories.
type Repositories interface {
	CreateRepository(ctx context.Context, c service.Caller, in service.CreateRepository) (*registry.Repository, error)
	DescribeRepositories(ctx context.Context, c service.Caller, names []string) ([]registry.Repository, error)
	ListRepositories(ctx context.Context, c service.Caller, after string, limit int) ([]registry.Repository, error)
	DeleteRepository(ctx context.Context, c service.Caller, name string, force bool) (*registry.Repository, error)
	PutTagMutability(ctx context.Context, c service.Caller, name string, mode registry.TagMutability, filters []string) (*registry.Repository, error)
	PutScanOnPush(ctx context.Context, c service.Caller, name string, on bool) (*registry.Repository, error)
}

// ResourceTags is what the API needs of the tags of repositories.
type ResourceTags interface {
	TagResource(ctx context.Context, c service.Caller, arn string, tags []registry.ResourceTag) error
	UntagResource(ctx context.Context, c service.Caller, arn string, keys []string) error
	ResourceTags(ctx context.Context, c service.Caller, arn string) ([]registry.ResourceTag, error)
}

// Images is what the API needs of images.
type Images interface {
	PutImage(ctx context.Context, c service.Caller, in service.PushManifest) (*registry.Manifest, service.PutImageResult, error)
	BatchGetImages(ctx context.Context, c service.Caller, repository string, ids []registry.ImageID) ([]service.FoundImage, []service.ImageFailure, error)
	BatchDeleteImages(ctx context.Context, c service.Caller, repository string, ids []registry.ImageID) ([]registry.ImageID, []service.ImageFailure, error)
	ListImageIDs(ctx context.Context, c service.Caller, repository string, q service.ImageQuery) ([]registry.ImageID, error)
	DescribeImages(ctx context.Context, c service.Caller, repository string, ids []registry.ImageID) ([]service.ImageDetail, error)
	ListImageDetails(ctx context.Context, c service.Caller, repository string, q service.ImageQuery) ([]service.ImageDetail, error)
}

// Layers is what the API needs of layers.
type Layers interface {
	CheckLayers(ctx context.Context, c service.Caller, repository string, digests []string) ([]service.LayerAvailability, error)
	DownloadableBlob(ctx context.Context, c service.Caller, repository, digest string) (service.Blob, error)
	StartUpload(ctx context.Context, c service.Caller, repository string) (service.UploadStatus, error)
	UploadStatus(ctx context.Context, c service.Caller, repository, id string) (service.UploadStatus, error)
	AppendUpload(ctx context.Context, c service.Caller, repository, id string, chunk service.Chunk) (service.UploadStatus, error)
	CompleteUpload(ctx context.Context, c service.Caller, repository, id string, in service.Completion) (service.Blob, error)
}

// Scans is what the API needs of scans.
type Scans interface {
	StartImageScan(ctx context.Context, c service.Caller, repository string, id registry.ImageID) (registry.ImageID, error)
	ScanFindings(ctx context.Context, c service.Caller, repository string, id registry.ImageID) (service.ScanReport, error)
	EnhancedScanFindings(ctx context.Context, report service.ScanReport, from string, limit int) ([]finding.Finding, string, error)
	ScanningConfiguration(ctx context.Context, c service.Caller) (registry.Scope, registry.ScanningConfiguration, error)
	PutScanningConfiguration(ctx context.Context, c service.Caller, config registry.ScanningConfiguration) error
	RepositoryScanningConfigurations(ctx context.Context, c service.Caller, names []string) ([]service.RepositoryScanning, error)
}

// Settings is what the API needs of the registry as a whole.
type Settings interface {
	AccountSetting(ctx context.Context, c service.Caller, name string) (string, error)
	PutAccountSetting(ctx context.Context, c service.Caller, name, value string) error
	Authorize(ctx context.Context, c service.Caller, action string) (registry.Scope, error)
}

// Registry is all of it; service.Service has it.
type Registry interface {
	Repositories
	ResourceTags
	Images
	Layers
	Scans
	Settings
	Policies
	LifecyclePolicies
	CreationTemplates
	CacheRules
	PullTimeExclusions
	StorageClasses
	Referrers
	Replication
	Signing
}

// Tokens issues the passwords of the distribution API.
type Tokens interface {
	Issue(p iam.Principal, now time.Time) (password string, expires time.Time, err error)
}

// Config is what the API is made of.
type Config struct {
	Service Registry
	Tokens  Tokens
	// Default is the registry of a bare host.
	Default registry.Scope
	// PublicURL is the address that clients are told; empty means the one that
	// they used.
	PublicURL string
	// PageKey seals page tokens and LayerKey the URLs of layers.
	PageKey, LayerKey []byte
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// handlers holds what the operations share.
type handlers struct {
	registry Registry
	tokens   Tokens
	hosts    hosts
	pages    *pagetoken.Codec
	layerKey []byte
	now      func() time.Time
}

// Service makes the table of operations.
func Service(c Config) (awsapi.Service, error) {
	hosts, err := newHosts(c.Default, c.PublicURL)
	if err != nil {
		return awsapi.Service{}, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	h := &handlers{
		registry: c.Service, tokens: c.Tokens, hosts: hosts,
		pages: pagetoken.New(c.PageKey), layerKey: c.LayerKey, now: c.Now,
	}
	return awsapi.Service{
		Target: Target, SigningName: "ecr",
		Operations: h.operations(), Known: knownOperations(),
		Names: names, Constraints: constraints(), Violated: violated, Fault: fault,
	}, nil
}

// names is the rule of the service: small first letters, but not in tags.
func names(t reflect.Type, field string) string {
	if t == reflect.TypeFor[types.Tag]() {
		return field
	}
	return wire.LowerCamel(t, field)
}

func violated(found []validate.Violation) *awsapi.Fault {
	return awsapi.Refuse("InvalidParameterException", "%s", validate.InvalidParameter(found))
}

// caller is who asks, and of which registry: the one that the request names,
// else the one that the host names, else the caller's own.
func (h *handlers) caller(ctx context.Context, registryID *string) service.Caller {
	call := awsapi.CallFrom(ctx)
	c := service.Caller{
		Principal: call.Principal, Registry: aws.ToString(registryID),
		SourceIP: call.SourceIP, Secure: call.Secure, UserAgent: call.UserAgent,
	}
	if c.Registry == "" {
		c.Registry, _ = accountOfHost(call.Host)
	}
	return c
}

// account is the registry id that answers to c repeat.
func (h *handlers) account(c service.Caller) string {
	if c.Registry != "" {
		return c.Registry
	}
	return c.Account
}

// text leaves empty members out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment leaves out times that never were.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// What of replication is for later versions.
const (
	noticeReplication = "Replication rules are stored; this version of ecru does not replicate yet."
	noticeBackfills   = "Replication backfills do not run in this version of ecru yet."
)

// notRun is the failure code of what is configured and does not run yet.
const notRun = "UnsupportedOperation"

// Replication is what the API needs of replication.
type Replication interface {
	Replication(ctx context.Context, c service.Caller) (registry.Scope, registry.ReplicationConfiguration, error)
	PutReplication(ctx context.Context, c service.Caller, config registry.ReplicationConfiguration) error
	ImageReplication(ctx context.Context, c service.Caller, repository string, id registry.ImageID) (service.ImageReplication, error)
	StartReplicationBackfill(ctx context.Context, c service.Caller, to registry.ReplicationDestination) error
	StopReplicationBackfill(ctx context.Context, c service.Caller, id string) error
	ReplicationBackfill(ctx context.Context, c service.Caller, id string) error
}

func (h *handlers) replicationOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.describeRegistry),
		awsapi.Op(h.putReplicationConfiguration),
		awsapi.Op(h.describeImageReplicationStatus),
		awsapi.Op(h.startReplicationBackfill),
		awsapi.Op(h.stopReplicationBackfill),
		awsapi.Op(h.listReplicationBackfills),
		awsapi.Op(h.describeReplicationBackfillResults),
	}
}

func (h *handlers) describeRegistry(ctx context.Context, _ *ecr.DescribeRegistryInput) (*ecr.DescribeRegistryOutput, error) {
	scope, config, err := h.registry.Replication(ctx, h.caller(ctx, nil))
	if err != nil {
		return nil, err
	}
	return &ecr.DescribeRegistryOutput{RegistryId: &scope.Account, ReplicationConfiguration: replicationConfiguration(config)}, nil
}

func (h *handlers) putReplicationConfiguration(ctx context.Context, in *ecr.PutReplicationConfigurationInput) (*ecr.PutReplicationConfigurationOutput, error) {
	config := replicationConfigurationOf(in.ReplicationConfiguration)
	if err := h.registry.PutReplication(ctx, h.caller(ctx, nil), config); err != nil {
		return nil, err
	}
	if len(config.Rules) > 0 {
		awsapi.Notice(ctx, noticeReplication)
	}
	return &ecr.PutReplicationConfigurationOutput{ReplicationConfiguration: replicationConfiguration(config)}, nil
}

func replicationConfigurationOf(in *types.ReplicationConfiguration) registry.ReplicationConfiguration {
	var config registry.ReplicationConfiguration
	for _, r := range in.Rules {
		var rule registry.ReplicationRule
		for _, d := range r.Destinations {
			rule.Destinations = append(rule.Destinations, destinationOf(d))
		}
		for _, f := range r.RepositoryFilters {
			rule.Prefixes = append(rule.Prefixes, *f.Filter)
		}
		config.Rules = append(config.Rules, rule)
	}
	return config
}

func destinationOf(d types.ReplicationDestination) registry.ReplicationDestination {
	return registry.ReplicationDestination{Region: *d.Region, Account: *d.RegistryId}
}

func replicationConfiguration(config registry.ReplicationConfiguration) *types.ReplicationConfiguration {
	out := &types.ReplicationConfiguration{Rules: []types.ReplicationRule{}}
	for _, r := range config.Rules {
		rule := types.ReplicationRule{Destinations: []types.ReplicationDestination{}}
		for _, d := range r.Destinations {
			rule.Destinations = append(rule.Destinations, types.ReplicationDestination{Region: &d.Region, RegistryId: &d.Account})
		}
		for _, prefix := range r.Prefixes {
			rule.RepositoryFilters = append(rule.RepositoryFilters, types.RepositoryFilter{Filter: &prefix, FilterType: types.RepositoryFilterTypePrefixMatch})
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// describeImageReplicationStatus tells of every destination that the image has
// not got there: nothing is copied yet.
func (h *handlers) describeImageReplicationStatus(ctx context.Context, in *ecr.DescribeImageReplicationStatusInput) (*ecr.DescribeImageReplicationStatusOutput, error) {
	id, err := oneImageID(in.ImageId)
	if err != nil {
		return nil, err
	}
	found, err := h.registry.ImageReplication(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, id)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImageReplicationStatusOutput{
		RepositoryName: in.RepositoryName, ImageId: imageIdentifier(found.ID), ReplicationStatuses: []types.ImageReplicationStatus{},
	}
	if len(found.Destinations) > 0 {
		awsapi.Notice(ctx, noticeReplication)
	}
	for _, d := range found.Destinations {
		out.ReplicationStatuses = append(out.ReplicationStatuses, types.ImageReplicationStatus{
			Region: &d.Region, RegistryId: &d.Account, Status: types.ReplicationStatusFailed, FailureCode: aws.String(notRun),
		})
	}
	return out, nil
}

func (h *handlers) startReplicationBackfill(ctx context.Context, in *ecr.StartReplicationBackfillInput) (*ecr.StartReplicationBackfillOutput, error) {
	awsapi.Notice(ctx, noticeBackfills)
	return nil, h.registry.StartReplicationBackfill(ctx, h.caller(ctx, in.RegistryId), destinationOf(*in.Destination))
}

func (h *handlers) stopReplicationBackfill(ctx context.Context, in *ecr.StopReplicationBackfillInput) (*ecr.StopReplicationBackfillOutput, error) {
	awsapi.Notice(ctx, noticeBackfills)
	return nil, h.registry.StopReplicationBackfill(ctx, h.caller(ctx, in.RegistryId), *in.ReplicationBackfillId)
}

func (h *handlers) describeReplicationBackfillResults(ctx context.Context, in *ecr.DescribeReplicationBackfillResultsInput) (*ecr.DescribeReplicationBackfillResultsOutput, error) {
	awsapi.Notice(ctx, noticeBackfills)
	return nil, h.registry.ReplicationBackfill(ctx, h.caller(ctx, in.RegistryId), *in.ReplicationBackfillId)
}

// listReplicationBackfills answers that there is none, as none can be started.
func (h *handlers) listReplicationBackfills(ctx context.Context, in *ecr.ListReplicationBackfillsInput) (*ecr.ListReplicationBackfillsOutput, error) {
	awsapi.Notice(ctx, noticeBackfills)
	c := h.caller(ctx, in.RegistryId)
	scope, err := h.registry.Authorize(ctx, c, "ecr:ListReplicationBackfills")
	if err != nil {
		return nil, err
	}
	if _, err := h.page("ListReplicationBackfills", in.NextToken, in.MaxResults, scope.Account); err != nil {
		return nil, err
	}
	return &ecr.ListReplicationBackfillsOutput{RegistryId: &scope.Account, Backfills: []types.ReplicationBackfillSummary{}}, nil
}

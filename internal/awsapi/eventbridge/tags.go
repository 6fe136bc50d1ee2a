package eventbridge

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Tags is what the API needs of the tags of rules.
type Tags interface {
	TagEventRule(ctx context.Context, c service.Caller, arn string, tags []registry.ResourceTag) error
	UntagEventRule(ctx context.Context, c service.Caller, arn string, keys []string) error
	EventRuleTags(ctx context.Context, c service.Caller, arn string) ([]registry.ResourceTag, error)
}

func (h *handlers) tagOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.tagResource),
		awsapi.Op(h.untagResource),
		awsapi.Op(h.listTagsForResource),
	}
}

func tagConstraints() []validate.Structure {
	arn := is("ResourceARN", anARN().Must())
	return []validate.Structure{
		validate.For[eventbridge.TagResourceInput](arn, is("Tags", nested().Must())),
		validate.For[eventbridge.UntagResourceInput](arn, is("TagKeys", listOf(0, 0, length(1, registry.MaxResourceTagKey)).Must())),
		validate.For[eventbridge.ListTagsForResourceInput](arn),
		validate.For[types.Tag](
			is("Key", length(1, registry.MaxResourceTagKey).Must()), is("Value", length(0, registry.MaxResourceTagValue).Must()),
		),
	}
}

func (h *handlers) tagResource(ctx context.Context, in *eventbridge.TagResourceInput) (*eventbridge.TagResourceOutput, error) {
	err := h.bus.TagEventRule(ctx, caller(ctx), *in.ResourceARN, tagsFrom(in.Tags))
	return &eventbridge.TagResourceOutput{}, err
}

func (h *handlers) untagResource(ctx context.Context, in *eventbridge.UntagResourceInput) (*eventbridge.UntagResourceOutput, error) {
	err := h.bus.UntagEventRule(ctx, caller(ctx), *in.ResourceARN, in.TagKeys)
	return &eventbridge.UntagResourceOutput{}, err
}

func (h *handlers) listTagsForResource(ctx context.Context, in *eventbridge.ListTagsForResourceInput) (*eventbridge.ListTagsForResourceOutput, error) {
	tags, err := h.bus.EventRuleTags(ctx, caller(ctx), *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &eventbridge.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, t := range tags {
		out.Tags = append(out.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, nil
}

func tagsFrom(in []types.Tag) []registry.ResourceTag {
	tags := make([]registry.ResourceTag, 0, len(in))
	for _, t := range in {
		tags = append(tags, registry.ResourceTag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return tags
}

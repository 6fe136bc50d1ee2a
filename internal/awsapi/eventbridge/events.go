package eventbridge

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// maxPutEvents bounds the body of PutEvents: what entries may count, with every
// byte of it escaped, and ten entries that are each as large as all may be, so
// that they are told the limit.
const maxPutEvents = 4 << 20

// putEvents passes over trace headers: there is no tracing that they could be
// part of.
func (h *handlers) putEvents(ctx context.Context, in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
	if in.EndpointId != nil {
		return nil, registry.EndpointsUnsupported()
	}
	entries := make([]service.NewEvent, 0, len(in.Entries))
	for i := range in.Entries {
		e := &in.Entries[i]
		entries = append(entries, service.NewEvent{
			Bus: aws.ToString(e.EventBusName), Source: aws.ToString(e.Source), DetailType: aws.ToString(e.DetailType),
			Detail: aws.ToString(e.Detail), Resources: e.Resources, Time: aws.ToTime(e.Time),
		})
	}
	results, err := h.bus.PutEvents(ctx, caller(ctx), entries)
	if err != nil {
		return nil, err
	}
	out := &eventbridge.PutEventsOutput{}
	for _, r := range results {
		entry := types.PutEventsResultEntry{EventId: given(r.ID)}
		if r.Failed != nil {
			entry.ErrorCode, entry.ErrorMessage = &r.Failed.Code, &r.Failed.Message
			out.FailedEntryCount++
		}
		out.Entries = append(out.Entries, entry)
	}
	return out, nil
}

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

// Buses is what the API needs of event buses.
type Buses interface {
	EventBus(ctx context.Context, c service.Caller, name string) (service.EventBus, error)
	EventBuses(ctx context.Context, c service.Caller, prefix string) ([]service.EventBus, error)
	PutEvents(ctx context.Context, c service.Caller, entries []service.NewEvent) ([]service.PutEvent, error)
}

func (h *handlers) busOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.describeEventBus),
		awsapi.Op(h.listEventBuses),
		awsapi.Op(h.putEvents).UpTo(maxPutEvents),
	}
}

func busConstraints() []validate.Structure {
	return []validate.Structure{
		validate.For[eventbridge.DescribeEventBusInput](is("Name", aBus())),
		validate.For[eventbridge.ListEventBusesInput](
			is("NamePrefix", matching(1, 256, `[/\.\-_A-Za-z0-9]+`)), is("NextToken", aToken()), is("Limit", aPage()),
		),
		validate.For[eventbridge.PutEventsInput](
			is("Entries", length(1, 10).Must()), is("EndpointId", matching(1, 50, `^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$`)),
		),
		validate.For[types.PutEventsRequestEntry](
			is("Resources", listOf(0, 0, length(0, 2048))),
			is("EventBusName", matching(1, 1600, `(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[\.\-_A-Za-z0-9]+`)),
			is("TraceHeader", length(1, 500)),
		),
	}
}

func (h *handlers) describeEventBus(ctx context.Context, in *eventbridge.DescribeEventBusInput) (*eventbridge.DescribeEventBusOutput, error) {
	b, err := h.bus.EventBus(ctx, caller(ctx), aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeEventBusOutput{Name: &b.Name, Arn: &b.ARN}, nil
}

func (h *handlers) listEventBuses(ctx context.Context, in *eventbridge.ListEventBusesInput) (*eventbridge.ListEventBusesOutput, error) {
	found, err := h.bus.EventBuses(ctx, caller(ctx), aws.ToString(in.NamePrefix))
	if err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		// There is one page, and no token of another.
		return nil, registry.InvalidNextToken()
	}
	out := &eventbridge.ListEventBusesOutput{EventBuses: []types.EventBus{}}
	for _, b := range found {
		out.EventBuses = append(out.EventBuses, types.EventBus{Name: &b.Name, Arn: &b.ARN})
	}
	return out, nil
}

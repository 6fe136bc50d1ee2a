package eventbridge

import (
	"context"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/service"
)

// Destinations is what the API needs of destinations.
type Destinations interface {
	CreateAPIDestination(ctx context.Context, c service.Caller, d event.Destination) (service.APIDestination, error)
	APIDestinationNamed(ctx context.Context, c service.Caller, name string) (service.APIDestination, error)
	ListAPIDestinations(ctx context.Context, c service.Caller, q service.DestinationQuery) ([]service.APIDestination, error)
	UpdateAPIDestination(ctx context.Context, c service.Caller, name string, in service.DestinationChange) (service.APIDestination, error)
	DeleteAPIDestination(ctx context.Context, c service.Caller, name string) error
}

func (h *handlers) destinationOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.createAPIDestination),
		awsapi.Op(h.describeAPIDestination),
		awsapi.Op(h.listAPIDestinations),
		awsapi.Op(h.updateAPIDestination),
		awsapi.Op(h.deleteAPIDestination),
	}
}

func destinationConstraints() []validate.Structure {
	name, description := is("Name", aName().Must()), is("Description", length(0, 512))
	connection := matching(1, 1600, `^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:connection\/[\.\-_A-Za-z0-9]+\/[\-A-Za-z0-9]+$`)
	method := oneOf("HEAD", "POST", "PATCH", "DELETE", "PUT", "GET", "OPTIONS")
	rate := is("InvocationRateLimitPerSecond", number(1, math.MaxInt32))
	return []validate.Structure{
		validate.For[eventbridge.CreateApiDestinationInput](
			name, description, is("ConnectionArn", connection.Must()), is("InvocationEndpoint", anEndpoint().Must()), is("HttpMethod", method.Must()), rate,
		),
		validate.For[eventbridge.UpdateApiDestinationInput](
			name, description, is("ConnectionArn", connection), is("InvocationEndpoint", anEndpoint()), is("HttpMethod", method), rate,
		),
		validate.For[eventbridge.DescribeApiDestinationInput](name),
		validate.For[eventbridge.DeleteApiDestinationInput](name),
		validate.For[eventbridge.ListApiDestinationsInput](
			is("NamePrefix", aName()), is("ConnectionArn", connection), is("NextToken", aToken()), is("Limit", aPage()),
		),
	}
}

func (h *handlers) createAPIDestination(ctx context.Context, in *eventbridge.CreateApiDestinationInput) (*eventbridge.CreateApiDestinationOutput, error) {
	d, err := h.bus.CreateAPIDestination(ctx, caller(ctx), event.Destination{
		Name: *in.Name, Description: aws.ToString(in.Description), ConnectionARN: *in.ConnectionArn,
		Endpoint: *in.InvocationEndpoint, Method: string(in.HttpMethod), Rate: int(aws.ToInt32(in.InvocationRateLimitPerSecond)),
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.CreateApiDestinationOutput{
		ApiDestinationArn: &d.ARN, ApiDestinationState: destinationState(d), CreationTime: &d.CreatedAt, LastModifiedTime: &d.ModifiedAt,
	}, nil
}

func destinationState(d service.APIDestination) types.ApiDestinationState {
	if d.Active {
		return types.ApiDestinationStateActive
	}
	return types.ApiDestinationStateInactive
}

// rateOf is nil for a destination without a limit.
func rateOf(d service.APIDestination) *int32 {
	if d.Rate == 0 {
		return nil
	}
	return aws.Int32(int32(min(d.Rate, math.MaxInt32)))
}

func (h *handlers) describeAPIDestination(ctx context.Context, in *eventbridge.DescribeApiDestinationInput) (*eventbridge.DescribeApiDestinationOutput, error) {
	d, err := h.bus.APIDestinationNamed(ctx, caller(ctx), *in.Name)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeApiDestinationOutput{
		ApiDestinationArn: &d.ARN, Name: &d.Name, Description: given(d.Description), ApiDestinationState: destinationState(d),
		ConnectionArn: &d.ConnectionARN, InvocationEndpoint: &d.Endpoint, HttpMethod: types.ApiDestinationHttpMethod(d.Method),
		InvocationRateLimitPerSecond: rateOf(d), CreationTime: &d.CreatedAt, LastModifiedTime: &d.ModifiedAt,
	}, nil
}

func (h *handlers) listAPIDestinations(ctx context.Context, in *eventbridge.ListApiDestinationsInput) (*eventbridge.ListApiDestinationsOutput, error) {
	c, prefix, connection := caller(ctx), aws.ToString(in.NamePrefix), aws.ToString(in.ConnectionArn)
	p, err := h.page("ListApiDestinations", in.NextToken, in.Limit, c.Account, prefix, connection)
	if err != nil {
		return nil, err
	}
	found, err := h.bus.ListAPIDestinations(ctx, c, service.DestinationQuery{Prefix: prefix, Connection: connection, After: p.Cursor, Limit: p.Size + 1})
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, func(d service.APIDestination) string { return d.Name })
	out := &eventbridge.ListApiDestinationsOutput{ApiDestinations: []types.ApiDestination{}, NextToken: next}
	for i := range found {
		d := &found[i]
		out.ApiDestinations = append(out.ApiDestinations, types.ApiDestination{
			ApiDestinationArn: &d.ARN, Name: &d.Name, ApiDestinationState: destinationState(*d), ConnectionArn: &d.ConnectionARN,
			InvocationEndpoint: &d.Endpoint, HttpMethod: types.ApiDestinationHttpMethod(d.Method), InvocationRateLimitPerSecond: rateOf(*d),
			CreationTime: &d.CreatedAt, LastModifiedTime: &d.ModifiedAt,
		})
	}
	return out, nil
}

func (h *handlers) updateAPIDestination(ctx context.Context, in *eventbridge.UpdateApiDestinationInput) (*eventbridge.UpdateApiDestinationOutput, error) {
	change := service.DestinationChange{Description: in.Description, Connection: in.ConnectionArn, Endpoint: in.InvocationEndpoint}
	if in.HttpMethod != "" {
		change.Method = aws.String(string(in.HttpMethod))
	}
	if in.InvocationRateLimitPerSecond != nil {
		change.Rate = aws.Int(int(*in.InvocationRateLimitPerSecond))
	}
	d, err := h.bus.UpdateAPIDestination(ctx, caller(ctx), *in.Name, change)
	if err != nil {
		return nil, err
	}
	return &eventbridge.UpdateApiDestinationOutput{
		ApiDestinationArn: &d.ARN, ApiDestinationState: destinationState(d), CreationTime: &d.CreatedAt, LastModifiedTime: &d.ModifiedAt,
	}, nil
}

func (h *handlers) deleteAPIDestination(ctx context.Context, in *eventbridge.DeleteApiDestinationInput) (*eventbridge.DeleteApiDestinationOutput, error) {
	return &eventbridge.DeleteApiDestinationOutput{}, h.bus.DeleteAPIDestination(ctx, caller(ctx), *in.Name)
}

package eventbridge

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Targets is what the API needs of the targets of rules.
type Targets interface {
	PutEventTargets(ctx context.Context, c service.Caller, bus, rule string, targets []event.Target) error
	RemoveEventTargets(ctx context.Context, c service.Caller, bus, rule string, ids []string) error
	EventTargets(ctx context.Context, c service.Caller, bus, rule, after string, limit int) ([]event.Target, error)
	EventRulesOfTarget(ctx context.Context, c service.Caller, bus, target, after string, limit int) ([]string, error)
}

func (h *handlers) targetOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.putTargets),
		awsapi.Op(h.removeTargets),
		awsapi.Op(h.listTargetsByRule),
		awsapi.Op(h.listRuleNamesByTarget),
	}
}

// maxHTTPParameters is how many headers, or other HTTP parameters, a target may
// have; the model does not say.
const maxHTTPParameters = 100

func targetConstraints() []validate.Structure {
	rule := is("Rule", aName().Must())
	bus := is("EventBusName", aBus())
	path := length(0, 256)
	value := validate.Rule{MaxLen: 512, Pattern: `.*[^\s].*`, Quoted: `^(?!\s*$).+`}
	return []validate.Structure{
		validate.For[eventbridge.PutTargetsInput](rule, bus, is("Targets", length(1, 10).Must())),
		validate.For[eventbridge.RemoveTargetsInput](rule, bus, is("Ids", listOf(1, 100, aName()).Must())),
		validate.For[eventbridge.ListTargetsByRuleInput](rule, bus, is("NextToken", aToken()), is("Limit", aPage())),
		validate.For[eventbridge.ListRuleNamesByTargetInput](is("TargetArn", anARN().Must()), bus, is("NextToken", aToken()), is("Limit", aPage())),
		validate.For[types.Target](
			is("Id", aName().Must()), is("Arn", anARN().Must()), is("RoleArn", anARN()),
			is("Input", length(0, 8192)), is("InputPath", path), is("InputTransformer", nested()),
			is("HttpParameters", nested()), is("SqsParameters", nested()), is("DeadLetterConfig", nested()), is("RetryPolicy", nested()),
		),
		validate.For[types.InputTransformer](
			is("InputPathsMap", mapOf(100, matching(1, 256, `[A-Za-z0-9\_\-]+`), path)),
			is("InputTemplate", length(1, 8192).Must()),
		),
		validate.For[types.HttpParameters](
			is("PathParameterValues", listOf(0, maxHTTPParameters, value)),
			is("HeaderParameters", mapOf(maxHTTPParameters,
				matching(0, 512, "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$"),
				matching(0, 512, `^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$`)).Secret()),
			is("QueryStringParameters", mapOf(maxHTTPParameters,
				matching(0, 512, `[^\x00-\x1F\x7F]+`),
				matching(0, 512, `[^\x00-\x09\x0B\x0C\x0E-\x1F\x7F]+`)).Secret()),
		),
		validate.For[types.SqsParameters](is("MessageGroupId", length(0, 100))),
		validate.For[types.DeadLetterConfig](is("Arn", anARN())),
		validate.For[types.RetryPolicy](is("MaximumRetryAttempts", number(0, 185)), is("MaximumEventAgeInSeconds", number(60, 86400))),
	}
}

func (h *handlers) putTargets(ctx context.Context, in *eventbridge.PutTargetsInput) (*eventbridge.PutTargetsOutput, error) {
	targets := make([]event.Target, 0, len(in.Targets))
	for i := range in.Targets {
		t, err := targetFrom(&in.Targets[i])
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	if err := h.bus.PutEventTargets(ctx, caller(ctx), aws.ToString(in.EventBusName), *in.Rule, targets); err != nil {
		return nil, err
	}
	return &eventbridge.PutTargetsOutput{FailedEntries: []types.PutTargetsResultEntry{}}, nil
}

func (h *handlers) removeTargets(ctx context.Context, in *eventbridge.RemoveTargetsInput) (*eventbridge.RemoveTargetsOutput, error) {
	if err := h.bus.RemoveEventTargets(ctx, caller(ctx), aws.ToString(in.EventBusName), *in.Rule, in.Ids); err != nil {
		return nil, err
	}
	return &eventbridge.RemoveTargetsOutput{FailedEntries: []types.RemoveTargetsResultEntry{}}, nil
}

func (h *handlers) listTargetsByRule(ctx context.Context, in *eventbridge.ListTargetsByRuleInput) (*eventbridge.ListTargetsByRuleOutput, error) {
	c := caller(ctx)
	p, err := h.page("ListTargetsByRule", in.NextToken, in.Limit, c.Account, *in.Rule)
	if err != nil {
		return nil, err
	}
	found, err := h.bus.EventTargets(ctx, c, aws.ToString(in.EventBusName), *in.Rule, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	out := &eventbridge.ListTargetsByRuleOutput{Targets: []types.Target{}}
	found, out.NextToken = pagetoken.Cut(h.pages, p, found, func(t event.Target) string { return t.ID })
	for i := range found {
		out.Targets = append(out.Targets, targetTo(&found[i]))
	}
	return out, nil
}

func (h *handlers) listRuleNamesByTarget(ctx context.Context, in *eventbridge.ListRuleNamesByTargetInput) (*eventbridge.ListRuleNamesByTargetOutput, error) {
	c := caller(ctx)
	p, err := h.page("ListRuleNamesByTarget", in.NextToken, in.Limit, c.Account, *in.TargetArn)
	if err != nil {
		return nil, err
	}
	names, err := h.bus.EventRulesOfTarget(ctx, c, aws.ToString(in.EventBusName), *in.TargetArn, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	out := &eventbridge.ListRuleNamesByTargetOutput{}
	names, out.NextToken = pagetoken.Cut(h.pages, p, names, func(name string) string { return name })
	out.RuleNames = append([]string{}, names...)
	return out, nil
}

// targetFrom reads a target. Error: Validation, for parameters of services that
// nothing is delivered to.
func targetFrom(in *types.Target) (event.Target, error) {
	if name := foreignParameters(in); name != "" {
		return event.Target{}, registry.TargetParameterUnsupported(name, *in.Id)
	}
	t := event.Target{
		ID: *in.Id, ARN: *in.Arn, RoleARN: aws.ToString(in.RoleArn),
		Input: aws.ToString(in.Input), InputPath: aws.ToString(in.InputPath),
	}
	if x := in.InputTransformer; x != nil {
		t.Transformer = &event.Transformer{Paths: x.InputPathsMap, Template: *x.InputTemplate}
	}
	if x := in.HttpParameters; x != nil {
		t.HTTP = &event.HTTPParameters{PathValues: x.PathParameterValues, Header: x.HeaderParameters, Query: x.QueryStringParameters}
	}
	if x := in.SqsParameters; x != nil {
		t.MessageGroupID = aws.ToString(x.MessageGroupId)
	}
	if x := in.DeadLetterConfig; x != nil {
		t.DeadLetterARN = aws.ToString(x.Arn)
	}
	if x := in.RetryPolicy; x != nil {
		t.Retry = &event.RetryPolicy{MaxAge: event.DefaultMaxAge, MaxAttempts: event.DefaultMaxAttempts}
		if x.MaximumEventAgeInSeconds != nil {
			t.Retry.MaxAge = time.Duration(*x.MaximumEventAgeInSeconds) * time.Second
		}
		if x.MaximumRetryAttempts != nil {
			t.Retry.MaxAttempts = int(*x.MaximumRetryAttempts)
		}
	}
	return t, nil
}

// foreignParameters names the parameters of a target that are of a service that
// nothing is delivered to; empty when there are none.
func foreignParameters(in *types.Target) string {
	switch {
	case in.AppSyncParameters != nil:
		return "AppSyncParameters"
	case in.BatchParameters != nil:
		return "BatchParameters"
	case in.EcsParameters != nil:
		return "EcsParameters"
	case in.KinesisParameters != nil:
		return "KinesisParameters"
	case in.RedshiftDataParameters != nil:
		return "RedshiftDataParameters"
	case in.RunCommandParameters != nil:
		return "RunCommandParameters"
	case in.SageMakerPipelineParameters != nil:
		return "SageMakerPipelineParameters"
	}
	return ""
}

func targetTo(t *event.Target) types.Target {
	out := types.Target{
		Id: &t.ID, Arn: &t.ARN, RoleArn: given(t.RoleARN), Input: given(t.Input), InputPath: given(t.InputPath),
	}
	if x := t.Transformer; x != nil {
		out.InputTransformer = &types.InputTransformer{InputPathsMap: x.Paths, InputTemplate: &x.Template}
	}
	if x := t.HTTP; x != nil {
		out.HttpParameters = &types.HttpParameters{PathParameterValues: x.PathValues, HeaderParameters: x.Header, QueryStringParameters: x.Query}
	}
	if t.MessageGroupID != "" {
		out.SqsParameters = &types.SqsParameters{MessageGroupId: &t.MessageGroupID}
	}
	if t.DeadLetterARN != "" {
		out.DeadLetterConfig = &types.DeadLetterConfig{Arn: &t.DeadLetterARN}
	}
	if x := t.Retry; x != nil {
		out.RetryPolicy = &types.RetryPolicy{
			MaximumEventAgeInSeconds: aws.Int32(int32(x.MaxAge / time.Second)), MaximumRetryAttempts: aws.Int32(int32(x.MaxAttempts)),
		}
	}
	return out
}

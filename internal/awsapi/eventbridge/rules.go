package eventbridge

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/service"
)

// Rules is what the API needs of rules.
type Rules interface {
	PutEventRule(ctx context.Context, c service.Caller, in service.PutEventRule) (arn string, err error)
	EventRule(ctx context.Context, c service.Caller, bus, name string) (service.EventRule, error)
	ListEventRules(ctx context.Context, c service.Caller, bus, prefix, after string, limit int) ([]service.EventRule, error)
	DeleteEventRule(ctx context.Context, c service.Caller, bus, name string) error
	SwitchEventRule(ctx context.Context, c service.Caller, bus, name string, on bool) error
	TestEventPattern(ctx context.Context, c service.Caller, pattern, event string) (bool, error)
}

func (h *handlers) ruleOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.putRule),
		awsapi.Op(h.describeRule),
		awsapi.Op(h.listRules),
		awsapi.Op(h.deleteRule),
		awsapi.Op(h.enableRule),
		awsapi.Op(h.disableRule),
		awsapi.Op(h.testEventPattern),
	}
}

func ruleConstraints() []validate.Structure {
	name := is("Name", aName().Must())
	bus := is("EventBusName", aBus())
	return []validate.Structure{
		validate.For[eventbridge.PutRuleInput](
			name, is("ScheduleExpression", length(0, 256)), is("EventPattern", length(0, 4096)),
			is("State", oneOf("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")),
			is("Description", length(0, 512)), is("RoleArn", anARN()), is("Tags", nested()), bus,
		),
		validate.For[eventbridge.DescribeRuleInput](name, bus),
		validate.For[eventbridge.ListRulesInput](is("NamePrefix", aName()), bus, is("NextToken", aToken()), is("Limit", aPage())),
		validate.For[eventbridge.DeleteRuleInput](name, bus),
		validate.For[eventbridge.EnableRuleInput](name, bus),
		validate.For[eventbridge.DisableRuleInput](name, bus),
		validate.For[eventbridge.TestEventPatternInput](is("EventPattern", length(0, 4096).Must()), is("Event", nested().Must())),
	}
}

func (h *handlers) putRule(ctx context.Context, in *eventbridge.PutRuleInput) (*eventbridge.PutRuleOutput, error) {
	arn, err := h.bus.PutEventRule(ctx, caller(ctx), service.PutEventRule{
		Bus: aws.ToString(in.EventBusName), Name: *in.Name, Description: aws.ToString(in.Description),
		Pattern: aws.ToString(in.EventPattern), Schedule: aws.ToString(in.ScheduleExpression),
		State: string(in.State), RoleARN: aws.ToString(in.RoleArn), Tags: tagsFrom(in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.PutRuleOutput{RuleArn: &arn}, nil
}

func (h *handlers) describeRule(ctx context.Context, in *eventbridge.DescribeRuleInput) (*eventbridge.DescribeRuleOutput, error) {
	r, err := h.bus.EventRule(ctx, caller(ctx), aws.ToString(in.EventBusName), *in.Name)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeRuleOutput{
		Name: &r.Name, Arn: &r.ARN, EventPattern: &r.Pattern, State: stateOf(r), Description: given(r.Description),
		RoleArn: given(r.RoleARN), EventBusName: aws.String(event.DefaultBus), CreatedBy: given(r.CreatedBy),
	}, nil
}

func (h *handlers) listRules(ctx context.Context, in *eventbridge.ListRulesInput) (*eventbridge.ListRulesOutput, error) {
	c, bus, prefix := caller(ctx), aws.ToString(in.EventBusName), aws.ToString(in.NamePrefix)
	p, err := h.page("ListRules", in.NextToken, in.Limit, c.Account, prefix)
	if err != nil {
		return nil, err
	}
	found, err := h.bus.ListEventRules(ctx, c, bus, prefix, p.Cursor, p.Size+1)
	if err != nil {
		return nil, err
	}
	out := &eventbridge.ListRulesOutput{Rules: []types.Rule{}}
	found, out.NextToken = pagetoken.Cut(h.pages, p, found, func(r service.EventRule) string { return r.Name })
	for _, r := range found {
		out.Rules = append(out.Rules, types.Rule{
			Name: &r.Name, Arn: &r.ARN, EventPattern: &r.Pattern, State: stateOf(r), Description: given(r.Description),
			RoleArn: given(r.RoleARN), EventBusName: aws.String(event.DefaultBus),
		})
	}
	return out, nil
}

func stateOf(r service.EventRule) types.RuleState {
	if r.Disabled {
		return types.RuleStateDisabled
	}
	return types.RuleStateEnabled
}

// given is nil for what is not there.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (h *handlers) deleteRule(ctx context.Context, in *eventbridge.DeleteRuleInput) (*eventbridge.DeleteRuleOutput, error) {
	err := h.bus.DeleteEventRule(ctx, caller(ctx), aws.ToString(in.EventBusName), *in.Name)
	return &eventbridge.DeleteRuleOutput{}, err
}

func (h *handlers) enableRule(ctx context.Context, in *eventbridge.EnableRuleInput) (*eventbridge.EnableRuleOutput, error) {
	err := h.bus.SwitchEventRule(ctx, caller(ctx), aws.ToString(in.EventBusName), *in.Name, true)
	return &eventbridge.EnableRuleOutput{}, err
}

func (h *handlers) disableRule(ctx context.Context, in *eventbridge.DisableRuleInput) (*eventbridge.DisableRuleOutput, error) {
	err := h.bus.SwitchEventRule(ctx, caller(ctx), aws.ToString(in.EventBusName), *in.Name, false)
	return &eventbridge.DisableRuleOutput{}, err
}

func (h *handlers) testEventPattern(ctx context.Context, in *eventbridge.TestEventPatternInput) (*eventbridge.TestEventPatternOutput, error) {
	matches, err := h.bus.TestEventPattern(ctx, caller(ctx), *in.EventPattern, *in.Event)
	if err != nil {
		return nil, err
	}
	return &eventbridge.TestEventPatternOutput{Result: matches}, nil
}

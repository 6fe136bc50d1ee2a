package eventbridge_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/service"
)

const ruleOfWeb = prefix + "rule/web"

func TestTheLifeOfARule(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	put := apitest.OK[*sdk.PutRuleOutput](t)(a.PutRule(ctx, &sdk.PutRuleInput{
		Name: aws.String("web"), EventPattern: aws.String(anyPush), Description: aws.String("pushes"),
		RoleArn: aws.String("arn:aws:iam::123456789012:role/x"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))
	if *put.RuleArn != ruleOfWeb {
		t.Errorf("got %s", *put.RuleArn)
	}
	describe := func() *sdk.DescribeRuleOutput {
		t.Helper()
		out := apitest.OK[*sdk.DescribeRuleOutput](t)(a.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("web")}))
		out.ResultMetadata = put.ResultMetadata
		return out
	}
	want1 := &sdk.DescribeRuleOutput{
		Arn: aws.String(ruleOfWeb), Name: aws.String("web"), EventPattern: aws.String(anyPush), Description: aws.String("pushes"),
		RoleArn: aws.String("arn:aws:iam::123456789012:role/x"), State: types.RuleStateEnabled,
		EventBusName: aws.String("default"), CreatedBy: aws.String(account), ResultMetadata: put.ResultMetadata,
	}
	same(t, "described", describe(), want1)

	apitest.OK[*sdk.DisableRuleOutput](t)(a.DisableRule(ctx, &sdk.DisableRuleInput{Name: aws.String("web")}))
	want1.State = types.RuleStateDisabled
	same(t, "disabled", describe(), want1)
	apitest.OK[*sdk.EnableRuleOutput](t)(a.EnableRule(ctx, &sdk.EnableRuleInput{Name: aws.String("web"), EventBusName: aws.String("default")}))
	want1.State = types.RuleStateEnabled
	same(t, "enabled", describe(), want1)

	// What is put again is replaced as a whole, but for tags and targets.
	a.target("web", types.Target{Id: aws.String("1"), Arn: aws.String("arn:ecru:stdout")})
	apitest.OK[*sdk.PutRuleOutput](t)(a.PutRule(ctx, &sdk.PutRuleInput{
		Name: aws.String("web"), EventPattern: aws.String(`{"source":["mine"]}`), State: types.RuleStateDisabled,
		EventBusName: aws.String(prefix + "event-bus/default"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("b")}},
	}))
	same(t, "put again", describe(), &sdk.DescribeRuleOutput{
		Arn: aws.String(ruleOfWeb), Name: aws.String("web"), EventPattern: aws.String(`{"source":["mine"]}`), State: types.RuleStateDisabled,
		EventBusName: aws.String("default"), CreatedBy: aws.String(account), ResultMetadata: put.ResultMetadata,
	})
	same(t, "tags", a.tags(ruleOfWeb), map[string]string{"team": "a"})

	remove := &sdk.DeleteRuleInput{Name: aws.String("web"), Force: true}
	_, err := a.DeleteRule(ctx, remove)
	apitest.Want(t, err, "ValidationException", "Rule can't be deleted since it has targets.")
	apitest.OK[*sdk.RemoveTargetsOutput](t)(a.RemoveTargets(ctx, &sdk.RemoveTargetsInput{Rule: aws.String("web"), Ids: []string{"1"}}))
	for range 2 {
		apitest.OK[*sdk.DeleteRuleOutput](t)(a.DeleteRule(ctx, remove))
	}
	_, err = a.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("web")})
	apitest.Want(t, err, "ResourceNotFoundException", "Rule web does not exist on EventBus default.")
}

func TestRulesThatAreNotThere(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	name := aws.String("gone")
	_, describe := a.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: name})
	_, enable := a.EnableRule(ctx, &sdk.EnableRuleInput{Name: name})
	_, disable := a.DisableRule(ctx, &sdk.DisableRuleInput{Name: name})
	_, put := a.PutTargets(ctx, &sdk.PutTargetsInput{Rule: name, Targets: []types.Target{{Id: aws.String("1"), Arn: aws.String("arn:ecru:stdout")}}})
	_, remove := a.RemoveTargets(ctx, &sdk.RemoveTargetsInput{Rule: name, Ids: []string{"1"}})
	_, list := a.ListTargetsByRule(ctx, &sdk.ListTargetsByRuleInput{Rule: name})
	_, tag := a.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: aws.String(prefix + "rule/gone"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	_, untag := a.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: aws.String(prefix + "rule/gone"), TagKeys: []string{"a"}})
	_, tags := a.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: aws.String(prefix + "rule/gone")})
	for _, err := range []error{describe, enable, disable, put, remove, list, tag, untag, tags} {
		apitest.Want(t, err, "ResourceNotFoundException", "Rule gone does not exist on EventBus default.")
	}
}

func TestOtherBusesAreNotThere(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	for _, bus := range []string{"mine", "aws.partner/x/y", prefix + "event-bus/mine", "arn:aws:events:us-east-1:210987654321:event-bus/default", "arn:aws:events:eu-west-1:123456789012:event-bus/default"} {
		name, said := aws.String("web"), aws.String(bus)
		_, put := a.PutRule(ctx, &sdk.PutRuleInput{Name: name, EventPattern: aws.String(anyPush), EventBusName: said})
		_, describe := a.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: name, EventBusName: said})
		_, list := a.ListRules(ctx, &sdk.ListRulesInput{EventBusName: said})
		_, remove := a.DeleteRule(ctx, &sdk.DeleteRuleInput{Name: name, EventBusName: said})
		_, enable := a.EnableRule(ctx, &sdk.EnableRuleInput{Name: name, EventBusName: said})
		_, targets := a.ListTargetsByRule(ctx, &sdk.ListTargetsByRuleInput{Rule: name, EventBusName: said})
		_, names := a.ListRuleNamesByTarget(ctx, &sdk.ListRuleNamesByTargetInput{TargetArn: aws.String("arn:ecru:stdout"), EventBusName: said})
		_, bus := a.DescribeEventBus(ctx, &sdk.DescribeEventBusInput{Name: said})
		for _, err := range []error{put, describe, list, remove, enable, targets, names, bus} {
			apitest.Want(t, err, "ResourceNotFoundException", "Event bus "+*said+" does not exist.")
		}
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	a := start(t)
	rule := func(change func(in *sdk.PutRuleInput)) *sdk.PutRuleInput {
		in := &sdk.PutRuleInput{Name: aws.String("web"), EventPattern: aws.String(anyPush)}
		change(in)
		return in
	}
	long := strings.Repeat("x", 65)
	for name, c := range map[string]struct {
		in            *sdk.PutRuleInput
		code, message string
	}{
		"no name": {rule(func(in *sdk.PutRuleInput) { in.Name = aws.String("") }), "ValidationException",
			"1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"a long name": {rule(func(in *sdk.PutRuleInput) { in.Name = &long }), "ValidationException",
			"1 validation error detected: Value '" + long + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64"},
		"a bad name": {rule(func(in *sdk.PutRuleInput) { in.Name = aws.String("a b") }), "ValidationException",
			`1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`},
		"a bad bus": {rule(func(in *sdk.PutRuleInput) { in.EventBusName = aws.String("a b") }), "ValidationException",
			`1 validation error detected: Value 'a b' at 'eventBusName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+`},
		"a bad state": {rule(func(in *sdk.PutRuleInput) { in.State = "ON" }), "ValidationException",
			"1 validation error detected: Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"},
		"a state of CloudTrail": {rule(func(in *sdk.PutRuleInput) { in.State = types.RuleStateEnabledWithAllCloudtrailManagementEvents }), "ValidationException",
			"The state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS is not supported: there are no CloudTrail management events on this event bus."},
		"a long description": {rule(func(in *sdk.PutRuleInput) { in.Description = aws.String(strings.Repeat("é", 513)) }), "ValidationException",
			"1 validation error detected: Value '" + strings.Repeat("é", 128) + "...' at 'description' failed to satisfy constraint: Member must have length less than or equal to 512"},
		"nothing that triggers it": {rule(func(in *sdk.PutRuleInput) { in.EventPattern = nil }), "ValidationException",
			"Parameter(s) EventPattern or ScheduleExpression must be specified."},
		"an empty pattern": {rule(func(in *sdk.PutRuleInput) { in.EventPattern = aws.String("") }), "ValidationException",
			"Parameter(s) EventPattern or ScheduleExpression must be specified."},
		"a schedule": {rule(func(in *sdk.PutRuleInput) { in.ScheduleExpression = aws.String("rate(5 minutes)") }), "ValidationException",
			"Parameter ScheduleExpression is not supported: rules of this registry are triggered by events only. Specify an EventPattern."},
		"a pattern of nothing": {rule(func(in *sdk.PutRuleInput) { in.EventPattern = aws.String(`{"source":[]}`) }), "InvalidEventPatternException",
			"Event pattern is not valid. Reason: Empty arrays are not allowed\n at [Source: (String)\"{\"source\":[]}\"; line: 1, column: 13]"},
		"too many tags": {rule(func(in *sdk.PutRuleInput) { in.Tags = tagsOf(51) }), "ValidationException",
			"The maximum number of tags that can be applied to a resource is 50."},
		"a tag of AWS": {rule(func(in *sdk.PutRuleInput) {
			in.Tags = []types.Tag{{Key: aws.String("AWS:x"), Value: aws.String("")}}
		}), "ValidationException",
			"aws: prefixed tag key names are not allowed for external use."},
		"a tag twice": {rule(func(in *sdk.PutRuleInput) { in.Tags = append(tagsOf(2), tagsOf(1)...) }), "ValidationException",
			"Parameter Tags is not valid. Reason: The tag key 'k0' is provided more than once."},
		"a tag without key": {rule(func(in *sdk.PutRuleInput) { in.Tags = []types.Tag{{Key: aws.String(""), Value: aws.String("")}} }), "ValidationException",
			"1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.PutRule(t.Context(), c.in)
			apitest.Want(t, err, c.code, c.message)
		})
	}
	if rules, err := a.svc.EventRules(t.Context(), account); err != nil || len(rules) != 0 {
		t.Errorf("%v, %v", rules, err)
	}
}

func tagsOf(n int) []types.Tag {
	var tags []types.Tag
	for i := range n {
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprintf("k%d", i)), Value: aws.String("v")})
	}
	return tags
}

func TestRulesAreListedInPages(t *testing.T) {
	a := start(t)
	for _, name := range []string{"b", "a", "web-2", "web-10", "web-1", "web", "we", "x", "W"} {
		a.rule(name)
	}
	list := func(c *sdk.Client, in *sdk.ListRulesInput) string {
		t.Helper()
		var names []string
		for n := 0; ; n++ {
			out := apitest.OK[*sdk.ListRulesOutput](t)(c.ListRules(t.Context(), in))
			for _, r := range out.Rules {
				names = append(names, *r.Name)
				if *r.Arn != prefix+"rule/"+*r.Name || *r.EventBusName != "default" || *r.EventPattern != anyPush || r.State != types.RuleStateEnabled {
					t.Errorf("%+v", r)
				}
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(names, " ")
			}
			if n > 10 {
				t.Fatal("too many pages")
			}
			names = append(names, "|")
		}
	}
	if got := list(a.Client, &sdk.ListRulesInput{Limit: aws.Int32(4)}); got != "W a b we | web web-1 web-10 web-2 | x" {
		t.Errorf("got %s", got)
	}
	if got := list(a.Client, &sdk.ListRulesInput{NamePrefix: aws.String("web"), Limit: aws.Int32(2)}); got != "web web-1 | web-10 web-2" {
		t.Errorf("got %s", got)
	}
	if got := list(a.as("AKIDOTHER"), &sdk.ListRulesInput{}); got != "" {
		t.Errorf("another account has %s", got)
	}
	first := apitest.OK[*sdk.ListRulesOutput](t)(a.ListRules(t.Context(), &sdk.ListRulesInput{Limit: aws.Int32(1)}))
	for name, in := range map[string]*sdk.ListRulesInput{
		"made up":    {NextToken: aws.String("x")},
		"other list": {NextToken: first.NextToken, NamePrefix: aws.String("web")},
	} {
		_, err := a.ListRules(t.Context(), in)
		t.Run(name, func(t *testing.T) { apitest.Want(t, err, "ValidationException", "Parameter NextToken is not valid.") })
	}
	_, err := a.as("AKIDOTHER").ListRules(t.Context(), &sdk.ListRulesInput{NextToken: first.NextToken})
	apitest.Want(t, err, "ValidationException", "Parameter NextToken is not valid.")
	_, err = a.ListRules(t.Context(), &sdk.ListRulesInput{Limit: aws.Int32(101)})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100")
	_, err = a.ListRules(t.Context(), &sdk.ListRulesInput{Limit: aws.Int32(0)})
	apitest.Want(t, err, "ValidationException", "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
}

func TestThereAreNoMoreRulesThanTheQuota(t *testing.T) {
	a := start(t, func(c *service.Config) { c.Limits.EventRules = 3 })
	for i := range 3 {
		a.rule(fmt.Sprint(i))
	}
	_, err := a.PutRule(t.Context(), &sdk.PutRuleInput{Name: aws.String("3"), EventPattern: aws.String(anyPush)})
	apitest.Want(t, err, "LimitExceededException", "The requested resource exceeds the maximum number allowed.")
	a.rule("2") // may still be changed
	apitest.OK[*sdk.PutRuleOutput](t)(a.as("AKIDOTHER").PutRule(t.Context(), &sdk.PutRuleInput{Name: aws.String("3"), EventPattern: aws.String(anyPush)}))
}

func TestManyPutAndDeleteARuleAtOnce(t *testing.T) {
	a := start(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 5 {
				if i%2 == 0 {
					a.rule("web")
				} else if _, err := a.DeleteRule(t.Context(), &sdk.DeleteRuleInput{Name: aws.String("web")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestPatternsAreTested(t *testing.T) {
	a := start(t)
	const event = `{"version":"0","id":"1","detail-type":"ECR Image Action","source":"aws.ecr","account":"123456789012","time":"2022-07-13T13:48:01Z","region":"us-east-1","detail":{"image-tag":"latest"}}`
	try := func(pattern, event string) (bool, error) {
		out, err := a.TestEventPattern(t.Context(), &sdk.TestEventPatternInput{EventPattern: &pattern, Event: &event})
		if err != nil {
			return false, err
		}
		return out.Result, nil
	}
	for pattern, wanted := range map[string]bool{
		anyPush: true, `{"source":["aws.s3"]}`: false,
		`{"detail":{"image-tag":[{"prefix":"la"}]}}`: true, `{"detail":{"image-tag":[{"exists":false}]}}`: false,
	} {
		if got, err := try(pattern, event); err != nil || got != wanted {
			t.Errorf("%s: got %t, %v", pattern, got, err)
		}
	}
	for _, member := range []string{"id", "account", "source", "time", "region", "detail-type"} {
		_, err := try(anyPush, strings.Replace(event, `"`+member+`":`, `"other":`, 1))
		apitest.Want(t, err, "ValidationException", "Parameter Event is not valid.")
	}
	for _, event := range []string{"", "{", "[]", "null", `"x"`, event + "x", strings.Repeat("[", 100_000)} {
		_, err := try(anyPush, event)
		apitest.Want(t, err, "ValidationException", "Parameter Event is not valid.")
	}
	_, err := try(`{"source":"aws.ecr"}`, event)
	apitest.Want(t, err, "InvalidEventPatternException", "Event pattern is not valid. Reason: \"source\" must be an object or an array\n at [Source: (String)\"{\"source\":\"aws.ecr\"}\"; line: 1, column: 12]")
	_, err = try("", event)
	if err == nil {
		t.Error("an empty pattern was taken")
	}
}

func TestRulesAreNobodyElses(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.rule("web")
	a.rule("api")
	web := a.user("web", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:*","Resource":"`+ruleOfWeb+`"}]}`)
	apitest.OK[*sdk.DescribeRuleOutput](t)(web.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("web")}))
	const because = " because no identity-based policy allows the "
	refused := func(err error, action, resource string) {
		t.Helper()
		apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/web is not authorized to perform: events:"+action+" on resource: "+resource+because+"events:"+action+" action")
	}
	_, err := web.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("api")})
	refused(err, "DescribeRule", prefix+"rule/api")
	_, err = web.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("web"), EventBusName: aws.String("mine")})
	refused(err, "DescribeRule", prefix+"rule/mine/web")
	_, err = web.ListRules(ctx, &sdk.ListRulesInput{})
	refused(err, "ListRules", prefix+"rule/*")
	_, err = web.ListRuleNamesByTarget(ctx, &sdk.ListRuleNamesByTargetInput{TargetArn: aws.String("x")})
	refused(err, "ListRuleNamesByTarget", prefix+"rule/*")
	_, err = web.PutEvents(ctx, &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{{}}})
	refused(err, "PutEvents", prefix+"event-bus/default")
	_, err = web.DescribeEventBus(ctx, &sdk.DescribeEventBusInput{})
	refused(err, "DescribeEventBus", prefix+"event-bus/default")
	_, err = web.ListEventBuses(ctx, &sdk.ListEventBusesInput{})
	refused(err, "ListEventBuses", prefix+"event-bus/*")
	_, err = web.TestEventPattern(ctx, &sdk.TestEventPatternInput{Event: aws.String("{}"), EventPattern: aws.String("{}")})
	refused(err, "TestEventPattern", "*")

	// Tags at creation need both permissions.
	putter := a.user("putter", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:PutRule","Resource":"*"}]}`)
	_, err = putter.PutRule(ctx, &sdk.PutRuleInput{Name: aws.String("x"), EventPattern: aws.String(anyPush), Tags: tagsOf(1)})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/putter is not authorized to perform: events:TagResource on resource: "+prefix+"rule/x"+because+"events:TagResource action")

	// A rule cannot be reached by another name of it.
	careful := a.user("careful", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"`+ruleOfWeb+`"}]}`)
	for _, arn := range []string{prefix + "rule/default/web", strings.Replace(ruleOfWeb, "arn:aws:", "arn:aws-cn:", 1)} {
		if _, err := careful.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: &arn, Tags: tagsOf(1)}); err == nil {
			t.Errorf("tagged as %s", arn)
		}
	}
	if _, err := careful.DescribeRule(ctx, &sdk.DescribeRuleInput{Name: aws.String("web"), EventBusName: aws.String(prefix + "event-bus/default")}); err == nil {
		t.Error("described by the ARN of the bus")
	}
	same(t, "tags", a.tags(ruleOfWeb), map[string]string{})
}

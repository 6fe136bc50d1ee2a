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
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	stdout = "arn:ecru:stdout"
	queue  = "arn:aws:sqs:us-east-1:123456789012:q"
	fifo   = "arn:aws:sqs:us-east-1:123456789012:q.fifo"
)

// target puts targets of a rule.
func (a *api) target(rule string, targets ...types.Target) {
	a.t.Helper()
	out := apitest.OK[*sdk.PutTargetsOutput](a.t)(a.PutTargets(a.t.Context(), &sdk.PutTargetsInput{Rule: &rule, Targets: targets}))
	if out.FailedEntryCount != 0 || out.FailedEntries == nil || len(out.FailedEntries) != 0 {
		a.t.Errorf("%+v", out)
	}
}

// targets are those of a rule, in pages of a size.
func (a *api) targets(rule string, size int32) []types.Target {
	a.t.Helper()
	var all []types.Target
	in := &sdk.ListTargetsByRuleInput{Rule: &rule, Limit: &size}
	for {
		out := apitest.OK[*sdk.ListTargetsByRuleOutput](a.t)(a.ListTargetsByRule(a.t.Context(), in))
		all = append(all, out.Targets...)
		if in.NextToken = out.NextToken; in.NextToken == nil || len(all) > 1000 {
			return all
		}
	}
}

func (a *api) stored(rule string) event.Rule {
	a.t.Helper()
	rules, err := a.svc.EventRules(a.t.Context(), account)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, r := range rules {
		if r.Name == rule {
			return r
		}
	}
	a.t.Fatalf("there is no rule %s", rule)
	return event.Rule{}
}

func TestTargetsAreToldAsTheyWereGiven(t *testing.T) {
	a := start(t)
	a.rule("web")
	hook := a.destination("hook")
	given := []types.Target{
		{
			Id: aws.String("a"), Arn: &hook, RoleArn: aws.String("arn:aws:iam::123456789012:role/x"),
			InputTransformer: &types.InputTransformer{InputPathsMap: map[string]string{"tag": "$.detail.image-tag"}, InputTemplate: aws.String(`{"tag":<tag>}`)},
			HttpParameters: &types.HttpParameters{
				PathParameterValues: []string{"x"}, HeaderParameters: map[string]string{"X-A": "$.source"}, QueryStringParameters: map[string]string{"q": "1"},
			},
			RetryPolicy:      &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60), MaximumRetryAttempts: aws.Int32(0)},
			DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(queue)},
		},
		{Id: aws.String("b"), Arn: aws.String(stdout), Input: aws.String(`"hello"`)},
		{Id: aws.String("c"), Arn: aws.String("arn:ecru:file/events.jsonl"), InputPath: aws.String("$.detail")},
		{Id: aws.String("d"), Arn: aws.String(fifo), SqsParameters: &types.SqsParameters{MessageGroupId: aws.String("g")}},
		{Id: aws.String("e"), Arn: aws.String("arn:aws:sns:eu-west-1:210987654321:t")},
	}
	a.target("web", given[3], given[0], given[4], given[2], given[1])
	for _, size := range []int32{1, 2, 5, 100} {
		same(t, "listed", a.targets("web", size), given)
	}
	r := a.stored("web")
	same(t, "retry policy", r.Targets[0].Retry, &event.RetryPolicy{MaxAge: 60e9})
	uids := map[string]bool{}
	for _, target := range r.Targets {
		uids[target.UID] = true
	}
	if len(uids) != 5 || uids[""] {
		t.Errorf("got %v", uids)
	}
}

func TestATargetThatIsChangedStaysTheSame(t *testing.T) {
	a := start(t)
	a.rule("web")
	a.target("web", types.Target{Id: aws.String("a"), Arn: aws.String(stdout)}, types.Target{Id: aws.String("b"), Arn: aws.String(stdout)})
	before := a.stored("web").Targets
	a.target("web", types.Target{Id: aws.String("b"), Arn: aws.String("arn:ecru:file/x.jsonl"), RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(3)}})
	a.rule("web")
	after := a.stored("web").Targets
	if len(after) != 2 || after[0].UID != before[0].UID || after[1].UID != before[1].UID || after[1].ARN != "arn:ecru:file/x.jsonl" {
		t.Errorf("%+v", after)
	}
	if r := after[1].Retry; r.MaxAge != event.DefaultMaxAge || r.MaxAttempts != 3 {
		t.Errorf("%+v", r)
	}
	// What was removed and is added again is another target.
	out := apitest.OK[*sdk.RemoveTargetsOutput](t)(a.RemoveTargets(t.Context(), &sdk.RemoveTargetsInput{Rule: aws.String("web"), Ids: []string{"a", "nothing"}}))
	if out.FailedEntryCount != 0 || out.FailedEntries == nil {
		t.Errorf("%+v", out)
	}
	a.target("web", types.Target{Id: aws.String("a"), Arn: aws.String(stdout)})
	if again := a.stored("web").Targets; again[0].ID != "a" || again[0].UID == before[0].UID {
		t.Errorf("%+v", again)
	}
}

func TestThereAreNoMoreTargetsThanTheQuota(t *testing.T) {
	a := start(t)
	a.rule("web")
	targets := func(from, to int) (all []types.Target) {
		for i := from; i < to; i++ {
			all = append(all, types.Target{Id: aws.String(fmt.Sprint(i)), Arn: aws.String(stdout)})
		}
		return all
	}
	put := func(targets []types.Target) error {
		_, err := a.PutTargets(t.Context(), &sdk.PutTargetsInput{Rule: aws.String("web"), Targets: targets})
		return err
	}
	const full = "The requested resource exceeds the maximum number allowed."
	apitest.Want(t, put(targets(0, 6)), "LimitExceededException", full)
	if got := a.targets("web", 100); len(got) != 0 {
		t.Errorf("some were added: %v", got)
	}
	a.target("web", targets(0, 4)...)
	apitest.Want(t, put(targets(4, 6)), "LimitExceededException", full)
	a.target("web", targets(3, 5)...)
	a.target("web", targets(0, 5)...)
	apitest.Want(t, put(targets(0, 11)), "ValidationException", "1 validation error detected: Value '[11 members]' at 'targets' failed to satisfy constraint: Member must have length less than or equal to 10")
	if got := len(a.targets("web", 2)); got != 5 {
		t.Errorf("%d targets", got)
	}
}

func TestTargetsThatCannotBe(t *testing.T) {
	a := start(t, func(c *service.Config) {
		c.CheckTarget = func(home registry.Scope, target event.Target) error {
			if strings.HasSuffix(target.ARN, ":forbidden") {
				return registry.Errorf(registry.CodeValidation, "not allowed")
			}
			return event.ValidateTarget(home, target)
		}
	})
	a.rule("web")
	hook := a.destination("hook")
	const one = "1 validation error detected: Value "
	for name, c := range map[string]struct {
		target        types.Target
		code, message string
	}{
		"no id":        {types.Target{Id: aws.String(""), Arn: aws.String(stdout)}, "", one + "'' at 'targets.1.member.id' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		"a bad id":     {types.Target{Id: aws.String("!@#"), Arn: aws.String(stdout)}, "", one + `'!@#' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`},
		"no ARN":       {types.Target{Id: aws.String("1"), Arn: aws.String("x")}, "", "Parameter x is not valid. Reason: Provided Arn is not in correct format."},
		"the operator": {types.Target{Id: aws.String("1"), Arn: aws.String("arn:aws:sns:us-east-1:123456789012:forbidden")}, "", "not allowed"},
		"no destination": {types.Target{Id: aws.String("1"), Arn: aws.String(prefix + "api-destination/nothing/11111111-2222-3333-4444-555555555555")},
			"ResourceNotFoundException", "An api-destination 'nothing' does not exist."},
		"an older destination": {types.Target{Id: aws.String("1"), Arn: aws.String(prefix + "api-destination/hook/21111111-2222-3333-4444-555555555555")},
			"ResourceNotFoundException", "An api-destination 'hook' does not exist."},
		"two inputs":         {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), Input: aws.String("1"), InputPath: aws.String("$.detail")}, "", "Only one of Input, InputPath, or InputTransformer must be provided for target 1."},
		"a bad path":         {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), InputPath: aws.String("detail")}, "", "InputPath for target 1 is invalid."},
		"a long input":       {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), InputPath: aws.String("$." + strings.Repeat("x", 255))}, "", one + "'$." + strings.Repeat("x", 254) + "...' at 'targets.1.member.inputPath' failed to satisfy constraint: Member must have length less than or equal to 256"},
		"many retries":       {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)}}, "", one + "'186' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 185"},
		"a short age":        {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(59)}}, "", one + "'59' at 'targets.1.member.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"},
		"a FIFO queue alone": {types.Target{Id: aws.String("1"), Arn: aws.String(fifo)}, "", "Parameter(s) SqsParameters must be specified for target: 1."},
		"HTTP for stdout":    {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), HttpParameters: &types.HttpParameters{}}, "", "Parameter(s) HttpParameters not supported for target: 1."},
		"a header with a line end": {types.Target{Id: aws.String("1"), Arn: &hook, HttpParameters: &types.HttpParameters{HeaderParameters: map[string]string{"A": "x\r\nB: y"}}}, "",
			one + "at 'targets.1.member.httpParameters.headerParameters' failed to satisfy constraint: Map value must satisfy constraint: [Member must satisfy regular expression pattern: ^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$]"},
		"a blank path value": {types.Target{Id: aws.String("1"), Arn: &hook, HttpParameters: &types.HttpParameters{PathParameterValues: []string{" "}}}, "",
			one + "' ' at 'targets.1.member.httpParameters.pathParameterValues' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy regular expression pattern: ^(?!\\s*$).+]"},
		"a reserved variable": {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), InputTransformer: &types.InputTransformer{InputTemplate: aws.String("1"), InputPathsMap: map[string]string{"aws.events.rule-name": "$.a"}}}, "",
			one + "'aws.events.rule-name' at 'targets.1.member.inputTransformer.inputPathsMap' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [A-Za-z0-9\\_\\-]+]"},
		"dead letters to a topic": {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sns:us-east-1:123456789012:t")}}, "", "sns is not supported as a dead letter resource."},
		"dead letters in order":   {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(fifo)}}, "", "SQS FIFO is not supported by Dead Letter Queues."},
		"dead letters to nothing": {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("q")}}, "", "Parameter q is not valid. Reason: Provided Arn is not in correct format."},
		"ECS": {types.Target{Id: aws.String("1"), Arn: aws.String("arn:aws:ecs:us-east-1:123456789012:cluster/c"), EcsParameters: &types.EcsParameters{TaskDefinitionArn: aws.String("x")}}, "",
			"Parameter(s) EcsParameters not supported for target: 1."},
		"Kinesis": {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), KinesisParameters: &types.KinesisParameters{PartitionKeyPath: aws.String("x")}}, "",
			"Parameter(s) KinesisParameters not supported for target: 1."},
		"Batch": {types.Target{Id: aws.String("1"), Arn: aws.String(stdout), BatchParameters: &types.BatchParameters{JobDefinition: aws.String("x"), JobName: aws.String("x")}}, "",
			"Parameter(s) BatchParameters not supported for target: 1."},
	} {
		t.Run(name, func(t *testing.T) {
			if c.code == "" {
				c.code = "ValidationException"
			}
			_, err := a.PutTargets(t.Context(), &sdk.PutTargetsInput{Rule: aws.String("web"), Targets: []types.Target{c.target}})
			apitest.Want(t, err, c.code, c.message)
		})
	}
	_, err := a.PutTargets(t.Context(), &sdk.PutTargetsInput{Rule: aws.String("web"), Targets: []types.Target{
		{Id: aws.String("1"), Arn: aws.String(stdout)}, {Id: aws.String("1"), Arn: aws.String(stdout)},
	}})
	apitest.Want(t, err, "ValidationException", "Parameter targets is not valid. Reason: More than one target with Id '1' is provided.")
	if got := a.targets("web", 100); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestTwoWhoPutTargetsAtOnceLoseNothing(t *testing.T) {
	a := start(t, func(c *service.Config) { c.Limits.EventTargets = 100 })
	a.rule("web")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { a.target("web", types.Target{Id: aws.String(fmt.Sprint(i)), Arn: aws.String(stdout)}) })
		all.Go(func() { a.rule("web") })
	}
	all.Wait()
	if got := len(a.targets("web", 7)); got != 20 {
		t.Errorf("%d of 20 targets are left", got)
	}
}

func TestARuleThatGetsATargetIsNotDeleted(t *testing.T) {
	a := start(t)
	for i := range 20 {
		name := fmt.Sprint(i)
		a.rule(name)
		var both sync.WaitGroup
		var put, deleted error
		both.Go(func() {
			_, put = a.PutTargets(t.Context(), &sdk.PutTargetsInput{Rule: &name, Targets: []types.Target{{Id: aws.String("1"), Arn: aws.String(stdout)}}})
		})
		both.Go(func() { _, deleted = a.DeleteRule(t.Context(), &sdk.DeleteRuleInput{Name: &name}) })
		both.Wait()
		if (put == nil) == (deleted == nil) {
			t.Errorf("put: %v, deleted: %v", put, deleted)
		}
	}
}

func TestRulesAreFoundByTarget(t *testing.T) {
	a := start(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		a.rule(name)
		if name != "b" {
			a.target(name, types.Target{Id: aws.String("1"), Arn: aws.String("arn:ecru:file/x.jsonl")}, types.Target{Id: aws.String("2"), Arn: aws.String(stdout)})
		}
	}
	var names []string
	in := &sdk.ListRuleNamesByTargetInput{TargetArn: aws.String(stdout), Limit: aws.Int32(2)}
	for range 3 {
		out := apitest.OK[*sdk.ListRuleNamesByTargetOutput](t)(a.ListRuleNamesByTarget(t.Context(), in))
		names = append(names, out.RuleNames...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
		names = append(names, "|")
	}
	if got := strings.Join(names, " "); got != "a c | d" {
		t.Errorf("got %s", got)
	}
	none := apitest.OK[*sdk.ListRuleNamesByTargetOutput](t)(a.ListRuleNamesByTarget(t.Context(), &sdk.ListRuleNamesByTargetInput{TargetArn: aws.String("x")}))
	if none.RuleNames == nil || len(none.RuleNames) != 0 || none.NextToken != nil {
		t.Errorf("%+v", none)
	}
}

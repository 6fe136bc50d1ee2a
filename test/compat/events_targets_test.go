package compat

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// target gives a rule targets of these ids.
func (a *account) target(rule string, ids ...string) {
	a.t.Helper()
	for _, id := range ids {
		do(a, a.events().PutTargets, &eventbridge.PutTargetsInput{Rule: &rule, Targets: []types.Target{{Id: &id, Arn: aws.String(stdout)}}})
	}
}

// targets are the ids of a rule's targets.
func (a *account) targets(rule string) []string {
	a.t.Helper()
	return targetIDs(do(a, a.events().ListTargetsByRule, &eventbridge.ListTargetsByRuleInput{Rule: &rule}))
}

func targetIDs(out *eventbridge.ListTargetsByRuleOutput) []string {
	return list(out.Targets, func(t types.Target) string { return *t.Id })
}

// fileTarget sends what a rule selects into a file that is called after it.
func (a *account) fileTarget(rule string, change ...func(*types.Target)) {
	a.t.Helper()
	t := types.Target{Id: aws.String("file"), Arn: aws.String("arn:ecru:file/" + rule + ".jsonl")}
	for _, c := range change {
		c(&t)
	}
	do(a, a.events().PutTargets, &eventbridge.PutTargetsInput{Rule: &rule, Targets: []types.Target{t}})
}

// filed are the lines of that file: each account but the default one has a
// directory of its own.
func (a *account) filed(rule string) []string {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.house.server.Data, "events", a.id, rule+".jsonl"))
	if err != nil && !os.IsNotExist(err) {
		a.t.Fatal(err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	return append([]string{}, strings.FieldsFunc(string(whole), func(r rune) bool { return r == '\n' })...)
}

// arrives sends what a rule selects into a file, does something, and answers
// the first line that comes of it.
func (a *account) arrives(rule string, cause func(), change ...func(*types.Target)) string {
	a.t.Helper()
	a.fileTarget(rule, change...)
	cause()
	a.eventually("an event in the file of "+rule, func() bool { return len(a.filed(rule)) > 0 })
	return a.filed(rule)[0]
}

// pushed pushes an image into a new repository.
func (a *account) pushed(repository string) (digest string) {
	a.t.Helper()
	a.ready(repository)
	return a.image(repository, "one", "v1")
}

func putTargets() *served {
	type in = eventbridge.PutTargetsInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{Rule: aws.String("web"), Targets: []types.Target{{Id: aws.String("1"), Arn: aws.String(stdout)}}}
	}
	to := func(change func(a *account, t *types.Target)) func(*account, *in) {
		return func(a *account, in *in) { change(a, &in.Targets[0]) }
	}
	arn := func(text string) func(*account, *in) {
		return to(func(_ *account, t *types.Target) { t.Arn = &text })
	}
	const member = "targets.1.member."
	return serves("PutTargets", ruleOfWeb, good,
		works("targets of every kind, told as they were put", everyTarget),
		works("all of a request or none, changed by their ids", func(a *account) {
			in := good(a)
			out := do(a, a.events().PutTargets, in)
			a.same(out, &eventbridge.PutTargetsOutput{FailedEntries: []types.PutTargetsResultEntry{}})
			in.Targets = append(in.Targets, types.Target{Id: aws.String("2"), Arn: aws.String("none")})
			if _, err := a.events().PutTargets(a.t.Context(), in); err == nil {
				a.t.Error("a target without an ARN was taken")
			}
			in.Targets = []types.Target{{Id: aws.String("1"), Arn: aws.String(stdout), Input: aws.String("7")}}
			do(a, a.events().PutTargets, in)
			a.same(do(a, a.events().ListTargetsByRule, &eventbridge.ListTargetsByRuleInput{Rule: in.Rule}).Targets, in.Targets)
		}),
		works("a push arrives in the shape of ECR", func(a *account) {
			a.rule("web")
			var digest string
			got := a.arrives("web", func() { digest = a.pushed("one") })
			_, detail, _ := strings.Cut(got, `"detail":`)
			a.same(detail, `{"result":"SUCCESS","repository-name":"one","image-digest":"`+digest+`","action-type":"PUSH","image-tag":"v1","manifest-media-type":"`+ociManifest+`","artifact-media-type":"`+ociConfig+`"}}`)
		}),
		works("a constant, a part and a template as the input", func(a *account) {
			a.rule("constant", "part", "template")
			a.fileTarget("constant", func(t *types.Target) { t.Input = aws.String(`{"build":true}`) })
			a.fileTarget("part", func(t *types.Target) { t.InputPath = aws.String("$.detail.image-tag") })
			got := a.arrives("template", func() { a.pushed("one") }, func(t *types.Target) {
				t.InputTransformer = &types.InputTransformer{InputPathsMap: map[string]string{"tag": "$.detail.image-tag"}, InputTemplate: aws.String(`{"image": "one:<tag>", "rule": <aws.events.rule-name>}`)}
			})
			a.same(got, `{"image":"one:v1","rule":"template"}`)
			a.eventually("all inputs", func() bool { return len(a.filed("constant")) > 0 && len(a.filed("part")) > 0 })
			a.same([]string{a.filed("constant")[0], a.filed("part")[0]}, []string{`{"build":true}`, `"v1"`})
		}),
		refuses("a service of AWS that ecru does not deliver to", arn("arn:aws:lambda:us-east-1:123456789012:function:f"), validation,
			"Parameter arn:aws:lambda:us-east-1:123456789012:function:f is not valid. Reason: it is not a target that ecru can deliver to. There are API destinations, arn:ecru:stdout, arn:ecru:file/NAME.jsonl, and queues of SQS, topics of SNS and event buses of AWS."),
		refuses("a resource of AWS that --aws-targets does not allow", arn("arn:aws:sqs:us-east-1:123456789012:forbidden"), validation,
			"Parameter arn:aws:sqs:us-east-1:123456789012:forbidden is not valid. Reason: this registry does not send to that resource of AWS; its operator must allow the ARN with --aws-targets."),
		refuses("a file elsewhere", arn("arn:ecru:file/../x.jsonl"), validation,
			"Parameter arn:ecru:file/../x.jsonl is not valid. Reason: the file must be called NAME.jsonl, with letters, digits, '.', '_' and '-' only."),
		refuses("what is no ARN", arn("x"), validation, "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
		refuses("a destination that is not there", to(func(a *account, t *types.Target) {
			t.Arn = aws.String("arn:aws:events:" + a.region + ":" + a.id + ":api-destination/gone/11111111-2222-3333-4444-555555555555")
		}), resourceNotFound, "An api-destination 'gone' does not exist."),
		refuses("a rule that is not there", func(_ *account, in *in) { in.Rule = aws.String("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
		refuses("one id twice", func(_ *account, in *in) { in.Targets = append(in.Targets, in.Targets[0]) }, validation,
			"Parameter targets is not valid. Reason: More than one target with Id '1' is provided."),
		refuses("two inputs", to(func(_ *account, t *types.Target) { t.Input, t.InputPath = aws.String("1"), aws.String("$.detail") }), validation,
			"Only one of Input, InputPath, or InputTransformer must be provided for target 1."),
		refuses("a path that is none", to(func(_ *account, t *types.Target) { t.InputPath = aws.String("detail") }), validation, "InputPath for target 1 is invalid."),
		refuses("a template with an unknown variable", to(func(_ *account, t *types.Target) {
			t.InputTransformer = &types.InputTransformer{InputTemplate: aws.String("<tag>")}
		}), validation, "InputTemplate for target 1 contains invalid placeholder tag."),
		refuses("retries out of bounds", to(func(_ *account, t *types.Target) {
			t.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)}
		}), validation, invalid("186", member+"retryPolicy.maximumRetryAttempts", "Member must have value less than or equal to 185")),
		refuses("parameters of another kind of target", to(func(_ *account, t *types.Target) {
			t.KinesisParameters = &types.KinesisParameters{PartitionKeyPath: aws.String("x")}
		}), validation, "Parameter(s) KinesisParameters not supported for target: 1."),
		refuses("a FIFO queue without a group", arn("arn:aws:sqs:us-east-1:123456789012:allowed.fifo"), validation, "Parameter(s) SqsParameters must be specified for target: 1."),
		refuses("targets above the quota", func(a *account, _ *in) { a.target("web", "a", "b", "c", "d", "e") }, limitExceeded, eventFull),
		refuses("eleven in a request", func(_ *account, in *in) {
			for range 10 {
				in.Targets = append(in.Targets, in.Targets[0])
			}
		}, validation, invalid("[11 members]", "targets", "Member must have length less than or equal to 10")),
	)
}

// everyTarget puts targets with all that they may have.
func everyTarget(a *account) {
	a.rule("web")
	given := []types.Target{
		{
			Id: aws.String("a"), Arn: a.destination("hook"), RoleArn: a.role("r"),
			InputTransformer: &types.InputTransformer{InputPathsMap: map[string]string{"tag": "$.detail.image-tag"}, InputTemplate: aws.String(`{"tag":<tag>}`)},
			HttpParameters: &types.HttpParameters{
				PathParameterValues: []string{"x"}, HeaderParameters: map[string]string{"X-A": "$.source"}, QueryStringParameters: map[string]string{"q": "1"},
			},
			RetryPolicy:      &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60), MaximumRetryAttempts: aws.Int32(0)},
			DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:allowed")},
		},
		{Id: aws.String("b"), Arn: aws.String(stdout + "?format=cloudevents")},
		{Id: aws.String("c"), Arn: aws.String("arn:ecru:file/c.jsonl")},
		{Id: aws.String("d"), Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:allowed.fifo"), SqsParameters: &types.SqsParameters{MessageGroupId: aws.String("g")}},
		{Id: aws.String("e"), Arn: aws.String("arn:aws:sns:us-east-1:123456789012:allowed")},
	}
	do(a, a.events().PutTargets, &eventbridge.PutTargetsInput{Rule: aws.String("web"), Targets: given})
	a.same(do(a, a.events().ListTargetsByRule, &eventbridge.ListTargetsByRuleInput{Rule: aws.String("web")}).Targets, given)
	a.rule("bus")
	bus := []types.Target{{Id: aws.String("f"), Arn: aws.String("arn:aws:events:us-east-1:123456789012:event-bus/allowed")}}
	do(a, a.events().PutTargets, &eventbridge.PutTargetsInput{Rule: aws.String("bus"), Targets: bus})
	a.same(do(a, a.events().ListTargetsByRule, &eventbridge.ListTargetsByRuleInput{Rule: aws.String("bus")}).Targets, bus)
}

func listTargetsByRule() *served {
	type in = eventbridge.ListTargetsByRuleInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{Rule: aws.String("web")}
	}
	return serves("ListTargetsByRule", ruleOfWeb, good,
		works("none", func(a *account) { a.same(do(a, a.events().ListTargetsByRule, good(a)).Targets, []types.Target{}) }),
		lists(100, func(a *account, n int) { a.target("web", many(n, "%d")...) }, targetIDs),
		refuses("a rule that is not there", func(_ *account, in *in) { in.Rule = aws.String("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
	)
}

func listRuleNamesByTarget() *served {
	type in = eventbridge.ListRuleNamesByTargetInput
	good := func(*account) *in { return &in{TargetArn: aws.String(stdout)} }
	return serves("ListRuleNamesByTarget", "arn:aws:events:{region}:{account}:rule/*", good,
		works("the rules of a target", func(a *account) {
			a.rule("b", "a", "c")
			a.target("b", "1")
			a.target("a", "1")
			a.same(do(a, a.events().ListRuleNamesByTarget, good(a)).RuleNames, []string{"a", "b"})
		}),
		lists(100, func(a *account, n int) {
			for _, name := range many(n, "r%d") {
				a.rule(name)
				a.target(name, "1")
			}
		}, func(out *eventbridge.ListRuleNamesByTargetOutput) []string { return out.RuleNames }),
		refuses("another bus", func(_ *account, in *in) { in.EventBusName = aws.String("mine") }, resourceNotFound, noBus),
	)
}

func removeTargets() *served {
	type in = eventbridge.RemoveTargetsInput
	good := func(a *account) *in {
		a.rule("web")
		a.target("web", "1", "2")
		return &in{Rule: aws.String("web"), Ids: []string{"1", "none"}}
	}
	return serves("RemoveTargets", ruleOfWeb, good,
		works("those that are there", func(a *account) {
			a.same(do(a, a.events().RemoveTargets, good(a)), &eventbridge.RemoveTargetsOutput{FailedEntries: []types.RemoveTargetsResultEntry{}})
			a.same(a.targets("web"), []string{"2"})
		}),
		refuses("a rule that is not there", func(_ *account, in *in) { in.Rule = aws.String("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
		refuses("no ids", func(_ *account, in *in) { in.Ids = []string{} }, validation, invalid("[0 members]", "ids", "Member must have length greater than or equal to 1")),
	)
}

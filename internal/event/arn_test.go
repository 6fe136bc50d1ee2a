package event_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
)

func TestResourceNamesOfTargets(t *testing.T) {
	for arn, want := range map[string]event.TargetARN{
		"arn:aws:events:us-east-1:123456789012:api-destination/my.hook/0a1b-2c": {Kind: event.DestinationTarget, Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "my.hook"},
		"arn:aws:sqs:eu-west-1:123456789012:q_1-x":                              {Kind: event.QueueTarget, Partition: "aws", Region: "eu-west-1", Account: "123456789012", Name: "q_1-x"},
		"arn:aws-cn:sqs:cn-north-1:123456789012:q.fifo":                         {Kind: event.QueueTarget, Partition: "aws-cn", Region: "cn-north-1", Account: "123456789012", Name: "q.fifo"},
		"arn:aws:sns:us-east-1:123456789012:t":                                  {Kind: event.TopicTarget, Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "t"},
		"arn:aws:events:us-east-1:123456789012:event-bus/a/b":                   {Kind: event.BusTarget, Partition: "aws", Region: "us-east-1", Account: "123456789012", Name: "a/b"},
		"arn:ecru:stdout":                          {Kind: event.StdoutTarget},
		"arn:ecru:stdout?format=cloudevents":       {Kind: event.StdoutTarget, CloudEvents: true},
		"arn:ecru:file/A-1._.jsonl":                {Kind: event.FileTarget, Name: "A-1._.jsonl"},
		"arn:ecru:file/x.jsonl?format=cloudevents": {Kind: event.FileTarget, Name: "x.jsonl", CloudEvents: true},
	} {
		want.ARN = arn
		if got, err := event.ParseTargetARN(arn); err != nil || got != want {
			t.Errorf("%s: %+v %v", arn, got, err)
		}
	}
}

func TestResourceNamesThatAreNoTargets(t *testing.T) {
	const notOurs = "Reason: it is not a target that ecru can deliver to."
	const malformed = "Reason: Provided Arn is not in correct format."
	for arn, want := range map[string]string{
		"arn:aws:lambda:us-east-1:123456789012:function:f":            notOurs,
		"arn:aws:states:us-east-1:123456789012:stateMachine:s":        notOurs,
		"arn:aws:kinesis:us-east-1:123456789012:stream/s":             notOurs,
		"arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/x": notOurs,
		"arn:aws:events:us-east-1:123456789012:rule/x":                notOurs,
		"arn:gcp:sqs:us-east-1:123456789012:q":                        notOurs,
		"arn:ecru:else":                                               notOurs,
		"arn:ecru:stdout/x":                                           notOurs,
		"":                                                            malformed,
		"x":                                                           malformed,
		"arn:aws:sqs:us-east-1:1234:q":                                malformed,
		"arn:aws:sqs:us-east-1:123456789012:":                         malformed,
		"arn:aws:sqs:us-east-1:123456789012:q/../x":                   malformed,
		"arn:aws:sqs:us-east-1:123456789012:" + strings.Repeat("q", 81): malformed,
		"arn:aws:sqs::123456789012:q":                                   malformed,
		"arn:aws:sqs:evil.example.com/:123456789012:q":                  malformed,
		"arn:aws:sqs:" + strings.Repeat("a", 33) + ":123456789012:q":    malformed,
		"arn:aws:sns:us-east-1:123456789012:t:subscription":             malformed,
		"arn:aws:events:us-east-1:123456789012:event-bus/":              malformed,
		"arn:aws:events:us-east-1:123456789012:api-destination/x":       malformed,
		"arn:aws:events:us-east-1:123456789012:api-destination/x/y/z":   malformed,
		"arn:ecru:file/x":                                       "the file must be called NAME.jsonl",
		"arn:ecru:file/.jsonl":                                  "the file must be called NAME.jsonl",
		"arn:ecru:file/../x.jsonl":                              "the file must be called NAME.jsonl",
		"arn:ecru:file/a/x.jsonl":                               "the file must be called NAME.jsonl",
		"arn:ecru:file/x.jsonl\n":                               "the file must be called NAME.jsonl",
		"arn:ecru:file/" + strings.Repeat("x", 201) + ".jsonl":  "the file must be called NAME.jsonl",
		"arn:ecru:stdout?format=json":                           "its only parameter is format=cloudevents",
		"arn:ecru:stdout?format=cloudevents&x=1":                "its only parameter is format=cloudevents",
		"arn:ecru:stdout?format=cloudevents&format=cloudevents": "its only parameter is format=cloudevents",
		"arn:ecru:stdout?%zz":                                   malformed,
	} {
		_, err := event.ParseTargetARN(arn)
		var e *registry.Error
		if !errors.As(err, &e) || e.Code != registry.CodeValidation || !strings.HasPrefix(e.Message, "Parameter "+arn+" is not valid. ") || !strings.Contains(e.Message, want) {
			t.Errorf("%q: %v", arn, err)
		}
	}
}

func TestTargetsOfRules(t *testing.T) {
	home := registry.Scope{Account: "123456789012", Region: "us-east-1"}
	const (
		queue = "arn:aws:sqs:us-east-1:123456789012:q"
		hook  = "arn:aws:events:us-east-1:123456789012:api-destination/hook/1"
	)
	for name, test := range map[string]struct {
		target event.Target
		want   string
	}{
		"a queue":                       {event.Target{ARN: queue}, ""},
		"a fair queue":                  {event.Target{ARN: queue, MessageGroupID: "g"}, ""},
		"a FIFO queue":                  {event.Target{ARN: queue + ".fifo", MessageGroupID: "g"}, ""},
		"a FIFO queue without a group":  {event.Target{ID: "1", ARN: queue + ".fifo"}, "Parameter(s) SqsParameters must be specified for target: 1."},
		"a group for stdout":            {event.Target{ID: "1", ARN: "arn:ecru:stdout", MessageGroupID: "g"}, "Parameter(s) SqsParameters not supported for target: 1."},
		"a destination":                 {event.Target{ARN: hook, HTTP: &event.HTTPParameters{}}, ""},
		"HTTP for a queue":              {event.Target{ID: "1", ARN: queue, HTTP: &event.HTTPParameters{}}, "Parameter(s) HttpParameters not supported for target: 1."},
		"another account's destination": {event.Target{ARN: strings.Replace(hook, "1234", "9999", 1)}, "must be of the rule's account and region"},
		"another region's destination":  {event.Target{ARN: strings.Replace(hook, "us-east-1", "eu-west-1", 1)}, "must be of the rule's account and region"},
		"its own bus":                   {event.Target{ARN: "arn:aws:events:us-east-1:123456789012:event-bus/default"}, "must not be a target of its own rules"},
		"another bus":                   {event.Target{ARN: "arn:aws:events:us-east-1:123456789012:event-bus/other"}, ""},
		"the bus of another region":     {event.Target{ARN: "arn:aws:events:eu-west-1:123456789012:event-bus/default"}, ""},
		"dead letters":                  {event.Target{ARN: "arn:ecru:stdout", DeadLetterARN: queue}, ""},
		"dead letters in a FIFO queue":  {event.Target{ARN: "arn:ecru:stdout", DeadLetterARN: queue + ".fifo"}, "SQS FIFO is not supported by Dead Letter Queues."},
		"dead letters on stdout":        {event.Target{ARN: queue, DeadLetterARN: "arn:ecru:stdout"}, "Provided Arn is not in correct format."},
		"dead letters nowhere":          {event.Target{ARN: queue, DeadLetterARN: "x"}, "Provided Arn is not in correct format."},
	} {
		err := event.ValidateTarget(home, test.target)
		var e *registry.Error
		if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &e) || e.Code != registry.CodeValidation || !strings.Contains(e.Message, test.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseTargetARN(f *testing.F) {
	for _, seed := range []string{"arn:aws:sqs:us-east-1:123456789012:q.fifo", "arn:ecru:file/x.jsonl?format=cloudevents", "arn:aws:events:us-east-1:123456789012:api-destination/x/y", "arn:ecru:stdout", "::::::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arn string) {
		a, err := event.ParseTargetARN(arn)
		if err != nil {
			return
		}
		if a.ARN != arn || a.Kind == 0 || a.Kind != event.StdoutTarget && a.Name == "" {
			t.Errorf("%q: %+v", arn, a)
		}
		if a.Kind == event.FileTarget && (strings.ContainsAny(a.Name, "/\\\x00\n") || a.Name == ".." || !strings.HasSuffix(a.Name, ".jsonl")) {
			t.Errorf("%q leads to the file %q", arn, a.Name)
		}
		if a.OfAWS() && strings.ContainsAny(a.Region+a.Account, "./:@?#") {
			t.Errorf("%q has the region %q", arn, a.Region)
		}
	})
}

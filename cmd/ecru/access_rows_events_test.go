package main

// eventRows are the operations around rules, targets and events of the caller's
// own event bus.
func eventRows() []walked {
	const (
		name  = `"Name":"walk"`
		rule  = `"Rule":"walk"`
		arn   = `"ResourceARN":"arn:aws:events:us-east-1:000000000000:rule/walk"`
		every = `{\"source\":[\"aws.ecr\"]}`
		one   = `{\"id\":\"1\",\"account\":\"000000000000\",\"source\":\"a\",\"time\":\"2024-01-01T00:00:00Z\",\"region\":\"us-east-1\",\"detail-type\":\"b\"}`
	)
	return []walked{
		{name: "events:DeleteRule", body: `{` + name + `}`, self: true},
		{name: "events:DescribeEventBus", body: `{}`, self: true},
		{name: "events:DescribeRule", body: `{` + name + `}`, self: true},
		{name: "events:DisableRule", body: `{` + name + `}`, self: true},
		{name: "events:EnableRule", body: `{` + name + `}`, self: true},
		{name: "events:ListEventBuses", body: `{}`, self: true},
		{name: "events:ListRuleNamesByTarget", body: `{"TargetArn":"arn:ecru:stdout"}`, self: true},
		{name: "events:ListRules", body: `{}`, self: true},
		{name: "events:ListTagsForResource", body: `{` + arn + `}`, self: true},
		{name: "events:ListTargetsByRule", body: `{` + rule + `}`, self: true},
		{name: "events:PutEvents", body: `{"Entries":[{"Source":"walk","DetailType":"Walk","Detail":"{}"}]}`, self: true},
		{name: "events:PutRule", body: `{` + name + `,"EventPattern":"` + every + `"}`, self: true},
		{name: "events:PutTargets", body: `{` + rule + `,"Targets":[{"Id":"1","Arn":"arn:ecru:file/walk.jsonl"}]}`, self: true},
		{name: "events:RemoveTargets", body: `{` + rule + `,"Ids":["1"]}`, self: true},
		{name: "events:TagResource", body: `{` + arn + `,"Tags":[{"Key":"a","Value":"b"}]}`, self: true},
		{name: "events:TestEventPattern", body: `{"EventPattern":"` + every + `","Event":"` + one + `"}`, self: true},
		{name: "events:UntagResource", body: `{` + arn + `,"TagKeys":["a"]}`, self: true},
	}
}

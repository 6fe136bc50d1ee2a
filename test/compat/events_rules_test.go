package compat

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go/middleware"
)

func eventBridge() *api {
	return &api{
		name: "EventBridge", action: "events:", size: "Limit",
		client:   func(a *account, more ...func(*middleware.Stack) error) any { return a.events(more...) },
		badToken: refusal{validation, "Parameter NextToken is not valid."},
		rows: []*served{
			putRule(), describeRule(), listRules(), enableRule(), disableRule(), deleteRule(), testEventPattern(),
			tagRule(), untagRule(), tagsOfRule(),
			putTargets(), listTargetsByRule(), listRuleNamesByTarget(), removeTargets(),
			putEvents(), describeEventBus(), listEventBuses(),
			createConnection(), describeConnection(), listConnections(), updateConnection(), deauthorizeConnection(), deleteConnection(),
			createAPIDestination(), describeAPIDestination(), listAPIDestinations(), updateAPIDestination(), deleteAPIDestination(),
		},
	}
}

// events is the client of EventBridge.
func (a *account) events(more ...func(*middleware.Stack) error) *eventbridge.Client {
	o := eventbridge.Options{
		Region: a.region, Retryer: aws.NopRetryer{}, APIOptions: more, HTTPClient: a.sender(),
		Credentials: credentials.NewStaticCredentialsProvider(a.key.AccessKeyID, a.key.SecretAccessKey, ""),
	}
	if a.house != nil {
		o.BaseEndpoint = &a.house.server.URL
	}
	return eventbridge.New(o)
}

const (
	noRuleWeb = "Rule web does not exist on EventBus default."
	noBus     = "Event bus mine does not exist."
	ruleOfWeb = "arn:aws:events:{region}:{account}:rule/web"
	notAName  = `Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`
	eventFull = "The requested resource exceeds the maximum number allowed."
	stdout    = "arn:ecru:stdout"

	resourceNotFound = "ResourceNotFoundException"
)

// pushes is the pattern of ECR's documentation.
const pushes = `{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],"result":["SUCCESS"]}}`

// rule makes a rule, or several.
func (a *account) rule(names ...string) {
	a.t.Helper()
	for _, name := range names {
		do(a, a.events().PutRule, &eventbridge.PutRuleInput{Name: &name, EventPattern: aws.String(pushes)})
	}
}

func (a *account) ruleARN(name string) *string {
	return aws.String("arn:aws:events:" + a.region + ":" + a.id + ":rule/" + name)
}

func (a *account) described(rule string) *eventbridge.DescribeRuleOutput {
	a.t.Helper()
	return do(a, a.events().DescribeRule, &eventbridge.DescribeRuleInput{Name: &rule})
}

func putRule() *served {
	type in = eventbridge.PutRuleInput
	good := func(*account) *in { return &in{Name: aws.String("web"), EventPattern: aws.String(pushes)} }
	return serves("PutRule", ruleOfWeb, good,
		works("a rule with all that it may have", func(a *account) {
			a.same(do(a, a.events().PutRule, &in{
				Name: aws.String("web"), EventPattern: aws.String(pushes), Description: aws.String("d"), RoleArn: a.role("r"), State: types.RuleStateDisabled,
				EventBusName: aws.String("default"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
			}), &eventbridge.PutRuleOutput{RuleArn: a.ruleARN("web")})
			a.same(a.described("web"), &eventbridge.DescribeRuleOutput{
				Name: aws.String("web"), Arn: a.ruleARN("web"), EventPattern: aws.String(pushes), Description: aws.String("d"), RoleArn: a.role("r"),
				State: types.RuleStateDisabled, EventBusName: aws.String("default"), CreatedBy: &a.id,
			})
		}),
		works("put again it is replaced, but for targets and tags", func(a *account) {
			do(a, a.events().PutRule, &in{Name: aws.String("web"), EventPattern: aws.String(pushes), Description: aws.String("d"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
			a.target("web", "1")
			do(a, a.events().PutRule, &in{Name: aws.String("web"), EventPattern: aws.String(`{"source":["mine"]}`), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("w")}}})
			got := a.described("web")
			a.same([]*string{got.EventPattern, got.Description}, []*string{aws.String(`{"source":["mine"]}`), nil})
			a.same(a.targets("web"), []string{"1"})
			a.same(a.ruleTags("web"), map[string]string{"k": "v"})
		}),
		works("every form of pattern is taken", func(a *account) {
			for _, pattern := range everyPattern() {
				do(a, a.events().PutRule, &in{Name: aws.String("web"), EventPattern: &pattern})
			}
		}),
		refuses("a pattern that is none", func(_ *account, in *in) { in.EventPattern = aws.String(`{"source":"aws.ecr"}`) },
			"InvalidEventPatternException", "Event pattern is not valid. Reason: \"source\" must be an object or an array\n at [Source: (String)\"{\"source\":\"aws.ecr\"}\"; line: 1, column: 12]"),
		refuses("an unknown form in a pattern", func(_ *account, in *in) { in.EventPattern = aws.String(`{"source":[{"like":"aws.ecr"}]}`) },
			"InvalidEventPatternException", "Event pattern is not valid. Reason: Unrecognized match type like\n at [Source: (String)\"{\"source\":[{\"like\":\"aws.ecr\"}]}\"; line: 1, column: 21]"),
		refuses("no pattern", func(_ *account, in *in) { in.EventPattern = nil }, validation, "Parameter(s) EventPattern or ScheduleExpression must be specified."),
		refuses("a schedule", func(_ *account, in *in) { in.ScheduleExpression = aws.String("rate(5 minutes)") }, validation,
			"Parameter ScheduleExpression is not supported: rules of this registry are triggered by events only. Specify an EventPattern."),
		refuses("a name that is none", func(_ *account, in *in) { in.Name = aws.String("a b") }, validation, invalid("a b", "name", notAName)),
		refuses("a long pattern", func(_ *account, in *in) { in.EventPattern = aws.String(strings.Repeat("x", 4097)) }, validation,
			invalid(strings.Repeat("x", 256)+"...", "eventPattern", "Member must have length less than or equal to 4096")),
		refuses("an unknown state", func(_ *account, in *in) { in.State = "ON" }, validation,
			invalid("ON", "state", "Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]")),
		refuses("a state of CloudTrail's", func(_ *account, in *in) { in.State = types.RuleStateEnabledWithAllCloudtrailManagementEvents }, validation,
			"The state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS is not supported: there are no CloudTrail management events on this event bus."),
		refuses("another bus", func(_ *account, in *in) { in.EventBusName = aws.String("mine") }, resourceNotFound, noBus),
		refuses("a tag of AWS", func(_ *account, in *in) { in.Tags = []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}} }, validation,
			"aws: prefixed tag key names are not allowed for external use."),
		refuses("rules above the quota", func(a *account, _ *in) { a.rule(many(maxEventRules, "r%03d")...) }, limitExceeded, eventFull),
	)
}

// everyPattern has each form of EventBridge's patterns.
func everyPattern() []string {
	var all []string
	for _, form := range []string{
		`"x"`, `null`, `true`, `5`, `{"prefix":"x"}`, `{"suffix":"x"}`, `{"equals-ignore-case":"x"}`, `{"prefix":{"equals-ignore-case":"x"}}`,
		`{"suffix":{"equals-ignore-case":"x"}}`, `{"wildcard":"x*y"}`, `{"numeric":[">",0,"<=",5]}`, `{"exists":true}`, `{"exists":false}`, `{"cidr":"10.0.0.0/8"}`,
		`{"cidr":"2001:db8::/32"}`, `{"anything-but":"x"}`, `{"anything-but":["x","y"]}`, `{"anything-but":5}`, `{"anything-but":{"prefix":"x"}}`,
		`{"anything-but":{"suffix":["x","y"]}}`, `{"anything-but":{"equals-ignore-case":["x"]}}`, `{"anything-but":{"wildcard":"x*"}}`,
	} {
		all = append(all, `{"detail":{"a":[`+form+`]}}`)
	}
	return append(all, `{"$or":[{"source":["a"]},{"detail":{"b":["c"]}}]}`)
}

func describeRule() *served {
	type in = eventbridge.DescribeRuleInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{Name: aws.String("web")}
	}
	return serves("DescribeRule", ruleOfWeb, good,
		works("a rule", func(a *account) {
			a.same(do(a, a.events().DescribeRule, good(a)), &eventbridge.DescribeRuleOutput{
				Name: aws.String("web"), Arn: a.ruleARN("web"), EventPattern: aws.String(pushes), State: types.RuleStateEnabled, EventBusName: aws.String("default"), CreatedBy: &a.id,
			})
		}),
		works("by the ARN of the bus", func(a *account) {
			in := good(a)
			in.EventBusName = aws.String("arn:aws:events:" + a.region + ":" + a.id + ":event-bus/default")
			a.same(do(a, a.events().DescribeRule, in).Arn, a.ruleARN("web"))
		}),
		refuses("a rule that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
		refuses("another bus", func(_ *account, in *in) { in.EventBusName = aws.String("mine") }, resourceNotFound, noBus),
	)
}

func ruleNames(out *eventbridge.ListRulesOutput) []string {
	return list(out.Rules, func(r types.Rule) string { return *r.Name })
}

func listRules() *served {
	type in = eventbridge.ListRulesInput
	return serves("ListRules", "arn:aws:events:{region}:{account}:rule/*", func(*account) *in { return &in{} },
		works("in order of names", func(a *account) {
			a.rule("b", "a")
			do(a, a.events().DisableRule, &eventbridge.DisableRuleInput{Name: aws.String("b")})
			rule := func(name string, state types.RuleState) types.Rule {
				return types.Rule{Name: &name, Arn: a.ruleARN(name), EventPattern: aws.String(pushes), State: state, EventBusName: aws.String("default")}
			}
			a.same(do(a, a.events().ListRules, &in{}).Rules, []types.Rule{rule("a", "ENABLED"), rule("b", "DISABLED")})
		}),
		works("by a prefix", func(a *account) {
			a.rule("ab", "b", "aa")
			a.same(ruleNames(do(a, a.events().ListRules, &in{NamePrefix: aws.String("a")})), []string{"aa", "ab"})
		}),
		lists(100, func(a *account, n int) { a.rule(many(n, "r%03d")...) }, ruleNames),
		refuses("another bus", func(_ *account, in *in) { in.EventBusName = aws.String("mine") }, resourceNotFound, noBus),
	)
}

func enableRule() *served {
	type in = eventbridge.EnableRuleInput
	good := func(a *account) *in {
		a.rule("web")
		do(a, a.events().DisableRule, &eventbridge.DisableRuleInput{Name: aws.String("web")})
		return &in{Name: aws.String("web")}
	}
	return serves("EnableRule", ruleOfWeb, good,
		works("events are sent again", func(a *account) {
			do(a, a.events().EnableRule, good(a))
			a.same(a.described("web").State, types.RuleStateEnabled)
			a.arrives("web", func() { a.pushed("one") })
		}),
		refuses("a rule that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
	)
}

func disableRule() *served {
	type in = eventbridge.DisableRuleInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{Name: aws.String("web")}
	}
	return serves("DisableRule", ruleOfWeb, good,
		works("nothing is sent", func(a *account) {
			do(a, a.events().DisableRule, good(a))
			a.same(a.described("web").State, types.RuleStateDisabled)
			a.rule("other")
			a.fileTarget("web")
			a.arrives("other", func() { a.pushed("one") })
			a.same(a.filed("web"), []string{})
		}),
		refuses("a rule that is not there", func(_ *account, in *in) { in.Name = aws.String("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
	)
}

func deleteRule() *served {
	type in = eventbridge.DeleteRuleInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{Name: aws.String("web")}
	}
	return serves("DeleteRule", ruleOfWeb, good,
		works("it is gone", func(a *account) {
			in := good(a)
			do(a, a.events().DeleteRule, in)
			a.same(ruleNames(do(a, a.events().ListRules, &eventbridge.ListRulesInput{})), []string{})
		}),
		works("what is not there is deleted", func(a *account) { do(a, a.events().DeleteRule, &in{Name: aws.String("web")}) }),
		refuses("a rule with targets", func(a *account, _ *in) { a.target("web", "1") }, validation, "Rule can't be deleted since it has targets."),
		refuses("another bus", func(_ *account, in *in) { in.EventBusName = aws.String("mine") }, resourceNotFound, noBus),
	)
}

func testEventPattern() *served {
	type in = eventbridge.TestEventPatternInput
	event := func(detail string) *string {
		return aws.String(`{"id":"1","account":"000000000000","source":"aws.ecr","time":"2026-01-02T03:04:05Z","region":"us-east-1","resources":[],"detail-type":"ECR Image Action","detail":` + detail + `}`)
	}
	good := func(*account) *in {
		return &in{EventPattern: aws.String(pushes), Event: event(`{"action-type":"PUSH","result":"SUCCESS"}`)}
	}
	return serves("TestEventPattern", "*", good,
		works("a pattern that matches, and one that does not", func(a *account) {
			in := good(a)
			a.same(do(a, a.events().TestEventPattern, in).Result, true)
			in.Event = event(`{"action-type":"DELETE","result":"SUCCESS"}`)
			a.same(do(a, a.events().TestEventPattern, in).Result, false)
		}),
		refuses("a pattern that is none", func(_ *account, in *in) { in.EventPattern = aws.String(`{"detail":{"ip":[{"cidr":"10.0.0.0"}]}}`) },
			"InvalidEventPatternException", "Event pattern is not valid. Reason: Malformed CIDR, one '/' required"),
		refuses("an event without its members", func(_ *account, in *in) { in.Event = aws.String(`{"source":"aws.ecr"}`) }, validation, "Parameter Event is not valid."),
		refuses("an event that is no JSON", func(_ *account, in *in) { in.Event = aws.String(`push`) }, validation, "Parameter Event is not valid."),
	)
}

func (a *account) ruleTags(rule string) map[string]string {
	a.t.Helper()
	all := map[string]string{}
	for _, t := range do(a, a.events().ListTagsForResource, &eventbridge.ListTagsForResourceInput{ResourceARN: a.ruleARN(rule)}).Tags {
		all[*t.Key] = *t.Value
	}
	return all
}

const busOfWeb = "arn:aws:events:{region}:{account}:event-bus/default"

func tagRule() *served {
	type in = eventbridge.TagResourceInput
	tag := func(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
	good := func(a *account) *in {
		a.rule("web")
		return &in{ResourceARN: a.ruleARN("web"), Tags: tag("team", "blue")}
	}
	return serves("TagResource", ruleOfWeb, good,
		works("tags of a rule are added and replaced", func(a *account) {
			in := good(a)
			do(a, a.events().TagResource, in)
			in.Tags = append(tag("team", "red"), tag("new", "")...)
			do(a, a.events().TagResource, in)
			a.same(a.ruleTags("web"), map[string]string{"team": "red", "new": ""})
		}),
		refuses("a bus", func(a *account, in *in) { in.ResourceARN = aws.String(a.fill(busOfWeb)) }, unsupported, "Event buses cannot be tagged: tags are supported for rules."),
		refuses("a rule that is not there", func(a *account, in *in) { in.ResourceARN = a.ruleARN("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
		refuses("what is no ARN", func(_ *account, in *in) { in.ResourceARN = aws.String("web") }, validation, "Parameter web is not valid. Reason: Provided Arn is not in correct format."),
		refuses("a tag of AWS", func(_ *account, in *in) { in.Tags = tag("aws:x", "") }, validation, "aws: prefixed tag key names are not allowed for external use."),
		refuses("51 tags", func(_ *account, in *in) {
			for _, key := range many(50, "k%d") {
				in.Tags = append(in.Tags, tag(key, "")...)
			}
		}, validation, "The maximum number of tags that can be applied to a resource is 50."),
	)
}

func untagRule() *served {
	type in = eventbridge.UntagResourceInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{ResourceARN: a.ruleARN("web"), TagKeys: []string{"team", "none"}}
	}
	return serves("UntagResource", ruleOfWeb, good,
		works("those that are there", func(a *account) {
			in := good(a)
			do(a, a.events().TagResource, &eventbridge.TagResourceInput{ResourceARN: in.ResourceARN, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("")}, {Key: aws.String("kept"), Value: aws.String("")}}})
			do(a, a.events().UntagResource, in)
			a.same(a.ruleTags("web"), map[string]string{"kept": ""})
		}),
		refuses("a rule that is not there", func(a *account, in *in) { in.ResourceARN = a.ruleARN("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
	)
}

func tagsOfRule() *served {
	type in = eventbridge.ListTagsForResourceInput
	good := func(a *account) *in {
		a.rule("web")
		return &in{ResourceARN: a.ruleARN("web")}
	}
	return serves("ListTagsForResource", ruleOfWeb, good,
		works("none", func(a *account) { a.same(do(a, a.events().ListTagsForResource, good(a)).Tags, []types.Tag{}) }),
		works("the bus has none", func(a *account) {
			a.same(do(a, a.events().ListTagsForResource, &in{ResourceARN: aws.String(a.fill(busOfWeb))}).Tags, []types.Tag{})
		}),
		refuses("a rule that is not there", func(a *account, in *in) { in.ResourceARN = a.ruleARN("gone") }, resourceNotFound, "Rule gone does not exist on EventBus default."),
	)
}

// entry is an event of one's own.
func entry(detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: aws.String("mine"), DetailType: aws.String("Test"), Detail: &detail}
}

func putEvents() *served {
	type in = eventbridge.PutEventsInput
	good := func(*account) *in { return &in{Entries: []types.PutEventsRequestEntry{entry(`{"a":1}`)}} }
	mine := func(a *account) {
		do(a, a.events().PutRule, &eventbridge.PutRuleInput{Name: aws.String("mine"), EventPattern: aws.String(`{"source":["mine"]}`)})
	}
	return serves("PutEvents", busOfWeb, good,
		works("events arrive as they were put", func(a *account) {
			mine(a)
			e := entry(`{"text": "a  b", "number": 1e400}`)
			e.Resources, e.Time = []string{"arn:x"}, aws.Time(time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC))
			var id string
			got := a.arrives("mine", func() {
				id = *do(a, a.events().PutEvents, &in{Entries: []types.PutEventsRequestEntry{e}}).Entries[0].EventId
			})
			a.same(got, fmt.Sprintf(`{"version":"0","id":%q,"detail-type":"Test","source":"mine","account":%q,"time":"2020-02-29T12:00:00Z","region":%q,"resources":["arn:x"],"detail":{"text":"a  b","number":1e400}}`, id, a.id, a.region))
		}),
		works("each entry is taken or refused by itself", func(a *account) {
			of := func(change func(*types.PutEventsRequestEntry)) types.PutEventsRequestEntry {
				e := entry("{}")
				change(&e)
				return e
			}
			out := do(a, a.events().PutEvents, &in{Entries: []types.PutEventsRequestEntry{
				entry("{}"),
				of(func(e *types.PutEventsRequestEntry) { e.Source = aws.String("aws.ecr") }),
				of(func(e *types.PutEventsRequestEntry) { e.Source = nil }),
				of(func(e *types.PutEventsRequestEntry) { e.DetailType = nil }),
				of(func(e *types.PutEventsRequestEntry) { e.Detail = nil }),
				of(func(e *types.PutEventsRequestEntry) { e.Detail = aws.String("[]") }),
				of(func(e *types.PutEventsRequestEntry) { e.EventBusName = aws.String("mine") }),
			}})
			a.same(list(out.Entries, func(e types.PutEventsResultEntry) string {
				return aws.ToString(e.ErrorCode) + " " + aws.ToString(e.ErrorMessage)
			}), []string{
				" ", "NotAuthorizedForSourceException Not authorized for the source.",
				"InvalidArgument Parameter Source is not valid. Reason: Source is a required argument.",
				"InvalidArgument Parameter DetailType is not valid. Reason: DetailType is a required argument.",
				"InvalidArgument Parameter Detail is not valid. Reason: Detail is a required argument.",
				"MalformedDetail Detail is malformed.",
				"InvalidArgument Parameter EventBusName is not valid. Reason: Event bus mine does not exist.",
			})
			a.same(out.FailedEntryCount, int32(6))
		}),
		works("256 KiB", func(a *account) {
			detail := `{"a":"` + strings.Repeat("x", 256<<10-len(`mineTest{"a":""}`)) + `"}`
			a.same(do(a, a.events().PutEvents, &in{Entries: []types.PutEventsRequestEntry{entry(detail)}}).FailedEntryCount, int32(0))
		}),
		refuses("more than 256 KiB", func(_ *account, in *in) {
			in.Entries = []types.PutEventsRequestEntry{entry(`{"a":"` + strings.Repeat("x", 200<<10) + `"}`), entry(`{"a":"` + strings.Repeat("x", 100<<10) + `"}`)}
		}, validation, "Total size of the entries in the request is over the limit."),
		refuses("no entries", func(_ *account, in *in) { in.Entries = []types.PutEventsRequestEntry{} }, validation,
			invalid("[0 members]", "entries", "Member must have length greater than or equal to 1")),
		refuses("eleven entries", func(_ *account, in *in) {
			for range 10 {
				in.Entries = append(in.Entries, entry("{}"))
			}
		}, validation, invalid("[11 members]", "entries", "Member must have length less than or equal to 10")),
	)
}

func describeEventBus() *served {
	type in = eventbridge.DescribeEventBusInput
	bus := func(a *account) *eventbridge.DescribeEventBusOutput {
		return &eventbridge.DescribeEventBusOutput{Name: aws.String("default"), Arn: aws.String(a.fill(busOfWeb))}
	}
	return serves("DescribeEventBus", busOfWeb, func(*account) *in { return &in{} },
		works("the default bus, by nothing, name and ARN", func(a *account) {
			a.same(do(a, a.events().DescribeEventBus, &in{}), bus(a))
			a.same(do(a, a.events().DescribeEventBus, &in{Name: aws.String("default")}), bus(a))
			a.same(do(a, a.events().DescribeEventBus, &in{Name: bus(a).Arn}), bus(a))
		}),
		refuses("another bus", func(_ *account, in *in) { in.Name = aws.String("mine") }, resourceNotFound, noBus),
		refuses("that of another account", func(a *account, in *in) {
			in.Name = aws.String("arn:aws:events:" + a.region + ":123456789012:event-bus/default")
		}, resourceNotFound, "Event bus arn:aws:events:{region}:123456789012:event-bus/default does not exist."),
	)
}

func listEventBuses() *served {
	type in = eventbridge.ListEventBusesInput
	return serves("ListEventBuses", "arn:aws:events:{region}:{account}:event-bus/*", func(*account) *in { return &in{} },
		works("the default bus", func(a *account) {
			a.same(do(a, a.events().ListEventBuses, &in{}).EventBuses, []types.EventBus{{Name: aws.String("default"), Arn: aws.String(a.fill(busOfWeb))}})
		}),
		works("none with another prefix", func(a *account) {
			a.same(do(a, a.events().ListEventBuses, &in{NamePrefix: aws.String("x")}).EventBuses, []types.EventBus{})
		}),
		refuses("a token", func(_ *account, in *in) { in.NextToken = aws.String("x") }, validation, "Parameter NextToken is not valid."),
	)
}

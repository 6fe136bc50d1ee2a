package eventbridge_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// entry is an event that may be put.
func entry(changes ...func(*types.PutEventsRequestEntry)) types.PutEventsRequestEntry {
	e := types.PutEventsRequestEntry{Source: aws.String("mine"), DetailType: aws.String("Test"), Detail: aws.String(`{"a": 1}`)}
	for _, change := range changes {
		change(&e)
	}
	return e
}

func (a *api) put(entries ...types.PutEventsRequestEntry) *sdk.PutEventsOutput {
	a.t.Helper()
	return apitest.OK[*sdk.PutEventsOutput](a.t)(a.PutEvents(a.t.Context(), &sdk.PutEventsInput{Entries: entries}))
}

func TestEventsAreStored(t *testing.T) {
	a := start(t)
	before := time.Now().Truncate(time.Second)
	at := time.Date(2020, 2, 29, 12, 0, 0, 500e6, time.FixedZone("", 3600))
	out := a.put(
		entry(func(e *types.PutEventsRequestEntry) {
			e.Detail = aws.String("{ \"text\": \"a  b\\n\u00e9\" , \"number\": 1e400, \"list\" : [ ] }\n")
			e.Resources = []string{"arn:x", "with \"quotes\""}
			e.Time = &at
			e.EventBusName = aws.String(prefix + "event-bus/default")
			e.TraceHeader = aws.String("Root=1")
		}),
		entry(func(e *types.PutEventsRequestEntry) { e.EventBusName = aws.String("default") }),
	)
	if out.FailedEntryCount != 0 || len(out.Entries) != 2 {
		t.Fatalf("%+v", out)
	}
	stored := a.events()
	if len(stored) != 2 || a.woken.Load() != 1 {
		t.Fatalf("%d stored, woken %d times", len(stored), a.woken.Load())
	}
	first, second := stored[0], stored[1]
	if first.ID != *out.Entries[0].EventId || second.ID != *out.Entries[1].EventId || len(first.ID) != 36 || first.ID == second.ID {
		t.Errorf("ids %s, %s; told %s, %s", first.ID, second.ID, *out.Entries[0].EventId, *out.Entries[1].EventId)
	}
	if want := time.Date(2020, 2, 29, 11, 0, 0, 0, time.UTC); !first.Time.Equal(want) {
		t.Errorf("time is %s", first.Time)
	}
	if got, want := string(first.Detail), `{"text":"a  b\né","number":1e400,"list":[]}`; got != want {
		t.Errorf("detail is %s", got)
	}
	same(t, "resources", first.Resources, []string{"arn:x", "with \"quotes\""})
	if first.Source != "mine" || first.DetailType != "Test" || first.Account != account || first.Region != region {
		t.Errorf("%+v", first)
	}
	if second.Time.Before(before) || second.Time.After(time.Now()) || len(second.Resources) != 0 {
		t.Errorf("%+v", second)
	}
}

func TestEachEntryIsAcceptedOrRefusedByItself(t *testing.T) {
	a := start(t)
	cases := map[string]struct {
		change        func(*types.PutEventsRequestEntry)
		code, message string
	}{
		"no source":       {func(e *types.PutEventsRequestEntry) { e.Source = nil }, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."},
		"an empty source": {func(e *types.PutEventsRequestEntry) { e.Source = aws.String("") }, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."},
		"no detail type":  {func(e *types.PutEventsRequestEntry) { e.DetailType = nil }, "InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument."},
		"no detail":       {func(e *types.PutEventsRequestEntry) { e.Detail = nil }, "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."},
		"a long type":     {func(e *types.PutEventsRequestEntry) { e.DetailType = aws.String(strings.Repeat("é", 129)) }, "InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType must have at most 128 characters."},
		"a source of AWS": {func(e *types.PutEventsRequestEntry) { e.Source = aws.String("aws.ecr") }, "NotAuthorizedForSourceException", "Not authorized for the source."},
		"another bus":     {func(e *types.PutEventsRequestEntry) { e.EventBusName = aws.String("mine") }, "InvalidArgument", "Parameter EventBusName is not valid. Reason: Event bus mine does not exist."},
		"a text":          {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String(`"x"`) }, "MalformedDetail", "Detail is malformed."},
		"a list":          {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String("[]") }, "MalformedDetail", "Detail is malformed."},
		"no JSON":         {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String(`{"a":}`) }, "MalformedDetail", "Detail is malformed."},
		"space":           {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String(" ") }, "MalformedDetail", "Detail is malformed."},
		"two objects":     {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String("{}{}") }, "MalformedDetail", "Detail is malformed."},
		"nested deeply": {func(e *types.PutEventsRequestEntry) {
			e.Detail = aws.String(`{"a":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + "}")
		}, "MalformedDetail", "Detail is malformed."},
		"no end of nested": {func(e *types.PutEventsRequestEntry) { e.Detail = aws.String(strings.Repeat(`{"a":`, 30_000)) }, "MalformedDetail", "Detail is malformed."},
	}
	accepted := 0
	for names := range slices.Chunk(slices.Sorted(maps.Keys(cases)), 5) {
		var entries []types.PutEventsRequestEntry
		for _, name := range names {
			entries = append(entries, entry(cases[name].change), entry())
		}
		out := a.put(entries...)
		if int(out.FailedEntryCount) != len(names) || len(out.Entries) != len(entries) {
			t.Errorf("%+v", out)
		}
		for i, name := range names {
			c, got := cases[name], out.Entries[2*i]
			if aws.ToString(got.ErrorCode) != c.code || aws.ToString(got.ErrorMessage) != c.message || got.EventId != nil {
				t.Errorf("%s: got %s: %s, want %s: %s", name, aws.ToString(got.ErrorCode), aws.ToString(got.ErrorMessage), c.code, c.message)
			}
			if other := out.Entries[2*i+1]; other.EventId == nil || other.ErrorCode != nil {
				t.Errorf("beside %s: %+v", name, other)
			}
		}
		accepted += len(names)
	}
	if got := len(a.events()); got != accepted {
		t.Errorf("%d events of %d are stored", got, accepted)
	}
	a.put(entry(func(e *types.PutEventsRequestEntry) { e.Source = nil }))
	if int(a.woken.Load()) != 3 {
		t.Errorf("woken %d times", a.woken.Load())
	}
	a.put(entry(func(e *types.PutEventsRequestEntry) { e.Source = aws.String("aws") }), entry(func(e *types.PutEventsRequestEntry) { e.Source = aws.String("awsome.app") }))
}

func TestRequestsOfEventsThatAreRefusedAsAWhole(t *testing.T) {
	a := start(t)
	put := func(in *sdk.PutEventsInput) error {
		_, err := a.PutEvents(t.Context(), in)
		return err
	}
	detail := func(size int) func(*types.PutEventsRequestEntry) {
		return func(e *types.PutEventsRequestEntry) {
			e.Detail = aws.String(`{"a":"` + strings.Repeat("\x7f", size-8) + `"}`)
		}
	}
	const most = 256<<10 - len("mine") - len("Test")
	a.put(entry(detail(most)))
	const over = "Total size of the entries in the request is over the limit."
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry(detail(most + 1))}}), "ValidationException", over)
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry(detail(most)), entry()}}), "ValidationException", over)
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: slices.Repeat([]types.PutEventsRequestEntry{entry(func(e *types.PutEventsRequestEntry) {
		e.Detail = aws.String(`{"a":"` + strings.Repeat("x", 256<<10) + `"}`)
	})}, 10)}), "ValidationException", over)
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry(detail(most), func(e *types.PutEventsRequestEntry) { e.Time = aws.Time(time.Now()) })}}), "ValidationException", over)
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry(detail(most), func(e *types.PutEventsRequestEntry) { e.Resources = []string{"x"} })}}), "ValidationException", over)
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: slices.Repeat([]types.PutEventsRequestEntry{entry()}, 11)}), "ValidationException",
		"1 validation error detected: Value '[11 members]' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10")
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{}}), "ValidationException",
		"1 validation error detected: Value '[0 members]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1")
	apitest.Want(t, put(&sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry(func(e *types.PutEventsRequestEntry) { e.Resources = []string{strings.Repeat("x", 2049)} })}}), "ValidationException",
		"1 validation error detected: Value '"+strings.Repeat("x", 256)+"...' at 'entries.1.member.resources' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048]")
	if got := len(a.events()); got != 1 {
		t.Errorf("%d events are stored", got)
	}
}

func TestGlobalEndpointsAreRefused(t *testing.T) {
	a := start(t)
	for body, wanted := range map[string]string{
		`{"Entries":[{}],"EndpointId":"abcde.veo"}`: "Parameter EndpointId is not supported: there are no global endpoints.",
		`{"Entries":[{"Time":-99999999999}]}`:       "",
	} {
		message := a.raw("PutEvents", body)
		if !strings.Contains(message, wanted) {
			t.Errorf("%s: %s", body, message)
		}
	}
	if got := a.raw("PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"{}","Time":-99999999999}]}`); !strings.Contains(got, "Time must be in the years 1 to 9999.") {
		t.Errorf("got %s", got)
	}
	if got := a.raw("PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"{}","Time":"yesterday"}]}`); !strings.Contains(got, "SerializationException") {
		t.Errorf("got %s", got)
	}
	if got := a.raw("PutEvents", `{"Entries":[{"Source":"`+strings.Repeat("x", 5<<20)+`"}]}`); !strings.Contains(got, "413") && !strings.Contains(got, "large") {
		t.Errorf("got %.300s", got)
	}
}

func TestManyPutEventsAtOnce(t *testing.T) {
	a := start(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			a.put(slices.Repeat([]types.PutEventsRequestEntry{entry(func(e *types.PutEventsRequestEntry) { e.DetailType = aws.String(fmt.Sprint(i)) })}, 10)...)
		})
	}
	all.Wait()
	stored := a.events()
	if len(stored) != 200 || a.woken.Load() != 20 {
		t.Errorf("%d stored, woken %d times", len(stored), a.woken.Load())
	}
	for i := 0; i < len(stored); i += 10 {
		for _, e := range stored[i : i+10] {
			if e.DetailType != stored[i].DetailType {
				t.Errorf("entries of one request are not together")
			}
		}
	}
}

func TestBuses(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	for _, name := range []*string{nil, aws.String("default"), aws.String(prefix + "event-bus/default")} {
		b := apitest.OK[*sdk.DescribeEventBusOutput](t)(a.DescribeEventBus(ctx, &sdk.DescribeEventBusInput{Name: name}))
		if *b.Name != "default" || *b.Arn != prefix+"event-bus/default" {
			t.Errorf("%+v", b)
		}
	}
	for begin, n := range map[string]int{"d": 1, "default": 1, "defaults": 0, "x": 0} {
		out := apitest.OK[*sdk.ListEventBusesOutput](t)(a.ListEventBuses(ctx, &sdk.ListEventBusesInput{NamePrefix: &begin}))
		if out.EventBuses == nil || len(out.EventBuses) != n || out.NextToken != nil {
			t.Errorf("%s: %+v", begin, out)
		}
	}
	out := apitest.OK[*sdk.ListEventBusesOutput](t)(a.as("AKIDOTHER").ListEventBuses(ctx, &sdk.ListEventBusesInput{Limit: aws.Int32(1)}))
	if len(out.EventBuses) != 1 || *out.EventBuses[0].Arn != "arn:aws:events:us-east-1:210987654321:event-bus/default" {
		t.Errorf("%+v", out)
	}
	_, err := a.ListEventBuses(ctx, &sdk.ListEventBusesInput{NextToken: aws.String("x")})
	apitest.Want(t, err, "ValidationException", "Parameter NextToken is not valid.")
	_, err = a.CreateEventBus(ctx, &sdk.CreateEventBusInput{Name: aws.String("mine")})
	apitest.Want(t, err, "UnsupportedOperationException", "The operation CreateEventBus is not supported by this version of ecru yet.")
}

// tags are those of a rule.
func (a *api) tags(arn string) map[string]string {
	a.t.Helper()
	out := apitest.OK[*sdk.ListTagsForResourceOutput](a.t)(a.ListTagsForResource(a.t.Context(), &sdk.ListTagsForResourceInput{ResourceARN: &arn}))
	if out.Tags == nil {
		a.t.Error("no list of tags")
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

func TestTagsOfRules(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.rule("web")
	same(t, "none", a.tags(ruleOfWeb), map[string]string{})
	tag := func(arn string, tags ...types.Tag) error {
		_, err := a.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: &arn, Tags: tags})
		return err
	}
	pair := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	if err := tag(ruleOfWeb, pair("a", "1"), pair("b", "")); err != nil {
		t.Fatal(err)
	}
	if err := tag(ruleOfWeb, pair("a", "2"), pair("c", "3")); err != nil {
		t.Fatal(err)
	}
	same(t, "tagged", a.tags(ruleOfWeb), map[string]string{"a": "2", "b": "", "c": "3"})
	apitest.OK[*sdk.UntagResourceOutput](t)(a.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: aws.String(ruleOfWeb), TagKeys: []string{"a", "nothing"}}))
	same(t, "untagged", a.tags(ruleOfWeb), map[string]string{"b": "", "c": "3"})

	apitest.Want(t, tag(ruleOfWeb, tagsOf(49)...), "ValidationException", "The maximum number of tags that can be applied to a resource is 50.")
	if err := tag(ruleOfWeb, tagsOf(48)...); err != nil {
		t.Error(err)
	}
	same(t, "the bus has none", a.tags(prefix+"event-bus/default"), map[string]string{})
	apitest.Want(t, tag(prefix+"event-bus/default", pair("a", "1")), "UnsupportedOperationException", "Event buses cannot be tagged: tags are supported for rules.")
	apitest.Want(t, tag("arn:aws:events:us-east-1:210987654321:rule/web", pair("a", "1")), "ResourceNotFoundException", "Event bus arn:aws:events:us-east-1:210987654321:event-bus/default does not exist.")
	apitest.Want(t, tag(prefix+"rule/mine/web", pair("a", "1")), "ResourceNotFoundException", "Event bus "+prefix+"event-bus/mine does not exist.")
	for _, arn := range []string{"web", prefix + "rule/", prefix + "rule/default/web", prefix + "api-destination/a/b", "arn:aws:ecr:us-east-1:123456789012:rule/web", "arn:aws:ecr:us-east-1:123456789012:repository/web"} {
		apitest.Want(t, tag(arn, pair("a", "1")), "ValidationException", "Parameter "+arn+" is not valid. Reason: Provided Arn is not in correct format.")
	}
}

// raw sends a body as it is, and answers what comes back.
func (a *api) raw(operation, body string) string {
	a.t.Helper()
	return signedRequest(a.t, a.url, operation, body)
}

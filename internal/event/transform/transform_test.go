package transform_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/transform"
	"github.com/ecru-registry/ecru/internal/registry"
)

// instance is the event of the examples in EventBridge's user guide.
const instance = `{
  "version": "0",
  "id": "7bf73129-1428-4cd3-a780-95db273d1602",
  "detail-type": "EC2 Instance State-change Notification",
  "source": "aws.ec2",
  "account": "123456789012",
  "time": "2015-11-11T21:29:54Z",
  "region": "us-east-1",
  "resources": [
    "arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"
  ],
  "detail": {
    "instance-id": "i-0123456789",
    "state": "RUNNING"
  }
}`

var variables = transform.Variables{
	RuleARN: "arn:aws:events:us-east-2:123456789012:rule/example", RuleName: "example",
	IngestedAt: time.Date(2015, 11, 11, 21, 29, 55, 999, time.UTC),
}

var paths = map[string]string{"timestamp": "$.time", "instance": "$.detail.instance-id", "state": "$.detail.state"}

func apply(t *testing.T, target event.Target, body string) string {
	t.Helper()
	target.ID = "t1"
	in, err := transform.Compile(target)
	if err != nil {
		t.Fatal(err)
	}
	made, err := in.Apply([]byte(body), variables)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

func filled(t *testing.T, paths map[string]string, template, body string) string {
	t.Helper()
	return apply(t, event.Target{Transformer: &event.Transformer{Paths: paths, Template: template}}, body)
}

func TestTheExamplesOfTheUserGuide(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"simple string":               {`"instance <instance> is in <state>"`, `"instance i-0123456789 is in RUNNING"`},
		"string with escaped quotes":  {`"instance \"<instance>\" is in <state>"`, `"instance \"i-0123456789\" is in RUNNING"`},
		"simple JSON":                 {"{\n  \"instance\" : <instance>,\n  \"state\": <state>\n}", `{"instance":"i-0123456789","state":"RUNNING"}`},
		"strings and variables":       {"{\n \"instance\" : <instance>,\n \"state\": \"<state>\",\n \"instanceStatus\": \"instance \\\"<instance>\\\" is in <state>\"\n}", `{"instance":"i-0123456789","state":"RUNNING","instanceStatus":"instance \"i-0123456789\" is in RUNNING"}`},
		"static information":          {"{\n \"instance\" : <instance>,\n \"state\": [ 9, <state>, true ],\n \"Transformed\" : \"Yes\"\n}", `{"instance":"i-0123456789","state":[9,"RUNNING",true],"Transformed":"Yes"}`},
		"reserved variables in text":  {`"<aws.events.rule-name> triggered"`, `"example triggered"`},
		"log group":                   {"{\n  \"timestamp\" : <timestamp>,\n  \"message\": \"instance \\\"<instance>\\\" is in <state>\"\n}", `{"timestamp":"2015-11-11T21:29:54Z","message":"instance \"i-0123456789\" is in RUNNING"}`},
		"reserved variables in JSON":  {`{"instance" : <instance>, "ruleArn" : <aws.events.rule-arn>, "ruleName" : <aws.events.rule-name>}`, `{"instance":"i-0123456789","ruleArn":"arn:aws:events:us-east-2:123456789012:rule/example","ruleName":"example"}`},
		"time of ingestion":           {`{"at": <aws.events.event.ingestion-time>, "text": "at <aws.events.event.ingestion-time>"}`, `{"at":"2015-11-11T21:29:55Z","text":"at 2015-11-11T21:29:55Z"}`},
		"the event without detail":    {`{"originalEvent" : <aws.events.event>}`, `{"originalEvent":{"id":"7bf73129-1428-4cd3-a780-95db273d1602","account":"123456789012","detailType":"EC2 Instance State-change Notification","time":"2015-11-11T21:29:54Z","source":"aws.ec2","region":"us-east-1","resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],"version":"0"}}`},
		"several lines":               {"\"<instance>\"\n\"is <state>\"\n", "\"i-0123456789\"\n\"is RUNNING\""},
		"special starting characters": {`"{[/Check with <state>"`, `"{[/Check with RUNNING"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := filled(t, paths, c.template, instance); got != c.want {
				t.Errorf("%s\nis not %s", got, c.want)
			}
		})
	}
}

func TestTheWholeEvent(t *testing.T) {
	got := filled(t, nil, `{"e": <aws.events.event.json>}`, instance)
	var back struct{ E json.RawMessage }
	if err := json.Unmarshal([]byte(got), &back); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(instance)); err != nil {
		t.Fatal(err)
	}
	if string(back.E) != want.String() {
		t.Errorf("%s\nis not %s", back.E, want.String())
	}
	if got := apply(t, event.Target{InputPath: "$"}, instance); got != want.String() {
		t.Errorf("%s\nis not %s", got, want.String())
	}
}

const rich = `{"id":"1","detail":{"text":"say \"hi\"\n\\o/","n":-1.5e3,"yes":true,"no":false,"null":null,"empty":"","zero":0,"o":{"a":"x","b":[1,{"c":"q\"r"}]},"l":["a", "b"],
 "items":[{"name":"one","tags":["x","y"]},{"name":"two"},{"tags":["z"]}],"with space":1,"a/b":2,"ünï":3,"es\u0063aped":4,"twice":1,"twice":2,"nothing":{}, "none":[]}}`

func TestWhatAVariableIsInATemplate(t *testing.T) {
	for _, c := range []struct{ path, template, want string }{
		{"$.detail.text", `{"v":<v>}`, `{"v":"say \"hi\"\n\\o/"}`},
		{"$.detail.text", `{"v":"<v>!"}`, `{"v":"say \"hi\"\n\\o/!"}`},
		{"$.detail.text", `"<v>!"`, `"say \"hi\"\n\\o/!"`},
		{"$.detail.n", `{"v":<v>,"w":"<v>"}`, `{"v":-1.5e3,"w":"-1.5e3"}`},
		{"$.detail.yes", `[<v>,"<v>"]`, `[true,"true"]`},
		{"$.detail.no", `[<v>,"<v>"]`, `[false,"false"]`},
		{"$.detail.zero", `[<v>,"<v>"]`, `[0,"0"]`},
		{"$.detail.null", `[<v>,"<v>"]`, `[null,"null"]`},
		{"$.detail.empty", `[<v>,"<v>"]`, `["",""]`},
		{"$.detail.o", `{"v":<v>}`, `{"v":{"a":"x","b":[1,{"c":"q\"r"}]}}`},
		// EventBridge would make something that is no JSON of this one.
		{"$.detail.o", `{"v":"it is <v>"}`, `{"v":"it is {\"a\":\"x\",\"b\":[1,{\"c\":\"q\\\"r\"}]}"}`},
		{"$.detail.o", `"it is <v>"`, `"it is {a:x,b:[1,{c:q\"r}]}"`},
		{"$.detail.l", `{"v":<v>,"w":"<v>"}`, `{"v":["a","b"],"w":"[\"a\",\"b\"]"}`},
		{"$.detail.l", `"<v>"`, `"[a,b]"`},
		{"$.detail.o", `<v>`, `{"a":"x","b":[1,{"c":"q\"r"}]}`},
		// What is not there is an empty string, as in EventBridge.
		{"$.detail.missing", `{"v":<v>,"w":"<v>"}`, `{"v":"","w":""}`},
		{"$.detail.missing", `"nothing: <v>"`, `"nothing: "`},
		{"$.detail.text.more", `{"v":<v>}`, `{"v":""}`},
	} {
		if got := filled(t, map[string]string{"v": c.path}, c.template, rich); got != c.want {
			t.Errorf("%s in %s\n is %s\nnot %s", c.path, c.template, got, c.want)
		}
	}
}

func TestTextBetweenAnglesThatIsNoVariableStays(t *testing.T) {
	for template, want := range map[string]string{
		`"a < b > c <>"`:              `"a < b > c <>"`,
		`{"html": "<a href='x'>"}`:    `{"html":"<a href='x'>"}`,
		`"<<v>>"`:                     `"<one>"`,
		`"unfinished <v"`:             `"unfinished <v"`,
		`{"k \" <v>": "\\", "<v>":1}`: `{"k \" one":"\\","one":1}`,
	} {
		if got := filled(t, map[string]string{"v": "$.v"}, template, `{"v":"one"}`); got != want {
			t.Errorf("%s\nbecame %s\nnot    %s", template, got, want)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"$.id":                      `"1"`,
		"$.detail.o":                `{"a":"x","b":[1,{"c":"q\"r"}]}`,
		"$.detail.o.b[1].c":         `"q\"r"`,
		"$.detail.o.b[0]":           `1`,
		"$.detail.o.b[2]":           `null`,
		"$.detail.o[0]":             `null`,
		"$.detail.l.a":              `null`,
		"$.detail.l[0].a":           `null`,
		"$.detail.items[0].name":    `"one"`,
		"$.detail.items[*].name":    `["one","two"]`,
		"$.detail.items[*].tags[*]": `["x","y","z"]`,
		"$.detail.items[*].tags[0]": `["x","z"]`,
		"$.detail.items.*.name":     `["one","two"]`,
		"$.detail.o.*":              `["x",[1,{"c":"q\"r"}]]`,
		"$.detail.none[*]":          `[]`,
		"$.detail.missing[*].a":     `[]`,
		"$.detail.nothing":          `{}`,
		"$.detail.a/b":              `2`,
		"$.detail.ünï":              `3`,
		"$.detail.escaped":          `4`,
		"$.detail.twice":            `2`,
		"$.missing":                 `null`,
		"$.detail.empty":            `""`,
		"$.detail.null":             `null`,
		"$[0]":                      `null`,
	} {
		if got := apply(t, event.Target{InputPath: path}, rich); got != want {
			t.Errorf("%s is %s\nnot %s", path, got, want)
		}
	}
}

func TestWithoutAnythingTheEventIsTheInput(t *testing.T) {
	if got := apply(t, event.Target{}, instance); got != instance {
		t.Error(got)
	}
}

func TestAConstantIsTheInput(t *testing.T) {
	if got := apply(t, event.Target{Input: ` {"a": [1]} `}, instance); got != ` {"a": [1]} ` {
		t.Error(got)
	}
}

func TestHTTPParametersAreExpanded(t *testing.T) {
	for value, want := range map[string]string{
		"plain": "plain", "": "", "$.id": "1", "$.detail.text": "say \"hi\"\n\\o/", "$.detail.n": "-1.5e3", "$.detail.missing": "",
		"$.detail.l": `["a","b"]`, "$.detail.items[*].name": `["one","two"]`,
		// A value that is more than a path is none.
		"Bearer $.id": "Bearer $.id", "$.id $.id": "$.id $.id", "$5": "$5", "$.": "$.", "$.detail['n']": "$.detail['n']",
	} {
		if got, ok := transform.NewExpander([]byte(rich)).Expand(value); !ok || got != want {
			t.Errorf("%q became %q, not %q", value, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	many := map[string]string{}
	for i := range 101 {
		many["v"+strings.Repeat("x", i)] = "$.id"
	}
	transformer := func(paths map[string]string, template string) event.Target {
		return event.Target{Transformer: &event.Transformer{Paths: paths, Template: template}}
	}
	badPath := "InputPath for target t1 is invalid."
	badKey := `1 validation error detected: Value at 'inputTransformer.inputPathsMap' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [A-Za-z0-9\_\-]+]`
	for _, c := range []struct {
		target event.Target
		want   string
	}{
		{event.Target{Input: "{}", InputPath: "$"}, "Only one of Input, InputPath, or InputTransformer must be provided for target t1."},
		{event.Target{InputPath: "$", Transformer: &event.Transformer{Template: `""`}}, "Only one of Input, InputPath, or InputTransformer must be provided for target t1."},
		{event.Target{Input: "env:dev"}, `JSON syntax error in input for target t1: [Source: (String)"env:dev"; line: 1, column: 4]`},
		{event.Target{Input: "{'env':'dev'}"}, `JSON syntax error in input for target t1: [Source: (String)"{'env':'dev'}"; line: 1, column: 3]`},
		{event.Target{Input: "{\n\"a\":1"}, "JSON syntax error in input for target t1: [Source: (String)\"{\n\"a\":1\"; line: 2, column: 6]"},
		{event.Target{Input: `"` + strings.Repeat("é", 510)}, `JSON syntax error in input for target t1: [Source: (String)""` + strings.Repeat("é", 499) + `"[truncated 11 chars]; line: 1, column: 512]`},
		{event.Target{InputPath: "detail"}, badPath},
		{event.Target{InputPath: "$detail"}, badPath},
		{event.Target{InputPath: "$."}, badPath},
		{event.Target{InputPath: "$.."}, badPath},
		{event.Target{InputPath: "$..id"}, badPath},
		{event.Target{InputPath: "$.detail['key']"}, badPath},
		{event.Target{InputPath: `$["detail"]`}, badPath},
		{event.Target{InputPath: "$.a["}, badPath},
		{event.Target{InputPath: "$.a[]"}, badPath},
		{event.Target{InputPath: "$.a[-1]"}, badPath},
		{event.Target{InputPath: "$.a[1:2]"}, badPath},
		{event.Target{InputPath: "$.a[?(@.b)]"}, badPath},
		{event.Target{InputPath: "$.a[1]b"}, badPath},
		{event.Target{InputPath: "$.a]"}, badPath},
		{event.Target{InputPath: "$.a*"}, badPath},
		{event.Target{InputPath: "$.a b"}, badPath},
		{event.Target{InputPath: "$." + strings.Repeat("a", 255)}, badPath},
		{event.Target{InputPath: "$.\xff"}, badPath},
		{transformer(map[string]string{"v": "detail"}, `"<v>"`), badPath},
		{transformer(map[string]string{"aws.events.rule-name": "$"}, `""`), badKey},
		{transformer(map[string]string{"a b": "$"}, `""`), badKey},
		{transformer(map[string]string{"": "$"}, `""`), badKey},
		{transformer(map[string]string{strings.Repeat("a", 257): "$"}, `""`), badKey},
		{transformer(many, `""`), "1 validation error detected: Value at 'inputTransformer.inputPathsMap' failed to satisfy constraint: Member must have length less than or equal to 100"},
		{transformer(nil, ""), "1 validation error detected: Value '' at 'inputTransformer.inputTemplate' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{transformer(nil, `"<v>"`), "InputTemplate for target t1 contains invalid placeholder v."},
		{transformer(paths, `{"a": <instance>, "b": <aws.events.nothing>}`), "InputTemplate for target t1 contains invalid placeholder aws.events.nothing."},
		{transformer(nil, `[<aws.events.event.json>]`), "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for JSON template."},
		{transformer(nil, `"<aws.events.event.json>"`), "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for JSON template."},
		{transformer(paths, "instance <instance> is in <state>"), `Invalid InputTemplate for target t1 : [Source: (String)"instance null is in null"; line: 1, column: 9].`},
		{transformer(paths, `{"a": <instance><state>}`), `Invalid InputTemplate for target t1 : [Source: (String)"{"a": nullnull}"; line: 1, column: 15].`},
		{transformer(paths, `{<instance>: 1}`), `Invalid InputTemplate for target t1 : [Source: (String)"{null: 1}"; line: 1, column: 6].`},
		{transformer(paths, `"a" <state>`), `Invalid InputTemplate for target t1 : [Source: (String)""a" null"; line: 1, column: 9].`},
		{transformer(paths, "\"two\nlines\""), "Invalid InputTemplate for target t1 : [Source: (String)\"\"two\nlines\"\"; line: 1, column: 6]."},
		{transformer(paths, "  \n"), "Invalid InputTemplate for target t1 : [Source: (String)\"  \n\"; line: 2, column: 1]."},
		{transformer(paths, `{"a":1}{"b":2}`), `Invalid InputTemplate for target t1 : [Source: (String)"{"a":1}{"b":2}"; line: 1, column: 9].`},
	} {
		c.target.ID = "t1"
		_, err := transform.Compile(c.target)
		var refused *registry.Error
		if !errors.As(err, &refused) || refused.Code != registry.CodeValidation {
			t.Errorf("%+v: %v, not %s", c.target, err, c.want)
		} else if refused.Message != c.want {
			t.Errorf("%+v\nsays %s\nnot  %s", c.target, refused.Message, c.want)
		}
	}
}

func TestATemplateHasAtMost8192Characters(t *testing.T) {
	for n, want := range map[int]registry.Code{8190: "", 8191: registry.CodeValidation} {
		_, err := transform.Compile(event.Target{ID: "t1", Transformer: &event.Transformer{Template: `"` + strings.Repeat("ü", n) + `"`}})
		if got := registry.CodeOf(err); got != want {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestALargeResultIsRefused(t *testing.T) {
	body := `{"detail":{"a":"` + strings.Repeat("x", 100<<10) + `"}}`
	for template, fits := range map[string]bool{
		`"<v><v>"`:    true,
		`"<v><v><v>"`: false,
		`{"a":` + `"` + strings.Repeat("<v>", 2500) + `"}`: false,
		`{"a":[<v>` + strings.Repeat(",<v>", 2000) + `]}`:  false,
	} {
		in, err := transform.Compile(event.Target{ID: "t1", Transformer: &event.Transformer{Paths: map[string]string{"v": "$.detail.a"}, Template: template}})
		if err != nil {
			t.Fatal(err)
		}
		made, err := in.Apply([]byte(body), variables)
		if fits != (err == nil) || len(made) > transform.MaxResult {
			t.Errorf("%.30s: %d bytes, %v", template, len(made), err)
		}
		if !fits && registry.CodeOf(err) != registry.CodeValidation {
			t.Errorf("%.30s: %v", template, err)
		}
	}
}

// Paths that differ in where their wildcards are begin differently, but lead to
// the same: each would read all that is below it again.
func TestAHostileTemplateEndsInAnError(t *testing.T) {
	const depth = 100
	body := strings.Repeat(`{"a":`, depth) + `"` + strings.Repeat("x", 200<<10) + `"` + strings.Repeat("}", depth)
	paths, template := map[string]string{}, ""
	for i := range 100 {
		name := fmt.Sprint("v", i)
		paths[name] = "$" + strings.Repeat(".a", i) + ".*" + strings.Repeat(".a", depth-1-i)
		template += "<" + name + ">"
	}
	in, err := transform.Compile(event.Target{ID: "t1", Transformer: &event.Transformer{Paths: paths, Template: `"` + template + `"`}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Apply([]byte(body), variables); registry.CodeOf(err) != registry.CodeValidation {
		t.Error(err)
	}
	if _, err := in.Apply([]byte(instance), variables); err != nil {
		t.Error(err)
	}
}

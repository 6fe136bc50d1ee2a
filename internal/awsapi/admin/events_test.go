package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// happened stores n events, and makes dead letters of them if a rule is named.
func (b *bench) happened(n int, rule string) {
	b.t.Helper()
	ctx := b.t.Context()
	o := event.Origin{Scope: registry.Scope{Account: account, Region: "us-east-1"}, At: time.Unix(1_700_000_000, 0)}
	var all []meta.Event
	for i := range n {
		e := event.ImagePushed(o, event.Image{Repository: "web", Digest: fmt.Sprint(i)}, "v1")
		all = append(all, meta.Event{Account: account, At: o.At, Body: e.Encode()})
	}
	if err := b.store.AppendEvents(ctx, all); err != nil || rule == "" {
		b.fatal(err)
		return
	}
	pending, err := b.store.PendingEvents(ctx, 1000, 1<<30)
	b.fatal(err)
	var ids []int64
	var queued []meta.NewDelivery
	for _, e := range pending {
		ids = append(ids, e.ID)
		queued = append(queued, meta.NewDelivery{Event: e.ID, Account: account, Rule: rule, TargetID: "hook", Target: "uid", QueuedAt: o.At})
	}
	b.fatal(b.store.FanOut(ctx, ids, queued))
	due, _, err := b.store.DueDeliveries(ctx, "uid", time.Now(), 1000, 1<<30)
	b.fatal(err)
	var dead []meta.Settlement
	for _, d := range due {
		dead = append(dead, meta.Settlement{ID: d.ID, Outcome: meta.GivenUp, Attempts: 2, Reason: "HTTP 404", At: time.Unix(1_700_000_060, 0)})
	}
	b.fatal(b.store.Settle(ctx, dead))
}

func (b *bench) fatal(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestEventsAreListedThroughTheAPI(t *testing.T) {
	b := newBench(t, feed{})
	b.happened(3, "")
	out := b.do("ListEvents", `{"maxResults":2}`)
	events, _ := out["events"].([]any)
	if len(events) != 2 || out["more"] != true || out["next"] != inside(events[1], "id") {
		t.Fatalf("ListEvents answers %v", out)
	}
	body, _ := inside(events[0], "event").(string)
	if inside(events[0], "time") != 1_700_000_000.0 || !strings.HasPrefix(body, `{"version":"0","id":"`) || !strings.Contains(body, `"action-type":"PUSH"`) {
		t.Errorf("an event is told as %v", events[0])
	}
	rest := b.do("ListEvents", fmt.Sprintf(`{"after":%v,"from":1600000000,"to":1800000000,"eventPattern":%s}`, out["next"], quoted(`{"source":["aws.ecr"]}`)))
	if events, _ = rest["events"].([]any); len(events) != 1 || rest["more"] != false {
		t.Errorf("the next page is %v", rest)
	}
	if out := b.do("ListEvents", `{"from":1700000001}`); len(out["events"].([]any)) != 0 || out["more"] != false {
		t.Errorf("later there is %v", out)
	}
}

func TestDeadLettersThroughTheAPI(t *testing.T) {
	b := newBench(t, feed{})
	b.happened(3, "deploy")
	out := b.do("ListDeadLetters", `{"maxResults":2}`)
	letters, _ := out["deadLetters"].([]any)
	token, _ := out["nextToken"].(string)
	if len(letters) != 2 || token == "" {
		t.Fatalf("ListDeadLetters answers %v", out)
	}
	for member, want := range map[string]any{
		"ruleName": "deploy", "targetId": "hook", "attempts": 2.0, "reason": "HTTP 404",
		"eventTime": 1_700_000_000.0, "queueTime": 1_700_000_000.0, "deathTime": 1_700_000_060.0,
	} {
		if got := inside(letters[0], member); got != want {
			t.Errorf("%s = %v, want %v", member, got, want)
		}
	}
	if body, _ := inside(letters[0], "event").(string); !strings.Contains(body, `"image-digest":"0"`) {
		t.Errorf("its event is %s", body)
	}
	rest := b.do("ListDeadLetters", `{"maxResults":2,"nextToken":"`+token+`"}`)
	if letters, _ := rest["deadLetters"].([]any); len(letters) != 1 || rest["nextToken"] != nil {
		t.Errorf("the next page is %v", rest)
	}
	if _, code := b.as(owner(account), "ListDeadLetters", `{"ruleName":"deploy","nextToken":"`+token+`"}`); code != "InvalidParameterException" {
		t.Errorf("the token of another list: %s", code)
	}
	first := fmt.Sprint(inside(letters[0], "id"))
	if out := b.do("RetryDeadLetters", `{"ids":[`+first+`,999]}`); out["count"] != 1.0 || out["more"] != false {
		t.Errorf("RetryDeadLetters answers %v", out)
	}
	if out := b.do("DeleteDeadLetters", `{"ruleName":"deploy"}`); out["count"] != 2.0 || out["more"] != false {
		t.Errorf("DeleteDeadLetters answers %v", out)
	}
	if out := b.do("ListDeadLetters", `{}`); len(out["deadLetters"].([]any)) != 0 {
		t.Errorf("there is still %v", out)
	}
}

func TestRefusalsAroundEventsAreWorded(t *testing.T) {
	b := newBench(t, feed{})
	ids := strings.Repeat("1,", 1000) + "1"
	for _, c := range [][3]string{
		{"ListEvents", `{"maxResults":0}`, "InvalidParameterException"},
		{"ListEvents", `{"maxResults":1001}`, "InvalidParameterException"},
		{"ListEvents", `{"after":"x"}`, "SerializationException"},
		{"ListEvents", `{"eventPattern":"{"}`, "InvalidEventPatternException"},
		{"ListEvents", `{"eventPattern":"{\"source\":\"aws.ecr\"}"}`, "InvalidEventPatternException"},
		{"ListEvents", `{"accountId":"111111111111"}`, "NoSuchEntityException"},
		{"ReplayEvents", `{}`, "InvalidParameterException"},
		{"ReplayEvents", `{"from":1700000000}`, "UnsupportedOperationException"}, // this bench has no engine
		{"ListDeadLetters", `{"nextToken":"x"}`, "InvalidParameterException"},
		{"ListDeadLetters", `{"ids":[` + ids + `]}`, "InvalidParameterException"},
		{"RetryDeadLetters", `{"ids":[` + ids + `]}`, "InvalidParameterException"},
		{"DeleteDeadLetters", `{"ids":["a"]}`, "SerializationException"},
	} {
		if out, code := b.as(owner(account), c[0], c[1]); code != c[2] {
			t.Errorf("%s %.60s: %s %v, want %s", c[0], c[1], code, out["message"], c[2])
		}
	}
}

package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

func logHouse(t *testing.T) *house {
	h := newHouse(t)
	if err := h.EnsureAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	return h
}

// happened stores n events of a repository.
func (h *house) happened(repository string, n int) {
	h.t.Helper()
	o := event.Origin{Scope: registry.Scope{Account: account, Region: "us-east-1"}, At: h.clock()}
	all := make([]meta.Event, n)
	for i := range all {
		e := event.ImagePushed(o, event.Image{Repository: repository, Digest: digestOf(fmt.Sprint(i))}, "v"+fmt.Sprint(i))
		all[i] = meta.Event{Account: account, At: o.At, Body: e.Encode()}
	}
	if err := h.Store.AppendEvents(h.t.Context(), all); err != nil {
		h.t.Fatal(err)
	}
}

// log reads all pages of a query and answers how many events are on each.
func (h *house) log(q service.EventQuery) (sizes []int, all []service.StoredEvent) {
	h.t.Helper()
	for {
		page, err := h.ListEvents(h.t.Context(), h.owner, q)
		if err != nil {
			h.t.Fatal(err)
		}
		sizes, all = append(sizes, len(page.Events)), append(all, page.Events...)
		if q.After = page.Next; !page.More {
			return sizes, all
		}
	}
}

func TestTheLogOfEventsIsReadInPages(t *testing.T) {
	h := logHouse(t)
	begin := h.clock()
	h.happened("web", 100)
	h.pass(time.Minute)
	h.happened("api", 50)
	sizes, all := h.log(service.EventQuery{Limit: 70})
	if fmt.Sprint(sizes) != "[70 70 10]" {
		t.Errorf("pages have %v events", sizes)
	}
	for i, e := range all {
		if i > 0 && e.ID <= all[i-1].ID {
			t.Errorf("event %d has id %d after %d", i, e.ID, all[i-1].ID)
		}
	}
	for what, c := range map[string]struct {
		q    service.EventQuery
		want int
	}{
		"since the second minute": {service.EventQuery{From: begin.Add(time.Minute), Limit: 1000}, 50},
		"the first minute":        {service.EventQuery{To: begin.Add(time.Minute), Limit: 1000}, 100},
		"an empty minute":         {service.EventQuery{From: begin.Add(time.Hour), Limit: 1000}, 0},
		"a repository":            {service.EventQuery{Pattern: `{"detail":{"repository-name":["api"]}}`, Limit: 1000}, 50},
		"nothing like that":       {service.EventQuery{Pattern: `{"source":["aws.ec2"]}`, Limit: 1000}, 0},
	} {
		if _, found := h.log(c.q); len(found) != c.want {
			t.Errorf("%s: %d events, want %d", what, len(found), c.want)
		}
	}
	_, err := h.ListEvents(t.Context(), h.owner, service.EventQuery{Pattern: `{"source":"aws.ecr"}`, Limit: 1})
	wantCode(t, err, registry.CodeInvalidEventPattern)
}

func TestAPageOfTheLogIsBounded(t *testing.T) {
	h := logHouse(t)
	body := []byte(`{"detail-type":"large","source":"ci","detail":{"x":"` + strings.Repeat("x", 250<<10) + `"}}`)
	large := make([]meta.Event, 12)
	for i := range large {
		large[i] = meta.Event{Account: account, At: h.clock(), Body: body}
	}
	if err := h.Store.AppendEvents(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	sizes, _ := h.log(service.EventQuery{Limit: 1000})
	if fmt.Sprint(sizes) != "[5 5 2]" {
		t.Errorf("pages of events of 250 KiB have %v, want about a megabyte each", sizes)
	}
	for range 5 {
		h.happened("web", 1000)
	}
	page, err := h.ListEvents(t.Context(), h.owner, service.EventQuery{Pattern: `{"detail":{"repository-name":["api"]}}`, Limit: 1000})
	if err != nil || len(page.Events) > 0 || !page.More || page.Next == 0 {
		t.Errorf("a pattern that matches nothing in 5,000 events answers %d of them, more %v after %d, %v; want to be asked again", len(page.Events), page.More, page.Next, err)
	}
}

func TestWhoFollowsTheLogMissesNoLateCommit(t *testing.T) {
	h := logHouse(t)
	h.happened("web", 1)
	settled := service.EventQuery{Settled: true, Limit: 10}
	if _, found := h.log(settled); len(found) != 1 {
		t.Errorf("alone: %d events, want it at once: ids grow with commits", len(found))
	}
	h.config.Alone = false
	h.restart()
	if _, found := h.log(settled); len(found) != 0 {
		t.Errorf("%d events that others may still come before", len(found))
	}
	if _, found := h.log(service.EventQuery{Limit: 10}); len(found) != 1 {
		t.Errorf("%d events for who only looks, want 1", len(found))
	}
	h.pass(6 * time.Second)
	if _, found := h.log(settled); len(found) != 1 {
		t.Errorf("%d events after a while, want 1", len(found))
	}
}

func TestTheLogOfEventsIsForThoseWhoMayReadIt(t *testing.T) {
	h := logHouse(t)
	ctx := t.Context()
	calls := map[string]func(c service.Caller, account string) error{
		"ListEvents": func(c service.Caller, a string) error {
			_, err := h.ListEvents(ctx, c, service.EventQuery{Account: a, Limit: 1})
			return err
		},
		"ReplayEvents": func(c service.Caller, a string) error {
			_, err := h.ReplayEvents(ctx, c, service.ReplayEvents{Account: a, From: h.clock().Add(-time.Hour)})
			return err
		},
		"ListDeadLetters": func(c service.Caller, a string) error {
			_, err := h.ListDeadLetters(ctx, c, service.DeadLetterQuery{Account: a, Limit: 1})
			return err
		},
		"RetryDeadLetters": func(c service.Caller, a string) error {
			_, err := h.RetryDeadLetters(ctx, c, service.DeadLetterQuery{Account: a}, time.Time{})
			return err
		},
		"DeleteDeadLetters": func(c service.Caller, a string) error {
			_, err := h.DeleteDeadLetters(ctx, c, service.DeadLetterQuery{Account: a})
			return err
		},
	}
	h.Replays = &replays{}
	for name, call := range calls {
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecru:%s","Resource":"*"}}`, name)
		user, err := h.CreateUser(ctx, h.owner, service.CreateUser{Name: name, Inline: map[string]string{"p": policy}})
		if err != nil {
			t.Fatal(err)
		}
		may := service.Caller{Principal: iam.UserPrincipal(account, name, user.ID, "AKIA")}
		other, err := h.CreateUser(ctx, h.owner, service.CreateUser{Name: "not-" + name, Inline: map[string]string{"p": strings.Replace(policy, "Allow", "Deny", 1)}})
		if err != nil {
			t.Fatal(err)
		}
		mayNot := service.Caller{Principal: iam.UserPrincipal(account, "not-"+name, other.ID, "AKIA")}
		for who, c := range map[string]struct {
			err  error
			code registry.Code
		}{
			"the owner":                  {call(h.owner, ""), ""},
			"who may":                    {call(may, account), ""},
			"who may not":                {call(mayNot, ""), registry.CodeAccessDenied},
			"who may, elsewhere":         {call(may, "111111111111"), registry.CodeAccessDenied},
			"the owner of another":       {call(service.Caller{Principal: iam.RootPrincipal("111111111111", "AKIA")}, account), registry.CodeAccessDenied},
			"nobody":                     {call(service.Caller{}, account), registry.CodeAccessDenied},
			"an account that is unknown": {call(h.owner, "111111111111"), registry.CodeNoSuchEntity},
		} {
			if got := registry.CodeOf(c.err); got != c.code || (c.err != nil && got == "") {
				t.Errorf("%s by %s: %v, want %q", name, who, c.err, c.code)
			}
		}
	}
}

// replays notes what is asked of an engine.
type replays struct {
	asked []string
	err   error
}

func (r *replays) Replay(_ context.Context, account string, from, to time.Time, rule, name string) (int, error) {
	r.asked = append(r.asked, fmt.Sprintf("%s %v %s %s", account, to.Sub(from), rule, name))
	return 7, r.err
}

func TestAReplayIsAskedOfTheEngine(t *testing.T) {
	h := logHouse(t)
	ctx, hourAgo := t.Context(), h.clock().Add(-time.Hour)
	_, err := h.ReplayEvents(ctx, h.owner, service.ReplayEvents{From: hourAgo})
	wantCode(t, err, registry.CodeUnsupported)
	engine := &replays{}
	h.Replays = engine
	got, err := h.ReplayEvents(ctx, h.owner, service.ReplayEvents{From: hourAgo, To: h.clock().Add(time.Hour), Rule: "deploy", Name: "again"})
	if err != nil || got != (service.Replayed{Name: "again", Deliveries: 7}) {
		t.Errorf("%+v, %v", got, err)
	}
	if want := account + " 1h0m0s deploy again"; len(engine.asked) != 1 || engine.asked[0] != want {
		t.Errorf("asked %v, want %q: a replay ends now", engine.asked, want)
	}
	got, err = h.ReplayEvents(ctx, h.owner, service.ReplayEvents{From: hourAgo})
	if err != nil || !strings.HasPrefix(got.Name, "replay-20") {
		t.Errorf("without a name: %+v, %v", got, err)
	}
	for what, in := range map[string]service.ReplayEvents{
		"nothing":       {From: h.clock()},
		"a time ahead":  {From: h.clock().Add(time.Minute), To: h.clock().Add(time.Hour)},
		"backwards":     {From: hourAgo, To: hourAgo.Add(-time.Second)},
		"a wrong name":  {From: hourAgo, Name: "a b"},
		"a longer name": {From: hourAgo, Name: strings.Repeat("a", 65)},
	} {
		if _, err := h.ReplayEvents(ctx, h.owner, in); registry.CodeOf(err) != registry.CodeInvalidParameter {
			t.Errorf("%s: %v", what, err)
		}
	}
	engine.err = errors.New("away")
	if _, err := h.ReplayEvents(ctx, h.owner, service.ReplayEvents{From: hourAgo}); !errors.Is(err, engine.err) {
		t.Errorf("an engine that fails: %v", err)
	}
}

// kill makes a dead letter of every event, for a target of a rule.
func (h *house) kill(rule string) {
	h.t.Helper()
	ctx := h.t.Context()
	pending, err := h.Store.PendingEvents(ctx, 10_000, 1<<30)
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []int64
	var queued []meta.NewDelivery
	for _, e := range pending {
		ids = append(ids, e.ID)
		queued = append(queued, meta.NewDelivery{Event: e.ID, Account: account, Rule: rule, TargetID: "hook", Target: "uid-" + rule, QueuedAt: h.clock()})
	}
	if err := h.Store.FanOut(ctx, ids, queued); err != nil {
		h.t.Fatal(err)
	}
	h.giveUp("uid-" + rule)
}

func (h *house) giveUp(target string) (n int) {
	h.t.Helper()
	due, _, err := h.Store.DueDeliveries(h.t.Context(), target, h.clock(), 10_000, 1<<30)
	if err != nil {
		h.t.Fatal(err)
	}
	var all []meta.Settlement
	for _, d := range due {
		all = append(all, meta.Settlement{ID: d.ID, Outcome: meta.GivenUp, Attempts: 3, Reason: "HTTP 404", At: h.clock()})
	}
	if err := h.Store.Settle(h.t.Context(), all); err != nil {
		h.t.Fatal(err)
	}
	return len(due)
}

func (h *house) letters(q service.DeadLetterQuery) (sizes []int, all []service.DeadLetter) {
	h.t.Helper()
	for {
		page, err := h.ListDeadLetters(h.t.Context(), h.owner, q)
		if err != nil {
			h.t.Fatal(err)
		}
		sizes, all = append(sizes, len(page.Letters)), append(all, page.Letters...)
		if !page.More {
			return sizes, all
		}
		q.After = all[len(all)-1].ID
	}
}

func TestDeadLettersAreReadInPages(t *testing.T) {
	h := logHouse(t)
	h.happened("web", 100)
	h.kill("deploy")
	h.happened("api", 64)
	h.kill("ticket")
	sizes, all := h.letters(service.DeadLetterQuery{Limit: 70})
	if fmt.Sprint(sizes) != "[70 70 24]" {
		t.Errorf("pages have %v dead letters", sizes)
	}
	first := all[0]
	if first.Rule != "deploy" || first.TargetID != "hook" || first.Attempts != 3 || first.Reason != "HTTP 404" || first.DiedAt.IsZero() || !bytes.Contains(first.Body, []byte(`"repository-name":"web"`)) {
		t.Errorf("a dead letter is %+v", first)
	}
	if sizes, _ := h.letters(service.DeadLetterQuery{Rule: "ticket", Limit: 64}); fmt.Sprint(sizes) != "[64]" {
		t.Errorf("of a rule: pages of %v, want one of 64 and no empty one behind it", sizes)
	}
	_, some := h.letters(service.DeadLetterQuery{IDs: []int64{all[3].ID, all[120].ID, 1 << 40}, Limit: 10})
	if len(some) != 2 || some[0].ID != all[3].ID || some[1].ID != all[120].ID {
		t.Errorf("by id: %+v", some)
	}
}

func TestDeadLettersAreTriedAgainOnce(t *testing.T) {
	h := logHouse(t)
	var woken atomic.Int64
	h.config.EventsStored = func() { woken.Add(1) }
	h.restart()
	h.happened("web", 100)
	h.kill("deploy")
	h.happened("api", 3)
	h.kill("ticket")
	h.pass(time.Minute)
	before := h.clock()
	retry := func(q service.DeadLetterQuery) service.Changed {
		t.Helper()
		done, err := h.RetryDeadLetters(t.Context(), h.owner, q, before)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if done := retry(service.DeadLetterQuery{Rule: "ticket"}); done.Count != 3 || done.More || woken.Load() != 1 {
		t.Errorf("of a rule: %+v, woken %d times", done, woken.Load())
	}
	_, all := h.letters(service.DeadLetterQuery{Limit: 1000})
	if done := retry(service.DeadLetterQuery{IDs: []int64{all[1].ID, all[2].ID, 1 << 40}}); done.Count != 2 || done.More {
		t.Errorf("by id: %+v", done)
	}
	if done := retry(service.DeadLetterQuery{}); done.Count != 98 || done.More {
		t.Errorf("all: %+v", done)
	}
	h.pass(time.Second)
	if n := h.giveUp("uid-deploy"); n != 100 {
		t.Errorf("%d deliveries are queued again, want 100", n)
	}
	if done := retry(service.DeadLetterQuery{}); done.Count != 0 || done.More {
		t.Errorf("what died again after the user's word: %+v", done)
	}
	before = time.Time{}
	h.pass(time.Second)
	if done := retry(service.DeadLetterQuery{}); done.Count != 100 {
		t.Errorf("a word without a time: %+v", done)
	}
}

func TestDeadLettersAreForgotten(t *testing.T) {
	h := logHouse(t)
	h.happened("web", 1200)
	h.kill("deploy")
	h.happened("api", 3)
	h.kill("ticket")
	remove := func(q service.DeadLetterQuery, want int) {
		t.Helper()
		if done, err := h.DeleteDeadLetters(t.Context(), h.owner, q); err != nil || done.Count != want || done.More {
			t.Errorf("%+v: %+v, %v, want %d", q, done, err, want)
		}
	}
	_, all := h.letters(service.DeadLetterQuery{Limit: 10})
	remove(service.DeadLetterQuery{IDs: []int64{all[0].ID, all[5].ID, 1 << 40}}, 2)
	remove(service.DeadLetterQuery{Rule: "ticket"}, 3)
	remove(service.DeadLetterQuery{Rule: "nothing"}, 0)
	remove(service.DeadLetterQuery{}, 1198)
	remove(service.DeadLetterQuery{}, 0)
}

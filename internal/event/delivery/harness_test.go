package delivery_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/meta"
)

const account = "123456789012"

var errUnavailable = &delivery.Error{Status: "HTTP 503", Err: errors.New("out of order")}

// rules are the rules of all accounts, and can be changed.
type rules struct {
	mu    sync.Mutex
	all   map[string][]event.Rule
	err   error
	errOf map[string]error // by account
	reads int
}

func (r *rules) EventRules(_ context.Context, account string) ([]event.Rule, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	return r.all[account], cmp.Or(r.err, r.errOf[account])
}

func (r *rules) set(account string, all ...event.Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string][]event.Rule{}
	}
	r.all[account] = all
}

func (r *rules) failOf(account string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errOf = map[string]error{account: err}
}

func (r *rules) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// rule sends all that ECR says to targets of the same names as their ids.
func rule(name string, targets ...string) event.Rule {
	r := event.Rule{Name: name, Pattern: `{"source":["aws.ecr"]}`}
	for _, id := range targets {
		r.Targets = append(r.Targets, event.Target{UID: "uid-" + id, ID: id, ARN: "arn:test:" + id})
	}
	return r
}

// receipt is a message that has arrived somewhere.
type receipt struct {
	delivery.Message
	at time.Time
}

// receivers are all targets of a test, by ARN. What has no answer of its own
// takes everything.
type receivers struct {
	mu       sync.Mutex
	routes   map[string]delivery.Route
	routeErr map[string]error
	answers  map[string]func(ctx context.Context, m delivery.Message) error
	attempts map[string][]receipt
	arrived  map[string][]receipt
	underWay map[string]int
	most     map[string]int
}

func newReceivers() *receivers {
	return &receivers{
		routes: map[string]delivery.Route{}, routeErr: map[string]error{},
		answers:  map[string]func(context.Context, delivery.Message) error{},
		attempts: map[string][]receipt{}, arrived: map[string][]receipt{},
		underWay: map[string]int{}, most: map[string]int{},
	}
}

// answer says how the target of an id answers from now on.
func (r *receivers) answer(id string, f func(ctx context.Context, m delivery.Message) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers["arn:test:"+id] = f
}

func (r *receivers) fails(id string, err error) {
	r.answer(id, func(context.Context, delivery.Message) error { return err })
}

func (r *receivers) works(id string) { r.answer(id, nil) }

// hangs until the attempt is broken off.
func hangs(ctx context.Context, _ delivery.Message) error {
	<-ctx.Done()
	return ctx.Err()
}

func (r *receivers) route(id string, route delivery.Route, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routes["arn:test:"+id], r.routeErr["arn:test:"+id] = route, err
}

func (r *receivers) Route(_ context.Context, _ string, t event.Target) (delivery.Route, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	route := r.routes[t.ARN]
	route.Sender = receiver{r, t.ARN}
	return route, r.routeErr[t.ARN]
}

type receiver struct {
	all *receivers
	arn string
}

func (r receiver) Send(ctx context.Context, m delivery.Message) error {
	all := r.all
	all.mu.Lock()
	answer := all.answers[r.arn]
	all.attempts[r.arn] = append(all.attempts[r.arn], receipt{m, time.Now()})
	all.underWay[r.arn]++
	all.most[r.arn] = max(all.most[r.arn], all.underWay[r.arn])
	all.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(ctx, m)
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.underWay[r.arn]--
	if err == nil {
		all.arrived[r.arn] = append(all.arrived[r.arn], receipt{m, time.Now()})
	}
	return err
}

func (r *receivers) tried(id string) []receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.attempts["arn:test:"+id])
}

func (r *receivers) got(id string) []receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrived["arn:test:"+id])
}

func (r *receivers) mostAtATime(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most["arn:test:"+id]
}

// world is an engine with all around it.
type world struct {
	t *testing.T
	*store
	*receivers
	rules  *rules
	engine *delivery.Engine
	events int
}

func newWorld(t *testing.T, all ...event.Rule) *world {
	t.Helper()
	w := &world{t: t, store: newStore(), receivers: newReceivers(), rules: &rules{}}
	w.rules.set(account, all...)
	return w
}

func (w *world) config() delivery.Config {
	return delivery.Config{
		Store: w.store, Rules: w.rules, Routes: w.receivers, Region: "eu-west-1",
		Logger: slog.New(slog.DiscardHandler),
	}
}

// start runs an engine until the end of the test.
func (w *world) start() *delivery.Engine {
	w.t.Helper()
	w.engine = w.startAnother(w.config())
	return w.engine
}

func (w *world) startAnother(c delivery.Config) *delivery.Engine {
	w.t.Helper()
	e := delivery.New(c)
	e.Start(w.t.Context())
	w.t.Cleanup(func() { w.stop(e) })
	return e
}

func (w *world) stop(e *delivery.Engine) {
	w.t.Helper()
	if err := e.Stop(context.Background()); err != nil {
		w.t.Error(err)
	}
}

// body is an event in JSON.
func body(number int, lane string) []byte {
	detail, _ := json.Marshal(map[string]any{"number": number, "lane": lane})
	return fmt.Appendf(nil, `{"version":"0","id":"event-%d","detail-type":"ECR Image Action","source":"aws.ecr","account":%q,"time":"2026-01-02T03:04:05Z","region":"eu-west-1","resources":[],"detail":%s}`,
		number, account, detail)
}

// happen stores an event for each lane, and announces them.
func (w *world) happen(lanes ...string) {
	w.t.Helper()
	events := make([]meta.Event, len(lanes))
	for n, lane := range lanes {
		events[n] = meta.Event{Account: account, Lane: lane, At: time.Now(), Body: body(w.events, lane)}
		w.events++
	}
	if err := w.store.AppendEvents(context.Background(), events); err != nil {
		w.t.Fatal(err)
	}
	if w.engine != nil {
		w.engine.Wake()
	}
}

// many are n times the lane "".
func many(n int) []string { return make([]string, n) }

// number is that of the event that a message carries.
func number(t *testing.T, m delivery.Message) int {
	t.Helper()
	var e struct {
		Detail struct{ Number int }
	}
	if err := json.Unmarshal(m.Event, &e); err != nil {
		t.Fatal(err)
	}
	return e.Detail.Number
}

func numbers(t *testing.T, all []receipt) []int {
	t.Helper()
	out := make([]int, len(all))
	for n := range all {
		out[n] = number(t, all[n].Message)
	}
	return out
}

// upTo are the numbers from 0 to n-1.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

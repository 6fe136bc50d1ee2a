package delivery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/transform"
)

const (
	// wayFor is how long a runner goes on without a look at the rules.
	wayFor = time.Second
	// goneGrace is how long a target must be in no rule before what waits for it
	// is dropped: another process may have queued for a rule that this one does
	// not know yet.
	goneGrace = 5 * time.Second
	dropStep  = 1000
)

// way is how a target is reached, as of a time. Attempts under way keep theirs.
type way struct {
	at       time.Time
	target   event.Target
	ruleName string
	ruleARN  string
	policy   event.RetryPolicy
	route    Route
	// hopeless says why nothing can be delivered, and never will.
	hopeless error
	input    *transform.Input // nil: the event as it is
	inputErr error
}

// find sees to it that the runner knows the way to its target. It answers false
// when there is none for now; then the target is paused, or what waits for it
// is dropped.
func (r *runner) find(now time.Time) bool {
	if r.gone.IsZero() && now.Sub(r.way.at) < wayFor && !r.way.at.IsZero() {
		return true
	}
	rules, err := r.s.e.rules.read(r.s.work, r.account, rulesFor)
	if err != nil {
		r.troubled(now, "reading the rules of an account", err)
		return false
	}
	rule, target := targetIn(rules, r.target)
	if target == nil {
		r.isGone(now)
		return false
	}
	r.gone = time.Time{}
	route, err := r.s.e.config.Routes.Route(r.s.work, r.account, *target)
	var hopeless *Error
	if err != nil && (!errors.As(err, &hopeless) || !hopeless.Permanent) {
		r.troubled(now, "finding the way to a target", err)
		return false
	}
	r.trouble = 0
	r.way = way{
		at: now, target: *target, policy: policy(target),
		ruleName: rule.Name, ruleARN: r.s.e.ruleARN(r.account, rule.Name),
		route: route, hopeless: err,
	}
	r.way.input, r.way.inputErr = r.s.e.input(target)
	return true
}

// troubled leaves a target alone because something of ours does not work. It
// costs the deliveries nothing.
func (r *runner) troubled(now time.Time, doing string, err error) {
	if r.s.work.Err() != nil {
		return
	}
	if r.trouble == 0 {
		r.s.e.log.Error("events wait for something of ours; it is tried again", "doing", doing, "account", r.account, "error", err)
	}
	r.breaker.pause(now, doubled(storeRetryFirst, r.trouble, storeRetryMost))
	r.trouble++
	r.unload()
}

// isGone drops what waits for a target that is in no rule any more.
func (r *runner) isGone(now time.Time) {
	if r.gone.IsZero() {
		r.gone = now
	}
	r.unload()
	if left := goneGrace - now.Sub(r.gone); left > 0 {
		r.breaker.pause(now, left)
		return
	}
	for r.s.work.Err() == nil {
		n, err := r.s.e.config.Store.DropDeliveries(r.s.work, r.target, dropStep)
		if err != nil {
			r.troubled(now, "dropping deliveries to a target that is gone", err)
			return
		}
		r.s.e.config.Observe.Ended(ResultDropped, n)
		if n < dropStep {
			r.more, r.next = false, time.Time{}
			return
		}
	}
}

// input compiles the input of a target, once for all that have the same.
func (e *Engine) input(t *event.Target) (*transform.Input, error) {
	if t.Input == "" && t.InputPath == "" && t.Transformer == nil {
		return nil, nil
	}
	key := inputKey(t)
	if c, ok := e.inputs.Get(key); ok {
		return c.input, c.err
	}
	in, err := transform.Compile(*t)
	if err != nil {
		err = fmt.Errorf("the target's input is not valid: %w", err)
	}
	e.inputs.Add(key, compiledInput{in, err})
	return in, err
}

// inputKey says everything that an input is compiled of.
func inputKey(t *event.Target) string {
	var b strings.Builder
	part := func(s string) {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	part(t.ID)
	part(t.Input)
	part(t.InputPath)
	if t.Transformer != nil {
		part(t.Transformer.Template)
		for _, name := range slices.Sorted(maps.Keys(t.Transformer.Paths)) {
			part(name)
			part(t.Transformer.Paths[name])
		}
	}
	return b.String()
}

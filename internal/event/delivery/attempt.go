package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/transform"
	"github.com/ecru-registry/ecru/internal/meta"
)

// ended is what an attempt tells its runner.
type ended struct {
	item       *item
	settlement meta.Settlement
	works      bool          // the target has answered what a working one does
	failed     bool          // it has not; another attempt may go better
	failure    string        // what it said then
	after      time.Duration // it wants to be left alone so long
	// interrupted attempts were cut short by the end of the session.
	interrupted bool
	burial      bool // it was not sent to the target, but to its queue of dead letters
}

// burial is a delivery that was given up and is on its way to a queue.
type burial struct {
	item    *item
	verdict *verdict
}

// verdict says why a delivery is given up.
type verdict struct {
	reason    string
	code      string // of EventBridge
	message   string // what went wrong at last
	condition string // which bound of the retry policy was reached, if one was
	attempts  int    // that have failed
}

// Codes and conditions of messages in queues of dead letters, as EventBridge
// has them.
const (
	codeConnection  = "CONNECTION_FAILURE"
	codeTarget      = "ERROR_FROM_TARGET"
	codeTimeout     = "TIMEOUT"
	codeThrottling  = "THROTTLING"
	codeNoResource  = "NO_RESOURCE"
	codeInvalidJSON = "INVALID_JSON"
	codeUnknown     = "UNKNOWN"

	tooManyAttempts = "MaximumRetryAttempts"
	tooMuchTime     = "MaximumEventAgeInSeconds"
)

// maxReason bounds the text that is kept with an outcome, in bytes.
const maxReason = 1000

var errNoAnswer = errors.New("no answer in time")

// attempt tries to deliver once.
func (r *runner) attempt(it *item, w way) {
	e := r.s.e
	e.sends.Add(1)
	begin := e.now()
	out := ended{item: it}
	m, err := message(it, &w)
	if err != nil {
		v := refusal(err, it.Attempts, codeInvalidJSON)
		out.settlement = r.buried(it, &w, v)
	} else {
		err = r.send(w.route.Sender, m)
		if out.interrupted = err != nil && r.s.send.Err() != nil; !out.interrupted {
			r.judge(&out, &w, err)
		}
	}
	e.sends.Add(-1)
	e.config.Observe.Took(e.now().Sub(begin))
	e.config.Observe.Ended(out.result(), 1)
	r.leave(func(i *inbox) { i.ended = append(i.ended, out) })
}

// burial sends what was given up to a queue of dead letters.
func (r *runner) burial(b burial, w way) {
	e := r.s.e
	e.sends.Add(1)
	out := ended{item: b.item, burial: true, settlement: r.buried(b.item, &w, b.verdict)}
	out.interrupted = r.s.send.Err() != nil
	e.sends.Add(-1)
	e.config.Observe.Ended(out.result(), 1)
	r.leave(func(i *inbox) { i.ended = append(i.ended, out) })
}

func (e *ended) result() Result {
	switch {
	case e.interrupted:
		return ResultInterrupted
	case e.settlement.Outcome == meta.Delivered:
		return ResultDelivered
	case e.settlement.Outcome == meta.TryAgain:
		return ResultRetried
	}
	return ResultGivenUp
}

// send sends within the time of an attempt.
func (r *runner) send(to Sender, m Message) error {
	timeout := r.s.e.config.Timeout
	ctx, cancel := context.WithTimeout(r.s.send, timeout)
	defer cancel()
	err := contain(ctx, to, m)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: waited %v", errNoAnswer, timeout)
	}
	return err
}

// contain makes a panic the failure of one attempt.
func contain(ctx context.Context, to Sender, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return to.Send(ctx, m)
}

// judge says what the end of an attempt leads to.
func (r *runner) judge(out *ended, w *way, err error) {
	it, now := out.item, r.s.e.now()
	if err == nil {
		out.works = true
		out.settlement = meta.Settlement{ID: it.ID, Outcome: meta.Delivered, Attempts: it.Attempts, At: now}
		return
	}
	var said *Error
	if errors.As(err, &said) && said.Permanent {
		out.works = said.Status != ""
		out.settlement = r.buried(it, w, refusal(err, it.Attempts+1, code(err)))
		return
	}
	out.failed, out.failure = true, err.Error()
	if said != nil {
		out.after = said.After
	}
	failures := it.Attempts + 1
	deadline := it.QueuedAt.Add(w.policy.MaxAge)
	switch {
	case failures > w.policy.MaxAttempts:
		out.settlement = r.buried(it, w, exhausted(err, failures))
		return
	case !now.Before(deadline):
		v := tooOld(w.policy.MaxAge, failures, err.Error())
		v.code = code(err)
		out.settlement = r.buried(it, w, v)
		return
	}
	due := now.Add(max(retryDelay(failures), out.after))
	if due.After(deadline) {
		due = deadline // when it is given up
	}
	out.settlement = meta.Settlement{ID: it.ID, Outcome: meta.TryAgain, Attempts: failures, DueAt: due, Reason: storable(err.Error()), At: now}
}

// buried makes a dead letter, after a copy was sent to the target's queue of
// dead letters if it has one.
func (r *runner) buried(it *item, w *way, v *verdict) meta.Settlement {
	if w.target.DeadLetterARN != "" {
		if err := r.sendDead(it, w, v); err != nil {
			v.reason = clip(v.reason, maxReason/2) + "; the dead-letter queue refused it: " + err.Error()
		}
	}
	return v.settlement(it, r.s.e.now())
}

func (r *runner) sendDead(it *item, w *way, v *verdict) error {
	queue := event.Target{ID: w.target.ID, ARN: w.target.DeadLetterARN}
	ctx, cancel := context.WithTimeout(r.s.send, r.s.e.config.Timeout)
	defer cancel()
	route, err := r.s.e.config.Routes.Route(ctx, r.account, queue)
	if err != nil {
		return err
	}
	m, err := envelope(it, w)
	if err != nil {
		return err
	}
	m.Body = m.Event
	m.Attributes = map[string]string{
		"RULE_ARN": w.ruleARN, "TARGET_ARN": w.target.ARN,
		"ERROR_CODE": v.code, "ERROR_MESSAGE": storable(v.message),
		"RETRY_ATTEMPTS": strconv.Itoa(max(v.attempts-1, 0)),
	}
	if v.condition != "" {
		m.Attributes["EXHAUSTED_RETRY_CONDITION"] = v.condition
	}
	return r.send(route.Sender, m)
}

func (v *verdict) settlement(it *item, now time.Time) meta.Settlement {
	return meta.Settlement{ID: it.ID, Outcome: meta.GivenUp, Attempts: v.attempts, Reason: storable(v.reason), At: now}
}

// refusal: another attempt would not go better.
func refusal(err error, attempts int, code string) *verdict {
	return &verdict{reason: "not deliverable: " + err.Error(), code: code, message: err.Error(), attempts: attempts}
}

func exhausted(err error, attempts int) *verdict {
	return &verdict{
		reason: fmt.Sprintf("given up after %s; the last one: %v", counted(attempts), err),
		code:   code(err), message: err.Error(), condition: tooManyAttempts, attempts: attempts,
	}
}

// tooOld: the last failure may be that of another event, for while a target is
// down most are spared.
func tooOld(age time.Duration, attempts int, failure string) *verdict {
	v := &verdict{
		reason: fmt.Sprintf("given up %v after it was queued, after %s", age, counted(attempts)),
		code:   codeUnknown, message: "The event is older than the target's retry policy allows", condition: tooMuchTime, attempts: attempts,
	}
	if failure != "" {
		v.reason += "; the last failure: " + failure
		v.message = failure
	}
	return v
}

func counted(attempts int) string {
	if attempts == 1 {
		return "1 attempt"
	}
	return strconv.Itoa(attempts) + " attempts"
}

// code is EventBridge's word for a failure.
func code(err error) string {
	var said *Error
	switch {
	case errors.Is(err, errNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return codeTimeout
	case !errors.As(err, &said), said.Status == "":
		return codeConnection
	case strings.Contains(said.Status, "429"):
		return codeThrottling
	}
	return codeTarget
}

// envelope is the message of an event, without what the target gets of it.
func envelope(it *item, w *way) (Message, error) {
	body := it.Body
	if it.Replay != "" {
		body = withReplayName(body, it.Replay)
	}
	var head struct {
		ID         string `json:"id"`
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return Message{}, fmt.Errorf("the event is not valid: %w", err)
	}
	return Message{
		ID: head.ID, Account: it.Account, Source: head.Source, DetailType: head.DetailType, Time: it.At,
		RuleARN: w.ruleARN, TargetID: w.target.ID, Lane: it.Lane, Attempt: it.Attempts + 1, Event: body,
	}, nil
}

// message is what the target gets.
func message(it *item, w *way) (m Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("making the input of the target: panic: %v", p)
		}
	}()
	if m, err = envelope(it, w); err != nil {
		return m, err
	}
	m.Body = m.Event
	if w.input != nil {
		m.Body, err = w.input.Apply(m.Event, transform.Variables{RuleARN: w.ruleARN, RuleName: w.ruleName, IngestedAt: it.At})
	}
	return m, err
}

// withReplayName adds the member by which a replayed event is told from the
// first.
func withReplayName(body []byte, name string) []byte {
	end := bytes.LastIndexByte(body, '}')
	if end < 0 {
		return body
	}
	value, _ := json.Marshal(name) // a text always has a form in JSON
	out := make([]byte, 0, len(body)+len(value)+16)
	out = append(out, body[:end]...)
	out = append(out, `,"replay-name":`...)
	return append(append(out, value...), body[end:]...)
}

// storable is a text as it can be kept.
func storable(text string) string {
	return clip(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD"), maxReason)
}

// clip cuts a text to a number of bytes, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

package delivery

import (
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// mayLoad says whether the store is to be asked for more: when what is in
// memory is half used up, and the target may get something.
func (r *runner) mayLoad(now time.Time) bool {
	switch {
	case !r.more || r.paused(now):
		return false
	case len(r.items) == 0:
		return true
	case len(r.burials) > 0 || r.bytes > r.s.budget.share()/2:
		return false
	case len(r.items) > r.window/2:
		return !r.breaker.open() && r.starved()
	}
	// A target that is down gets one probe at a time.
	return !r.breaker.open() || r.underWay+r.burying+r.lanes.waiting == 0
}

// starved widens the window of a target that could be sent more than it is,
// because what is in memory belongs to few lanes.
func (r *runner) starved() bool {
	if r.window >= mostWindow || len(r.lanes.ready) > 0 || r.lanes.waiting < r.window/2 || r.underWay >= r.slots() {
		return false
	}
	r.window *= 2
	return true
}

// load reads what is due into memory.
func (r *runner) load() {
	now := r.s.e.now()
	if !r.find(now) {
		return
	}
	select {
	case r.s.loads <- struct{}{}:
	case <-r.s.work.Done():
		return
	}
	// What may be answered counts as held until it is known how much it is: else
	// many that read at a time would each be given what is left for all.
	reserved := r.s.budget.reserve()
	defer r.s.budget.give(reserved)
	// What is in memory is answered again, for the store does not know of it.
	limit, maxBytes := r.window, r.bytes+reserved
	if r.breaker.open() {
		limit = len(r.items) + probeWindow
	}
	due, next, err := r.s.e.config.Store.DueDeliveries(r.s.work, r.target, now, limit, maxBytes)
	<-r.s.loads
	if err != nil {
		r.troubled(now, "reading what waits for a target", err)
		return
	}
	if r.next = next; !next.After(now) {
		r.next = time.Time{} // that there is more is seen below
	}
	if len(due) > 0 { // else what waits is what was tried before
		r.oldest.Store(due[0].QueuedAt.UnixNano())
	}
	added, bytes := r.accept(due, now)
	full := len(due) >= limit || bytes >= maxBytes
	// When nothing was new more of the same question would bring nothing new.
	r.cut = full && !added
	r.more = full && added
	if r.breaker.open() && r.lanes.waiting > 0 {
		r.more = true // but for the probe all was left where it is
	}
	if !full && len(due) < window/2 {
		r.window = window
	}
}

// accept takes deliveries into memory that are not there yet.
func (r *runner) accept(due []meta.Delivery, now time.Time) (added bool, bytes int) {
	for n := range due {
		size := len(due[n].Body) + itemOverhead
		bytes += len(due[n].Body)
		if _, known := r.items[due[n].ID]; known {
			continue
		}
		v := r.given(&due[n], now)
		if v == nil && r.breaker.open() && r.lanes.waiting > 0 {
			continue // there is a probe already
		}
		it := &item{Delivery: due[n], size: size}
		if it.shared = r.s.bodies.share(it.Event, it.Body); it.shared != nil {
			it.Body = it.shared.data
		}
		if v == nil && !r.lanes.add(it) {
			continue
		}
		added = true
		r.items[it.ID] = it
		r.bytes += size
		r.s.budget.take(size)
		if v != nil {
			r.giveUp(it, v)
		}
	}
	return added, bytes
}

// given says why a delivery is given up without another attempt, if it is.
func (r *runner) given(d *meta.Delivery, now time.Time) *verdict {
	if r.way.hopeless != nil {
		return refusal(r.way.hopeless, d.Attempts, codeNoResource)
	}
	if r.way.inputErr != nil {
		return refusal(r.way.inputErr, d.Attempts, codeInvalidJSON)
	}
	return r.expired(d, now)
}

// expired says so of a delivery that has become too old.
func (r *runner) expired(d *meta.Delivery, now time.Time) *verdict {
	if now.Before(d.QueuedAt.Add(r.way.policy.MaxAge)) {
		return nil
	}
	return tooOld(r.way.policy.MaxAge, d.Attempts, r.lastFailure)
}

// giveUp makes a dead letter of a delivery that is not under way, by way of the
// target's queue of dead letters if it has one.
func (r *runner) giveUp(it *item, v *verdict) {
	if r.way.target.DeadLetterARN != "" {
		r.burials = append(r.burials, burial{it, v})
		return
	}
	r.logGivenUp(it, v.reason)
	r.s.e.config.Observe.Ended(ResultGivenUp, 1)
	r.settle(it, v.settlement(it, r.s.e.now()))
}

// bury sends what was given up to the target's queue of dead letters.
func (r *runner) bury() {
	for len(r.burials) > 0 && r.burying < maxBurials {
		b := r.burials[0]
		r.burials = r.burials[1:]
		r.burying++
		go r.burial(b, r.way)
	}
	if len(r.burials) == 0 {
		r.burials = nil
	}
}

const logGivenUpEvery = 10 * time.Second

// logGivenUp says that deliveries were given up, but not of each one of many.
func (r *runner) logGivenUp(it *item, reason string) {
	r.letters++
	now := r.s.e.now()
	if now.Sub(r.lettersAt) < logGivenUpEvery {
		return
	}
	r.lettersAt = now
	r.s.e.log.Warn("events were not delivered and are dead letters now", "account", r.account, "rule", it.Rule,
		"target", it.TargetID, "count", r.letters, "last", reason)
	r.letters = 0
}

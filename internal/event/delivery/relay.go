package delivery

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	relayEvents = 512
	relayBytes  = 1 << 20
	// fanOutDeliveries bounds what one transaction queues, and so how long it
	// keeps the writer from others; the deliveries of one event stay together.
	fanOutDeliveries = 512
	// relayRetryMost is short, for when the rules of one account cannot be read
	// the events of others wait with it.
	relayRetryMost = 5 * time.Second
)

// relay hands events to the rules, in the order in which they were stored.
func (s *session) relay() {
	var p pace
	retry := storeRetryFirst
	woken := false
	for s.work.Err() == nil {
		p.wait(s.work.Done(), s.e.now)
		p.mark(s.e.now())
		seen, full, err := s.relayBatch()
		if err != nil {
			if s.work.Err() == nil {
				s.e.log.Error("handing events to the rules; it is tried again", "error", err)
			}
			wait(s.work, retry)
			retry = min(2*retry, relayRetryMost)
			continue
		}
		retry = storeRetryFirst
		if full {
			p = pace{} // there is no company to wait for
		}
		if seen > 0 {
			woken = false
			continue
		}
		if woken { // for something else, such as dead letters that are tried again
			s.sweepSoon()
		}
		woken = s.idle()
	}
}

// idle waits until there may be events again, and says whether somebody said so.
func (s *session) idle() (woken bool) {
	poll := time.NewTimer(s.e.config.Poll)
	defer poll.Stop()
	select {
	case <-s.work.Done():
	case <-s.e.wake:
		return true
	case <-poll.C:
	}
	return false
}

// relayBatch hands some events to the rules. It answers how many there were,
// and whether there are more.
func (s *session) relayBatch() (seen int, full bool, err error) {
	events, err := s.e.config.Store.PendingEvents(s.work, relayEvents, relayBytes)
	if err != nil {
		return 0, false, err
	}
	if len(events) == 0 {
		s.pendingSince.Store(0)
		return 0, false, nil
	}
	s.pendingSince.Store(events[0].At.UnixNano())
	bytes := 0
	for n := range events {
		bytes += len(events[n].Body)
	}
	err = s.fanOut(events)
	return len(events), len(events) >= relayEvents || bytes >= relayBytes, err
}

// fanOut queues the deliveries of events, a bounded number in a transaction.
// When the rules of one account cannot be read the events of others go on.
func (s *session) fanOut(events []meta.Event) error {
	rules := map[string]*ruleSet{}
	now := s.e.now()
	var unread error
	var ids []int64
	var deliveries []meta.NewDelivery
	for n := range events {
		ev := &events[n]
		set, ok := rules[ev.Account]
		if !ok {
			var err error
			if set, err = s.e.ruleSet(s.work, ev.Account, ""); err != nil {
				unread = err
			}
			rules[ev.Account] = set
		}
		if set == nil {
			continue
		}
		ids = append(ids, ev.ID)
		deliveries = set.match(ev, now, "", deliveries)
		if len(deliveries) >= fanOutDeliveries {
			if err := s.queue(ids, deliveries); err != nil {
				return err
			}
			ids, deliveries = nil, nil
		}
	}
	if len(ids) > 0 {
		if err := s.queue(ids, deliveries); err != nil {
			return err
		}
	}
	return unread
}

func (s *session) queue(events []int64, deliveries []meta.NewDelivery) error {
	// What has begun is not broken off by a stop: it is quick, and done then.
	ctx, cancel := context.WithTimeout(s.send, settleTimeout)
	defer cancel()
	if err := s.e.config.Store.FanOut(ctx, events, deliveries); err != nil {
		return err
	}
	s.e.config.Observe.Events(len(events), len(deliveries))
	s.wakeAll(deliveries)
	return nil
}

// targetIn finds a target among rules.
func targetIn(rules []event.Rule, uid string) (*event.Rule, *event.Target) {
	for n := range rules {
		for m := range rules[n].Targets {
			if rules[n].Targets[m].UID == uid {
				return &rules[n], &rules[n].Targets[m]
			}
		}
	}
	return nil, nil
}

package delivery

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	// window is how many deliveries of a target are in memory, and mostWindow
	// what that may grow to when they are of fewer lanes than could be served.
	window, mostWindow = 512, 4096
	// probeWindow is read while a target is down: what is too old is given up,
	// one is tried.
	probeWindow = 64
	maxBurials  = 8
)

// runner serves one target for as long as something waits for it. It is one
// goroutine, which alone knows what is in memory; attempts and the settler leave
// it notes.
type runner struct {
	s       *session
	target  string // UID
	account string
	// held and oldest are for metrics; oldest is 0 when nothing waits.
	held   atomic.Bool
	oldest atomic.Int64

	news  chan struct{}
	mu    sync.Mutex
	inbox inbox

	way      way
	lanes    lanes
	items    map[int64]*item // in memory
	bytes    int             // of them
	burials  []burial
	underWay int // attempts
	burying  int
	breaker  breaker
	window   int
	more     bool // something may be due that is not in memory
	// cut: the store had nothing new to answer because what is in memory filled
	// the answer. There may be more once some of that is noted.
	cut  bool
	next time.Time // when something that waits becomes due; zero: never
	turn time.Time // when the rate allows the next message; zero: nothing was asked
	// trouble counts failures of the store or the rules.
	trouble int
	gone    time.Time // since when the target is in no rule
	idle    time.Time // since when nothing waits
	// lastFailure is what a target that fails has said last.
	lastFailure string
	letters     int // dead letters that the log does not know of
	lettersAt   time.Time
}

// inbox is what others tell a runner.
type inbox struct {
	more  bool
	ended []ended
	noted []meta.Settlement
}

func (i *inbox) empty() bool { return !i.more && len(i.ended) == 0 && len(i.noted) == 0 }

func newRunner(s *session, target, account string) *runner {
	return &runner{
		s: s, target: target, account: account,
		news: make(chan struct{}, 1), items: map[int64]*item{}, window: window, more: true,
		lanes: lanes{byName: map[string]*lane{}},
	}
}

func (r *runner) leave(note func(*inbox)) {
	r.mu.Lock()
	note(&r.inbox)
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// wake says that something may be due.
func (r *runner) wake() { r.leave(func(i *inbox) { i.more = true }) }

// noted says that the store knows outcomes.
func (r *runner) noted(all []meta.Settlement) {
	r.leave(func(i *inbox) { i.noted = append(i.noted, all...) })
}

func (r *runner) hasNews() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.inbox.empty()
}

// linger is how long a runner stays when nothing waits: for targets that get
// something every now and then the way needs not be found each time.
const linger = 2 * time.Second

// run serves the target until nothing waits for it or the session ends.
func (r *runner) run() {
	defer func() { r.s.budget.give(r.bytes) }()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		r.readInbox()
		if r.s.work.Err() != nil {
			if r.underWay+r.burying == 0 {
				r.s.retire(r)
				return
			}
			<-r.news // attempts end by their time-out, or when sending is cut
			continue
		}
		now := r.s.e.now()
		if !r.next.IsZero() && !now.Before(r.next) {
			r.next, r.more = time.Time{}, true
		}
		if r.mayLoad(now) {
			r.load()
			continue // what came in meanwhile comes first
		}
		r.pump(now)
		r.held.Store(r.breaker.open() || r.paused(now))
		at, wanted := r.rest()
		if !wanted {
			if at = r.idleUntil(now); !now.Before(at) && r.s.retire(r) {
				return
			}
		} else {
			r.idle = time.Time{}
		}
		r.sleep(timer, now, at)
	}
}

// idleUntil is how long the runner stays although nothing waits.
func (r *runner) idleUntil(now time.Time) time.Time {
	if r.idle.IsZero() {
		r.idle = now
		r.oldest.Store(0)
	}
	return r.idle.Add(linger)
}

// sleep waits for news, or until a time if it is not zero.
func (r *runner) sleep(timer *time.Timer, now, at time.Time) {
	var due <-chan time.Time
	if !at.IsZero() {
		timer.Reset(max(at.Sub(now), 0))
		due = timer.C
	}
	select {
	case <-r.s.work.Done():
	case <-r.news:
	case <-due:
	}
}

// rest answers whether the target has anything to wait for, and until when it
// has if nobody says anything.
func (r *runner) rest() (at time.Time, wanted bool) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if r.more || r.lanes.waiting > 0 {
		wanted = true
		switch {
		case r.paused(r.s.e.now()):
			earlier(r.breaker.until)
		case !r.turn.IsZero() && len(r.lanes.ready) > 0:
			earlier(r.turn)
		}
	}
	if !r.next.IsZero() {
		earlier(r.next)
	}
	return at, wanted || !at.IsZero() || len(r.items)+r.underWay+r.burying+len(r.burials) > 0
}

func (r *runner) paused(now time.Time) bool { return now.Before(r.breaker.until) }

// readInbox takes in what others have said. It is never called while the store
// is being asked: an answer of the store may be older than the notes.
func (r *runner) readInbox() {
	select {
	case <-r.news:
	default:
	}
	r.mu.Lock()
	in := r.inbox
	r.inbox = inbox{}
	r.mu.Unlock()
	r.more = r.more || in.more
	for n := range in.ended {
		r.ended(&in.ended[n])
	}
	for n := range in.noted {
		r.forgetNoted(&in.noted[n])
	}
}

// forgetNoted drops a delivery from memory now that the store will not answer
// it again, or not before it is due.
func (r *runner) forgetNoted(s *meta.Settlement) {
	if it, ok := r.items[s.ID]; ok {
		if s.Outcome == meta.TryAgain {
			r.lanes.release(it)
		}
		r.forget(it)
	}
	if s.Outcome == meta.TryAgain && (r.next.IsZero() || s.DueAt.Before(r.next)) {
		r.next = s.DueAt
	}
	if r.cut {
		r.cut, r.more = false, true
	}
}

func (r *runner) forget(items ...*item) {
	for _, it := range items {
		delete(r.items, it.ID)
		r.bytes -= it.size
		r.s.budget.give(it.size)
	}
}

// ended goes on after an attempt.
func (r *runner) ended(e *ended) {
	now := r.s.e.now()
	if e.burial {
		r.burying--
	} else {
		r.underWay--
	}
	switch {
	case e.interrupted: // the session ends; whoever goes on sends it again
		return
	case e.works:
		if r.breaker.open() {
			r.s.e.log.Info("a target works again", "account", r.account, "rule", e.item.Rule, "target", e.item.TargetID)
		}
		r.breaker.works()
		r.lastFailure = ""
	case e.failed:
		r.lastFailure = clip(e.failure, maxReason/2)
		if r.breaker.failed(now, e.item.probe, e.after) {
			r.s.e.log.Warn("a target does not work; it is tried now and then", "account", r.account,
				"rule", e.item.Rule, "target", e.item.TargetID, "error", e.settlement.Reason)
			r.unload()
		}
	}
	if e.settlement.Outcome == meta.GivenUp {
		r.logGivenUp(e.item, e.settlement.Reason)
	}
	r.settle(e.item, e.settlement)
}

// settle has the store note an outcome, and lets the lane go on unless the
// delivery is to be tried again.
func (r *runner) settle(it *item, s meta.Settlement) {
	it.Body, it.shared = nil, nil
	if it.lane != nil {
		if s.Outcome == meta.TryAgain {
			r.forget(r.lanes.hold(it)...)
		} else {
			r.lanes.done(it)
		}
	}
	r.s.settler.add(settling{r, s})
}

// unload forgets what waits in memory; it is in the store.
func (r *runner) unload() {
	r.forget(r.lanes.clear()...)
	r.more = true
}

// pump sends what may be sent.
func (r *runner) pump(now time.Time) {
	r.bury()
	if r.lanes.waiting == 0 || r.paused(now) || !r.find(now) {
		return
	}
	for r.underWay < r.slots() && len(r.lanes.ready) > 0 {
		if v := r.given(&r.lanes.ready[0].queue[0].Delivery, now); v != nil {
			r.giveUp(r.lanes.next(), v)
			continue
		}
		if r.turn.IsZero() {
			r.turn = r.s.e.limits.reserve(r.way.route.RateKey, r.way.route.Rate, now)
		}
		if r.turn.After(now) {
			return
		}
		r.turn = time.Time{}
		it := r.lanes.next()
		it.probe = r.breaker.open()
		r.underWay++
		go r.attempt(it, r.way)
	}
}

// slots is how many messages may be under way.
func (r *runner) slots() int {
	if r.breaker.open() {
		return 1
	}
	n := r.way.route.Concurrency
	if n <= 0 {
		n = r.s.e.config.Concurrency
	}
	if r.underWay > 0 && r.s.e.sends.Load() >= maxSends {
		return min(n, r.underWay)
	}
	return n
}

package delivery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	// maxLoads is how many targets read from the store at a time: pulls need
	// its readers, too.
	maxLoads = 3
	// sweepEvery is how often the store is asked which targets something waits
	// for, should nobody have said so.
	sweepEvery = 5 * time.Second
	// sweepGap is the least time between two sweeps that were asked for.
	sweepGap = time.Second
)

// session is one time of holding the lease.
type session struct {
	e       *Engine
	work    context.Context // ends when nothing new may begin
	send    context.Context // ends when what is under way must end
	settler *settler
	budget  *budget
	bodies  bodies
	loads   chan struct{}
	// pendingSince is when the oldest event was stored that waits for the
	// rules, in nanoseconds since 1970; 0 when none does.
	pendingSince atomic.Int64
	sweeps       chan struct{}

	mu      sync.Mutex
	runners map[string]*runner // by UID of the target
	closed  bool
	running sync.WaitGroup
}

func newSession(work, send context.Context, e *Engine) *session {
	return &session{
		e: e, work: work, send: send,
		settler: newSettler(e),
		budget:  &budget{all: int64(e.config.Memory)},
		bodies:  bodies{byEvent: map[int64]weak.Pointer[body]{}},
		loads:   make(chan struct{}, maxLoads),
		sweeps:  make(chan struct{}, 1),
		runners: map[string]*runner{},
	}
}

// run ends when work does and everything under way has come to an end.
func (s *session) run() {
	var background sync.WaitGroup
	background.Go(s.relay)
	background.Go(s.sweep)
	background.Go(s.purge)
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		s.settler.run()
	}()
	<-s.work.Done()
	background.Wait()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	s.settler.finish()
	<-settled
}

// wake tells a target's runner that something may be due, making one if there
// is none.
func (s *session) wake(target, account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.runners[target]; ok {
		r.wake()
		return
	}
	if s.closed {
		return
	}
	r := newRunner(s, target, account)
	s.runners[target] = r
	s.running.Go(r.run)
}

// retire forgets a runner that has nothing to do, unless there is news for it.
func (s *session) retire(r *runner) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.hasNews() && s.work.Err() == nil {
		return false
	}
	delete(s.runners, r.target)
	return true
}

// wakeAll wakes the targets of new deliveries.
func (s *session) wakeAll(deliveries []meta.NewDelivery) {
	var last string
	seen := map[string]bool{}
	for n := range deliveries {
		d := &deliveries[n]
		if d.Target == last || seen[d.Target] {
			continue
		}
		last = d.Target
		seen[last] = true
		s.wake(d.Target, d.Account)
	}
}

// sweep wakes the targets for which something is due: at the beginning, when
// asked, and now and then.
func (s *session) sweep() {
	for {
		waiting, err := s.e.config.Store.WaitingTargets(s.work)
		if err != nil && s.work.Err() == nil {
			s.e.log.Error("asking for what waits to be delivered", "error", err)
		}
		soon := s.e.now().Add(sweepEvery)
		for _, t := range waiting {
			if !t.Due.After(soon) {
				s.wake(t.Target, t.Account)
			}
		}
		if !wait(s.work, sweepGap) {
			return
		}
		regular := time.NewTimer(sweepEvery - sweepGap)
		select {
		case <-s.work.Done():
		case <-s.sweeps:
		case <-regular.C:
		}
		regular.Stop()
	}
}

// sweepSoon asks for a sweep.
func (s *session) sweepSoon() {
	select {
	case s.sweeps <- struct{}{}:
	default:
	}
}

func (s *session) load() Load {
	l := Load{Leading: true, Sending: int(s.e.sends.Load()), Memory: int(s.budget.used.Load())}
	now := s.e.now()
	if since := s.pendingSince.Load(); since != 0 {
		l.Oldest = now.Sub(time.Unix(0, since))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runners {
		if r.held.Load() {
			l.Held++
		}
		if since := r.oldest.Load(); since != 0 {
			l.Targets++
			l.Oldest = max(l.Oldest, now.Sub(time.Unix(0, since)))
		}
	}
	return l
}

// budget is what all targets together may hold in memory.
type budget struct {
	all  int64
	used atomic.Int64
}

const (
	minShare = 16 << 10
	maxShare = 4 << 20
)

// share answers how much one target may hold now. It is a part of what is left,
// so that something always is: many that hold much are each given less, and
// nobody nothing.
func (b *budget) share() int {
	return int(min(max((b.all-b.used.Load())/8, minShare), maxShare))
}

// reserve takes a share.
func (b *budget) reserve() int {
	n := b.share()
	b.take(n)
	return n
}

func (b *budget) take(n int) { b.used.Add(int64(n)) }
func (b *budget) give(n int) { b.used.Add(-int64(n)) }

package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	settleBatch   = 512
	settleTimeout = 30 * time.Second
	// lastSettle bounds how long a stop waits for the store.
	lastSettle      = 5 * time.Second
	minSettleRetry  = 100 * time.Millisecond
	maxSettleRetry  = 5 * time.Second
	minGap, maxGap  = 2 * time.Millisecond, 32 * time.Millisecond
	idleAfter       = 2 * maxGap
	storeRetryFirst = time.Second
	storeRetryMost  = 30 * time.Second
)

// settler notes the outcomes of all targets' attempts in few transactions, in
// the order in which the attempts ended. So what a crash brings back of a lane
// is always its end, in order.
type settler struct {
	e    *Engine
	news chan struct{}
	done chan struct{} // no more will come

	mu    sync.Mutex
	queue []settling
}

// settling is an outcome and the runner that wants to know when it is noted.
type settling struct {
	runner     *runner
	settlement meta.Settlement
}

func newSettler(e *Engine) *settler {
	return &settler{e: e, news: make(chan struct{}, 1), done: make(chan struct{})}
}

func (t *settler) add(s settling) {
	t.mu.Lock()
	t.queue = append(t.queue, s)
	t.mu.Unlock()
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// finish has run end after what was added is noted.
func (t *settler) finish() { close(t.done) }

func (t *settler) run() {
	var p pace
	for {
		select {
		case <-t.done:
			t.flushAll()
			return
		case <-t.news:
		}
		p.wait(t.done, t.e.now)
		for batch := t.take(); len(batch) > 0; batch = t.take() {
			if !t.flush(batch) {
				return
			}
		}
		p.mark(t.e.now())
	}
}

func (t *settler) take() []settling {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.queue), settleBatch)
	batch := t.queue[:n:n]
	if t.queue = t.queue[n:]; len(t.queue) == 0 {
		t.queue = nil
	}
	return batch
}

// flush notes a batch, however long the store takes to be there again: until
// then nothing of it counts as done. It answers false when the engine stops
// before.
func (t *settler) flush(batch []settling) bool {
	for delay := minSettleRetry; ; delay = min(2*delay, maxSettleRetry) {
		err := t.settle(batch, settleTimeout)
		if err == nil {
			return true
		}
		t.e.log.Error("noting what was delivered; it is tried again", "deliveries", len(batch), "error", err)
		retry := time.NewTimer(delay)
		select {
		case <-retry.C:
		case <-t.done:
			retry.Stop()
			if err := t.settle(batch, lastSettle); err == nil {
				t.flushAll()
			}
			return false
		}
	}
}

// flushAll notes what is left, once.
func (t *settler) flushAll() {
	for batch := t.take(); len(batch) > 0; batch = t.take() {
		if err := t.settle(batch, lastSettle); err != nil {
			t.e.log.Error("noting what was delivered; it will be sent again", "deliveries", len(batch), "error", err)
			return
		}
	}
}

func (t *settler) settle(batch []settling, timeout time.Duration) error {
	// It is as true after the end of the session as before.
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	all := make([]meta.Settlement, len(batch))
	for n := range batch {
		all[n] = batch[n].settlement
	}
	if err := t.e.config.Store.Settle(ctx, all); err != nil {
		return err
	}
	acknowledge(batch)
	return nil
}

// acknowledge tells runners what is noted.
func acknowledge(batch []settling) {
	byRunner := map[*runner][]meta.Settlement{}
	for _, s := range batch {
		byRunner[s.runner] = append(byRunner[s.runner], s.settlement)
	}
	for r, settled := range byRunner {
		r.noted(settled)
	}
}

// pace spaces rounds of work for the sake of the store, which has one writer:
// the first after a pause begins at once; while they follow each other each
// waits a little longer for company, up to maxGap.
type pace struct {
	last time.Time
	gap  time.Duration
}

func (p *pace) wait(end <-chan struct{}, now func() time.Time) {
	since := now().Sub(p.last)
	if since >= idleAfter {
		p.gap = 0
		return
	}
	p.gap = min(max(2*p.gap, minGap), maxGap)
	if since >= p.gap {
		return
	}
	t := time.NewTimer(p.gap - since)
	defer t.Stop()
	select {
	case <-t.C:
	case <-end:
	}
}

func (p *pace) mark(at time.Time) { p.last = at }

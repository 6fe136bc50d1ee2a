package delivery

import (
	"context"
	"time"
)

const (
	leaseName  = "events"
	leaseTime  = 15 * time.Second
	leaseRenew = 5 * time.Second
	// leaseTry is how often those who stand by try.
	leaseTry = 2 * time.Second
	// leaseMargin before a lease that could not be prolonged runs out all
	// sending stops.
	leaseMargin = 2 * time.Second
)

// lead serves whenever no other engine does, until draining ends.
func (e *Engine) lead(draining, cutting context.Context) {
	for draining.Err() == nil {
		until := e.now().Add(leaseTime)
		held, err := e.config.Store.TakeLease(draining, leaseName, e.config.Owner, e.now(), until)
		switch {
		case err != nil && draining.Err() == nil:
			e.log.Error("taking the lease of event delivery", "error", err)
		case held:
			e.serve(draining, cutting, until)
			continue
		}
		wait(draining, leaseTry)
	}
}

// serve delivers while the lease is held.
func (e *Engine) serve(draining, cutting context.Context, until time.Time) {
	cutting, lost := context.WithCancel(cutting)
	defer lost()
	// What drains also drains when the lease is lost.
	draining, drained := context.WithCancel(draining)
	defer drained()
	defer context.AfterFunc(cutting, drained)()

	// The lease is kept for as long as anything is under way, hence by a context
	// that ends after all the others.
	keeping, end := context.WithCancel(cutting)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		if !e.keepLease(keeping, until) {
			e.log.Warn("event delivery has lost its lease; another process delivers now, or this one again soon")
			lost()
		}
	}()
	s := newSession(draining, cutting, e)
	e.serving.Store(s)
	s.run()
	e.serving.Store(nil)
	end()
	<-kept
	e.dropLease()
}

// keepLease prolongs the lease until ctx ends, and answers false once it is
// lost.
func (e *Engine) keepLease(ctx context.Context, until time.Time) bool {
	for {
		safe := until.Add(-leaseMargin).Sub(e.now())
		if safe <= 0 {
			return false
		}
		if !wait(ctx, min(leaseRenew, safe)) {
			return true
		}
		now := e.now()
		next := now.Add(leaseTime)
		try, cancel := context.WithTimeout(ctx, max(until.Add(-leaseMargin).Sub(now), time.Millisecond))
		held, err := e.config.Store.TakeLease(try, leaseName, e.config.Owner, now, next)
		cancel()
		switch {
		case err == nil && !held:
			return ctx.Err() != nil
		case err == nil:
			until = next
		case ctx.Err() == nil:
			e.log.Warn("prolonging the lease of event delivery", "error", err)
		}
	}
}

// dropLease lets another process take over without a wait.
func (e *Engine) dropLease() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseMargin)
	defer cancel()
	if err := e.config.Store.DropLease(ctx, leaseName, e.config.Owner); err != nil {
		e.log.Warn("giving up the lease of event delivery", "error", err)
	}
}

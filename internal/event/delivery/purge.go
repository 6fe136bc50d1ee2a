package delivery

import (
	"context"
	"time"
)

const (
	purgeEvery = time.Minute
	purgeStep  = 500
	// purgeGap lets others write between two steps.
	purgeGap = 20 * time.Millisecond
)

// purge removes what is older than it is kept, little by little.
func (s *session) purge() {
	store, c := s.e.config.Store, &s.e.config
	for wait(s.work, purgeEvery) {
		events := s.purgeAll(store.PurgeEvents, "events", c.EventsKeep)
		letters := s.purgeAll(store.PurgeDeadLetters, "dead letters", c.DeadLettersKeep)
		c.Observe.Purged(events, letters)
		s.e.limits.prune(s.e.now())
		s.e.rules.forget()
	}
}

func (s *session) purgeAll(step func(context.Context, time.Time, int) (int, error), what string, keep time.Duration) (removed int) {
	before := s.e.now().Add(-keep)
	for {
		n, err := step(s.work, before, purgeStep)
		removed += n
		if err != nil && s.work.Err() == nil {
			s.e.log.Error("removing what is old", "of", what, "error", err)
		}
		if err != nil || n < purgeStep || !wait(s.work, purgeGap) {
			return removed
		}
	}
}

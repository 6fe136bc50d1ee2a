package service

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLongRequestsOfOneAccountDoNotKeepTheOthersOut(t *testing.T) {
	var l longRequests
	var leaves []func()
	for range maxLong {
		leave, err := l.enter(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.enter(gone, "busy"); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many, who does not wait: %v", err)
	}
	leave, err := l.enter(gone, "other")
	if err == nil {
		leave()
	} else if leave, err = l.enter(t.Context(), "other"); err != nil {
		t.Errorf("another account: %v", err)
	} else {
		leave()
	}
	for _, leave := range leaves {
		leave()
	}
	if len(l.of) != 0 {
		t.Errorf("%d accounts are remembered", len(l.of))
	}
}

func TestLongRequestsHaveTheirTurnOneAfterTheOther(t *testing.T) {
	var l longRequests
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			leave, err := l.enter(context.Background(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			now.Add(-1)
			leave()
		})
	}
	wg.Wait()
	if most.Load() > maxLong || len(l.of) != 0 {
		t.Errorf("%d at a time; %d are remembered", most.Load(), len(l.of))
	}
}

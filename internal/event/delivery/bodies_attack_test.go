package delivery_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/meta"
)

// copying is a store that answers what is read from it in memory of its own, as
// databases do.
type copying struct{ *store }

func (c copying) DueDeliveries(ctx context.Context, target string, now time.Time, limit, maxBytes int) ([]meta.Delivery, time.Time, error) {
	due, next, err := c.store.DueDeliveries(ctx, target, now, limit, maxBytes)
	for n := range due {
		due[n].Body = bytes.Clone(due[n].Body)
	}
	return due, next, err
}

// One large event for very many targets that hang is in memory once, and not
// once for each of them.
func TestALargeEventForManyTargetsIsHeldOnce(t *testing.T) {
	const targets = 200
	w := newWorld(t)
	var all []event.Rule
	var mu sync.Mutex
	held := map[*byte]int{}
	here := make(chan struct{}, targets)
	for n := range targets {
		id := fmt.Sprint("t", n)
		all = append(all, rule("r"+id, id))
		w.answer(id, func(ctx context.Context, m delivery.Message) error {
			mu.Lock()
			held[&m.Body[0]]++
			mu.Unlock()
			here <- struct{}{}
			return hangs(ctx, m)
		})
	}
	w.rules.set(account, all...)
	c := w.config()
	c.Store = copying{w.store}
	large := fmt.Appendf(nil, `{"version":"0","id":"large","detail-type":"x","source":"aws.ecr","account":%q,"time":"2026-01-02T03:04:05Z","region":"eu-west-1","resources":[],"detail":{"x":"%0200000d"}}`, account, 0)
	if err := w.store.AppendEvents(t.Context(), []meta.Event{{Account: account, At: time.Now(), Body: large}}); err != nil {
		t.Fatal(err)
	}
	w.startAnother(c)
	for range targets {
		<-here
	}
	mu.Lock()
	defer mu.Unlock()
	if len(held) != 1 {
		t.Errorf("%d targets hold %d copies", targets, len(held))
	}
}

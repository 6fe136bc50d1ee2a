package events

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/ecru-registry/ecru/test/server"
)

// TestTargetThatFailsGetsEverythingLater: nothing is lost on a target that
// refuses for a while, and no other waits for it.
func TestTargetThatFailsGetsEverythingLater(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "web")
	failing, healthy := newReceiver(t), newReceiver(t)
	failing.say(http.StatusServiceUnavailable)
	subscribe(t, s, "failing", images, destination(t, s, "failing", failing.URL))
	subscribe(t, s, "healthy", images, destination(t, s, "healthy", healthy.URL))
	p := newPusher(t, s)
	const n = 30
	pushAll(t, p, n)
	healthy.await(t, "all events at the healthy target", arrived(n))
	failing.await(t, "attempts at the failing target", func(_ []envelope, attempts int) bool { return attempts > 0 })
	if got := len(failing.received()); got != 0 {
		t.Fatalf("%d events arrived at a target that refuses all", got)
	}
	failing.say(http.StatusOK)
	failing.await(t, "all events at the target that came back", arrived(n))
}

// TestTargetThatHangsHoldsNobodyUp: pushes and other targets go on beside
// requests that hang, and what hung arrives when the target is back.
func TestTargetThatHangsHoldsNobodyUp(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "web")
	hanging, healthy := newReceiver(t), newReceiver(t)
	hanging.hang()
	subscribe(t, s, "hanging", images, destination(t, s, "hanging", hanging.URL))
	subscribe(t, s, "healthy", images, destination(t, s, "healthy", healthy.URL))
	p := newPusher(t, s)
	if _, err := p.push("web", "first"); err != nil {
		t.Fatal(err)
	}
	hanging.await(t, "a request that hangs", func(_ []envelope, attempts int) bool { return attempts > 0 })
	const n = 30
	pushAll(t, p, n)
	healthy.await(t, "all events at the healthy target", arrived(n+1))
	hanging.release()
	hanging.await(t, "all events at the target that hung", arrived(n+1))
}

// TestEventsOfAnImageArriveInOrder: also across failures.
func TestEventsOfAnImageArriveInOrder(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "web")
	r := newReceiver(t)
	r.say(http.StatusInternalServerError)
	subscribe(t, s, "order", images, destination(t, s, "order", r.URL))
	p := newPusher(t, s)
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 20 {
		tag := fmt.Sprintf("v%d", i)
		if _, err := p.put("web", tag, image); err != nil {
			t.Fatal(err)
		}
		want = append(want, tag)
	}
	r.await(t, "a failed attempt", func(_ []envelope, attempts int) bool { return attempts > 0 })
	r.say(http.StatusOK)
	r.await(t, "all events", arrived(len(want)))
	var got []string
	for _, e := range r.received() {
		if !slices.Contains(got, e.Detail.Tag) { // at least once
			got = append(got, e.Detail.Tag)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("tags arrived in the order %v, not %v", got, want)
	}
}

// TestKilledBeforeDelivery: what was committed while its target was down
// arrives after the server was killed, although nobody pushes any more.
func TestKilledBeforeDelivery(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		s.CreateRepository(t, "web")
		r := newReceiver(t)
		r.hang()
		subscribe(t, s, "all", images, destination(t, s, "all", r.URL))
		const n = 25
		pushAll(t, newPusher(t, s), n)
		s.Kill(t)
		r.release()
		before := len(r.received())
		s.Restart(t)
		r.await(t, "all events after the restart", arrived(n))
		t.Logf("%d of %d events were delivered after the kill", len(r.received())-before, n)
	})
}

func pushAll(t *testing.T, p pusher, n int) {
	t.Helper()
	for i := range n {
		if _, err := p.push("web", fmt.Sprintf("t%d", i)); err != nil {
			t.Fatal(err)
		}
	}
}

// arrived says that n different events have arrived.
func arrived(n int) func([]envelope, int) bool {
	return func(events []envelope, _ int) bool { return len(ids(events)) >= n }
}

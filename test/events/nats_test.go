package events

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ecru-registry/ecru/test/natsserver"
	"github.com/ecru-registry/ecru/test/server"
)

// TestNATSStreamGetsEveryEventOnce: a JetStream that goes away and comes back
// has each event once in the end, because attempts that are repeated carry the
// same id.
func TestNATSStreamGetsEveryEventOnce(t *testing.T) {
	n := natsserver.Start(t, `authorization { token: "key of nats" }`)
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "web")
	stream := makeStream(t, n.Address)
	subscribe(t, s, "nats", images, destination(t, s, "nats", "nats://"+n.Address+"/ecr.images"))
	p := newPusher(t, s)
	const half = 20
	for i := range half {
		if _, err := p.push("web", fmt.Sprintf("before%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	n.Stop()
	for i := range half {
		if _, err := p.push("web", fmt.Sprintf("while%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	n.Restart()
	count := ids(readStream(t, stream, 2*half))
	if len(count) != 2*half {
		t.Errorf("the stream has %d different events, not %d", len(count), 2*half)
	}
	for id, times := range count {
		if times != 1 {
			t.Errorf("event %s is in the stream %d times", id, times)
		}
	}
}

func makeStream(t *testing.T, address string) jetstream.Stream {
	t.Helper()
	connection, err := nats.Connect("nats://"+address, nats.Token("key of nats"), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	js, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ecr", Subjects: []string{"ecr.>"}, Storage: jetstream.FileStorage})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// readStream reads n messages of a stream, and whatever more is there then.
func readStream(t *testing.T, stream jetstream.Stream, n int) []envelope {
	t.Helper()
	consumer, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var all []envelope
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		batch, err := consumer.Fetch(100, jetstream.FetchMaxWait(time.Second))
		if err != nil {
			continue // it is down at the moment
		}
		before := len(all)
		for m := range batch.Messages() {
			var e envelope
			if err := json.Unmarshal(m.Data(), &e); err != nil {
				t.Fatalf("%v: %s", err, m.Data())
			}
			all = append(all, e)
		}
		if len(all) >= n && len(all) == before {
			return all
		}
	}
	t.Fatalf("the stream has %d messages after %v, not %d", len(all), patience, n)
	return nil
}

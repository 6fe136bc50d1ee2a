package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// TestABrokenLayerIsReadOnceInHoweverManyImages: the layers that take the longest
// are those that are made to.
func TestABrokenLayerIsReadOnceInHoweverManyImages(t *testing.T) {
	s := &shelf{content: bytes.Repeat([]byte("no archive"), 1000), records: map[string][]byte{}}
	x := &Indexer{Store: s, Content: s, Logger: slog.New(slog.DiscardHandler)}
	var fault *inventory.Error
	for range 3 {
		if _, err := x.Layer(t.Context(), "0", "web", "sha256:aa"); !errors.As(err, &fault) {
			t.Fatalf("%v, want a fault of the layer", err)
		}
	}
	if s.opened != 1 {
		t.Errorf("opened %d times, want once", s.opened)
	}
	if now := time.Now(); x.faults.of("sha256:aa", now) == nil || x.faults.of("sha256:aa", now.Add(2*faultsKept)) != nil {
		t.Error("the fault is not forgotten after a while")
	}
	for n := range maxFaults + 1 {
		x.faults.learn(fmt.Sprint(n), fault, time.Now())
	}
	if len(x.faults.known) > maxFaults {
		t.Errorf("%d faults are remembered", len(x.faults.known))
	}
}

// crowd is a shelf that notes how many of its contents are open at a time.
type crowd struct {
	shelf
	now, most atomic.Int32
}

func (c *crowd) Open(ctx context.Context, key string) (blob.Content, error) {
	if n := c.now.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	content, err := c.shelf.Open(ctx, key)
	return closing{content, func() { c.now.Add(-1) }}, err
}

type closing struct {
	blob.Content
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return c.Content.Close()
}

func TestOnlyAFewLayersAreReadAtATime(t *testing.T) {
	c := &crowd{shelf: shelf{content: alpine().tar(), records: map[string][]byte{}}}
	x := &Indexer{Store: c, Content: c, Logger: slog.New(slog.DiscardHandler)}
	var wg sync.WaitGroup
	for n := range 64 {
		wg.Go(func() {
			if _, err := x.Layer(context.Background(), "0", "web", fmt.Sprintf("sha256:%02x", n)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c.opened != 64 || c.most.Load() > maxReading {
		t.Errorf("%d were read, %d at a time", c.opened, c.most.Load())
	}
}

// sameLayer answers the same record whatever is asked for.
type sameLayer struct {
	record *inventory.LayerRecord
	asked  int
}

func (l *sameLayer) Layer(context.Context, string, string, string) (*inventory.LayerRecord, error) {
	l.asked++
	return l.record, nil
}

// TestManifestsOfAnyNumberOfLayersAreBounded: one layer that is there can be named
// thousands of times.
func TestManifestsOfAnyNumberOfLayersAreBounded(t *testing.T) {
	from := &sameLayer{record: &inventory.LayerRecord{Paths: make([]uint64, 1000)}}
	m := &registry.Manifest{Layers: make([]registry.Descriptor, 20_000)}
	for i := range m.Layers {
		m.Layers[i].Digest = "sha256:aa"
	}
	var reason ImageError
	_, err := Merged(t.Context(), from, "0", "web", m)
	if !errors.As(err, &reason) || !errors.Is(err, inventory.ErrLimit) || from.asked != 1 {
		t.Errorf("%v after asking %d times; want a limit after one", err, from.asked)
	}
}

package service_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// hushed is a store that can be kept from storing the events of pushes.
type hushed struct {
	meta.Store
	silent bool
}

func (s *hushed) PutImage(ctx context.Context, in meta.PutImage) (meta.PutImageResult, error) {
	if s.silent {
		in.Announce = nil
	}
	return s.Store.PutImage(ctx, in)
}

// BenchmarkEventOfPush pushes small images (three layers of 10 KB, a config and
// a manifest with a tag) in turns with and without the event of the push, into
// one store, and tells the median of what each pair of neighbours differs by.
func BenchmarkEventOfPush(b *testing.B) {
	h := newHouse(b)
	store := &hushed{Store: h.config.Store}
	h.config.Store = store
	h.restart()
	h.repository("web")
	h.pushSmall(b)
	var silently, added []time.Duration
	for turn := 0; b.Loop(); turn++ {
		var took [2]time.Duration
		for n := range took {
			i := (n + turn) % len(took) // neither is always the first
			store.silent = i == 0
			begin := time.Now()
			h.pushSmall(b)
			took[i] = time.Since(begin)
		}
		silently, added = append(silently, took[0]), append(added, took[1]-took[0])
	}
	without := median(silently)
	b.ReportMetric(float64(without.Microseconds()), "µs/silent-push")
	b.ReportMetric(float64(median(added).Microseconds()), "µs/event")
	b.ReportMetric(100*float64(median(added))/float64(without), "%added")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func (h *house) pushSmall(b *testing.B) {
	content := make([]byte, 10_000)
	var layers []any
	for range 3 {
		_, _ = rand.Read(content)
		layers = append(layers, map[string]any{
			"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": h.pushContent(b, string(content)), "size": len(content),
		})
	}
	config := h.pushContent(b, hex.EncodeToString(content[:100]))
	payload, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 200},
		"layers": layers,
	})
	push := service.PushManifest{Repository: "web", Payload: payload, Tags: []string{strconv.Itoa(int(content[0]))}}
	if _, _, err := h.PutManifest(context.Background(), h.owner, push); err != nil {
		b.Fatal(err)
	}
}

func (h *house) pushContent(b *testing.B, content string) string {
	digest := digestOf(content)
	if _, err := h.PushBlob(context.Background(), h.owner, "web", digest, body(content)); err != nil {
		b.Fatal(err)
	}
	return digest
}

// BenchmarkAnnounce makes the event of a push, within the transaction.
func BenchmarkAnnounce(b *testing.B) {
	h := newHouse(b)
	digest := digestOf("an image")
	change := meta.Change{
		Kind: meta.ImagePushed, Account: account, Repository: "team/web",
		Image: registry.Image{Digest: digest, MediaType: registry.MediaTypeOCIManifest, ArtifactType: "application/vnd.oci.image.config.v1+json"},
		IDs:   []registry.ImageID{{Digest: digest, Tag: "v1.0"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if events := h.Announce(change); len(events) != 1 {
			b.Fatal(events)
		}
	}
}

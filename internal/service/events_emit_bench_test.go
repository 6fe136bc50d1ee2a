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

// silentStore stores no events.
type silentStore struct{ meta.Store }

func (s silentStore) PutImage(ctx context.Context, in meta.PutImage) (meta.PutImageResult, error) {
	in.Announce = nil
	return s.Store.PutImage(ctx, in)
}

// BenchmarkEventOfPush pushes small images (three layers of 10 KB, a config and
// a manifest with a tag) in turns with and without the event of the push, and
// tells the median of what each pair of neighbours differs by: both have seen
// the same machine.
func BenchmarkEventOfPush(b *testing.B) {
	announced, silent := newHouse(b), newHouse(b)
	silent.config.Store = silentStore{silent.config.Store}
	silent.restart()
	houses := []*house{announced, silent}
	took := make([][]time.Duration, len(houses))
	for _, h := range houses {
		h.repository("web")
		h.pushSmall(b)
	}
	for turn := 0; b.Loop(); turn++ {
		for n := range houses {
			i := (n + turn) % len(houses) // none is always the first
			begin := time.Now()
			houses[i].pushSmall(b)
			took[i] = append(took[i], time.Since(begin))
		}
	}
	added := make([]time.Duration, len(took[0]))
	for i := range added {
		added[i] = took[0][i] - took[1][i]
	}
	silently := median(took[1])
	b.ReportMetric(float64(silently.Microseconds()), "µs/silent-push")
	b.ReportMetric(float64(median(added).Microseconds()), "µs/event")
	b.ReportMetric(100*float64(median(added))/float64(silently), "%added")
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

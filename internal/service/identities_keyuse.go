package service

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// keyUseGranule is how often the same use of a key is recorded at most.
const keyUseGranule = time.Minute

// KeyUsed notes that a request was signed with a long-lived access key. It must
// only be called once the signature was found good, and does not block.
func (s *Service) KeyUsed(id, service, region string) {
	use := meta.KeyUse{ID: id, At: s.Now(), Service: service, Region: region}
	last, ok := s.keyUses.last(id)
	if ok && last.Service == service && last.Region == region && use.At.Sub(last.At) < keyUseGranule {
		return
	}
	s.keyUses.add(id, use)
}

func newKeyUses(ring meta.KeyRing, log *slog.Logger) *batch[string, meta.KeyUse] {
	return newBatch("uses of keys", log, func(ctx context.Context, uses map[string]meta.KeyUse) error {
		return ring.RecordKeyUses(ctx, slices.Collect(maps.Values(uses)))
	})
}

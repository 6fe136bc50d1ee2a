package sql

import (
	"context"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// BenchmarkUncovered is what images without coverage pay for that of others:
// their pulls, a hundred at a time, and their deletion.
func BenchmarkUncovered(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store) {
		ctx := context.Background()
		const images = 20_000
		all := largeRepository(b, s, images)
		repo, err := s.Repository(ctx, benchAccount, "large")
		check(b, err)
		b.Run("RecordPulls", func(b *testing.B) {
			now := time.Now()
			for n := range b.N {
				pulls := make([]meta.Pull, 100)
				for i := range pulls {
					pulls[i] = meta.Pull{RepositoryID: repo.ID, Digest: all[(n*100+i*7)%images].Digest, At: now.Add(time.Duration(n) * time.Second)}
				}
				check(b, s.RecordPulls(ctx, pulls))
			}
		})
		next := 0
		b.Run("DeleteImage", func(b *testing.B) {
			for range b.N {
				if next == images {
					b.Skip("all are deleted")
				}
				_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: benchAccount, Repository: "large", ID: registry.ImageID{Digest: all[next].Digest}})
				check(b, err)
				next++
			}
		})
	})
}

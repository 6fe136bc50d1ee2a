package sql

import (
	"context"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const qStats = `SELECT (SELECT count(*) FROM repositories WHERE account IS NOT NULL), (SELECT coalesce(sum(images), 0){pg:::bigint} FROM image_counts),
	b.n, b.bytes FROM (SELECT count(*) AS n, coalesce(sum(size), 0){pg:::bigint} AS bytes FROM blobs) b`

// statsFor is how long figures are good: counting blobs reads all their rows.
const statsFor = time.Minute

type statsCache struct {
	mu    sync.Mutex
	stats meta.Stats
	until time.Time
}

// Stats is part of meta.Statistics.
func (s *Store) Stats(ctx context.Context) (meta.Stats, error) {
	c := &s.stats
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.stats, nil
	}
	var n meta.Stats
	if _, err := s.read.row(ctx, qStats, nil, &n.Repositories, &n.Images, &n.Blobs, &n.Bytes); err != nil {
		return meta.Stats{}, err
	}
	c.stats, c.until = n, time.Now().Add(statsFor)
	return n, nil
}

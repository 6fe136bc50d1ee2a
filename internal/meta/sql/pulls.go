package sql

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

const qRecordPull = `UPDATE images SET last_pulled_at = ? WHERE repository_id = ? AND digest = ? AND last_pulled_at < ?`

type pulledImage struct {
	repository int64
	digest     string
}

// compare gives all writers one order, in which they cannot lock each other out.
func (a pulledImage) compare(b pulledImage) int {
	return cmp.Or(cmp.Compare(a.repository, b.repository), cmp.Compare(a.digest, b.digest))
}

// RecordPulls is part of meta.ImageWriter.
func (s *Store) RecordPulls(ctx context.Context, pulls []meta.Pull) error {
	if len(pulls) == 0 {
		return nil
	}
	latest := map[pulledImage]time.Time{}
	for _, p := range pulls {
		if key := (pulledImage{p.RepositoryID, p.Digest}); p.At.After(latest[key]) {
			latest[key] = p.At
		}
	}
	order := slices.SortedFunc(maps.Keys(latest), pulledImage.compare)
	return s.write(ctx, func(t *tx) error {
		for _, key := range order {
			at := micros(latest[key])
			if _, err := t.exec(qRecordPull, at, key.repository, key.digest, at); err != nil {
				return err
			}
		}
		_, err := t.exec(qPullsDue, pullArguments(t.d, order, latest)...)
		return err
	})
}

// pullArguments makes the arguments of qPullsDue.
func pullArguments(d *dialect, order []pulledImage, latest map[pulledImage]time.Time) []any {
	if !d.numbered {
		rows := make([][3]any, len(order))
		for n, key := range order {
			rows[n] = [3]any{key.repository, toText(key.digest), micros(latest[key])}
		}
		return []any{toJSON(rows)}
	}
	repositories, digests, times := make([]int64, len(order)), make([]string, len(order)), make([]int64, len(order))
	for n, key := range order {
		repositories[n], digests[n], times[n] = key.repository, toText(key.digest), micros(latest[key])
	}
	return []any{repositories, digests, times}
}

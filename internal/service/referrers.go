package service

import (
	"context"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// How much of a page of referrers is in memory at a time: their annotations
// may be as large as manifests.
const (
	referrerBatch    = 8
	maxReferrerBytes = 8 << 20
)

// ReferrerPage answers up to q.Limit referrers and whether there are more. It
// is shorter than it could be where annotations are large.
// Errors: RepositoryNotFound.
func (s *Service) ReferrerPage(ctx context.Context, c Caller, repository, subject string, q ReferrerQuery) ([]registry.Referrer, bool, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchGetImage", repository)
	if err != nil {
		return nil, false, err
	}
	for _, t := range q.ArtifactTypes {
		if strings.IndexByte(t, 0) >= 0 {
			return nil, false, registry.InvalidParameter("filter.artifactTypes", "must be text")
		}
	}
	page, size := []registry.Referrer{}, 0
	most := q.Limit
	for {
		q.Limit = min(referrerBatch, most-len(page)) + 1
		batch, err := s.Store.Referrers(ctx, scope.Account, repository, subject, q)
		if err != nil {
			return nil, false, err
		}
		more := len(batch) == q.Limit
		if more {
			batch = batch[:q.Limit-1]
		}
		for i, r := range batch {
			if size += annotationBytes(r.Annotations); size > maxReferrerBytes && len(page) > 0 {
				return page, true, nil
			}
			page = append(page, batch[i])
		}
		if !more || len(page) >= most {
			return page, more, nil
		}
		q.After = page[len(page)-1].Digest
	}
}

func annotationBytes(annotations map[string]string) int {
	n := 0
	for key, value := range annotations {
		n += len(key) + len(value)
	}
	return n
}

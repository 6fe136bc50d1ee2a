package oci

import (
	"net/http"
	"net/url"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	// maxReferrers is how many referrers a page has at most.
	maxReferrers = 500
	// referrerBatch is how many are fetched at once: their annotations may be
	// as large as manifests.
	referrerBatch = 64
	// maxReferrerBytes of annotations end a page early.
	maxReferrerBytes = registry.MaxManifestSize
	// maxArtifactTypes is how many types one request may filter by.
	maxArtifactTypes = 16
)

type referrerIndex struct {
	SchemaVersion int                   `json:"schemaVersion"`
	MediaType     string                `json:"mediaType"`
	Manifests     []registry.Descriptor `json:"manifests"`
}

// getReferrers lists the manifests whose subject is a digest, as an index.
func (h *Handler) getReferrers(x *exchange) error {
	if !registry.ValidDigest(x.target.ref) {
		return errDigest
	}
	p, query, err := parsePage(x.r.URL, maxReferrers)
	if err != nil {
		return err
	}
	if p.last != "" && !registry.ValidDigest(p.last) {
		return errPageStart
	}
	filters, err := artifactTypes(query)
	if err != nil {
		return err
	}
	found, more, err := h.referrers(x, p, filters)
	if err != nil {
		return err
	}
	if len(filters) > 0 {
		x.w.Header().Set("Oci-Filters-Applied", "artifactType")
	}
	if more && len(found) > 0 {
		linkNext(x, p.size, found[len(found)-1].Digest, url.Values{"artifactType": filters})
	}
	writeJSON(x, http.StatusOK, registry.MediaTypeOCIIndex, referrerIndex{2, registry.MediaTypeOCIIndex, found})
	return nil
}

func artifactTypes(query url.Values) ([]string, error) {
	var types []string
	for _, t := range query["artifactType"] {
		if t == "" {
			continue
		}
		if !storable(t) || len(types) == maxArtifactTypes {
			return nil, errQuery
		}
		types = append(types, t)
	}
	return types, nil
}

// referrers collects a page, and says whether there is more after it.
func (h *Handler) referrers(x *exchange, p page, types []string) (found []registry.Descriptor, more bool, err error) {
	found, size := []registry.Descriptor{}, 0
	q := service.ReferrerQuery{ArtifactTypes: types, After: p.last}
	for {
		q.Limit = min(referrerBatch, p.size-len(found)) + 1
		batch, err := h.Registry.Referrers(x.r.Context(), x.caller, x.target.name, x.target.ref, q)
		if err != nil {
			return nil, false, err
		}
		for i, r := range batch {
			if i == q.Limit-1 {
				break // it only shows that there is more
			}
			if len(found) > 0 && size > maxReferrerBytes {
				return found, true, nil
			}
			size += annotationBytes(r.Annotations)
			found = append(found, registry.Descriptor{
				MediaType: r.MediaType, Digest: r.Digest, Size: r.Size,
				ArtifactType: r.ArtifactType, Annotations: r.Annotations,
			})
		}
		if len(batch) < q.Limit || len(found) >= p.size {
			return found, len(batch) == q.Limit, nil
		}
		q.After = found[len(found)-1].Digest
	}
}

func annotationBytes(annotations map[string]string) int {
	n := 0
	for key, value := range annotations {
		n += len(key) + len(value)
	}
	return n
}

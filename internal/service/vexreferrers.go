package service

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/vex"
)

// Bounds of what is read beside one image.
const (
	maxReferrers    = 1000 // that are looked at
	vexReferrerStep = 100
	maxVexReferrers = 64
	maxVexLayers    = 4        // of a referrer
	maxVexBeside    = 32 << 20 // bytes of memory that documents take, in all
)

// vexArtifact says whether referrers of an artifact type may be VEX documents.
func vexArtifact(artifactType string) bool { return vex.IsArtifact(artifactType) }

// vexReferrers reads the VEX documents that were pushed beside an image, into its
// repository. What cannot be read says nothing.
func (s *Service) vexReferrers(ctx context.Context, account string, image finding.Image) ([]vex.Source, error) {
	if image.Repository == "" {
		return nil, nil
	}
	digests, err := s.vexReferrerDigests(ctx, account, image)
	if err != nil || len(digests) == 0 {
		return nil, err
	}
	ids := make([]registry.ImageID, len(digests))
	for i, digest := range digests {
		ids[i].Digest = digest
	}
	pushed, err := s.Store.Images(ctx, account, image.Repository, ids)
	if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var sources []vex.Source
	weight := 0
	for i, digest := range digests {
		if pushed[i] == nil || pushed[i].Status != registry.ImageActive {
			continue
		}
		document, err := s.vexReferrer(ctx, account, image.Repository, digest)
		if err != nil {
			return nil, err
		}
		if weight += document.weight(); weight > maxVexBeside {
			break
		}
		for _, part := range document.parts {
			sources = append(sources, vex.Source{Scope: vex.ImageScope, Document: part, ID: digest, Before: pushed[i].PushedAt, Given: true})
		}
	}
	return newestOf(sources), nil
}

// vexReferrerDigests are the referrers that may be VEX documents.
func (s *Service) vexReferrerDigests(ctx context.Context, account string, image finding.Image) ([]string, error) {
	var digests []string
	q := meta.ReferrerQuery{Limit: vexReferrerStep}
	for range maxReferrers / vexReferrerStep {
		page, err := s.Store.Referrers(ctx, account, image.Repository, image.Digest, q)
		if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			if vexArtifact(r.ArtifactType) && len(digests) < maxVexReferrers {
				digests = append(digests, r.Digest)
			}
		}
		if len(page) < vexReferrerStep || len(digests) >= maxVexReferrers {
			break
		}
		q.After = page[len(page)-1].Digest
	}
	return digests, nil
}

// newestOf leaves out documents of which a newer edition lies beside the image,
// too.
func newestOf(sources []vex.Source) []vex.Source {
	older := func(a, b *vex.Source) bool {
		if c := a.Document.IssuedAt.Compare(b.Document.IssuedAt); c != 0 {
			return c < 0
		}
		return a.Before.Before(b.Before)
	}
	newest := map[string]int{}
	for i := range sources {
		before, known := newest[sources[i].Document.ID]
		if !known || older(&sources[before], &sources[i]) {
			newest[sources[i].Document.ID] = i
		}
	}
	var out []vex.Source
	for i, source := range sources {
		if id := source.Document.ID; id == "" || newest[id] == i {
			out = append(out, source)
		}
	}
	return out
}

// vexReferrer reads the documents that are the layers of a referrer. Its digest
// says what they are.
func (s *Service) vexReferrer(ctx context.Context, account, repository, digest string) (*compiledDocument, error) {
	if known, ok := s.said.documents.get(digest); ok {
		return known, nil
	}
	stored, err := s.Store.Manifest(ctx, account, repository, registry.Reference{Digest: digest})
	if code := registry.CodeOf(err); code == registry.CodeImageNotFound || code == registry.CodeRepositoryNotFound {
		return &compiledDocument{}, nil // gone meanwhile
	}
	if err != nil {
		return nil, err
	}
	read := &compiledDocument{}
	if manifest, err := registry.ParseManifest(stored.MediaType, stored.Payload); err == nil {
		for _, layer := range manifest.Layers[:min(len(manifest.Layers), maxVexLayers)] {
			text, err := s.smallBlob(ctx, account, repository, layer.Digest, MaxStatementBytes)
			if err != nil {
				return nil, err
			}
			if text == nil {
				return read, nil // gone, or too large: not to be remembered
			}
			if document, err := vex.Parse(text); err == nil {
				read.parts = append(read.parts, vex.Compile(document))
			}
		}
	}
	s.said.documents.put(digest, read, read.weight())
	return read, nil
}

// smallBlob reads a blob whole; nothing when it is gone or larger than most.
func (s *Service) smallBlob(ctx context.Context, account, repository, digest string, most int64) ([]byte, error) {
	b, err := s.Store.Blob(ctx, account, repository, digest)
	if slices.Contains([]registry.Code{registry.CodeLayersNotFound, registry.CodeRepositoryNotFound}, registry.CodeOf(err)) || err == nil && b.Size > most {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := s.Content.Open(ctx, b.Key)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(io.LimitReader(content, most))
}

package service

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func sha512Hash() hash.Hash { return sha512.New() }

// StatBlob answers a blob of a repository.
// Errors: RepositoryNotFound, LayersNotFound.
func (s *Service) StatBlob(ctx context.Context, c Caller, repository, digest string) (meta.Blob, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchCheckLayerAvailability", repository)
	if err != nil {
		return meta.Blob{}, err
	}
	return s.Store.Blob(ctx, scope.Account, repository, digest)
}

// OpenBlob answers a blob of a repository with its content, which the caller
// closes. Errors: RepositoryNotFound, LayersNotFound.
func (s *Service) OpenBlob(ctx context.Context, c Caller, repository, digest string) (meta.Blob, Content, error) {
	scope, err := s.allowOn(ctx, c, "ecr:GetDownloadUrlForLayer", repository)
	if err != nil {
		return meta.Blob{}, nil, err
	}
	return s.openBlob(ctx, scope.Account, repository, digest)
}

// Content is open content of a blob, named here for transports, which do not
// know the port behind it. Of a local store it is an *os.File.
type Content = blob.Content

// ErrDamaged is what reading content ends with that is not what was stored.
var ErrDamaged = blob.ErrDamaged

// OpenGrantedBlob answers the blob that a grant names with its content, which
// the caller closes. The transport has verified the grant's signature; that is
// all the authority that it takes. Errors: RepositoryNotFound, LayersNotFound.
func (s *Service) OpenGrantedBlob(ctx context.Context, g iam.LayerGrant) (meta.Blob, Content, error) {
	if !s.Now().Before(g.Expires) {
		return meta.Blob{}, nil, registry.Errorf(registry.CodeAccessDenied, "Request has expired")
	}
	return s.openBlob(ctx, g.Account, g.Repository, g.Digest)
}

// openBlob opens a blob that its reader may read.
func (s *Service) openBlob(ctx context.Context, account, repository, digest string) (meta.Blob, Content, error) {
	found, err := s.Store.Blob(ctx, account, repository, digest)
	if err != nil {
		return meta.Blob{}, nil, err
	}
	content, err := s.Content.Open(ctx, found.Key)
	if errors.Is(err, blob.ErrNotFound) {
		// The row was there a moment ago: a deletion won, or bytes were lost.
		s.Logger.Error("a blob has a row and no bytes", "digest", digest, "key", found.Key)
		return meta.Blob{}, nil, registry.LayerNotFound(account, repository, digest)
	}
	if errors.Is(err, blob.ErrLocked) {
		s.Logger.Error("a blob cannot be read without its key", "digest", digest, "key", found.Key, "error", err)
		return meta.Blob{}, nil, &registry.Error{Code: registry.CodeKms, Message: "The content is encrypted with a key that the registry was not started with", Err: err}
	}
	if err != nil {
		return meta.Blob{}, nil, registry.Internal("opening a blob", err)
	}
	return found, content, nil
}

// DownloadableBlob answers a blob of a repository for a client that will fetch
// it without credentials: one that an image needs, as others may be removed at
// any time. Errors: RepositoryNotFound, LayersNotFound, LayerInaccessible.
func (s *Service) DownloadableBlob(ctx context.Context, c Caller, repository, digest string) (meta.Blob, error) {
	scope, err := s.allowOn(ctx, c, "ecr:GetDownloadUrlForLayer", repository)
	if err != nil {
		return meta.Blob{}, err
	}
	found, err := s.Store.Blob(ctx, scope.Account, repository, digest)
	if err != nil {
		return found, err
	}
	needed, err := s.Store.BlobNeeded(ctx, scope.Account, repository, digest)
	if err == nil && !needed {
		err = registry.LayerInaccessible(scope.Account, repository, digest)
	}
	return found, err
}

// LayerAvailability is what is known of one digest.
type LayerAvailability struct {
	Digest    string
	Valid     bool // false: not a digest at all
	Available bool
	Size      int64
}

// CheckLayers answers for each digest whether the repository has it.
// Errors: RepositoryNotFound.
func (s *Service) CheckLayers(ctx context.Context, c Caller, repository string, digests []string) ([]LayerAvailability, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchCheckLayerAvailability", repository)
	if err != nil {
		return nil, err
	}
	present, err := s.Store.BlobsPresent(ctx, scope.Account, repository, digests)
	if err != nil {
		return nil, err
	}
	out := make([]LayerAvailability, 0, len(digests))
	for _, d := range digests {
		b, ok := present[d]
		out = append(out, LayerAvailability{Digest: d, Valid: registry.DigestShaped(d), Available: ok, Size: b.Size})
	}
	return out, nil
}

// MountBlob links a blob of another repository into one, if the account allows
// mounting, both are encrypted alike and the caller may read the source. It
// answers false where it cannot, and the client uploads instead.
// Errors: RepositoryNotFound (target).
func (s *Service) MountBlob(ctx context.Context, c Caller, repository, from, digest string) (meta.Blob, bool, error) {
	scope, err := s.allowOn(ctx, c, "ecr:InitiateLayerUpload", repository)
	if err != nil {
		return meta.Blob{}, false, err
	}
	target, err := s.repositoryForPush(ctx, c, scope, repository, "ecr:InitiateLayerUpload")
	if err != nil {
		return meta.Blob{}, false, err
	}
	if !registry.ValidRepositoryName(from) || !registry.ValidDigest(digest) {
		return meta.Blob{}, false, nil
	}
	if _, denied := s.allowOn(ctx, c, "ecr:GetDownloadUrlForLayer", from); denied != nil {
		return meta.Blob{}, false, nil //nolint:nilerr // as if it were not there
	}
	mounting, err := s.setting(ctx, scope.Account, registry.SettingBlobMounting)
	if err != nil || mounting != registry.MountingEnabled {
		return meta.Blob{}, false, err
	}
	source, err := s.Store.Repository(ctx, scope.Account, from)
	if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
		return meta.Blob{}, false, nil
	}
	if err != nil || source.Encryption != target.Encryption {
		return meta.Blob{}, false, err
	}
	return s.Store.MountBlob(ctx, scope.Account, from, repository, digest, s.Now())
}

// DeleteBlob takes a blob away from a repository.
// Errors: RepositoryNotFound, LayersNotFound, ImageReferencedByManifestList
// when an image of the repository needs it.
func (s *Service) DeleteBlob(ctx context.Context, c Caller, repository, digest string) error {
	scope, err := s.allowOn(ctx, c, "ecr:BatchDeleteImage", repository)
	if err != nil {
		return err
	}
	return s.Store.UnlinkBlob(ctx, scope.Account, repository, digest, s.Now())
}

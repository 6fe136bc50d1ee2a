package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// ManifestUse says what a manifest is read for.
type ManifestUse int

const (
	// ManifestLook does not count as a pull.
	ManifestLook ManifestUse = iota
	// ManifestPull is recorded as a pull of the image.
	ManifestPull
)

// Manifest answers the manifest that ref names.
// Errors: RepositoryNotFound, ImageNotFound.
func (s *Service) Manifest(ctx context.Context, c Caller, repository string, ref registry.Reference, use ManifestUse) (*registry.StoredManifest, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchGetImage", repository)
	if err != nil {
		return nil, err
	}
	m, err := s.Store.Manifest(ctx, scope.Account, repository, ref)
	if err != nil {
		return nil, err
	}
	if use == ManifestPull {
		s.pulled(ctx, c, scope.Account, m)
	}
	return m, nil
}

// ImageFailure is why one image of a batch was not answered or deleted. The
// codes are ECR's image failure codes.
type ImageFailure struct {
	ID     registry.ImageID
	Code   string
	Reason string
}

// FoundImage is one image of a batch, under the id that was asked for.
type FoundImage struct {
	ID       registry.ImageID // digest and, if asked for, tag
	Manifest *registry.StoredManifest
}

// maxBatchBytes bounds the manifests of one answer: a hundred ids of 4 MiB each
// would be held in memory several times over.
const maxBatchBytes = 32 << 20

// BatchGetImages answers the manifests of the ids, and why not.
// Errors: RepositoryNotFound, LimitExceeded.
func (s *Service) BatchGetImages(ctx context.Context, c Caller, repository string, ids []registry.ImageID) ([]FoundImage, []ImageFailure, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchGetImage", repository)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.Store.Repository(ctx, scope.Account, repository); err != nil {
		return nil, nil, err
	}
	var found []FoundImage
	var failures []ImageFailure
	total := 0
	for _, id := range ids {
		if bad, failure := badImageID(id); bad {
			failures = append(failures, failure)
			continue
		}
		m, err := s.Store.Manifest(ctx, scope.Account, repository, id)
		switch registry.CodeOf(err) {
		case "":
			if total += len(m.Payload); total > maxBatchBytes {
				return nil, nil, registry.Errorf(registry.CodeLimitExceeded, "The manifests of the requested images exceed %d bytes. Request fewer images at a time.", maxBatchBytes)
			}
			found = append(found, FoundImage{ID: registry.ImageID{Digest: m.Digest, Tag: id.Tag}, Manifest: m})
			s.pulled(ctx, c, scope.Account, m)
		case registry.CodeImageNotFound:
			failures = append(failures, s.notFoundFailure(ctx, scope, repository, id))
		default:
			return nil, nil, err
		}
	}
	return found, failures, nil
}

// notFoundFailure tells a tag that names another digest from nothing at all.
func (s *Service) notFoundFailure(ctx context.Context, scope registry.Scope, repository string, id registry.ImageID) ImageFailure {
	if id.Digest != "" && id.Tag != "" {
		if _, err := s.Store.Manifest(ctx, scope.Account, repository, registry.ImageID{Tag: id.Tag}); err == nil {
			return ImageFailure{ID: id, Code: "ImageTagDoesNotMatchDigest", Reason: "Invalid request parameters: image tag does not match the image digest"}
		}
	}
	return ImageFailure{ID: id, Code: "ImageNotFound", Reason: "Requested image not found"}
}

func badImageID(id registry.ImageID) (bool, ImageFailure) {
	switch {
	case id.Digest == "" && id.Tag == "":
		return true, ImageFailure{ID: id, Code: "MissingDigestAndTag", Reason: "Invalid request parameters: both tag and digest cannot be null"}
	case id.Digest != "" && !registry.DigestShaped(id.Digest):
		return true, ImageFailure{ID: id, Code: "InvalidImageDigest", Reason: "Invalid request parameters: image digest should satisfy the regex '" + registry.DigestPattern + "'"}
	}
	return false, ImageFailure{}
}

// BatchDeleteImages deletes the ids and answers the (digest, tag) pairs that
// are gone, and why not. An index and its children may be deleted in one call,
// in any order. Errors: RepositoryNotFound.
func (s *Service) BatchDeleteImages(ctx context.Context, c Caller, repository string, ids []registry.ImageID) ([]registry.ImageID, []ImageFailure, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchDeleteImage", repository)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.Store.Repository(ctx, scope.Account, repository); err != nil {
		return nil, nil, err
	}
	var gone []registry.ImageID
	var failures []ImageFailure
	pending := ids
	for len(pending) > 0 {
		var referenced []registry.ImageID
		var waiting []ImageFailure
		for _, id := range pending {
			removed, failure, err := s.deleteOne(ctx, scope, repository, id)
			switch {
			case err != nil:
				return nil, nil, err
			case failure == nil:
				gone = append(gone, removed...)
			case failure.Code == "ImageReferencedByManifestList":
				referenced, waiting = append(referenced, id), append(waiting, *failure)
			default:
				failures = append(failures, *failure)
			}
		}
		if len(referenced) == len(pending) {
			return gone, append(failures, waiting...), nil
		}
		// Some went: what an index among them held back may go now.
		pending = referenced
	}
	return gone, failures, nil
}

func (s *Service) deleteOne(ctx context.Context, scope registry.Scope, repository string, id registry.ImageID) ([]registry.ImageID, *ImageFailure, error) {
	if bad, failure := badImageID(id); bad {
		return nil, &failure, nil
	}
	removed, err := s.deleteImage(ctx, meta.DeleteImage{Account: scope.Account, Repository: repository, ID: id, Mode: meta.DeleteLastTagDeletesImage})
	switch registry.CodeOf(err) {
	case "":
		return removed, nil, nil
	case registry.CodeImageNotFound:
		failure := s.notFoundFailure(ctx, scope, repository, id)
		return nil, &failure, nil
	case registry.CodeImageReferenced:
		return nil, &ImageFailure{ID: id, Code: "ImageReferencedByManifestList", Reason: clientText(err)}, nil
	}
	return nil, nil, err
}

func (s *Service) deleteImage(ctx context.Context, in meta.DeleteImage) ([]registry.ImageID, error) {
	follow := s.followAfter(s.FollowAfter)
	announce := s.announcer()
	in.Follow, in.Announce = follow.job, announce.tell
	amended, err := s.amendments(ctx, in.Account, in.Repository)
	if err != nil {
		return nil, err
	}
	in.Jobs = amended.jobs
	removed, err := s.Store.DeleteImage(ctx, in)
	follow.wake(err)
	amended.wake(err)
	announce.wake(err)
	return removed, err
}

// DeleteReference deletes a tag or a manifest as the distribution API does: a
// tag goes alone, a digest with all its tags.
// Errors: RepositoryNotFound, ImageNotFound, ImageReferencedByManifestList.
func (s *Service) DeleteReference(ctx context.Context, c Caller, repository string, ref registry.Reference) error {
	scope, err := s.allowOn(ctx, c, "ecr:BatchDeleteImage", repository)
	if err != nil {
		return err
	}
	_, err = s.deleteImage(ctx, meta.DeleteImage{Account: scope.Account, Repository: repository, ID: ref, Mode: meta.DeleteTagOnly})
	return err
}

// ListImageIDs answers a page of (digest, tag) pairs.
// Errors: RepositoryNotFound.
func (s *Service) ListImageIDs(ctx context.Context, c Caller, repository string, q meta.ImageQuery) ([]registry.ImageID, error) {
	scope, err := s.allowOn(ctx, c, "ecr:ListImages", repository)
	if err != nil {
		return nil, err
	}
	return s.Store.ListImageIDs(ctx, scope.Account, repository, q)
}

// ListTags answers up to limit tags after a tag, in bytewise order.
// Errors: RepositoryNotFound.
func (s *Service) ListTags(ctx context.Context, c Caller, repository, after string, limit int) ([]string, error) {
	scope, err := s.allowOn(ctx, c, "ecr:ListImages", repository)
	if err != nil {
		return nil, err
	}
	return s.Store.ListTags(ctx, scope.Account, repository, after, limit)
}

// Referrers answers a page of the manifests whose subject is a digest.
// Errors: RepositoryNotFound.
func (s *Service) Referrers(ctx context.Context, c Caller, repository, subject string, q meta.ReferrerQuery) ([]registry.Referrer, error) {
	scope, err := s.allowOn(ctx, c, "ecr:BatchGetImage", repository)
	if err != nil {
		return nil, err
	}
	return s.Store.Referrers(ctx, scope.Account, repository, subject, q)
}

// ImageDetail is an image with what ECR tells of it.
type ImageDetail struct {
	registry.Image
	// Scan is set only under the CLAIR engine: with the others ECR leaves scan
	// results out of image details.
	Scan *meta.Scan
}

// DescribeImages answers the images of the ids; an unknown one fails the whole
// call. Errors: RepositoryNotFound, ImageNotFound.
func (s *Service) DescribeImages(ctx context.Context, c Caller, repository string, ids []registry.ImageID) ([]ImageDetail, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImages", repository)
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Images(ctx, scope.Account, repository, ids)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var images []registry.Image
	for i, image := range found {
		if image == nil {
			return nil, registry.ImageNotFound(scope.Account, repository, ids[i])
		}
		if !seen[image.Digest] {
			seen[image.Digest] = true
			images = append(images, *image)
		}
	}
	return s.details(ctx, scope, images)
}

// ListImageDetails answers a page of images in order of digest.
// Errors: RepositoryNotFound.
func (s *Service) ListImageDetails(ctx context.Context, c Caller, repository string, q meta.ImageQuery) ([]ImageDetail, error) {
	scope, err := s.allowOn(ctx, c, "ecr:DescribeImages", repository)
	if err != nil {
		return nil, err
	}
	images, err := s.Store.ListImages(ctx, scope.Account, repository, q)
	if err != nil {
		return nil, err
	}
	return s.details(ctx, scope, images)
}

func (s *Service) details(ctx context.Context, scope registry.Scope, images []registry.Image) ([]ImageDetail, error) {
	out := make([]ImageDetail, len(images))
	for i, image := range images {
		out[i].Image = image
	}
	if len(images) == 0 {
		return out, nil
	}
	told, err := s.scansInDetails(ctx, scope.Account)
	if err != nil || !told {
		return out, err
	}
	digests := make([]string, len(images))
	for i, image := range images {
		digests[i] = image.Digest
	}
	scans, err := s.Store.Scans(ctx, images[0].RepositoryID, digests)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if scan, ok := scans[out[i].Digest]; ok && scan.Engine == registry.EngineClair {
			out[i].Scan = &scan
		}
	}
	return out, nil
}

// scansInDetails says whether image details tell of scans: only those of the
// old basic engine did.
func (s *Service) scansInDetails(ctx context.Context, account string) (bool, error) {
	engine, err := s.setting(ctx, account, registry.SettingBasicScanVersion)
	if err != nil || engine != registry.EngineClair {
		return false, err
	}
	config, err := s.scanningConfiguration(ctx, account)
	return config.Type == registry.ScanBasic, err
}

// PushManifest is a manifest that a client sends.
type PushManifest struct {
	Repository string
	MediaType  string // as declared beside the bytes; may be empty
	Payload    []byte
	Digest     string // as expected by the client; may be empty
	Tags       []string
}

// PutManifest stores a manifest as the distribution API does: putting what is
// there already is fine, unless the tag is immutable.
// Errors: RepositoryNotFound, ManifestInvalid, ManifestTooLarge, TagInvalid,
// DigestInvalid, ImageDigestDoesNotMatch, LayersNotFound,
// ReferencedImagesNotFound, ImageTagAlreadyExists, LimitExceeded.
func (s *Service) PutManifest(ctx context.Context, c Caller, in PushManifest) (*registry.Manifest, meta.PutImageResult, error) {
	return s.putImage(ctx, c, in, meta.PutImage{RefuseSameImmutable: true})
}

// PutImage stores a manifest as the API does: putting what is there already is
// an error. Errors: those of PutManifest and ImageAlreadyExists.
func (s *Service) PutImage(ctx context.Context, c Caller, in PushManifest) (*registry.Manifest, meta.PutImageResult, error) {
	return s.putImage(ctx, c, in, meta.PutImage{RefuseUnchanged: true})
}

func (s *Service) putImage(ctx context.Context, c Caller, in PushManifest, put meta.PutImage) (*registry.Manifest, meta.PutImageResult, error) {
	scope, err := s.allowOn(ctx, c, "ecr:PutImage", in.Repository)
	if err != nil {
		return nil, meta.PutImageResult{}, err
	}
	m, err := registry.ParseManifest(in.MediaType, in.Payload)
	if err != nil {
		return nil, meta.PutImageResult{}, err
	}
	digest, err := manifestDigest(in)
	if err != nil {
		return nil, meta.PutImageResult{}, err
	}
	for _, tag := range in.Tags {
		if !registry.ValidTag(tag) {
			return nil, meta.PutImageResult{}, registry.Errorf(registry.CodeTagInvalid, "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}''")
		}
	}
	put.Account, put.Repository = scope.Account, in.Repository
	put.Manifest, put.Digest, put.Payload, put.Tags, put.Now = m, digest, in.Payload, in.Tags, s.Now()
	put.MaxTagsPerImage, put.MaxImages = s.Limits.TagsPerImage, s.Limits.ImagesPerRepository
	result, err := s.storeImage(ctx, put)
	if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
		// Only now: what is no manifest creates no repository.
		if _, err := s.repositoryForPush(ctx, c, scope, in.Repository, "ecr:PutImage"); err != nil {
			return nil, result, err
		}
		result, err = s.storeImage(ctx, put)
	}
	if err != nil {
		return nil, result, err
	}
	return m, result, nil
}

func (s *Service) storeImage(ctx context.Context, put meta.PutImage) (meta.PutImageResult, error) {
	if err := s.scanOnPush(ctx, &put); err != nil {
		return meta.PutImageResult{}, err
	}
	follow := s.followAfter(0)
	announce := s.announcer()
	put.Follow, put.Announce = follow.job, announce.tell
	result, err := s.Store.PutImage(ctx, put)
	follow.wake(err)
	announce.wake(err)
	if err != nil {
		return result, err
	}
	if (result.Created || result.Restored) && len(put.Jobs) > 0 {
		s.Wake()
	}
	return result, s.pushedAgain(ctx, put, result)
}

// manifestDigest computes a manifest's digest, in the algorithm of the digest
// that the client expects if it does.
func manifestDigest(in PushManifest) (string, error) {
	if in.Digest == "" {
		sum := sha256.Sum256(in.Payload)
		return "sha256:" + hex.EncodeToString(sum[:]), nil
	}
	if !registry.ValidDigest(in.Digest) {
		return "", registry.Errorf(registry.CodeDigestInvalid, "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must satisfy regular expression '%s''", registry.DigestPattern)
	}
	h := registry.NewHash(registry.Algorithm(in.Digest))
	h.Write(in.Payload)
	computed := registry.Algorithm(in.Digest) + ":" + hexSum(h)
	if computed != in.Digest {
		return "", registry.Errorf(registry.CodeImageDigestDoesNotMatch, "The calculated image digest '%s' does not match the provided digest '%s'", computed, in.Digest)
	}
	return computed, nil
}

package ecr

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

func (h *handlers) putImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	push := service.PushManifest{
		Repository: *in.RepositoryName, MediaType: aws.ToString(in.ImageManifestMediaType),
		Payload: []byte(*in.ImageManifest), Digest: aws.ToString(in.ImageDigest),
	}
	if in.ImageTag != nil {
		push.Tags = []string{*in.ImageTag}
	}
	m, result, err := h.registry.PutImage(ctx, c, push)
	if err != nil {
		return nil, err
	}
	return &ecr.PutImageOutput{Image: &types.Image{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName,
		ImageId:       &types.ImageIdentifier{ImageDigest: &result.Image.Digest, ImageTag: in.ImageTag},
		ImageManifest: in.ImageManifest, ImageManifestMediaType: &m.MediaType,
	}}, nil
}

// batchGetImage answers an image whatever media types the client accepts, as
// there is no other form that it could be turned into; its type is said.
func (h *handlers) batchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	found, failures, err := h.registry.BatchGetImages(ctx, c, *in.RepositoryName, imageIDsOf(in.ImageIds))
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: imageFailures(failures)}
	for _, f := range found {
		out.Images = append(out.Images, types.Image{
			RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName, ImageId: imageIdentifier(f.ID),
			ImageManifest: aws.String(string(f.Manifest.Payload)), ImageManifestMediaType: &f.Manifest.MediaType,
		})
	}
	return out, nil
}

func (h *handlers) batchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	gone, failures, err := h.registry.BatchDeleteImages(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, imageIDsOf(in.ImageIds))
	if err != nil {
		return nil, err
	}
	return &ecr.BatchDeleteImageOutput{ImageIds: imageIdentifiers(gone), Failures: imageFailures(failures)}, nil
}

func (h *handlers) listImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	filter := types.ListImagesFilter{}
	if in.Filter != nil {
		filter = *in.Filter
	}
	p, err := h.page("ListImages", in.NextToken, in.MaxResults, h.account(c), *in.RepositoryName, string(filter.TagStatus), string(filter.ImageStatus))
	if err != nil {
		return nil, err
	}
	found, err := h.registry.ListImageIDs(ctx, c, *in.RepositoryName, imagesOf(p, filter.TagStatus, filter.ImageStatus))
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, imageCursor)
	return &ecr.ListImagesOutput{ImageIds: imageIdentifiers(found), NextToken: next}, nil
}

func (h *handlers) describeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	if in.ImageIds != nil {
		found, err := h.imagesByID(ctx, c, *in.RepositoryName, in.ImageIds)
		return &ecr.DescribeImagesOutput{ImageDetails: h.details(c, *in.RepositoryName, found)}, err
	}
	filter := types.DescribeImagesFilter{}
	if in.Filter != nil {
		filter = *in.Filter
	}
	p, err := h.page("DescribeImages", in.NextToken, in.MaxResults, h.account(c), *in.RepositoryName, string(filter.TagStatus), string(filter.ImageStatus))
	if err != nil {
		return nil, err
	}
	found, err := h.registry.ListImageDetails(ctx, c, *in.RepositoryName, imagesOf(p, filter.TagStatus, filter.ImageStatus))
	if err != nil {
		return nil, err
	}
	found, next := pagetoken.Cut(h.pages, p, found, func(d service.ImageDetail) string { return imageCursor(registry.ImageID{Digest: d.Digest}) })
	return &ecr.DescribeImagesOutput{ImageDetails: h.details(c, *in.RepositoryName, found), NextToken: next}, nil
}

func (h *handlers) imagesByID(ctx context.Context, c service.Caller, repository string, ids []types.ImageIdentifier) ([]service.ImageDetail, error) {
	for i := range ids {
		if _, err := oneImageID(&ids[i]); err != nil {
			return nil, err
		}
	}
	return h.registry.DescribeImages(ctx, c, repository, imageIDsOf(ids))
}

func (h *handlers) details(c service.Caller, repository string, found []service.ImageDetail) []types.ImageDetail {
	out := make([]types.ImageDetail, 0, len(found))
	for _, d := range found {
		detail := types.ImageDetail{
			RegistryId: text(h.account(c)), RepositoryName: &repository, ImageDigest: &d.Digest, ImageTags: d.Tags,
			ImageSizeInBytes: &d.Size, ImagePushedAt: moment(d.PushedAt), ImageManifestMediaType: &d.MediaType,
			ArtifactMediaType: text(d.ArtifactType), SubjectManifestDigest: text(d.SubjectDigest),
			LastRecordedPullTime: moment(d.LastPulledAt), ImageStatus: types.ImageStatus(d.Status),
			LastArchivedAt: moment(d.ArchivedAt), LastActivatedAt: moment(d.ActivatedAt),
		}
		if len(d.Tags) == 0 {
			detail.ImageTags = nil // left out, not empty
		}
		if d.Scan != nil {
			detail.ImageScanStatus = scanStatus(*d.Scan)
			detail.ImageScanFindingsSummary = scanSummary(*d.Scan)
		}
		out = append(out, detail)
	}
	return out
}

// imagesOf turns a page into a query for one image more than fits.
func imagesOf(p pagetoken.Page, tags types.TagStatus, status types.ImageStatusFilter) service.ImageQuery {
	digest, tag, _ := strings.Cut(p.Cursor, "\n")
	return service.ImageQuery{
		After: registry.ImageID{Digest: digest, Tag: tag}, Limit: p.Size + 1,
		Tags: registry.TagFilter(tags), Status: registry.ImageStatus(status),
	}
}

func imageCursor(id registry.ImageID) string { return id.Digest + "\n" + id.Tag }

// oneImageID checks the id of an operation that takes it or fails as a whole.
func oneImageID(in *types.ImageIdentifier) (registry.ImageID, error) {
	id := registry.ImageID{Digest: aws.ToString(in.ImageDigest), Tag: aws.ToString(in.ImageTag)}
	switch {
	case id.Digest == "" && id.Tag == "":
		return id, registry.Errorf(registry.CodeInvalidParameter, "Invalid request parameters: both tag and digest cannot be null")
	case id.Digest != "" && !registry.DigestShaped(id.Digest):
		return id, registry.InvalidParameter("imageDigest", "must satisfy regular expression '"+registry.DigestPattern+"'")
	}
	return id, nil
}

func imageIDsOf(in []types.ImageIdentifier) []registry.ImageID {
	out := make([]registry.ImageID, 0, len(in))
	for _, id := range in {
		out = append(out, registry.ImageID{Digest: aws.ToString(id.ImageDigest), Tag: aws.ToString(id.ImageTag)})
	}
	return out
}

func imageIdentifier(id registry.ImageID) *types.ImageIdentifier {
	return &types.ImageIdentifier{ImageDigest: text(id.Digest), ImageTag: text(id.Tag)}
}

func imageIdentifiers(ids []registry.ImageID) []types.ImageIdentifier {
	out := make([]types.ImageIdentifier, 0, len(ids))
	for _, id := range ids {
		out = append(out, *imageIdentifier(id))
	}
	return out
}

func imageFailures(failures []service.ImageFailure) []types.ImageFailure {
	out := make([]types.ImageFailure, 0, len(failures))
	for _, f := range failures {
		out = append(out, types.ImageFailure{ImageId: imageIdentifier(f.ID), FailureCode: types.ImageFailureCode(f.Code), FailureReason: &f.Reason})
	}
	return out
}

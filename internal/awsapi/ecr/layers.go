package ecr

import (
	"bytes"
	"context"
	"net/url"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// partSize is the size of a layer part that we advise.
const partSize = 10 << 20

func (h *handlers) batchCheckLayerAvailability(ctx context.Context, in *ecr.BatchCheckLayerAvailabilityInput) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	found, err := h.registry.CheckLayers(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName, in.LayerDigests)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []types.Layer{}, Failures: []types.LayerFailure{}}
	for _, l := range found {
		switch {
		case l.Digest == "":
			out.Failures = append(out.Failures, types.LayerFailure{FailureCode: types.LayerFailureCodeMissingLayerDigest,
				LayerDigest: &l.Digest, FailureReason: aws.String("Invalid request parameters: layer digest cannot be null")})
		case !l.Valid:
			out.Failures = append(out.Failures, types.LayerFailure{FailureCode: types.LayerFailureCodeInvalidLayerDigest,
				LayerDigest: &l.Digest, FailureReason: aws.String("Invalid request parameters: layer digest should satisfy the regex '" + registry.DigestPattern + "'")})
		case l.Available:
			out.Layers = append(out.Layers, types.Layer{LayerDigest: &l.Digest, LayerAvailability: types.LayerAvailabilityAvailable, LayerSize: &l.Size})
		default:
			out.Layers = append(out.Layers, types.Layer{LayerDigest: &l.Digest, LayerAvailability: types.LayerAvailabilityUnavailable})
		}
	}
	return out, nil
}

func (h *handlers) initiateLayerUpload(ctx context.Context, in *ecr.InitiateLayerUploadInput) (*ecr.InitiateLayerUploadOutput, error) {
	u, err := h.registry.StartUpload(ctx, h.caller(ctx, in.RegistryId), *in.RepositoryName)
	if err != nil {
		return nil, err
	}
	return &ecr.InitiateLayerUploadOutput{UploadId: &u.ID, PartSize: aws.Int64(partSize)}, nil
}

func (h *handlers) uploadLayerPart(ctx context.Context, in *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	first, last, length := *in.PartFirstByte, *in.PartLastByte, int64(len(in.LayerPartBlob))
	if length == 0 || last-first != length-1 {
		return nil, h.wrongPart(ctx, c, in)
	}
	u, err := h.registry.AppendUpload(ctx, c, *in.RepositoryName, *in.UploadId,
		service.Chunk{Offset: first, Length: length, Body: bytes.NewReader(in.LayerPartBlob), Part: true})
	if err != nil {
		return nil, err
	}
	return &ecr.UploadLayerPartOutput{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName, UploadId: in.UploadId,
		LastByteReceived: aws.Int64(u.Size - 1),
	}, nil
}

// wrongPart refuses a part whose bytes are not as many as its offsets say,
// telling how far the upload is.
func (h *handlers) wrongPart(ctx context.Context, c service.Caller, in *ecr.UploadLayerPartInput) error {
	u, err := h.registry.UploadStatus(ctx, c, *in.RepositoryName, *in.UploadId)
	if err != nil {
		return err
	}
	e := registry.Errorf(registry.CodeInvalidLayerPart, "The layer part holds %d bytes, which does not agree with its first byte %d and last byte %d",
		len(in.LayerPartBlob), *in.PartFirstByte, *in.PartLastByte)
	e.Upload = &registry.UploadProgress{Account: h.account(c), Repository: *in.RepositoryName, ID: *in.UploadId, Size: u.Size}
	return e
}

func (h *handlers) completeLayerUpload(ctx context.Context, in *ecr.CompleteLayerUploadInput) (*ecr.CompleteLayerUploadOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	blob, err := h.registry.CompleteUpload(ctx, c, *in.RepositoryName, *in.UploadId,
		service.Completion{Chunk: service.Chunk{Offset: service.AtEnd}, Digests: in.LayerDigests, LayerAPI: true})
	if err != nil {
		return nil, err
	}
	return &ecr.CompleteLayerUploadOutput{
		RegistryId: text(h.account(c)), RepositoryName: in.RepositoryName, UploadId: in.UploadId, LayerDigest: &blob.Digest,
	}, nil
}

func (h *handlers) getDownloadURLForLayer(ctx context.Context, in *ecr.GetDownloadUrlForLayerInput) (*ecr.GetDownloadUrlForLayerOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	blob, err := h.registry.DownloadableBlob(ctx, c, *in.RepositoryName, *in.LayerDigest)
	if err != nil {
		return nil, err
	}
	grant := iam.LayerGrant{
		Account: h.account(c), Repository: *in.RepositoryName, Digest: blob.Digest,
		Expires: h.now().Add(iam.LayerURLLifetime),
	}
	scheme, host := h.hosts.of(ctx, grant.Account)
	u := url.URL{
		Scheme: scheme, Host: host, Path: "/layers/" + grant.Account + "/" + grant.Repository + "/" + grant.Digest,
		RawQuery: url.Values{
			"expires": {strconv.FormatInt(grant.Expires.Unix(), 10)},
			"sig":     {iam.SignLayer(h.layerKey, grant)},
		}.Encode(),
	}
	return &ecr.GetDownloadUrlForLayerOutput{DownloadUrl: aws.String(u.String()), LayerDigest: &blob.Digest}, nil
}

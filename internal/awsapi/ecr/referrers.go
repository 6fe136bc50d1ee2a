package ecr

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// referrersPage is how many referrers a page has when the client does not say.
const referrersPage = 20

// Referrers is what the API needs of referrers.
type Referrers interface {
	ReferrerPage(ctx context.Context, c service.Caller, repository, subject string, q service.ReferrerQuery) (page []registry.Referrer, more bool, err error)
}

func (h *handlers) referrerOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.listImageReferrers)}
}

func (h *handlers) listImageReferrers(ctx context.Context, in *ecr.ListImageReferrersInput) (*ecr.ListImageReferrersOutput, error) {
	c := h.caller(ctx, in.RegistryId)
	subject := *in.SubjectId.ImageDigest
	if !registry.DigestShaped(subject) {
		return nil, registry.InvalidParameter("subjectId.imageDigest", "must satisfy regular expression '"+registry.DigestPattern+"'")
	}
	filter := types.ListImageReferrersFilter{}
	if in.Filter != nil {
		filter = *in.Filter
	}
	scope := append([]string{h.account(c), *in.RepositoryName, subject, string(filter.ArtifactStatus)}, filter.ArtifactTypes...)
	p, err := h.page("ListImageReferrers", in.NextToken, in.MaxResults, scope...)
	if err != nil {
		return nil, err
	}
	if in.MaxResults == nil {
		p.Size = referrersPage
	}
	found, more, err := h.registry.ReferrerPage(ctx, c, *in.RepositoryName, subject, service.ReferrerQuery{
		ArtifactTypes: filter.ArtifactTypes, After: p.Cursor, Limit: p.Size, Status: registry.ImageStatus(filter.ArtifactStatus),
	})
	if err != nil {
		return nil, err
	}
	out := &ecr.ListImageReferrersOutput{Referrers: make([]types.ImageReferrer, 0, len(found))}
	for _, r := range found {
		out.Referrers = append(out.Referrers, types.ImageReferrer{
			Digest: &r.Digest, MediaType: &r.MediaType, ArtifactType: text(r.ArtifactType), Size: &r.Size,
			Annotations: r.Annotations, ArtifactStatus: types.ArtifactStatus(r.Status),
		})
	}
	if more && len(found) > 0 {
		token := h.pages.Seal(p.List, found[len(found)-1].Digest)
		out.NextToken = &token
	}
	return out, nil
}

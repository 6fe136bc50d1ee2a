package ecr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

func (a *api) referrers(subject string, change func(*sdk.ListImageReferrersInput)) (*sdk.ListImageReferrersOutput, error) {
	in := &sdk.ListImageReferrersInput{RepositoryName: aws.String("web"), SubjectId: &types.SubjectIdentifier{ImageDigest: &subject}}
	if change != nil {
		change(in)
	}
	return a.ListImageReferrers(a.t.Context(), in)
}

func digestsOf(referrers []types.ImageReferrer) (out []string) {
	for _, r := range referrers {
		out = append(out, *r.Digest)
	}
	return out
}

func TestReferrersOfAnImage(t *testing.T) {
	a := start(t)
	a.repository("web")
	subject := a.image("web", "1", "v1")
	sbom, signature, archived := a.artifact(subject, "application/spdx+json", "first"), a.artifact(subject, "application/x-signature", "second"), a.artifact(subject, "application/spdx+json", "third")
	a.archive(archived)
	list := func(types_ []string, status types.ArtifactStatusFilter) []types.ImageReferrer {
		t.Helper()
		return apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers(subject, func(in *sdk.ListImageReferrersInput) {
			if types_ != nil || status != "" {
				in.Filter = &types.ListImageReferrersFilter{ArtifactTypes: types_, ArtifactStatus: status}
			}
		})).Referrers
	}
	sorted := func(digests ...string) []string { slices.Sort(digests); return digests }
	same(t, digestsOf(list(nil, "")), sorted(sbom, signature))
	same(t, digestsOf(list([]string{}, "ACTIVE")), sorted(sbom, signature))
	same(t, digestsOf(list(nil, "ANY")), sorted(sbom, signature, archived))
	same(t, digestsOf(list([]string{"application/spdx+json"}, "ANY")), sorted(sbom, archived))
	same(t, digestsOf(list([]string{"application/x-signature", "application/none"}, "")), []string{signature})
	found := list(nil, "ARCHIVED")
	if r := found[0]; len(found) != 1 || *r.Digest != archived || *r.MediaType != "application/vnd.oci.image.manifest.v1+json" || *r.ArtifactType != "application/spdx+json" ||
		*r.Size < 400 || r.Annotations["note"] != "third" || r.ArtifactStatus != "ARCHIVED" {
		t.Errorf("%+v", found)
	}
	unknown := apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers("sha256:"+strings.Repeat("0", 64), nil))
	if unknown.Referrers == nil || len(unknown.Referrers) != 0 || unknown.NextToken != nil {
		t.Errorf("%+v", unknown)
	}
}

func TestReferrersPage(t *testing.T) {
	a := start(t)
	a.repository("web")
	subject := a.image("web", "1", "v1")
	var all []string
	for i := range 45 {
		all = append(all, a.artifact(subject, "application/spdx+json", fmt.Sprint(i)))
	}
	slices.Sort(all)
	var sizes, got []string
	var token *string
	for {
		out := apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers(subject, func(in *sdk.ListImageReferrersInput) { in.NextToken = token }))
		sizes, got = append(sizes, fmt.Sprint(len(out.Referrers))), append(got, digestsOf(out.Referrers)...)
		if out.NextToken == nil {
			break
		}
		token = out.NextToken
	}
	same(t, sizes, []string{"20", "20", "5"})
	same(t, got, all)
	most := apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers(subject, func(in *sdk.ListImageReferrersInput) { in.MaxResults = aws.Int32(50) }))
	same(t, digestsOf(most.Referrers), all)
	if most.NextToken != nil {
		t.Error("a token after the last page")
	}
	_, err := a.referrers(digestOf([]byte("another")), func(in *sdk.ListImageReferrersInput) { in.NextToken = token })
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")
}

// Fifty referrers may have annotations as large as manifests each.
func TestPagesOfLargeReferrersAreShort(t *testing.T) {
	a := start(t)
	a.repository("web")
	subject := a.image("web", "1", "v1")
	for i := range 5 {
		a.artifact(subject, "application/spdx+json", fmt.Sprint(i)+strings.Repeat("x", 3<<20))
	}
	first := apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers(subject, nil))
	second := apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers(subject, func(in *sdk.ListImageReferrersInput) { in.NextToken = first.NextToken }))
	third := apitest.OK[*sdk.ListImageReferrersOutput](t)(a.referrers(subject, func(in *sdk.ListImageReferrersInput) { in.NextToken = second.NextToken }))
	if len(first.Referrers) != 2 || len(second.Referrers) != 2 || len(third.Referrers) != 1 || third.NextToken != nil {
		t.Errorf("pages of %d, %d and %d", len(first.Referrers), len(second.Referrers), len(third.Referrers))
	}
}

func TestReferrersThatCannotBeListed(t *testing.T) {
	a := start(t)
	a.repository("web")
	subject := digestOf([]byte("x"))
	_, err := a.referrers("latest", nil)
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'subjectId.imageDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''")
	_, err = a.referrers(subject, func(in *sdk.ListImageReferrersInput) { in.RepositoryName = aws.String("nope") })
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
	_, err = a.referrers(subject, func(in *sdk.ListImageReferrersInput) { in.MaxResults = aws.Int32(51) })
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 50'")
	_, err = a.referrers(subject, func(in *sdk.ListImageReferrersInput) {
		in.Filter = &types.ListImageReferrersFilter{ArtifactTypes: []string{"1", "2", "3", "4", "5", "6"}}
	})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'filter.artifactTypes' failed to satisfy constraint: 'Member must have length less than or equal to 5'")
	_, err = a.referrers(subject, func(in *sdk.ListImageReferrersInput) {
		in.Filter = &types.ListImageReferrersFilter{ArtifactTypes: []string{"a\x00b"}}
	})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'filter.artifactTypes' failed to satisfy constraint: 'must be text'")
	_, err = a.as("AKIDOTHER").ListImageReferrers(t.Context(), &sdk.ListImageReferrersInput{RegistryId: aws.String(account), RepositoryName: aws.String("web"), SubjectId: &types.SubjectIdentifier{ImageDigest: &subject}})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::"+other+":root is not authorized to perform: ecr:BatchGetImage on resource: "+
		"arn:aws:ecr:us-east-1:"+account+":repository/web because no resource-based policy allows the ecr:BatchGetImage action")
}

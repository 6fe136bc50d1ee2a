package inspector

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// unionTypes are the structures of which requests and answers have one.
func unionTypes() []wire.Union {
	return []wire.Union{
		wire.UnionOf[types.AggregationRequest](
			&types.AggregationRequestMemberAccountAggregation{}, &types.AggregationRequestMemberAmiAggregation{},
			&types.AggregationRequestMemberAwsEcrContainerAggregation{}, &types.AggregationRequestMemberCodeRepositoryAggregation{},
			&types.AggregationRequestMemberEc2InstanceAggregation{}, &types.AggregationRequestMemberFindingTypeAggregation{},
			&types.AggregationRequestMemberImageLayerAggregation{}, &types.AggregationRequestMemberLambdaFunctionAggregation{},
			&types.AggregationRequestMemberLambdaLayerAggregation{}, &types.AggregationRequestMemberPackageAggregation{},
			&types.AggregationRequestMemberRepositoryAggregation{}, &types.AggregationRequestMemberTitleAggregation{},
		),
		wire.UnionOf[types.AggregationResponse](
			&types.AggregationResponseMemberAccountAggregation{}, &types.AggregationResponseMemberAwsEcrContainerAggregation{},
			&types.AggregationResponseMemberFindingTypeAggregation{}, &types.AggregationResponseMemberImageLayerAggregation{},
			&types.AggregationResponseMemberPackageAggregation{}, &types.AggregationResponseMemberRepositoryAggregation{},
			&types.AggregationResponseMemberTitleAggregation{},
		),
		wire.UnionOf[types.ClusterMetadata](&types.ClusterMetadataMemberAwsEcsMetadataDetails{}, &types.ClusterMetadataMemberAwsEksMetadataDetails{}),
	}
}

// asked is an aggregation as it is asked for.
type asked struct {
	service.FindingAggregation
	path    string // of the member of the union
	request any    // to be checked
	want    service.Aggregation
	sort    string
	order   types.SortOrder
	other   bool // about what images are not

}

func (h *handlers) listFindingAggregations(ctx context.Context, in *inspector2.ListFindingAggregationsInput) (*inspector2.ListFindingAggregationsOutput, error) {
	c := caller(ctx)
	a, err := h.aggregation(in)
	if err != nil {
		return nil, err
	}
	p, err := h.page("ListFindingAggregations", in.NextToken, in.MaxResults, maxFindings, c.Account, in.AggregationType, in.AccountIds, a.path, a.request)
	if err != nil {
		return nil, err
	}
	if a.After, err = placeFrom(p.Cursor); err != nil {
		return nil, err
	}
	a.Limit = p.Size
	out := &inspector2.ListFindingAggregationsOutput{AggregationType: in.AggregationType, Responses: []types.AggregationResponse{}}
	if a.other {
		_, err := h.service.AllowInspector(ctx, c, "ListFindingAggregations")
		return out, err
	}
	groups, more, err := h.service.AggregateFindings(ctx, c, a.FindingAggregation)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		out.Responses = append(out.Responses, response(a.By, c.Account, &groups[i]))
	}
	if more {
		body, _ := json.Marshal(groups[len(groups)-1].Place) // a number and a text
		out.NextToken = h.token(p, string(body))
	}
	return out, nil
}

func placeFrom(cursor string) (*finding.Place, error) {
	if cursor == "" {
		return nil, nil
	}
	p := new(finding.Place)
	if err := json.Unmarshal([]byte(cursor), p); err != nil {
		return nil, registry.Internal("reading a place in a list of groups", err)
	}
	return p, nil
}

// aggregation reads what is asked for. Errors: a fault.
func (h *handlers) aggregation(in *inspector2.ListFindingAggregationsInput) (asked, error) {
	a := asked{}
	a.By = service.Aggregation(in.AggregationType)
	a.read(in.AggregationRequest)
	if a.want != "" && a.want != a.By {
		return a, registry.Errorf(registry.CodeValidation, "The aggregation request is for the aggregation type %s, not %s.", a.want, a.By)
	}
	if a.request != nil {
		if found := h.unions.Check(a.request); len(found) > 0 {
			for i := range found {
				found[i].Path = "aggregationRequest." + a.path + "." + found[i].Path
			}
			return a, violated(found)
		}
	}
	if len(in.AccountIds) > 0 {
		put(&a.Criteria.Texts, "awsAccountId", in.AccountIds, func(f types.StringFilter) finding.TextFilter { return *textFilter(&f) })
	}
	a.Order = finding.Order(cmp.Or(a.sort, string(finding.ByCritical)))
	a.Ascending = a.order == types.SortOrderAsc
	switch in.AggregationType {
	case types.AggregationTypeAmi, types.AggregationTypeAwsEc2Instance, types.AggregationTypeAwsLambdaFunction,
		types.AggregationTypeLambdaLayer, types.AggregationTypeCodeRepository:
		a.other = true
	case types.AggregationTypeAccount, types.AggregationTypeAwsEcrContainer, types.AggregationTypeFindingType,
		types.AggregationTypeImageLayer, types.AggregationTypePackage, types.AggregationTypeRepository, types.AggregationTypeTitle:
	}
	return a, nil
}

// read takes the members of the request for an aggregation.
func (a *asked) read(request types.AggregationRequest) {
	filters := func(name string, list any) { addFilters(&a.Criteria, name, list) }
	switch r := request.(type) {
	case *types.AggregationRequestMemberAccountAggregation:
		a.is("accountAggregation", service.AggregateAccount, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		a.of(r.Value.ResourceType, r.Value.FindingType)
	case *types.AggregationRequestMemberFindingTypeAggregation:
		a.is("findingTypeAggregation", service.AggregateType, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		a.of(r.Value.ResourceType, r.Value.FindingType)
	case *types.AggregationRequestMemberTitleAggregation:
		a.is("titleAggregation", service.AggregateTitle, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		a.of(r.Value.ResourceType, r.Value.FindingType)
		filters("title", r.Value.Titles)
		filters("vulnerabilityId", r.Value.VulnerabilityIds)
	case *types.AggregationRequestMemberRepositoryAggregation:
		a.is("repositoryAggregation", service.AggregateRepository, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		filters("ecrImageRepositoryName", r.Value.Repositories)
	case *types.AggregationRequestMemberPackageAggregation:
		a.is("packageAggregation", service.AggregatePackage, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		a.Packages = told(r.Value.PackageNames, func(f types.StringFilter) finding.TextFilter { return *textFilter(&f) })
	case *types.AggregationRequestMemberImageLayerAggregation:
		a.is("imageLayerAggregation", service.AggregateLayer, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		filters("ecrImageRepositoryName", r.Value.Repositories)
		filters("resourceId", r.Value.ResourceIds)
		a.Layers = told(r.Value.LayerHashes, func(f types.StringFilter) finding.TextFilter { return *textFilter(&f) })
	case *types.AggregationRequestMemberAwsEcrContainerAggregation:
		a.is("awsEcrContainerAggregation", service.AggregateImage, &r.Value, string(r.Value.SortBy), r.Value.SortOrder)
		filters("ecrImageRepositoryName", r.Value.Repositories)
		filters("resourceId", r.Value.ResourceIds)
		filters("ecrImageHash", r.Value.ImageShas)
		filters("ecrImageArchitecture", r.Value.Architectures)
		filters("ecrImageTags", r.Value.ImageTags)
		filters("ecrImageInUseCount", r.Value.InUseCount)
		filters("ecrImageLastInUseAt", r.Value.LastInUseAt)
	case nil:
	default: // about what images are not
		a.other = true
	}
}

func (a *asked) is(path string, by service.Aggregation, request any, sort string, order types.SortOrder) {
	a.path, a.want, a.request, a.sort, a.order = path, by, request, sort, order
}

// of notes whether findings of images are asked for at all.
func (a *asked) of(resource types.AggregationResourceType, kind types.AggregationFindingType) {
	if resource != "" && resource != types.AggregationResourceTypeAwsEcrContainerImage ||
		kind != "" && kind != types.AggregationFindingTypePackageVulnerability {
		a.other = true
	}
}

func response(by service.Aggregation, account string, g *service.FindingGroup) types.AggregationResponse {
	counts := &types.SeverityCounts{All: &g.All, Critical: &g.Critical, High: &g.High, Medium: &g.Medium}
	switch by {
	case service.AggregateAccount:
		return &types.AggregationResponseMemberAccountAggregation{Value: types.AccountAggregationResponse{
			AccountId: &account, ExploitAvailableCount: &g.Exploitable, FixAvailableCount: &g.Fixable, SeverityCounts: counts,
		}}
	case service.AggregateType:
		return &types.AggregationResponseMemberFindingTypeAggregation{Value: types.FindingTypeAggregationResponse{
			AccountId: &account, ExploitAvailableCount: &g.Exploitable, FixAvailableCount: &g.Fixable, SeverityCounts: counts,
		}}
	case service.AggregateRepository:
		return &types.AggregationResponseMemberRepositoryAggregation{Value: types.RepositoryAggregationResponse{
			Repository: &g.Repository, AccountId: &account, AffectedImages: &g.Images, SeverityCounts: counts,
		}}
	case service.AggregatePackage:
		return &types.AggregationResponseMemberPackageAggregation{Value: types.PackageAggregationResponse{
			PackageName: &g.Key, AccountId: &account, SeverityCounts: counts,
		}}
	case service.AggregateTitle:
		return &types.AggregationResponseMemberTitleAggregation{Value: types.TitleAggregationResponse{
			Title: &g.Title, AccountId: &account, VulnerabilityId: &g.VulnerabilityID, SeverityCounts: counts,
		}}
	case service.AggregateLayer:
		return &types.AggregationResponseMemberImageLayerAggregation{Value: types.ImageLayerAggregationResponse{
			AccountId: &account, LayerHash: &g.Layer, Repository: &g.Repository, ResourceId: &g.ResourceID, SeverityCounts: counts,
		}}
	case service.AggregateImage:
	}
	return &types.AggregationResponseMemberAwsEcrContainerAggregation{Value: types.AwsEcrContainerAggregationResponse{
		ResourceId: &g.ResourceID, AccountId: &account, Architecture: given(g.Image.Architecture), ImageSha: &g.Image.Digest,
		ImageTags: listed(g.Image.Tags), InUseCount: aws.Int64(0), Repository: &g.Repository, SeverityCounts: counts,
	}}
}

// aggregationConstraints are those of the members of unions.
func aggregationConstraints() []validate.Structure {
	order := is("SortOrder", oneOf("ASC", "DESC"))
	by := is("SortBy", oneOf("CRITICAL", "HIGH", "ALL"))
	resource := is("ResourceType", oneOf("AWS_EC2_INSTANCE", "AWS_ECR_CONTAINER_IMAGE", "AWS_LAMBDA_FUNCTION", "CODE_REPOSITORY"))
	kind := is("FindingType", oneOf("NETWORK_REACHABILITY", "PACKAGE_VULNERABILITY", "CODE_VULNERABILITY"))
	return append(filterConstraints(),
		validate.For[types.AccountAggregation](order, by, resource, kind),
		validate.For[types.FindingTypeAggregation](order, by, resource, kind),
		validate.For[types.TitleAggregation](order, by, resource, kind, is("Titles", filters()), is("VulnerabilityIds", filters())),
		validate.For[types.RepositoryAggregation](order, is("SortBy", oneOf("CRITICAL", "HIGH", "ALL", "AFFECTED_IMAGES")), is("Repositories", filters())),
		validate.For[types.PackageAggregation](order, by, is("PackageNames", filters())),
		validate.For[types.ImageLayerAggregation](order, by, is("Repositories", filters()), is("ResourceIds", filters()), is("LayerHashes", filters())),
		validate.For[types.AwsEcrContainerAggregation](
			order, by, is("ResourceIds", filters()), is("ImageShas", filters()), is("Repositories", filters()), is("Architectures", filters()),
			is("ImageTags", filters()), is("LastInUseAt", filters()), is("InUseCount", filters()),
		),
	)
}

package ecr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// notice is what an answer tells about what does not run yet.
func notice(metadata middleware.Metadata) string {
	response, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if !ok {
		return "no response"
	}
	return response.Header.Get("X-Ecru-Notice")
}

func to(region, registry string) types.ReplicationDestination {
	return types.ReplicationDestination{Region: &region, RegistryId: &registry}
}

func replicate(prefixes []string, destinations ...types.ReplicationDestination) types.ReplicationRule {
	r := types.ReplicationRule{Destinations: destinations}
	for _, p := range prefixes {
		r.RepositoryFilters = append(r.RepositoryFilters, types.RepositoryFilter{Filter: &p, FilterType: "PREFIX_MATCH"})
	}
	return r
}

func (a *api) putReplication(rules ...types.ReplicationRule) (*sdk.PutReplicationConfigurationOutput, error) {
	return a.PutReplicationConfiguration(a.t.Context(), &sdk.PutReplicationConfigurationInput{ReplicationConfiguration: &types.ReplicationConfiguration{Rules: append([]types.ReplicationRule{}, rules...)}})
}

func TestTheReplicationConfiguration(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	rules := []types.ReplicationRule{
		replicate([]string{"prod-", "team/"}, to("eu-west-1", account), to("us-east-1", other)),
		replicate(nil, to("eu-west-1", account)),
	}
	shown := func(rules []types.ReplicationRule) string {
		var out strings.Builder
		for _, r := range rules {
			for _, d := range r.Destinations {
				fmt.Fprintf(&out, "%s/%s ", *d.Region, *d.RegistryId)
			}
			for _, f := range r.RepositoryFilters {
				fmt.Fprintf(&out, "%s:%s ", f.FilterType, *f.Filter)
			}
			fmt.Fprintf(&out, "%t; ", r.RepositoryFilters == nil)
		}
		return out.String()
	}
	put := apitest.OK[*sdk.PutReplicationConfigurationOutput](t)(a.putReplication(rules...))
	const text = "eu-west-1/123456789012 us-east-1/210987654321 PREFIX_MATCH:prod- PREFIX_MATCH:team/ false; eu-west-1/123456789012 true; "
	if got := shown(put.ReplicationConfiguration.Rules); got != text {
		t.Error(got)
	}
	if got := notice(put.ResultMetadata); got != "Replication rules are stored; this version of ecru does not replicate yet." {
		t.Errorf("notice %q", got)
	}
	got := apitest.OK[*sdk.DescribeRegistryOutput](t)(a.DescribeRegistry(ctx, &sdk.DescribeRegistryInput{}))
	if got := shown(got.ReplicationConfiguration.Rules); got != text {
		t.Error(got)
	}
	another := apitest.OK[*sdk.DescribeRegistryOutput](t)(a.as("AKIDOTHER").DescribeRegistry(ctx, &sdk.DescribeRegistryInput{}))
	if *another.RegistryId != other || len(another.ReplicationConfiguration.Rules) != 0 {
		t.Errorf("%+v", another)
	}
	off := apitest.OK[*sdk.PutReplicationConfigurationOutput](t)(a.putReplication())
	if off.ReplicationConfiguration.Rules == nil || len(off.ReplicationConfiguration.Rules) != 0 || notice(off.ResultMetadata) != "" {
		t.Errorf("%+v", off)
	}
}

func TestReplicationConfigurationsThatAreRefused(t *testing.T) {
	a := start(t)
	refused := func(text string, rules ...types.ReplicationRule) {
		t.Helper()
		_, err := a.putReplication(rules...)
		apitest.Want(t, err, "InvalidParameterException", text)
	}
	at := func(constraint string) string {
		return "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: '" + constraint + "'"
	}
	refused(at("Replication destination cannot be the same as the source registry"), replicate(nil, to("eu-west-1", account)), replicate(nil, to(region, account)))
	for _, bad := range []string{"mars", "us-east", "us-east-1a", "cn-north-1", "us-gov-west-1"} {
		refused("Invalid region '"+bad+"'", replicate(nil, to(bad, account)))
	}
	refused(at("Replication rule contains the duplicate destination with region 'eu-west-1' and registryId '123456789012'"), replicate(nil, to("eu-west-1", account), to("eu-west-1", account)))
	var many []types.ReplicationDestination
	for i := range 26 {
		many = append(many, to("eu-west-1", fmt.Sprintf("%012d", i)))
	}
	refused(at("Replication configuration contains 26 unique destinations but must contain at most 25"), replicate(nil, many[:20]...), replicate(nil, many[10:]...))
	rules := make([]types.ReplicationRule, 26)
	for i := range rules {
		rules[i] = replicate([]string{"ab"}, many[0])
	}
	refused("Invalid parameter at 'replicationConfiguration.rules' failed to satisfy constraint: 'Member must have length less than or equal to 25'", rules...)
	refused("Invalid parameter at 'replicationConfiguration.rules.1.member.repositoryFilters.1.member.filter' failed to satisfy constraint: 'Member must have length greater than or equal to 2'",
		replicate([]string{"a"}, many[0]))
	refused("Invalid parameter at 'replicationConfiguration.rules.1.member.destinations.1.member.registryId' failed to satisfy constraint: 'Member must satisfy regular expression pattern: [0-9]{12}'",
		replicate(nil, to("eu-west-1", "1")))
	if got := apitest.OK[*sdk.DescribeRegistryOutput](t)(a.DescribeRegistry(t.Context(), &sdk.DescribeRegistryInput{})); len(got.ReplicationConfiguration.Rules) != 0 {
		t.Error("what was refused is stored")
	}
	apitest.OK[*sdk.PutReplicationConfigurationOutput](t)(a.putReplication(append(rules[:24], replicate(nil, many[:25]...))...))
}

func (a *api) replicationOf(repository string, id *types.ImageIdentifier) (*sdk.DescribeImageReplicationStatusOutput, error) {
	return a.DescribeImageReplicationStatus(a.t.Context(), &sdk.DescribeImageReplicationStatusInput{RepositoryName: &repository, ImageId: id})
}

func TestImagesThatRulesApplyToAreNotReplicatedAndThatIsSaid(t *testing.T) {
	a := start(t)
	a.repository("web")
	a.repository("prod/web")
	before := a.image("prod/web", "1", "before")
	a.Wait(time.Second)
	rule := replicate([]string{"prod/"}, to("eu-west-1", account), to("eu-west-1", other))
	apitest.OK[*sdk.PutReplicationConfigurationOutput](t)(a.putReplication(rule))
	a.Wait(time.Second)
	elsewhere, after := a.image("web", "2", "v1"), a.image("prod/web", "3", "v1")
	a.Wait(time.Second)
	// A rule that stays goes on from when it began; another begins now.
	apitest.OK[*sdk.PutReplicationConfigurationOutput](t)(a.putReplication(replicate(nil, to("eu-west-2", account)), rule))

	out := apitest.OK[*sdk.DescribeImageReplicationStatusOutput](t)(a.replicationOf("prod/web", byTag("v1")))
	if *out.RepositoryName != "prod/web" || *out.ImageId.ImageDigest != after || *out.ImageId.ImageTag != "v1" {
		t.Errorf("%+v", out)
	}
	var lines []string
	for _, s := range out.ReplicationStatuses {
		lines = append(lines, *s.Region+" "+*s.RegistryId+" "+string(s.Status)+" "+*s.FailureCode)
	}
	same(t, lines, []string{"eu-west-1 123456789012 FAILED UnsupportedOperation", "eu-west-1 210987654321 FAILED UnsupportedOperation"})
	for repository, digest := range map[string]string{"web": elsewhere, "prod/web": before} {
		out := apitest.OK[*sdk.DescribeImageReplicationStatusOutput](t)(a.replicationOf(repository, byDigest(digest)))
		if out.ReplicationStatuses == nil || len(out.ReplicationStatuses) != 0 {
			t.Errorf("%s: %+v", repository, out.ReplicationStatuses)
		}
	}
	_, err := a.replicationOf("web", byTag("nope"))
	apitest.Want(t, err, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'nope'} does not exist within the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.replicationOf("nope", byTag("nope"))
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
	_, err = a.replicationOf("web", &types.ImageIdentifier{})
	apitest.Want(t, err, "InvalidParameterException", "Invalid request parameters: both tag and digest cannot be null")
}

func TestReplicationBackfillsDoNotRun(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	destination := to("eu-west-1", other)
	begin := func() error {
		_, err := a.StartReplicationBackfill(ctx, &sdk.StartReplicationBackfillInput{Destination: &destination})
		return err
	}
	apitest.Want(t, begin(), "ValidationException", "The destination with region 'eu-west-1' and registryId '210987654321' is not part of the replication configuration of the registry")
	apitest.OK[*sdk.PutReplicationConfigurationOutput](t)(a.putReplication(replicate(nil, destination)))
	apitest.Want(t, begin(), "UnsupportedOperationException", "Replication backfills do not run in this version of ecru yet.")

	list := apitest.OK[*sdk.ListReplicationBackfillsOutput](t)(a.ListReplicationBackfills(ctx, &sdk.ListReplicationBackfillsInput{RegistryId: aws.String(account)}))
	if *list.RegistryId != account || list.Backfills == nil || len(list.Backfills) != 0 || list.NextToken != nil {
		t.Errorf("%+v", list)
	}
	_, err := a.ListReplicationBackfills(ctx, &sdk.ListReplicationBackfillsInput{MaxResults: aws.Int32(51)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 50'")
	_, err = a.ListReplicationBackfills(ctx, &sdk.ListReplicationBackfillsInput{NextToken: aws.String("x")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")

	const missing = "The replication backfill with id 'b-1' does not exist in the registry with id '123456789012'"
	_, err = a.StopReplicationBackfill(ctx, &sdk.StopReplicationBackfillInput{ReplicationBackfillId: aws.String("b-1")})
	apitest.Want(t, err, "ReplicationBackfillNotFoundException", missing)
	_, err = a.DescribeReplicationBackfillResults(ctx, &sdk.DescribeReplicationBackfillResultsInput{ReplicationBackfillId: aws.String("b-1")})
	apitest.Want(t, err, "ReplicationBackfillNotFoundException", missing)
	_, err = a.DescribeReplicationBackfillResults(ctx, &sdk.DescribeReplicationBackfillResultsInput{ReplicationBackfillId: aws.String("b-1"), ResultStatusFilter: "MAYBE"})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'resultStatusFilter' failed to satisfy constraint: 'Member must satisfy enum value set: [COMPLETE, FAILED]'")
}

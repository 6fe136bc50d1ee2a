package ecr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

func TestPullTimeUpdateExclusions(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	arn := func(i int) *string { return aws.String(fmt.Sprintf("arn:aws:iam::123456789012:role/scanner-%d", i)) }
	for i := range 5 {
		out := apitest.OK[*sdk.RegisterPullTimeUpdateExclusionOutput](t)(a.RegisterPullTimeUpdateExclusion(ctx, &sdk.RegisterPullTimeUpdateExclusionInput{PrincipalArn: arn(i)}))
		if *out.PrincipalArn != *arn(i) || time.Since(*out.CreatedAt) > time.Minute {
			t.Errorf("%+v", out)
		}
	}
	_, err := a.RegisterPullTimeUpdateExclusion(ctx, &sdk.RegisterPullTimeUpdateExclusionInput{PrincipalArn: arn(1)})
	apitest.Want(t, err, "ExclusionAlreadyExistsException", "The specified pull time update exclusion already exists for the registry.")
	gone := apitest.OK[*sdk.DeregisterPullTimeUpdateExclusionOutput](t)(a.DeregisterPullTimeUpdateExclusion(ctx, &sdk.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: arn(1)}))
	if *gone.PrincipalArn != *arn(1) {
		t.Errorf("%+v", gone)
	}
	_, err = a.DeregisterPullTimeUpdateExclusion(ctx, &sdk.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: arn(1)})
	apitest.Want(t, err, "ExclusionNotFoundException", "The specified pull time update exclusion was not found.")

	var got []string
	in := &sdk.ListPullTimeUpdateExclusionsInput{MaxResults: aws.Int32(3)}
	for n := 0; ; n++ {
		out := apitest.OK[*sdk.ListPullTimeUpdateExclusionsOutput](t)(a.ListPullTimeUpdateExclusions(ctx, in))
		for _, one := range out.PullTimeUpdateExclusions {
			got = append(got, one[strings.LastIndexByte(one, '-')+1:])
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
		if n > 2 {
			t.Fatal("too many pages")
		}
	}
	if strings.Join(got, " ") != "0 2 3 4" {
		t.Errorf("listed %v", got)
	}
	_, err = a.ListPullTimeUpdateExclusions(ctx, &sdk.ListPullTimeUpdateExclusionsInput{NextToken: aws.String("bad")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")
}

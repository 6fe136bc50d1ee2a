package ecr_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	cleanUp   = `{ "rules": [ { "rulePriority": 1, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10 }, "action": { "type": "expire" } } ] }`
	cleanedUp = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}`
)

// answer remembers the headers and the body of an answer.
type answer struct {
	header http.Header
	body   string
}

func (a *answer) option(o *sdk.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("answer", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if r, ok := out.RawResponse.(*smithyhttp.Response); ok {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				a.header, a.body = r.Header, string(body)
			}
			return out, metadata, err
		}), middleware.After)
	})
}

func TestLifecyclePolicyOfARepository(t *testing.T) {
	a := start(t)
	ctx, web := t.Context(), aws.String("web")
	a.repository("web")
	_, err := a.GetLifecyclePolicy(ctx, &sdk.GetLifecyclePolicyInput{RepositoryName: web})
	apitest.Want(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name 'web' in the registry with id '123456789012'")
	var raw answer
	put := apitest.OK[*sdk.PutLifecyclePolicyOutput](t)(a.PutLifecyclePolicy(ctx, &sdk.PutLifecyclePolicyInput{RepositoryName: web, LifecyclePolicyText: aws.String(cleanUp)}, raw.option))
	if *put.RegistryId != account || *put.RepositoryName != "web" || *put.LifecyclePolicyText != cleanedUp {
		t.Errorf("%+v %s", put, *put.LifecyclePolicyText)
	}
	if got := raw.header.Get("X-Ecru-Notice"); got != "Lifecycle policies are validated and stored; this version of ecru does not evaluate them yet." {
		t.Errorf("the notice is %q", got)
	}
	got := apitest.OK[*sdk.GetLifecyclePolicyOutput](t)(a.GetLifecyclePolicy(ctx, &sdk.GetLifecyclePolicyInput{RepositoryName: web}, raw.option))
	if *got.RegistryId != account || *got.RepositoryName != "web" || *got.LifecyclePolicyText != cleanedUp || !got.LastEvaluatedAt.Equal(time.Unix(0, 0)) {
		t.Errorf("%+v %s", got, *got.LifecyclePolicyText)
	}
	if !strings.Contains(raw.body, `"lastEvaluatedAt":0.0`) || raw.header.Get("X-Ecru-Notice") != "" {
		t.Errorf("%s (%q)", raw.body, raw.header.Get("X-Ecru-Notice"))
	}
	evaluated := time.Unix(1_800_000_000, 0)
	if err := a.store.PutDocument(ctx, account, "web", meta.LifecycleDocument, meta.Document{Text: cleanedUp, UpdatedAt: evaluated, EvaluatedAt: evaluated}); err != nil {
		t.Fatal(err)
	}
	gone := apitest.OK[*sdk.DeleteLifecyclePolicyOutput](t)(a.DeleteLifecyclePolicy(ctx, &sdk.DeleteLifecyclePolicyInput{RepositoryName: web}))
	if *gone.RegistryId != account || *gone.RepositoryName != "web" || *gone.LifecyclePolicyText != cleanedUp || !gone.LastEvaluatedAt.Equal(evaluated) {
		t.Errorf("%+v %s", gone, *gone.LifecyclePolicyText)
	}
	_, err = a.DeleteLifecyclePolicy(ctx, &sdk.DeleteLifecyclePolicyInput{RepositoryName: web})
	apitest.Want(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.PutLifecyclePolicy(ctx, &sdk.PutLifecyclePolicyInput{RepositoryName: aws.String("nope"), LifecyclePolicyText: aws.String(cleanUp)})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
}

func TestLifecyclePoliciesThatAreRefused(t *testing.T) {
	a := start(t)
	ctx, web := t.Context(), aws.String("web")
	a.repository("web")
	const at = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: '"
	for text, message := range map[string]string{
		strings.Repeat("x", 100):                        at + "Lifecycle policy parsing failure: Could not map policyString into LifecyclePolicy.'",
		"{}" + strings.Repeat(" ", 100):                 at + `Lifecycle policy validation failure: object has missing required properties (["rules"])'`,
		strings.Replace(cleanUp, "expire", "delete", 1): at + `Lifecycle policy validation failure: instance value (delete) not found in enum :(possible values: ["expire","transition"])'`,
		"{}":                                 at + "Member must have length greater than or equal to 100'",
		cleanUp + strings.Repeat(" ", 30720): at + "Member must have length less than or equal to 30720'",
	} {
		_, err := a.PutLifecyclePolicy(ctx, &sdk.PutLifecyclePolicyInput{RepositoryName: web, LifecyclePolicyText: &text})
		apitest.Want(t, err, "InvalidParameterException", message)
		_, err = a.StartLifecyclePolicyPreview(ctx, &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: web, LifecyclePolicyText: &text})
		apitest.Want(t, err, "InvalidParameterException", message)
	}
}

func TestLifecyclePreviewsSayThatThereAreNoneYet(t *testing.T) {
	a := start(t)
	ctx, web := t.Context(), aws.String("web")
	a.repository("web")
	const unsupported = "Lifecycle policy previews are not evaluated by this version of ecru yet."
	_, err := a.StartLifecyclePolicyPreview(ctx, &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: web})
	apitest.Want(t, err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.StartLifecyclePolicyPreview(ctx, &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: web, LifecyclePolicyText: aws.String(cleanUp)})
	apitest.Want(t, err, "UnsupportedOperationException", unsupported)
	apitest.OK[*sdk.PutLifecyclePolicyOutput](t)(a.PutLifecyclePolicy(ctx, &sdk.PutLifecyclePolicyInput{RepositoryName: web, LifecyclePolicyText: aws.String(cleanUp)}))
	_, err = a.StartLifecyclePolicyPreview(ctx, &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: web})
	apitest.Want(t, err, "UnsupportedOperationException", unsupported)
	_, err = a.GetLifecyclePolicyPreview(ctx, &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: web})
	apitest.Want(t, err, "LifecyclePolicyPreviewNotFoundException", "There is no dry run for this repository with name 'web' in the registry with id '123456789012'")
	_, err = a.GetLifecyclePolicyPreview(ctx, &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: aws.String("nope")})
	apitest.Want(t, err, "RepositoryNotFoundException", "The repository with name 'nope' does not exist in the registry with id '123456789012'")
	_, err = a.GetLifecyclePolicyPreview(ctx, &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: web, NextToken: aws.String("made up")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid pagination token'")
	_, err = a.GetLifecyclePolicyPreview(ctx, &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: web, MaxResults: aws.Int32(101)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 100'")
}

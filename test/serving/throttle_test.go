package serving

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/test/server"
)

// TestCallersAboveTheirRateAreHeldBack: one call in a thousand seconds, so that
// the second is too many however slow the machine is.
func TestCallersAboveTheirRateAreHeldBack(t *testing.T) {
	s := server.Start(t, server.Options{Args: []string{"--throttle", "ecr", "--throttle", "InitiateLayerUpload=0.001,ListImages=0.001"}})
	s.CreateRepository(t, "web")
	client := s.Client(t)
	for i, want := range []int{http.StatusAccepted, http.StatusTooManyRequests} {
		response, body := do(t, client, http.MethodPost, s.URL+"/v2/web/blobs/uploads/", nil)
		if response.StatusCode != want {
			t.Errorf("upload %d: %s, want %d", i+1, response.Status, want)
		}
		if want == http.StatusTooManyRequests && strings.TrimSpace(body) != `{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}` {
			t.Errorf("the refusal says %s", body)
		}
	}
	// Both protocols use up the same allowance, and other operations have theirs.
	_, err := s.ECR().InitiateLayerUpload(t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: aws.String("web")})
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "ThrottlingException" || refusal.ErrorMessage() != "Rate exceeded" {
		t.Errorf("the API says %v", err)
	}
	if _, err := s.ECR().ListImages(t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String("web")}); err != nil {
		t.Errorf("the first call of another operation: %v", err)
	}
}

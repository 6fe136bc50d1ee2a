package serving

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecru-registry/ecru/test/server"
)

// onlyOverTLS denies what does not come over TLS.
const onlyOverTLS = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Deny","Principal":"*","Action":["ecr:DescribeImages","ecr:ListImages"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

// onlyFromOutsideOverTLS denies what does not come over TLS from one network.
const onlyFromOutsideOverTLS = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Deny","Principal":"*","Action":["ecr:DescribeImages","ecr:ListImages"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},
	{"Effect":"Deny","Principal":"*","Action":["ecr:DescribeImages","ecr:ListImages"],"Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}`

// forwarded makes a call say that it came over TLS from that network. The
// headers are not signed, as those of proxies are not.
func forwarded(o *ecr.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("forwarded", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				r.Header.Set("X-Forwarded-For", "203.0.113.9")
				r.Header.Set("X-Forwarded-Proto", "https")
			}
			return next.HandleFinalize(ctx, in)
		}), middleware.After)
	})
}

// asksFromOutside asks both APIs and answers whether they were denied.
func asksFromOutside(t *testing.T, s *server.Server) (distribution int, api error) {
	t.Helper()
	_, api = s.ECR().DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web")}, forwarded)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/web/tags/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("AWS", s.Password(t))
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("X-Forwarded-Proto", "https")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, api
}

func TestAClientCannotSayItselfWhereItComesFrom(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "web")
	for _, policy := range []string{onlyOverTLS, onlyFromOutsideOverTLS} {
		if _, err := s.ECR().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: aws.String(policy)}); err != nil {
			t.Fatal(err)
		}
		distribution, api := asksFromOutside(t, s)
		if api == nil || !strings.Contains(api.Error(), "explicit deny") {
			t.Errorf("the API: %v", api)
		}
		if distribution != http.StatusForbidden {
			t.Errorf("the distribution API: %d", distribution)
		}
	}
	s.Stop(t)
	records, _ := readAudit(t, filepath.Join(s.Data, "audit", "audit.jsonl"))
	if got := find(t, records, "DescribeImages", http.StatusBadRequest); got.SourceIPAddress != "127.0.0.1" {
		t.Errorf("recorded as from %s", got.SourceIPAddress)
	}
}

func TestATrustedProxySaysWhereAClientComesFrom(t *testing.T) {
	s := server.Start(t, server.Options{Args: []string{"--trusted-proxies", "192.0.2.0/24,127.0.0.1"}})
	s.CreateRepository(t, "web")
	if _, err := s.ECR().SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: aws.String(onlyFromOutsideOverTLS)}); err != nil {
		t.Fatal(err)
	}
	if distribution, api := asksFromOutside(t, s); api != nil || distribution != http.StatusOK {
		t.Errorf("through the proxy: %v, %d", api, distribution)
	}
	if _, err := s.ECR().DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web")}); err == nil {
		t.Error("what came from the proxy itself, without TLS, was let in")
	}
	s.Stop(t)
	records, _ := readAudit(t, filepath.Join(s.Data, "audit", "audit.jsonl"))
	if got := find(t, records, "DescribeImages", http.StatusOK); got.SourceIPAddress != "203.0.113.9" {
		t.Errorf("recorded as from %s", got.SourceIPAddress)
	}
}

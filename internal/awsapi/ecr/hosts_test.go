package ecr_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
)

// at is a client that reaches the server by another name.
func (a *api) at(host string) *sdk.Client {
	address := strings.TrimPrefix(a.url, "http://")
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	a.t.Cleanup(transport.CloseIdleConnections)
	o := a.Options().Copy()
	o.BaseEndpoint = aws.String("http://" + host)
	o.HTTPClient = &http.Client{Transport: transport}
	return sdk.New(o)
}

func TestTheHostSelectsTheRegistry(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	a.repository("web")
	cases := []struct{ host, uri, endpoint string }{
		{"registry.example:8080", "registry.example:8080/web", "http://registry.example:8080"},
		{"123456789012.dkr.ecr.us-east-1.example:8080", "123456789012.dkr.ecr.us-east-1.example:8080/web", "http://123456789012.dkr.ecr.us-east-1.example:8080"},
		{"123456789012.dkr-ecr.us-east-1.on.example", "123456789012.dkr-ecr.us-east-1.on.example/web", "http://123456789012.dkr-ecr.us-east-1.on.example"},
	}
	for _, c := range cases {
		out := apitest.OK[*sdk.DescribeRepositoriesOutput](t)(a.at(c.host).DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{}))
		if len(out.Repositories) != 1 || *out.Repositories[0].RepositoryUri != c.uri {
			t.Errorf("%s: %+v", c.host, out.Repositories)
		}
		token := apitest.OK[*sdk.GetAuthorizationTokenOutput](t)(a.at(c.host).GetAuthorizationToken(ctx, &sdk.GetAuthorizationTokenInput{}))
		if got := *token.AuthorizationData[0].ProxyEndpoint; got != c.endpoint {
			t.Errorf("%s: %s", c.host, got)
		}
	}
	_, err := a.at("210987654321.dkr.ecr.us-east-1.example").DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{})
	apitest.Want(t, err, "AccessDeniedException", "User: arn:aws:iam::123456789012:root is not authorized to perform: ecr:DescribeRepositories on resource: arn:aws:ecr:us-east-1:210987654321:repository/* because no resource-based policy allows the ecr:DescribeRepositories action")
}

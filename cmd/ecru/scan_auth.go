package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/internal/awsapi/ecr"
)

// keychain answers credentials for registries: those of docker login first, then
// what this machine can ask for by itself of an ecru that it runs and of ECR.
func keychain(ctx context.Context, data string) authn.Keychain {
	if data == "" {
		data = "./ecru-data"
	}
	return authn.NewMultiKeychain(authn.DefaultKeychain, ownRegistry{ctx: ctx, data: data}, awsRegistry{ctx: ctx})
}

// loginTimeout bounds asking for a token.
const loginTimeout = 30 * time.Second

// ownRegistry is the registry of a data directory on this machine.
type ownRegistry struct {
	ctx  context.Context //nolint:containedctx // a keychain's method takes none
	data string
}

// Resolve answers a token for the registry that the data directory belongs to.
func (o ownRegistry) Resolve(r authn.Resource) (authn.Authenticator, error) {
	access, err := readAccess(o.data)
	if err != nil {
		return authn.Anonymous, nil // there is no registry here
	}
	endpoint, err := url.Parse(access.Endpoint)
	if err != nil || !sameHost(endpoint.Host, r.RegistryStr()) {
		return authn.Anonymous, nil // another registry is asked
	}
	ctx, cancel := context.WithTimeout(o.ctx, loginTimeout)
	defer cancel()
	client := &adminClient{access: access}
	answer, err := client.post(ctx, ecr.Target, "ecr", "GetAuthorizationToken", []byte("{}"))
	if err != nil {
		return nil, fmt.Errorf("asking %s for a token: %w", access.Endpoint, err)
	}
	var out struct {
		AuthorizationData []struct{ AuthorizationToken string }
	}
	if err := json.Unmarshal(answer, &out); err != nil || len(out.AuthorizationData) == 0 {
		return authn.Anonymous, err
	}
	return basic(out.AuthorizationData[0].AuthorizationToken)
}

// sameHost: localhost and 127.0.0.1 are one.
func sameHost(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return portA == portB && (hostA == hostB || isLoopback(hostA) && isLoopback(hostB))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// basic makes of ECR's token, which is user and password in base64, what a
// registry takes.
func basic(token string) (authn.Authenticator, error) {
	plain, err := base64.StdEncoding.DecodeString(token)
	user, password, found := strings.Cut(string(plain), ":")
	if err != nil || !found {
		return nil, errors.New("the registry's token cannot be read")
	}
	return &authn.Basic{Username: user, Password: password}, nil
}

// awsRegistry is ECR itself, by the credentials that AWS's own programs use.
type awsRegistry struct {
	ctx context.Context //nolint:containedctx // a keychain's method takes none
}

// Resolve asks ECR for a token.
func (a awsRegistry) Resolve(r authn.Resource) (authn.Authenticator, error) {
	parts := regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`).FindStringSubmatch(r.RegistryStr())
	if parts == nil {
		return authn.Anonymous, nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, loginTimeout)
	defer cancel()
	settings, err := config.LoadDefaultConfig(ctx, config.WithRegion(parts[2]))
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", r.RegistryStr(), err)
	}
	out, err := awsecr.NewFromConfig(settings).GetAuthorizationToken(ctx, &awsecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, fmt.Errorf("asking ECR for a token for %s: %w", r.RegistryStr(), err)
	}
	if len(out.AuthorizationData) == 0 {
		return authn.Anonymous, nil
	}
	return basic(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
}

// transportFor is nil for what needs nothing special.
func transportFor(insecure bool) http.RoundTripper {
	base, ok := remote.DefaultTransport.(*http.Transport)
	if !insecure || !ok {
		return nil
	}
	transport := base.Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // --insecure asks for it
	return transport
}

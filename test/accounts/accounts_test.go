// Package accounts tests that several accounts live in one registry as if they
// were alone: what one has is nothing to another until both say so, content
// included. It drives the real binary and must not import internal packages.
package accounts

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	digestlib "github.com/opencontainers/go-digest"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	home   = "000000000000"
	abroad = "111122223333"
)

// caller is somebody with a key.
type caller struct {
	t        *testing.T
	s        *server.Server
	api      *ecr.Client
	password string
}

// newKey is what the command prints of a key.
type newKey struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// key runs a command that prints a key.
func key(t *testing.T, s *server.Server, args ...string) newKey {
	t.Helper()
	var k newKey
	printed := s.Run(t, append(args, "--format", "json", "--data", s.Data)...)
	if err := json.Unmarshal([]byte(printed), &k); err != nil || k.AccessKeyID == "" {
		t.Fatalf("%v printed %s: %v", args, printed, err)
	}
	return k
}

func as(t *testing.T, s *server.Server, k newKey) *caller {
	t.Helper()
	c := &caller{t: t, s: s, api: ecr.New(ecr.Options{
		BaseEndpoint: aws.String(s.URL), Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""),
	})}
	token, err := c.api.GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := base64.StdEncoding.DecodeString(*token.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	_, c.password, _ = strings.Cut(string(pair), ":")
	return c
}

func owner(t *testing.T, s *server.Server) *caller {
	return as(t, s, newKey{s.Credentials.AccessKeyID, s.Credentials.SecretAccessKey})
}

// user makes a user of an account with a policy of its own.
func user(t *testing.T, s *server.Server, account, name string, flags ...string) *caller {
	t.Helper()
	s.Run(t, append([]string{"user", "create", name, "--account", account, "--data", s.Data}, flags...)...)
	return as(t, s, key(t, s, "key", "create", name, "--account", account))
}

func (c *caller) create(name string) *types.Repository {
	c.t.Helper()
	out, err := c.api.CreateRepository(c.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Repository
}

// request sends a request of the distribution API to an account's host and
// answers its status and body.
func (c *caller) request(account, method, path, mediaType string, body []byte) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.s.URL+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Host = account + ".dkr.ecr.us-east-1." + c.s.Host
	r.Header.Set("Content-Type", mediaType)
	r.SetBasicAuth(server.User, c.password)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

func (c *caller) want(status int, account, method, path string) {
	c.t.Helper()
	if got, body := c.request(account, method, path, "", nil); got != status {
		c.t.Errorf("%s %s of %s: %d %s, want %d", method, path, account, got, body, status)
	}
}

func (c *caller) pushBlob(account, repository, content string) string {
	c.t.Helper()
	digest := digestlib.FromString(content).String()
	if status, body := c.request(account, http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+digest, "application/octet-stream", []byte(content)); status != http.StatusCreated {
		c.t.Fatalf("pushing a blob: %d %s", status, body)
	}
	return digest
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func manifest(layer string, size int, config string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}`,
		manifestType, config, layer, size)
}

func (c *caller) pushImage(account, repository, tag, content string) (layer string) {
	c.t.Helper()
	layer = c.pushBlob(account, repository, content)
	config := c.pushBlob(account, repository, "{}")
	if status, body := c.request(account, http.MethodPut, "/v2/"+repository+"/manifests/"+tag, manifestType, manifest(layer, len(content), config)); status != http.StatusCreated {
		c.t.Fatalf("pushing a manifest: %d %s", status, body)
	}
	return layer
}

func writePolicy(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantDenied(t *testing.T, err error, because string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "AccessDeniedException" || !strings.HasSuffix(e.ErrorMessage(), because) {
		t.Errorf("got %v, want AccessDeniedException … %s", err, because)
	}
}

func TestAccountsSeeNothingOfEachOther(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		a := owner(t, s)
		b := as(t, s, key(t, s, "account", "create", abroad))
		// The same name in both is two repositories.
		a.create("web")
		theirs := b.create("web")
		if want := abroad + ".dkr.ecr.us-east-1." + s.Host + "/web"; *theirs.RepositoryUri != want || *theirs.RegistryId != abroad {
			t.Errorf("the repository of the other account is %s of %s, want %s", *theirs.RepositoryUri, *theirs.RegistryId, want)
		}
		a.create("secret")
		layer := a.pushImage(home, "secret", "1", "what only the first account knows")
		a.pushImage(home, "web", "a", "first")
		b.pushImage(abroad, "web", "b", "second")

		t.Run("lists", func(t *testing.T) {
			listed, err := b.api.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{})
			if err != nil {
				t.Fatal(err)
			}
			names := []string{}
			for _, r := range listed.Repositories {
				names = append(names, *r.RegistryId+"/"+*r.RepositoryName)
			}
			if !slices.Equal(names, []string{abroad + "/web"}) {
				t.Errorf("the other account lists %v", names)
			}
			if status, body := b.request(abroad, http.MethodGet, "/v2/web/tags/list", "", nil); status != http.StatusOK || strings.TrimSpace(body) != `{"name":"web","tags":["b"]}` {
				t.Errorf("its tags are %d %s", status, body)
			}
			b.want(http.StatusForbidden, home, http.MethodGet, "/v2/_catalog")
		})
		t.Run("reads", func(t *testing.T) {
			for _, path := range []string{"/v2/secret/manifests/1", "/v2/secret/blobs/" + layer, "/v2/secret/tags/list", "/v2/secret/referrers/" + layer, "/v2/nothing/manifests/1"} {
				b.want(http.StatusForbidden, home, http.MethodGet, path)
			}
			_, err := b.api.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RegistryId: aws.String(home), RepositoryName: aws.String("secret")})
			wantDenied(t, err, "because no resource-based policy allows the ecr:DescribeImages action")
			_, err = b.api.DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RegistryId: aws.String(home), RepositoryNames: []string{"nothing"}})
			wantDenied(t, err, "because no resource-based policy allows the ecr:DescribeRepositories action")
		})
		t.Run("content by digest", func(t *testing.T) {
			b.want(http.StatusNotFound, abroad, http.MethodHead, "/v2/web/blobs/"+layer)
			b.want(http.StatusNotFound, abroad, http.MethodGet, "/v2/web/blobs/"+layer)
			checked, err := b.api.BatchCheckLayerAvailability(t.Context(), &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("web"), LayerDigests: []string{layer}})
			if err != nil || checked.Layers[0].LayerAvailability != types.LayerAvailabilityUnavailable || checked.Layers[0].LayerSize != nil && *checked.Layers[0].LayerSize != 0 {
				t.Errorf("availability of a layer of another account: %+v, %v", checked, err)
			}
			status, body := b.request(abroad, http.MethodPut, "/v2/web/manifests/stolen", manifestType, manifest(layer, 33, b.pushBlob(abroad, "web", "{}")))
			if status != http.StatusNotFound || !strings.Contains(body, "MANIFEST_BLOB_UNKNOWN") {
				t.Errorf("an image of another account's layer: %d %s", status, body)
			}
			// Who has the content may push it, and learns nothing by that.
			if again := b.pushBlob(abroad, "web", "what only the first account knows"); again != layer {
				t.Errorf("its digest is %s", again)
			}
		})
		t.Run("writes", func(t *testing.T) {
			b.want(http.StatusForbidden, home, http.MethodPost, "/v2/secret/blobs/uploads/")
			b.want(http.StatusForbidden, home, http.MethodDelete, "/v2/secret/manifests/1")
			_, err := b.api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RegistryId: aws.String(home), RepositoryName: aws.String("planted")})
			wantDenied(t, err, "because no resource-based policy allows the ecr:CreateRepository action")
		})
	})
}

func TestAMountNeedsTheRightToReadItsSource(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.SetAccountSetting(t, "BLOB_MOUNTING", "ENABLED")
	a := owner(t, s)
	a.create("mine")
	a.create("secret")
	a.create("shared")
	hidden := a.pushImage(home, "secret", "1", "hidden")
	shown := a.pushImage(home, "shared", "1", "shown")
	policy := t.TempDir() + "/policy.json"
	writePolicy(t, policy, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
		{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/mine"},
		{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:*:*:repository/shared"}]}`)
	ann := user(t, s, home, "ann", "--policy-file", policy)
	mount := func(digest, from string) int {
		status, _ := ann.request(home, http.MethodPost, "/v2/mine/blobs/uploads/?mount="+digest+"&from="+from, "", nil)
		return status
	}
	if got := mount(shown, "shared"); got != http.StatusCreated {
		t.Errorf("a mount of what one may read: %d, want 201", got)
	}
	for _, from := range []string{"secret", "shared", "missing"} {
		if got := mount(hidden, from); got != http.StatusAccepted {
			t.Errorf("a mount of what one may not read, from %s: %d, want 202", from, got)
		}
	}
	ann.want(http.StatusNotFound, home, http.MethodHead, "/v2/mine/blobs/"+hidden)
	ann.want(http.StatusOK, home, http.MethodHead, "/v2/mine/blobs/"+shown)
}

// TestABareHostIsTheDefaultAccounts: whoever asks it, so that an image name
// means the same image to all.
func TestABareHostIsTheDefaultAccounts(t *testing.T) {
	s := server.Start(t, server.Options{})
	a := owner(t, s)
	a.create("web")
	a.pushImage(home, "web", "1", "content")
	b := as(t, s, key(t, s, "account", "create", abroad))
	b.create("web")
	b.pushImage(abroad, "web", "1", "other content")
	for _, c := range []struct {
		who    *caller
		status int
	}{{a, http.StatusOK}, {b, http.StatusForbidden}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v2/web/manifests/1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(server.User, c.who.password)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = response.Body.Close(); response.StatusCode != c.status {
			t.Errorf("got %s, want %d", response.Status, c.status)
		}
	}
}

func TestAnotherAccountNeedsBothSides(t *testing.T) {
	s := server.Start(t, server.Options{})
	a := owner(t, s)
	a.create("web")
	a.pushImage(home, "web", "1", "content")
	key(t, s, "account", "create", abroad)
	able := user(t, s, abroad, "able", "AmazonEC2ContainerRegistryPullOnly")
	policy := t.TempDir() + "/login.json"
	writePolicy(t, policy, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}}`)
	poor := user(t, s, abroad, "poor", "--policy-file", policy)
	pull := func(c *caller) int {
		status, _ := c.request(home, http.MethodGet, "/v2/web/manifests/1", "", nil)
		return status
	}
	if got := pull(able); got != http.StatusForbidden {
		t.Errorf("without the repository's policy: %d", got)
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + abroad + `"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
	if _, err := a.api.SetRepositoryPolicy(t.Context(), &ecr.SetRepositoryPolicyInput{RepositoryName: aws.String("web"), PolicyText: &text}); err != nil {
		t.Fatal(err)
	}
	if got := pull(able); got != http.StatusOK {
		t.Errorf("with both policies: %d", got)
	}
	if got := pull(poor); got != http.StatusForbidden {
		t.Errorf("without a policy of its own: %d", got)
	}
	if _, err := a.api.DeleteRepositoryPolicy(t.Context(), &ecr.DeleteRepositoryPolicyInput{RepositoryName: aws.String("web")}); err != nil {
		t.Fatal(err)
	}
	if got := pull(able); got != http.StatusForbidden {
		t.Errorf("after the policy is gone: %d", got)
	}
}

package ecr_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/ecr"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/oci"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = "123456789012"
	other   = "210987654321"
	region  = "us-east-1"
)

type rootKeys struct{}

func (rootKeys) Secret(_ context.Context, id, _ string) (string, iam.Principal, error) {
	switch id {
	case "AKIDROOT":
		return "secret", iam.RootPrincipal(account, id), nil
	case "AKIDOTHER":
		return "secret", iam.RootPrincipal(other, id), nil
	}
	return "", iam.Principal{}, iam.ErrUnknownKey
}

// api is a whole registry behind the SDK's own client.
type api struct {
	t      testing.TB
	store  *sql.Store
	svc    *service.Service
	tokens *iam.Tokens
	url    string
	*sdk.Client

	mu   sync.Mutex
	skew time.Duration
}

// now is a clock that a test may put forward.
func (a *api) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(a.skew)
}

func (a *api) wait(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.skew += d
}

func start(t testing.TB) *api {
	t.Helper()
	a := &api{t: t, tokens: iam.NewTokens([]byte("tokens"), region)}
	dir := t.TempDir()
	var err error
	if a.store, err = sql.Open(t.Context(), sql.Config{URL: "sqlite:" + filepath.Join(dir, "ecru.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.store.Close(); err != nil {
			t.Error(err)
		}
	})
	content, err := disk.New(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	scope := registry.Scope{Account: account, Region: region}
	a.svc = service.New(service.Config{
		Default: scope, Store: a.store, Content: content, Limits: service.DefaultLimits(), Secret: []byte("secret"), Keyring: ring, Now: a.now,
	})
	control, err := ecr.Service(ecr.Config{
		Service: a.svc, Tokens: a.tokens, Default: scope, PageKey: []byte("pages"), LayerKey: []byte("layers"), Now: a.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	apis, err := awsapi.New(awsapi.Config{Services: []awsapi.Service{control}, Verifier: sigv4.New(rootKeys{}, sigv4.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", apis)
	mux.Handle("/layers/", oci.New(oci.Config{Registry: a.svc, Tokens: a.tokens, LayerKey: []byte("layers"), Now: a.now}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.Client = a.as("AKIDROOT")
	return a
}

// as is a client with another access key.
func (a *api) as(key string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: &a.url, Region: region, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: "secret"}, nil
		}),
	})
}

// want fails the test unless err has the code and text.
func want(t testing.TB, err error, code, message string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want %s: %s", err, code, message)
		return
	}
	if e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("got  %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

func ok[T any](t testing.TB) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func (a *api) repository(name string) *types.Repository {
	a.t.Helper()
	return ok[*sdk.CreateRepositoryOutput](a.t)(a.CreateRepository(a.t.Context(), &sdk.CreateRepositoryInput{RepositoryName: &name})).Repository
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// layer pushes content through the layer API and answers its digest.
func (a *api) layer(repository string, content []byte) string {
	a.t.Helper()
	ctx := a.t.Context()
	u := ok[*sdk.InitiateLayerUploadOutput](a.t)(a.InitiateLayerUpload(ctx, &sdk.InitiateLayerUploadInput{RepositoryName: &repository}))
	ok[*sdk.UploadLayerPartOutput](a.t)(a.UploadLayerPart(ctx, &sdk.UploadLayerPartInput{
		RepositoryName: &repository, UploadId: u.UploadId, LayerPartBlob: content,
		PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(int64(len(content)) - 1),
	}))
	out := ok[*sdk.CompleteLayerUploadOutput](a.t)(a.CompleteLayerUpload(ctx, &sdk.CompleteLayerUploadInput{
		RepositoryName: &repository, UploadId: u.UploadId, LayerDigests: []string{digestOf(content)},
	}))
	return *out.LayerDigest
}

// manifest makes the manifest of an image whose config is seed, pushing what
// it needs when that is not there.
func (a *api) manifest(repository, seed string) string {
	a.t.Helper()
	config := []byte(`{"seed":"` + seed + `"}`)
	digest := digestOf(config)
	found := ok[*sdk.BatchCheckLayerAvailabilityOutput](a.t)(a.BatchCheckLayerAvailability(a.t.Context(),
		&sdk.BatchCheckLayerAvailabilityInput{RepositoryName: &repository, LayerDigests: []string{digest}}))
	if found.Layers[0].LayerAvailability == types.LayerAvailabilityUnavailable {
		a.layer(repository, config)
	}
	m, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)},
		"layers": []any{},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(m)
}

// image pushes an image under tags and answers its digest.
func (a *api) image(repository, seed string, tags ...string) string {
	a.t.Helper()
	m := a.manifest(repository, seed)
	for _, tag := range tags {
		ok[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: &m, ImageTag: &tag}))
	}
	if len(tags) == 0 {
		ok[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: &m}))
	}
	return digestOf([]byte(m))
}

// index pushes a list of images and answers its digest.
func (a *api) index(repository, tag string, children ...string) string {
	a.t.Helper()
	var list []string
	for _, c := range children {
		list = append(list, fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, registry.MediaTypeOCIManifest, c))
	}
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, registry.MediaTypeOCIIndex, strings.Join(list, ","))
	ok[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: &m, ImageTag: &tag}))
	return digestOf([]byte(m))
}

// finish ends the running scan of an image as the scanner does.
func (a *api) finish(repository, digest string, outcome meta.Scan, findings ...match.Finding) {
	a.t.Helper()
	ctx := a.t.Context()
	repo, err := a.store.Repository(ctx, account, repository)
	if err != nil {
		a.t.Fatal(err)
	}
	scans, err := a.store.Scans(ctx, repo.ID, []string{digest})
	if err != nil {
		a.t.Fatal(err)
	}
	running := scans[digest]
	outcome.RepositoryID, outcome.Digest, outcome.RequestedAt, outcome.Engine = repo.ID, digest, running.RequestedAt, running.Engine
	encoded, err := scan.EncodeFindings(findings)
	if err == nil {
		err = a.store.FinishScan(ctx, outcome, encoded, nil)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

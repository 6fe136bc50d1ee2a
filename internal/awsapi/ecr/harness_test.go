package ecr_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/awsapi/ecr"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/oci"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = apitest.Account
	other   = apitest.Other
	region  = apitest.Region
)

// api is a whole registry behind the SDK's own client.
type api struct {
	*apitest.House
	*sdk.Client

	t      testing.TB
	store  *sql.Store
	svc    *service.Service
	tokens *iam.Tokens
	url    string
}

func start(t testing.TB) *api {
	t.Helper()
	a := &api{t: t, House: apitest.Open(t, readFindings), tokens: iam.NewTokens([]byte("tokens"), region)}
	a.store, a.svc = a.Store, a.Service
	control, err := ecr.Service(ecr.Config{
		Service: a.svc, Tokens: a.tokens, Default: apitest.Home(), PageKey: []byte("pages"), LayerKey: []byte("layers"), Now: a.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", a.Serve(control))
	mux.Handle("/layers/", oci.New(oci.Config{Registry: a.svc, Tokens: a.tokens, LayerKey: []byte("layers"), Now: a.Now}))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.Client = a.as(apitest.Root)
	return a
}

// readFindings has the service compose findings of enhanced scanning.
func readFindings(c *service.Config) {
	store := c.Store.(*sql.Store)
	c.Findings = &enhanced.Reader{Store: store, Inventories: enhanced.NewInventories(store), Risks: store}
}

// as is a client with another access key.
func (a *api) as(key string) *sdk.Client {
	return sdk.New(sdk.Options{BaseEndpoint: &a.url, Region: region, RetryMaxAttempts: 1, Credentials: apitest.Credentials(key)})
}

func (a *api) repository(name string) *types.Repository {
	a.t.Helper()
	return apitest.OK[*sdk.CreateRepositoryOutput](a.t)(a.CreateRepository(a.t.Context(), &sdk.CreateRepositoryInput{RepositoryName: &name})).Repository
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// layer pushes content through the layer API and answers its digest.
func (a *api) layer(repository string, content []byte) string {
	a.t.Helper()
	ctx := a.t.Context()
	u := apitest.OK[*sdk.InitiateLayerUploadOutput](a.t)(a.InitiateLayerUpload(ctx, &sdk.InitiateLayerUploadInput{RepositoryName: &repository}))
	apitest.OK[*sdk.UploadLayerPartOutput](a.t)(a.UploadLayerPart(ctx, &sdk.UploadLayerPartInput{
		RepositoryName: &repository, UploadId: u.UploadId, LayerPartBlob: content,
		PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(int64(len(content)) - 1),
	}))
	out := apitest.OK[*sdk.CompleteLayerUploadOutput](a.t)(a.CompleteLayerUpload(ctx, &sdk.CompleteLayerUploadInput{
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
	found := apitest.OK[*sdk.BatchCheckLayerAvailabilityOutput](a.t)(a.BatchCheckLayerAvailability(a.t.Context(),
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
		apitest.OK[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: &m, ImageTag: &tag}))
	}
	if len(tags) == 0 {
		apitest.OK[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: &m}))
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
	apitest.OK[*sdk.PutImageOutput](a.t)(a.PutImage(a.t.Context(), &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: &m, ImageTag: &tag}))
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

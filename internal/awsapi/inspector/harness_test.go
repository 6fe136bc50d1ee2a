package inspector_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/awsapi/inspector"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = apitest.Account
	region  = apitest.Region
)

// api is Inspector's API behind the SDK's own client, on a real store.
type api struct {
	*apitest.House
	*sdk.Client

	t   testing.TB
	url string
}

func start(t testing.TB) *api {
	t.Helper()
	a := &api{t: t, House: apitest.Open(t)}
	a.EnsureAccounts()
	inventories := enhanced.NewInventories(a.Store)
	a.Service.Findings = &enhanced.Reader{Store: a.Store, Inventories: inventories, Risks: a.Store}
	a.Service.Contents = &enhanced.Bills{Store: a.Store}
	table, err := inspector.Service(inspector.Config{Service: a.Service, Region: region, PageKey: []byte("pages")})
	if err != nil {
		t.Fatal(err)
	}
	apis := a.Serve(table)
	mux := http.NewServeMux()
	mux.Handle("/", apis)
	mux.Handle(service.ReportsPath, inspector.Downloads(a.Service))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.Client = a.as(apitest.Root)
	return a
}

func (a *api) as(key string) *sdk.Client {
	return sdk.New(sdk.Options{BaseEndpoint: &a.url, Region: region, RetryMaxAttempts: 1, Credentials: apitest.Credentials(key)})
}

func owner() service.Caller {
	return service.Caller{Principal: iam.RootPrincipal(account, apitest.Root)}
}

// enhance switches enhanced scanning on.
func (a *api) enhance() {
	a.t.Helper()
	apitest.OK[*sdk.EnableOutput](a.t)(a.Enable(a.t.Context(), &sdk.EnableInput{ResourceTypes: []types.ResourceScanType{types.ResourceScanTypeEcr}}))
}

// digestOf is the digest of an image of a name.
func digestOf(name string) string { return "sha256:" + fmt.Sprintf("%064x", []byte(name))[:64] }

// flaw is a vulnerability of a package of an image.
type flaw struct {
	id, pkg  string
	severity registry.Severity
	score    float64
	fixed    string
}

// image stores an image with its coverage, inventory, problems and findings.
func (a *api) image(repository, tag string, flaws ...flaw) finding.Coverage {
	a.t.Helper()
	ctx := a.t.Context()
	repo, err := a.Store.Repository(ctx, account, repository)
	if registry.CodeOf(err) == registry.CodeRepositoryNotFound {
		repo = &registry.Repository{Account: account, Name: repository, CreatedAt: a.Now()}
		err = a.Store.CreateRepository(ctx, repo, 0)
	}
	a.must(err)
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config":      map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": a.blob(repository, "{}"), "size": 2},
		"layers":      []any{},
		"annotations": map[string]string{"name": repository + ":" + tag},
	})
	a.must(err)
	parsed, pushed, err := a.Service.PutManifest(ctx, owner(), service.PushManifest{Repository: repository, Payload: manifest, Tags: []string{tag}})
	a.must(err)
	_ = parsed
	c := &finding.Coverage{
		Account: account, RepositoryID: repo.ID, Frequency: registry.ScanContinuous, Code: finding.Covered, Reason: finding.ReasonSuccessful,
		ScanStatus: "ACTIVE", EnrolledAt: a.Now(), FirstScannedAt: a.Now(), LastScannedAt: a.Now(),
		Image: finding.Image{Repository: repository, Digest: pushed.Image.Digest, Architecture: "amd64", Platform: "DEBIAN_12", Author: "us"},
	}
	a.inventory(c, flaws)
	stored, err := a.Store.PutCoverage(ctx, c, nil)
	a.must(err)
	if !stored {
		a.t.Fatal("no coverage")
	}
	a.settle(c, flaws)
	return *c
}

func (a *api) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) blob(repository, content string) string {
	a.t.Helper()
	digest := "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	_, err := a.Service.PushBlob(a.t.Context(), owner(), repository, digest, service.Chunk{Offset: service.AtEnd, Length: int64(len(content)), Body: strings.NewReader(content)})
	a.must(err)
	return digest
}

// inventory stores what an image holds, and what is wrong with it.
func (a *api) inventory(c *finding.Coverage, flaws []flaw) {
	a.t.Helper()
	ctx := a.t.Context()
	inv := &inventory.Inventory{OS: inventory.OSRelease{ID: "debian", VersionID: "12"}}
	var components []finding.Component
	problems := map[finding.Component][]finding.Problem{}
	for _, f := range flaws {
		component := finding.Component{Release: "Debian:12", Name: f.pkg, Version: "1.0-1"}
		if problems[component] == nil {
			inv.Packages = append(inv.Packages, inventory.Package{
				Kind: "deb", Name: f.pkg, Version: "1.0-1", Release: "1", Arch: "amd64", SourceName: f.pkg, SourceVersion: "1.0-1", Path: "var/lib/dpkg/status",
			})
			components = append(components, component)
		}
		problems[component] = append(problems[component], finding.Problem{
			VulnerabilityID: f.id, Package: f.pkg, Version: "1.0-1", FixedVersion: f.fixed, Severity: f.severity,
			CVSS:  []finding.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N", Score: f.score, Source: "NVD"}},
			Title: f.id, Description: "About " + f.id, URL: "https://example.com/" + f.id, Source: "DEBIAN_CVE", AdvisoryID: f.id,
			Aliases: []string{"GHSA-" + f.id}, CWEs: []string{"CWE-79"}, Reason: "it is older",
		})
	}
	encoded, err := json.Marshal(inv)
	a.must(err)
	c.InventoryID = inv.ID()
	a.must(a.Store.PutInventory(ctx, c.InventoryID, "Debian:12", encoded))
	indexed, err := a.Store.IndexInventory(ctx, c.InventoryID, components)
	a.must(err)
	var all []meta.ComponentProblems
	for _, x := range indexed {
		all = append(all, meta.ComponentProblems{Component: x.ID, Problems: problems[x.Component]})
	}
	_, err = a.Store.PutProblems(ctx, all)
	a.must(err)
}

// settle stores the findings of an image.
func (a *api) settle(c *finding.Coverage, flaws []flaw) {
	a.t.Helper()
	now := a.Now()
	seen := map[string]bool{}
	var states []finding.State
	for _, f := range flaws {
		if seen[f.id] {
			continue
		}
		seen[f.id] = true
		fix := finding.NotFixed
		if f.fixed != "" {
			fix = finding.Fixable
		}
		states = append(states, finding.State{
			UID: finding.UID(c.RepositoryID, c.Image.Digest, f.id), Coverage: c.ID, Account: account, Repository: c.Image.Repository, Digest: c.Image.Digest,
			VulnerabilityID: f.id, Status: finding.Active, Severity: f.severity, Score: f.score, Fix: fix, EPSS: -1, Vendor: "high",
			FirstObservedAt: now, LastObservedAt: now, UpdatedAt: now,
		})
	}
	a.must(a.Store.SettleFindings(a.t.Context(), []int64{c.ID}, nil, func(meta.Settling) (meta.Settled, error) {
		return meta.Settled{Findings: states}, nil
	}))
}

func equals(value string) types.StringFilter {
	return types.StringFilter{Comparison: types.StringComparisonEquals, Value: aws.String(value)}
}

func differs(value string) types.StringFilter {
	return types.StringFilter{Comparison: types.StringComparisonNotEquals, Value: aws.String(value)}
}

func begins(value string) types.StringFilter {
	return types.StringFilter{Comparison: types.StringComparisonPrefix, Value: aws.String(value)}
}

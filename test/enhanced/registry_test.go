package enhanced

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	inspector "github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// patience is more than the lease of a job that a killed process held.
const patience = 3 * time.Minute

// feed is a directory of advisories that a test publishes in.
type feed struct {
	t   *testing.T
	dir string
	npm map[string]string // records by id
}

// newFeed has the carried advisories of Alpine 3.20, one of npm and one of PyPI.
func newFeed(t *testing.T) *feed {
	t.Helper()
	f := &feed{t: t, dir: t.TempDir(), npm: map[string]string{}}
	if err := sample.WriteAdvisories(f.dir); err != nil {
		t.Fatal(err)
	}
	// GHSA-35jh-r3h4-6jhm: lodash before 4.17.21.
	f.publish(record("GHSA-35jh-r3h4-6jhm", "CVE-2021-23337", "npm", "lodash", "SEMVER", "4.17.21"))
	// PYSEC-2023-74: requests before 2.31.0.
	f.write("PyPI", map[string]string{"PYSEC-2023-74": record("PYSEC-2023-74", "CVE-2023-32681", "PyPI", "requests", "ECOSYSTEM", "2.31.0").body})
	return f
}

type osv struct{ id, body string }

// record says that a package is affected before a version, or in every one.
func record(id, cve, ecosystem, pkg, kind, fixed string) osv {
	events := `{"introduced":"0"}`
	if fixed != "" {
		events += fmt.Sprintf(`,{"fixed":%q}`, fixed)
	}
	return osv{id, fmt.Sprintf(`{"schema_version":"1.7.0","id":%q,"aliases":[%q],"modified":"2026-01-01T00:00:00Z","published":"2025-01-01T00:00:00Z",`+
		`"summary":"About %s","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}],`+
		`"affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":%q,"events":[%s]}]}]}`, id, cve, pkg, ecosystem, pkg, kind, events)}
}

// publish adds records to the export of npm.
func (f *feed) publish(all ...osv) {
	f.t.Helper()
	for _, r := range all {
		f.npm[r.id] = r.body
	}
	f.write("npm", f.npm)
}

// withdraw takes records back.
func (f *feed) withdraw(ids ...string) {
	f.t.Helper()
	for _, id := range ids {
		delete(f.npm, id)
	}
	f.write("npm", f.npm)
}

func (f *feed) write(ecosystem string, records map[string]string) {
	f.t.Helper()
	dir := filepath.Join(f.dir, ecosystem)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "next"))
	if err != nil {
		f.t.Fatal(err)
	}
	w := zip.NewWriter(file)
	for id, body := range records {
		out, err := w.Create(id + ".json")
		if err == nil {
			_, err = out.Write([]byte(body))
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), file.Close(), os.Rename(file.Name(), filepath.Join(dir, "all.zip"))); err != nil {
		f.t.Fatal(err)
	}
}

// house is a registry with repositories that are scanned as their names say.
type house struct {
	*server.Server
	t         *testing.T
	feed      *feed
	api       *ecr.Client
	inspector *inspector2.Client
	auth      remote.Option
}

// open starts a registry with enhanced scanning: of "continuous" for ever, of
// "push" at the push, and of "manual" never.
func open(t *testing.T, database string) *house {
	t.Helper()
	f := newFeed(t)
	h := &house{t: t, feed: f, Server: server.Start(t, server.Options{Database: database, Advisories: f.dir})}
	h.api = h.ECR()
	h.inspector = inspector2.New(inspector2.Options{
		BaseEndpoint: &h.URL, Region: h.Credentials.Region,
		Credentials: credentials.NewStaticCredentialsProvider(h.Credentials.AccessKeyID, h.Credentials.SecretAccessKey, ""),
	})
	h.auth = remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: server.User, Password: h.Password(t)}))
	for _, repository := range []string{"continuous", "push", "manual"} {
		h.CreateRepository(t, repository)
	}
	h.enhance()
	return h
}

func (h *house) enhance() {
	h.t.Helper()
	rule := func(frequency types.ScanFrequency, filter string) types.RegistryScanningRule {
		return types.RegistryScanningRule{ScanFrequency: frequency, RepositoryFilters: []types.ScanningRepositoryFilter{{Filter: &filter, FilterType: types.ScanningRepositoryFilterTypeWildcard}}}
	}
	out, err := h.api.PutRegistryScanningConfiguration(h.t.Context(), &ecr.PutRegistryScanningConfigurationInput{
		ScanType: types.ScanTypeEnhanced,
		Rules:    []types.RegistryScanningRule{rule(types.ScanFrequencyContinuousScan, "continuous*"), rule(types.ScanFrequencyScanOnPush, "push*")},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if out.RegistryScanningConfiguration.ScanType != types.ScanTypeEnhanced {
		h.t.Fatalf("scan type = %s", out.RegistryScanningConfiguration.ScanType)
	}
}

func (h *house) basic() {
	h.t.Helper()
	if _, err := h.api.PutRegistryScanningConfiguration(h.t.Context(), &ecr.PutRegistryScanningConfigurationInput{ScanType: types.ScanTypeBasic}); err != nil {
		h.t.Fatal(err)
	}
}

// application is an Alpine image with packages of npm and PyPI on top; salt
// makes it an image of its own.
func (h *house) application(salt string) v1.Image {
	h.t.Helper()
	base, err := sample.Alpine("3.20.3")
	if err != nil {
		h.t.Fatal(err)
	}
	top, err := sample.Layer(map[string]string{
		"app/node_modules/lodash/package.json":                                `{"name":"lodash","version":"4.17.20"}`,
		"app/node_modules/left-pad/package.json":                              `{"name":"left-pad","version":"1.3.0"}`,
		"usr/lib/python3.12/site-packages/requests-2.30.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: requests\nVersion: 2.30.0\n\n",
		"app/serial": salt,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	image, err := sample.Image(base, top)
	if err != nil {
		h.t.Fatal(err)
	}
	return image
}

func (h *house) push(repository, tag string, image v1.Image) string {
	h.t.Helper()
	ref, err := name.NewTag(h.Host+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := remote.Write(ref, image, h.auth); err != nil {
		h.t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		h.t.Fatal(err)
	}
	return digest.String()
}

// describe answers the findings of an image, all pages.
func (h *house) describe(repository, tag string) (*ecr.DescribeImageScanFindingsOutput, []types.EnhancedImageScanFinding, error) {
	h.t.Helper()
	in := &ecr.DescribeImageScanFindingsInput{RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageTag: &tag}}
	var first *ecr.DescribeImageScanFindingsOutput
	var all []types.EnhancedImageScanFinding
	for pages := ecr.NewDescribeImageScanFindingsPaginator(h.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(h.t.Context())
		if err != nil {
			return nil, nil, err
		}
		if first == nil {
			first = page
		}
		if page.ImageScanFindings != nil {
			all = append(all, page.ImageScanFindings.EnhancedFindings...)
		}
	}
	return first, all, nil
}

// awaitStatus waits until an image's scan has a status.
func (h *house) awaitStatus(repository, tag string, want types.ScanStatus) []types.EnhancedImageScanFinding {
	h.t.Helper()
	var found []types.EnhancedImageScanFinding
	h.await(fmt.Sprintf("%s:%s to be %s", repository, tag, want), func() (string, bool) {
		out, all, err := h.describe(repository, tag)
		if err != nil {
			h.t.Fatal(err)
		}
		found = all
		return string(out.ImageScanStatus.Status) + " " + aws.ToString(out.ImageScanStatus.Description), out.ImageScanStatus.Status == want
	})
	return found
}

// await polls; check says what it saw.
func (h *house) await(what string, check func() (string, bool)) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		saw, ok := check()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("waiting for %s: %s", what, saw)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// update has the server look at the feed.
func (h *house) update() {
	h.t.Helper()
	h.Run(h.t, "advisories", "update", "--data", h.Data, "npm")
}

// ids are the vulnerabilities of findings that are in one of the states.
func ids(all []types.EnhancedImageScanFinding, statuses ...string) []string {
	var out []string
	for _, f := range all {
		if slices.Contains(statuses, aws.ToString(f.Status)) {
			out = append(out, *f.PackageVulnerabilityDetails.VulnerabilityId)
		}
	}
	slices.Sort(out)
	return out
}

// listed answers all findings that a filter of Inspector's API selects.
func (h *house) listed(criteria *inspector.FilterCriteria) []inspector.Finding {
	h.t.Helper()
	var all []inspector.Finding
	for pages := inspector2.NewListFindingsPaginator(h.inspector, &inspector2.ListFindingsInput{FilterCriteria: criteria}); pages.HasMorePages(); {
		page, err := pages.NextPage(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, page.Findings...)
	}
	return all
}

func equals(values ...string) []inspector.StringFilter {
	var all []inspector.StringFilter
	for _, v := range values {
		all = append(all, inspector.StringFilter{Comparison: inspector.StringComparisonEquals, Value: &v})
	}
	return all
}

// told is an event as the operator reads it.
type told struct {
	Type      string   `json:"detail-type"`
	Source    string   `json:"source"`
	Resources []string `json:"resources"`
	Detail    struct {
		Status    string `json:"status"`
		Title     string `json:"title"`
		Digest    string `json:"image-digest"`
		ScanState string `json:"scan-status"`
		Coverage  struct {
			Reason string `json:"reason"`
			Code   string `json:"statusCodeValue"`
		} `json:"scanStatus"`
		Details struct {
			ID string `json:"vulnerabilityId"`
		} `json:"packageVulnerabilityDetails"`
	} `json:"detail"`
}

// events answers all that the server has told.
func (h *house) events(detailType string) []told {
	h.t.Helper()
	var all []told
	lines := bufio.NewScanner(strings.NewReader(h.Run(h.t, "events", "tail", "--data", h.Data, "--since", "24h", "--json")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e told
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			h.t.Fatalf("%v: %s", err, lines.Bytes())
		}
		if e.Type == detailType {
			all = append(all, e)
		}
	}
	return all
}

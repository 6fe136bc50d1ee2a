// Package scanning tests basic scanning as users meet it: images go in through
// the distribution API, findings come out of the ECR API, and the registry is
// the real binary. It must not import internal packages.
package scanning

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// scanned is a registry whose repository "repo" is scanned on push.
type scanned struct {
	*server.Server
	t        *testing.T
	api      *ecr.Client
	password string
}

func start(t *testing.T, options server.Options) *scanned {
	t.Helper()
	s := server.Start(t, options)
	r := &scanned{Server: s, t: t, api: s.ECR(), password: s.Password(t)}
	_, err := r.api.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{
		RepositoryName:             aws.String("repo"),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// push pushes an image of layers under a tag.
func (r *scanned) push(tag string, layers ...[]byte) {
	r.t.Helper()
	image, err := sample.Image(layers...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.pushImage(tag, image)
}

// pushBroken pushes an image whose layer may be anything.
func (r *scanned) pushBroken(tag string, layer []byte) {
	r.t.Helper()
	image, err := sample.BrokenImage(layer)
	if err != nil {
		r.t.Fatal(err)
	}
	r.pushImage(tag, image)
}

func (r *scanned) pushImage(tag string, image v1.Image) {
	r.t.Helper()
	reference, err := name.ParseReference(r.Host+"/repo:"+tag, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := remote.Write(reference, image, remote.WithAuth(&authn.Basic{Username: "AWS", Password: r.password})); err != nil {
		r.t.Fatal(err)
	}
}

// result waits for the end of a scan and answers it with all its findings.
func (r *scanned) result(tag string) (*ecr.DescribeImageScanFindingsOutput, []types.ImageScanFinding) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	in := &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("repo"), ImageId: &types.ImageIdentifier{ImageTag: aws.String(tag)}}
	for {
		out, err := r.api.DescribeImageScanFindings(ctx, in)
		if err != nil {
			r.t.Fatalf("%s: %v", tag, err)
		}
		if out.ImageScanStatus.Status != types.ScanStatusInProgress {
			return out, r.findings(ctx, in)
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("%s: the scan did not end", tag)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *scanned) findings(ctx context.Context, in *ecr.DescribeImageScanFindingsInput) []types.ImageScanFinding {
	r.t.Helper()
	var all []types.ImageScanFinding
	for pages := ecr.NewDescribeImageScanFindingsPaginator(r.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		if page.ImageScanFindings != nil {
			all = append(all, page.ImageScanFindings.Findings...)
		}
	}
	return all
}

func attribute(f types.ImageScanFinding, key string) string {
	for _, a := range f.Attributes {
		if aws.ToString(a.Key) == key {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

// TestSharedImages scans the real package databases that the shared data has
// against its real advisories.
func TestSharedImages(t *testing.T) {
	shared := fixture.Shared(t)
	r := start(t, server.Options{Advisories: filepath.Join(shared, "osv")})
	for _, c := range []struct {
		file    string
		status  types.ScanStatus
		says    string // part of the description
		finding string // "CVE package", one that must be found
	}{
		{"alpine-minirootfs-3.20.3-x86_64.tar.gz", "COMPLETE", "", "CVE-2025-26519 musl"},
		{"alpine-minirootfs-3.18.9-x86_64.tar.gz", "COMPLETE", "", "CVE-2024-9143 openssl"},
		{"alpine-minirootfs-3.10.9-x86_64.tar.gz", "COMPLETE", "", ""},
		{"alpine-minirootfs-20240923-x86_64.tar.gz", "COMPLETE", "", ""},
		{"debian-12-slim-dpkg.tar.gz", "COMPLETE", "", "CVE-2024-12085 rsync|CVE-2024-13176 openssl|CVE-2025-6020 pam"},
		{"debian-11-slim-dpkg.tar.gz", "COMPLETE", "", ""},
		{"distroless-cc-debian12-statusd.tar.gz", "COMPLETE", "", ""},
		{"ubuntu-22.04-dpkg.tar.gz", "COMPLETE", "", "CVE-2024-13176 openssl"},
		{"ubuntu-20.04-dpkg.tar.gz", "COMPLETE", "", ""},
		{"cbl-mariner-2.0-rpmdb-sqlite.tar.gz", "COMPLETE", "", ""}, // the export speaks of 3 only
		{"fedora-35-rpmdb-sqlite.tar.gz", "FAILED", "No vulnerability data is loaded for 'Fedora:35'", ""},
		{"opensuse-leap-15.5-rpmdb-ndb.tar.gz", "FAILED", "No vulnerability data is loaded for 'openSUSE:Leap 15.5'", ""},
	} {
		t.Run(strings.TrimSuffix(c.file, ".tar.gz"), func(t *testing.T) {
			layer, err := os.ReadFile(filepath.Join(shared, "images", c.file))
			if err != nil {
				t.Fatal(err)
			}
			r.t = t
			tag := strings.TrimSuffix(c.file, ".tar.gz")
			r.push(tag, layer)
			out, findings := r.result(tag)
			if out.ImageScanStatus.Status != c.status || !strings.Contains(aws.ToString(out.ImageScanStatus.Description), c.says) {
				t.Fatalf("status = %s %q, want %s %q", out.ImageScanStatus.Status, aws.ToString(out.ImageScanStatus.Description), c.status, c.says)
			}
			t.Logf("%d findings", len(findings))
			checkFindings(t, out, findings, c.finding)
		})
	}
}

// checkFindings checks what holds for every list of findings, and that one of
// the wanted ones is there.
func checkFindings(t *testing.T, out *ecr.DescribeImageScanFindingsOutput, findings []types.ImageScanFinding, wanted string) {
	t.Helper()
	counts := map[string]int32{}
	seen := map[string]bool{}
	found := wanted == ""
	for _, f := range findings {
		counts[string(f.Severity)]++
		key := aws.ToString(f.Name) + " " + attribute(f, "package_name")
		if seen[key+attribute(f, "package_version")] {
			t.Errorf("%s is there twice", key)
		}
		seen[key+attribute(f, "package_version")] = true
		found = found || strings.Contains("|"+wanted+"|", "|"+key+"|")
		if attribute(f, "package_version") == "" || aws.ToString(f.Uri) == "" {
			t.Errorf("%s has no version or no URI", key)
		}
	}
	if !found {
		t.Errorf("none of %q was found", wanted)
	}
	if out.ImageScanFindings == nil {
		return
	}
	for severity, n := range out.ImageScanFindings.FindingSeverityCounts {
		if counts[severity] != n {
			t.Errorf("findingSeverityCounts has %d %s, the list %d", n, severity, counts[severity])
		}
		delete(counts, severity)
	}
	if len(counts) > 0 {
		t.Errorf("findingSeverityCounts lacks %v", counts)
	}
}

// TestImagesNobodyShouldTrust: the scan fails with a reason, and the registry
// goes on.
func TestImagesNobodyShouldTrust(t *testing.T) {
	base := t.TempDir()
	if err := sample.WriteAdvisories(base); err != nil {
		t.Fatal(err)
	}
	r := start(t, server.Options{Advisories: base})
	release := "ID=alpine\nVERSION_ID=3.20.3\n"
	for tag, c := range map[string]struct {
		layer []byte
		says  string
	}{
		"no-tar":           {[]byte(strings.Repeat("this is no archive ", 100)), "cannot be scanned"},
		"truncated":        {truncated(t), "cannot be scanned"},
		"bomb":             {bomb(t), "unpacks to more than"},
		"corrupt-database": {layerOf(t, map[string]string{"etc/os-release": "ID=rocky\nVERSION_ID=9.2\n", "var/lib/rpm/rpmdb.sqlite": strings.Repeat("garbage", 1000)}), "rpmdb.sqlite"},
		"no-system":        {layerOf(t, map[string]string{"app": "static binary"}), "The operating system and/or package manager are not supported."},
		"no-database":      {layerOf(t, map[string]string{"etc/os-release": release}), "The operating system and/or package manager are not supported."},
		"unknown-system":   {layerOf(t, map[string]string{"etc/os-release": "ID=templeos\nVERSION_ID=5\n", "lib/apk/db/installed": "P:a\nV:1\n\n"}), "The operating system 'templeos' version '5' is not supported."},
	} {
		t.Run(tag, func(t *testing.T) {
			r.t = t
			r.pushBroken(tag, c.layer)
			out, _ := r.result(tag)
			if out.ImageScanStatus.Status != types.ScanStatusFailed || !strings.Contains(aws.ToString(out.ImageScanStatus.Description), c.says) {
				t.Errorf("status = %s %q, want FAILED with %q", out.ImageScanStatus.Status, aws.ToString(out.ImageScanStatus.Description), c.says)
			}
			if out.ImageScanFindings != nil {
				t.Error("a failed scan has findings; it means no result")
			}
		})
	}
	r.t = t
	good, err := sample.Alpine("3.20.3")
	if err != nil {
		t.Fatal(err)
	}
	r.push("good", good)
	if out, findings := r.result("good"); out.ImageScanStatus.Status != types.ScanStatusComplete || len(findings) == 0 {
		t.Errorf("afterwards a good image is %s with %d findings", out.ImageScanStatus.Status, len(findings))
	}
}

func layerOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	layer, err := sample.Layer(files)
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

func truncated(t *testing.T) []byte {
	t.Helper()
	whole, err := sample.Alpine("3.20.3")
	if err != nil {
		t.Fatal(err)
	}
	return whole[:len(whole)/2]
}

// bomb is a layer of 3 GiB of zeros in 13 MB.
func bomb(t *testing.T) []byte {
	t.Helper()
	const size = 3 << 30
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(z)
	err = archive.WriteHeader(&tar.Header{Name: "zeros", Mode: 0o644, Size: size})
	piece := make([]byte, 1<<20)
	for written := 0; written < size && err == nil; written += len(piece) {
		_, err = archive.Write(piece)
	}
	if err := errors.Join(err, archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBasicResultIsASnapshot: advisories that are loaded later do not change
// it; a scan without advisories is no clean result.
func TestBasicResultIsASnapshot(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		base := t.TempDir()
		if err := sample.WriteAdvisories(base); err != nil {
			t.Fatal(err)
		}
		r := start(t, server.Options{Database: database})
		layer, err := sample.Alpine("3.20.3")
		if err != nil {
			t.Fatal(err)
		}
		r.push("before", layer)
		before, _ := r.result("before")
		want := "ScanError: No vulnerability data is loaded for 'Alpine:v3.20'."
		if got := aws.ToString(before.ImageScanStatus.Description); got != want {
			t.Errorf("description = %q, want %q", got, want)
		}
		t.Log(r.Run(t, "advisories", "import", "--data", r.Data, base))
		if again, _ := r.result("before"); aws.ToString(again.ImageScanStatus.Description) != want {
			t.Errorf("the snapshot has changed to %+v", again.ImageScanStatus)
		}
		_, err = r.api.StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: aws.String("repo"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("before")}})
		var limit *types.LimitExceededException
		if !errors.As(err, &limit) {
			t.Errorf("a second scan within a day: %v, want LimitExceededException", err)
		}
		other := layerOf(t, map[string]string{"etc/motd": "another image of the same packages"})
		r.push("after", layer, other)
		if after, findings := r.result("after"); after.ImageScanStatus.Status != types.ScanStatusComplete || len(findings) == 0 {
			t.Errorf("after the import: %s with %d findings", after.ImageScanStatus.Status, len(findings))
		}
	})
}

// TestFindingsComeInPages: every page repeats the status and the counts.
func TestFindingsComeInPages(t *testing.T) {
	base := t.TempDir()
	if err := sample.WriteAdvisories(base); err != nil {
		t.Fatal(err)
	}
	r := start(t, server.Options{Advisories: base})
	layer, err := sample.Alpine("3.20.3")
	if err != nil {
		t.Fatal(err)
	}
	r.push("v1", layer)
	_, all := r.result("v1")
	in := &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("repo"), ImageId: &types.ImageIdentifier{ImageTag: aws.String("v1")}, MaxResults: aws.Int32(7)}
	var names []string
	for pages := ecr.NewDescribeImageScanFindingsPaginator(r.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.ImageScanFindings.Findings); n > 7 || page.ImageScanStatus.Status != types.ScanStatusComplete || len(page.ImageScanFindings.FindingSeverityCounts) == 0 {
			t.Errorf("a page has %d findings, status %s, counts %v", n, page.ImageScanStatus.Status, page.ImageScanFindings.FindingSeverityCounts)
		}
		for _, f := range page.ImageScanFindings.Findings {
			names = append(names, aws.ToString(f.Name)+attribute(f, "package_name"))
		}
	}
	if len(names) != len(all) {
		t.Fatalf("pages have %d findings, the list %d", len(names), len(all))
	}
	for i, f := range all {
		if names[i] != aws.ToString(f.Name)+attribute(f, "package_name") {
			t.Fatalf("finding %d is %s in pages and %s in the list", i, names[i], aws.ToString(f.Name))
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// ecru runs the command line in this process.
func ecru(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

// findingsOf scans an image and answers what was found, without the facts that
// depend on where it was found.
func findingsOf(t testing.TB, args ...string) []string {
	t.Helper()
	code, out, stderr := ecru(append([]string{"scan", "--format", "json"}, args...)...)
	if code != 0 {
		t.Fatalf("scan %q: exit %d: %s", args, code, stderr)
	}
	var r struct {
		Targets []struct {
			Findings []struct{ ID, Package, InstalledVersion, FixedVersion, Severity string }
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, f := range r.Targets[0].Findings {
		found = append(found, fmt.Sprint(f))
	}
	return found
}

// TestScanFindsTheSameInABill: a real image and the bills of materials of it
// have the same findings.
func TestScanFindsTheSameInABill(t *testing.T) {
	shared, dir := fixture.Shared(t), t.TempDir()
	t.Setenv("ECRU_ADVISORIES", filepath.Join(shared, "osv"))
	t.Setenv("ECRU_CACHE", filepath.Join(dir, "cache"))
	total := 0
	for _, image := range []string{
		"alpine-minirootfs-3.20.3-x86_64.tar.gz", "alpine-minirootfs-3.10.9-x86_64.tar.gz", "debian-12-slim-dpkg.tar.gz",
		"distroless-cc-debian12-statusd.tar.gz", "ubuntu-22.04-dpkg.tar.gz",
	} {
		path := filepath.Join(shared, "images", image)
		want := findingsOf(t, path)
		total += len(want)
		for _, format := range []string{"cyclonedx", "cyclonedx-1.4", "spdx"} {
			bill := filepath.Join(dir, "bill.json")
			if code, _, stderr := ecru("sbom", path, "--format", format+"="+bill); code != 0 {
				t.Fatalf("sbom: %s", stderr)
			}
			if diff := gocmp.Diff(want, findingsOf(t, bill)); diff != "" {
				t.Errorf("%s as %s (-image +bill):\n%s", image, format, diff)
			}
		}
	}
	if total < 100 {
		t.Errorf("%d findings in all: nothing was compared", total)
	}
}

// smallRoot is a root filesystem with one vulnerable package.
func smallRoot(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"etc/os-release":       "ID=alpine\nVERSION_ID=3.20.3\n",
		"lib/apk/db/installed": "P:libcrypto3\nV:3.3.2-r0\nA:x86_64\no:openssl\n\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestScansAtOnce: scans that begin together with nothing loaded wait for each
// other, and all of them answer.
func TestScansAtOnce(t *testing.T) {
	root, dir := smallRoot(t), t.TempDir()
	if err := sample.WriteAdvisories(filepath.Join(dir, "export")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			code, out, stderr := ecru("scan", root, "--cache", filepath.Join(dir, "cache"), "--advisories", filepath.Join(dir, "export"))
			if code != 0 || !strings.Contains(out, "CVE-2024-9143") {
				t.Errorf("exit %d: %s%s", code, out, stderr)
			}
		})
	}
	all.Wait()
}

// TestScanBesideARegistry: the advisories of a registry can be used while it
// holds its database.
func TestScanBesideARegistry(t *testing.T) {
	root, dir := smallRoot(t), t.TempDir()
	data := filepath.Join(dir, "data")
	if err := sample.WriteAdvisories(filepath.Join(dir, "export")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := ecru("advisories", "import", filepath.Join(dir, "export"), "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	held, err := openStore(t.Context(), data, "sqlite", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	code, out, stderr := ecru("scan", root, "--data", data, "--cache", filepath.Join(dir, "cache"))
	if code != 0 || !strings.Contains(out, "CVE-2024-9143") {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
}

// TestScanOfARegistry: an image of a registry that runs here is read without a
// login, and only by those who may.
func TestScanOfARegistry(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "team/app")
	layer, err := sample.Layer(map[string]string{
		"etc/os-release":       "ID=alpine\nVERSION_ID=3.20.3\n",
		"lib/apk/db/installed": "P:libcrypto3\nV:3.3.2-r0\nA:x86_64\no:openssl\n\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	image, err := sample.Image(layer)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(s.Host + "/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, remote.WithAuth(&authn.Basic{Username: server.User, Password: s.Password(t)})); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("DOCKER_CONFIG", dir)
	if err := sample.WriteAdvisories(filepath.Join(dir, "export")); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "advisories", "import", filepath.Join(dir, "export"), "--data", s.Data)
	code, out, stderr := ecru("scan", ref.Name(), "--data", s.Data, "--cache", filepath.Join(dir, "cache"), "--format", "json")
	if code != 0 || !strings.Contains(out, "CVE-2024-9143") || !strings.Contains(out, `"kind": "registry"`) || !strings.Contains(out, `"layer": "sha256:`) {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	code, _, stderr = ecru("scan", ref.Name(), "--data", filepath.Join(dir, "other"), "--cache", filepath.Join(dir, "cache"))
	if code != exitNotScanned || !strings.Contains(stderr, "UNAUTHORIZED") {
		t.Errorf("without credentials: exit %d: %s", code, stderr)
	}
}

// BenchmarkScan is ecru scan of Alpine 3.20 without the start of the process:
// cold reads the layer and loads the advisories, cached does neither.
func BenchmarkScan(b *testing.B) {
	shared := fixture.Shared(b)
	content, err := os.ReadFile(filepath.Join(shared, "images", "alpine-minirootfs-3.20.3-x86_64.tar.gz"))
	if err != nil {
		b.Fatal(err)
	}
	made, err := sample.Image(content)
	if err != nil {
		b.Fatal(err)
	}
	image := b.TempDir()
	written, err := layout.Write(image, empty.Index)
	if err == nil {
		err = written.AppendImage(made)
	}
	if err != nil {
		b.Fatal(err)
	}
	scan := func(b *testing.B, cache string) {
		if code, out, stderr := ecru("scan", image, "--cache", cache, "--advisories", filepath.Join(shared, "osv")); code != 0 || !strings.Contains(out, "CVE-2024-9143") {
			b.Fatal(stderr)
		}
	}
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			scan(b, b.TempDir())
		}
	})
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		cache := b.TempDir()
		scan(b, cache)
		for b.Loop() {
			scan(b, cache)
		}
	})
}

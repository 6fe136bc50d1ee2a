// Package metatest says in code what every meta.Store promises. Adapters run it
// in their tests. Nothing but tests may import it.
package metatest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Opener gives an empty store each time it is called and cleans up with
// t.Cleanup.
type Opener func(t testing.TB) meta.Store

type testCase struct {
	name string
	run  func(t *testing.T, s meta.Store)
}

// Run checks a store.
func Run(t *testing.T, open Opener) {
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"Repositories", repositoryCases()},
		{"PutImage", putCases()},
		{"Read", readCases()},
		{"DeleteImage", deleteCases()},
		{"Archive", archiveCases()},
		{"Follow", followCases()},
		{"Blobs", blobCases()},
		{"Uploads", uploadCases()},
		{"Garbage", garbageCases()},
		{"Scans", scanCases()},
		{"Inventories", inventoryCases()},
		{"Components", componentCases()},
		{"Coverage", coverageCases()},
		{"Findings", findingCases()},
		{"FindingRaces", findingRaceCases()},
		{"Settings", settingCases()},
		{"Keys", keyCases()},
		{"Records", recordCases()},
		{"Documents", documentCases()},
		{"Jobs", jobCases()},
		{"Announce", announceCases()},
		{"Events", eventCases()},
		{"Deliveries", deliveryCases()},
		{"DeadLetters", deadLetterCases()},
		{"Leases", leaseCases()},
		{"Hostile", hostileCases()},
		{"Concurrency", concurrencyCases()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
			}
		})
	}
}

const account = "000000000000"

// base is a moment that every database can keep.
var base = time.Date(2026, 11, 3, 4, 5, 6, 789012e3, time.UTC)

// DigestOf is the digest of a text.
func DigestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func wantCode(t *testing.T, err error, code registry.Code) {
	t.Helper()
	if got := registry.CodeOf(err); got != code {
		t.Errorf("got error %v (code %q), want code %q", err, got, code)
	}
}

// wantError compares code and text.
func wantError(t *testing.T, err error, want *registry.Error) {
	t.Helper()
	var got *registry.Error
	if !errors.As(err, &got) || got.Code != want.Code || got.Message != want.Message {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func value[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantSame(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Repo creates a repository.
func Repo(t testing.TB, s meta.Store, name string) *registry.Repository {
	t.Helper()
	r := &registry.Repository{Account: account, Name: name, CreatedAt: base, TagMutability: registry.Mutable, Encryption: registry.Encryption{Type: "AES256"}}
	must(t, s.CreateRepository(t.Context(), r, 0))
	return r
}

// Blob commits a blob of a size; its content is its name.
func Blob(t testing.TB, s meta.Store, repo, name string, size int64) string {
	t.Helper()
	digest := DigestOf(name)
	_, err := s.CommitBlob(t.Context(), meta.CommitBlob{
		Account: account, Repository: repo, Now: base,
		Blob: meta.Blob{Digest: digest, Size: size, Key: "key-" + repo + "-" + name},
	})
	must(t, err)
	return digest
}

// Push makes a PutImage of a manifest. The sizes that the manifest states are
// wrong on purpose: the store has the true ones.
func Push(repo string, m registry.Manifest, tags ...string) meta.PutImage {
	payload, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return meta.PutImage{
		Account: account, Repository: repo, Manifest: &m, Digest: DigestOf(string(payload)), Payload: payload, Tags: tags, Now: base,
	}
}

// Image is a manifest of a config and layers, by digest.
func Image(config string, layers ...string) registry.Manifest {
	m := registry.Manifest{
		MediaType:    registry.MediaTypeOCIManifest,
		ArtifactType: "application/vnd.oci.image.config.v1+json",
		Config:       &registry.Descriptor{MediaType: "application/vnd.oci.image.config.v1+json", Digest: config, Size: 1},
	}
	for _, l := range layers {
		m.Layers = append(m.Layers, registry.Descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", Digest: l, Size: 1})
	}
	return m
}

// Index is a manifest of manifests, by digest.
func Index(children ...string) registry.Manifest {
	m := registry.Manifest{MediaType: registry.MediaTypeOCIIndex}
	for _, c := range children {
		m.Children = append(m.Children, registry.Descriptor{MediaType: registry.MediaTypeOCIManifest, Digest: c, Size: 1})
	}
	return m
}

// put stores an image of one config blob named name, and answers its digest.
func put(t testing.TB, s meta.Store, repo, name string, tags ...string) string {
	t.Helper()
	in := Push(repo, Image(Blob(t, s, repo, name, 10)), tags...)
	_, err := s.PutImage(t.Context(), in)
	must(t, err)
	return in.Digest
}

func putIndex(t testing.TB, s meta.Store, repo string, children []string, tags ...string) string {
	t.Helper()
	in := Push(repo, Index(children...), tags...)
	_, err := s.PutImage(t.Context(), in)
	must(t, err)
	return in.Digest
}

// tagsOf lists the tags of a repository with what they name.
func tagsOf(t *testing.T, s meta.Store, repo string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, tag := range value(s.ListTags(t.Context(), account, repo, "", 1000))(t) {
		m, err := s.Manifest(t.Context(), account, repo, registry.Reference{Tag: tag})
		must(t, err)
		all[tag] = m.Digest
	}
	return all
}

func exists(t *testing.T, s meta.Store, repo, digest string) bool {
	t.Helper()
	_, err := s.Manifest(t.Context(), account, repo, registry.Reference{Digest: digest})
	if err != nil {
		wantCode(t, err, registry.CodeImageNotFound)
	}
	return err == nil
}

// eventually waits for work in the background.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func numbered(format string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

func long(n int) string { return strings.Repeat("x", n) }

// parse reads a payload that Push has made.
func parse(t testing.TB, payload []byte) registry.Manifest {
	t.Helper()
	var m registry.Manifest
	must(t, json.Unmarshal(payload, &m))
	return m
}

package oci_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/oci"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// memory answers from memory, so that a benchmark sees the transport alone.
type memory struct {
	oci.Registry
	manifest *registry.StoredManifest
	blob     meta.Blob
}

func (*memory) Alive(context.Context, iam.Principal) error { return nil }

func (m *memory) Manifest(context.Context, service.Caller, string, registry.Reference, service.ManifestUse) (*registry.StoredManifest, error) {
	return m.manifest, nil
}

func (m *memory) StatBlob(context.Context, service.Caller, string, string) (meta.Blob, error) {
	return m.blob, nil
}

// sink is a ResponseWriter that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

func BenchmarkHotPath(b *testing.B) {
	payload := []byte(strings.Repeat("m", 1500))
	digest := sha(payload)
	m := &memory{
		manifest: &registry.StoredManifest{Digest: digest, MediaType: registry.MediaTypeOCIManifest, Payload: payload},
		blob:     meta.Blob{Digest: digest, Size: 1500},
	}
	tokens := iam.NewTokens([]byte("key"), "us-east-1")
	password, _, err := tokens.Issue(iam.RootPrincipal(account, "AKIA"), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	handler := oci.New(oci.Config{Registry: m, Tokens: tokens})
	for _, c := range []struct{ name, method, path string }{
		{"manifest GET by tag", "GET", "/v2/team/app/manifests/latest"},
		{"manifest GET by digest", "GET", "/v2/team/app/manifests/" + digest},
		{"manifest HEAD by tag", "HEAD", "/v2/team/app/manifests/latest"},
		{"blob HEAD", "HEAD", "/v2/team/app/blobs/" + digest},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(c.method, c.path, nil)
			r.SetBasicAuth("AWS", password)
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				handler.ServeHTTP(w, r)
			}
		})
	}
}

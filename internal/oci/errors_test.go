package oci_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// broken is a registry whose store fails.
type broken struct {
	oci.Registry
	err error
}

func (broken) Alive(context.Context, iam.Principal) error { return nil }

func (b broken) Manifest(context.Context, service.Caller, string, registry.Reference, service.ManifestUse) (*registry.StoredManifest, error) {
	return nil, b.err
}

func (b broken) StatBlob(context.Context, service.Caller, string, string) (meta.Blob, error) {
	return meta.Blob{}, b.err
}

// ask puts one request to a handler over a registry.
func ask(ctx context.Context, t *testing.T, r oci.Registry, publicURL, method, path string, login bool) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	tokens := iam.NewTokens([]byte("key"), "us-east-1")
	handler := oci.New(oci.Config{Registry: r, Tokens: tokens, PublicURL: publicURL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	request := httptest.NewRequest(method, path, nil).WithContext(ctx)
	if login {
		password, _, err := tokens.Issue(iam.RootPrincipal(account, "AKIA"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("AWS", password)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder, log.String()
}

func TestInternalFailureIsLoggedAndNotTold(t *testing.T) {
	for _, err := range []error{errors.New("disk on fire"), registry.Internal("reading", errors.New("disk on fire")), fmt.Errorf("wrapped: %w", registry.Internal("reading", errors.New("disk on fire")))} {
		a, log := ask(t.Context(), t, broken{err: err}, "", "GET", "/v2/team/app/manifests/x", true)
		if want := `{"errors":[{"code":"UNKNOWN","message":"An internal error occurred"}]}`; a.Code != 500 || a.Body.String() != want {
			t.Errorf("answered %d %s", a.Code, a.Body)
		}
		if !strings.Contains(log, "disk on fire") {
			t.Errorf("the log says %q", log)
		}
		if a, _ := ask(t.Context(), t, broken{err: err}, "", "HEAD", "/v2/team/app/blobs/"+sha(nil), true); a.Code != 500 || a.Body.Len() != 0 {
			t.Errorf("HEAD answered %d %s", a.Code, a.Body)
		}
	}
}

func TestAbandonedRequestIsNobodysFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, log := ask(ctx, t, broken{err: context.Canceled}, "", "GET", "/v2/team/app/manifests/x", true)
	if a.Code != 503 || strings.Contains(log, "ERROR") {
		t.Errorf("answered %d, log %q", a.Code, log)
	}
}

func TestRealmIsThePublicURL(t *testing.T) {
	for _, public := range []string{"https://registry.example.com", "https://registry.example.com/"} {
		a, _ := ask(t.Context(), t, nil, public, "GET", "/v2/", false)
		if got, want := a.Header().Get("WWW-Authenticate"), `Basic realm="https://registry.example.com/",service="ecr.amazonaws.com"`; got != want {
			t.Errorf("challenge %q, want %q", got, want)
		}
	}
}

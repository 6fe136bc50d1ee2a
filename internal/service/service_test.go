package service_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/disk"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
)

const account = "000000000000"

// house is a service over the real embedded stores, with a clock of its own.
type house struct {
	*service.Service
	t      testing.TB
	owner  service.Caller
	config service.Config

	mu  sync.Mutex
	now time.Time
}

func newHouse(t testing.TB) *house {
	t.Helper()
	dir := t.TempDir()
	store, err := sql.Open(t.Context(), sql.Config{URL: "sqlite:" + filepath.Join(dir, "ecru.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	content, err := disk.New(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, now: time.Now(), owner: service.Caller{Principal: iam.RootPrincipal(account, "AKIAEXAMPLE")}}
	h.config = service.Config{
		Default: registry.Scope{Account: account, Region: "us-east-1"},
		Store:   store, Content: content, Limits: service.DefaultLimits(),
		Secret: []byte("secret"), Keyring: keyring(t), Now: h.clock, Alone: true,
	}
	h.Service = service.New(h.config)
	return h
}

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	ring, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// restart makes a new service over the same stores, as a new process would.
func (h *house) restart() { h.Service = service.New(h.config) }

func (h *house) repository(name string) {
	h.t.Helper()
	if _, err := h.CreateRepository(h.t.Context(), h.owner, service.CreateRepository{Name: name}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) blob(repository, content string) string {
	h.t.Helper()
	digest := digestOf(content)
	if _, err := h.PushBlob(h.t.Context(), h.owner, repository, digest, body(content)); err != nil {
		h.t.Fatal(err)
	}
	return digest
}

// image pushes an image of one layer and answers its digest.
func (h *house) image(repository, layer string, tags ...string) string {
	h.t.Helper()
	config := h.blob(repository, "{}")
	payload := manifest(config, h.blob(repository, layer), len(layer))
	_, result, err := h.PutManifest(h.t.Context(), h.owner, service.PushManifest{Repository: repository, Payload: payload, Tags: tags})
	if err != nil {
		h.t.Fatal(err)
	}
	return result.Image.Digest
}

func manifest(config, layer string, size int) []byte {
	payload, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
		"layers": []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size}},
	})
	return payload
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func body(content string) service.Chunk {
	return service.Chunk{Offset: service.AtEnd, Length: int64(len(content)), Body: strings.NewReader(content)}
}

func at(offset int64, content string) service.Chunk {
	c := body(content)
	c.Offset = offset
	return c
}

func wantCode(t *testing.T, err error, code registry.Code) {
	t.Helper()
	if got := registry.CodeOf(err); got != code {
		t.Errorf("error %v has code %q, want %q", err, got, code)
	}
}

func read(t *testing.T, h *house, repository, digest string) string {
	t.Helper()
	_, content, err := h.OpenBlob(t.Context(), h.owner, repository, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, content); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUploadGoesOnInAnotherProcess(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	u, err := h.StartUpload(ctx, h.owner, "web")
	if err != nil {
		t.Fatal(err)
	}
	h.restart() // nothing of the session has been stored
	if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, at(0, "first ")); err != nil {
		t.Fatal(err)
	}
	h.restart()
	_, err = h.AppendUpload(ctx, h.owner, "web", u.ID, at(0, "again"))
	wantCode(t, err, registry.CodeRangeInvalid)
	if s, err := h.UploadStatus(ctx, h.owner, "web", u.ID); err != nil || s.Size != 6 {
		t.Errorf("status = %+v, %v; want 6 bytes", s, err)
	}
	digest := digestOf("first second")
	_, err = h.CompleteUpload(ctx, h.owner, "web", u.ID, service.Completion{Chunk: at(6, "second"), Digests: []string{digest}})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, h, "web", digest); got != "first second" {
		t.Errorf("content = %q", got)
	}
	h.restart()
	_, err = h.UploadStatus(ctx, h.owner, "web", u.ID)
	wantCode(t, err, registry.CodeUploadNotFound)
}

func TestUploadIDOfAnotherRepositoryOrTimeIsUnknown(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	h.repository("other")
	u, err := h.StartUpload(ctx, h.owner, "web")
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"another repository's": u.ID,
		"invented":             "01234567-89ab-8def-8123-456789abcdef",
		"upper case":           strings.ToUpper(u.ID),
		"a path":               "../" + u.ID,
		"empty":                "",
	} {
		_, err := h.AppendUpload(ctx, h.owner, "other", id, body("x"))
		if registry.CodeOf(err) != registry.CodeUploadNotFound {
			t.Errorf("%s id: %v, want UploadNotFound", name, err)
		}
	}
	h.pass(25 * time.Hour)
	_, err = h.AppendUpload(ctx, h.owner, "web", u.ID, body("x"))
	wantCode(t, err, registry.CodeUploadNotFound)
}

func TestWrongDigestEndsTheUploadAndLeavesNothing(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	u, _ := h.StartUpload(ctx, h.owner, "web")
	if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, body("content")); err != nil {
		t.Fatal(err)
	}
	_, err := h.CompleteUpload(ctx, h.owner, "web", u.ID, service.Completion{Chunk: service.Chunk{Offset: service.AtEnd}, Digests: []string{digestOf("other")}})
	wantCode(t, err, registry.CodeInvalidLayer)
	_, err = h.UploadStatus(ctx, h.owner, "web", u.ID)
	wantCode(t, err, registry.CodeUploadNotFound)
	h.wantStored(0)
}

func (h *house) wantStored(want int) {
	h.t.Helper()
	var keys []string
	err := h.Content.List(context.Background(), func(info blob.Info) error {
		keys = append(keys, info.Key)
		return nil
	})
	if err != nil || len(keys) != want {
		h.t.Errorf("%d things are stored (%v, %v), want %d", len(keys), keys, err, want)
	}
}

func TestBrokenBodyKeepsWhatWasAcknowledgedAndNothingElse(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	broken := service.Chunk{Offset: service.AtEnd, Length: 100, Body: strings.NewReader("short")}
	_, err := h.PushBlob(ctx, h.owner, "web", digestOf("x"), broken)
	wantCode(t, err, registry.CodeBodyInterrupted)
	h.wantStored(0)

	u, _ := h.StartUpload(ctx, h.owner, "web")
	if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, at(0, "kept ")); err != nil {
		t.Fatal(err)
	}
	broken.Body = strings.NewReader("lost")
	_, err = h.AppendUpload(ctx, h.owner, "web", u.ID, broken)
	wantCode(t, err, registry.CodeBodyInterrupted)
	digest := digestOf("kept whole")
	if _, err := h.CompleteUpload(ctx, h.owner, "web", u.ID, service.Completion{Chunk: at(5, "whole"), Digests: []string{digest}}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, h, "web", digest); got != "kept whole" {
		t.Errorf("content = %q", got)
	}
}

func TestConcurrentChunksAtOneOffsetAreTakenOnce(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	u, _ := h.StartUpload(ctx, h.owner, "web")
	var wg sync.WaitGroup
	taken := make([]error, 8)
	for i := range taken {
		wg.Go(func() { _, taken[i] = h.AppendUpload(ctx, h.owner, "web", u.ID, at(0, "same")) })
	}
	wg.Wait()
	accepted := 0
	for _, err := range taken {
		if err == nil {
			accepted++
		} else {
			wantCode(t, err, registry.CodeRangeInvalid)
		}
	}
	if s, _ := h.UploadStatus(ctx, h.owner, "web", u.ID); accepted != 1 || s.Size != 4 {
		t.Errorf("%d chunks were accepted and %d bytes are held, want 1 and 4", accepted, s.Size)
	}
}

func TestSameContentIsStoredOnce(t *testing.T) {
	h := newHouse(t)
	h.repository("web")
	h.repository("other")
	h.blob("web", "content")
	h.blob("web", "content")
	h.blob("other", "content")
	h.wantStored(1)
}

func TestKnowingADigestGivesNoRightToIt(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	h.repository("other")
	digest := h.blob("web", "content")
	_, _, err := h.OpenBlob(ctx, h.owner, "other", digest)
	wantCode(t, err, registry.CodeLayersNotFound)
	stranger := service.Caller{Principal: iam.RootPrincipal("111111111111", "AKIAOTHER"), Registry: account}
	_, _, err = h.OpenBlob(ctx, stranger, "web", digest)
	wantCode(t, err, registry.CodeAccessDenied)
	_, err = h.StatBlob(ctx, service.Caller{}, "web", digest)
	wantCode(t, err, registry.CodeAccessDenied)
}

func TestMountingNeedsTheSettingAndTheSource(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	h.repository("other")
	digest := h.blob("web", "content")
	mount := func(from string) bool {
		t.Helper()
		_, mounted, err := h.MountBlob(ctx, h.owner, "other", from, digest)
		if err != nil {
			t.Fatal(err)
		}
		return mounted
	}
	if mount("web") {
		t.Error("mounted although BLOB_MOUNTING is DISABLED by default")
	}
	if err := h.PutAccountSetting(ctx, h.owner, registry.SettingBlobMounting, registry.MountingEnabled); err != nil {
		t.Fatal(err)
	}
	if mount("nowhere") || mount("other") || mount("../web") {
		t.Error("mounted from a repository that does not have it")
	}
	if !mount("web") {
		t.Error("not mounted")
	}
	if got := read(t, h, "other", digest); got != "content" {
		t.Errorf("content = %q", got)
	}
}

func TestSweepRemovesOnlyWhatNothingNeeds(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	kept := h.image("web", "layer")
	gone := h.blob("web", "nobody's")
	if err := h.DeleteBlob(ctx, h.owner, "web", gone); err != nil {
		t.Fatal(err)
	}
	u, _ := h.StartUpload(ctx, h.owner, "web")
	if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, body("stale")); err != nil {
		t.Fatal(err)
	}
	sweep := func() {
		t.Helper()
		if err := h.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	h.wantStored(4) // config, layer, nobody's, stale
	h.pass(2 * time.Hour)
	sweep()
	h.wantStored(3)
	h.pass(30 * time.Hour)
	sweep()
	h.wantStored(2)
	if err := h.SweepOrphans(ctx); err != nil {
		t.Fatal(err)
	}
	h.wantStored(2)
	if _, err := h.Manifest(ctx, h.owner, "web", registry.Reference{Digest: kept}, service.ManifestLook); err != nil {
		t.Error(err)
	}
	// What was swept can come back.
	if got := read(t, h, "web", h.blob("web", "nobody's")); got != "nobody's" {
		t.Errorf("content = %q", got)
	}
}

func TestDeletedImageGivesItsBytesBack(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	h.image("web", "kept", "v1")
	gone := h.image("web", "gone", "v2")
	h.pass(48 * time.Hour)
	if err := h.SweepIdle(ctx); err != nil {
		t.Fatal(err)
	}
	h.wantStored(3) // the config that both share, and two layers
	if _, _, err := h.BatchDeleteImages(ctx, h.owner, "web", []registry.ImageID{{Digest: gone}}); err != nil {
		t.Fatal(err)
	}
	sweep := func() {
		t.Helper()
		if err := errors.Join(h.SweepIdle(ctx), h.Sweep(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	// The store notes the deletion by its own clock.
	h.pass(48 * time.Hour)
	sweep()
	h.pass(2 * time.Hour)
	sweep()
	h.wantStored(2)
	if got := read(t, h, "web", digestOf("kept")); got != "kept" {
		t.Errorf("content = %q", got)
	}
}

func TestOrphansOfACrashAreRemoved(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	state, err := h.Content.Append(ctx, "0a0a0a0a-0000-4000-8000-000000000000", blob.State{}, strings.NewReader("lost"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Content.Commit(ctx, "0a0a0a0a-0000-4000-8000-000000000000", state); err != nil {
		t.Fatal(err)
	}
	if err := h.SweepOrphans(ctx); err != nil {
		t.Fatal(err)
	}
	h.wantStored(1) // too young: its transaction may be on the way
	h.pass(48 * time.Hour)
	if err := h.SweepOrphans(ctx); err != nil {
		t.Fatal(err)
	}
	h.wantStored(0)
}

func TestIndexAndChildrenGoInOneCallInAnyOrder(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	child := h.image("web", "layer")
	index, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIIndex,
		"manifests": []any{map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": child, "size": 1}},
	})
	_, result, err := h.PutManifest(ctx, h.owner, service.PushManifest{Repository: "web", Payload: index, Tags: []string{"multi"}})
	if err != nil {
		t.Fatal(err)
	}
	_, failures, err := h.BatchDeleteImages(ctx, h.owner, "web", []registry.ImageID{{Digest: child}})
	if err != nil || len(failures) != 1 || failures[0].Code != "ImageReferencedByManifestList" {
		t.Fatalf("failures = %+v, %v; want one ImageReferencedByManifestList", failures, err)
	}
	gone, failures, err := h.BatchDeleteImages(ctx, h.owner, "web", []registry.ImageID{{Digest: child}, {Digest: result.Image.Digest}})
	if err != nil || len(failures) != 0 || len(gone) != 2 {
		t.Errorf("gone = %v, failures = %v, %v; want both gone", gone, failures, err)
	}
}

func TestAnswerOfABatchIsBounded(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	index, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIIndex, "manifests": []any{},
		"annotations": map[string]string{"large": strings.Repeat("a", registry.MaxManifestSize-1024)},
	})
	if _, _, err := h.PutManifest(ctx, h.owner, service.PushManifest{Repository: "web", Payload: index, Tags: []string{"large"}}); err != nil {
		t.Fatal(err)
	}
	same := func(n int) (ids []registry.ImageID) {
		for range n {
			ids = append(ids, registry.ImageID{Tag: "large"})
		}
		return ids
	}
	if found, _, err := h.BatchGetImages(ctx, h.owner, "web", same(8)); err != nil || len(found) != 8 {
		t.Errorf("%d images, %v; want 8", len(found), err)
	}
	_, _, err := h.BatchGetImages(ctx, h.owner, "web", same(100))
	wantCode(t, err, registry.CodeLimitExceeded)
}

func TestPullsAreRecordedOffTheHotPath(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	digest := h.image("web", "layer", "v1")
	h.Start()
	for _, use := range []service.ManifestUse{service.ManifestLook, service.ManifestPull} {
		if _, err := h.Manifest(ctx, h.owner, "web", registry.Reference{Tag: "v1"}, use); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	details, err := h.DescribeImages(ctx, h.owner, "web", []registry.ImageID{{Digest: digest}})
	if err != nil || details[0].LastPulledAt.IsZero() {
		t.Errorf("details = %+v, %v; want a pull time", details, err)
	}
}

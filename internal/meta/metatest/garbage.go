package metatest

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func garbageCases() []testCase {
	return []testCase{
		{"unlinked blobs are found after their time", garbageUnlinked},
		{"a blob that is linked again is not garbage", garbageRelinked},
		{"links that no image needs go after their time", garbageIdle},
		{"a blob is forgotten only when nobody has it", garbageForget},
		{"known keys", garbageKeys},
	}
}

func garbageUnlinked(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	for n, name := range []string{"a", "b", "c"} {
		digest := Blob(t, s, "web", name, 1)
		must(t, s.UnlinkBlob(ctx, account, "web", digest, base.Add(time.Duration(n)*time.Minute)))
	}
	Blob(t, s, "web", "linked", 1)
	digests := func(before time.Time, limit int) (all []string) {
		for _, b := range value(s.UnlinkedBlobs(ctx, before, limit))(t) {
			all = append(all, b.Key)
		}
		return all
	}
	wantSame(t, "before all", []string(nil), digests(base, 9))
	wantSame(t, "before the last", []string{"key-web-a", "key-web-b"}, digests(base.Add(2*time.Minute), 9))
	wantSame(t, "one", []string{"key-web-a"}, digests(base.Add(time.Hour), 1))
}

func garbageIdle(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	Repo(t, s, "other")
	needed := Push("web", Image(Blob(t, s, "web", "config", 1), Blob(t, s, "web", "layer", 1)), "v1")
	value(s.PutImage(ctx, needed))(t)
	idle := Blob(t, s, "web", "idle", 1)
	elsewhere := Blob(t, s, "other", "idle", 1) // the same digest
	later := base.Add(time.Hour)
	if n := value(s.UnlinkIdleBlobs(ctx, base, later, 9))(t); n != 0 {
		t.Errorf("%d links went before their time", n)
	}
	if n := value(s.UnlinkIdleBlobs(ctx, later, later, 1))(t); n != 1 {
		t.Errorf("%d links went, want the limit of 1", n)
	}
	if n := value(s.UnlinkIdleBlobs(ctx, later, later, 9))(t); n != 1 {
		t.Errorf("%d more links went, want 1", n)
	}
	for repository, digest := range map[string]string{"web": idle, "other": elsewhere} {
		_, err := s.Blob(ctx, account, repository, digest)
		wantCode(t, err, registry.CodeLayersNotFound)
	}
	if got := value(s.UnlinkedBlobs(ctx, later.Add(time.Second), 9))(t); len(got) != 1 {
		t.Errorf("unlinked blobs: %v, want the one", got)
	}
	// What an image lets go is idle from then on.
	value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: needed.Digest}, Mode: meta.DeleteTagOnly}))(t)
	if n := value(s.UnlinkIdleBlobs(ctx, later.Add(24*time.Hour*365*100), later, 99))(t); n != 2 {
		t.Error("the blobs of a deleted image stay linked")
	}
}

func garbageRelinked(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	digest := Blob(t, s, "web", "a", 1)
	must(t, s.UnlinkBlob(ctx, account, "web", digest, base))
	commit(t, s, "web", meta.Blob{Digest: digest, Size: 1, Key: "another"}, "")
	if got := value(s.UnlinkedBlobs(ctx, base.Add(time.Hour), 9))(t); len(got) != 0 {
		t.Errorf("unlinked: %v", got)
	}
	if b := value(s.Blob(ctx, account, "web", digest))(t); b.Key != "key-web-a" {
		t.Errorf("key %q: the bytes that are still there were not used", b.Key)
	}
}

func garbageForget(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	digest := Blob(t, s, "web", "a", 1)
	b := meta.Blob{Digest: digest, Size: 1, Key: "key-web-a"}
	if value(s.ForgetBlob(ctx, b))(t) {
		t.Error("a linked blob was forgotten")
	}
	must(t, s.UnlinkBlob(ctx, account, "web", digest, base))
	if value(s.ForgetBlob(ctx, meta.Blob{Digest: digest, Size: 1, Key: "other"}))(t) {
		t.Error("forgotten under another key")
	}
	if !value(s.ForgetBlob(ctx, b))(t) {
		t.Error("not forgotten")
	}
	if value(s.ForgetBlob(ctx, b))(t) {
		t.Error("forgotten twice")
	}
	if known := value(s.KnownKeys(ctx, []string{b.Key}))(t); len(known) != 0 {
		t.Errorf("known: %v", known)
	}
	// The digest can come back under a key of its own.
	fresh := meta.Blob{Digest: digest, Size: 1, Key: "fresh"}
	wantSame(t, "pushed again", fresh, commit(t, s, "web", fresh, ""))
}

func garbageKeys(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Blob(t, s, "web", "a", 1)
	value(s.SaveUpload(t.Context(), upload("u1", 1), 0))(t)
	must(t, s.CancelUpload(t.Context(), upload("u2", 1)))
	got := value(s.KnownKeys(t.Context(), []string{"u1", "key-web-a", "u2", "u3", ""}))(t)
	wantSame(t, "known", map[string]bool{"u1": true, "u2": true, "key-web-a": true}, got)
}

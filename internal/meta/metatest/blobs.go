package metatest

import (
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func blobCases() []testCase {
	return []testCase{
		{"a committed blob is there, in its repository only", blobCommit},
		{"the older key wins", blobOlderKey},
		{"the commit forgets the upload", blobForgetsUpload},
		{"blobs present", blobsPresent},
		{"mounting", blobMount},
		{"unlinking", blobUnlink},
		{"an image protects its blobs", blobProtected},
		{"which blobs an image needs", blobNeeded},
	}
}

func commit(t *testing.T, s meta.Store, repo string, b meta.Blob, upload string) meta.Blob {
	t.Helper()
	return value(s.CommitBlob(t.Context(), meta.CommitBlob{Account: account, Repository: repo, Blob: b, UploadID: upload, Now: base}))(t)
}

func blobCommit(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	want := meta.Blob{Digest: DigestOf("a"), Size: 1 << 40, Key: "k1"}
	wantSame(t, "answer", want, commit(t, s, "web", want, ""))
	wantSame(t, "stored", want, value(s.Blob(t.Context(), account, "web", want.Digest))(t))
	_, err := s.Blob(t.Context(), account, "other", want.Digest)
	wantError(t, err, registry.LayerNotFound(account, "other", want.Digest))
	_, err = s.Blob(t.Context(), account, "web", DigestOf("b"))
	wantError(t, err, registry.LayerNotFound(account, "web", DigestOf("b")))
}

func blobOlderKey(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	first := meta.Blob{Digest: DigestOf("a"), Size: 5, Key: "k1"}
	commit(t, s, "web", first, "")
	second := meta.Blob{Digest: DigestOf("a"), Size: 5, Key: "k2"}
	wantSame(t, "same repository", first, commit(t, s, "web", second, ""))
	wantSame(t, "other repository", first, commit(t, s, "other", second, ""))
	wantSame(t, "stored", first, value(s.Blob(t.Context(), account, "other", first.Digest))(t))
	known := value(s.KnownKeys(t.Context(), []string{"k1", "k2"}))(t)
	wantSame(t, "known keys", map[string]bool{"k1": true}, known)
}

func blobForgetsUpload(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	for n, id := range []string{"u1", "u2"} {
		if !value(s.SaveUpload(t.Context(), meta.Upload{ID: id, RepositoryID: repo.ID, Offset: 5, UpdatedAt: base}, 0))(t) {
			t.Fatal("not saved")
		}
		commit(t, s, "web", meta.Blob{Digest: DigestOf("a"), Size: 5, Key: id}, id)
		if _, found, err := s.Upload(t.Context(), id); err != nil || found {
			t.Errorf("upload %d is left: %v %v", n, found, err)
		}
	}
	commit(t, s, "web", meta.Blob{Digest: DigestOf("b"), Size: 5, Key: "u3"}, "unknown")
}

func blobsPresent(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	a, b := Blob(t, s, "web", "a", 1), Blob(t, s, "web", "b", 2)
	c := Blob(t, s, "other", "c", 3)
	got := value(s.BlobsPresent(t.Context(), account, "web", []string{b, c, a, DigestOf("d"), a}))(t)
	wantSame(t, "present", map[string]meta.Blob{a: {Digest: a, Size: 1, Key: "key-web-a"}, b: {Digest: b, Size: 2, Key: "key-web-b"}}, got)
	if got := value(s.BlobsPresent(t.Context(), account, "web", nil))(t); len(got) != 0 {
		t.Errorf("no digests answer %v", got)
	}
}

func blobMount(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	Repo(t, s, "other")
	digest := Blob(t, s, "web", "a", 9)
	want := meta.Blob{Digest: digest, Size: 9, Key: "key-web-a"}
	for range 2 {
		b, mounted, err := s.MountBlob(ctx, account, "web", "other", digest, base)
		if must(t, err); !mounted {
			t.Fatal("not mounted")
		}
		wantSame(t, "mounted", want, b)
	}
	wantSame(t, "stored", want, value(s.Blob(ctx, account, "other", digest))(t))
	for _, from := range []string{"none", "web"} {
		if _, mounted, err := s.MountBlob(ctx, account, from, "other", DigestOf("b"), base); err != nil || mounted {
			t.Errorf("mounting an unknown blob from %s: %v %v", from, mounted, err)
		}
	}
	if _, mounted, err := s.MountBlob(ctx, "111111111111", "web", "other", digest, base); mounted || registry.CodeOf(err) != registry.CodeRepositoryNotFound {
		t.Errorf("mounting in another account: %v %v", mounted, err)
	}
}

func blobUnlink(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	Repo(t, s, "other")
	digest := Blob(t, s, "web", "a", 9)
	Blob(t, s, "other", "a", 9)
	must(t, s.UnlinkBlob(ctx, account, "web", digest, base))
	_, err := s.Blob(ctx, account, "web", digest)
	wantCode(t, err, registry.CodeLayersNotFound)
	wantError(t, s.UnlinkBlob(ctx, account, "web", digest, base), registry.LayerNotFound(account, "web", digest))
	value(s.Blob(ctx, account, "other", digest))(t)
	late := base.Add(time.Hour)
	if got := value(s.UnlinkedBlobs(ctx, late, 9))(t); len(got) != 0 {
		t.Errorf("unlinked although another repository has it: %v", got)
	}
	must(t, s.UnlinkBlob(ctx, account, "other", digest, base))
	if got := value(s.UnlinkedBlobs(ctx, late, 9))(t); len(got) != 1 {
		t.Errorf("unlinked: %v", got)
	}
}

func blobNeeded(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	Repo(t, s, "other")
	image := put(t, s, "web", "a")
	alone := Blob(t, s, "web", "alone", 9)
	Blob(t, s, "other", "a", 9)
	for _, c := range []struct {
		repository, digest string
		needed             bool
	}{{"web", DigestOf("a"), true}, {"web", alone, false}, {"other", DigestOf("a"), false}, {"web", DigestOf("nothing"), false}} {
		if got := value(s.BlobNeeded(ctx, account, c.repository, c.digest))(t); got != c.needed {
			t.Errorf("%s in %s: needed is %v", c.digest, c.repository, got)
		}
	}
	value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: image}, Mode: meta.DeleteTagOnly}))(t)
	if value(s.BlobNeeded(ctx, account, "web", DigestOf("a")))(t) {
		t.Error("needed although its image is gone")
	}
	_, err := s.BlobNeeded(ctx, account, "missing", alone)
	wantCode(t, err, registry.CodeRepositoryNotFound)
}

func blobProtected(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	image := put(t, s, "web", "a")
	err := s.UnlinkBlob(ctx, account, "web", DigestOf("a"), base)
	wantError(t, err, registry.ImageReferenced([]string{image}))
	value(s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: image}, Mode: meta.DeleteTagOnly}))(t)
	must(t, s.UnlinkBlob(ctx, account, "web", DigestOf("a"), base))
}

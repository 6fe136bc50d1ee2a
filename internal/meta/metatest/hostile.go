package metatest

import (
	"context"
	"errors"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func hostileCases() []testCase {
	return []testCase{
		{"names are values", hostileNames},
		{"a cancelled context changes nothing", hostileCancelled},
		{"a panic stays with its caller", hostilePanic},
	}
}

// hostileNames asks for things that cannot exist and stores what can be.
func hostileNames(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	for _, name := range []string{"'", `"`, "'; DROP TABLE tags; --", "v1\x00", "v1\x00x", "\xff", "%", "_", "$1", "?", "{in}", `\`, "é", long(100_000)} {
		_, err := s.Manifest(ctx, account, "web", registry.Reference{Tag: name})
		wantCode(t, err, registry.CodeImageNotFound)
		_, err = s.Manifest(ctx, account, "web", registry.Reference{Digest: name})
		wantCode(t, err, registry.CodeImageNotFound)
		_, err = s.Repository(ctx, account, name)
		wantCode(t, err, registry.CodeRepositoryNotFound)
		_, err = s.Repository(ctx, name, "web")
		wantCode(t, err, registry.CodeRepositoryNotFound)
		_, err = s.Blob(ctx, account, "web", name)
		wantCode(t, err, registry.CodeLayersNotFound)
		_, err = s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Tag: name}, Mode: meta.DeleteTagOnly})
		wantCode(t, err, registry.CodeImageNotFound)
		got := value(s.Images(ctx, account, "web", []registry.ImageID{{Tag: name}, {Digest: a + name}, {Tag: "v1"}}))(t)
		if got[0] != nil || got[1] != nil || got[2] == nil {
			t.Errorf("%q: images %v", name, got)
		}
		if got := value(s.BlobsPresent(ctx, account, "web", []string{name, DigestOf("a") + name}))(t); len(got) != 0 {
			t.Errorf("%q: blobs %v", name, got)
		}
		value(s.ListTags(ctx, account, "web", name, 3))(t)
		value(s.ListImageIDs(ctx, account, "web", meta.ImageQuery{After: registry.ImageID{Digest: name, Tag: name}, Limit: 3}))(t)
		value(s.KnownKeys(ctx, []string{name}))(t)
		if _, found, err := s.Upload(ctx, name); found || err != nil {
			t.Errorf("%q: upload %v %v", name, found, err)
		}
		if _, found, err := s.AccessKey(ctx, name); found || err != nil {
			t.Errorf("%q: key %v %v", name, found, err)
		}
	}
	for _, tag := range []string{"'", `"`, "'; DROP TABLE tags; --", "%", "$1", "?", `\`, "é"} {
		put(t, s, "web", "a", tag)
		if got := tagsOf(t, s, "web")[tag]; got != a {
			t.Errorf("tag %q names %q", tag, got)
		}
		must(t, s.PutSetting(ctx, account, tag, tag))
		if v, _, err := s.Setting(ctx, account, tag); err != nil || v != tag {
			t.Errorf("setting %q: %q %v", tag, v, err)
		}
	}
	for _, tag := range []string{"v1\x00", "\xff"} { // one database could keep these, the other not
		_, err := s.PutImage(ctx, Push("web", Image(DigestOf("a")), tag))
		wantCode(t, err, registry.CodeInvalidParameter)
		wantCode(t, s.PutSetting(ctx, account, tag, ""), registry.CodeInvalidParameter)
		wantCode(t, s.CreateRepository(ctx, &registry.Repository{Account: account, Name: tag}, 0), registry.CodeInvalidParameter)
	}
}

func hostileCancelled(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Manifest(ctx, account, "web", registry.Reference{Tag: "v1"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Manifest: %v", err)
	}
	if err := s.PutSetting(ctx, account, "a", "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("PutSetting: %v", err)
	}
	if _, found, err := s.Setting(t.Context(), account, "a"); found || err != nil {
		t.Errorf("the setting: %v %v", found, err)
	}
}

func hostilePanic(t *testing.T, s meta.Store) {
	before := Repo(t, s, "web")
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = errors.New("panicked")
			}
		}()
		_, err = s.UpdateRepository(t.Context(), account, "web", func(r *registry.Repository) error {
			r.ScanOnPush = true
			panic("a bug of the caller")
		})
		return err
	}()
	if err == nil {
		t.Error("no error")
	}
	wantSame(t, "stored", before, value(s.Repository(t.Context(), account, "web"))(t))
	put(t, s, "web", "a", "v1")
}

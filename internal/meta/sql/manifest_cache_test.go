package sql

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
	"github.com/ecru-registry/ecru/internal/registry"
)

// An answer that was given before must not outlive any change that it rests on.
func TestKnownManifestsFollowEveryChange(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	metatest.Repo(t, s, "web")
	config := metatest.Blob(t, s, "web", "config", 1)
	push := func(n int) meta.PutImage {
		m := metatest.Image(config)
		m.Annotations = map[string]string{"n": fmt.Sprint(n)}
		return metatest.Push("web", m, "latest")
	}
	ask := func() (string, error) {
		m, err := s.Manifest(t.Context(), benchAccount, "web", registry.Reference{Tag: "latest"})
		if err != nil {
			return "", err
		}
		return m.Digest, nil
	}
	for n := range 3 {
		in := push(n)
		if _, err := s.PutImage(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got, err := ask(); got != in.Digest || err != nil {
				t.Fatalf("after push %d: %s, %v; want %s", n, got, err, in.Digest)
			}
		}
	}
	if _, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: benchAccount, Repository: "web", ID: registry.ImageID{Tag: "latest"}, Mode: meta.DeleteTagOnly}); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); registry.CodeOf(err) != registry.CodeImageNotFound {
		t.Errorf("after the tag was deleted: %v", err)
	}
	if _, err := s.PutImage(t.Context(), push(4)); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteRepository(t.Context(), benchAccount, "web", true, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); registry.CodeOf(err) != registry.CodeRepositoryNotFound {
		t.Errorf("after the repository was deleted: %v", err)
	}
}

// Readers keep the cache warm while a tag moves; whoever moves it sees the move.
func TestKnownManifestsAreFreshAfterAcknowledgement(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	metatest.Repo(t, s, "web")
	config := metatest.Blob(t, s, "web", "config", 1)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = s.Manifest(t.Context(), benchAccount, "web", registry.Reference{Tag: "latest"})
				}
			}
		})
	}
	for n := range 300 {
		m := metatest.Image(config)
		m.Annotations = map[string]string{"n": fmt.Sprint(n)}
		in := metatest.Push("web", m, "latest")
		in.Now = time.Now()
		if _, err := s.PutImage(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		got, err := s.Manifest(t.Context(), benchAccount, "web", registry.Reference{Tag: "latest"})
		if err != nil || got.Digest != in.Digest {
			t.Errorf("move %d: %v, %v; want %s", n, got, err, in.Digest)
			break
		}
	}
	close(stop)
	readers.Wait()
}

func TestManifestCacheIsBounded(t *testing.T) {
	c := newManifestCache()
	payload := bytes.Repeat([]byte("x"), cachedManifestMax)
	for n := range 3 * cachedManifestBytes / cachedManifestMax {
		key := manifestKey{name: fmt.Sprint(n)}
		_, commits := c.get(key)
		c.put(key, &registry.StoredManifest{Payload: payload}, commits)
		c.put(key, &registry.StoredManifest{Payload: payload}, commits)
	}
	sum := 0
	for _, k := range c.known.Values() {
		sum += k.size()
	}
	if sum != c.bytes || sum > cachedManifestBytes {
		t.Errorf("%d bytes are kept, %d are counted, %d are allowed", sum, c.bytes, cachedManifestBytes)
	}
	key := manifestKey{name: "large"}
	c.put(key, &registry.StoredManifest{Payload: append(payload, 'x')}, c.commits.Load())
	if m, _ := c.get(key); m != nil {
		t.Error("a large manifest was kept")
	}
}

// Repositories and settings are remembered, too, and follow every change.
func TestRememberedRepositoriesFollowEveryChange(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	ctx := t.Context()
	if _, err := s.Repository(ctx, benchAccount, "web"); registry.CodeOf(err) != registry.CodeRepositoryNotFound {
		t.Errorf("before it is there: %v", err)
	}
	first := metatest.Repo(t, s, "web").ID
	for range 2 {
		if r, err := s.Repository(ctx, benchAccount, "web"); err != nil || r.ID != first || r.ScanOnPush {
			t.Errorf("created: %+v, %v", r, err)
		}
	}
	_, err := s.UpdateRepository(ctx, benchAccount, "web", func(r *registry.Repository) error { r.ScanOnPush = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Repository(ctx, benchAccount, "web"); err != nil || !r.ScanOnPush {
		t.Errorf("updated: %+v, %v", r, err)
	}
	if _, err := s.DeleteRepository(ctx, benchAccount, "web", true, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListTags(ctx, benchAccount, "web", "", 1); registry.CodeOf(err) != registry.CodeRepositoryNotFound {
		t.Errorf("deleted: %v", err)
	}
	if again := metatest.Repo(t, s, "web").ID; again == first {
		t.Error("an id was used twice")
	} else if r, err := s.Repository(ctx, benchAccount, "web"); err != nil || r.ID != again {
		t.Errorf("created again: %+v, %v", r, err)
	}
	for _, want := range []string{"one", "two"} {
		if err := s.PutSetting(ctx, benchAccount, "name", want); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, found, err := s.Setting(ctx, benchAccount, "name"); got != want || !found || err != nil {
				t.Errorf("setting: %q, %v, %v; want %q", got, found, err, want)
			}
		}
	}
}

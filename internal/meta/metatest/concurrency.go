package metatest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func concurrencyCases() []testCase {
	return []testCase{
		{"pushes, deletes and collection leave no loose end", func(t *testing.T, s meta.Store) { Storm(t, s, 8, 60) }},
		{"one of many pushes of an immutable tag wins", concurrentImmutable},
		{"one of many repositories of a name wins", concurrentCreate},
		{"one of many appends wins", concurrentAppend},
		{"updates of a repository do not overwrite each other", concurrentUpdates},
		{"tags move back and forth", concurrentTags},
	}
}

// Storm lets workers push, mount, delete, unlink and collect the same few
// names, and then looks for loose ends through the ports.
func Storm(t *testing.T, s meta.Store, workers, rounds int) {
	t.Helper()
	repos := []string{"one", "two"}
	for _, r := range repos {
		Repo(t, s, r)
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range rounds {
				if err := stormStep(t, s, random, repos[random.IntN(2)], fmt.Sprintf("%d-%d", w, i)); err != nil && registry.CodeOf(err) == registry.CodeInternal {
					t.Errorf("worker %d, round %d: %v", w, i, err)
				}
			}
		})
	}
	all.Wait()
	for _, r := range repos {
		checkRepository(t, s, r)
	}
}

// stormStep does one random thing. Refusals are fine, failures are not.
func stormStep(t *testing.T, s meta.Store, random *rand.Rand, repo, unique string) error {
	ctx, now := t.Context(), time.Now()
	pick := func() string { return fmt.Sprint("blob", random.IntN(6)) }
	tag := fmt.Sprint("t", random.IntN(4))
	switch random.IntN(10) {
	case 0, 1:
		_, err := s.CommitBlob(ctx, meta.CommitBlob{Account: account, Repository: repo, Now: now, Blob: meta.Blob{Digest: DigestOf(pick()), Size: 1, Key: unique}})
		return err
	case 2, 3, 4:
		_, err := s.PutImage(ctx, Push(repo, Image(DigestOf(pick()), DigestOf(pick())), tag, fmt.Sprint("t", random.IntN(4))))
		return err
	case 5:
		ids, err := s.ListImageIDs(ctx, account, repo, meta.ImageQuery{Limit: 3})
		if err != nil || len(ids) == 0 {
			return err
		}
		_, err = s.PutImage(ctx, Push(repo, Index(ids[len(ids)-1].Digest, ids[0].Digest), tag))
		return err
	case 6:
		mode := meta.DeleteMode(random.IntN(2))
		_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: repo, ID: registry.ImageID{Tag: tag}, Mode: mode})
		return err
	case 7:
		images, err := s.ListImages(ctx, account, repo, meta.ImageQuery{Limit: 5})
		if err != nil || len(images) == 0 {
			return err
		}
		_, err = s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: repo, ID: registry.ImageID{Digest: images[random.IntN(len(images))].Digest}, Mode: meta.DeleteTagOnly})
		return err
	case 8:
		_, _, err := s.MountBlob(ctx, account, "one", "two", DigestOf(pick()), now)
		return err
	}
	if err := s.UnlinkBlob(ctx, account, repo, DigestOf(pick()), now); err != nil {
		return err
	}
	garbage, err := s.UnlinkedBlobs(ctx, now.Add(time.Minute), 2)
	for _, b := range garbage {
		if _, err := s.ForgetBlob(ctx, b); err != nil {
			return err
		}
	}
	return err
}

// checkRepository looks for an image whose blobs or children are not there, and
// for a tag that names nothing.
func checkRepository(t *testing.T, s meta.Store, repo string) {
	t.Helper()
	ctx := t.Context()
	for _, tag := range value(s.ListTags(ctx, account, repo, "", 1000))(t) {
		if _, err := s.Manifest(ctx, account, repo, registry.Reference{Tag: tag}); err != nil {
			t.Errorf("%s: tag %s: %v", repo, tag, err)
		}
	}
	for _, i := range value(s.ListImages(ctx, account, repo, meta.ImageQuery{Limit: 1000}))(t) {
		stored := value(s.Manifest(ctx, account, repo, registry.Reference{Digest: i.Digest}))(t)
		m := parse(t, stored.Payload)
		for _, digest := range m.Blobs() {
			if _, err := s.Blob(ctx, account, repo, digest); err != nil {
				t.Errorf("%s: image %s: %v", repo, i.Digest, err)
			}
		}
		for _, digest := range m.ChildDigests() {
			if !exists(t, s, repo, digest) {
				t.Errorf("%s: index %s: child %s is gone", repo, i.Digest, digest)
			}
		}
	}
}

func concurrentImmutable(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	setMutability(t, s, "web", registry.Immutable)
	for _, name := range numbered("b%d", 8) {
		Blob(t, s, "web", name, 1)
	}
	for _, tag := range numbered("v%d", 5) {
		var all sync.WaitGroup
		var won atomic.Int32
		for _, name := range numbered("b%d", 8) {
			all.Go(func() {
				_, err := s.PutImage(t.Context(), Push("web", Image(DigestOf(name)), tag))
				switch registry.CodeOf(err) {
				case "":
					won.Add(1)
				case registry.CodeImageTagAlreadyExists:
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d pushes won", tag, won.Load())
		}
	}
}

func concurrentCreate(t *testing.T, s meta.Store) {
	var all sync.WaitGroup
	var won atomic.Int32
	for range 8 {
		all.Go(func() {
			err := s.CreateRepository(t.Context(), &registry.Repository{Account: account, Name: "web", CreatedAt: base, TagMutability: registry.Mutable}, 0)
			switch registry.CodeOf(err) {
			case "":
				won.Add(1)
			case registry.CodeRepositoryAlreadyExists:
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func concurrentAppend(t *testing.T, s meta.Store) {
	for offset := int64(0); offset < 50; offset += 10 {
		var all sync.WaitGroup
		var won atomic.Int32
		for range 6 {
			all.Go(func() {
				saved, err := s.SaveUpload(t.Context(), upload("u", offset+10), offset)
				if err != nil {
					t.Error(err)
				}
				if saved {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("offset %d: %d won", offset, won.Load())
		}
	}
}

func concurrentUpdates(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	var all sync.WaitGroup
	for _, key := range numbered("k%02d", 20) {
		all.Go(func() {
			_, err := s.UpdateRepository(t.Context(), account, "web", func(r *registry.Repository) error {
				r.Tags = append(r.Tags, registry.ResourceTag{Key: key})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if r := value(s.Repository(t.Context(), account, "web"))(t); len(r.Tags) != 20 {
		t.Errorf("%d of 20 changes are left", len(r.Tags))
	}
}

func concurrentTags(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	names := numbered("b%d", 4)
	for _, name := range names {
		put(t, s, "web", name)
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for i := range 20 {
				_, err := s.PutImage(t.Context(), Push("web", Image(DigestOf(names[(w+i)%4])), "x", "y", "z"))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	images := value(s.ListImages(t.Context(), account, "web", meta.ImageQuery{Limit: 9, Tags: registry.Tagged}))(t)
	n := 0
	for _, i := range images {
		n += len(i.Tags)
	}
	if n != 3 {
		t.Errorf("%d tags on the tagged images, want 3: %v", n, images)
	}
	checkRepository(t, s, "web")
}

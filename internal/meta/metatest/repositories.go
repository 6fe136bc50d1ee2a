package metatest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func repositoryCases() []testCase {
	return []testCase{
		{"a repository comes back as it was created", repositoryRoundTrip},
		{"a name is taken once per account", repositoryTaken},
		{"an account has so many repositories and no more", repositoryQuota},
		{"documents come with a repository or not at all", repositoryDocuments},
		{"an unknown repository is not found", repositoryUnknown},
		{"lists are by name in pages", repositoryPages},
		{"an update changes settings only", repositoryUpdate},
		{"a failed update changes nothing", repositoryUpdateFails},
		{"deleting needs force when images are there", repositoryDelete},
		{"a deleted repository takes everything along", repositoryDeleteAll},
		{"a large repository can be deleted", repositoryDeleteLarge},
		{"ids are not used twice", repositoryIDs},
	}
}

func repositoryRoundTrip(t *testing.T, s meta.Store) {
	want := &registry.Repository{
		Account: account, Name: "team/web", CreatedAt: base,
		TagMutability: registry.ImmutableWithExclusion, MutabilityFilters: []string{"latest", "dev-*"},
		ScanOnPush: true, Encryption: registry.Encryption{Type: "KMS", KMSKey: "arn:aws:kms:us-east-1:0:key/1"},
		Tags: []registry.ResourceTag{{Key: "b", Value: `quo"te'`}, {Key: "a", Value: ""}},
	}
	must(t, s.CreateRepository(t.Context(), want, 0))
	if want.ID == 0 {
		t.Error("CreateRepository did not set the ID")
	}
	want.Tags = []registry.ResourceTag{{Key: "a", Value: ""}, {Key: "b", Value: `quo"te'`}}
	got := value(s.Repository(t.Context(), account, "team/web"))(t)
	wantSame(t, "repository", want, got)
}

func repositoryTaken(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	err := s.CreateRepository(t.Context(), &registry.Repository{Account: account, Name: "web", CreatedAt: base, TagMutability: registry.Mutable}, 0)
	wantError(t, err, registry.RepositoryAlreadyExists(account, "web"))
	must(t, s.CreateRepository(t.Context(), &registry.Repository{Account: "111111111111", Name: "web", CreatedAt: base, TagMutability: registry.Mutable}, 0))
}

func repositoryQuota(t *testing.T, s meta.Store) {
	create := func(owner, name string) error {
		return s.CreateRepository(t.Context(), &registry.Repository{Account: owner, Name: name, CreatedAt: base, TagMutability: registry.Mutable}, 3)
	}
	for _, name := range []string{"a1", "a2", "a3"} {
		must(t, create("111111111111", name))
	}
	// Another account is another count, and ids are above the limit by now.
	var all sync.WaitGroup
	var made atomic.Int32
	for i := range 8 {
		all.Go(func() {
			switch err := create(account, fmt.Sprint("web-", i)); registry.CodeOf(err) {
			case "":
				made.Add(1)
			default:
				wantError(t, err, registry.TooManyRepositories(account, 3))
			}
		})
	}
	all.Wait()
	if n := len(value(s.ListRepositories(t.Context(), account, "", 10))(t)); made.Load() != 3 || n != 3 {
		t.Errorf("%d were made, %d are there", made.Load(), n)
	}
	wantError(t, create("111111111111", "a2"), registry.RepositoryAlreadyExists("111111111111", "a2"))
	value(s.DeleteRepository(t.Context(), "111111111111", "a2", false, nil))(t)
	must(t, create("111111111111", "a4"))
}

func repositoryDocuments(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := func(documents ...meta.RepositoryDocument) error {
		return s.CreateRepository(ctx, &registry.Repository{Account: account, Name: "web", CreatedAt: base, TagMutability: registry.Mutable}, 0, documents...)
	}
	if p := value(s.AccessPolicies(ctx, account, "web"))(t); p.Repository != "" {
		t.Errorf("policy of nothing: %q", p.Repository)
	}
	policy, lifecycle := meta.Document{Text: "policy", UpdatedAt: base}, meta.Document{Text: "lifecycle", UpdatedAt: base}
	must(t, repo(meta.RepositoryDocument{Kind: meta.PolicyDocument, Document: policy}, meta.RepositoryDocument{Kind: meta.LifecycleDocument, Document: lifecycle}))
	late := meta.Document{Text: "late", UpdatedAt: base}
	wantError(t, repo(meta.RepositoryDocument{Kind: meta.PolicyDocument, Document: late}), registry.RepositoryAlreadyExists(account, "web"))
	for kind, want := range map[meta.DocumentKind]meta.Document{meta.PolicyDocument: policy, meta.LifecycleDocument: lifecycle} {
		got, found, err := s.Document(ctx, account, "web", kind)
		must(t, err)
		wantSame(t, "document", want, got)
		wantSame(t, "found", true, found)
	}
	if p := value(s.AccessPolicies(ctx, account, "web"))(t); p.Repository != "policy" {
		t.Errorf("policy %q decides", p.Repository)
	}
}

func repositoryUnknown(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want := registry.RepositoryNotFound(account, "none")
	_, err := s.Repository(ctx, account, "none")
	wantError(t, err, want)
	_, err = s.UpdateRepository(ctx, account, "none", func(*registry.Repository) error { t.Error("called"); return nil })
	wantError(t, err, want)
	_, err = s.DeleteRepository(ctx, account, "none", true, nil)
	wantError(t, err, want)
	_, err = s.Manifest(ctx, account, "none", registry.Reference{Tag: "a"})
	wantError(t, err, want)
	_, err = s.Manifest(ctx, account, "none", registry.Reference{Digest: DigestOf("a")})
	wantError(t, err, want)
	_, err = s.Images(ctx, account, "none", []registry.ImageID{{Tag: "a"}})
	wantError(t, err, want)
	_, err = s.ListImages(ctx, account, "none", meta.ImageQuery{Limit: 1})
	wantError(t, err, want)
	_, err = s.ListImageIDs(ctx, account, "none", meta.ImageQuery{Limit: 1})
	wantError(t, err, want)
	_, err = s.ListTags(ctx, account, "none", "", 1)
	wantError(t, err, want)
	_, err = s.Referrers(ctx, account, "none", DigestOf("a"), meta.ReferrerQuery{Limit: 1})
	wantError(t, err, want)
	_, err = s.PutImage(ctx, Push("none", Image(DigestOf("a")), "a"))
	wantError(t, err, want)
	_, err = s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "none", ID: registry.ImageID{Tag: "a"}, Mode: meta.DeleteTagOnly})
	wantError(t, err, want)
	_, err = s.Blob(ctx, account, "none", DigestOf("a"))
	wantError(t, err, want)
	_, err = s.BlobsPresent(ctx, account, "none", []string{DigestOf("a")})
	wantError(t, err, want)
	_, err = s.CommitBlob(ctx, meta.CommitBlob{Account: account, Repository: "none", Blob: meta.Blob{Digest: DigestOf("a"), Key: "k"}, Now: base})
	wantError(t, err, want)
	_, _, err = s.MountBlob(ctx, account, "other", "none", DigestOf("a"), base)
	wantError(t, err, want)
	wantError(t, s.UnlinkBlob(ctx, account, "none", DigestOf("a"), base), want)
}

func repositoryPages(t *testing.T, s meta.Store) {
	// In order of bytes, which is not that of a dictionary.
	for _, name := range []string{"b", "a-b", "a.b", "a/b", "a_b", "ab", "a0"} {
		Repo(t, s, name)
	}
	must(t, s.CreateRepository(t.Context(), &registry.Repository{Account: "111111111111", Name: "aa", CreatedAt: base, TagMutability: registry.Mutable}, 0))
	var got []string
	for after := ""; ; {
		page := value(s.ListRepositories(t.Context(), account, after, 3))(t)
		for _, r := range page {
			got = append(got, r.Name)
		}
		if len(page) < 3 {
			break
		}
		after = page[2].Name
	}
	wantSame(t, "names", []string{"a-b", "a.b", "a/b", "a0", "a_b", "ab", "b"}, got)
	if none := value(s.ListRepositories(t.Context(), account, "", 0))(t); len(none) != 0 {
		t.Errorf("limit 0 answers %v", none)
	}
}

func repositoryUpdate(t *testing.T, s meta.Store) {
	before := Repo(t, s, "web")
	changed, err := s.UpdateRepository(t.Context(), account, "web", func(r *registry.Repository) error {
		r.TagMutability, r.MutabilityFilters, r.ScanOnPush = registry.MutableWithExclusion, []string{"v*"}, true
		r.Tags = []registry.ResourceTag{{Key: "z", Value: "1"}, {Key: "k", Value: "2"}}
		r.Name, r.Account, r.ID, r.CreatedAt = "other", "1", 99, base.Add(time.Hour)
		r.Encryption.Type = "KMS"
		return nil
	})
	must(t, err)
	want := *before
	want.TagMutability, want.MutabilityFilters, want.ScanOnPush = registry.MutableWithExclusion, []string{"v*"}, true
	want.Tags = []registry.ResourceTag{{Key: "k", Value: "2"}, {Key: "z", Value: "1"}}
	wantSame(t, "answer", &want, changed)
	wantSame(t, "stored", &want, value(s.Repository(t.Context(), account, "web"))(t))
}

func repositoryUpdateFails(t *testing.T, s meta.Store) {
	before := Repo(t, s, "web")
	mine := errors.New("mine")
	_, err := s.UpdateRepository(t.Context(), account, "web", func(r *registry.Repository) error {
		r.ScanOnPush = true
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("got %v, want the error of the change", err)
	}
	wantSame(t, "stored", before, value(s.Repository(t.Context(), account, "web"))(t))
}

func repositoryDelete(t *testing.T, s meta.Store) {
	created := Repo(t, s, "web")
	Blob(t, s, "web", "loose", 1)
	deleted, err := s.DeleteRepository(t.Context(), account, "web", false, nil)
	must(t, err) // a blob alone is no image
	wantSame(t, "answer", created, deleted)

	created = Repo(t, s, "web")
	put(t, s, "web", "a")
	_, err = s.DeleteRepository(t.Context(), account, "web", false, nil)
	wantError(t, err, registry.RepositoryNotEmpty(account, "web"))
	deleted, err = s.DeleteRepository(t.Context(), account, "web", true, nil)
	must(t, err)
	wantSame(t, "answer", created, deleted)
	_, err = s.Repository(t.Context(), account, "web")
	wantCode(t, err, registry.CodeRepositoryNotFound)
	wantSame(t, "list", []registry.Repository(nil), value(s.ListRepositories(t.Context(), account, "", 10))(t))
}

func repositoryDeleteAll(t *testing.T, s meta.Store) {
	ctx := t.Context()
	old := Repo(t, s, "web")
	Repo(t, s, "keep")
	child := put(t, s, "web", "a", "v1", "v2")
	inner := putIndex(t, s, "web", []string{child}, "inner")
	putIndex(t, s, "web", []string{inner, child}, "outer")
	must(t, s.StartScan(ctx, account, old.ID, child, meta.StartScan{Engine: "E", Now: base}, 0, 0, nil))
	_, mounted, err := s.MountBlob(ctx, account, "web", "keep", DigestOf("a"), base)
	if must(t, err); !mounted {
		t.Fatal("not mounted")
	}
	only := Blob(t, s, "web", "only here", 5)
	_, err = s.DeleteRepository(ctx, account, "web", true, nil)
	must(t, err)

	if _, err := s.Blob(ctx, account, "keep", DigestOf("a")); err != nil {
		t.Errorf("the blob of another repository: %v", err)
	}
	gone := value(s.UnlinkedBlobs(ctx, time.Now().Add(time.Hour), 10))(t)
	wantSame(t, "unlinked", []meta.Blob{{Digest: only, Size: 5, Key: "key-web-only here"}}, gone)
	if scans := value(s.Scans(ctx, old.ID, []string{child}))(t); len(scans) != 0 {
		t.Errorf("scans are left: %v", scans)
	}
	err = s.StartScan(ctx, account, old.ID, child, meta.StartScan{Engine: "E", Now: base}, 0, 0, nil)
	wantCode(t, err, registry.CodeImageNotFound)

	fresh := Repo(t, s, "web")
	if fresh.ID == old.ID {
		t.Error("the ID of the deleted repository is used again")
	}
	if n := len(value(s.ListImages(ctx, account, "web", meta.ImageQuery{Limit: 10}))(t)); n != 0 {
		t.Errorf("the new repository holds %d images", n)
	}
	_, _, err = s.MountBlob(ctx, account, "web", "keep", only, base)
	must(t, err)
	if _, err := s.Blob(ctx, account, "keep", only); err == nil {
		t.Error("a blob was mounted from a deleted repository")
	}
}

func repositoryDeleteLarge(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "large")
	config := Blob(t, s, "large", "config", 1)
	var children []string
	for i := range 1200 {
		m := Image(config)
		m.Annotations = map[string]string{"n": fmt.Sprint(i)}
		in := Push("large", m)
		_, err := s.PutImage(ctx, in)
		must(t, err)
		if children = append(children, in.Digest); len(children) == 100 {
			putIndex(t, s, "large", children)
			children = nil
		}
	}
	_, err := s.DeleteRepository(ctx, account, "large", true, nil)
	must(t, err)
	_, err = s.Blob(ctx, account, "large", config)
	wantCode(t, err, registry.CodeRepositoryNotFound)
	Repo(t, s, "large")
	_, err = s.Blob(ctx, account, "large", config)
	wantCode(t, err, registry.CodeLayersNotFound)
	eventually(t, "the blob is unlinked", func() bool {
		return len(value(s.UnlinkedBlobs(ctx, time.Now().Add(time.Hour), 10))(t)) == 1
	})
}

func repositoryIDs(t *testing.T, s meta.Store) {
	seen := map[int64]bool{}
	for range 5 {
		r := Repo(t, s, "web")
		if seen[r.ID] {
			t.Fatalf("ID %d again", r.ID)
		}
		seen[r.ID] = true
		_, err := s.DeleteRepository(t.Context(), account, "web", true, nil)
		must(t, err)
	}
}

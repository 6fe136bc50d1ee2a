package metatest

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func putCases() []testCase {
	return []testCase{
		{"an image is stored as it came", putRoundTrip},
		{"pushing again changes nothing", putAgain},
		{"a tag moves off its old image", putMovesTag},
		{"blobs that are missing are named", putMissingBlobs},
		{"a blob of another repository does not count", putForeignBlob},
		{"layers with URLs need not be there", putURLLayers},
		{"an index is as large as its largest child", putIndexSize},
		{"children that are missing are named", putMissingChildren},
		{"an immutable tag does not move", putImmutable},
		{"mutability filters are honoured", putFilters},
		{"RefuseUnchanged", putRefuseUnchanged},
		{"RefuseSameImmutable", putRefuseSameImmutable},
		{"the limit of tags per image", putMaxTags},
		{"the limit of images per repository", putMaxImages},
		{"checks come in their order", putOrder},
		{"a refused push leaves nothing", putLeavesNothing},
		{"a scan and jobs come with a new image only", putScanAndJobs},
		{"a payload of 4 MiB", putLarge},
	}
}

func putRoundTrip(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	config, layer := Blob(t, s, "web", "config", 7), Blob(t, s, "web", "layer", 1000)
	m := Image(config, layer, layer) // one blob twice counts once
	subject := DigestOf("subject")
	m.Subject = &registry.Descriptor{MediaType: registry.MediaTypeOCIManifest, Digest: subject, Size: 1}
	in := Push("web", m, "v2", "v1", "v2")
	result, err := s.PutImage(ctx, in)
	must(t, err)
	want := registry.Image{
		RepositoryID: repo.ID, Digest: in.Digest, MediaType: m.MediaType, ArtifactType: m.ArtifactType, SubjectDigest: subject,
		Size: 1007, ManifestSize: int64(len(in.Payload)), PushedAt: base, Status: registry.ImageActive, Tags: []string{"v1", "v2"},
	}
	wantSame(t, "result", meta.PutImageResult{Image: want, Created: true, Tagged: []string{"v1", "v2"}}, result)

	images := value(s.Images(ctx, account, "web", []registry.ImageID{{Digest: in.Digest}}))(t)
	wantSame(t, "image", []*registry.Image{&want}, images)
	manifest := &registry.StoredManifest{RepositoryID: repo.ID, Digest: in.Digest, MediaType: m.MediaType, Payload: in.Payload}
	for _, ref := range []registry.Reference{{Digest: in.Digest}, {Tag: "v1"}, {Tag: "v2"}} {
		wantSame(t, "manifest", manifest, value(s.Manifest(ctx, account, "web", ref))(t))
	}
}

func putAgain(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "a", 5)), "v1")
	first := value(s.PutImage(t.Context(), in))(t)
	in.Now = base.Add(1e9)
	again := value(s.PutImage(t.Context(), in))(t)
	wantSame(t, "second push", meta.PutImageResult{Image: first.Image}, again)

	in.Tags = []string{"v1", "v0"}
	third := value(s.PutImage(t.Context(), in))(t)
	first.Image.Tags = []string{"v0", "v1"}
	wantSame(t, "push with one more tag", meta.PutImageResult{Image: first.Image, Tagged: []string{"v0"}}, third)
}

func putMovesTag(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "latest", "a")
	b := put(t, s, "web", "b", "latest", "b")
	wantSame(t, "tags", map[string]string{"latest": b, "a": a, "b": b}, tagsOf(t, s, "web"))
	c := put(t, s, "web", "c", "a", "b", "latest")
	wantSame(t, "tags", map[string]string{"latest": c, "a": c, "b": c}, tagsOf(t, s, "web"))
	untagged := value(s.ListImages(t.Context(), account, "web", meta.ImageQuery{Limit: 10, Tags: registry.Untagged}))(t)
	if len(untagged) != 2 {
		t.Errorf("%d images are untagged, want 2", len(untagged))
	}
}

func putMissingBlobs(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	there := Blob(t, s, "web", "there", 1)
	in := Push("web", Image(DigestOf("x"), there, DigestOf("a"), DigestOf("x")), "v1")
	_, err := s.PutImage(t.Context(), in)
	wantError(t, err, registry.LayersNotFound(account, "web", []string{DigestOf("x"), DigestOf("a")}))
}

func putForeignBlob(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	theirs := Blob(t, s, "other", "theirs", 1)
	_, err := s.PutImage(t.Context(), Push("web", Image(theirs)))
	wantCode(t, err, registry.CodeLayersNotFound)
}

func putURLLayers(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	m := Image(Blob(t, s, "web", "config", 3), DigestOf("elsewhere"))
	m.Layers[0].URLs = []string{"https://example.test/layer"}
	result := value(s.PutImage(t.Context(), Push("web", m)))(t)
	if result.Image.Size != 3 {
		t.Errorf("size %d, want 3", result.Image.Size)
	}
}

func putIndexSize(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	var children []string
	for n, name := range []string{"small", "large", "medium"} {
		in := Push("web", Image(Blob(t, s, "web", name, []int64{10, 1000, 100}[n])))
		value(s.PutImage(t.Context(), in))(t)
		children = append(children, in.Digest)
	}
	m := Index(children[0], children[2], children[0])
	m.ArtifactType = "application/x-set"
	result := value(s.PutImage(t.Context(), Push("web", m)))(t)
	if result.Image.Size != 100 || result.Image.ArtifactType != "application/x-set" {
		t.Errorf("got %+v", result.Image)
	}
	outer := value(s.PutImage(t.Context(), Push("web", Index(result.Image.Digest, children[1]))))(t)
	if outer.Image.Size != 1000 {
		t.Errorf("an index of an index has size %d, want 1000", outer.Image.Size)
	}
	empty := value(s.PutImage(t.Context(), Push("web", Index())))(t)
	if empty.Image.Size != 0 || !empty.Created {
		t.Errorf("empty index: %+v", empty)
	}
}

func putMissingChildren(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	Repo(t, s, "other")
	there, elsewhere := put(t, s, "web", "a"), put(t, s, "other", "b")
	_, err := s.PutImage(t.Context(), Push("web", Index(DigestOf("z"), there, elsewhere)))
	wantError(t, err, registry.ReferencedImagesNotFound(account, "web", []string{DigestOf("z"), elsewhere}))
}

func setMutability(t *testing.T, s meta.Store, repo string, m registry.TagMutability, filters ...string) {
	t.Helper()
	_, err := s.UpdateRepository(t.Context(), account, repo, func(r *registry.Repository) error {
		r.TagMutability, r.MutabilityFilters = m, filters
		return nil
	})
	must(t, err)
}

func putImmutable(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	setMutability(t, s, "web", registry.Immutable)
	_, err := s.PutImage(t.Context(), Push("web", Image(Blob(t, s, "web", "b", 1)), "v2", "v1"))
	wantError(t, err, registry.ImageTagAlreadyExists("web", "v1"))
	wantSame(t, "tags", map[string]string{"v1": a}, tagsOf(t, s, "web"))
	// The same image again is no move, and other tags are free.
	put(t, s, "web", "a", "v1")
	put(t, s, "web", "b", "v2")
	// Deleting is allowed and makes the tag free.
	value(s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Tag: "v1"}, Mode: meta.DeleteTagOnly}))(t)
	put(t, s, "web", "b", "v1")
}

func putFilters(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	put(t, s, "web", "a", "latest", "v1")
	setMutability(t, s, "web", registry.ImmutableWithExclusion, "la*")
	put(t, s, "web", "b", "latest")
	_, err := s.PutImage(t.Context(), Push("web", Image(DigestOf("b")), "v1"))
	wantCode(t, err, registry.CodeImageTagAlreadyExists)
	setMutability(t, s, "web", registry.MutableWithExclusion, "la*")
	put(t, s, "web", "b", "v1")
	_, err = s.PutImage(t.Context(), Push("web", Image(DigestOf("a")), "latest"))
	wantCode(t, err, registry.CodeImageTagAlreadyExists)
}

func putRefuseUnchanged(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	digest := put(t, s, "web", "a", "v1", "v2")
	push := func(tags ...string) error {
		in := Push("web", Image(DigestOf("a")), tags...)
		in.RefuseUnchanged = true
		_, err := s.PutImage(t.Context(), in)
		return err
	}
	wantError(t, push("v1"), registry.ImageAlreadyExists(account, "web", registry.ImageID{Digest: digest, Tag: "v1"}))
	wantError(t, push(), registry.ImageAlreadyExists(account, "web", registry.ImageID{Digest: digest}))
	wantCode(t, push("v1", "v2"), registry.CodeImageAlreadyExists)
	must(t, push("v1", "v3"))
	in := Push("web", Image(Blob(t, s, "web", "b", 1)))
	in.RefuseUnchanged = true
	_, err := s.PutImage(t.Context(), in)
	must(t, err)
}

func putRefuseSameImmutable(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	put(t, s, "web", "a", "v1")
	push := func(tags ...string) error {
		in := Push("web", Image(DigestOf("a")), tags...)
		in.RefuseSameImmutable = true
		_, err := s.PutImage(t.Context(), in)
		return err
	}
	must(t, push("v1"))
	setMutability(t, s, "web", registry.Immutable)
	wantError(t, push("v1"), registry.ImageTagAlreadyExists("web", "v1"))
	must(t, push("v2"))
	must(t, push())
}

func putMaxTags(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	push := func(name string, tags ...string) error {
		in := Push("web", Image(Blob(t, s, "web", name, 1)), tags...)
		in.MaxTagsPerImage = 3
		_, err := s.PutImage(t.Context(), in)
		return err
	}
	wantError(t, push("a", numbered("t%d", 4)...), registry.TooManyTagsOnImage(account, "web", "t3", 3))
	must(t, push("a", "t0", "t1"))
	must(t, push("a", "t1", "t2"))
	must(t, push("a", "t0", "t1", "t2"))
	wantError(t, push("a", "t3"), registry.TooManyTagsOnImage(account, "web", "t3", 3))
	must(t, push("b", "t0")) // moving a tag away makes room
	must(t, push("a", "t3"))
	must(t, push("c"))
}

func putMaxImages(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	push := func(name string) error {
		in := Push("web", Image(Blob(t, s, "web", name, 1)), name)
		in.MaxImages = 2
		_, err := s.PutImage(t.Context(), in)
		return err
	}
	must(t, push("a"))
	must(t, push("b"))
	must(t, push("a"))
	wantError(t, push("c"), registry.Errorf(registry.CodeLimitExceeded,
		"The repository with name 'web' in registry with id '%s' already has the maximum allowed number of images which is '2'", account))
	value(s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Tag: "a"}, Mode: meta.DeleteLastTagDeletesImage}))(t)
	must(t, push("c"))
}

func putOrder(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	put(t, s, "web", "a", "v1")
	setMutability(t, s, "web", registry.Immutable)
	m := Index(DigestOf("no child"))
	m.Config = &registry.Descriptor{Digest: DigestOf("no blob")}
	in := Push("web", m, "v1", "v2")
	in.MaxTagsPerImage, in.MaxImages = 1, 1
	_, err := s.PutImage(t.Context(), in)
	wantCode(t, err, registry.CodeLayersNotFound)
	in.Manifest.Config = nil
	_, err = s.PutImage(t.Context(), in)
	wantCode(t, err, registry.CodeReferencedImagesNotFound)
	in.Manifest.Children = nil
	_, err = s.PutImage(t.Context(), in)
	wantCode(t, err, registry.CodeImageTagAlreadyExists)
	in.Tags = []string{"v2"}
	_, err = s.PutImage(t.Context(), in)
	wantCode(t, err, registry.CodeLimitExceeded)
}

func putLeavesNothing(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	a := put(t, s, "web", "a", "v1")
	in := Push("web", Image(Blob(t, s, "web", "b", 1)), "v1", "v2")
	in.MaxImages, in.Scan, in.Jobs = 1, &meta.StartScan{Engine: "E", Now: base}, []job.Job{{Kind: "scan", RunAt: base}}
	_, err := s.PutImage(t.Context(), in)
	wantCode(t, err, registry.CodeLimitExceeded)
	if exists(t, s, "web", in.Digest) {
		t.Error("the refused image is there")
	}
	wantSame(t, "tags", map[string]string{"v1": a}, tagsOf(t, s, "web"))
	if jobs := value(s.ClaimJobs(t.Context(), base, 1, 10))(t); len(jobs) != 0 {
		t.Errorf("jobs %v", jobs)
	}
	if scans := value(s.Scans(t.Context(), repo.ID, []string{in.Digest}))(t); len(scans) != 0 {
		t.Errorf("scans %v", scans)
	}
}

func putScanAndJobs(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "a", 1)), "v1")
	in.Scan = &meta.StartScan{Engine: "E", Now: base}
	in.Jobs = []job.Job{{Kind: "scan", Key: "a", Payload: []byte("1"), RunAt: base}}
	value(s.PutImage(t.Context(), in))(t)
	in.Scan, in.Tags = &meta.StartScan{Engine: "F", Now: base.Add(1e9)}, []string{"v2"}
	in.Jobs = []job.Job{{Kind: "scan", Key: "b", RunAt: base}}
	value(s.PutImage(t.Context(), in))(t)
	want := map[string]meta.Scan{in.Digest: {RepositoryID: repo.ID, Digest: in.Digest, Engine: "E", Status: meta.ScanInProgress, RequestedAt: base}}
	wantSame(t, "scans", want, value(s.Scans(t.Context(), repo.ID, []string{in.Digest}))(t))
	jobs := value(s.ClaimJobs(t.Context(), base, 1, 10))(t)
	if len(jobs) != 1 || jobs[0].Key != "a" || string(jobs[0].Payload) != "1" {
		t.Errorf("jobs %+v", jobs)
	}
}

func putLarge(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "a", 1)), "v1")
	in.Payload = []byte(long(registry.MaxManifestSize))
	value(s.PutImage(t.Context(), in))(t)
	m := value(s.Manifest(t.Context(), account, "web", registry.Reference{Tag: "v1"}))(t)
	if string(m.Payload) != string(in.Payload) {
		t.Errorf("the payload changed: %d bytes of %d", len(m.Payload), len(in.Payload))
	}
}

package metatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func announceCases() []testCase {
	return []testCase{
		{"a push tells the tags that it moved", announcePush},
		{"a push of an archived image tells of its return first", announceRestoringPush},
		{"a deletion tells what is gone", announceDelete},
		{"a change of storage class is told when it is complete", announceStorageClass},
		{"referrers that follow are told of", announceFollow},
		{"the end of a scan is told with the tags of that moment", announceScan},
		{"a repository that goes tells of all its images", announceRepository},
		{"what is refused is not told", announceRefused},
		{"one change may make many events or none", announceMany},
		{"many pushes of one image and one tag", announceRacePushes},
		{"everything at once with one image", announceRaceImage},
	}
}

// said is a change as the events of these tests tell it.
type said struct {
	Kind       meta.ChangeKind
	Repository string
	Image      registry.Image
	IDs        []registry.ImageID
	Scan       *meta.Scan
}

// tell announces a change in full.
func tell(c meta.Change) []meta.Event {
	body, err := json.Marshal(said{c.Kind, c.Repository, c.Image, c.IDs, c.Scan})
	if err != nil {
		panic(err)
	}
	return []meta.Event{{Account: c.Account, Lane: c.Repository + "@" + c.Image.Digest, At: base, Body: body}}
}

// told answers what was announced since it was called last.
func told(t testing.TB, s meta.Store) []said {
	t.Helper()
	pending := value(s.PendingEvents(t.Context(), 100_000, 1<<30))(t)
	must(t, s.FanOut(t.Context(), eventIDs(pending), nil))
	all := make([]said, len(pending))
	for n, e := range pending {
		must(t, json.Unmarshal(e.Body, &all[n]))
		if e.Account != account || e.Lane != all[n].Repository+"@"+all[n].Image.Digest {
			t.Errorf("an event of account %q in lane %q", e.Account, e.Lane)
		}
	}
	return all
}

func wantTold(t testing.TB, s meta.Store, what string, want ...said) {
	t.Helper()
	got := told(t, s)
	if len(got) != len(want) {
		t.Fatalf("%s: %d were told, want %d:\n%+v", what, len(got), len(want), got)
	}
	for n := range want {
		a, _ := json.Marshal(want[n])
		b, _ := json.Marshal(got[n])
		if string(a) != string(b) {
			t.Errorf("%s:\nwant %s\ngot  %s", what, a, b)
		}
	}
}

func tagIDs(digest string, tags ...string) (ids []registry.ImageID) {
	for _, tag := range tags {
		ids = append(ids, registry.ImageID{Digest: digest, Tag: tag})
	}
	return ids
}

// announced is a push of an image that tells of itself.
func announced(in meta.PutImage) meta.PutImage {
	in.Announce = tell
	return in
}

// imageTold is what is told of the image of a push.
func imageTold(repo *registry.Repository, in meta.PutImage, status registry.ImageStatus) registry.Image {
	i := registry.Image{RepositoryID: repo.ID, Digest: in.Digest, MediaType: in.Manifest.MediaType, ArtifactType: in.Manifest.ArtifactType, Status: status}
	if in.Manifest.Subject != nil {
		i.SubjectDigest = in.Manifest.Subject.Digest
	}
	return i
}

// pushedImage is what is told of the image of a push that created it.
func pushedImage(repo *registry.Repository, in meta.PutImage, size int64) registry.Image {
	i := imageTold(repo, in, registry.ImageActive)
	i.Size, i.ManifestSize, i.PushedAt = size, int64(len(in.Payload)), in.Now
	return i
}

func announcePush(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	m := Image(Blob(t, s, "web", "a", 5))
	m.Subject = &registry.Descriptor{Digest: DigestOf("subject")}
	a := announced(Push("web", m, "v2", "v1"))
	value(s.PutImage(ctx, a))(t)
	wantTold(t, s, "a new image", said{meta.ImagePushed, "web", pushedImage(repo, a, 5), tagIDs(a.Digest, "v1", "v2"), nil})
	value(s.PutImage(ctx, a))(t)
	wantTold(t, s, "nothing new")
	a.Tags = []string{"v1", "v3", "v0"}
	value(s.PutImage(ctx, a))(t)
	wantTold(t, s, "more tags", said{meta.ImagePushed, "web", pushedImage(repo, a, 5), tagIDs(a.Digest, "v0", "v3"), nil})

	b := announced(Push("web", Image(Blob(t, s, "web", "b", 6)), "v1"))
	value(s.PutImage(ctx, b))(t)
	wantTold(t, s, "a tag that moves", said{meta.ImagePushed, "web", pushedImage(repo, b, 6), tagIDs(b.Digest, "v1"), nil})
	c := announced(Push("web", Index(a.Digest, b.Digest)))
	value(s.PutImage(ctx, c))(t)
	wantTold(t, s, "without a tag", said{meta.ImagePushed, "web", pushedImage(repo, c, 6), []registry.ImageID{{Digest: c.Digest}}, nil})
	value(s.PutImage(ctx, c))(t)
	wantTold(t, s, "again without a tag")
	value(s.PutImage(ctx, Push("web", Image(DigestOf("a")), "quiet")))(t)
	wantTold(t, s, "told nobody")
}

func setClass(t testing.TB, s meta.Store, id registry.ImageID, status registry.ImageStatus) error {
	t.Helper()
	_, err := s.SetStorageClass(t.Context(), meta.SetStorageClass{Account: account, Repository: "web", ID: id, Status: status, Now: base, Announce: tell})
	return err
}

func announceRestoringPush(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	in := announced(Push("web", Image(Blob(t, s, "web", "a", 5)), "v1"))
	value(s.PutImage(ctx, in))(t)
	for _, tags := range [][]string{{"v1"}, {"v1", "v2"}} {
		must(t, setClass(t, s, registry.ImageID{Digest: in.Digest}, registry.ImageArchived))
		told(t, s)
		in.Tags, in.Now = tags, base.Add(time.Hour)
		result := value(s.PutImage(ctx, in))(t)
		image := result.Image
		image.RepositoryID, image.Tags = repo.ID, nil
		want := []said{{Kind: meta.ImageRestored, Repository: "web", Image: image}}
		if len(tags) == 2 {
			want = append(want, said{meta.ImagePushed, "web", image, tagIDs(in.Digest, "v2"), nil})
		}
		wantTold(t, s, fmt.Sprint(tags), want...)
	}
}

func announceDelete(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	m := Image(Blob(t, s, "web", "a", 5))
	m.Subject = &registry.Descriptor{Digest: DigestOf("subject")}
	in := Push("web", m, "v1", "v2", "v3")
	value(s.PutImage(t.Context(), in))(t)
	image := imageTold(repo, in, registry.ImageActive)
	remove := func(id registry.ImageID, mode meta.DeleteMode) error {
		_, err := s.DeleteImage(t.Context(), meta.DeleteImage{Account: account, Repository: "web", ID: id, Mode: mode, Announce: tell})
		return err
	}
	must(t, remove(registry.ImageID{Tag: "v2"}, meta.DeleteLastTagDeletesImage))
	wantTold(t, s, "one tag of many", said{meta.ImageDeleted, "web", image, tagIDs(in.Digest, "v2"), nil})
	must(t, remove(registry.ImageID{Tag: "v1"}, meta.DeleteTagOnly))
	wantTold(t, s, "a tag only", said{meta.ImageDeleted, "web", image, tagIDs(in.Digest, "v1"), nil})
	wantCode(t, remove(registry.ImageID{Tag: "v1"}, meta.DeleteTagOnly), registry.CodeImageNotFound)
	index := putIndex(t, s, "web", []string{in.Digest}, "index")
	wantCode(t, remove(registry.ImageID{Tag: "v3"}, meta.DeleteLastTagDeletesImage), registry.CodeImageReferenced)
	wantTold(t, s, "refused")
	must(t, remove(registry.ImageID{Digest: index}, meta.DeleteTagOnly))
	if got := told(t, s); len(got) != 1 {
		t.Errorf("the index: %+v", got)
	}
	value(s.PutImage(t.Context(), Push("web", m, "v4")))(t)
	must(t, remove(registry.ImageID{Digest: in.Digest}, meta.DeleteTagOnly))
	wantTold(t, s, "all of it", said{meta.ImageDeleted, "web", image, tagIDs(in.Digest, "v3", "v4"), nil})

	value(s.PutImage(t.Context(), Push("web", m)))(t)
	must(t, remove(registry.ImageID{Digest: in.Digest}, meta.DeleteTagOnly))
	wantTold(t, s, "an untagged one", said{meta.ImageDeleted, "web", image, []registry.ImageID{{Digest: in.Digest}}, nil})
}

func announceStorageClass(t *testing.T, s meta.Store) {
	repo := Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "a", 5)), "v1")
	value(s.PutImage(t.Context(), in))(t)
	id := registry.ImageID{Tag: "v1"}
	for _, c := range []struct {
		to   registry.ImageStatus
		kind meta.ChangeKind
		told bool
	}{
		{registry.ImageActive, 0, false},
		{registry.ImageArchived, meta.ImageArchived, true},
		{registry.ImageArchived, 0, false},
		{registry.ImageActivating, 0, false},
		{registry.ImageActivating, 0, false},
		{registry.ImageActive, meta.ImageRestored, true},
		{registry.ImageActive, 0, false},
		{registry.ImageArchived, meta.ImageArchived, true},
		{registry.ImageActive, meta.ImageRestored, true},
	} {
		must(t, setClass(t, s, id, c.to))
		if c.told {
			wantTold(t, s, string(c.to), said{Kind: c.kind, Repository: "web", Image: imageTold(repo, in, c.to)})
		} else {
			wantTold(t, s, string(c.to))
		}
	}
	must(t, setClass(t, s, id, registry.ImageArchived))
	must(t, setClass(t, s, id, registry.ImageActivating))
	told(t, s)
	wantCode(t, setClass(t, s, id, registry.ImageArchived), registry.CodeImageStorageClassUpdateNotSupported)
	wantTold(t, s, "refused")
}

func announceFollow(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	subject := put(t, s, "web", "subject", "v1")
	var signatures []meta.PutImage
	for n := range 3 {
		m := Image(DigestOf("subject"))
		m.Subject = &registry.Descriptor{Digest: subject}
		m.Annotations = map[string]string{"n": fmt.Sprint(n)}
		in := Push("web", m)
		if n == 1 {
			in.Tags = []string{"sig", "att"}
		}
		value(s.PutImage(ctx, in))(t)
		signatures = append(signatures, in)
	}
	slices.SortFunc(signatures, func(a, b meta.PutImage) int { return slices.Compare([]byte(a.Digest), []byte(b.Digest)) })
	follow := func(what string, kind meta.ChangeKind, status registry.ImageStatus, ids bool) {
		t.Helper()
		told(t, s)
		for range 2 { // the second finds nothing to do
			value(s.FollowSubject(ctx, meta.FollowSubject{RepositoryID: repo.ID, Subject: subject, At: base.Add(time.Hour), Limit: 10, Now: base.Add(time.Hour), Announce: tell}))(t)
		}
		var want []said
		for _, in := range signatures {
			one := said{Kind: kind, Repository: "web", Image: imageTold(repo, in, status)}
			if ids {
				one.IDs = tagIDs(in.Digest, slices.Sorted(slices.Values(in.Tags))...)
				if len(in.Tags) == 0 {
					one.IDs = []registry.ImageID{{Digest: in.Digest}}
				}
			}
			want = append(want, one)
		}
		wantTold(t, s, what, want...)
	}
	must(t, setClass(t, s, registry.ImageID{Digest: subject}, registry.ImageArchived))
	follow("archived", meta.ImageArchived, registry.ImageArchived, false)
	must(t, setClass(t, s, registry.ImageID{Digest: subject}, registry.ImageActive))
	follow("restored", meta.ImageRestored, registry.ImageActive, false)
	_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Digest: subject}})
	must(t, err)
	follow("deleted", meta.ImageDeleted, registry.ImageActive, true)
}

func announceScan(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "a", 5)), "v1", "v0")
	in.Scan = &meta.StartScan{Engine: "E", Now: base}
	value(s.PutImage(ctx, in))(t)
	scan := meta.Scan{RepositoryID: repo.ID, Digest: in.Digest, Engine: "E", Status: meta.ScanComplete, RequestedAt: base, CompletedAt: base.Add(time.Second), Counts: map[registry.Severity]int{registry.High: 2}}
	must(t, s.FinishScan(ctx, scan, []byte("f"), tell))
	image := imageTold(repo, in, registry.ImageActive)
	image.Tags = []string{"v0", "v1"}
	wantTold(t, s, "ended", said{Kind: meta.ScanEnded, Repository: "web", Image: image, Scan: &scan})
	wantSame(t, "findings", "f", string(value(s.ScanFindings(ctx, repo.ID, in.Digest))(t)))

	outdated := scan
	outdated.RequestedAt = base.Add(-1e9)
	must(t, s.FinishScan(ctx, outdated, nil, tell))
	unknown := scan
	unknown.Digest = DigestOf("none")
	must(t, s.FinishScan(ctx, unknown, nil, tell))
	unknown = scan
	unknown.RepositoryID = 4711
	must(t, s.FinishScan(ctx, unknown, nil, tell))
	wantTold(t, s, "nothing was stored")

	_, err := s.DeleteRepository(ctx, account, "web", true, nil)
	must(t, err)
	must(t, s.FinishScan(ctx, scan, nil, tell))
	wantTold(t, s, "of a repository that is gone")
}

func announceRepository(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	Repo(t, s, "other")
	put(t, s, "other", "other", "v1")
	var want []said
	add := func(in meta.PutImage, status registry.ImageStatus) {
		ids := tagIDs(in.Digest, slices.Sorted(slices.Values(in.Tags))...)
		if len(ids) == 0 {
			ids = []registry.ImageID{{Digest: in.Digest}}
		}
		want = append(want, said{meta.ImageDeleted, "web", imageTold(repo, in, status), ids, nil})
	}
	var children []string
	config := Blob(t, s, "web", "config", 1)
	for n := range 1205 {
		m := Image(config)
		m.Annotations = map[string]string{"n": fmt.Sprint(n)}
		in := Push("web", m)
		if n%100 == 7 {
			in.Tags = []string{fmt.Sprint("b", n), fmt.Sprint("a", n)}
		}
		value(s.PutImage(ctx, in))(t)
		if children = append(children, in.Digest); n == 1000 {
			must(t, setClass(t, s, registry.ImageID{Digest: in.Digest}, registry.ImageArchived))
			add(in, registry.ImageArchived)
		} else {
			add(in, registry.ImageActive)
		}
	}
	index := Push("web", Index(children[:5]...), "index")
	value(s.PutImage(ctx, index))(t)
	add(index, registry.ImageActive)
	slices.SortFunc(want, func(a, b said) int { return slices.Compare([]byte(a.Image.Digest), []byte(b.Image.Digest)) })
	told(t, s)
	_, err := s.DeleteRepository(ctx, account, "web", false, tell)
	wantCode(t, err, registry.CodeRepositoryNotEmpty)
	wantTold(t, s, "refused")
	_, err = s.DeleteRepository(ctx, account, "web", true, tell)
	must(t, err)
	wantTold(t, s, "deleted", want...)
	Repo(t, s, "web")
	_, err = s.DeleteRepository(ctx, account, "web", true, tell)
	must(t, err)
	wantTold(t, s, "an empty one")
}

// announceRefused: what was announced in a transaction that fails afterwards is
// not stored.
func announceRefused(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	setMutability(t, s, "web", registry.Immutable)
	a := announced(Push("web", Image(Blob(t, s, "web", "a", 5)), "v1"))
	value(s.PutImage(ctx, a))(t)
	told(t, s)
	cases := map[string]func(*meta.PutImage){
		"a taken tag":     func(in *meta.PutImage) { in.Tags = []string{"v1"} },
		"a missing blob":  func(in *meta.PutImage) { in.Manifest.Config.Digest = DigestOf("missing") },
		"too many images": func(in *meta.PutImage) { in.MaxImages = 1 },
		"too many tags":   func(in *meta.PutImage) { in.Tags, in.MaxTagsPerImage = []string{"x", "y"}, 1 },
		"no repository":   func(in *meta.PutImage) { in.Repository = "none" },
	}
	for name, change := range cases {
		in := announced(Push("web", Image(Blob(t, s, "web", "b", 5))))
		change(&in)
		if _, err := s.PutImage(ctx, in); registry.CodeOf(err) == registry.CodeInternal || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		wantTold(t, s, name)
	}
	in := a
	in.RefuseUnchanged = true
	_, err := s.PutImage(ctx, in)
	wantCode(t, err, registry.CodeImageAlreadyExists)
	wantTold(t, s, "unchanged")

	// A failure that is no refusal: on SQLite others of its batch go on.
	in = announced(Push("web", Image(Blob(t, s, "web", "c", 5)), "v3"))
	in.Announce = func(meta.Change) []meta.Event { panic("a bug") }
	func() {
		defer func() { _ = recover() }()
		if _, err := s.PutImage(ctx, in); err == nil {
			t.Error("a panic went unnoticed")
		}
	}()
	wantTold(t, s, "a bug")
	if exists(t, s, "web", in.Digest) {
		t.Error("an image is there that nobody was told of")
	}
	value(s.PutImage(ctx, announced(Push("web", Image(DigestOf("c")), "v3"))))(t)
	if got := told(t, s); len(got) != 1 {
		t.Errorf("afterwards: %+v", got)
	}
}

func announceMany(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	in := Push("web", Image(Blob(t, s, "web", "a", 5)), "v1")
	in.Announce = func(c meta.Change) []meta.Event { return append(tell(c), tell(c)...) }
	value(s.PutImage(ctx, in))(t)
	in.Tags = []string{"v2"}
	value(s.PutImage(ctx, in))(t)
	if got := told(t, s); len(got) != 4 {
		t.Errorf("%+v", got)
	}
	none := func(meta.Change) []meta.Event { return nil }
	in.Tags, in.Announce = []string{"v3"}, none
	value(s.PutImage(ctx, in))(t)
	in = Push("web", Image(Blob(t, s, "web", "b", 5)), "v4")
	in.Announce = none
	value(s.PutImage(ctx, in))(t)
	_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: registry.ImageID{Tag: "v4"}, Announce: none})
	must(t, err)
	wantTold(t, s, "nothing")
}

// announceRacePushes: each of many pushes that has made a change has told it
// once, and the last that a tag was told to name is what it names.
func announceRacePushes(t *testing.T, s meta.Store) {
	Repo(t, s, "web")
	names := numbered("b%d", 3)
	for _, name := range names {
		Blob(t, s, "web", name, 1)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	results := 0
	for w := range 8 {
		all.Go(func() {
			for i := range 15 {
				in := announced(Push("web", Image(DigestOf(names[(w+i)%3])), "latest", fmt.Sprint("t", i)))
				result, err := s.PutImage(t.Context(), in)
				if err != nil {
					t.Error(err)
				}
				if result.Created || len(result.Tagged) > 0 {
					mu.Lock()
					results++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	got := told(t, s)
	if len(got) != results {
		t.Errorf("%d pushes changed something, %d were told", results, len(got))
	}
}

// announceRaceImage does everything at once with one image. In its lane, every
// change follows from the ones before, and the last says what is there now.
func announceRaceImage(t *testing.T, s meta.Store) {
	ctx := t.Context()
	repo := Repo(t, s, "web")
	config := Blob(t, s, "web", "config", 1)
	in := announced(Push("web", Image(config)))
	in.Scan = &meta.StartScan{Engine: "E", Now: base}
	id := registry.ImageID{Digest: in.Digest}
	steps := []func(n int) error{
		func(n int) error {
			again := in
			again.Tags = []string{fmt.Sprint("t", n%3), "v"}
			_, err := s.PutImage(ctx, again)
			return err
		},
		func(n int) error {
			mode, of := meta.DeleteTagOnly, registry.ImageID{Tag: fmt.Sprint("t", n%3)}
			if n%4 == 0 {
				mode, of = meta.DeleteLastTagDeletesImage, id
			}
			_, err := s.DeleteImage(ctx, meta.DeleteImage{Account: account, Repository: "web", ID: of, Mode: mode, Announce: tell})
			return err
		},
		func(n int) error { return setClass(t, s, id, registry.ImageArchived) },
		func(n int) error { return setClass(t, s, registry.ImageID{Tag: "v"}, registry.ImageActive) },
		func(n int) error {
			scan := meta.Scan{RepositoryID: repo.ID, Digest: in.Digest, Engine: "E", Status: meta.ScanComplete, RequestedAt: base, CompletedAt: base}
			return s.FinishScan(ctx, scan, nil, tell)
		},
	}
	var all sync.WaitGroup
	for w := range 10 {
		all.Go(func() {
			for n := range 12 {
				if err := steps[(w+n)%len(steps)](n); registry.CodeOf(err) == registry.CodeInternal {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	retell(t, s, told(t, s), id)
}

// retell follows what was told of one image from the beginning, and compares
// the end with what is there. Every push gave it the tag v, and nothing took that
// away but its deletion.
func retell(t *testing.T, s meta.Store, all []said, id registry.ImageID) {
	t.Helper()
	archived, tags := false, map[string]bool{}
	for n, one := range all {
		wrong := func(why string) { t.Errorf("%d: %+v: %s", n, one, why) }
		if !tags["v"] && one.Kind != meta.ImagePushed {
			wrong("it was not there")
		}
		switch one.Kind {
		case meta.ImagePushed:
			for _, i := range one.IDs {
				if tags[i.Tag] || archived {
					wrong("it had the tag, or was archived")
				}
				tags[i.Tag] = true
			}
		case meta.ImageDeleted:
			for _, i := range one.IDs {
				if !tags[i.Tag] {
					wrong("it had no such tag")
				}
				delete(tags, i.Tag)
			}
			if gone := !tags["v"]; gone {
				if archived = false; len(tags) > 0 {
					wrong("it had more tags")
				}
			}
		case meta.ImageArchived, meta.ImageRestored:
			if archived == (one.Kind == meta.ImageArchived) {
				wrong("it was so")
			}
			archived = !archived
		case meta.ScanEnded:
			wantSame(t, fmt.Sprintf("%d: tags at the end of a scan", n), slices.Sorted(maps.Keys(tags)), one.Image.Tags)
		}
	}
	image := value(s.Images(t.Context(), account, "web", []registry.ImageID{id}))(t)[0]
	if image == nil {
		image = &registry.Image{}
	}
	if (image.Status == registry.ImageArchived) != archived {
		t.Errorf("it is %s, told was archived: %v", image.Status, archived)
	}
	wantSame(t, "tags in the end", slices.Sorted(maps.Keys(tags)), image.Tags)
	if len(all) < 20 {
		t.Errorf("only %d changes were told", len(all))
	}
}

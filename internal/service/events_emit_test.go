package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// newsroom reads the events of a house as they come.
type newsroom struct {
	*house
	names map[string]string // what tests call a digest
	last  int64
	woken atomic.Int64
}

func newNewsroom(t *testing.T) *newsroom {
	n := &newsroom{house: newHouse(t), names: map[string]string{}}
	n.config.EventsStored = func() { n.woken.Add(1) }
	n.restart()
	n.repository("web")
	return n
}

// call gives a digest a name.
func (n *newsroom) call(name, digest string) string {
	n.names[digest] = name
	return digest
}

// stored are the events since the last look.
func (n *newsroom) stored() []meta.Event {
	n.t.Helper()
	found, err := n.Store.ListEvents(n.t.Context(), account, meta.EventQuery{After: n.last, Limit: 1000})
	if err != nil {
		n.t.Fatal(err)
	}
	if len(found) > 0 {
		n.last = found[len(found)-1].ID
	}
	return found
}

// news are the events since the last look in short, such as
// "Image Action: PUSH web a:v1".
func (n *newsroom) news() (lines []string) {
	n.t.Helper()
	for _, s := range n.stored() {
		e, err := event.Decode(s.Body)
		if err != nil {
			n.t.Fatal(err)
		}
		var detail map[string]any
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			n.t.Fatal(err)
		}
		said := func(name string) string { text, _ := detail[name].(string); return text }
		what := said("action-type") + said("scan-status")
		if class := said("target-storage-class"); class != "" {
			what = class
		}
		digest := said("image-digest")
		line := fmt.Sprintf("%s: %s %s %s", strings.TrimPrefix(e.DetailType, "ECR "), what, said("repository-name"), n.names[digest])
		if tag, tagged := detail["image-tag"]; tagged {
			line += fmt.Sprintf(":%v", tag)
		}
		lines = append(lines, line)
		if s.Lane != event.Lane(said("repository-name"), digest) || s.Account != account || !s.At.Equal(n.clock().Truncate(time.Microsecond)) || e.Account != account || e.Region != "us-east-1" {
			n.t.Errorf("%s comes as %+v, %+v", line, s, e)
		}
	}
	return lines
}

// wants compares the events since the last look, and whether somebody was
// woken for them.
func (n *newsroom) wants(what string, want ...string) {
	n.t.Helper()
	if got := n.news(); !slices.Equal(got, want) {
		n.t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if woken := n.woken.Swap(0) > 0; woken != (len(want) > 0) {
		n.t.Errorf("%s: woken = %v", what, woken)
	}
}

func (n *newsroom) push(tags []string, layer string) (string, error) {
	payload := manifest(n.blob("web", "{}"), n.blob("web", layer), len(layer))
	_, result, err := n.PutImage(n.t.Context(), n.owner, service.PushManifest{Repository: "web", Payload: payload, Tags: tags})
	return result.Image.Digest, err
}

func TestEveryTagThatIsPushedIsAnEvent(t *testing.T) {
	n := newNewsroom(t)
	n.call("a", n.image("web", "1", "v2", "v1"))
	n.wants("a push with two tags", "Image Action: PUSH web a:v1", "Image Action: PUSH web a:v2")
	n.call("b", n.image("web", "2"))
	n.wants("a push without a tag", "Image Action: PUSH web b")
	n.image("web", "1", "v1", "v2")
	n.image("web", "2")
	n.wants("pushes of what is there")
	n.image("web", "1", "v1", "v3")
	n.wants("another tag", "Image Action: PUSH web a:v3")
	n.image("web", "2", "v1")
	n.wants("a tag that moves", "Image Action: PUSH web b:v1")
	n.call("index", n.index("web", slices.Collect(maps.Keys(n.names))...))
	n.wants("an index", "Image Action: PUSH web index")
	n.call("signature", n.referrer("web", digestOf("whatever"), "sig", "sig"))
	n.wants("a referrer", "Referrer Action: PUSH web signature:sig")
}

func TestWhatIsRefusedIsNoEvent(t *testing.T) {
	n := newNewsroom(t)
	n.config.Limits.TagsPerImage = 2
	n.restart()
	a, err := n.push([]string{"v1"}, "1")
	if err != nil {
		t.Fatal(err)
	}
	n.call("a", a)
	n.wants("a push through the API", "Image Action: PUSH web a:v1")
	_, err = n.push([]string{"v1"}, "1")
	wantCode(t, err, registry.CodeImageAlreadyExists)
	_, err = n.push([]string{"v2", "v3"}, "1")
	wantCode(t, err, registry.CodeLimitExceeded)
	_, _, err = n.PutImage(t.Context(), n.owner, service.PushManifest{Repository: "web", Payload: manifest(digestOf("not there"), digestOf("nor this"), 3)})
	wantCode(t, err, registry.CodeLayersNotFound)
	if _, err := n.PutTagMutability(t.Context(), n.owner, "web", registry.Immutable, nil); err != nil {
		t.Fatal(err)
	}
	_, err = n.push([]string{"v1"}, "2")
	wantCode(t, err, registry.CodeImageTagAlreadyExists)
	n.wants("refused pushes")

	n.call("index", n.index("web", a))
	n.wants("an index", "Image Action: PUSH web index")
	if _, failures, err := n.BatchDeleteImages(t.Context(), n.owner, "web", []registry.ImageID{{Digest: a}, {Tag: "gone"}, {Digest: digestOf("gone")}}); err != nil || len(failures) != 3 {
		t.Error(failures, err)
	}
	_, err = n.DeleteRepository(t.Context(), n.owner, "web", false)
	wantCode(t, err, registry.CodeRepositoryNotEmpty)
	_, err = n.UpdateStorageClass(t.Context(), n.owner, "web", registry.ImageID{Digest: a}, service.StorageArchive)
	wantCode(t, err, registry.CodeImageStorageClassUpdateNotSupported)
	n.wants("refused deletions and archivings")
}

func TestEveryTagThatGoesIsAnEvent(t *testing.T) {
	n := newNewsroom(t)
	a := n.call("a", n.image("web", "1", "v1", "v2", "v3"))
	b := n.call("b", n.image("web", "2"))
	c := n.call("c", n.image("web", "3", "c"))
	signature := n.call("signature", n.referrer("web", digestOf("whatever"), "sig"))
	n.stored()
	n.woken.Store(0)
	remove := func(ids ...registry.ImageID) {
		t.Helper()
		if _, failures, err := n.BatchDeleteImages(t.Context(), n.owner, "web", ids); err != nil || len(failures) > 0 {
			t.Fatal(failures, err)
		}
	}
	remove(registry.ImageID{Tag: "v2"})
	n.wants("one tag of three", "Image Action: DELETE web a:v2")
	remove(registry.ImageID{Digest: a}, registry.ImageID{Digest: b})
	n.wants("two by digest", "Image Action: DELETE web a:v1", "Image Action: DELETE web a:v3", "Image Action: DELETE web b")
	if err := n.DeleteReference(t.Context(), n.owner, "web", registry.Reference{Tag: "c"}); err != nil {
		t.Fatal(err)
	}
	n.wants("a tag through the distribution API", "Image Action: DELETE web c:c")
	n.image("web", "3", "last")
	n.wants("it is tagged again", "Image Action: PUSH web c:last")
	remove(registry.ImageID{Tag: "last"}, registry.ImageID{Digest: signature})
	n.wants("an image by its last tag, and a referrer", "Image Action: DELETE web c:last", "Referrer Action: DELETE web signature")
	if images := n.images("web", registry.ImageAnyStatus); len(images) != 0 {
		t.Errorf("%v are still there, of %s", images, c)
	}
}

func TestAllImagesOfADeletedRepositoryAreEvents(t *testing.T) {
	n := newNewsroom(t)
	a := n.call("a", n.image("web", "1", "v1", "v2"))
	n.call("index", n.index("web", a))
	n.call("signature", n.referrer("web", a, "sig"))
	archived := n.call("archived", n.image("web", "2", "old"))
	n.class("web", archived, service.StorageArchive)
	n.stored()
	n.woken.Store(0)
	if _, err := n.DeleteRepository(t.Context(), n.owner, "web", true); err != nil {
		t.Fatal(err)
	}
	got := n.news()
	slices.Sort(got)
	want := []string{
		"Image Action: DELETE web a:v1", "Image Action: DELETE web a:v2", "Image Action: DELETE web archived:old",
		"Image Action: DELETE web index", "Referrer Action: DELETE web signature",
	}
	if !slices.Equal(got, want) || n.woken.Load() == 0 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestArchivingAndRestoringAreEventsOfImageAndReferrers(t *testing.T) {
	n := newNewsroom(t)
	a := n.call("a", n.image("web", "1", "v1"))
	n.call("signature", n.referrer("web", a, "sig", "sig"))
	n.stored()
	n.woken.Store(0)
	n.pass(time.Second)
	n.class("web", a, service.StorageArchive)
	n.wants("archived", "Image Action: ARCHIVE web a")
	n.class("web", a, service.StorageArchive)
	n.wants("archived again")
	n.pass(time.Second)
	n.work()
	n.wants("its signature follows", "Referrer Action: ARCHIVE web signature")

	n.pass(time.Hour)
	n.class("web", a, service.StorageStandard)
	n.wants("a restoration that has begun")
	n.work()
	n.wants("restored", "Image Action: STANDARD web a", "Referrer Action: STANDARD web signature")

	n.class("web", a, service.StorageArchive)
	n.wants("archived", "Image Action: ARCHIVE web a")
	n.pass(time.Second)
	n.image("web", "1", "v1")
	n.wants("restored by a push", "Image Action: STANDARD web a")
	n.class("web", a, service.StorageArchive)
	n.wants("archived", "Image Action: ARCHIVE web a")
	n.image("web", "1", "v2")
	n.wants("restored by a push that tags it", "Image Action: STANDARD web a", "Image Action: PUSH web a:v2")

	n.drop("web", a)
	n.wants("deleted", "Image Action: DELETE web a:v1", "Image Action: DELETE web a:v2")
	n.pass(time.Second)
	n.work()
	n.wants("its signature follows", "Referrer Action: DELETE web signature:sig")
}

func TestScansThatEndAreEvents(t *testing.T) {
	n := newNewsroom(t)
	a := n.call("a", n.image("web", "1", "v1", "v2"))
	repo, err := n.Store.Repository(t.Context(), account, "web")
	if err != nil {
		t.Fatal(err)
	}
	n.stored()
	scan := func(outcome meta.Scan) {
		t.Helper()
		n.pass(25 * time.Hour)
		if err := n.Store.StartScan(t.Context(), account, repo.ID, a, meta.StartScan{Engine: "AWS_NATIVE", Now: n.clock()}, 0, 0, nil); err != nil {
			t.Fatal(err)
		}
		outcome.RepositoryID, outcome.Digest, outcome.Engine, outcome.RequestedAt, outcome.CompletedAt = repo.ID, a, "AWS_NATIVE", n.clock(), n.clock()
		if err := n.Store.FinishScan(t.Context(), outcome, nil, n.Announce); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(want string) {
		t.Helper()
		stored := n.stored()
		if len(stored) != 1 {
			t.Fatalf("%d events, want one", len(stored))
		}
		e, err := event.Decode(stored[0].Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(string(e.Detail), a, "DIGEST"); got != want || e.DetailType != "ECR Image Scan" {
			t.Errorf("%s: %s, want\n%s", e.DetailType, got, want)
		}
		if !slices.Equal(e.Resources, []string{"arn:aws:ecr:us-east-1:" + account + ":repository/web"}) {
			t.Errorf("resources = %v", e.Resources)
		}
	}
	scan(meta.Scan{Status: meta.ScanComplete, Counts: map[registry.Severity]int{"HIGH": 2, "LOW": 0}})
	wants(`{"scan-status":"COMPLETE","repository-name":"web","finding-severity-counts":{"HIGH":2},"image-digest":"DIGEST","image-tags":["v1","v2"]}`)
	scan(meta.Scan{Status: meta.ScanFailed, Description: "broken"})
	wants(`{"scan-status":"FAILED","repository-name":"web","image-digest":"DIGEST","image-tags":["v1","v2"]}`)

	late := meta.Scan{RepositoryID: repo.ID, Digest: a, Engine: "AWS_NATIVE", RequestedAt: n.clock().Add(-time.Hour), CompletedAt: n.clock(), Status: meta.ScanComplete}
	if err := n.Store.FinishScan(t.Context(), late, nil, n.Announce); err != nil {
		t.Fatal(err)
	}
	n.drop("web", a)
	late.RequestedAt = n.clock()
	if err := n.Store.FinishScan(t.Context(), late, nil, n.Announce); err != nil {
		t.Fatal(err)
	}
	n.wants("scans that nobody waits for", "Image Action: DELETE web a:v1", "Image Action: DELETE web a:v2")
}

func TestEventsOfImagesHaveTheMembersOfECR(t *testing.T) {
	n := newNewsroom(t)
	a := n.image("web", "1", "v1")
	sig := n.referrer("web", a, "sig")
	n.pass(time.Minute)
	n.class("web", a, service.StorageArchive)
	n.pass(time.Minute)
	activated := n.clock().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	n.image("web", "1", "v1")
	var got []string
	for _, s := range n.stored() {
		e, err := event.Decode(s.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.NewReplacer(a, "IMAGE", sig, "SIGNATURE", activated, "ACTIVATED").Replace(e.DetailType+string(e.Detail)))
	}
	const types = `"manifest-media-type":"application/vnd.oci.image.manifest.v1+json","artifact-media-type":"application/vnd.oci.image.config.v1+json"`
	want := []string{
		`ECR Image Action{"result":"SUCCESS","repository-name":"web","image-digest":"IMAGE","action-type":"PUSH","image-tag":"v1",` + types + `}`,
		`ECR Referrer Action{"result":"SUCCESS","repository-name":"web","image-digest":"SIGNATURE","action-type":"PUSH",` +
			`"manifest-media-type":"application/vnd.oci.image.manifest.v1+json","artifact-media-type":"application/x-signature"}`,
		`ECR Image Action{"action-type":"UPDATE_STORAGE_CLASS","target-storage-class":"ARCHIVE","image-digest":"IMAGE","repository-name":"web","result":"SUCCESS",` + types + `}`,
		`ECR Image Action{"action-type":"UPDATE_STORAGE_CLASS","target-storage-class":"STANDARD","image-digest":"IMAGE","repository-name":"web","result":"SUCCESS",` + types + `,"last-activated-at":"ACTIVATED"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

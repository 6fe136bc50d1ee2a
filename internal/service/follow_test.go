package service_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// referrer pushes an artifact of a subject and answers its digest.
func (h *house) referrer(repository, subject, content string, tags ...string) string {
	h.t.Helper()
	payload, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": registry.MediaTypeOCIManifest, "artifactType": "application/x-signature",
		"config":  map[string]any{"mediaType": "application/vnd.oci.empty.v1+json", "digest": h.blob(repository, "{}"), "size": 2},
		"layers":  []any{map[string]any{"mediaType": "text/plain", "digest": h.blob(repository, content), "size": len(content)}},
		"subject": map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": subject, "size": 100},
	})
	return h.put(repository, payload, tags...)
}

func (h *house) put(repository string, payload []byte, tags ...string) string {
	h.t.Helper()
	_, result, err := h.PutManifest(h.t.Context(), h.owner, service.PushManifest{Repository: repository, Payload: payload, Tags: tags})
	if err != nil {
		h.t.Fatal(err)
	}
	return result.Image.Digest
}

func (h *house) index(repository string, children ...string) string {
	h.t.Helper()
	var list []any
	for _, c := range children {
		list = append(list, map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": c, "size": 100})
	}
	payload, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": registry.MediaTypeOCIIndex, "manifests": list})
	return h.put(repository, payload)
}

func (h *house) drop(repository string, digests ...string) {
	h.t.Helper()
	var ids []registry.ImageID
	for _, d := range digests {
		ids = append(ids, registry.ImageID{Digest: d})
	}
	if _, failures, err := h.BatchDeleteImages(h.t.Context(), h.owner, repository, ids); err != nil || len(failures) > 0 {
		h.t.Fatal(failures, err)
	}
}

func (h *house) class(repository, digest string, to service.StorageClass) {
	h.t.Helper()
	if _, err := h.UpdateStorageClass(h.t.Context(), h.owner, repository, registry.ImageID{Digest: digest}, to); err != nil {
		h.t.Fatal(err)
	}
}

// images are the digests of a repository's images of a status.
func (h *house) images(repository string, status registry.ImageStatus) (all []string) {
	h.t.Helper()
	found, err := h.Store.ListImages(h.t.Context(), account, repository, meta.ImageQuery{Limit: 1000, Status: status})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, i := range found {
		all = append(all, i.Digest)
	}
	return all
}

// work does all jobs that are due, each twice, as may happen, and those that
// they make; it answers how many there were.
func (h *house) work() (done int) {
	h.t.Helper()
	for {
		jobs, err := h.Store.ClaimJobs(h.t.Context(), h.clock(), time.Minute, 100)
		if err != nil {
			h.t.Fatal(err)
		}
		if len(jobs) == 0 {
			return done
		}
		for _, j := range jobs {
			handle := map[string]job.Handler{service.FollowJob: h.Follow, service.RestoreJob: h.Restore}[j.Kind]
			for range 2 {
				if err := handle(h.t.Context(), j); err != nil {
					h.t.Fatal(err)
				}
			}
			if err := h.Store.CompleteJob(h.t.Context(), j.ID); err != nil {
				h.t.Fatal(err)
			}
			done++
		}
	}
}

func (h *house) holds(what string, status registry.ImageStatus, want ...string) {
	h.t.Helper()
	slices.Sort(want)
	if got := h.images("web", status); !slices.Equal(got, want) {
		h.t.Errorf("%s, %s:\n%v, want\n%v", what, status, got, want)
	}
}

func followHouse(t *testing.T, after time.Duration) *house {
	h := newHouse(t)
	h.config.FollowAfter = after
	h.restart()
	h.repository("web")
	return h
}

func TestSignaturesGoAnHourAfterTheirImage(t *testing.T) {
	h := followHouse(t, service.DefaultFollowAfter)
	a, kept := h.image("web", "1", "v1"), h.image("web", "2", "v2")
	signature, bill := h.referrer("web", a, "signature", "sig"), h.referrer("web", a, "bill of materials")
	ofBill, ofKept := h.referrer("web", bill, "its signature"), h.referrer("web", kept, "signature of 2")
	early := h.referrer("web", digestOf("never there"), "came before its subject")
	if _, _, err := h.BatchDeleteImages(t.Context(), h.owner, "web", []registry.ImageID{{Tag: "v1"}}); err != nil {
		t.Fatal(err)
	}
	h.pass(59 * time.Minute)
	if n := h.work(); n > 0 {
		t.Errorf("%d jobs before their time", n)
	}
	h.holds("after 59 minutes", registry.ImageAnyStatus, kept, signature, bill, ofBill, ofKept, early)
	late := h.referrer("web", a, "pushed to an image that is gone")
	h.restart()
	h.pass(time.Minute)
	if n := h.work(); n != 2 {
		t.Errorf("%d jobs, want one and another for the bill's signature", n)
	}
	h.holds("after an hour", registry.ImageAnyStatus, kept, ofKept, early, late)
	h.pass(100 * time.Hour)
	h.work()
	h.holds("for ever", registry.ImageAnyStatus, kept, ofKept, early, late)
}

func TestImageThatIsPushedAgainKeepsItsSignatures(t *testing.T) {
	h := followHouse(t, time.Hour)
	a := h.image("web", "1", "v1")
	signature := h.referrer("web", a, "signature")
	for range 3 { // each deletion leaves an hour of its own
		if err := h.DeleteReference(t.Context(), h.owner, "web", registry.Reference{Digest: a}); err != nil {
			t.Fatal(err)
		}
		h.pass(45 * time.Minute)
		h.work()
		h.holds("45 minutes after a deletion", registry.ImageAnyStatus, signature)
		h.image("web", "1", "v1")
	}
	second := h.referrer("web", a, "second signature")
	h.pass(10 * time.Hour)
	h.work()
	h.holds("there again", registry.ImageAnyStatus, a, signature, second)
	h.drop("web", a)
	h.pass(time.Hour)
	h.work()
	h.holds("gone for good", registry.ImageAnyStatus)
}

func TestUntaggedImageKeepsItsSignatures(t *testing.T) {
	h := followHouse(t, 0)
	a := h.image("web", "1", "v1")
	signature := h.referrer("web", a, "signature")
	if err := h.DeleteReference(t.Context(), h.owner, "web", registry.Reference{Tag: "v1"}); err != nil {
		t.Fatal(err)
	}
	if n := h.work(); n > 0 {
		t.Errorf("%d jobs", n)
	}
	h.holds("untagged", registry.ImageAnyStatus, a, signature)
}

func TestSignatureThatAnIndexNeedsGoesAfterTheIndex(t *testing.T) {
	h := followHouse(t, 0)
	a := h.image("web", "1")
	one := h.referrer("web", a, "one")
	h.referrer("web", a, "two")
	index := h.index("web", one)
	h.drop("web", a)
	h.work()
	h.holds("the image is gone", registry.ImageAnyStatus, one, index)
	h.pass(3 * 24 * time.Hour)
	if n := h.work(); n != 1 {
		t.Errorf("%d jobs, want one that looks again", n)
	}
	h.holds("the index is there", registry.ImageAnyStatus, one, index)
	h.drop("web", index)
	h.pass(24 * time.Hour)
	h.work()
	h.holds("the index is gone", registry.ImageAnyStatus)
	h.pass(24 * time.Hour)
	if n := h.work(); n > 0 {
		t.Errorf("%d jobs when there is nothing to look at", n)
	}
}

// An index of signatures that is itself about the image goes with them, in
// whatever order they are met.
func TestIndexOfSignaturesGoesWithThem(t *testing.T) {
	h := followHouse(t, 0)
	a := h.image("web", "1")
	for n := range 5 {
		one := h.referrer("web", a, fmt.Sprint("one ", n))
		payload, _ := json.Marshal(map[string]any{
			"schemaVersion": 2, "mediaType": registry.MediaTypeOCIIndex,
			"manifests": []any{map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": one, "size": 100}},
			"subject":   map[string]any{"mediaType": registry.MediaTypeOCIManifest, "digest": a, "size": 100},
		})
		h.put("web", payload)
	}
	h.drop("web", a)
	if n := h.work(); n != 1 {
		t.Errorf("%d jobs", n)
	}
	h.holds("all are gone", registry.ImageAnyStatus)
}

func TestSignaturesAreArchivedAndRestoredWithTheirImage(t *testing.T) {
	h := followHouse(t, time.Hour)
	a := h.image("web", "1", "v1")
	signature, alone := h.referrer("web", a, "signature", "sig"), h.referrer("web", a, "archived by itself")
	nested := h.referrer("web", signature, "signature of the signature")
	h.class("web", alone, service.StorageArchive)
	h.class("web", a, service.StorageArchive)
	h.work()
	h.holds("at first", registry.ImageArchived, a, alone)
	h.pass(time.Hour)
	h.work()
	h.holds("after an hour", registry.ImageArchived, a, alone, signature, nested)
	h.class("web", a, service.StorageStandard)
	h.work()
	h.holds("restored", registry.ImageActive, a, signature, nested)
	h.holds("restored", registry.ImageArchived, alone)

	h.class("web", a, service.StorageArchive)
	h.pass(time.Hour)
	h.work()
	h.image("web", "1")
	h.work()
	h.holds("restored by a push", registry.ImageActive, a, signature, nested)

	h.class("web", a, service.StorageArchive)
	h.pass(30 * time.Minute)
	h.class("web", a, service.StorageStandard)
	h.pass(time.Hour)
	h.work()
	h.holds("restored at once", registry.ImageActive, a, signature, nested)

	h.class("web", a, service.StorageArchive)
	h.pass(time.Hour)
	h.work()
	h.drop("web", a)
	h.pass(time.Hour)
	h.work()
	h.holds("deleted from the archive", registry.ImageAnyStatus)
}

func TestWorkIsAnnouncedWhenReferrersFollowAtOnce(t *testing.T) {
	h := followHouse(t, 0)
	woken := 0
	h.config.Wake = func() { woken++ }
	h.restart()
	a, alone := h.image("web", "1"), h.image("web", "2")
	h.referrer("web", a, "signature")
	h.drop("web", alone)
	if woken > 0 {
		t.Error("work was announced for an image without referrers")
	}
	h.drop("web", a)
	if woken != 1 {
		t.Errorf("announced %d times, want once", woken)
	}
}

func TestRepositoryThatIsMadeAgainIsLeftAlone(t *testing.T) {
	h := followHouse(t, time.Hour)
	a := h.image("web", "1")
	h.referrer("web", a, "signature")
	h.drop("web", a)
	if _, err := h.DeleteRepository(t.Context(), h.owner, "web", true); err != nil {
		t.Fatal(err)
	}
	h.repository("web")
	signature := h.referrer("web", a, "signature")
	h.pass(time.Hour)
	if n := h.work(); n != 1 {
		t.Errorf("%d jobs", n)
	}
	h.holds("made again", registry.ImageAnyStatus, signature)
}

func TestFollowJobThatCannotBeReadIsGivenUp(t *testing.T) {
	h := newHouse(t)
	err := h.Follow(t.Context(), job.Job{Kind: service.FollowJob, Payload: []byte("{")})
	wantCode(t, err, registry.CodeInternal)
}

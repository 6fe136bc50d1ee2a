package oci_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

func (w *world) createOnPush(prefix string) {
	w.Helper()
	_, _, err := w.service.CreateTemplate(w.Context(), w.root(), registry.CreationTemplate{
		Prefix: prefix, AppliedFor: []registry.CreationReason{registry.CreateOnPush}, TagMutability: registry.Immutable,
	})
	if err != nil {
		w.Fatal(err)
	}
}

// A client looks for what is there already, then uploads, and pushes the
// manifest at last: the first POST makes the repository.
func TestPushIntoARepositoryThatATemplateMakes(t *testing.T) {
	w := newWorld(t)
	w.createOnPush("prod")
	const name = "prod/web"
	content := noise("layer", 100)
	w.want(404, "", "HEAD", "/v2/"+name+"/manifests/v1")
	w.want(404, "", "HEAD", "/v2/"+name+"/blobs/"+sha(content))
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/"+name+"/tags/list")

	opened := w.want(202, "", "POST", "/v2/"+name+"/blobs/uploads/")
	w.want(202, "", "PATCH", w.follow(opened), body(content))
	w.want(201, "", "PUT", w.follow(opened, "digest", sha(content)))
	w.pushManifest(name, "v1", w.image(name, "seed"))
	tags := w.want(200, "", "GET", "/v2/"+name+"/tags/list")
	var list struct{ Tags []string }
	if err := json.Unmarshal(tags.body, &list); err != nil || len(list.Tags) != 1 || list.Tags[0] != "v1" {
		t.Errorf("tags %s, %v", tags.body, err)
	}
	// It is the template's: tags do not move.
	w.want(400, "TAG_INVALID", "PUT", "/v2/"+name+"/manifests/v1", body(w.image(name, "other")), header("Content-Type", registry.MediaTypeOCIManifest))
}

func TestEveryWayToBeginAPushMakesTheRepository(t *testing.T) {
	w := newWorld(t)
	w.createOnPush("ROOT")
	content := noise("layer", 100)
	w.pushBlob("by/one-request", content)
	w.want(202, "", "POST", "/v2/by/mount/blobs/uploads/?mount="+sha(content)+"&from=by/one-request")
	index := []byte(`{"schemaVersion":2,"mediaType":"` + registry.MediaTypeOCIIndex + `","manifests":[]}`)
	w.want(201, "", "PUT", "/v2/by/manifest/manifests/v1", body(index), header("Content-Type", registry.MediaTypeOCIIndex))
	w.want(400, "MANIFEST_INVALID", "PUT", "/v2/by/nothing/manifests/v1", body([]byte("{")), header("Content-Type", registry.MediaTypeOCIIndex))
	for _, name := range []string{"by/one-request", "by/mount", "by/manifest"} {
		w.want(200, "", "GET", "/v2/"+name+"/tags/list")
	}
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/by/nothing/tags/list")
}

func TestPushWithoutATemplateIsRefusedAsEver(t *testing.T) {
	w := newWorld(t)
	w.createOnPush("prod")
	for _, name := range []string{"prod", "production/web"} {
		a := w.want(404, "NAME_UNKNOWN", "POST", "/v2/"+name+"/blobs/uploads/")
		if got := a.problem().Message; got != "The repository with name '"+name+"' does not exist in the registry with id '"+account+"'" {
			t.Errorf("message %q", got)
		}
	}
	// Templates are of one registry.
	w.password = w.issue("111111111111", time.Now())
	w.want(404, "NAME_UNKNOWN", "POST", "/v2/prod/web/blobs/uploads/")
}

package service_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// limited is a house with other limits than ECR's.
func limited(t *testing.T, change func(*service.Limits)) *house {
	t.Helper()
	h := newHouse(t)
	change(&h.config.Limits)
	h.restart()
	return h
}

func wantRefusal(t *testing.T, err error, code registry.Code, text string) {
	t.Helper()
	wantCode(t, err, code)
	if err != nil && !strings.HasSuffix(err.Error(), text) {
		t.Errorf("got  %v\nwant %s", err, text)
	}
}

func TestAnAccountHasSoManyRepositories(t *testing.T) {
	h := limited(t, func(l *service.Limits) { l.Repositories = 2 })
	ctx := t.Context()
	h.repository("one")
	h.repository("two")
	_, err := h.CreateRepository(ctx, h.owner, service.CreateRepository{Name: "three"})
	wantRefusal(t, err, registry.CodeLimitExceeded, "The registry with id '000000000000' already has the maximum allowed number of repositories which is '2'")
	if _, err := h.DeleteRepository(ctx, h.owner, "one", false); err != nil {
		t.Fatal(err)
	}
	h.repository("three")
}

func part(offset int64, content string) service.Chunk {
	c := at(offset, content)
	c.Part = true
	return c
}

func TestALayerHasSoManyParts(t *testing.T) {
	h := limited(t, func(l *service.Limits) { l.LayerParts = 2 })
	ctx := t.Context()
	h.repository("web")
	u, err := h.StartUpload(ctx, h.owner, "web")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, part(int64(i), "x")); err != nil {
			t.Fatal(err)
		}
	}
	h.restart() // parts are counted in the store
	_, err = h.AppendUpload(ctx, h.owner, "web", u.ID, part(2, "x"))
	wantRefusal(t, err, registry.CodeLimitExceeded, "The upload with id '"+u.ID+"' in the repository with name 'web' in registry with id '000000000000' already has the maximum allowed number of layer parts which is '2'")
	// The distribution API knows no parts.
	if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, at(2, "x")); err != nil {
		t.Error(err)
	}
}

func TestALayerPartIsSoLarge(t *testing.T) {
	h := limited(t, func(l *service.Limits) { l.LayerPartSize = 4 })
	ctx := t.Context()
	h.repository("web")
	u, err := h.StartUpload(ctx, h.owner, "web")
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.AppendUpload(ctx, h.owner, "web", u.ID, part(0, "12345"))
	wantRefusal(t, err, registry.CodeLimitExceeded, "The layer part of 5 bytes exceeds the maximum allowed size of a layer part which is '4' bytes")
	if s, err := h.AppendUpload(ctx, h.owner, "web", u.ID, part(0, "1234")); err != nil || s.Size != 4 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestReplicationHasSoManyRulesAndDestinations(t *testing.T) {
	h := limited(t, func(l *service.Limits) { l.ReplicationRules, l.ReplicationDestinations = 30, 1 })
	put := func(rules, destinations int) error {
		var config registry.ReplicationConfiguration
		for i := range rules {
			config.Rules = append(config.Rules, registry.ReplicationRule{
				Destinations: []registry.ReplicationDestination{{Region: "eu-west-1", Account: fmt.Sprintf("%012d", i%destinations)}},
			})
		}
		return h.PutReplication(t.Context(), h.owner, config)
	}
	if err := put(30, 1); err != nil {
		t.Error(err)
	}
	wantRefusal(t, put(31, 1), registry.CodeInvalidParameter, "Invalid parameter at 'replicationConfiguration.rules' failed to satisfy constraint: 'Member must have length less than or equal to 30'")
	wantRefusal(t, put(2, 2), registry.CodeInvalidParameter, "Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: 'Replication configuration contains 2 unique destinations but must contain at most 1'")
}

func TestALifecyclePolicyHasSoManyRules(t *testing.T) {
	h := limited(t, func(l *service.Limits) { l.LifecycleRules = 1 })
	h.repository("web")
	policy := func(priorities ...int) error {
		var rules []string
		for _, p := range priorities {
			rules = append(rules, fmt.Sprintf(`{"rulePriority":%d,"selection":{"tagStatus":"tagged","tagPrefixList":["v%d"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}`, p, p))
		}
		_, err := h.PutLifecyclePolicy(t.Context(), h.owner, "web", `{"rules":[`+strings.Join(rules, ",")+`]}`)
		return err
	}
	if err := policy(1); err != nil {
		t.Error(err)
	}
	wantRefusal(t, policy(1, 2), registry.CodeInvalidParameter, "array is too long: must have at most 1 elements but instance has 2 elements'")
}

func TestARestorationSurvivesARestart(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.repository("web")
	digest := h.image("web", "layer", "v1")
	id := registry.ImageID{Digest: digest}
	for _, class := range []service.StorageClass{service.StorageArchive, service.StorageStandard} {
		if _, err := h.UpdateStorageClass(ctx, h.owner, "web", id, class); err != nil {
			t.Fatal(err)
		}
	}
	h.restart()
	jobs, err := h.config.Store.ClaimJobs(ctx, h.clock(), 1, 10)
	if err != nil || len(jobs) != 1 || jobs[0].Kind != service.RestoreJob {
		t.Fatalf("%+v, %v", jobs, err)
	}
	if _, err := h.Manifest(ctx, h.owner, "web", id, service.ManifestLook); registry.CodeOf(err) != registry.CodeImageNotFound {
		t.Errorf("an image that is being restored can be pulled: %v", err)
	}
	if err := h.Restore(ctx, jobs[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Manifest(ctx, h.owner, "web", registry.ImageID{Tag: "v1"}, service.ManifestLook); err != nil {
		t.Error(err)
	}
	// Archived once more, it is not restored by what is left of the old job.
	if _, err := h.UpdateStorageClass(ctx, h.owner, "web", id, service.StorageArchive); err != nil {
		t.Fatal(err)
	}
	if err := h.Restore(ctx, jobs[0]); err != nil {
		t.Fatal(err)
	}
	images, err := h.DescribeImages(ctx, h.owner, "web", []registry.ImageID{id})
	if err != nil || images[0].Status != registry.ImageArchived {
		t.Errorf("%+v, %v", images, err)
	}
}

package service_test

import (
	"context"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	keepFive = "{\n  \"rules\": [ {\"rulePriority\": 1, \"description\": \"a  b <c>\", \"selection\": {\"tagStatus\": \"untagged\", \"countType\": \"imageCountMoreThan\", \"countNumber\": 5}, \"action\": {\"type\": \"expire\"}} ]\n}\n"
	compact  = `{"rules":[{"rulePriority":1,"description":"a  b <c>","selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}`

	noLifecyclePolicy = "Lifecycle policy does not exist for the repository with name 'web' in the registry with id '000000000000'"
	noRules           = `Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: object has missing required properties (["rules"])'`
)

func TestLifecyclePolicyIsKeptAndGivenBackCompact(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	_, err := h.LifecyclePolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeLifecyclePolicyNotFound, noLifecyclePolicy)
	_, err = h.DeleteLifecyclePolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeLifecyclePolicyNotFound, noLifecyclePolicy)
	_, err = h.PutLifecyclePolicy(ctx, h.owner, "web", "{}")
	wantDenial(t, err, registry.CodeInvalidParameter, noRules)

	want := service.LifecyclePolicy{Account: account, Repository: "web", Text: compact}
	if got, err := h.PutLifecyclePolicy(ctx, h.owner, "web", keepFive); err != nil || got != want {
		t.Errorf("put: %+v, %v", got, err)
	}
	if got, err := h.LifecyclePolicy(ctx, h.owner, "web"); err != nil || got != want {
		t.Errorf("got: %+v, %v", got, err)
	}
	evaluated := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if err := h.Store.PutDocument(ctx, account, "web", meta.LifecycleDocument, meta.Document{Text: keepFive, UpdatedAt: evaluated, EvaluatedAt: evaluated}); err != nil {
		t.Fatal(err)
	}
	got, err := h.DeleteLifecyclePolicy(ctx, h.owner, "web")
	if err != nil || got.Text != compact || !got.EvaluatedAt.Equal(evaluated) {
		t.Errorf("deleted: %+v, %v", got, err)
	}
	_, err = h.LifecyclePolicy(ctx, h.owner, "web")
	wantDenial(t, err, registry.CodeLifecyclePolicyNotFound, noLifecyclePolicy)
	_, err = h.PutLifecyclePolicy(ctx, h.owner, "nope", keepFive)
	wantDenial(t, err, registry.CodeRepositoryNotFound, noRepository)
}

func TestPreviewIsRefusedOnceItIsChecked(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	const unsupported = "Lifecycle policy previews are not evaluated by this version of ecru yet."
	wantDenial(t, h.StartLifecyclePreview(ctx, h.owner, "web", ""), registry.CodeLifecyclePolicyNotFound, noLifecyclePolicy)
	wantDenial(t, h.StartLifecyclePreview(ctx, h.owner, "web", "{}"), registry.CodeInvalidParameter, noRules)
	wantDenial(t, h.StartLifecyclePreview(ctx, h.owner, "nope", keepFive), registry.CodeRepositoryNotFound, noRepository)
	wantDenial(t, h.StartLifecyclePreview(ctx, h.owner, "web", keepFive), registry.CodeUnsupported, unsupported)
	if _, err := h.PutLifecyclePolicy(ctx, h.owner, "web", keepFive); err != nil {
		t.Fatal(err)
	}
	wantDenial(t, h.StartLifecyclePreview(ctx, h.owner, "web", ""), registry.CodeUnsupported, unsupported)
	wantDenial(t, h.LifecyclePreview(ctx, h.owner, "nope"), registry.CodeRepositoryNotFound, noRepository)
	wantDenial(t, h.LifecyclePreview(ctx, h.owner, "web"), registry.CodeLifecyclePolicyPreviewNotFound,
		"There is no dry run for this repository with name 'web' in the registry with id '000000000000'")
}

package service_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// Bytes that come with another step of a push are an UploadLayerPart like any
// other, and a push in one request is all its steps.
func TestBytesOfABlobNeedTheirPermissionWhicheverWayTheyCome(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.repository("web")
	digest := digestOf("content")
	completer := h.member("completer", `{"Effect":"Allow","Action":["ecr:InitiateLayerUpload","ecr:CompleteLayerUpload"],"Resource":"*"}`)
	u, err := h.StartUpload(ctx, completer, "web")
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.CompleteUpload(ctx, completer, "web", u.ID, service.Completion{Chunk: body("content"), Digests: []string{digest}})
	wantCode(t, err, registry.CodeAccessDenied)
	_, err = h.PushBlob(ctx, completer, "web", digest, body("content"))
	wantCode(t, err, registry.CodeAccessDenied)
	for name, statement := range map[string]string{
		"starter":  `{"Effect":"Allow","Action":["ecr:InitiateLayerUpload","ecr:UploadLayerPart"],"Resource":"*"}`,
		"lastStep": `{"Effect":"Allow","Action":["ecr:UploadLayerPart","ecr:CompleteLayerUpload"],"Resource":"*"}`,
	} {
		_, err := h.PushBlob(ctx, h.member(name, statement), "web", digest, body("content"))
		if registry.CodeOf(err) != registry.CodeAccessDenied {
			t.Errorf("%s pushed in one request: %v", name, err)
		}
	}
	if _, err := h.StatBlob(ctx, h.owner, "web", digest); registry.CodeOf(err) != registry.CodeLayersNotFound {
		t.Fatalf("the blob is there: %v", err)
	}

	// Without bytes the last step needs no more than its own.
	if _, err := h.AppendUpload(ctx, h.owner, "web", u.ID, body("content")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CompleteUpload(ctx, completer, "web", u.ID, service.Completion{Chunk: service.Chunk{Offset: service.AtEnd}, Digests: []string{digest}}); err != nil {
		t.Error(err)
	}
	pusher := h.member("pusher", `{"Effect":"Allow","Action":["ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload"],"Resource":"*"}`)
	if _, err := h.PushBlob(ctx, pusher, "web", digestOf("other"), body("other")); err != nil {
		t.Error(err)
	}
}

func TestPolicyOfATemplateHoldsForEveryStepOfAPushInOneRequest(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.template("sealed", func(t *registry.CreationTemplate) {
		t.RepositoryPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:UploadLayerPart"}]}`
	})
	_, err := h.PushBlob(ctx, h.member("eager", `{"Effect":"Allow","Action":"ecr:*","Resource":"*"}`), "sealed/app", digestOf("x"), body("x"))
	wantCode(t, err, registry.CodeAccessDenied)
}

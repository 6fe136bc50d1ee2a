package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const chunkSection = "Pushing a blob in chunks"

func chunkCases() []testCase {
	return []testCase{
		{chunkSection, "chunks in order make the blob", chunksInOrder},
		{chunkSection, "the last chunk may come with the PUT", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			r.complete(t, u.location, u.digest, body(u.chunk(1)), contentRange(u.size, u.size)).want(t, http.StatusCreated)
			r.wantBlob(t, u.repo, u.digest, u.content)
		}},
		{chunkSection, "the last chunk may come with the PUT without a Content-Range", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			r.complete(t, u.location, u.digest, body(u.chunk(1))).want(t, http.StatusCreated)
			r.wantBlob(t, u.repo, u.digest, u.content)
		}},
		{chunkSection, "a whole blob in one PATCH", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			a := r.do(t, http.MethodPatch, u.location, body(u.content), contentRange(0, len(u.content)))
			u.finish(t, r, a.want(t, http.StatusAccepted))
		}},
		{chunkSection, "a stream without Content-Length and Content-Range", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			a := r.do(t, http.MethodPatch, u.location, stream(slowly{bytes.NewReader(u.content)}))
			a.want(t, http.StatusAccepted).wantHeader(t, "Range", fmt.Sprintf("0-%d", len(u.content)-1))
			u.finish(t, r, a)
		}},
		{chunkSection, "a body without Content-Range is appended", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			for i := range 2 {
				a := r.do(t, http.MethodPatch, u.location, body(u.chunk(i))).want(t, http.StatusAccepted)
				u.location = a.location(t)
			}
			r.complete(t, u.location, u.digest).want(t, http.StatusCreated)
			r.wantBlob(t, u.repo, u.digest, u.content)
		}},
		{chunkSection, "a chunk that comes too early answers 416", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 1).want(t, http.StatusRequestedRangeNotSatisfiable)
			u.wantOffset(t, r, 0)
			u.patchAll(t, r)
		}},
		{chunkSection, "a chunk that leaves a gap answers 416", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			r.do(t, http.MethodPatch, u.location, body(u.chunk(1)), contentRange(u.size+1, u.size)).
				want(t, http.StatusRequestedRangeNotSatisfiable)
			u.wantOffset(t, r, u.size)
			u.patch(t, r, 1).want(t, http.StatusAccepted)
			u.finish(t, r, nil)
		}},
		{chunkSection, "a chunk that was sent before answers 416", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			u.patch(t, r, 0).want(t, http.StatusRequestedRangeNotSatisfiable)
			u.wantOffset(t, r, u.size)
			u.patch(t, r, 1).want(t, http.StatusAccepted)
			u.finish(t, r, nil)
		}},
		{chunkSection, "a chunk that overlaps answers 416", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			r.do(t, http.MethodPatch, u.location, body(u.content[u.size/2:]), contentRange(u.size/2, len(u.content)-u.size/2)).
				want(t, http.StatusRequestedRangeNotSatisfiable)
			u.wantOffset(t, r, u.size)
		}},
		{chunkSection, "a last chunk out of order answers 416", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			r.complete(t, u.location, u.digest, body(u.chunk(1)), contentRange(u.size+5, u.size)).
				want(t, http.StatusRequestedRangeNotSatisfiable)
			r.wantNoBlob(t, u.repo, u.digest)
			u.wantOffset(t, r, u.size)
			u.patch(t, r, 1).want(t, http.StatusAccepted)
			u.finish(t, r, nil)
		}},
		{chunkSection, "a Content-Range that is none is refused", badContentRanges},
		{chunkSection, "a Content-Range of another length than the body is refused", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			r.do(t, http.MethodPatch, u.location, body(u.chunk(0)), contentRange(0, u.size/2)).want(t, 400, 416)
			r.do(t, http.MethodPatch, u.location, body(u.chunk(0)), contentRange(0, u.size*2)).want(t, 400, 416)
			u.wantOffset(t, r, 0)
			u.patchAll(t, r)
		}},
		{chunkSection, "an empty PATCH changes nothing", func(t *testing.T, r *registry) {
			u := r.chunked(t)
			u.patch(t, r, 0).want(t, http.StatusAccepted)
			a := r.do(t, http.MethodPatch, u.location, body(nil)).want(t, http.StatusAccepted)
			u.location = a.location(t)
			u.wantOffset(t, r, u.size)
			u.patch(t, r, 1).want(t, http.StatusAccepted)
			u.finish(t, r, nil)
		}},
		{chunkSection, "of clients that send the same chunk at once one wins", racingChunks},
		{chunkSection, "the session goes on after a refused digest or is gone", refusedDigest},
	}
}

// chunkedUpload is an upload of a blob of two chunks.
type chunkedUpload struct {
	repo, location, digest string
	content                []byte
	size                   int // of a chunk
}

func (r *registry) chunked(t *testing.T) *chunkedUpload {
	t.Helper()
	repo := r.repository(t)
	location, size := r.startUpload(t, repo)
	c := content(2 * size)
	return &chunkedUpload{repo, location, sha256Of(c), c, size}
}

func (u *chunkedUpload) chunk(i int) []byte { return u.content[i*u.size : (i+1)*u.size] }

// patch sends a chunk and follows the Location when it is accepted.
func (u *chunkedUpload) patch(t *testing.T, r *registry, i int) *answer {
	t.Helper()
	a := r.do(t, http.MethodPatch, u.location, body(u.chunk(i)), contentRange(i*u.size, u.size),
		mediaType("application/octet-stream"))
	if a.status == http.StatusAccepted {
		u.location = a.location(t)
		a.wantHeader(t, "Range", fmt.Sprintf("0-%d", (i+1)*u.size-1))
	}
	return a
}

func (u *chunkedUpload) patchAll(t *testing.T, r *registry) {
	t.Helper()
	for i := range 2 {
		u.patch(t, r, i).want(t, http.StatusAccepted)
	}
	u.finish(t, r, nil)
}

// finish completes the upload at the Location of the last answer.
func (u *chunkedUpload) finish(t *testing.T, r *registry, last *answer) {
	t.Helper()
	if last != nil {
		u.location = last.location(t)
	}
	r.complete(t, u.location, u.digest).want(t, http.StatusCreated)
	r.wantBlob(t, u.repo, u.digest, u.content)
}

// wantOffset asks the server how much it has. Of nothing it can only say "0-0"
// or stay silent: ranges are inclusive.
func (u *chunkedUpload) wantOffset(t *testing.T, r *registry, offset int) {
	t.Helper()
	a := r.do(t, http.MethodGet, u.location).want(t, http.StatusNoContent)
	got := strings.TrimPrefix(a.header.Get("Range"), "bytes=")
	if offset == 0 && (got == "" || got == "0-0" || got == "0--1") {
		return
	}
	if want := fmt.Sprintf("0-%d", offset-1); got != want {
		t.Errorf("the session has %q, want %q", got, want)
	}
}

func chunksInOrder(t *testing.T, r *registry) {
	u := r.chunked(t)
	for i := range 2 {
		u.patch(t, r, i).want(t, http.StatusAccepted)
	}
	a := r.complete(t, u.location, u.digest).want(t, http.StatusCreated)
	r.do(t, http.MethodGet, a.location(t)).want(t, http.StatusOK).wantBody(t, u.content)
}

func badContentRanges(t *testing.T, r *registry) {
	u := r.chunked(t)
	for _, value := range []string{"abc", "5-2", "-5", "0-", "bytes 0", "0-99999999999999999999", "-1-5", "0-x"} {
		r.do(t, http.MethodPatch, u.location, body(u.chunk(0)), header("Content-Range", value)).want(t, 400, 416)
	}
	u.wantOffset(t, r, 0)
	u.patchAll(t, r)
}

func racingChunks(t *testing.T, r *registry) {
	u := r.chunked(t)
	var accepted atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			a, err := r.try(t.Context(), http.MethodPatch, u.location, body(u.chunk(0)), contentRange(0, u.size))
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusAccepted:
				accepted.Add(1)
			case a.status >= 500:
				t.Errorf("%s; want 202 or a 4xx status", a)
			}
		})
	}
	group.Wait()
	if n := accepted.Load(); n != 1 {
		t.Errorf("%d of 8 equal chunks were accepted, want 1", n)
	}
	a := r.do(t, http.MethodGet, u.location).want(t, http.StatusNoContent)
	u.location = a.location(t)
	u.patch(t, r, 1).want(t, http.StatusAccepted)
	u.finish(t, r, nil)
}

func refusedDigest(t *testing.T, r *registry) {
	u := r.chunked(t)
	u.patch(t, r, 0).want(t, http.StatusAccepted)
	r.complete(t, u.location, unknownSHA256).want(t, http.StatusBadRequest)
	if a := r.do(t, http.MethodGet, u.location).want(t, 204, 404); a.status == http.StatusNoContent {
		u.location = a.location(t)
		u.patch(t, r, 1).want(t, http.StatusAccepted)
		u.finish(t, r, nil)
	}
}

package oci_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/service"
)

const uploads = "/v2/" + repo + "/blobs/uploads/"

func contentRange(first, last int) option {
	return header("Content-Range", fmt.Sprintf("%d-%d", first, last))
}

func TestUploadInOnePut(t *testing.T) {
	w := newWorld(t)
	content := noise("x", 5000)
	a := w.want(202, "", "POST", uploads)
	w.wantHeaders(a, "Range", "0-0", "Content-Length", "0", "OCI-Chunk-Min-Length", "")
	if id := a.Header.Get("Docker-Upload-UUID"); a.Header.Get("Location") != uploads+id || id == "" {
		t.Errorf("Location %q of upload %q", a.Header.Get("Location"), id)
	}
	a = w.want(201, "", "PUT", w.follow(a, "digest", sha(content)), body(content))
	w.wantHeaders(a, "Location", "/v2/"+repo+"/blobs/"+sha(content), "Docker-Content-Digest", sha(content))
	w.wantBody(w.want(200, "", "GET", w.follow(a)), content)
}

func TestUploadInChunks(t *testing.T) {
	for name, digest := range map[string]func([]byte) string{"sha256": sha, "sha512": sha512of} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			content := noise("x", 3000)
			a := w.want(202, "", "POST", uploads)
			a = w.want(202, "", "PATCH", w.follow(a), body(content[:1000]), contentRange(0, 999))
			w.wantHeaders(a, "Range", "0-999")
			a = w.want(202, "", "PATCH", w.follow(a), body(content[1000:1500]), header("Content-Range", "bytes 1000-1499/3000"))
			a = w.want(202, "", "PATCH", w.follow(a), stream(content[1500:2000]), contentRange(1500, 1999))
			a = w.want(202, "", "PATCH", w.follow(a), stream(content[2000:2500]))
			w.wantHeaders(a, "Range", "0-2499")
			for _, method := range []string{"GET", "HEAD"} {
				w.wantHeaders(w.want(204, "", method, w.follow(a)), "Range", "0-2499", "Location", a.Header.Get("Location"))
			}
			a = w.want(202, "", "PATCH", w.follow(a))
			a = w.want(201, "", "PUT", w.follow(a, "digest", digest(content)), body(content[2500:]), contentRange(2500, 2999))
			w.wantBody(w.want(200, "", "GET", w.follow(a)), content)
		})
	}
}

func TestChunkOutOfOrderLeavesTheSessionAsItWas(t *testing.T) {
	w := newWorld(t)
	content := noise("x", 2000)
	start := w.want(202, "", "POST", uploads)
	a := w.want(416, "BLOB_UPLOAD_INVALID", "PATCH", w.follow(start), body(content[1000:]), contentRange(1000, 1999))
	w.wantHeaders(a, "Range", "0-0", "Location", start.Header.Get("Location"))
	a = w.want(204, "", "GET", w.follow(a))
	a = w.want(202, "", "PATCH", w.follow(a), body(content[:1000]), contentRange(0, 999))
	for _, c := range [][2]int{{0, 999}, {500, 1499}, {1001, 2000}} {
		a = w.want(416, "BLOB_UPLOAD_INVALID", "PATCH", w.follow(a), body(make([]byte, 1000)), contentRange(c[0], c[1]))
		w.wantHeaders(a, "Range", "0-999", "Location", start.Header.Get("Location"))
	}
	a = w.want(416, "BLOB_UPLOAD_INVALID", "PUT", w.follow(a, "digest", sha(content)), body(content[1000:]), contentRange(1005, 2004))
	w.wantHeaders(w.want(204, "", "GET", w.follow(a)), "Range", "0-999")
	w.want(201, "", "PUT", w.follow(a, "digest", sha(content)), body(content[1000:]), contentRange(1000, 1999))
	w.want(200, "", "GET", "/v2/"+repo+"/blobs/"+sha(content))
}

func TestChunksThatAreRefusedChangeNothing(t *testing.T) {
	w := newWorld(t)
	content := noise("x", 1000)
	a := w.want(202, "", "POST", uploads)
	for _, value := range []string{"abc", "5-2", "-5", "0-", "bytes 0", "0-99999999999999999999", "-1-5", "0-x", "0-999/x"} {
		w.want(400, "BLOB_UPLOAD_INVALID", "PATCH", w.follow(a), body(content), header("Content-Range", value))
	}
	w.want(400, "SIZE_INVALID", "PATCH", w.follow(a), body(content), contentRange(0, 99))
	w.want(400, "SIZE_INVALID", "PATCH", w.follow(a), body(content), contentRange(0, 5000))
	w.want(400, "SIZE_INVALID", "PATCH", w.follow(a), stream(content), contentRange(0, 99))
	w.want(400, "BLOB_UPLOAD_INVALID", "PATCH", w.follow(a), stream(content), contentRange(0, 5000))
	w.wantHeaders(w.want(204, "", "GET", w.follow(a)), "Range", "0-0")
	w.want(201, "", "PUT", w.follow(a, "digest", sha(content)), body(content), contentRange(0, 999))
}

func TestWrongDigestIsRefused(t *testing.T) {
	w := newWorld(t)
	content := []byte("content")
	a := w.want(202, "", "POST", uploads)
	for _, query := range []string{"", "?digest=", "?digest=sha256:abc", "?digest=md5:00", "?digest=" + sha(content) + "&digest=" + sha(nil), "?digest=%zz"} {
		status := w.do("PUT", w.follow(a)+query, body(content))
		if status.StatusCode != 400 || status.problem().Code != "DIGEST_INVALID" && query != "?digest=%zz" {
			t.Errorf("%q answered %d %s", query, status.StatusCode, status.body)
		}
	}
	refused := w.want(400, "BLOB_UPLOAD_INVALID", "PUT", w.follow(a, "digest", sha(nil)), body(content))
	if got := refused.problem().Message; got != "None of the provided layer digests match the calculated layer digest" {
		t.Errorf("message %q", got)
	}
	w.want(404, "", "HEAD", "/v2/"+repo+"/blobs/"+sha(content))
	w.want(400, "BLOB_UPLOAD_INVALID", "POST", uploads+"?digest="+sha(nil), body(content))
	w.want(400, "BLOB_UPLOAD_INVALID", "POST", uploads+"?digest="+sha(content))
	w.want(400, "DIGEST_INVALID", "POST", uploads+"?digest=sha256:abc", body(content))
}

func TestSinglePost(t *testing.T) {
	w := newWorld(t)
	for _, content := range [][]byte{nil, []byte("content"), noise("x", 100_000)} {
		for _, digest := range []string{sha(content), sha512of(content)} {
			for _, send := range []option{body(content), stream(content)} {
				a := w.want(201, "", "POST", uploads+"?digest="+digest, send)
				w.wantHeaders(a, "Docker-Content-Digest", digest)
				w.wantBody(w.want(200, "", "GET", w.follow(a)), content)
			}
		}
	}
}

func TestMount(t *testing.T) {
	w := newWorld(t)
	w.create("other")
	digest := w.pushBlob("other", []byte("content"))
	mount := uploads + "?mount=" + digest + "&from="
	w.want(202, "", "POST", mount+"other") // mounting is off
	w.allowMounting()
	a := w.want(201, "", "POST", mount+"other")
	w.wantHeaders(a, "Location", "/v2/"+repo+"/blobs/"+digest, "Docker-Content-Digest", digest)
	w.wantBody(w.want(200, "", "GET", w.follow(a)), []byte("content"))
	for _, target := range []string{mount, uploads + "?mount=" + digest, mount + "never/created", mount + "UPPER",
		uploads + "?from=other", uploads + "?mount=sha256:abc&from=other", uploads + "?mount=" + sha(nil) + "&from=other"} {
		a := w.want(202, "", "POST", target)
		w.want(201, "", "PUT", w.follow(a, "digest", sha([]byte("x"))), body([]byte("x")))
	}
	w.want(404, "NAME_UNKNOWN", "POST", "/v2/never/created/blobs/uploads/?mount="+digest+"&from=other")
}

func TestCancelledUploadIsGone(t *testing.T) {
	w := newWorld(t)
	for _, sent := range []int{0, 10} {
		a := w.want(202, "", "POST", uploads)
		if sent > 0 {
			w.want(202, "", "PATCH", w.follow(a), body(make([]byte, sent)))
		}
		w.want(204, "", "DELETE", w.follow(a))
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			w.want(404, "BLOB_UPLOAD_UNKNOWN", method, w.follow(a))
		}
		w.want(404, "BLOB_UPLOAD_UNKNOWN", "PUT", w.follow(a, "digest", sha(nil)))
	}
	w.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", uploads+"00000000-0000-4000-8000-000000000000")
	w.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", uploads+"nonsense", body([]byte("x")))
	w.want(404, "NAME_UNKNOWN", "POST", "/v2/never/created/blobs/uploads/")
}

func TestBodyThatBreaksOffLeavesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.want(202, "", "POST", uploads)
	conn, reader := dial(t, w)
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
		a.Header.Get("Location"), a.Request.Header.Get("Authorization"))
	wantStatus(t, reader, 400)
	if _, err := reader.ReadByte(); err != io.EOF {
		t.Errorf("the connection is kept after a body that cannot be told from the next request: %v", err)
	}
	w.wantHeaders(w.want(204, "", "GET", w.follow(a)), "Range", "0-0")
}

func TestTooLargeLayer(t *testing.T) {
	w := newWorld(t)
	w.service.Limits = service.Limits{LayerSize: 100}
	a := w.want(202, "", "POST", uploads)
	w.want(413, "BLOB_UPLOAD_INVALID", "PATCH", w.follow(a), body(make([]byte, 101)))
	w.want(413, "BLOB_UPLOAD_INVALID", "PATCH", w.follow(a), stream(make([]byte, 101)))
	w.want(202, "", "PATCH", w.follow(a), body(make([]byte, 100)))
}

func TestOfEqualChunksAtOnceOneWins(t *testing.T) {
	w := newWorld(t)
	a := w.want(202, "", "POST", uploads)
	target := w.follow(a)
	statuses := make([]int, 8)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), "PATCH", target, strings.NewReader("chunk"))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Range", "0-4")
			r.SetBasicAuth("AWS", w.password)
			response, err := w.client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = response.Body.Close()
			statuses[i] = response.StatusCode
		})
	}
	group.Wait()
	accepted := 0
	for _, status := range statuses {
		switch status {
		case 202:
			accepted++
		case 416:
		default:
			t.Errorf("answered %d", status)
		}
	}
	if accepted != 1 {
		t.Errorf("%d of 8 equal chunks were accepted", accepted)
	}
}

func TestMethodsThatEndpointsLack(t *testing.T) {
	w := newWorld(t)
	digest := sha(nil)
	for path, c := range map[string]struct{ allow, methods string }{
		"/v2/":                              {"GET, HEAD", "POST PUT PATCH DELETE OPTIONS"},
		"/v2/_catalog":                      {"GET, HEAD", "POST DELETE"},
		"/v2/" + repo + "/manifests/latest": {"GET, HEAD, PUT, DELETE", "POST PATCH"},
		"/v2/" + repo + "/blobs/" + digest:  {"GET, HEAD, DELETE", "POST PUT PATCH"},
		uploads:                             {"POST", "GET PUT PATCH DELETE"},
		uploads + "some-one":                {"GET, HEAD, PATCH, PUT, DELETE", "POST"},
		"/v2/" + repo + "/tags/list":        {"GET, HEAD", "POST PUT DELETE"},
		"/v2/" + repo + "/referrers/x":      {"GET, HEAD", "POST PUT DELETE"},
	} {
		for _, method := range strings.Fields(c.methods) {
			w.wantHeaders(w.want(405, "UNSUPPORTED", method, path, body([]byte("x"))), "Allow", c.allow)
		}
	}
}

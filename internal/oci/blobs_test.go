package oci_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
)

func TestBlobComesBackWholeAndInParts(t *testing.T) {
	w := newWorld(t)
	content := noise("blob", 1000)
	path := "/v2/" + repo + "/blobs/" + w.pushBlob(repo, content)
	for _, method := range []string{"GET", "HEAD"} {
		a := w.want(200, "", method, path)
		w.wantHeaders(a, "Content-Length", "1000", "Docker-Content-Digest", sha(content), "Accept-Ranges", "bytes",
			"Content-Type", "application/octet-stream", "Cache-Control", "max-age=31536000, immutable", "Etag", `"`+sha(content)+`"`)
		w.want(304, "", method, path, header("If-None-Match", `"`+sha(content)+`"`))
	}
	w.wantBody(w.want(200, "", "GET", path), content)
	for value, part := range map[string][2]int{
		"bytes=0-9": {0, 9}, "bytes=0-0": {0, 0}, "bytes=990-": {990, 999}, "bytes=-5": {995, 999},
		"bytes=-5000": {0, 999}, "bytes=900-99999999999999999999": {900, 999},
	} {
		a := w.want(206, "", "GET", path, header("Range", value))
		w.wantHeaders(a, "Content-Range", fmt.Sprintf("bytes %d-%d/1000", part[0], part[1]), "Content-Length", fmt.Sprint(part[1]-part[0]+1))
		w.wantBody(a, content[part[0]:part[1]+1])
	}
	for _, value := range []string{"bytes=1000-", "bytes=5000-6000", "bytes=500-0", "bytes=-0", "bytes=x-y", "bytes", "bytes=99999999999999999999-"} {
		w.wantHeaders(w.want(416, "RANGE_INVALID", "GET", path, header("Range", value)), "Content-Range", "bytes */1000")
	}
	for _, value := range []string{"lines=1-2", "bytes=0-1,5-9"} {
		w.wantBody(w.want(200, "", "GET", path, header("Range", value)), content)
	}
	w.want(200, "", "GET", path, header("Range", "bytes=0-9"), header("If-Range", `"other"`))
	w.want(206, "", "GET", path, header("Range", "bytes=0-9"), header("If-Range", `"`+sha(content)+`"`))
}

func TestEmptyBlob(t *testing.T) {
	w := newWorld(t)
	path := "/v2/" + repo + "/blobs/" + w.pushBlob(repo, nil)
	w.wantHeaders(w.want(200, "", "HEAD", path), "Content-Length", "0")
	a := w.want(200, "", "GET", path, header("Range", "bytes=0-"))
	w.wantHeaders(a, "Content-Length", "0")
	w.wantBody(a, nil)
}

func TestReadingBlobsThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	w.want(404, "BLOB_UNKNOWN", "GET", "/v2/"+repo+"/blobs/"+sha([]byte("x")))
	w.wantBody(w.want(404, "", "HEAD", "/v2/"+repo+"/blobs/"+sha([]byte("x"))), nil)
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/never/created/blobs/"+sha(nil))
	for _, digest := range []string{"sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "x", strings.ToUpper(sha(nil))} {
		for _, method := range []string{"GET", "DELETE"} {
			w.want(400, "DIGEST_INVALID", method, "/v2/"+repo+"/blobs/"+digest)
		}
		w.want(400, "", "HEAD", "/v2/"+repo+"/blobs/"+digest)
	}
}

func TestDeletingABlob(t *testing.T) {
	w := newWorld(t)
	w.create("other")
	w.allowMounting()
	digest := w.pushBlob(repo, []byte("content"))
	w.want(201, "", "POST", "/v2/other/blobs/uploads/?mount="+digest+"&from="+escape(repo))
	w.want(202, "", "DELETE", "/v2/"+repo+"/blobs/"+digest)
	w.want(404, "", "HEAD", "/v2/"+repo+"/blobs/"+digest)
	w.want(404, "BLOB_UNKNOWN", "DELETE", "/v2/"+repo+"/blobs/"+digest)
	w.want(200, "", "HEAD", "/v2/other/blobs/"+digest)
	w.pushManifest(repo, "a", w.image(repo, "one"))
	a := w.want(405, "UNSUPPORTED", "DELETE", "/v2/"+repo+"/blobs/"+sha(noise("one", 100)))
	w.wantHeaders(a, "Allow", "GET, HEAD, DELETE")
}

func TestLostBytesAreAnErrorAndNotAShortBlob(t *testing.T) {
	w := newWorld(t)
	digest := w.pushBlob(repo, []byte("content"))
	b, err := w.service.StatBlob(t.Context(), w.root(), repo, digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.service.Content.Delete(t.Context(), b.Key); err != nil {
		t.Fatal(err)
	}
	w.want(404, "BLOB_UNKNOWN", "GET", "/v2/"+repo+"/blobs/"+digest)
}

func TestGrantedLayerNeedsNoLogin(t *testing.T) {
	w := newWorld(t)
	content := noise("layer", 1000)
	digest := w.pushBlob(repo, content)
	signed := func(g iam.LayerGrant) string {
		return fmt.Sprintf("/layers/%s/%s/%s?expires=%d&sig=%s", g.Account, g.Repository, g.Digest, g.Expires.Unix(), iam.SignLayer(w.layerKey, g))
	}
	grant := iam.LayerGrant{Account: account, Repository: repo, Digest: digest, Expires: time.Now().Add(time.Hour)}
	w.wantBody(w.want(200, "", "GET", signed(grant), anonymous), content)
	w.wantHeaders(w.want(200, "", "HEAD", signed(grant), anonymous), "Content-Length", "1000")
	w.wantBody(w.want(206, "", "GET", signed(grant), anonymous, header("Range", "bytes=-10")), content[990:])

	expired, absent, nowhere := grant, grant, grant
	expired.Expires = time.Now().Add(-time.Second)
	absent.Digest = sha(nil)
	nowhere.Repository = "never/created"
	w.want(403, "DENIED", "GET", signed(expired))
	w.want(404, "BLOB_UNKNOWN", "GET", signed(absent))
	w.want(404, "NAME_UNKNOWN", "GET", signed(nowhere))
	for name, target := range map[string]string{
		"no signature":     strings.Split(signed(grant), "&")[0],
		"other signature":  signed(grant) + "x",
		"other expiry":     strings.Replace(signed(grant), "expires=", "expires=9", 1),
		"no expiry":        strings.Replace(signed(grant), "expires", "expired", 1),
		"other digest":     strings.Replace(signed(grant), digest, sha(nil), 1),
		"other repository": strings.Replace(signed(grant), repo, "team/app2", 1),
		"no digest":        strings.Replace(signed(grant), digest, "x", 1),
	} {
		t.Run(name, func(t *testing.T) { w.in(t).want(403, "DENIED", "GET", target) })
	}
	w.want(405, "UNSUPPORTED", http.MethodPut, signed(grant))
	w.want(404, "UNSUPPORTED", "GET", "/layers/"+account+"/"+digest)
	w.want(404, "NAME_INVALID", "GET", "/layers/"+account+"/A/../b/"+digest)
}

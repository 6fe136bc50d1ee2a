package conformance

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

const rangeSection = "Pulling blobs: Range (RFC 9110 14)"

func rangeCases() []testCase {
	cases := []testCase{
		{rangeSection, "several ranges give their parts or the whole", severalRanges},
		{rangeSection, "an empty blob satisfies no range", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			path := blobPath(repo, r.pushBlob(t, repo, nil))
			r.do(t, http.MethodGet, path, header("Range", "bytes=0-")).
				want(t, http.StatusRequestedRangeNotSatisfiable, http.StatusOK)
		}},
		{rangeSection, "HEAD with a range tells of the blob", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			path := blobPath(repo, r.pushBlob(t, repo, content(100)))
			r.do(t, http.MethodHead, path, header("Range", "bytes=0-9")).
				want(t, http.StatusOK, http.StatusPartialContent).wantBody(t, nil)
		}},
		{rangeSection, "If-Range with another entity gives the whole blob", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(100)
			path := blobPath(repo, r.pushBlob(t, repo, c))
			r.do(t, http.MethodGet, path, header("Range", "bytes=0-9"), header("If-Range", `"other"`)).
				want(t, http.StatusOK).wantBody(t, c)
		}},
		{rangeSection, "a malformed range is ignored or refused", func(t *testing.T, r *registry) {
			repo, c := r.repository(t), content(100)
			path := blobPath(repo, r.pushBlob(t, repo, c))
			for _, value := range []string{"bytes=", "bytes=a-b", "bytes=9-3", "bytes", "0-9", "lines=1-2", "bytes=--1",
				"bytes=99999999999999999999-", "bytes=0-99999999999999999999"} {
				a := r.do(t, http.MethodGet, path, header("Range", value))
				if a.want(t, 200, 206, 400, 416).status == http.StatusOK {
					a.wantBody(t, c)
				}
			}
		}},
	}
	return append(cases, singleRanges()...)
}

// singleRanges are ranges of a blob of 1000 bytes. to < 0: not satisfiable.
func singleRanges() []testCase {
	var cases []testCase
	for _, c := range []struct {
		name, value string
		from, to    int
	}{
		{"the first bytes", "bytes=0-9", 0, 9},
		{"one byte", "bytes=0-0", 0, 0},
		{"the middle", "bytes=100-299", 100, 299},
		{"the last byte", "bytes=999-999", 999, 999},
		{"an open end", "bytes=990-", 990, 999},
		{"from the start with an open end", "bytes=0-", 0, 999},
		{"a suffix", "bytes=-5", 995, 999},
		{"a suffix longer than the blob", "bytes=-5000", 0, 999},
		{"an end behind the blob", "bytes=900-5000", 900, 999},
		{"a start at the end", "bytes=1000-", 0, -1},
		{"a start behind the blob", "bytes=5000-6000", 0, -1},
		{"a suffix of nothing", "bytes=-0", 0, -1},
	} {
		cases = append(cases, testCase{rangeSection, c.name, func(t *testing.T, r *registry) {
			repo, blob := r.repository(t), content(1000)
			a := r.do(t, http.MethodGet, blobPath(repo, r.pushBlob(t, repo, blob)), header("Range", c.value))
			if c.to < 0 {
				a.want(t, http.StatusRequestedRangeNotSatisfiable).wantHeader(t, "Content-Range", "bytes */1000")
				return
			}
			a.want(t, http.StatusPartialContent).wantBody(t, blob[c.from:c.to+1]).
				wantHeader(t, "Content-Range", fmt.Sprintf("bytes %d-%d/1000", c.from, c.to)).
				wantHeader(t, "Content-Length", fmt.Sprint(c.to+1-c.from))
		}})
	}
	return cases
}

func severalRanges(t *testing.T, r *registry) {
	repo, blob := r.repository(t), content(1000)
	a := r.do(t, http.MethodGet, blobPath(repo, r.pushBlob(t, repo, blob)), header("Range", "bytes=0-9,20-29,-3"))
	if a.want(t, http.StatusOK, http.StatusPartialContent).status == http.StatusOK {
		a.wantBody(t, blob)
		return
	}
	kind, parameters, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("%s: Content-Type %q of several ranges", a.request, a.header.Get("Content-Type"))
	}
	parts := multipart.NewReader(bytes.NewReader(a.body), parameters["boundary"])
	for _, want := range [][]byte{blob[:10], blob[20:30], blob[997:]} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(part); err != nil || !bytes.Equal(got, want) {
			t.Errorf("part %s differs (%v)", part.Header.Get("Content-Range"), err)
		}
	}
}

package oci

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
)

func TestPathsAreReadFromTheRight(t *testing.T) {
	for path, want := range map[string]target{
		"/v2/":                                           {kind: kindBase},
		"/v2":                                            {kind: kindBase},
		"/v2/_catalog":                                   {kind: kindCatalog},
		"/v2/ab/manifests/latest":                        {kind: kindManifest, name: "ab", ref: "latest"},
		"/v2/a/b/c/manifests/sha256:0":                   {kind: kindManifest, name: "a/b/c", ref: "sha256:0"},
		"/v2/a/b/blobs/sha256:0":                         {kind: kindBlob, name: "a/b", ref: "sha256:0"},
		"/v2/a/b/blobs/sha256%3A0":                       {kind: kindBlob, name: "a/b", ref: "sha256:0"},
		"/v2/a/b/blobs/uploads/":                         {kind: kindUploads, name: "a/b"},
		"/v2/a/b/blobs/uploads":                          {kind: kindUploads, name: "a/b"},
		"/v2/a/b/blobs/uploads/id":                       {kind: kindUpload, name: "a/b", ref: "id"},
		"/v2/a/b/tags/list":                              {kind: kindTags, name: "a/b"},
		"/v2/a/b/referrers/sha256:0":                     {kind: kindReferrers, name: "a/b", ref: "sha256:0"},
		"/v2/a/manifests/manifests/manifests":            {kind: kindManifest, name: "a/manifests", ref: "manifests"},
		"/v2/a/tags/list/tags/list":                      {kind: kindTags, name: "a/tags/list"},
		"/v2/a/blobs/uploads/x/blobs/uploads/y":          {kind: kindUpload, name: "a/blobs/uploads/x", ref: "y"},
		"/v2/a/blobs/uploads/manifests/latest":           {kind: kindManifest, name: "a/blobs/uploads", ref: "latest"},
		"/v2/a/tags/blobs/uploads/list":                  {kind: kindUpload, name: "a/tags", ref: "list"},
		"/v2/Upper/manifests/latest":                     {kind: kindManifest, name: "Upper", ref: "latest", badName: true},
		"/v2/a/../b/manifests/latest":                    {kind: kindManifest, name: "a/../b", ref: "latest", badName: true},
		"/v2/a/%2e%2e/b/manifests/latest":                {kind: kindManifest, name: "a/../b", ref: "latest", badName: true},
		"/v2/a%2fb/manifests/latest":                     {kind: kindManifest, name: "a/b", ref: "latest", badName: true},
		"/v2/ab/manifests/x%2Fmanifests%2Fy":             {kind: kindManifest, name: "ab/manifests/x", ref: "y", badName: true},
		"/v2//ab/manifests/latest":                       {kind: kindManifest, name: "/ab", ref: "latest", badName: true},
		"/v2/manifests/latest":                           {kind: kindManifest, ref: "latest", badName: true},
		"/v2/a//b/tags/list":                             {kind: kindTags, name: "a//b", badName: true},
		"/v2/ab":                                         {},
		"/v2/ab/":                                        {},
		"/v2/ab/manifests":                               {},
		"/v2/ab/manifests/":                              {},
		"/v2/ab/manifests/a/b":                           {},
		"/v2/ab/tags":                                    {},
		"/v2/ab/tags/other":                              {},
		"/v2/ab/uploads/id":                              {},
		"/v2/_catalog/":                                  {},
		"/v1/ab/manifests/latest":                        {},
		"/":                                              {},
		"/v2/" + strings.Repeat("a", 256) + "/tags/list": {kind: kindTags, name: strings.Repeat("a", 256)},
		"/v2/" + strings.Repeat("a", 257) + "/tags/list": {kind: kindTags, name: strings.Repeat("a", 257), badName: true},
	} {
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsePath(u); got != want {
			t.Errorf("%s is %+v, want %+v", path, got, want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"/v2/", "/v2/a/b/manifests/latest", "/v2/a/blobs/uploads/x", "/v2/a%2fb/tags/list",
		"/v2/a/../b/referrers/x", "/v2/_catalog", "/layers/000000000000/a/b/sha256:0", "//", "/v2/%00/tags/list"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		for _, got := range []target{parsePath(u), parseLayerPath(u)} {
			if got.badName || got.name == "" {
				continue
			}
			if !registry.ValidRepositoryName(got.name) || strings.Contains(got.name, "..") || strings.Contains(got.ref, "/") {
				t.Errorf("%q is %+v", path, got)
			}
			if !strings.Contains(u.Path, got.name) || !strings.HasSuffix(u.Path, got.ref) {
				t.Errorf("%q is %+v, which is not in it", path, got)
			}
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-9", "bytes=-5", "bytes=5-", "bytes=9-3", "bytes=", "bytes=--1", "x=1-2", "bytes=0-1,3-4", "bytes=0-99999999999999999999"} {
		f.Add(s, int64(1000))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 || size == math.MaxInt64 {
			return
		}
		part, partial, satisfiable := parseRange(header, size)
		if partial && (!satisfiable || part.start < 0 || part.length <= 0 || part.start > size-part.length) {
			t.Errorf("%q of %d bytes gives %+v", header, size, part)
		}
		if !partial && part != (span{0, size}) {
			t.Errorf("%q of %d bytes gives %+v", header, size, part)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"0-9", "bytes 0-9/10", "bytes 0-9/*", "5-2", "-5", "0-", "0-9223372036854775807", "0-99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		part, ok := parseContentRange(header)
		if ok && (part.start < 0 || part.length <= 0 || part.start+part.length < part.start) {
			t.Errorf("%q gives %+v", header, part)
		}
	})
}

func FuzzPage(f *testing.F) {
	for _, s := range []string{"", "n=5", "n=-1", "n=0&last=x", "last=%00", "n=99999999999999999999", "n=5;last=x", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		p, _, err := parsePage(&url.URL{RawQuery: query}, maxPage)
		if err == nil && (p.size < 0 || p.size > maxPage || !storable(p.last)) {
			t.Errorf("%q gives %+v", query, p)
		}
	})
}

package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const tagSection = "Listing tags"

func tagCases() []testCase {
	return []testCase{
		{tagSection, "the list has the name and the tags in lexical order", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "c", "a", "b2", "b10", "0")
			a := r.do(t, http.MethodGet, tagsPath(repo)).want(t, http.StatusOK)
			tags, _ := r.tags(t, tagsPath(repo))
			wantTags(t, tags, "0", "a", "b10", "b2", "c")
			var document struct{ Name string }
			if err := json.Unmarshal(a.body, &document); err != nil || document.Name != repo {
				t.Errorf("%s: name is %q, want %q (%v)", a, document.Name, repo, err)
			}
		}},
		{tagSection, "a repository without tags has an empty list", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.pushUntagged(t, repo)
			a := r.do(t, http.MethodGet, tagsPath(repo)).want(t, http.StatusOK)
			if !strings.Contains(strings.ReplaceAll(string(a.body), " ", ""), `"tags":[]`) {
				t.Errorf("%s; want an empty list, not null", a)
			}
		}},
		{tagSection, "an unknown repository answers 404", func(t *testing.T, r *registry) {
			r.do(t, http.MethodGet, tagsPath(r.prefix+"/never-created")).want(t, http.StatusNotFound).
				wantError(t, "NAME_UNKNOWN", "NOT_FOUND")
		}},
		{tagSection, "n limits the page and Link leads to the rest", pagesOfTags},
		{tagSection, "n of zero gives an empty list without Link", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a", "b")
			tags, next := r.tags(t, tagsPath(repo)+"?n=0")
			wantTags(t, tags)
			if next != "" {
				t.Errorf("Link to %s", next)
			}
		}},
		{tagSection, "n above the number of tags gives all without Link", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a", "b")
			tags, next := r.tags(t, tagsPath(repo)+"?n=10")
			wantTags(t, tags, "a", "b")
			if next != "" {
				t.Errorf("Link to %s", next)
			}
		}},
		{tagSection, "a page that ends the list leads nowhere else", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a", "b")
			tags, next := r.tags(t, tagsPath(repo)+"?n=2")
			wantTags(t, tags, "a", "b")
			if next != "" {
				rest, _ := r.tags(t, next)
				wantTags(t, rest)
			}
		}},
		{tagSection, "last gives what follows it", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a", "b", "c", "d")
			for query, want := range map[string][]string{
				"?last=b": {"c", "d"}, "?n=1&last=b": {"c"}, "?last=d": {}, "?n=10&last=a": {"b", "c", "d"}, "?last=": {"a", "b", "c", "d"},
			} {
				tags, _ := r.tags(t, tagsPath(repo)+query)
				wantTags(t, tags, want...)
			}
		}},
		{tagSection, "last need not be a tag", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a", "c")
			for query, want := range map[string][]string{"?last=b": {"c"}, "?last=0": {"a", "c"}, "?n=5&last=zzz": {}} {
				tags, _ := r.tags(t, tagsPath(repo)+query)
				wantTags(t, tags, want...)
			}
		}},
		{tagSection, "an n that is no number is refused or ignored", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a")
			for _, n := range []string{"x", "-1", "1.5", "99999999999999999999", ""} {
				r.do(t, http.MethodGet, tagsPath(repo)+"?n="+n).want(t, 200, 400)
			}
		}},
		{tagSection, "all of many tags are reached through Link", manyTags},
		{tagSection, "a deleted tag is not listed", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			r.tagAll(t, repo, "a", "b", "c")
			r.do(t, http.MethodDelete, manifestPath(repo, "b")).want(t, http.StatusAccepted)
			tags, _ := r.tags(t, tagsPath(repo))
			wantTags(t, tags, "a", "c")
		}},
		{tagSection, "digests and referrers are not listed", func(t *testing.T, r *registry) {
			repo := r.repository(t)
			d := r.pushImage(t, repo, "only")
			r.push(t, repo, d.digest, d)
			a := r.artifact(t, repo, "application/vnd.example.sbom", d.descriptor())
			r.push(t, repo, a.digest, a)
			tags, _ := r.tags(t, tagsPath(repo))
			wantTags(t, tags, "only")
		}},
	}
}

// tagAll pushes one image with all tags.
func (r *registry) tagAll(t *testing.T, repo string, tags ...string) document {
	t.Helper()
	d := r.image(t, repo)
	for _, tag := range tags {
		r.push(t, repo, tag, d)
	}
	return d
}

// tags returns a page of tags and the URL of the next.
func (r *registry) tags(t *testing.T, target string) (tags []string, next string) {
	t.Helper()
	a := r.do(t, http.MethodGet, target).want(t, http.StatusOK)
	var document struct{ Tags []string }
	if err := json.Unmarshal(a.body, &document); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	return document.Tags, a.next(t)
}

var linkNext = regexp.MustCompile(`^<([^>]*)>\s*;\s*rel="?next"?`)

// next returns the URL that a Link header names as the next page.
func (a *answer) next(t *testing.T) string {
	t.Helper()
	value := a.header.Get("Link")
	if value == "" {
		return ""
	}
	match := linkNext.FindStringSubmatch(value)
	if match == nil {
		t.Fatalf("%s: Link is %q", a.request, value)
	}
	_, target, _ := strings.Cut(a.request, " ")
	base, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := base.Parse(match[1])
	if err != nil {
		t.Fatalf("Link %q: %v", value, err)
	}
	return ref.String()
}

func wantTags(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("tags are %q, want %q", got, want)
	}
}

func pagesOfTags(t *testing.T, r *registry) {
	repo := r.repository(t)
	all := []string{"a", "b", "c", "d", "e"}
	r.tagAll(t, repo, all...)
	first, next := r.tags(t, tagsPath(repo)+"?n=2")
	wantTags(t, first, "a", "b")
	if next == "" {
		t.Fatal("no Link, though there are more tags")
	}
	seen := first
	for pages := 0; next != "" && pages < 10; pages++ {
		var page []string
		page, next = r.tags(t, next)
		if len(page) > 2 {
			t.Errorf("a page of %d tags, want at most 2", len(page))
		}
		seen = append(seen, page...)
	}
	wantTags(t, seen, all...)
}

func manyTags(t *testing.T, r *registry) {
	repo := r.repository(t)
	var all []string
	for i := range 250 {
		all = append(all, fmt.Sprintf("v%03d", i))
	}
	r.tagAll(t, repo, all...)
	for _, query := range []string{"", "?n=7", "?n=" + strconv.Itoa(1000)} {
		var seen []string
		for next, pages := tagsPath(repo)+query, 0; next != "" && pages < 300; pages++ {
			var page []string
			page, next = r.tags(t, next)
			seen = append(seen, page...)
		}
		if !slices.Equal(seen, all) {
			t.Errorf("%q: %d tags seen, want all %d in order", query, len(seen), len(all))
		}
	}
}

package advisorytest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// changes answers "ecosystem/package" of what changed after a Seq, in order,
// read in pages, and the last Seq.
func changes(t *testing.T, s advisory.Store, after int64, page int) ([]string, int64) {
	t.Helper()
	var names []string
	for {
		part, err := s.Changes(t.Context(), after, page)
		if err != nil {
			t.Fatalf("Changes: %v", err)
		}
		for _, c := range part {
			if c.Seq <= after {
				t.Fatalf("Seq %d after %d", c.Seq, after)
			}
			after = c.Seq
			names = append(names, c.Ecosystem+"/"+c.Package)
		}
		if len(part) < page {
			return names, after
		}
	}
}

// wantChanges compares what changed after a Seq and answers the last.
func wantChanges(t *testing.T, s advisory.Store, after int64, want ...string) int64 {
	t.Helper()
	got, last := changes(t, s, after, 2)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("changes (-want +got):\n%s", diff)
	}
	return last
}

func firstChanges(t *testing.T, s advisory.Store) {
	wantChanges(t, s, 0)
	load(t, s, "Go", entry("b", "1"), entry("a", "1"), entry("a", "2"), entry(advisory.Contents, "Go"))
	wantChanges(t, s, 0, "Go/", "Go/a", "Go/b")
}

func exactChanges(t *testing.T, s advisory.Store) {
	load(t, s, "Go", entry("added", "1"), entry("gone", "1"), entry("less", "1"), entry("less", "2"),
		saying("other", "1", "x"), entry("redated", "1"), entry("same", "1"))
	last := wantChanges(t, s, 0, "Go/added", "Go/gone", "Go/less", "Go/other", "Go/redated", "Go/same")
	redated := entry("redated", "1")
	redated.Modified, redated.Data = base.Add(time.Hour), []byte("another spelling")
	load(t, s, "Go", entry("added", "1"), entry("added", "2"), entry("less", "1"), entry("new", "1"),
		saying("other", "1", "y"), redated, entry("same", "1"))
	last = wantChanges(t, s, last, "Go/added", "Go/gone", "Go/less", "Go/new", "Go/other")
	load(t, s, "Go")
	last = wantChanges(t, s, last, "Go/added", "Go/less", "Go/new", "Go/other", "Go/redated", "Go/same")
	load(t, s, "Go")
	wantChanges(t, s, last)
}

func changesOfCommitted(t *testing.T, s advisory.Store) {
	imp := begin(t, s, "Go")
	if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "1")}); err != nil {
		t.Fatal(err)
	}
	wantChanges(t, s, 0)
	if err := imp.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	older := begin(t, s, "Go")
	if err := older.Add(t.Context(), []advisory.Entry{entry("b", "1")}); err != nil {
		t.Fatal(err)
	}
	newer := begin(t, s, "Go")
	if err := older.Commit(t.Context(), advisory.Source{}); !errors.Is(err, advisory.ErrSuperseded) {
		t.Fatalf("Commit of the older: %v", err)
	}
	wantChanges(t, s, 0)
	commit(t, newer, advisory.Source{})
	wantChanges(t, s, 0)
}

// changesOrdered: who has read up to a Seq misses nothing of an import that
// began earlier and is committed later.
func changesOrdered(t *testing.T, s advisory.Store) {
	first := begin(t, s, "Go")
	if err := first.Add(t.Context(), []advisory.Entry{entry("a", "1")}); err != nil {
		t.Fatal(err)
	}
	load(t, s, "npm", entry("b", "1"))
	last := wantChanges(t, s, 0, "npm/b")
	commit(t, first, advisory.Source{})
	wantChanges(t, s, last, "Go/a")
	wantChanges(t, s, 0, "npm/b", "Go/a")
}

func changesDropped(t *testing.T, s advisory.Store) {
	drop := func(upTo int64) {
		t.Helper()
		if err := s.DropChanges(t.Context(), upTo); err != nil {
			t.Fatal(err)
		}
	}
	drop(100)
	load(t, s, "Go", entry("a", "1"), entry("b", "1"), entry("c", "1"))
	load(t, s, "npm", entry("d", "1"))
	all, err := s.Changes(t.Context(), 0, 10)
	if err != nil || len(all) != 4 {
		t.Fatal(all, err)
	}
	drop(all[1].Seq)
	wantChanges(t, s, 0, "Go/c", "npm/d")
	drop(all[1].Seq)
	load(t, s, "Go", entry("a", "1")) // the entries of before are gone; what was told of them is not
	wantChanges(t, s, 0, "Go/c", "npm/d", "Go/b", "Go/c")
	drop(all[3].Seq)
	last := wantChanges(t, s, 0, "Go/b", "Go/c")
	drop(last)
	wantChanges(t, s, 0)
	load(t, s, "Go", entry("e", "1"))
	if again, err := s.Changes(t.Context(), last, 10); err != nil || len(again) != 2 || again[0].Seq <= last {
		t.Fatalf("numbers came again: %+v, %v", again, err)
	}
}

func manyChanges(t *testing.T, s advisory.Store) {
	const n = 5300
	add := func(text string) {
		t.Helper()
		imp := begin(t, s, "Go")
		for from := 0; from < n; from += 500 {
			var batch []advisory.Entry
			for i := from; i < min(from+500, n); i++ {
				e := entry(fmt.Sprintf("p%05d", i), "1")
				if i%3 == 0 {
					copy(e.Content[:], text)
				}
				batch = append(batch, e)
			}
			if err := imp.Add(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		commit(t, imp, advisory.Source{})
	}
	add("x")
	got, last := changes(t, s, 0, 1000)
	if len(got) != n {
		t.Fatalf("%d changes of %d packages", len(got), n)
	}
	add("y")
	got, last = changes(t, s, last, 1000)
	if len(got) != (n+2)/3 || got[1] != "Go/p00003" {
		t.Fatalf("%d changes, the second is %s", len(got), got[1])
	}
	if err := s.DropChanges(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	wantChanges(t, s, 0)
}

func pages(t *testing.T, s advisory.Store) {
	if _, err := s.Page(t.Context(), "Go", 0, advisory.Key{}, 10); !errors.Is(err, advisory.ErrReplaced) {
		t.Fatalf("of what was never loaded: %v", err)
	}
	load(t, s, "Go", entry("b", "1"), entry("a", "2"), entry("a", "1"), entry(advisory.Contents, "Go"))
	generation := source(t, s, "Go").Generation
	var got []string
	for after := (advisory.Key{}); ; {
		part, err := s.Page(t.Context(), "Go", generation, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		for _, e := range part {
			if e.Modified != base || len(e.Data) == 0 {
				t.Errorf("%+v", e)
			}
			got, after = append(got, e.Package+"/"+e.ID), advisory.Key{Package: e.Package, ID: e.ID}
		}
	}
	if diff := cmp.Diff([]string{"/Go", "a/1", "a/2", "b/1"}, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	load(t, s, "Go")
	if _, err := s.Page(t.Context(), "Go", generation, advisory.Key{}, 10); !errors.Is(err, advisory.ErrReplaced) {
		t.Fatalf("of a generation that was replaced: %v", err)
	}
	if part, err := s.Page(t.Context(), "Go", source(t, s, "Go").Generation, advisory.Key{}, 10); err != nil || len(part) != 0 {
		t.Fatalf("of an empty one: %v, %v", part, err)
	}
}

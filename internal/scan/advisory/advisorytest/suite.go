// Package advisorytest says in code what every advisory.Store promises. Adapters
// run it in their tests. It also holds a small store in memory, for the tests
// of packages that need some store. Nothing but tests may import it.
package advisorytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Run checks a store. open gives an empty one each time it is called and cleans
// up with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) advisory.Store) {
	cases := []struct {
		name string
		run  func(t *testing.T, s advisory.Store)
	}{
		{"an empty store answers nothing", emptyStore},
		{"nothing is visible before commit", invisibleBeforeCommit},
		{"commit replaces everything of the ecosystem", commitReplaces},
		{"commit leaves other ecosystems alone", commitLeavesOthers},
		{"generations differ and never repeat", generationsDiffer},
		{"abort leaves the old entries", abortKeepsOld},
		{"a finished import refuses to go on", finishedImport},
		{"a newer import supersedes an older one", newerSupersedes},
		{"an import of nothing empties the ecosystem", emptyImport},
		{"the last of equal entries wins", lastWins},
		{"entries come back as they went in", roundTrip},
		{"entries are ordered by package and id", ordered},
		{"names are compared byte for byte", exactNames},
		{"the empty name is a name like any other", contents},
		{"a long list of packages is answered whole", manyPackages},
		{"the source is kept as committed", sourceKept},
		{"an attempt changes nothing but the attempt", attemptOnly},
		{"an attempt on an unknown ecosystem is listed", attemptUnknown},
		{"sources are ordered by ecosystem", sourcesOrdered},
		{"an answer is of one generation", oneGeneration},
		{"imports of different ecosystems run side by side", sideBySide},
		{"a cancelled context is an error", cancelled},
		{"a first import changes every package", firstChanges},
		{"only packages that say something else are changes", exactChanges},
		{"changes of what is not committed are not there", changesOfCommitted},
		{"changes are in order of their commits", changesOrdered},
		{"changes stay until they are dropped", changesDropped},
		{"many changes come page by page", manyChanges},
		{"a page is of one generation", pages},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// base is a moment that every database can keep.
var base = time.Date(2026, 11, 3, 4, 5, 6, 789e6, time.UTC)

func entry(pkg, id string) advisory.Entry {
	return saying(pkg, id, id)
}

// saying is an entry whose content is some text.
func saying(pkg, id, text string) advisory.Entry {
	e := advisory.Entry{Package: pkg, ID: id, Modified: base, Data: []byte(`{"id":"` + text + `"}`)}
	copy(e.Content[:], text)
	return e
}

func load(t *testing.T, s advisory.Store, ecosystem string, entries ...advisory.Entry) {
	t.Helper()
	imp := begin(t, s, ecosystem)
	if err := imp.Add(t.Context(), entries); err != nil {
		t.Fatalf("Add: %v", err)
	}
	commit(t, imp, advisory.Source{Location: "test"})
}

func begin(t *testing.T, s advisory.Store, ecosystem string) advisory.Import {
	t.Helper()
	imp, err := s.BeginImport(t.Context(), ecosystem)
	if err != nil {
		t.Fatalf("BeginImport(%q): %v", ecosystem, err)
	}
	return imp
}

func commit(t *testing.T, imp advisory.Import, src advisory.Source) {
	t.Helper()
	if err := imp.Commit(t.Context(), src); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func get(t *testing.T, s advisory.Store, ecosystem string, packages ...string) advisory.Batch {
	t.Helper()
	b, err := s.Advisories(t.Context(), ecosystem, packages)
	if err != nil {
		t.Fatalf("Advisories(%q, %q): %v", ecosystem, packages, err)
	}
	return b
}

// wantIDs compares "package/id" of what is visible.
func wantIDs(t *testing.T, s advisory.Store, ecosystem string, packages []string, want ...string) {
	t.Helper()
	got := []string{}
	for _, e := range get(t, s, ecosystem, packages...).Entries {
		got = append(got, e.Package+"/"+e.ID)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("entries of %q (-want +got):\n%s", ecosystem, diff)
	}
}

func source(t *testing.T, s advisory.Store, ecosystem string) advisory.Source {
	t.Helper()
	all, err := s.Sources(t.Context())
	if err != nil {
		t.Fatalf("Sources: %v", err)
	}
	for _, src := range all {
		if src.Ecosystem == ecosystem {
			return src
		}
	}
	return advisory.Source{}
}

func emptyStore(t *testing.T, s advisory.Store) {
	if b := get(t, s, "Debian:12", "openssl"); b.Generation != 0 || len(b.Entries) != 0 {
		t.Fatalf("got %+v, want nothing", b)
	}
	if b := get(t, s, "Debian:12"); len(b.Entries) != 0 {
		t.Fatalf("no packages asked, got %+v", b)
	}
	all, err := s.Sources(t.Context())
	if err != nil || len(all) != 0 {
		t.Fatalf("Sources = %v, %v; want none", all, err)
	}
}

func invisibleBeforeCommit(t *testing.T, s advisory.Store) {
	imp := begin(t, s, "Go")
	if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "1")}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, s, "Go", []string{"a"})
	if source(t, s, "Go").Loaded() {
		t.Fatal("an unfinished import counts as loaded")
	}
	if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "2")}); err != nil {
		t.Fatal(err)
	}
	commit(t, imp, advisory.Source{})
	wantIDs(t, s, "Go", []string{"a"}, "a/1", "a/2")
}

func commitReplaces(t *testing.T, s advisory.Store) {
	load(t, s, "Go", entry("a", "1"), entry("b", "1"))
	load(t, s, "Go", entry("a", "2"))
	wantIDs(t, s, "Go", []string{"a", "b"}, "a/2")
}

func commitLeavesOthers(t *testing.T, s advisory.Store) {
	load(t, s, "Debian", entry("a", "1"))
	load(t, s, "Debian:12", entry("a", "2"))
	load(t, s, "Debian", entry("a", "3"))
	wantIDs(t, s, "Debian:12", []string{"a"}, "a/2")
	wantIDs(t, s, "Debian", []string{"a"}, "a/3")
}

func generationsDiffer(t *testing.T, s advisory.Store) {
	seen := map[int64]bool{}
	for i := range 4 {
		imp := begin(t, s, "Go")
		if i%2 == 1 { // an aborted import in between must not bring one back
			if err := imp.Abort(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "1")}); err != nil {
			t.Fatal(err)
		}
		commit(t, imp, advisory.Source{})
		g := get(t, s, "Go", "a").Generation
		if g == 0 || seen[g] || source(t, s, "Go").Generation != g {
			t.Fatalf("generation %d after %v, source says %d", g, seen, source(t, s, "Go").Generation)
		}
		seen[g] = true
	}
}

func abortKeepsOld(t *testing.T, s advisory.Store) {
	load(t, s, "Go", entry("a", "1"))
	before := source(t, s, "Go")
	imp := begin(t, s, "Go")
	if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "2")}); err != nil {
		t.Fatal(err)
	}
	if err := imp.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, s, "Go", []string{"a"}, "a/1")
	if after := source(t, s, "Go"); after != before {
		t.Fatalf("source changed: %+v → %+v", before, after)
	}
}

func finishedImport(t *testing.T, s advisory.Store) {
	imp := begin(t, s, "Go")
	commit(t, imp, advisory.Source{})
	if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "1")}); !errors.Is(err, advisory.ErrImportClosed) {
		t.Errorf("Add after Commit: %v, want ErrImportClosed", err)
	}
	if err := imp.Commit(t.Context(), advisory.Source{}); !errors.Is(err, advisory.ErrImportClosed) {
		t.Errorf("second Commit: %v, want ErrImportClosed", err)
	}
	if err := imp.Abort(t.Context()); err != nil {
		t.Errorf("Abort after Commit: %v, want nil", err)
	}
	imp = begin(t, s, "Go")
	for range 2 {
		if err := imp.Abort(t.Context()); err != nil {
			t.Errorf("Abort: %v", err)
		}
	}
	if err := imp.Commit(t.Context(), advisory.Source{}); !errors.Is(err, advisory.ErrImportClosed) {
		t.Errorf("Commit after Abort: %v, want ErrImportClosed", err)
	}
}

func newerSupersedes(t *testing.T, s advisory.Store) {
	older := begin(t, s, "Go")
	if err := older.Add(t.Context(), []advisory.Entry{entry("a", "old")}); err != nil {
		t.Fatal(err)
	}
	newer := begin(t, s, "Go")
	if err := older.Add(t.Context(), []advisory.Entry{entry("b", "old")}); !errors.Is(err, advisory.ErrSuperseded) {
		t.Errorf("Add of the older: %v, want ErrSuperseded", err)
	}
	if err := older.Commit(t.Context(), advisory.Source{}); !errors.Is(err, advisory.ErrSuperseded) {
		t.Errorf("Commit of the older: %v, want ErrSuperseded", err)
	}
	if err := older.Abort(t.Context()); err != nil {
		t.Errorf("Abort of the older: %v", err)
	}
	if err := newer.Add(t.Context(), []advisory.Entry{entry("a", "new")}); err != nil {
		t.Fatal(err)
	}
	commit(t, newer, advisory.Source{})
	wantIDs(t, s, "Go", []string{"a", "b"}, "a/new")
}

func emptyImport(t *testing.T, s advisory.Store) {
	load(t, s, "Go", entry("a", "1"))
	imp := begin(t, s, "Go")
	if err := imp.Add(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	commit(t, imp, advisory.Source{})
	wantIDs(t, s, "Go", []string{"a"})
	if b := get(t, s, "Go", "a"); b.Generation == 0 {
		t.Fatal("an empty but loaded ecosystem has a generation")
	}
}

func lastWins(t *testing.T, s advisory.Store) {
	imp := begin(t, s, "Go")
	second, third := entry("a", "1"), entry("a", "1")
	second.Data, third.Data = []byte("second"), []byte("third")
	for _, batch := range [][]advisory.Entry{{entry("a", "1"), second}, {third}} {
		if err := imp.Add(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, imp, advisory.Source{})
	if b := get(t, s, "Go", "a"); len(b.Entries) != 1 || string(b.Entries[0].Data) != "third" {
		t.Fatalf("got %+v", b.Entries)
	}
}

func roundTrip(t *testing.T, s advisory.Store) {
	odd := []advisory.Entry{
		{Package: "@scope/näme 'quoted\" %_", ID: "RHSA-2024:6202", Modified: base, Data: []byte{0, 1, 0xff, '\'', '"'}},
		{Package: "b", ID: "x", Data: []byte("no date")},
		{Package: "c", ID: "y", Modified: base, Data: make([]byte, 1<<20)},
	}
	load(t, s, "Red Hat:enterprise_linux:9::baseos", odd...)
	got := get(t, s, "Red Hat:enterprise_linux:9::baseos", "c", "b", odd[0].Package)
	if diff := cmp.Diff(odd, got.Entries, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Fatalf("(-want +got):\n%.2000s", diff)
	}
}

func ordered(t *testing.T, s advisory.Store) {
	load(t, s, "Go", entry("b", "2"), entry("a", "3"), entry("b", "1"), entry("a", "10"), entry("B", "1"))
	wantIDs(t, s, "Go", []string{"b", "a", "B", "b"}, "B/1", "a/10", "a/3", "b/1", "b/2")
}

func exactNames(t *testing.T, s advisory.Store) {
	load(t, s, "PyPI", entry("Pillow", "1"), entry("pillow", "2"), entry("pillow ", "3"))
	wantIDs(t, s, "PyPI", []string{"Pillow"}, "Pillow/1")
	wantIDs(t, s, "PyPI", []string{"PILLOW", "pillo_", "pill%"})
	wantIDs(t, s, "pypi", []string{"Pillow"})
}

func contents(t *testing.T, s advisory.Store) {
	load(t, s, "Debian", entry(advisory.Contents, "Debian:12"), entry(advisory.Contents, "Debian:11"), entry("a", "1"))
	wantIDs(t, s, "Debian", []string{"a", advisory.Contents}, "/Debian:11", "/Debian:12", "a/1")
}

func manyPackages(t *testing.T, s advisory.Store) {
	const n = 3000
	var entries []advisory.Entry
	var names, want []string
	for i := range n {
		name := fmt.Sprintf("p%05d", i)
		names = append(names, name, "absent-"+name)
		entries = append(entries, entry(name, "1"))
		want = append(want, name+"/1")
	}
	imp := begin(t, s, "Go")
	for len(entries) > 0 {
		k := min(500, len(entries))
		if err := imp.Add(t.Context(), entries[:k]); err != nil {
			t.Fatal(err)
		}
		entries = entries[k:]
	}
	commit(t, imp, advisory.Source{})
	wantIDs(t, s, "Go", names, want...)
}

func fullSource() advisory.Source {
	return advisory.Source{
		Location: "https://example.test/Go/all.zip", ETag: `W/"abc"`, LastModified: "Tue, 03 Nov 2026 04:05:06 GMT",
		Digest: "sha256:00", Size: 1 << 40, FetchedAt: base, NewestModified: base.Add(-time.Hour),
		Records: 7, Entries: 9, LastAttempt: base.Add(time.Second), LastError: "",
	}
}

func sourceKept(t *testing.T, s advisory.Store) {
	imp := begin(t, s, "Go")
	src := fullSource()
	src.Ecosystem, src.Generation = "something else", 99999
	commit(t, imp, src)
	want := fullSource()
	want.Ecosystem = "Go"
	got := source(t, s, "Go")
	want.Generation = got.Generation
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func attemptOnly(t *testing.T, s advisory.Store) {
	imp := begin(t, s, "Go")
	if err := imp.Add(t.Context(), []advisory.Entry{entry("a", "1")}); err != nil {
		t.Fatal(err)
	}
	commit(t, imp, fullSource())
	want := source(t, s, "Go")
	for _, problem := range []string{"connection refused", ""} {
		want.LastAttempt, want.LastError = want.LastAttempt.Add(time.Minute), problem
		if err := s.RecordAttempt(t.Context(), "Go", want.LastAttempt, problem); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, source(t, s, "Go")); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	wantIDs(t, s, "Go", []string{"a"}, "a/1")
}

func attemptUnknown(t *testing.T, s advisory.Store) {
	if err := s.RecordAttempt(t.Context(), "Nowhere", base, "404"); err != nil {
		t.Fatal(err)
	}
	want := advisory.Source{Ecosystem: "Nowhere", LastAttempt: base, LastError: "404"}
	if diff := cmp.Diff(want, source(t, s, "Nowhere")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	load(t, s, "Nowhere", entry("a", "1"))
	if got := source(t, s, "Nowhere"); !got.Loaded() || got.LastError != "" {
		t.Fatalf("after an import: %+v", got)
	}
}

func sourcesOrdered(t *testing.T, s advisory.Store) {
	for _, e := range []string{"npm", "Go", "Alpine:v3.20", "Alpine"} {
		load(t, s, e, entry("a", "1"))
	}
	all, err := s.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, src := range all {
		got = append(got, src.Ecosystem)
	}
	if diff := cmp.Diff([]string{"Alpine", "Alpine:v3.20", "Go", "npm"}, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// oneGeneration reads while imports replace each other: every answer holds the
// entries of exactly one import.
func oneGeneration(t *testing.T, s advisory.Store) {
	load(t, s, "Go", entry("a", "0"), entry("b", "0"))
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				b, err := s.Advisories(t.Context(), "Go", []string{"a", "b"})
				if err != nil || len(b.Entries) != 2 || b.Entries[0].ID != b.Entries[1].ID {
					t.Errorf("mixed answer: %+v, %v", b, err)
					return
				}
			}
		})
	}
	for i := 1; i <= 20; i++ {
		id := fmt.Sprint(i)
		load(t, s, "Go", entry("a", id), entry("b", id))
	}
	stop()
	readers.Wait()
}

func sideBySide(t *testing.T, s advisory.Store) {
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			ctx, ecosystem := t.Context(), fmt.Sprintf("E%d", i)
			imp, err := s.BeginImport(ctx, ecosystem)
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 5 {
				if err := imp.Add(ctx, []advisory.Entry{entry("a", fmt.Sprint(j))}); err != nil {
					t.Error(err)
				}
			}
			if err := imp.Commit(ctx, advisory.Source{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 4 {
		wantIDs(t, s, fmt.Sprintf("E%d", i), []string{"a"}, "a/0", "a/1", "a/2", "a/3", "a/4")
	}
}

func cancelled(t *testing.T, s advisory.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Advisories(ctx, "Go", []string{"a"}); err == nil {
		t.Error("Advisories on a cancelled context answers no error")
	}
	if _, err := s.BeginImport(ctx, "Go"); err == nil {
		t.Error("BeginImport on a cancelled context answers no error")
	}
	if err := s.RecordAttempt(ctx, "Go", base, ""); err == nil {
		t.Error("RecordAttempt on a cancelled context answers no error")
	}
}

package metatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func recordCases() []testCase {
	return []testCase{
		{"are found by account, kind and name", recordLife},
		{"are listed in order of name", recordList},
		{"names are taken once", recordTaken},
		{"there are no more than allowed", recordLimit},
		{"a refused update changes nothing", recordRefusedUpdate},
		{"only the body changes", recordFixed},
		{"what is gone is not found", recordGone},
		{"names are values", recordHostile},
		{"many that create at the limit", recordLimitRace},
		{"one of many records of a name wins", recordNameRace},
		{"updates do not overwrite each other", recordUpdateRace},
		{"a refused deletion changes nothing", recordRefusedDeletion},
		{"what is deleted on a condition meets it", recordDeletionRace},
	}
}

func record(kind meta.RecordKind, name, body string) meta.Record {
	return meta.Record{Account: account, Kind: kind, Name: name, Body: []byte(body), CreatedAt: base, UpdatedAt: base}
}

// wantIs compares errors that have no code.
func wantIs(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func recordLife(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ask := func(account string, kind meta.RecordKind, name string) string {
		t.Helper()
		r, err := s.Record(ctx, account, kind, name)
		if err == meta.ErrNoRecord {
			return "none"
		}
		must(t, err)
		return string(r.Body)
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	want("before", ask(account, meta.UserRecord, "ann"), "none")
	ann := record(meta.UserRecord, "ann", "{}\x00\xff")
	must(t, s.CreateRecord(ctx, ann, 0))
	wantSame(t, "created", ann, value(s.Record(ctx, account, meta.UserRecord, "ann"))(t))
	want("another kind", ask(account, meta.RoleRecord, "ann"), "none")
	want("another account", ask("111111111111", meta.UserRecord, "ann"), "none")
	want("another case", ask(account, meta.UserRecord, "Ann"), "none")
	must(t, s.CreateRecord(ctx, record(meta.RoleRecord, "ann", ""), 0))
	want("empty body", ask(account, meta.RoleRecord, "ann"), "")

	later := base.Add(time.Hour)
	changed := value(s.UpdateRecord(ctx, account, meta.UserRecord, "ann", later, func(r *meta.Record) error {
		r.Body = append([]byte("new "), r.Body...)
		return nil
	}))(t)
	ann.Body, ann.UpdatedAt = []byte("new {}\x00\xff"), later
	wantSame(t, "answered", ann, changed)
	wantSame(t, "updated", ann, value(s.Record(ctx, account, meta.UserRecord, "ann"))(t))
	want("not updated", ask(account, meta.RoleRecord, "ann"), "")

	wantSame(t, "deleted", ann, value(s.DeleteRecord(ctx, account, meta.UserRecord, "ann"))(t))
	want("after", ask(account, meta.UserRecord, "ann"), "none")
	want("left", ask(account, meta.RoleRecord, "ann"), "")
	must(t, s.CreateRecord(ctx, record(meta.UserRecord, "ann", "again"), 0))
	want("again", ask(account, meta.UserRecord, "ann"), "again")
}

func recordList(t *testing.T, s meta.Store) {
	ctx := t.Context()
	names := []string{"A", "B", "a", "a-b", "a/b", "a_b", "aB", "b", "é"}
	for _, n := range []int{5, 0, 8, 2, 7, 1, 3, 6, 4} {
		must(t, s.CreateRecord(ctx, record(meta.TemplateRecord, names[n], names[n]), 0))
	}
	must(t, s.CreateRecord(ctx, record(meta.CacheRuleRecord, "aa", ""), 0))
	other := record(meta.TemplateRecord, "aa", "")
	other.Account = "111111111111"
	must(t, s.CreateRecord(ctx, other, 0))
	want := []string{"A", "B", "a", "a-b", "a/b", "aB", "a_b", "b", "é"} // bytewise
	list := func(after string, limit int) []string {
		var got []string
		for _, r := range value(s.ListRecords(ctx, account, meta.TemplateRecord, after, limit))(t) {
			if string(r.Body) != r.Name || r.Kind != meta.TemplateRecord || r.Account != account || !r.CreatedAt.Equal(base) {
				t.Errorf("got %+v", r)
			}
			got = append(got, r.Name)
		}
		return got
	}
	wantSame(t, "all", want, list("", 100))
	wantSame(t, "first two", want[:2], list("", 2))
	wantSame(t, "after a", want[3:6], list("a", 3))
	wantSame(t, "after what is not there", want[6:], list("a]", 9))
	wantSame(t, "after the last", []string(nil), list("é", 9))
	wantSame(t, "none", []string(nil), list("", 0))
	wantSame(t, "less than none", []string(nil), list("", -1))
	wantSame(t, "nobody's", []meta.Record(nil), value(s.ListRecords(ctx, "none", meta.TemplateRecord, "", 9))(t))
}

func recordTaken(t *testing.T, s meta.Store) {
	ctx := t.Context()
	must(t, s.CreateRecord(ctx, record(meta.UserRecord, "ann", "first"), 1))
	wantIs(t, "again", s.CreateRecord(ctx, record(meta.UserRecord, "ann", "second"), 0), meta.ErrExists)
	// Somebody who asks for a name that is taken learns that, not that it is full.
	wantIs(t, "again at the limit", s.CreateRecord(ctx, record(meta.UserRecord, "ann", "second"), 1), meta.ErrExists)
	if r := value(s.Record(ctx, account, meta.UserRecord, "ann"))(t); string(r.Body) != "first" {
		t.Errorf("the body is %q", r.Body)
	}
}

func recordLimit(t *testing.T, s meta.Store) {
	ctx := t.Context()
	for n := range 3 {
		must(t, s.CreateRecord(ctx, record(meta.RoleRecord, strconv.Itoa(n), ""), 3))
	}
	wantIs(t, "the fourth", s.CreateRecord(ctx, record(meta.RoleRecord, "3", ""), 3), meta.ErrFull)
	if _, err := s.Record(ctx, account, meta.RoleRecord, "3"); err != meta.ErrNoRecord {
		t.Errorf("the fourth: %v", err)
	}
	must(t, s.CreateRecord(ctx, record(meta.UserRecord, "3", ""), 3))
	other := record(meta.RoleRecord, "3", "")
	other.Account = "111111111111"
	must(t, s.CreateRecord(ctx, other, 3))
	value(s.DeleteRecord(ctx, account, meta.RoleRecord, "1"))(t)
	must(t, s.CreateRecord(ctx, record(meta.RoleRecord, "3", ""), 3))
	must(t, s.CreateRecord(ctx, record(meta.RoleRecord, "4", ""), 0))
}

func recordRefusedUpdate(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want := record(meta.UserRecord, "ann", "first")
	must(t, s.CreateRecord(ctx, want, 0))
	refusal := registry.Errorf(registry.CodeValidation, "no")
	_, err := s.UpdateRecord(ctx, account, meta.UserRecord, "ann", base.Add(1), func(r *meta.Record) error {
		r.Body[0] = 'x'
		return refusal
	})
	wantIs(t, "refused", err, refusal)
	wantSame(t, "stored", want, value(s.Record(ctx, account, meta.UserRecord, "ann"))(t))
}

func recordRefusedDeletion(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want := record(meta.UserRecord, "ann", "first")
	must(t, s.CreateRecord(ctx, want, 0))
	refusal := registry.Errorf(registry.CodeValidation, "no")
	_, err := s.DeleteRecordIf(ctx, account, meta.UserRecord, "ann", func(r meta.Record) error {
		wantSame(t, "asked about", want, r)
		return refusal
	})
	wantIs(t, "refused", err, refusal)
	wantSame(t, "stored", want, value(s.Record(ctx, account, meta.UserRecord, "ann"))(t))

	agree := func(meta.Record) error { return nil }
	wantSame(t, "deleted", want, value(s.DeleteRecordIf(ctx, account, meta.UserRecord, "ann", agree))(t))
	for _, name := range []string{"ann", "\xff", ""} {
		_, err = s.DeleteRecordIf(ctx, account, meta.UserRecord, name, agree)
		wantIs(t, "again", err, meta.ErrNoRecord)
	}
}

// recordDeletionRace changes a record while others delete it unless it was
// changed: a change that succeeds is never lost.
func recordDeletionRace(t *testing.T, s meta.Store) {
	ctx := t.Context()
	refusal := registry.Errorf(registry.CodeValidation, "changed")
	for n := range 10 {
		name := strconv.Itoa(n)
		must(t, s.CreateRecord(ctx, record(meta.UserRecord, name, ""), 0))
		var all sync.WaitGroup
		var changes atomic.Int64
		for range 3 {
			all.Go(func() {
				_, err := s.UpdateRecord(ctx, account, meta.UserRecord, name, base, func(r *meta.Record) error {
					r.Body = append(r.Body, 'x')
					return nil
				})
				if err == nil {
					changes.Add(1)
				} else {
					wantIs(t, "update", err, meta.ErrNoRecord)
				}
			})
			all.Go(func() {
				_, err := s.DeleteRecordIf(ctx, account, meta.UserRecord, name, func(r meta.Record) error {
					if len(r.Body) > 0 {
						return refusal
					}
					return nil
				})
				if err != nil && !errors.Is(err, meta.ErrNoRecord) {
					wantIs(t, "delete", err, refusal)
				}
			})
		}
		all.Wait()
		r, err := s.Record(ctx, account, meta.UserRecord, name)
		if err != nil && !errors.Is(err, meta.ErrNoRecord) {
			t.Fatal(err)
		}
		if len(r.Body) != int(changes.Load()) {
			t.Errorf("%d of %d changes are left", len(r.Body), changes.Load())
		}
	}
}

func recordFixed(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want := record(meta.UserRecord, "ann", "first")
	must(t, s.CreateRecord(ctx, want, 0))
	want.Body, want.UpdatedAt = nil, base.Add(time.Minute)
	got := value(s.UpdateRecord(ctx, account, meta.UserRecord, "ann", want.UpdatedAt, func(r *meta.Record) error {
		*r = meta.Record{Account: "1", Kind: meta.RoleRecord, Name: "bob", CreatedAt: base.Add(9), UpdatedAt: base.Add(9)}
		return nil
	}))(t)
	wantSame(t, "answered", want, got)
	wantSame(t, "stored", want, value(s.Record(ctx, account, meta.UserRecord, "ann"))(t))
}

func recordGone(t *testing.T, s meta.Store) {
	ctx := t.Context()
	_, err := s.Record(ctx, account, meta.UserRecord, "ann")
	wantIs(t, "Record", err, meta.ErrNoRecord)
	_, err = s.DeleteRecord(ctx, account, meta.UserRecord, "ann")
	wantIs(t, "DeleteRecord", err, meta.ErrNoRecord)
	_, err = s.UpdateRecord(ctx, account, meta.UserRecord, "ann", base, func(*meta.Record) error {
		t.Error("change was called")
		return nil
	})
	wantIs(t, "UpdateRecord", err, meta.ErrNoRecord)
}

func recordHostile(t *testing.T, s meta.Store) {
	ctx := t.Context()
	for n, name := range hostileTexts() {
		must(t, s.CreateRecord(ctx, record(meta.UserRecord, name, strconv.Itoa(n)), 0))
	}
	for n, name := range hostileTexts() {
		if r := value(s.Record(ctx, account, meta.UserRecord, name))(t); string(r.Body) != strconv.Itoa(n) || r.Name != name {
			t.Errorf("%.20q: got %.40q", name, r.Name)
		}
	}
	// One database could keep these, the other not.
	must(t, s.CreateRecord(ctx, record(meta.UserRecord, "\uFFFD", ""), 0))
	for _, name := range []string{"\x00", "ann\x00", "\xff", noise(1025), noise(100_000)} {
		wantCode(t, s.CreateRecord(ctx, record(meta.UserRecord, name, ""), 0), registry.CodeInvalidParameter)
		_, err := s.Record(ctx, account, meta.UserRecord, name)
		wantIs(t, "Record", err, meta.ErrNoRecord)
		_, err = s.DeleteRecord(ctx, account, meta.UserRecord, name)
		wantIs(t, "DeleteRecord", err, meta.ErrNoRecord)
		_, err = s.UpdateRecord(ctx, account, meta.UserRecord, name, base, func(*meta.Record) error { return nil })
		wantIs(t, "UpdateRecord", err, meta.ErrNoRecord)
		value(s.ListRecords(ctx, account, meta.UserRecord, name, 3))(t)
	}
	bad := record(meta.UserRecord, "x", "")
	bad.Account = "\xff"
	wantCode(t, s.CreateRecord(ctx, bad, 0), registry.CodeInvalidParameter)
	wantCode(t, s.CreateRecord(ctx, record("\x00", "x", ""), 0), registry.CodeInvalidParameter)
}

// noise is text that does not compress.
func noise(n int) string {
	random := rand.NewChaCha8([32]byte{})
	b := make([]byte, n)
	for i := range b {
		b[i] = 'A' + byte(random.Uint64()%26)
	}
	return string(b)
}

// hostileTexts are names that look like something else to a database.
func hostileTexts() []string {
	return []string{"'", `"`, "'; DROP TABLE records; --", "%", "_", "$1", "?", "{in}", "{pg:x}", `\`, "é", " ", "a\nb", noise(1024)}
}

func recordLimitRace(t *testing.T, s meta.Store) {
	const most = 5
	for round := range 3 {
		var all sync.WaitGroup
		var made atomic.Int32
		kind := meta.RecordKind(fmt.Sprint("kind", round))
		for n := range 16 {
			all.Go(func() {
				switch err := s.CreateRecord(t.Context(), record(kind, strconv.Itoa(n), ""), most); err {
				case nil:
					made.Add(1)
				case meta.ErrFull:
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := value(s.ListRecords(t.Context(), account, kind, "", 100))(t); len(got) != most || made.Load() != most {
			t.Errorf("%d are there, %d were acknowledged, %d are allowed", len(got), made.Load(), most)
		}
	}
}

func recordNameRace(t *testing.T, s meta.Store) {
	for _, most := range []int{0, 100} {
		var all sync.WaitGroup
		var won atomic.Int32
		name := strconv.Itoa(most)
		for range 8 {
			all.Go(func() {
				switch err := s.CreateRecord(t.Context(), record(meta.UserRecord, name, ""), most); err {
				case nil:
					won.Add(1)
				case meta.ErrExists:
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("limit %d: %d won", most, won.Load())
		}
	}
}

func recordUpdateRace(t *testing.T, s meta.Store) {
	must(t, s.CreateRecord(t.Context(), record(meta.UserRecord, "ann", ""), 0))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := s.UpdateRecord(t.Context(), account, meta.UserRecord, "ann", base, func(r *meta.Record) error {
				r.Body = append(r.Body, 'x')
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if _, err := s.Record(t.Context(), account, meta.UserRecord, "ann"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if r := value(s.Record(t.Context(), account, meta.UserRecord, "ann"))(t); len(r.Body) != 20 {
		t.Errorf("%d of 20 changes are left", len(r.Body))
	}
}

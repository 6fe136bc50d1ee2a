package sql

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
)

func TestMemoriesAreBounded(t *testing.T) {
	m := newRemembered(func(k, v string) int { return len(k) + len(v) })
	for n := range 3 * maxRemembered {
		m.put(fmt.Sprint(n), "", 0)
	}
	if len(m.known) > maxRemembered {
		t.Errorf("%d answers are kept", len(m.known))
	}
	large := strings.Repeat("x", maxRememberedBytes/200)
	for n := range 1000 {
		m.put(fmt.Sprint(n), large, 0)
		held := 0
		for k, a := range m.known {
			held += len(k) + len(a.value)
		}
		if held > maxRememberedBytes || held > m.bytes {
			t.Fatalf("%d bytes are held, %d are counted", held, m.bytes)
		}
	}
	m.put("larger", large+large+large, 0)
	if _, known, _ := m.get("larger"); known {
		t.Error("an answer that would displace many was kept")
	}
}

// Anybody may ask for what there is not: it must not fill the memory.
func TestMadeUpNamesDoNotFillTheMemory(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	long := strings.Repeat("x", maxRememberedBytes/50)
	for n := range 100 {
		if _, err := s.AccessPolicies(t.Context(), benchAccount, fmt.Sprint(long, n)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Record(t.Context(), benchAccount, meta.UserRecord, fmt.Sprint(long, n)); err != meta.ErrNoRecord {
			t.Fatal(err)
		}
		if _, _, err := s.AccessKey(t.Context(), fmt.Sprint(long, n)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.policies.known) + len(s.records.known) + len(s.keys.known); n > 0 {
		t.Errorf("%d answers are kept", n)
	}
}

// An answer that was on its way while something changed is not kept as new.
func TestMemoriesDoNotKeepWhatChangedMeanwhile(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	metatest.Repo(t, s, "web")
	key := nameOf{benchAccount, "web"}
	_, _, changes := s.policies.get(key)
	stale := meta.AccessPolicies{Repository: "stale"}
	if err := s.PutDocument(t.Context(), benchAccount, "web", meta.PolicyDocument, meta.Document{Text: "new"}); err != nil {
		t.Fatal(err)
	}
	s.policies.put(key, stale, changes)
	if p, err := s.AccessPolicies(t.Context(), benchAccount, "web"); err != nil || p.Repository != "new" {
		t.Errorf("got %+v, %v", p, err)
	}
}

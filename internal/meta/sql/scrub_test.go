package sql

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
)

// What was stored in the clear is in none of the files once it was replaced
// and the database scrubbed.
func TestScrubLeavesNothingOfReplacedSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ecru.db")
	s := open(t, "sqlite:"+path)
	plain := func(name string) []byte { return []byte("in the clear, " + strings.Repeat(name, 20)) }
	_, _, _, err := s.EnsureInstance(t.Context(), meta.Instance{Secret: plain("i"), CreatedAt: time.Now()},
		meta.AccessKey{ID: "AKIAROOT", Secret: plain("r"), Account: "000000000000", CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		key := meta.AccessKey{ID: "AKIA" + id, Secret: plain(id), Account: "000000000000", Principal: "arn:" + id, CreatedAt: time.Now()}
		if err := s.CreateAccessKey(t.Context(), key, 0); err != nil {
			t.Fatal(err)
		}
	}
	rewritten := 0
	err = s.RewriteSecrets(t.Context(), func(secret []byte) ([]byte, error) {
		rewritten++
		return bytes.Repeat([]byte{byte(rewritten)}, len(secret)+40), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("in the clear, ")) {
			t.Errorf("%s has a secret in it", filepath.Base(name))
		}
	}
	// The store goes on working.
	if k, found, err := s.AccessKey(t.Context(), "AKIAc"); err != nil || !found || len(k.Secret) != len(plain("c"))+40 {
		t.Errorf("AccessKey = %+v, %v, %v", k, found, err)
	}
	if err := s.PutSetting(t.Context(), "000000000000", "name", "value"); err != nil {
		t.Error(err)
	}
}

func TestScrubOfEveryDatabase(t *testing.T) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			if err := open(t).Scrub(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

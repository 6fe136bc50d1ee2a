package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/seal"
)

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, seal.KeySize) }

func ring(t testing.TB, keys ...byte) *seal.Keyring {
	t.Helper()
	var secrets [][]byte
	for _, k := range keys {
		secrets = append(secrets, secret(k))
	}
	r, err := seal.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsSealedOpens(t *testing.T) {
	r := ring(t, 1)
	for _, plaintext := range []string{"", "x", strings.Repeat("long ", 10_000)} {
		sealed := r.Seal("purpose", []byte(plaintext))
		if len(sealed) != len(plaintext)+seal.Overhead || !seal.Sealed(sealed) || !r.Current(sealed) || seal.KeyID(sealed) != r.ID() {
			t.Errorf("%d bytes were sealed as %d, key %q", len(plaintext), len(sealed), seal.KeyID(sealed))
		}
		if len(plaintext) > 1 && bytes.Contains(sealed, []byte(plaintext[:2])) && len(plaintext) < 10 {
			t.Error("the plaintext can be seen")
		}
		got, err := r.Open("purpose", sealed)
		if err != nil || string(got) != plaintext {
			t.Errorf("Open = %d bytes, %v", len(got), err)
		}
	}
	if bytes.Equal(r.Seal("purpose", []byte("same")), r.Seal("purpose", []byte("same"))) {
		t.Error("two seals of one plaintext are the same")
	}
}

func TestOpenRefuses(t *testing.T) {
	r := ring(t, 1)
	sealed := r.Seal("purpose", []byte("plaintext"))
	if _, err := r.Open("another purpose", sealed); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("for another purpose: %v", err)
	}
	for _, plain := range []string{"", "a secret of forty characters in base 64!", string(secret(9))} {
		if _, err := r.Open("purpose", []byte(plain)); !errors.Is(err, seal.ErrNotSealed) || seal.Sealed([]byte(plain)) || seal.KeyID([]byte(plain)) != "" {
			t.Errorf("%q, which is not sealed: %v", plain, err)
		}
	}
	var unknown *seal.UnknownKeyError
	if _, err := ring(t, 2).Open("purpose", sealed); !errors.As(err, &unknown) || unknown.ID != r.ID() {
		t.Errorf("with another key: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := r.Open("purpose", changed); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
		if _, err := r.Open("purpose", sealed[:i]); err == nil {
			t.Errorf("it may be cut at %d", i)
		}
	}
}

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	old, rotated, after := ring(t, 1), ring(t, 2, 1), ring(t, 2)
	before := old.Seal("p", []byte("x"))
	if got, err := rotated.Open("p", before); err != nil || string(got) != "x" || rotated.Current(before) {
		t.Errorf("the older key: %q, %v", got, err)
	}
	if got, err := after.Open("p", rotated.Seal("p", []byte("y"))); err != nil || string(got) != "y" {
		t.Errorf("the first key: %q, %v", got, err)
	}
	if rotated.Keys() != 2 || rotated.ID() != after.ID() || rotated.ID() == old.ID() {
		t.Errorf("keys %d, %s, %s, %s", rotated.Keys(), rotated.ID(), after.ID(), old.ID())
	}
}

func TestRingsThatCannotBe(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"no key":      nil,
		"a short key": {secret(1)[:31]},
		"a long key":  {append(secret(1), 1)},
		"a key twice": {secret(1), secret(2), secret(1)},
		"an empty":    {nil},
	} {
		if _, err := seal.New(keys...); err == nil {
			t.Errorf("%s: New made a ring", name)
		}
	}
}

func line(b byte) string { return base64.StdEncoding.EncodeToString(secret(b)) }

func TestKeyFiles(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		keys int
		err  string
	}{
		"one key":               {line(1), 1, ""},
		"one line":              {line(1) + "\n", 1, ""},
		"comments and blanks":   {"# new since May\n" + line(2) + "\n\n  # old\r\n\t" + line(1) + " \r\n", 2, ""},
		"empty":                 {"", 0, "there is no key in it"},
		"only comments":         {"# nothing\n", 0, "there is no key in it"},
		"not base64":            {line(1) + "\n" + strings.Repeat("!", 44), 0, "line 2 is not a key: 32 bytes in base64"},
		"too short":             {base64.StdEncoding.EncodeToString(secret(1)[:16]), 0, "line 1 is not a key: 32 bytes in base64"},
		"too long":              {base64.StdEncoding.EncodeToString(append(secret(1), 1)), 0, "line 1 is not a key: 32 bytes in base64"},
		"a comment behind it":   {line(1) + " # mine", 0, "line 1 is not a key: 32 bytes in base64"},
		"loose bits at the end": {strings.Replace(line(1), "E=", "F=", 1), 0, "line 1 is not a key: 32 bytes in base64"},
		"a key twice":           {line(1) + "\n" + line(1), 0, "is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := seal.Parse([]byte(test.text))
			switch {
			case test.err == "" && (err != nil || r.Keys() != test.keys):
				t.Errorf("Parse = %v", err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("Parse = %v, want %q", err, test.err)
			case err != nil && strings.Contains(err.Error(), line(1)[:8]):
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}

func TestKeyFilesOfOthersAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(line(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, fine := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o660: false, 0o601: false, 0o666: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.Load(path)
		if fine != (err == nil) {
			t.Errorf("mode %o: %v", mode, err)
		}
		if !fine && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v does not say what to do", mode, err)
		}
	}
	if _, err := seal.Load(filepath.Dir(path)); err == nil {
		t.Error("a directory was read")
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, bytes.Repeat([]byte("#\n"), 40_000), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Load(path); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestAKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of nothing = %v", err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids, made := map[string]bool{}, 0
	for range 8 {
		wg.Go(func() {
			r, created, err := seal.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[r.ID()] = true
			if created {
				made++
			}
		})
	}
	wg.Wait()
	if len(ids) != 1 || made != 1 {
		t.Errorf("%d keys, made %d times", len(ids), made)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if err := seal.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create again = %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(line(1)))
	f.Add([]byte("# comment\n" + line(1) + "\r\n" + line(2)))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := seal.Parse(content)
		if err != nil {
			return
		}
		if got, err := r.Open("p", r.Seal("p", content)); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("Open = %v", err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	r := ring(f, 1)
	f.Add(r.Seal("p", []byte("x")))
	f.Add([]byte("\xecru\x01"))
	good := r.Seal("p", []byte("good"))
	f.Add(good)
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, err := r.Open("other", sealed); err == nil {
			t.Fatal("opened")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, 1)
	sealed := r.Seal("p", secret(1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open("p", sealed); err != nil {
			b.Fatal(err)
		}
	}
}

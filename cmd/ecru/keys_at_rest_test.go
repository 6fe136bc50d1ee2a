package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/service"
	"github.com/ecru-registry/ecru/test/postgres"
)

const testAccount = "000000000000"

func openTestStore(t *testing.T, data, database string) *sql.Store {
	t.Helper()
	store, err := openStore(t.Context(), data, database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// started is what a start finds.
type started struct {
	secrets secretKeys
	secret  string // of the instance
	root    meta.AccessKey
	created bool
}

func begin(t *testing.T, store keyStore, data, keyFile string) (started, error) {
	t.Helper()
	secrets, err := secretFlags{SecretKey: keyFile}.open(data, slog.New(slog.DiscardHandler))
	if err != nil {
		return started{}, err
	}
	instance, root, created, err := secrets.instance(t.Context(), store, testAccount)
	return started{secrets, string(instance.Secret), root, created}, err
}

func mustBegin(t *testing.T, store keyStore, data, keyFile string) started {
	t.Helper()
	s, err := begin(t, store, data, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s started) same(t *testing.T, as started) {
	t.Helper()
	if s.secret != as.secret || s.root.ID != as.root.ID || !bytes.Equal(s.root.Secret, as.root.Secret) {
		t.Error("the secrets are others than before")
	}
}

// secretOf opens a key's secret as the start's keys can.
func secretOf(t *testing.T, store *sql.Store, s started, id string) string {
	t.Helper()
	key, found, err := store.AccessKey(t.Context(), id)
	if err != nil || !found {
		t.Fatalf("AccessKey(%s) = %v, %v", id, found, err)
	}
	secret, err := s.secrets.Open(service.SecretPurpose, key.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}

func keyLine(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, seal.KeySize)) + "\n"
}

func writeKeys(t *testing.T, path string, keys ...byte) string {
	t.Helper()
	text := ""
	for _, k := range keys {
		text += keyLine(k)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unreadable checks that none of the database's files has one of the secrets.
func unreadable(t *testing.T, data string, secrets ...string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(data, "ecru.db*"))
	if err != nil || len(names) < 2 {
		t.Fatalf("the database's files: %v, %v", names, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s has secret %d in it", filepath.Base(name), i)
			}
		}
	}
}

func TestSecretsAreSealedFromTheFirstStart(t *testing.T) {
	data := t.TempDir()
	store := openTestStore(t, data, "sqlite")
	first := mustBegin(t, store, data, "")
	if !first.created || len(first.secret) != 32 || len(first.root.Secret) != 40 {
		t.Errorf("the first start made a secret of %d bytes and a key of %d", len(first.secret), len(first.root.Secret))
	}
	mustBegin(t, store, data, "").same(t, first)
	if info, err := os.Stat(filepath.Join(data, secretKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	unreadable(t, data, first.secret, string(first.root.Secret))
	if got := secretOf(t, store, first, first.root.ID); got != string(first.root.Secret) {
		t.Errorf("the root key's secret is stored as %q", got)
	}
}

// plainInstance stores secrets as the version before did.
func plainInstance(t *testing.T, store *sql.Store) started {
	t.Helper()
	instance, root := newInstance(testAccount)
	if _, _, _, err := store.EnsureInstance(t.Context(), instance, root); err != nil {
		t.Fatal(err)
	}
	other := meta.AccessKey{ID: "AKIAOTHER", Secret: []byte("the-secret-of-another-key-of-the-account"), Account: testAccount, Principal: "arn", CreatedAt: time.Now()}
	if err := store.CreateAccessKey(t.Context(), other, 0); err != nil {
		t.Fatal(err)
	}
	return started{secret: string(instance.Secret), root: root}
}

func TestSecretsThatWereNotSealedAreSealedAtTheNextStart(t *testing.T) {
	data := t.TempDir()
	store := openTestStore(t, data, "sqlite")
	before := plainInstance(t, store)
	after := mustBegin(t, store, data, "")
	after.same(t, before)
	unreadable(t, data, before.secret, string(before.root.Secret), "the-secret-of-another-key")
	if got := secretOf(t, store, after, "AKIAOTHER"); got != "the-secret-of-another-key-of-the-account" {
		t.Errorf("the other key's secret became %q", got)
	}
	if _, due, err := store.Setting(t.Context(), "", scrubSetting); due || err != nil {
		t.Errorf("the scrub is still due: %v", err)
	}
}

// A start that died after sealing and before scrubbing leaves the rest to the
// next one.
func TestAScrubThatWasCutShortIsMadeAgain(t *testing.T) {
	data := t.TempDir()
	store := openTestStore(t, data, "sqlite")
	before := plainInstance(t, store)
	if _, err := begin(t, brokenScrub{store}, data, ""); !errors.Is(err, errBroken) {
		t.Fatalf("the start ended with %v", err)
	}
	mustBegin(t, store, data, "").same(t, before)
	unreadable(t, data, before.secret, string(before.root.Secret), "the-secret-of-another-key")
}

var errBroken = errors.New("broken")

type brokenScrub struct{ *sql.Store }

func (brokenScrub) Scrub(context.Context) error { return errBroken }

func TestAStartWithTheWrongKeySaysSo(t *testing.T) {
	data := t.TempDir()
	store := openTestStore(t, data, "sqlite")
	first := mustBegin(t, store, data, "")
	id, right := first.secrets.ID(), filepath.Join(data, secretKeyFile)

	wrong := writeKeys(t, filepath.Join(t.TempDir(), "wrong"), 1, 2)
	_, err := begin(t, store, data, wrong)
	if want := fmt.Sprintf("the secrets of this registry were sealed with key %s, which %s does not hold", id, wrong); err == nil || err.Error() != want {
		t.Errorf("with the wrong file: %v, want %s", err, want)
	}
	missing := filepath.Join(data, "missing")
	if _, err = begin(t, store, data, missing); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "--secret-key: ") {
		t.Errorf("with a file that is not there: %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file that somebody has named was made")
	}
	if err := os.Rename(right, right+".away"); err != nil {
		t.Fatal(err)
	}
	_, err = begin(t, store, data, "")
	if want := fmt.Sprintf("the secrets of this registry were sealed with key %s, and there is no %s: put the key file there, or name it with --secret-key", id, right); err == nil || err.Error() != want {
		t.Errorf("without the file: %v, want %s", err, want)
	}
	if _, err := os.Stat(right); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key that fits nothing was left")
	}
	mustBegin(t, store, data, right+".away").same(t, first)
	if err := os.Chmod(right+".away", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = begin(t, store, data, right+".away"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("with a file that others may read: %v", err)
	}
}

func TestRotationOfTheSecretKey(t *testing.T) {
	data := t.TempDir()
	store := openTestStore(t, data, "sqlite")
	file := writeKeys(t, filepath.Join(t.TempDir(), "key"), 1)
	first := mustBegin(t, store, data, file)
	old := first.secrets

	writeKeys(t, file, 2, 1)
	mustBegin(t, store, data, file).same(t, first)
	// A replica that has not been restarted yet goes on with the old key.
	late := meta.AccessKey{ID: "AKIALATE", Secret: old.sealed([]byte("late")), Account: testAccount, Principal: "arn", Active: true, CreatedAt: time.Now()}
	if err := store.CreateAccessKey(t.Context(), late, 0); err != nil {
		t.Fatal(err)
	}
	mustBegin(t, store, data, file).same(t, first)

	writeKeys(t, file, 2)
	last := mustBegin(t, store, data, file)
	last.same(t, first)
	if got := secretOf(t, store, last, "AKIALATE"); got != "late" {
		t.Errorf("the late key's secret is %q", got)
	}
	writeKeys(t, file, 1)
	if _, err := begin(t, store, data, file); err == nil {
		t.Error("the old key is still good")
	}
}

// Replicas that start at once, each with a key of its own, agree on one of
// them, and the others say which key they miss.
func TestReplicasWithDifferentKeysDoNotMix(t *testing.T) {
	for name, upgrade := range map[string]bool{"new": false, "not sealed yet": true} {
		t.Run(name, func(t *testing.T) {
			url := postgres.New(t)
			var before started
			if upgrade {
				before = plainInstance(t, openTestStore(t, t.TempDir(), url))
			}
			const replicas = 4
			var found [replicas]started
			var failed [replicas]error
			dirs := make([]string, replicas)
			var starting sync.WaitGroup
			for i := range replicas {
				dirs[i] = t.TempDir()
				store := openTestStore(t, dirs[i], url)
				starting.Go(func() { found[i], failed[i] = begin(t, store, dirs[i], "") })
			}
			starting.Wait()
			winner := slices.Index(failed[:], nil)
			if winner < 0 {
				t.Fatalf("nobody started: %v", failed)
			}
			if upgrade {
				found[winner].same(t, before)
			}
			wanted := "sealed with key " + found[winner].secrets.ID() + ", and there is no " // its own file
			for i, err := range failed {
				if i != winner && (err == nil || !strings.Contains(err.Error(), wanted)) {
					t.Errorf("replica %d: %v, want %q", i, err, wanted)
				}
			}
			store := openTestStore(t, dirs[winner], url)
			mustBegin(t, store, dirs[winner], "").same(t, found[winner])
		})
	}
}

package awscreds

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeyComesBackFromAFileOnlyItsOwnerReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	want := Key{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "a/b+c=", Region: "eu-west-1"}
	for range 2 { // writing over an old file works, too
		if err := Write(path, want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Read(path); err != nil || got != want {
		t.Errorf("Read = %+v, %v; want %+v", got, err, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode().Perm(), err)
	}
}

func TestFileWithoutADefaultKeyIsRefused(t *testing.T) {
	for name, content := range map[string]string{
		"empty":           "",
		"another profile": "[ci]\naws_access_key_id = A\naws_secret_access_key = B\n",
		"half a key":      "[default]\naws_access_key_id = A\n",
		"no ini at all":   "\x00\xff{}",
	} {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := Read(path); err == nil {
			t.Errorf("%s: Read = %+v, want an error", name, key)
		}
	}
}

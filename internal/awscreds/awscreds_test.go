package awscreds_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/awscreds"
)

var key = awscreds.Profile{
	AccessKeyID:     "AKIAIOSFODNN7EXAMPLE",
	SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY=",
	Region:          "eu-central-1",
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	for _, p := range []awscreds.Profile{key, {AccessKeyID: "A", SecretAccessKey: "B"}} {
		if err := awscreds.Write(path, p); err != nil {
			t.Fatal(err)
		}
		if got, err := awscreds.Read(path); err != nil || got != p {
			t.Errorf("Read = %+v, %v; want %+v", got, err, p)
		}
	}
}

func TestOnlyTheOwnerReadsTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	if err := os.WriteFile(path, []byte("old, and open to all"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := awscreds.Write(path, key); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestValuesThatWouldBreakTheFileAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	for _, p := range []awscreds.Profile{
		{},
		{AccessKeyID: "A"},
		{AccessKeyID: "A", SecretAccessKey: "B\n[other]"},
		{AccessKeyID: "A B", SecretAccessKey: "B"},
		{AccessKeyID: "A", SecretAccessKey: "B", Region: "x\ry"},
	} {
		if err := awscreds.Write(path, p); err == nil {
			t.Errorf("%+v was written", p)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file is there: %v", err)
	}
}

func TestNothingIsLeftOfAWriteThatFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := awscreds.Write(path, key); err == nil {
		t.Error("a directory was replaced")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadingWhatOthersWrote(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want awscreds.Profile
		fail string
	}{
		"other profiles are passed over": {
			text: "[a]\naws_access_key_id=X\naws_secret_access_key=Y\n[default]\n aws_access_key_id=A\r\naws_secret_access_key =  B \nregion=r\n[b]\naws_access_key_id=Z\n",
			want: awscreds.Profile{AccessKeyID: "A", SecretAccessKey: "B", Region: "r"},
		},
		"half a key":     {text: "[default]\naws_access_key_id=A\n", fail: "no complete key"},
		"empty":          {fail: "no complete key"},
		"another format": {text: "{\"aws_access_key_id\": 1}", fail: "no complete key"},
		"endless line":   {text: strings.Repeat("x", 1<<20), fail: "token too long"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "credentials")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := awscreds.Read(path)
			if got != test.want || (err != nil) != (test.fail != "") || err != nil && !strings.Contains(err.Error(), test.fail) {
				t.Errorf("Read = %+v, %v", got, err)
			}
		})
	}
	if _, err := awscreds.Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("[default]\naws_access_key_id=A\naws_secret_access_key=B\n")
	f.Add("[default\n=\n==\n# region")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := awscreds.Read(path); err == nil && (p.AccessKeyID == "" || p.SecretAccessKey == "") {
			t.Errorf("a key that is not complete was read of %q", text)
		}
	})
}

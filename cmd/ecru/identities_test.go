package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// callAs calls an operation of an API with the key in a file that ecru has
// printed or written, and prints "ok" or the refusal:
// "callas KEYFILE DATA SERVICE OPERATION [BODY]".
func callAs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: callas KEYFILE DATA SERVICE OPERATION [BODY]")
	}
	access, err := readAccess(ts.MkAbs(args[1]))
	ts.Check(err)
	access.AccessKeyID, access.SecretAccessKey = keyIn(ts, args[0])
	target := map[string]string{"ecr": "AmazonEC2ContainerRegistry_V20150921", "ecru": "Ecru_V1", "events": "AWSEvents"}[args[2]]
	body := "{}"
	if len(args) > 4 {
		body = ts.ReadFile(args[4])
	}
	client := adminClient{access: access}
	answer, err := client.post(context.Background(), target, args[2], args[3], []byte(body))
	if err != nil {
		fmt.Fprintln(ts.Stdout(), err)
		return
	}
	fmt.Fprintln(ts.Stdout(), "ok")
	ts.Logf("%s", answer)
}

var (
	keyID     = regexp.MustCompile(`(?i)aws_access_key_id ?= ?'?(\w+)`)
	keySecret = regexp.MustCompile(`(?i)aws_secret_access_key ?= ?'?([\w+/]+)`)
)

// keyIn reads a key as ecru prints and writes keys.
func keyIn(ts *testscript.TestScript, path string) (id, secret string) {
	text := ts.ReadFile(path)
	foundID, foundSecret := keyID.FindStringSubmatch(text), keySecret.FindStringSubmatch(text)
	if foundID == nil || foundSecret == nil {
		ts.Fatalf("%s holds no key", path)
	}
	return foundID[1], foundSecret[1]
}

// idOf puts the id of a key into a variable: "idof KEYFILE VARIABLE".
func idOf(ts *testscript.TestScript, _ bool, args []string) {
	id, _ := keyIn(ts, args[0])
	ts.Setenv(args[1], id)
}

// noSecret looks for the secret of a key in what the last command has printed
// and in all that the data directory holds but the credentials:
// "nosecret KEYFILE".
func noSecret(ts *testscript.TestScript, _ bool, args []string) {
	_, secret := keyIn(ts, args[0])
	for _, output := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(output), secret) {
			ts.Fatalf("%s holds a secret", output)
		}
	}
	looked := 0
	err := filepath.WalkDir(ts.MkAbs("d"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == credentialsFile {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(secret)) {
			err = fmt.Errorf("%s holds a secret", path)
		}
		looked++
		return err
	})
	ts.Check(err)
	if looked == 0 {
		ts.Fatalf("there is nothing to look through")
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.json")
	if err := os.WriteFile(path, make([]byte, maxDocument+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readDocument(path); err == nil || !strings.HasSuffix(err.Error(), "is too large") {
		t.Errorf("a huge document: %v", err)
	}
	given := givenPolicies{PolicyFile: []string{path, path}}
	if _, err := given.inline(); err == nil {
		t.Error("a huge policy is read")
	}
}

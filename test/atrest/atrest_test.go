// Package atrest tests what the real binary leaves on the disk: content and
// secrets that nobody can read there, and that come back as they were. It must
// not import internal packages.
package atrest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	repository = "team/secret"
	// sentence stands in all content of these tests.
	sentence = "Whoever finds the disk must not read this. "
)

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func keyFile(t *testing.T) string {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type client struct {
	*testing.T
	*http.Client
	base string
}

func connect(t *testing.T, s *server.Server) client {
	return client{t, s.Client(t), s.URL + "/v2/" + repository}
}

// do sends a request with headers given as name and value in turn.
func (c client) do(method, url string, body []byte, headers ...string) (*http.Response, []byte) {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatalf("%s %s: %s, then %v", method, url, response.Status, err)
	}
	return response, content
}

func (c client) push(content []byte) {
	c.Helper()
	response, body := c.do(http.MethodPost, c.base+"/blobs/uploads/?digest="+digestOf(content), content)
	if response.StatusCode != http.StatusCreated {
		c.Fatalf("pushing: %s %s", response.Status, body)
	}
}

// upload is an upload session.
type upload struct {
	client
	location string
}

func (c client) begin() *upload {
	c.Helper()
	response, body := c.do(http.MethodPost, c.base+"/blobs/uploads/", nil)
	if response.StatusCode != http.StatusAccepted {
		c.Fatalf("beginning an upload: %s %s", response.Status, body)
	}
	return &upload{c, c.absolute(response.Header.Get("Location"))}
}

func (c client) absolute(location string) string {
	if strings.HasPrefix(location, "/") {
		return c.base[:strings.Index(c.base, "/v2/")] + location
	}
	return location
}

func (u *upload) append(offset int, chunk []byte) {
	u.Helper()
	response, body := u.do(http.MethodPatch, u.location, chunk, "Content-Range", fmt.Sprintf("%d-%d", offset, offset+len(chunk)-1))
	if response.StatusCode != http.StatusAccepted {
		u.Fatalf("appending: %s %s", response.Status, body)
	}
	u.location = u.absolute(response.Header.Get("Location"))
}

func (u *upload) complete(digest string) {
	u.Helper()
	separator := "?"
	if strings.Contains(u.location, "?") {
		separator = "&"
	}
	response, body := u.do(http.MethodPut, u.location+separator+"digest="+digest, nil)
	if response.StatusCode != http.StatusCreated {
		u.Fatalf("completing: %s %s", response.Status, body)
	}
}

func (c client) holds(digest string, content []byte) {
	c.Helper()
	response, got := c.do(http.MethodGet, c.base+"/blobs/"+digest, nil)
	if response.StatusCode != http.StatusOK || !bytes.Equal(got, content) {
		c.Fatalf("the blob is answered %s with %d bytes, want %d", response.Status, len(got), len(content))
	}
	n := len(content)
	for _, r := range [][2]int{{0, 0}, {5, 20}, {n / 3, n/3 + n/2}, {16 << 10, 32<<10 - 1}, {n - 1, n - 1}} {
		first, last := min(r[0], n-1), min(r[1], n-1)
		response, got := c.do(http.MethodGet, c.base+"/blobs/"+digest, nil, "Range", fmt.Sprintf("bytes=%d-%d", first, last))
		if response.StatusCode != http.StatusPartialContent || !bytes.Equal(got, content[first:last+1]) {
			c.Fatalf("the range %d-%d is answered %s with %d bytes", first, last, response.Status, len(got))
		}
	}
}

// finds answers the files of a directory that have some text in them.
func finds(t *testing.T, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestEncryptedContent pushes in every way and looks at the disk: while an
// upload is going on, when the server was killed in the middle, and afterwards.
func TestEncryptedContent(t *testing.T) {
	key := keyFile(t)
	s := server.Start(t, server.Options{Args: []string{"--blob-key", key}})
	s.CreateRepository(t, repository)
	c := connect(t, s)
	whole := []byte(strings.Repeat(sentence, 30_000))
	small := []byte("{\"small\": \"" + sentence + "\"}")
	c.push(whole)
	c.push(small)

	u := c.begin()
	chunked := []byte(strings.Repeat("chunks: "+sentence, 9_000))
	third := len(chunked) / 3
	u.append(0, chunked[:third])
	nobodyFinds(t, s)
	s.Kill(t)
	nobodyFinds(t, s)
	s.Restart(t)
	u.append(third, chunked[third:third+10])
	s.Stop(t)
	s.Restart(t)
	u.append(third+10, chunked[third+10:])
	u.complete(digestOf(chunked))

	u = c.begin()
	long := []byte(strings.Repeat("sha512: "+sentence, 5_000))
	u.append(0, long[:1000])
	u.append(1000, long[1000:])
	sum := sha512.Sum512(long)
	longDigest := "sha512:" + hex.EncodeToString(sum[:])
	u.complete(longDigest)

	nobodyFinds(t, s)
	s.Restart(t)
	c = connect(t, s)
	for _, content := range [][]byte{whole, small, chunked} {
		c.holds(digestOf(content), content)
	}
	c.holds(longDigest, long)
	nobodyFinds(t, s)
}

func nobodyFinds(t *testing.T, s *server.Server) {
	t.Helper()
	if found := finds(t, s.Data, "must not read this"); len(found) > 0 {
		t.Errorf("content can be read in %q", found)
	}
}

// TestEncryptionCanBeSwitchedOn: what was stored before is served as before;
// without the key the registry serves that and says what it lacks for the rest.
func TestEncryptionCanBeSwitchedOn(t *testing.T) {
	key := keyFile(t)
	before, after := []byte("before: "+sentence), []byte(strings.Repeat("after: "+sentence, 1000))
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, repository)
	connect(t, s).push(before)
	if found := finds(t, s.Data, "before: Whoever"); len(found) != 1 {
		t.Fatalf("without a key content is stored in %q", found)
	}
	s.Stop(t)

	s = server.Start(t, server.Options{Data: s.Data, Args: []string{"--blob-key", key}})
	c := connect(t, s)
	c.push(after)
	c.holds(digestOf(before), before)
	c.holds(digestOf(after), after)
	s.Stop(t)
	if found := finds(t, s.Data, "after: Whoever"); len(found) > 0 {
		t.Errorf("content can be read in %q", found)
	}

	for name, args := range map[string][]string{"no key": nil, "another key": {"--blob-key", keyFile(t)}} {
		s = server.Start(t, server.Options{Data: s.Data, Args: args})
		c = connect(t, s)
		c.holds(digestOf(before), before)
		response, body := c.do(http.MethodGet, c.base+"/blobs/"+digestOf(after), nil)
		want := `{"errors":[{"code":"UNSUPPORTED","message":"The content is encrypted with a key that the registry was not started with"}]}`
		if response.StatusCode != http.StatusBadRequest || strings.TrimSpace(string(body)) != want {
			t.Errorf("%s: %s %s", name, response.Status, body)
		}
		if !strings.Contains(s.Log(), "a blob cannot be read without its key") {
			t.Errorf("%s: the log does not say so", name)
		}
		s.Stop(t)
	}
}

// TestDamagedContentIsNotServed: a changed file ends the answer, and the log
// names the blob.
func TestDamagedContentIsNotServed(t *testing.T) {
	s := server.Start(t, server.Options{Args: []string{"--blob-key", keyFile(t)}})
	s.CreateRepository(t, repository)
	content := []byte(strings.Repeat(sentence, 10_000))
	connect(t, s).push(content)
	files, err := filepath.Glob(filepath.Join(s.Data, "content", "blobs", "*", "*_sealed"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the blob's file: %q, %v", files, err)
	}
	stored, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	stored[len(stored)/2] ^= 1
	if err := os.WriteFile(files[0], stored, 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, s)
	response, err := c.Get(c.base + "/blobs/" + digestOf(content))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err == nil {
		t.Error("the answer is whole")
	}
	if !bytes.HasPrefix(content, got) {
		t.Errorf("wrong bytes were served: %s", cmp.Diff(string(content[:len(got)]), string(got)))
	}
	s.Stop(t)
	if !strings.Contains(s.Log(), "a blob is damaged") || !strings.Contains(s.Log(), digestOf(content)) {
		t.Error("the log does not say so")
	}
}

// TestSecretsAreNotInTheDatabase: the root key is in the credentials file alone.
func TestSecretsAreNotInTheDatabase(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, repository)
	s.Stop(t)
	want := []string{"credentials"}
	if found := finds(t, s.Data, s.Credentials.SecretAccessKey); !cmp.Equal(found, want) {
		t.Errorf("the secret of the root key is in %q, want %q", found, want)
	}
	// Another key file ends the start with one line that says why.
	out, err := exec.Command(server.Binary(t), "serve", "--listen", "127.0.0.1:0", "--data", s.Data, "--advisories", "off", "--secret-key", keyFile(t)).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "ecru: the secrets of this registry were sealed with key ") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("with another key: %v, %s", err, out)
	}
	s.Restart(t)
	s.CreateRepository(t, "another")
}

package conformance

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const hostileSection = "Hostile input"

func hostileCases() []testCase {
	return []testCase{
		{hostileSection, "a body that ends early stores nothing", truncatedPut},
		{hostileSection, "an upload goes on after a chunk that ended early", truncatedPatch},
		{hostileSection, "a manifest that ends early is not stored", truncatedManifest},
		{hostileSection, "clients that send a header and then nothing hold nobody up", silentClients},
		{hostileSection, "clients that trickle a body hold nobody up", tricklingClients},
		{hostileSection, "huge headers are refused", hugeHeaders},
		{hostileSection, "ten megabytes of nested JSON are refused", nestedManifest},
		{hostileSection, "a million references are refused", func(t *testing.T, r *registry) {
			r.manyReferences(t, 1_000_000)
		}},
		{hostileSection, "as many references as fit are answered in time", func(t *testing.T, r *registry) {
			r.manyReferences(t, 25_000)
		}},
		{hostileSection, "an endless manifest is refused before it ends", endlessManifest},
		{hostileSection, "a wrong digest after megabytes leaves nothing behind", func(t *testing.T, r *registry) {
			r.leavesNothing(t, func(repo string) {
				location, _ := r.startUpload(t, repo)
				r.complete(t, location, unknownSHA256, body(content(8<<20))).want(t, http.StatusBadRequest)
				r.do(t, http.MethodDelete, location).want(t, http.StatusNoContent, http.StatusNotFound)
			})
		}},
		{hostileSection, "cancelled uploads leave nothing behind", func(t *testing.T, r *registry) {
			r.leavesNothing(t, func(repo string) {
				for range 4 {
					location, _ := r.startUpload(t, repo)
					a := r.do(t, http.MethodPatch, location, body(content(2<<20))).want(t, http.StatusAccepted)
					r.do(t, http.MethodDelete, a.location(t)).want(t, http.StatusNoContent)
				}
			})
		}},
		{hostileSection, "requests that are no HTTP are answered or closed", noHTTP},
		{hostileSection, "memory stays bounded through all of this", boundedMemory},
	}
}

// rawConn is a connection that the test writes to byte by byte.
type rawConn struct {
	net.Conn
	t *testing.T
}

// dial opens a connection of its own: a client of net/http would not send what
// these cases send.
func (r *registry) dial(t *testing.T) *rawConn {
	t.Helper()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	u, err := url.Parse(r.base)
	if err != nil {
		t.Fatal(err)
	}
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = tls.DialWithDialer(&dialer, "tcp", r.host, nil)
	} else {
		conn, err = dialer.Dial("tcp", r.host)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawConn{conn, t}
}

func (c *rawConn) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// head is the head of a request, without the empty line that ends it.
func (r *registry) head(t *testing.T, method, target string, lines ...string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	h := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", method, u.RequestURI(), r.host)
	if r.user != "" {
		h += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(r.user+":"+r.password)) + "\r\n"
	}
	for _, line := range lines {
		h += line + "\r\n"
	}
	return h
}

// alive checks that other clients are served.
func (r *registry) alive(t *testing.T, repo string) {
	t.Helper()
	c := content(100)
	r.wantBlob(t, repo, r.pushBlob(t, repo, c), c)
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		<-tick.C
	}
}

func truncatedPut(t *testing.T, r *registry) {
	repo, c := r.repository(t), content(100000)
	location, _ := r.startUpload(t, repo)
	conn := r.dial(t)
	conn.send(r.head(t, "PUT", withQuery(t, location, "digest", sha256Of(c)), "Content-Length: 100000") + "\r\n")
	conn.send(string(c[:50000]))
	conn.Close()
	r.wantNoBlob(t, repo, sha256Of(c))
	r.wantNoBlob(t, repo, sha256Of(c[:50000]))
	await(t, "the session answers 204 or 404", func() bool {
		a := r.do(t, http.MethodGet, location)
		if a.status == http.StatusNoContent {
			location = a.location(t)
		}
		return a.status == http.StatusNoContent || a.status == http.StatusNotFound
	})
	r.do(t, http.MethodDelete, location).want(t, http.StatusNoContent, http.StatusNotFound)
	r.wantNoBlob(t, repo, sha256Of(c))
}

// truncatedPatch breaks a connection in the middle of a chunk, as a network
// does, and goes on from what the server says it has.
func truncatedPatch(t *testing.T, r *registry) {
	repo, c := r.repository(t), content(100000)
	location, _ := r.startUpload(t, repo)
	conn := r.dial(t)
	conn.send(r.head(t, "PATCH", location, "Content-Length: 100000", "Content-Range: 0-99999") + "\r\n")
	conn.send(string(c[:60000]))
	conn.Close()
	var a *answer
	// The broken request may still be on its way into the session: then the
	// offset that GET tells is soon wrong, and a 416 says so.
	await(t, "the rest is accepted", func() bool {
		state := r.do(t, http.MethodGet, location)
		if state.status != http.StatusNoContent {
			return false
		}
		offset := state.received()
		if offset > 60000 {
			t.Fatalf("the session claims %d bytes of 60000", offset)
		}
		a = r.do(t, http.MethodPatch, state.location(t), body(c[offset:]), contentRange(offset, len(c)-offset))
		return a.status == http.StatusAccepted
	})
	r.complete(t, a.location(t), sha256Of(c)).want(t, http.StatusCreated)
	r.wantBlob(t, repo, sha256Of(c), c)
}

// received is the number of bytes that the state of a session tells of; "0-0"
// means none, since the cases here never send one byte.
func (a *answer) received() int {
	var last int
	n, _ := fmt.Sscanf(strings.TrimPrefix(a.header.Get("Range"), "bytes="), "0-%d", &last)
	if n == 1 && last > 0 {
		return last + 1
	}
	return 0
}

func truncatedManifest(t *testing.T, r *registry) {
	repo := r.repository(t)
	d := r.image(t, repo)
	conn := r.dial(t)
	conn.send(r.head(t, "PUT", r.base+manifestPath(repo, "latest"), "Content-Type: "+ociImage, "Content-Length: 5000") + "\r\n")
	conn.send(string(d.bytes))
	conn.Close()
	r.alive(t, repo)
	r.wantNoManifest(t, repo, "latest")
	r.wantNoManifest(t, repo, d.digest)
}

func silentClients(t *testing.T, r *registry) {
	repo := r.repository(t)
	for i := range 300 {
		conn := r.dial(t)
		switch i % 3 {
		case 0:
			conn.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		case 1:
			conn.send(r.head(t, "POST", r.base+uploadsPath(repo), "Content-Length: 1000000") + "\r\n")
		}
	}
	r.alive(t, repo)
}

func tricklingClients(t *testing.T, r *registry) {
	repo := r.repository(t)
	var conns []*rawConn
	for range 40 {
		location, _ := r.startUpload(t, repo)
		conn := r.dial(t)
		conn.send(r.head(t, "PATCH", location, "Content-Length: 1000000") + "\r\n")
		conns = append(conns, conn)
	}
	for range 5 {
		for _, conn := range conns {
			conn.send("x")
		}
		r.alive(t, repo)
	}
}

func hugeHeaders(t *testing.T, r *registry) {
	repo := r.repository(t)
	for _, line := range []string{
		"X-Huge: " + strings.Repeat("x", 8<<20),
		strings.Repeat("X-Many: 1\r\n", 500_000) + "X-End: 1",
		"Accept: " + strings.Repeat("a/b, ", 1_000_000),
	} {
		conn := r.dial(t)
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		// The server may close before it has read all: that is a refusal.
		_, writeErr := io.WriteString(conn, r.head(t, "GET", r.base+manifestPath(repo, "latest"), line)+"\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			if timedOut(err) {
				t.Errorf("no answer within 20 s (%v)", writeErr)
			}
			continue
		}
		response.Body.Close()
		if response.StatusCode < 400 || response.StatusCode >= 500 {
			t.Errorf("status %d, want 4xx", response.StatusCode)
		}
	}
	r.alive(t, repo)
}

func nestedManifest(t *testing.T, r *registry) {
	repo := r.repository(t)
	image := string(r.image(t, repo).bytes)
	for _, depth := range []int{5 << 20, 1_900_000, 100_000, 20_000} {
		for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
			nest := strings.Repeat(pair[0], depth) + "1" + strings.Repeat(pair[1], depth)
			text := strings.Replace(image, "{", `{"x":`+nest+",", 1)
			d := document{mediaType: ociImage, bytes: []byte(text)}
			started := time.Now()
			r.putManifest(t, repo, "deep", d).want(t, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("refusing a depth of %d took %s", depth, took)
			}
		}
	}
	r.wantNoManifest(t, repo, "deep")
	r.alive(t, repo)
}

// manyReferences pushes an index and an image that name n blobs nobody has.
func (r *registry) manyReferences(t *testing.T, n int) {
	t.Helper()
	repo := r.repository(t)
	var list strings.Builder
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"mediaType":"%s","size":1,"digest":"sha256:%064x"}`, "a/b", i)
	}
	for kind, text := range map[string]string{
		ociIndex: `{"schemaVersion":2,"manifests":[` + list.String() + `]}`,
		ociImage: `{"schemaVersion":2,"config":{"mediaType":"a/b","size":1,"digest":"` + unknownSHA256 + `"},"layers":[` + list.String() + `]}`,
	} {
		d := document{mediaType: kind, bytes: []byte(text)}
		started := time.Now()
		a := r.putManifest(t, repo, "many", d).refused(t)
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("refusing %d references took %s", n, took)
		}
		if len(a.body) > 64<<10 {
			t.Errorf("the refusal of %d bytes is %d bytes long", len(d.bytes), len(a.body))
		}
	}
	r.wantNoManifest(t, repo, "many")
	r.alive(t, repo)
}

func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// endless gives spaces for as long as somebody reads.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 1<<30 {
		return 0, io.ErrUnexpectedEOF
	}
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func endlessManifest(t *testing.T, r *registry) {
	repo, source := r.repository(t), &endless{}
	path := manifestPath(repo, "endless")
	// The client may notice the closed connection before the answer.
	a, err := r.try(t.Context(), http.MethodPut, path, stream(source), mediaType(ociImage))
	if err == nil {
		a.want(t, http.StatusRequestEntityTooLarge, http.StatusBadRequest)
	}
	if source.read > 256<<20 {
		t.Errorf("the server took %d bytes of a manifest", source.read)
	}
	r.wantNoManifest(t, repo, "endless")
}

func noHTTP(t *testing.T, r *registry) {
	for _, text := range []string{
		"\x00\x00\x00\x00\r\n\r\n", "GET\r\n\r\n", "GET /v2/ HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00",
		"GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
		"GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
	} {
		conn := r.dial(t)
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		conn.send(text)
		if tcp, ok := conn.Conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite() // the server may have closed already
		}
		got, err := io.ReadAll(conn)
		if timedOut(err) {
			t.Errorf("%q: neither answered nor closed", text)
		}
		// 505 says that the version is unknown, which is right.
		if bytes.HasPrefix(got, []byte("HTTP/1.1 5")) && !bytes.HasPrefix(got, []byte("HTTP/1.1 505")) {
			t.Errorf("%q was answered %.40q", text, got)
		}
	}
	r.alive(t, r.repository(t))
}

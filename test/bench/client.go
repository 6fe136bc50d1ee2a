package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// patience bounds one request, so that a server that hangs ends the run.
const patience = 2 * time.Minute

// acceptManifests is what clients send when they ask for a manifest.
const acceptManifests = "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json\r\n"

// endpoint is a server, seen from its clients.
type endpoint struct {
	name string
	host string
	auth string // value of Authorization, sent with each request as real clients do
}

// conn is one kept connection of a client that does as little as HTTP allows: on
// few cores what the client costs is taken from the server, and makes all
// servers look alike.
type conn struct {
	endpoint
	net.Conn
	in      *bufio.Reader
	out     []byte
	discard []byte
}

func (e endpoint) dial(ctx context.Context) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", e.host)
	if err != nil {
		return nil, err
	}
	return &conn{endpoint: e, Conn: c, in: bufio.NewReaderSize(c, 32<<10), discard: make([]byte, 256<<10)}, nil
}

// request is what is sent. The body is either bytes or a stream.
type request struct {
	method, path string
	contentType  string
	body         []byte
	stream       *content
	keep         bool // the answer's body is wanted
}

// response is what came back.
type response struct {
	status   int
	location string // without scheme and host
	length   int64  // of the body that was read; of HEAD what the header says
	body     []byte // if it was wanted

	declared int64
	chunked  bool
	closing  bool
}

// do sends one request and reads its answer to the end. An answer of another
// status than want is an error that quotes it.
func (c *conn) do(r request, want int) (response, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return response{}, err
	}
	if err := c.send(r); err != nil {
		return response{}, c.explain(r, err)
	}
	a, err := c.receive(r, want)
	if err != nil {
		return a, c.explain(r, err)
	}
	return a, nil
}

func (c *conn) explain(r request, err error) error {
	return fmt.Errorf("%s: %s %s: %w", c.name, r.method, r.path, err)
}

func (c *conn) send(r request) error {
	b := append(c.out[:0], r.method...)
	b = append(b, ' ')
	b = append(b, r.path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.host...)
	b = append(b, "\r\nUser-Agent: ecru-bench\r\n"...)
	if c.auth != "" {
		b = append(append(append(b, "Authorization: "...), c.auth...), "\r\n"...)
	}
	if strings.Contains(r.path, "/manifests/") && r.contentType == "" {
		b = append(b, acceptManifests...)
	}
	if r.contentType != "" {
		b = append(append(append(b, "Content-Type: "...), r.contentType...), "\r\n"...)
	}
	if r.method != "GET" && r.method != "HEAD" {
		length := int64(len(r.body))
		if r.stream != nil {
			length = r.stream.size
		}
		b = strconv.AppendInt(append(b, "Content-Length: "...), length, 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, r.body...)
	c.out = b
	if _, err := c.Write(b); err != nil || r.stream == nil {
		return err
	}
	return r.stream.writeTo(c.Conn)
}

func (c *conn) receive(r request, want int) (response, error) {
	a, err := c.readHead()
	if err != nil {
		return a, err
	}
	keep := r.keep || a.status != want
	if r.method == "HEAD" || a.status == 204 || a.status == 304 {
		a.length = a.declared
	} else if err := c.readBody(&a, keep); err != nil {
		return a, err
	}
	if a.status != want {
		return a, fmt.Errorf("status %d, not %d: %s", a.status, want, clip(a.body))
	}
	if a.closing {
		return a, errors.New("the server closes the connection")
	}
	return a, nil
}

func clip(b []byte) []byte { return b[:min(len(b), 300)] }

func (c *conn) readHead() (response, error) {
	a := response{declared: -1}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return a, fmt.Errorf("no HTTP/1.1 answer: %q", clip(line))
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return a, nil
		}
		if err := a.header(line); err != nil {
			return a, err
		}
	}
}

// header notes the few fields that matter here.
func (a *response) header(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("a header line without a colon: %q", clip(line))
	}
	var err error
	value = bytes.TrimSpace(value)
	switch {
	case len(name) == 14 && bytes.EqualFold(name, []byte("Content-Length")):
		a.declared, err = strconv.ParseInt(string(value), 10, 64)
	case len(name) == 8 && bytes.EqualFold(name, []byte("Location")):
		a.location = pathOf(string(value))
	case len(name) == 17 && bytes.EqualFold(name, []byte("Transfer-Encoding")):
		a.chunked = true
	case len(name) == 10 && bytes.EqualFold(name, []byte("Connection")):
		a.closing = bytes.EqualFold(value, []byte("close"))
	}
	return err
}

func pathOf(location string) string {
	if _, rest, ok := strings.Cut(location, "://"); ok {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:]
		}
	}
	return location
}

func (c *conn) readBody(a *response, keep bool) error {
	if a.chunked {
		return c.readChunks(a, keep)
	}
	if a.declared < 0 {
		return errors.New("an answer without a length")
	}
	return c.readPiece(a, a.declared, keep)
}

func (c *conn) readChunks(a *response, keep bool) error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if err := c.readPiece(a, size, keep); err != nil {
			return err
		}
		if _, err := c.in.Discard(2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

func (c *conn) readPiece(a *response, size int64, keep bool) error {
	if keep {
		piece := make([]byte, size)
		if _, err := io.ReadFull(c.in, piece); err != nil {
			return err
		}
		a.body = append(a.body, piece...)
		a.length += size
		return nil
	}
	for left := size; left > 0; {
		n, err := c.in.Read(c.discard[:min(left, int64(len(c.discard)))])
		left -= int64(n)
		a.length += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

package oci

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// How much of a body that nobody wants is read, and for how long. Where it is
// cheap to read it to its end that is done: clients that send first and listen
// later would otherwise see a broken connection instead of the answer.
const (
	drainSize = 16 << 20
	drainTime = 10 * time.Second
)

// settle deals with a body that will not be used. A client that stops sending
// is cut off by the server; here it is only not waited for piece by piece.
func settle(x *exchange) {
	body := x.r.Body
	if body == nil || body == http.NoBody || x.r.ContentLength > drainSize {
		return // net/http closes the connection if it must
	}
	if x.r.Header.Get("Expect") != "" && !x.began {
		return // the client waits for a word before it sends
	}
	rest := io.LimitReader(body, drainSize)
	for begin := time.Now(); time.Since(begin) < drainTime; {
		if _, err := io.CopyN(io.Discard, rest, 64<<10); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			break
		}
	}
	x.w.Header().Set("Connection", "close")
}

// exactReader fails when there is more to read than was announced.
type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if e.left -= int64(n); e.left < 0 {
		return n, errContentLength
	}
	return n, err
}

// readManifest reads a body that may be as large as a manifest.
func readManifest(x *exchange) ([]byte, error) {
	if x.r.ContentLength > registry.MaxManifestSize {
		return nil, errManifestSize
	}
	if x.r.Body == nil {
		return nil, nil
	}
	x.began = true
	payload, err := io.ReadAll(io.LimitReader(x.r.Body, registry.MaxManifestSize+1))
	switch {
	case err != nil:
		return nil, errBodyBroken
	case len(payload) > registry.MaxManifestSize:
		return nil, errManifestSize
	}
	return payload, nil
}

package oci

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const blobType = "application/octet-stream"

// headBlob says that a blob is there.
func (h *Handler) headBlob(x *exchange) error {
	if !registry.ValidDigest(x.target.ref) {
		return errDigest
	}
	b, err := h.Registry.StatBlob(x.r.Context(), x.caller, x.target.name, x.target.ref)
	if err != nil {
		return err
	}
	etag := blobHeaders(x.w.Header(), b)
	if list := x.r.Header.Get("If-None-Match"); list != "" && etagMatches(list, etag) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	x.w.Header()["Content-Length"] = []string{strconv.FormatInt(b.Size, 10)}
	x.w.WriteHeader(http.StatusOK)
	return nil
}

// blobHeaders sets what is said of a blob in any answer. The keys are written
// as they are kept, and the values share one allocation: this is a hot path.
func blobHeaders(header http.Header, b service.Blob) (etag string) {
	etag = `"` + b.Digest + `"`
	values := []string{blobType, b.Digest, etag, "bytes", "max-age=31536000, immutable"}
	header["Content-Type"] = values[0:1:1]
	header["Docker-Content-Digest"] = values[1:2:2]
	header["Etag"] = values[2:3:3]
	header["Accept-Ranges"] = values[3:4:4]
	header["Cache-Control"] = values[4:5:5]
	return etag
}

// getBlob sends a blob or a part of it.
func (h *Handler) getBlob(x *exchange) error {
	if !registry.ValidDigest(x.target.ref) {
		return errDigest
	}
	b, content, err := h.Registry.OpenBlob(x.r.Context(), x.caller, x.target.name, x.target.ref)
	if err != nil {
		return err
	}
	defer content.Close()
	return h.sendBlob(x, b, content)
}

// sendBlob sends open content, as the conditions and the range of the request
// ask for.
func (h *Handler) sendBlob(x *exchange, b service.Blob, content service.Content) error {
	header := x.w.Header()
	etag := blobHeaders(header, b)
	if list := x.r.Header.Get("If-None-Match"); list != "" && etagMatches(list, etag) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	asked := x.r.Header.Get("Range")
	if condition := x.r.Header.Get("If-Range"); condition != "" && condition != etag {
		asked = ""
	}
	part, partial, satisfiable := parseRange(asked, b.Size)
	size := strconv.FormatInt(b.Size, 10)
	if !satisfiable {
		header.Set("Content-Range", "bytes */"+size)
		header.Del("Cache-Control")
		header.Del("Etag")
		return errRange
	}
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		header.Set("Content-Range", "bytes "+strconv.FormatInt(part.start, 10)+"-"+strconv.FormatInt(part.start+part.length-1, 10)+"/"+size)
		if _, err := content.Seek(part.start, io.SeekStart); err != nil {
			return registry.Internal("reading a blob", err)
		}
	}
	header.Set("Content-Length", strconv.FormatInt(part.length, 10))
	x.w.WriteHeader(status)
	if !x.head() {
		h.copyBlob(x, b, content, part.length)
	}
	return nil
}

// copyBlob sends length bytes. The content is handed to net/http as it is: a
// file goes to the socket without passing through the process.
func (h *Handler) copyBlob(x *exchange, b service.Blob, content io.Reader, length int64) {
	_, err := io.CopyN(x.w, content, length)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		h.Logger.ErrorContext(x.r.Context(), "a blob is shorter than its record", "digest", b.Digest, "key", b.Key)
	case errors.Is(err, service.ErrDamaged):
		h.Logger.ErrorContext(x.r.Context(), "a blob is damaged", "digest", b.Digest, "key", b.Key, "error", err)
	default:
		h.Logger.DebugContext(x.r.Context(), "sending a blob broke off", "digest", b.Digest, "error", err)
	}
}

// deleteBlob takes a blob away from the repository.
func (h *Handler) deleteBlob(x *exchange) error {
	if !registry.ValidDigest(x.target.ref) {
		return errDigest
	}
	if err := h.Registry.DeleteBlob(x.r.Context(), x.caller, x.target.name, x.target.ref); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

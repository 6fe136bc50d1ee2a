package oci

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/ecru-registry/ecru/internal/service"
)

// postUpload opens an upload, or spares it: a mount that works and a blob that
// comes with the request need no session.
func (h *Handler) postUpload(x *exchange) error {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return errQuery
	}
	ctx, name := x.r.Context(), x.target.name
	if mount, from := query.Get("mount"), query.Get("from"); mount != "" && from != "" {
		b, mounted, err := h.Registry.MountBlob(ctx, x.caller, name, from, mount)
		if err != nil {
			return err
		}
		if mounted {
			created(x, b.Digest)
			return nil
		}
	} else if query.Has("digest") && mount == "" {
		return h.pushBlob(x, query)
	}
	status, err := h.Registry.StartUpload(ctx, x.caller, name)
	if err != nil {
		return err
	}
	uploadHeaders(x.w.Header(), name, status.ID, status.Size)
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

// pushBlob takes a blob in one request.
func (h *Handler) pushBlob(x *exchange, query url.Values) error {
	digests := query["digest"]
	if len(digests) != 1 {
		return errDigest
	}
	chunk, err := chunkOf(x)
	if err != nil {
		return err
	}
	b, err := h.Registry.PushBlob(x.r.Context(), x.caller, x.target.name, digests[0], chunk)
	if err != nil {
		return err
	}
	created(x, b.Digest)
	return nil
}

// getUpload says how far an upload is.
func (h *Handler) getUpload(x *exchange) error {
	status, err := h.Registry.UploadStatus(x.r.Context(), x.caller, x.target.name, x.target.ref)
	if err != nil {
		return err
	}
	uploadHeaders(x.w.Header(), x.target.name, status.ID, status.Size)
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// patchUpload adds a chunk.
func (h *Handler) patchUpload(x *exchange) error {
	chunk, err := chunkOf(x)
	if err != nil {
		return err
	}
	status, err := h.Registry.AppendUpload(x.r.Context(), x.caller, x.target.name, x.target.ref, chunk)
	if err != nil {
		return err
	}
	uploadHeaders(x.w.Header(), x.target.name, status.ID, status.Size)
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

// putUpload ends an upload, possibly with a last chunk.
func (h *Handler) putUpload(x *exchange) error {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return errQuery
	}
	if len(query["digest"]) != 1 {
		return errDigest
	}
	chunk, err := chunkOf(x)
	if err != nil {
		return err
	}
	b, err := h.Registry.CompleteUpload(x.r.Context(), x.caller, x.target.name, x.target.ref,
		service.Completion{Chunk: chunk, Digests: query["digest"]})
	if err != nil {
		return err
	}
	created(x, b.Digest)
	return nil
}

// deleteUpload cancels an upload.
func (h *Handler) deleteUpload(x *exchange) error {
	if err := h.Registry.CancelUpload(x.r.Context(), x.caller, x.target.name, x.target.ref); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// chunkOf describes the body of a request.
func chunkOf(x *exchange) (service.Chunk, error) {
	chunk := service.Chunk{Offset: service.AtEnd, Length: x.r.ContentLength}
	header := x.r.Header.Get("Content-Range")
	if header != "" {
		part, ok := parseContentRange(header)
		switch {
		case !ok:
			return chunk, errContentRange
		case chunk.Length >= 0 && chunk.Length != part.length:
			return chunk, errContentLength
		}
		chunk.Offset = part.start
	}
	if chunk.Length == 0 || x.r.Body == nil {
		return chunk, nil
	}
	x.began = true
	chunk.Body = x.r.Body
	if header != "" && chunk.Length < 0 {
		part, _ := parseContentRange(header)
		chunk.Length = part.length
		chunk.Body = &exactReader{r: chunk.Body, left: part.length}
	}
	return chunk, nil
}

// uploadHeaders says where an upload is and how far. Ranges include their last
// byte, so of nothing "0-0" is said, as ECR does.
func uploadHeaders(header http.Header, name, id string, size int64) {
	header.Set("Location", "/v2/"+name+"/blobs/uploads/"+id)
	header.Set("Docker-Upload-Uuid", id)
	header.Set("Range", "0-"+strconv.FormatInt(max(size-1, 0), 10))
}

// created answers that the repository has a blob now.
func created(x *exchange, digest string) {
	header := x.w.Header()
	header.Set("Location", "/v2/"+x.target.name+"/blobs/"+digest)
	header.Set("Docker-Content-Digest", digest)
	x.w.WriteHeader(http.StatusCreated)
}

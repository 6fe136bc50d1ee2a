package oci

import (
	"io"
	"net/http"
)

// getBase says that the API is served here, to whoever is logged in.
func (h *Handler) getBase(x *exchange) error {
	header := x.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", "2")
	x.w.WriteHeader(http.StatusOK)
	if !x.head() {
		_, _ = io.WriteString(x.w, "{}") // who does not read it is gone
	}
	return nil
}

package oci

import (
	"net/http"

	"github.com/ecru-registry/ecru/internal/registry"
)

type catalog struct {
	Repositories []string `json:"repositories"`
}

// getCatalog lists, by name, the repositories of the registry that the caller
// may see. A page may hold fewer than were asked for and still have a next.
func (h *Handler) getCatalog(x *exchange) error {
	p, _, err := parsePage(x.r.URL, maxPage)
	if err != nil {
		return err
	}
	found, next, err := h.Registry.Catalog(x.r.Context(), x.caller, p.last, p.size)
	if registry.CodeOf(err) == registry.CodeInvalidParameter {
		return errPageStart
	}
	if err != nil {
		return err
	}
	if next != "" {
		linkNext(x, p.size, next, nil)
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].Name
	}
	writeJSON(x, http.StatusOK, "application/json", catalog{names})
	return nil
}

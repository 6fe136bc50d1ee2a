package oci

import "net/http"

type catalog struct {
	Repositories []string `json:"repositories"`
}

// getCatalog lists the repositories of the registry by name.
func (h *Handler) getCatalog(x *exchange) error {
	p, _, err := parsePage(x.r.URL, maxPage)
	if err != nil {
		return err
	}
	found, err := h.Registry.ListRepositories(x.r.Context(), x.caller, p.last, p.size+1)
	if err != nil {
		return err
	}
	if len(found) > p.size {
		found = found[:p.size]
		if p.size > 0 {
			linkNext(x, p.size, found[p.size-1].Name, nil)
		}
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].Name
	}
	writeJSON(x, http.StatusOK, "application/json", catalog{names})
	return nil
}

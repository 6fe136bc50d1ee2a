package oci

import "net/http"

type tagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// getTags lists tags in bytewise order.
func (h *Handler) getTags(x *exchange) error {
	p, _, err := parsePage(x.r.URL, maxPage)
	if err != nil {
		return err
	}
	// One more than wanted tells whether there is a next page, and asking for
	// none still tells whether there is a repository.
	tags, err := h.Registry.ListTags(x.r.Context(), x.caller, x.target.name, p.last, p.size+1)
	if err != nil {
		return err
	}
	if len(tags) > p.size {
		tags = tags[:p.size]
		if p.size > 0 {
			linkNext(x, p.size, tags[p.size-1], nil)
		}
	}
	if tags == nil {
		tags = []string{}
	}
	writeJSON(x, http.StatusOK, "application/json", tagList{x.target.name, tags})
	return nil
}

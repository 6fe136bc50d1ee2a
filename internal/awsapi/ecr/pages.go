package ecr

import (
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
)

// defaultPage is how many items a page has when the client does not say.
const defaultPage = 100

// page reads the paging members of an input. The scope is all that decides
// what the list holds: a token is good for that list alone.
func (h *handlers) page(operation string, token *string, size *int32, scope ...string) (pagetoken.Page, error) {
	p, err := h.pages.Page(pagetoken.List{Operation: operation, Scope: scope}, token, size, defaultPage)
	if err != nil {
		err = registry.InvalidParameter("nextToken", "Invalid pagination token")
	}
	return p, err
}

package eventbridge

import (
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
)

// maxPage is how many items a page has at most, and when the client does not
// say.
const maxPage = 100

// page reads the paging members of an input. The scope is all that decides
// what the list holds, the account first: a token is good for that list alone.
func (h *handlers) page(operation string, token *string, size *int32, scope ...string) (pagetoken.Page, error) {
	p, err := h.pages.Page(pagetoken.List{Operation: operation, Scope: scope}, token, size, maxPage)
	if err != nil {
		err = registry.InvalidNextToken()
	}
	return p, err
}

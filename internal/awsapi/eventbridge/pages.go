package eventbridge

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/registry"
)

// maxPage is how many items a page has at most, and when the client does not
// say.
const maxPage = 100

// page is the part of a list that a request asks for.
type page struct {
	list   pagetoken.List
	size   int
	cursor string // where it begins; empty at the start
}

// page reads the paging members of an input. The scope is all that decides
// what the list holds, the account first: a token is good for that list alone.
func (h *handlers) page(operation string, token *string, size *int32, scope ...string) (page, error) {
	p := page{list: pagetoken.List{Operation: operation, Scope: scope}, size: maxPage}
	if size != nil {
		p.size = int(*size)
	}
	if aws.ToString(token) == "" {
		return p, nil
	}
	var err error
	if p.cursor, err = h.pages.Open(p.list, *token); err != nil {
		return p, registry.InvalidNextToken()
	}
	return p, nil
}

// cut takes a page out of items, which were fetched with one more than fits,
// and answers the token of the next page where there is one.
func cut[T any](h *handlers, p page, items []T, cursor func(T) string) ([]T, *string) {
	if len(items) <= p.size {
		return items, nil
	}
	items = items[:p.size]
	token := h.pages.Seal(p.list, cursor(items[p.size-1]))
	return items, &token
}

package pagetoken

// Page is the part of a list that a request asks for.
type Page struct {
	List   List
	Size   int
	Cursor string // where it begins; empty at the start
}

// Page reads the paging members of an input; without a size the page has most
// items. Errors: ErrInvalid.
func (c *Codec) Page(l List, token *string, size *int32, most int) (Page, error) {
	p := Page{List: l, Size: most}
	if size != nil {
		p.Size = int(*size)
	}
	if token == nil || *token == "" {
		return p, nil
	}
	var err error
	p.Cursor, err = c.Open(l, *token)
	return p, err
}

// Cut takes a page out of items, which were fetched with one more than fits,
// and answers the token of the next page where there is one.
func Cut[T any](c *Codec, p Page, items []T, cursor func(T) string) ([]T, *string) {
	if len(items) <= p.Size {
		return items, nil
	}
	items = items[:p.Size]
	token := c.Seal(p.List, cursor(items[p.Size-1]))
	return items, &token
}

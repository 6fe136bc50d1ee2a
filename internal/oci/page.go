package oci

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPage is the size of a page when the client names none or a larger one.
const maxPage = 1000

// page is the part of a list that a client asks for.
type page struct {
	size int
	last string // the last entry of the page before
}

// parsePage reads n and last, and answers the whole query as well.
func parsePage(u *url.URL, most int) (page, url.Values, error) {
	if u.RawQuery == "" {
		return page{size: most}, nil, nil
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return page{}, nil, errQuery
	}
	p := page{size: most, last: query.Get("last")}
	if !storable(p.last) {
		return page{}, nil, errPageStart
	}
	if query.Has("n") {
		n, ok := parseOffset(query.Get("n"))
		if !ok {
			return page{}, nil, errPageSize
		}
		p.size = int(min(n, int64(most)))
	}
	return p, query, nil
}

// storable says whether every database takes s as text.
func storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// linkNext points at the page after the one that ends with last.
func linkNext(x *exchange, size int, last string, filters url.Values) {
	query := url.Values{"n": {strconv.Itoa(size)}, "last": {last}}
	for key, values := range filters {
		query[key] = values
	}
	// What is left of the path after routing needs no escaping but a colon's,
	// and that is fine where it stands.
	x.w.Header().Set("Link", "<"+x.r.URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
}

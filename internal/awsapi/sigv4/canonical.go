package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the text that client and server both hash.
func canonicalRequest(r *http.Request, sig signature, payload string) ([]byte, error) {
	query, err := canonicalQuery(r.URL.RawQuery, sig.presigned)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, 1024)
	b = append(append(b, r.Method...), '\n')
	b = append(appendPath(b, r.URL.EscapedPath()), '\n')
	b = append(append(b, query...), '\n')
	for _, name := range sig.signedHeaders {
		b = append(append(b, name...), ':')
		b = append(appendHeader(b, r, name), '\n')
	}
	b = append(b, '\n')
	b = append(append(b, strings.Join(sig.signedHeaders, ";")...), '\n')
	return append(b, payload...), nil
}

// appendPath escapes the path once more over the escapes that it has, as all
// services but S3 do.
func appendPath(b []byte, path string) []byte {
	if path == "" {
		return append(b, '/')
	}
	return appendEscaped(b, path, '/')
}

func appendEscaped(b []byte, s string, keep byte) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == keep && keep != 0:
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&0xf])
		}
	}
	return b
}

// canonicalQuery escapes and sorts the parameters; the signature itself
// cannot be among them.
func canonicalQuery(raw string, presigned bool) (string, error) {
	if raw == "" {
		return "", nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", incomplete("The query string is malformed.")
	}
	type pair struct{ name, value string }
	var pairs []pair
	for name, all := range values {
		if presigned && name == "X-Amz-Signature" {
			continue
		}
		for _, value := range all {
			pairs = append(pairs, pair{string(appendEscaped(nil, name, 0)), string(appendEscaped(nil, value, 0))})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.name + "=" + p.value
	}
	return strings.Join(parts, "&"), nil
}

// appendHeader writes the values of a header, joined by commas, with runs of
// spaces made one. net/http keeps Host, and may keep Content-Length, apart.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	if name == "host" {
		return appendTrimmed(b, r.Host)
	}
	values := r.Header.Values(name)
	if len(values) == 0 && name == "content-length" && r.ContentLength >= 0 {
		return strconv.AppendInt(b, r.ContentLength, 10)
	}
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, value)
	}
	return b
}

func appendTrimmed(b []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' { // trimmed: a space is never first
			continue
		}
		b = append(b, value[i])
	}
	return b
}

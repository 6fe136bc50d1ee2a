package oci

import (
	"math"
	"strconv"
	"strings"
)

// span is a part of a blob.
type span struct {
	start, length int64
}

// parseRange reads a Range header for content of a size. It answers partial
// when one range is to be sent, and satisfiable unless the answer is 416.
// Several ranges, another unit and any range of nothing at all give the whole,
// as RFC 9110 allows; what is no range is refused like one out of bounds.
func parseRange(header string, size int64) (part span, partial, satisfiable bool) {
	whole := span{0, size}
	set, ok := strings.CutPrefix(header, "bytes=")
	if header == "" || size == 0 || !ok && strings.Contains(header, "=") || strings.Contains(set, ",") {
		return whole, false, true
	}
	first, last, dash := strings.Cut(strings.TrimSpace(set), "-")
	if !ok || !dash {
		return whole, false, false
	}
	if first == "" {
		n, ok := parseOffset(last)
		if !ok || n == 0 {
			return whole, false, false
		}
		n = min(n, size)
		return span{size - n, n}, true, true
	}
	from, ok := parseOffset(first)
	if !ok || from >= size {
		return whole, false, false
	}
	to := size - 1
	if last != "" {
		if to, ok = parseOffset(last); !ok || to < from {
			return whole, false, false
		}
		to = min(to, size-1)
	}
	return span{from, to - from + 1}, true, true
}

// parseOffset reads digits; what is too large for us is as large as can be.
func parseOffset(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64 - 1, true
	}
	return n, true
}

// parseContentRange reads the Content-Range of a chunk: "<first>-<last>", with
// the "bytes " and "/<size>" of RFC 9110 tolerated.
func parseContentRange(header string) (part span, ok bool) {
	header = strings.TrimSpace(strings.TrimPrefix(header, "bytes "))
	header, size, sized := strings.Cut(header, "/")
	if sized && size != "*" {
		if _, ok := parseOffset(size); !ok {
			return span{}, false
		}
	}
	first, last, ok := strings.Cut(header, "-")
	if !ok {
		return span{}, false
	}
	from, ok1 := parseOffset(first)
	to, ok2 := parseOffset(last)
	if !ok1 || !ok2 || to < from || to >= math.MaxInt64-1 {
		return span{}, false
	}
	return span{from, to - from + 1}, true
}

// etagMatches says whether a list of entity tags, as of If-None-Match, has one.
func etagMatches(list, etag string) bool {
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimPrefix(strings.TrimSpace(entry), "W/")
		if entry == etag || entry == "*" {
			return true
		}
	}
	return false
}

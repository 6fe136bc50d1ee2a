package pattern

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// test decides about one value that is no container.
type test interface {
	accepts(*node) bool
}

// field is a field of a pattern: its names, and what its value may be.
type field struct {
	path  string // each name with a dot before it
	names []string
	tests []test
	// absent is whether it may be missing.
	absent bool
}

func newField(path string) *field {
	return &field{path: path, names: strings.Split(path[1:], ".")}
}

func (f *field) accept(t test) { f.tests = append(f.tests, t) }

func (f *field) addExact(texts []string) {
	if len(texts) > 0 {
		f.accept(newOneOf(texts))
	}
}

func (f *field) accepts(n *node) bool {
	for _, t := range f.tests {
		if t.accepts(n) {
			return true
		}
	}
	return false
}

// oneOf is one of some strings.
type oneOf struct {
	texts []string
	set   map[string]bool // in place of texts if they are many
}

func newOneOf(texts []string) oneOf {
	const few = 8
	if len(texts) <= few {
		return oneOf{texts: texts}
	}
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return oneOf{set: set}
}

func (o oneOf) accepts(n *node) bool {
	if n.kind != stringKind {
		return false
	}
	return slices.Contains(o.texts, n.text) || o.set[n.text]
}

// literal is null, true or false.
type literal struct {
	kind kind
}

func (l literal) accepts(n *node) bool { return n.kind == l.kind }

// equal is a number.
type equal struct {
	number number
}

func (e equal) accepts(n *node) bool {
	return n.kind == numberKind && parseNumber(n.text).compare(e.number) == 0
}

// interval is a range of numbers, which may lack either end.
type interval struct {
	low, high         *number
	openLow, openHigh bool
}

func (i interval) accepts(n *node) bool {
	if n.kind != numberKind {
		return false
	}
	value := parseNumber(n.text)
	if i.low != nil {
		if by := value.compare(*i.low); by < 0 || (by == 0 && i.openLow) {
			return false
		}
	}
	if i.high != nil {
		if by := value.compare(*i.high); by > 0 || (by == 0 && i.openHigh) {
			return false
		}
	}
	return true
}

// present is any value.
type present struct{}

func (present) accepts(*node) bool { return true }

// anythingBut is any value that none of the tests accepts, whatever its type.
type anythingBut struct {
	tests []test
}

func (a anythingBut) accepts(n *node) bool {
	for _, t := range a.tests {
		if t.accepts(n) {
			return false
		}
	}
	return true
}

// side is where a text is compared.
type side uint8

const (
	whole side = iota
	front
	back
)

// affix is a text that strings begin or end with.
type affix struct {
	at   side
	text string
}

func (a affix) accepts(n *node) bool {
	if n.kind != stringKind {
		return false
	}
	if a.at == front {
		return strings.HasPrefix(n.text, a.text)
	}
	return strings.HasSuffix(n.text, a.text)
}

// caseless is a text in small or capital letters.
type caseless struct {
	at      side
	letters []letter
}

type letter struct {
	as, lower, upper rune
}

func newCaseless(at side, text string) caseless {
	c := caseless{at: at}
	for _, r := range text {
		c.letters = append(c.letters, letter{r, unicode.ToLower(r), unicode.ToUpper(r)})
	}
	return c
}

func (c caseless) accepts(n *node) bool {
	if n.kind != stringKind {
		return false
	}
	text := n.text
	if c.at == back {
		for _, l := range slices.Backward(c.letters) {
			r, size := utf8.DecodeLastRuneInString(text)
			if size == 0 || !l.is(r) {
				return false
			}
			text = text[:len(text)-size]
		}
		return true
	}
	for _, l := range c.letters {
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 || !l.is(r) {
			return false
		}
		text = text[size:]
	}
	return c.at == front || text == ""
}

func (l letter) is(r rune) bool { return r == l.as || r == l.lower || r == l.upper }

// network is a range of addresses.
type network struct {
	prefix netip.Prefix
}

func (w network) accepts(n *node) bool {
	if n.kind != stringKind {
		return false
	}
	ip, _, ok := parseAddress(n.text)
	return ok && w.prefix.Contains(ip)
}

// parseAddress reads an address. What does not even look like one is not
// known. Addresses of IPv4 may have leading zeros and stay decimal, and those
// that are written as IPv6 are of IPv4 nevertheless.
func parseAddress(text string) (ip netip.Addr, known, ok bool) {
	if strings.Contains(text, ":") {
		if strings.Trim(text, "0123456789abcdefABCDEF:") != "" {
			return netip.Addr{}, false, false
		}
		ip, err := netip.ParseAddr(text)
		return ip.Unmap(), true, err == nil
	}
	parts := strings.SplitN(text, ".", 5)
	if len(parts) != 4 || slices.Contains(parts, "") || strings.Trim(text, "0123456789.") != "" {
		return netip.Addr{}, false, false
	}
	var bytes [4]byte
	for i, part := range parts {
		value, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}, true, false
		}
		bytes[i] = byte(value)
	}
	return netip.AddrFrom4(bytes), true, true
}

func versionOf(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}

package pattern

import (
	"cmp"
	"strings"
)

// number is a JSON number by its value, whatever its spelling and however many
// digits it has: 0.digits rest × 10^exponent. The digits are nineteen, from
// the first that is not zero; zero is the only number without.
type number struct {
	negative bool
	exponent int
	digits   uint64
	rest     string
}

const (
	heldDigits = 19
	// furthest is where exponents stop growing. Numbers that far out are
	// one and the same.
	furthest = 1 << 40
)

// parseNumber reads a number that scanNumber has been over.
func parseNumber(text string) number {
	var n number
	text, n.negative = strings.CutPrefix(text, "-")
	var count, i int
	var rest []byte
	pastPoint := false
digits:
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '.':
			pastPoint = true
			continue
		case c|0x20 == 'e':
			break digits
		case c == '0' && count == 0:
			if pastPoint {
				n.exponent--
			}
			continue
		case count < heldDigits:
			n.digits = n.digits*10 + uint64(c-'0')
		default:
			rest = append(rest, c)
		}
		count++
		if !pastPoint {
			n.exponent++
		}
	}
	if count == 0 {
		return number{}
	}
	for ; count < heldDigits; count++ {
		n.digits *= 10
	}
	n.exponent += parseExponent(text[i:])
	n.rest = strings.TrimRight(string(rest), "0")
	return n
}

func parseExponent(text string) int {
	value, negative := 0, false
	for _, c := range []byte(text) {
		switch {
		case c == '-':
			negative = true
		case isDigit(c):
			value = min(value*10+int(c-'0'), furthest)
		}
	}
	if negative {
		return -value
	}
	return value
}

func (n number) sign() int {
	switch {
	case n.digits == 0:
		return 0
	case n.negative:
		return -1
	default:
		return 1
	}
}

// compare answers -1, 0 or 1.
func (n number) compare(other number) int {
	if by := cmp.Compare(n.sign(), other.sign()); by != 0 {
		return by
	}
	return n.sign() * cmp.Or(
		cmp.Compare(n.exponent, other.exponent),
		cmp.Compare(n.digits, other.digits),
		strings.Compare(n.rest, other.rest),
	)
}

// comparable says whether a pattern may compare with the number, which is to
// be from -5e9 to 5e9.
func (n number) comparable() bool {
	n.negative = false
	return n.compare(parseNumber("5e9")) <= 0
}

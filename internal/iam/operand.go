package iam

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// number is a number of a condition: a whole one exactly, others as floats.
type number struct {
	whole   int64
	float   float64
	isWhole bool
}

func parseNumber(s string) (number, bool) {
	if strings.Trim(s, "+-.0123456789eE") != "" {
		return number{}, false // ParseFloat takes hexadecimal, infinity and others
	}
	if whole, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{whole: whole, float: float64(whole), isWhole: true}, true
	}
	float, err := strconv.ParseFloat(s, 64)
	return number{float: float}, err == nil
}

func (n number) compare(other number) int {
	if n.isWhole && other.isWhole {
		return order(n.whole, other.whole)
	}
	return order(n.float, other.float)
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// parseMoment reads a date in one of the forms of W3C's profile of ISO 8601, or
// in seconds since 1970. Four digits are a year.
func parseMoment(s string) (time.Time, bool) {
	if len(s) != 4 && s != "" && len(s) <= 12 && strings.Trim(s, "0123456789") == "" {
		seconds, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(seconds, 0), err == nil
	}
	if len(s) > 40 {
		return time.Time{}, false
	}
	for _, layout := range [...]string{
		time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseTruth reads a boolean as conditions have it.
func parseTruth(s string) (truth, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseNetwork reads a CIDR block or a single address.
func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		address, err := netip.ParseAddr(s)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, errors.New("is neither an IP address nor a CIDR block")
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("is neither an IP address nor a CIDR block")
	}
	if mapped := network.Bits() - 96; network.Addr().Is4In6() && mapped >= 0 {
		network = netip.PrefixFrom(network.Addr().Unmap(), mapped)
	}
	return network, nil
}

// arnFields is how many parts, divided by colons, an ARN has.
const arnFields = 6

// arnPattern compares ARNs field by field, so that a wildcard of one does not
// reach into the next.
type arnPattern struct {
	fields []glob // of a pattern without variables
	whole  glob   // otherwise
}

func compileARN(pattern string, variables bool) (arnPattern, error) {
	g, err := compileGlob(pattern, true, variables)
	if err != nil {
		return arnPattern{}, err
	}
	if g.conditional() {
		return arnPattern{whole: g}, nil
	}
	pieces, err := splitPieces(pattern, true, variables)
	if err != nil {
		return arnPattern{}, err
	}
	fields := arnGlobs(pieces[0].text)
	if fields == nil {
		return arnPattern{}, errors.New("is not an ARN")
	}
	return arnPattern{fields: fields}, nil
}

// arnGlobs compiles the fields of a marked pattern. One that ends early with a
// star goes on with stars; nil is for what is no pattern of ARNs.
func arnGlobs(marked string) []glob {
	texts := strings.SplitN(marked, ":", arnFields)
	if len(texts) < arnFields && !strings.HasSuffix(marked, manyMark) {
		return nil
	}
	for len(texts) < arnFields {
		texts = append(texts, manyMark)
	}
	fields := make([]glob, 0, arnFields)
	for _, text := range texts {
		fields = append(fields, markedGlob(text))
	}
	return fields
}

func (a *arnPattern) match(value string, v values) bool {
	fields := a.fields
	if fields == nil {
		if fields = arnGlobs(a.whole.expand(v)); fields == nil {
			return false
		}
	}
	if strings.Count(value, ":") < arnFields-1 {
		return false
	}
	for i := range fields {
		field := value
		if i < arnFields-1 {
			field, value, _ = strings.Cut(value, ":")
		}
		if !fields[i].match(field, nil) {
			return false
		}
	}
	return true
}

// checkResource says what is wrong with a pattern of resources: it must be "*"
// or an ARN, which may end early with a star.
func checkResource(pattern string) error {
	if pattern == "*" {
		return nil
	}
	if !strings.HasPrefix(pattern, "arn:") {
		return errors.New(`must be an ARN or "*"`)
	}
	if strings.Count(pattern, ":") < arnFields-1 && !strings.HasSuffix(pattern, "*") {
		return errors.New("is not a whole ARN")
	}
	return nil
}

package pattern

import (
	"fmt"
	"strconv"
	"strings"
)

const onlyOneKey = "Only one key allowed in match expression"

// expression reads the rest of one match expression, {"operator": operand}.
func (c *compiler) expression(f *field, wildcards *progress) {
	if c.next() != fieldName {
		c.fail("Match expression name not found")
		return
	}
	switch name := c.name; name {
	case "exactly":
		f.addExact([]string{c.operand("exact match pattern must be a string")})
	case "prefix", "suffix":
		f.accept(c.affix(name))
	case "equals-ignore-case":
		f.accept(newCaseless(whole, c.operand("equals-ignore-case match pattern must be a string")))
	case "numeric":
		f.accept(c.numeric())
	case "anything-but":
		f.accept(c.anythingBut(wildcards))
	case "exists":
		c.exists(f)
	case "cidr":
		f.accept(c.cidr())
	case "wildcard":
		f.accept(c.wildcard(wildcards))
	default:
		c.fail("Unrecognized match type " + name)
	}
}

// operand reads a string that ends the expression; another token is refused
// with the problem.
func (c *compiler) operand(problem string) string {
	text := c.stringOr(c.next(), problem)
	c.expect(endObject, onlyOneKey)
	return text
}

func (c *compiler) stringOr(t token, problem string) string {
	if t != stringToken {
		c.fail(problem)
		return ""
	}
	return c.string()
}

func (c *compiler) expect(t token, problem string) {
	if c.next() != t {
		c.fail(problem)
	}
}

// affix reads prefix or suffix, which may ignore case.
func (c *compiler) affix(name string) test {
	at := front
	if name == "suffix" {
		at = back
	}
	t := c.next()
	if t != startObject {
		text := c.stringOr(t, name+" match pattern must be a string")
		c.expect(endObject, onlyOneKey)
		return affix{at, text}
	}
	if c.next() != fieldName {
		c.fail(strings.ToUpper(name[:1]) + name[1:] + " expression name not found")
	}
	if c.name != "equals-ignore-case" {
		c.fail("Unsupported " + name + " pattern: " + c.name)
	}
	text := c.operand("equals-ignore-case match pattern must be a string")
	c.expect(endObject, onlyOneKey)
	return newCaseless(at, text)
}

func (c *compiler) exists(f *field) {
	switch c.next() {
	case trueToken:
		f.accept(present{})
	case falseToken:
		f.absent = true
	default:
		c.fail("exists match pattern must be either true or false.")
	}
	c.expect(endObject, onlyOneKey)
}

func (c *compiler) cidr() test {
	// Not our slip: EventBridge speaks of a prefix here.
	text := c.stringOr(c.next(), "prefix match pattern must be a string")
	network, problem := parseNetwork(text)
	if problem != "" {
		c.failWithout(problem)
	}
	c.expect(endObject, onlyOneKey)
	return network
}

func (c *compiler) wildcard(all *progress) test {
	w := c.parseWildcard(c.stringOr(c.next(), "wildcard match pattern must be a string"))
	all.add([]wildcard{w})
	c.expect(endObject, onlyOneKey)
	return w
}

func (c *compiler) parseWildcard(text string) wildcard {
	w, problem := parseWildcard(text)
	if problem != "" {
		c.fail(problem)
		return wildcard{parts: []string{""}}
	}
	return w
}

const tooManyElements = "Too many elements in numeric expression"

// numeric reads ["=", 1], ["<", 1] and the like, or [">", 1, "<", 2].
func (c *compiler) numeric() test {
	c.expect(startArray, "Value of numeric must be an array.")
	if c.next() != stringToken {
		c.fail("Invalid member in numeric match: " + c.string())
	}
	var r interval
	operator := c.string()
	t := c.next()
	switch operator {
	case "=":
		low := c.bound(t, "equals")
		c.expect(endArray, tooManyElements)
		r.low, r.high = low, low
	case "<", "<=":
		r.high, r.openHigh = c.bound(t, operator), operator == "<"
		c.expect(endArray, tooManyElements)
	case ">", ">=":
		low := c.bound(t, operator)
		r.low, r.openLow = low, operator == ">"
		if t := c.next(); t != endArray {
			c.upper(t, &r)
		}
	default:
		c.fail("Unrecognized numeric range operator: " + operator)
	}
	// EventBridge reads to the end before it looks at the values.
	c.checkBounds(r)
	c.expect(endObject, tooManyElements)
	return r
}

func (c *compiler) bound(t token, of string) *number {
	if !t.number() {
		c.fail("Value of " + of + " must be numeric")
		return nil
	}
	n := parseNumber(c.text)
	return &n
}

// upper reads the upper end of a range.
func (c *compiler) upper(t token, r *interval) {
	if t != stringToken {
		c.fail("Bad value in numeric range: " + c.string())
	}
	operator := c.string()
	if operator != "<" && operator != "<=" {
		c.fail("Bad numeric range operator: " + operator)
	}
	r.high, r.openHigh = c.bound(c.next(), operator), operator == "<"
	c.expect(endArray, "Too many terms in numeric range expression")
}

func (c *compiler) checkBounds(r interval) {
	for _, n := range []*number{r.low, r.high} {
		if n != nil && !n.comparable() {
			c.fail(outOfBounds)
		}
	}
	if r.low != nil && r.high != nil && r.low != r.high && r.low.compare(*r.high) >= 0 {
		c.fail("Bottom must be less than top")
	}
}

const outOfBounds = "Value must be between -5.0E9 and 5.0E9, inclusive"

// anythingBut reads what a value must not be.
func (c *compiler) anythingBut(wildcards *progress) test {
	operator := ""
	t := c.next()
	if t == startObject {
		if c.next() != fieldName {
			c.fail("Anything-But expression name not found")
		}
		switch operator = c.name; operator {
		case "prefix", "suffix", "equals-ignore-case", "wildcard":
		default:
			c.fail("Unsupported anything-but pattern: " + operator)
		}
		t = c.next()
	}
	but := exclusion{operator: operator}
	switch t {
	case startArray:
		c.excludedList(&but)
	case stringToken, numberToken:
		c.excluded(t, &but)
	default:
		c.fail("Value of anything-but must be an array or single string/number value.")
	}
	c.expect(endObject, tooManyElements)
	if operator != "" {
		c.expect(endObject, tooManyElements)
	}
	if len(but.wildcards) > 0 {
		wildcards.add(but.wildcards)
	}
	return anythingBut{but.tests}
}

// exclusion is what anything-but collects.
type exclusion struct {
	operator         string
	tests            []test
	wildcards        []wildcard
	strings, numbers int
}

// excludedList reads a list. EventBridge catches errors within lists and says
// a second time where they are.
func (c *compiler) excludedList(but *exclusion) {
	before := c.err
	for t := c.next(); t != endArray && c.err == nil; t = c.next() {
		c.excluded(t, but)
	}
	if c.err != nil && before == nil {
		problem := c.err.Error()
		c.err = nil
		c.fail(problem)
	}
	if but.operator == "" && (but.strings > 0) == (but.numbers > 0) {
		c.fail("Inside anything but list, either all values are number or string, mixed type is not supported")
	}
}

// excluded takes one value, alone or of a list.
func (c *compiler) excluded(t token, but *exclusion) {
	switch {
	case but.operator == "" && t.number():
		n := parseNumber(c.text)
		if !n.comparable() {
			c.failWithout(outOfBounds)
		}
		but.numbers++
		but.tests = append(but.tests, equal{n})
		return
	case t != stringToken:
		c.fail(wrongTypeIn(but.operator))
		return
	}
	text := c.string()
	but.strings++
	switch but.operator {
	case "":
		but.tests = append(but.tests, newOneOf([]string{text}))
	case "equals-ignore-case":
		but.tests = append(but.tests, newCaseless(whole, text))
	case "wildcard":
		w := c.parseWildcard(text)
		but.wildcards = append(but.wildcards, w)
		but.tests = append(but.tests, w)
	default:
		if text == "" {
			c.fail("Null prefix/suffix not allowed")
		}
		at := front
		if but.operator == "suffix" {
			at = back
		}
		but.tests = append(but.tests, affix{at, text})
	}
}

func wrongTypeIn(operator string) string {
	switch operator {
	case "":
		return "Inside anything but list, start|null|boolean is not supported."
	case "equals-ignore-case":
		return "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
	case "wildcard":
		return "wildcard match pattern must be a string"
	default:
		return "prefix/suffix match pattern must be a string"
	}
}

// parseNetwork reads an address range. It answers what is wrong with it, ""
// if nothing is.
func parseNetwork(text string) (n network, problem string) {
	parts := strings.Split(strings.TrimRight(text, "/"), "/")
	if len(parts) != 2 {
		return network{}, "Malformed CIDR, one '/' required"
	}
	address := parts[0]
	mask, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		return network{}, "Malformed CIDR, mask bits must be an integer"
	}
	if mask < 0 {
		return network{}, "Malformed CIDR, mask bits must not be negative"
	}
	ip, known, ok := parseAddress(address)
	switch {
	case !known:
		return network{}, "Nonstandard IP address: " + address
	case !ok:
		return network{}, "Invalid IP address: " + address
	case int(mask) >= ip.BitLen():
		return network{}, fmt.Sprintf("IPv%d mask bits must be < %d", versionOf(ip), ip.BitLen())
	}
	prefix, _ := ip.Prefix(int(mask)) // the bits are in range
	return network{prefix}, ""
}

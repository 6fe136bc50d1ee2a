package iam

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// condition is one key of one operator of a Condition block.
type condition struct {
	key        string // lower-case
	comparison comparison
	qualifier  qualifier
	negated    bool
	ifExists   bool
	operands   operands
}

// qualifier is how an operator treats keys of several values.
type qualifier int

const (
	unqualified qualifier = iota
	forAll
	forAny
)

// comparison is what an operator compares as; operators that are each other's
// negation share one.
type comparison int

const (
	stringEquals comparison = iota
	stringEqualsFold
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolEquals
	binaryEquals
	inNetwork
	arnLike
	isNull
)

// operator is how a name in a Condition block is meant.
type operator struct {
	comparison comparison
	negated    bool
}

// operators are all operators by their lower-case names.
var operators = map[string]operator{
	"stringequals":              {stringEquals, false},
	"stringnotequals":           {stringEquals, true},
	"stringequalsignorecase":    {stringEqualsFold, false},
	"stringnotequalsignorecase": {stringEqualsFold, true},
	"stringlike":                {stringLike, false},
	"stringnotlike":             {stringLike, true},
	"numericequals":             {numericEquals, false},
	"numericnotequals":          {numericEquals, true},
	"numericlessthan":           {numericLess, false},
	"numericlessthanequals":     {numericLessEquals, false},
	"numericgreaterthan":        {numericGreater, false},
	"numericgreaterthanequals":  {numericGreaterEquals, false},
	"dateequals":                {dateEquals, false},
	"datenotequals":             {dateEquals, true},
	"datelessthan":              {dateLess, false},
	"datelessthanequals":        {dateLessEquals, false},
	"dategreaterthan":           {dateGreater, false},
	"dategreaterthanequals":     {dateGreaterEquals, false},
	"bool":                      {boolEquals, false},
	"binaryequals":              {binaryEquals, false},
	"ipaddress":                 {inNetwork, false},
	"notipaddress":              {inNetwork, true},
	"arnequals":                 {arnLike, false},
	"arnlike":                   {arnLike, false},
	"arnnotequals":              {arnLike, true},
	"arnnotlike":                {arnLike, true},
	"null":                      {isNull, false},
}

// parseConditions reads a Condition block.
func parseConditions(n node, variables bool) ([]condition, error) {
	if n.kind != objectNode {
		return nil, errors.New("Condition must be an object")
	}
	var all []condition
	for _, block := range n.members {
		form, err := parseOperator(block.key)
		if err != nil {
			return nil, err
		}
		if block.value.kind != objectNode || len(block.value.members) == 0 {
			return nil, fmt.Errorf("Condition.%s must be an object of condition keys", block.key)
		}
		for _, m := range block.value.members {
			c, err := form.withKey(m, variables)
			if err != nil {
				return nil, fmt.Errorf("Condition.%s: %s: %w", block.key, quote(m.key), err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// parseOperator reads what stands before the keys: qualifier, operator and
// IfExists.
func parseOperator(written string) (condition, error) {
	var c condition
	name := strings.ToLower(written)
	if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		name, c.qualifier = rest, forAll
	} else if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		name, c.qualifier = rest, forAny
	}
	name, c.ifExists = strings.CutSuffix(name, "ifexists")
	o, ok := operators[name]
	if !ok || o.comparison == isNull && (c.ifExists || c.qualifier != unqualified) {
		return c, fmt.Errorf("%s is not a condition operator", quote(written))
	}
	c.comparison, c.negated = o.comparison, o.negated
	return c, nil
}

func (c condition) withKey(m member, variables bool) (condition, error) {
	prefix, name, ok := strings.Cut(m.key, ":")
	if !ok || prefix == "" || name == "" || len(m.key) > 1024 {
		return c, errors.New("is not a condition key")
	}
	c.key = strings.ToLower(m.key)
	texts, err := operandTexts(m.value)
	if err != nil {
		return c, err
	}
	for _, text := range texts {
		if err := c.operands.add(c.comparison, text, variables); err != nil {
			return c, fmt.Errorf("%s %w", quote(text), err)
		}
	}
	return c, nil
}

// operandTexts answers the values of a key, which may be written as numbers and
// booleans too.
func operandTexts(n node) ([]string, error) {
	items := n.items
	if n.kind != listNode {
		items = []node{n}
	}
	if len(items) == 0 {
		return nil, errors.New("has no values")
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		switch item.kind {
		case textNode, numberNode, boolNode:
			texts = append(texts, item.text)
		default:
			return nil, errors.New("must have a string, a number, a boolean, or a list of them")
		}
	}
	return texts, nil
}

// holds compares the request's values of the key. A missing key satisfies what
// is negated or asks of all values, and nothing else unless IfExists says so.
func (c *condition) holds(v values) bool {
	given := v[c.key]
	switch {
	case c.comparison == isNull:
		return c.operands.wantsNull(len(given) == 0)
	case len(given) == 0:
		return c.ifExists || c.qualifier == forAll || c.qualifier == unqualified && c.negated
	}
	switch c.qualifier {
	case forAll:
		for _, value := range given {
			if c.operands.match(c.comparison, value, v) == c.negated {
				return false
			}
		}
		return true
	case forAny:
		for _, value := range given {
			if c.operands.match(c.comparison, value, v) != c.negated {
				return true
			}
		}
		return false
	default: // unqualified
		for _, value := range given {
			if c.operands.match(c.comparison, value, v) {
				return !c.negated
			}
		}
		return c.negated
	}
}

// operands are the values that a policy gives for a key, by what they are
// compared as; any of them will do.
type operands struct {
	globs    []glob
	texts    []string
	numbers  []number
	moments  []time.Time
	networks []netip.Prefix
	arns     []arnPattern
	truths   []bool
}

// add compiles one value.
func (o *operands) add(c comparison, text string, variables bool) (err error) {
	switch c {
	case stringEquals, stringEqualsFold, stringLike:
		var g glob
		g, err = compileGlob(text, c == stringLike, variables)
		o.globs = append(o.globs, g)
	case arnLike:
		var a arnPattern
		a, err = compileARN(text, variables)
		o.arns = append(o.arns, a)
	case inNetwork:
		var network netip.Prefix
		network, err = parseNetwork(text)
		o.networks = append(o.networks, network)
	case binaryEquals:
		var content []byte
		if content, err = base64.StdEncoding.Strict().DecodeString(text); err != nil {
			err = errors.New("is not base64")
		}
		o.texts = append(o.texts, string(content))
	case boolEquals, isNull:
		truth, ok := parseTruth(text)
		if !ok {
			err = errors.New("is neither true nor false")
		}
		o.truths = append(o.truths, truth)
	default:
		err = o.addOrdered(c, text)
	}
	return err
}

func (o *operands) addOrdered(c comparison, text string) error {
	if c.isDate() {
		moment, ok := parseMoment(text)
		if !ok {
			return errors.New("is not a date as 2026-01-31T12:00:00Z or in seconds since 1970")
		}
		o.moments = append(o.moments, moment)
		return nil
	}
	n, ok := parseNumber(text)
	if !ok {
		return errors.New("is not a number")
	}
	o.numbers = append(o.numbers, n)
	return nil
}

func (c comparison) isDate() bool { return c >= dateEquals && c <= dateGreaterEquals }

// match compares one value of the request. What cannot be read as the operator
// wants it matches nothing.
func (o *operands) match(c comparison, value string, v values) bool {
	switch c {
	case stringEquals, stringLike:
		for i := range o.globs {
			if o.globs[i].match(value, v) {
				return true
			}
		}
		return false
	case stringEqualsFold:
		return o.matchFold(value, v)
	case arnLike:
		return o.matchARN(value, v)
	case inNetwork:
		return o.matchNetwork(value)
	case binaryEquals:
		return o.matchBinary(value)
	case boolEquals:
		truth, ok := parseTruth(value)
		return ok && o.wants(truth)
	default:
		if c.isDate() {
			return o.matchMoment(c, value)
		}
		return o.matchNumber(c, value)
	}
}

func (o *operands) matchFold(value string, v values) bool {
	for i := range o.globs {
		wanted := o.globs[i].text
		if o.globs[i].form == variable {
			wanted = o.globs[i].expand(v)
		}
		if strings.EqualFold(wanted, value) {
			return true
		}
	}
	return false
}

func (o *operands) matchARN(value string, v values) bool {
	for i := range o.arns {
		if o.arns[i].match(value, v) {
			return true
		}
	}
	return false
}

func (o *operands) matchNetwork(value string) bool {
	address, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	for _, n := range o.networks {
		if n.Contains(address) {
			return true
		}
	}
	return false
}

func (o *operands) matchBinary(value string) bool {
	content, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		return false
	}
	for _, wanted := range o.texts {
		if wanted == string(content) {
			return true
		}
	}
	return false
}

func (o *operands) matchMoment(c comparison, value string) bool {
	moment, ok := parseMoment(value)
	if !ok {
		return false
	}
	for _, wanted := range o.moments {
		if ordered(c-dateEquals, moment.Compare(wanted)) {
			return true
		}
	}
	return false
}

func (o *operands) matchNumber(c comparison, value string) bool {
	n, ok := parseNumber(value)
	if !ok {
		return false
	}
	for _, wanted := range o.numbers {
		if ordered(c-numericEquals, n.compare(wanted)) {
			return true
		}
	}
	return false
}

// ordered says whether an order satisfies a comparison, counted from its family's
// equality.
func ordered(c comparison, order int) bool {
	switch c {
	case 0:
		return order == 0
	case numericLess - numericEquals:
		return order < 0
	case numericLessEquals - numericEquals:
		return order <= 0
	case numericGreater - numericEquals:
		return order > 0
	default: // or equal
		return order >= 0
	}
}

// wantsNull says whether a key that is missing, or is not, is what Null asks for.
func (o *operands) wantsNull(missing bool) bool { return o.wants(missing) }

func (o *operands) wants(truth bool) bool {
	for _, wanted := range o.truths {
		if wanted == truth {
			return true
		}
	}
	return false
}

package pattern

import (
	"fmt"
	"slices"
)

// orOperator makes alternatives of objects, unless it is a plain field.
const orOperator = "$or"

// compiler reads a pattern into the combinations of fields it stands for.
type compiler struct {
	lexer
	plain    bool // $or is a field like any other
	sawOr    bool
	branches []branch
}

// branch is one combination while it grows.
type branch []*field

func newCompiler(text string) *compiler {
	return &compiler{lexer: lexer{source: text}}
}

// compilePlain compiles with $or as a plain field and says whether it worked.
func (c *compiler) compilePlain() bool {
	c.plain = true
	c.compile()
	return c.err == nil
}

func (c *compiler) compile() {
	if c.next() != startObject {
		c.fail("Filter is not an object")
		return
	}
	c.branches = c.object(nil, "", false)
	if more, ok := c.skipSpace(); ok {
		c.unexpected(more, "expected end of input")
	}
}

// object reads the rest of an object at a path into all branches. Within $or
// the names of operators are no names of fields.
func (c *compiler) object(branches []branch, path string, withinOr bool) []branch {
	for empty := true; ; empty = false {
		switch c.next() {
		case broken:
			return nil
		case endObject:
			if empty {
				c.fail("Empty objects are not allowed")
			}
			return branches
		default:
		}
		name := c.name
		if name == orOperator {
			c.sawOr = true
			if !c.plain {
				branches = c.or(branches, path)
				continue
			}
		}
		if withinOr && isReserved(name) {
			c.fail(name + " is Ruler reserved fieldName which cannot be used inside $or.")
			return nil
		}
		switch at := path + "." + name; c.next() {
		case startObject:
			branches = c.object(branches, at, withinOr)
		case startArray:
			branches = c.put(branches, c.alternatives(at))
		default:
			c.fail(fmt.Sprintf(`"%s" must be an object or an array`, name))
			return nil
		}
	}
}

// or reads the alternatives of $or. Each goes on from a copy of the branches so
// far.
func (c *compiler) or(branches []branch, path string) []branch {
	if c.next() != startArray {
		c.fail("It must be an Array followed with $or.")
		return nil
	}
	var all []branch
	for count := 0; ; count++ {
		switch c.next() {
		case broken:
			return nil
		case endArray:
			if count < 2 {
				c.fail("There must have at least 2 Objects in $or relationship.")
			}
			return all
		case startObject:
			all = append(all, c.object(copied(branches), path, true)...)
			c.checkSize(all)
		default:
			c.fail("Only JSON object is allowed in array of $or relationship.")
			return nil
		}
	}
}

func copied(branches []branch) []branch {
	all := make([]branch, len(branches))
	for i, b := range branches {
		all[i] = slices.Clone(b)
	}
	return all
}

// put sets a field in all branches. What was there for the same path goes.
func (c *compiler) put(branches []branch, f *field) []branch {
	if len(branches) == 0 {
		branches = []branch{nil}
	}
	for i, b := range branches {
		same := func(old *field) bool { return old.path == f.path }
		if at := slices.IndexFunc(b, same); at >= 0 {
			b[at] = f
			continue
		}
		branches[i] = append(b, f)
		if len(b) == maxFields {
			c.failWithout(fmt.Sprintf("Rule is too complex - there must not be more than %d fields", maxFields))
		}
	}
	c.checkSize(branches)
	return branches
}

func (c *compiler) checkSize(branches []branch) {
	entries := 0
	for _, b := range branches {
		entries += len(b)
	}
	if len(branches) > maxCombinations || entries > maxEntries {
		c.failWithout(fmt.Sprintf("Rule is too complex - $or must not result in more than %d combinations or %d fields in all", maxCombinations, maxEntries))
	}
}

// isReserved knows the operators of today, and those that may come.
func isReserved(name string) bool {
	switch name {
	case "exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
		"=", "<", "<=", ">", ">=",
		"regex", "not-wildcard", "not-equals-ignore-case",
		"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
		"ip-address-in-range", "ip-address-not-in-range":
		return true
	}
	return false
}

// alternatives reads the array of what a field may be.
func (c *compiler) alternatives(path string) *field {
	f := newField(path)
	var exact []string
	var wildcards progress
	for empty := true; ; empty = false {
		switch c.next() {
		case broken:
			return f
		case endArray:
			if empty {
				c.fail("Empty arrays are not allowed")
			}
			f.addExact(exact)
			if wildcards.tooComplex() {
				c.failWithout(tooComplex)
			}
			return f
		case startObject:
			c.expression(f, &wildcards)
		case stringToken:
			exact = append(exact, c.string())
		case numberToken:
			f.accept(equal{parseNumber(c.text)})
		case trueToken:
			f.accept(literal{trueKind})
		case falseToken:
			f.accept(literal{falseKind})
		case nullToken:
			f.accept(literal{nullKind})
		default:
			c.fail("Match value must be String, number, true, false, or null")
			return f
		}
	}
}

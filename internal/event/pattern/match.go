package pattern

import (
	"slices"
	"strings"
)

// maxSteps bounds the work of one match, in values looked at. Only events and
// patterns made for it come near; they do not match.
const maxSteps = 4 << 20

// combination is a set of fields that have to match together.
type combination struct {
	fields []*field // in the order of their paths
	root   *branching
}

// branching is where the paths of fields go, as a tree of their names.
type branching struct {
	name  string
	depth int
	leaf  int // the field that ends here, -1 if none
	kids  []*branching
	// fields are the fields that end here or below.
	fields []int
	// absent is whether any of them may be absent.
	absent bool
}

func newCombination(b branch) *combination {
	c := &combination{fields: slices.Clone(b), root: &branching{leaf: -1}}
	slices.SortFunc(c.fields, func(a, b *field) int { return strings.Compare(a.path, b.path) })
	for i, f := range c.fields {
		at := c.root
		at.add(i, f)
		for _, name := range f.names {
			at = at.kid(name)
			at.add(i, f)
		}
		at.leaf = i
	}
	c.root.sort()
	return c
}

func (b *branching) add(i int, f *field) {
	b.fields = append(b.fields, i)
	b.absent = b.absent || f.absent
}

func (b *branching) kid(name string) *branching {
	for _, k := range b.kids {
		if k.name == name {
			return k
		}
	}
	k := &branching{name: name, depth: b.depth + 1, leaf: -1}
	b.kids = append(b.kids, k)
	return k
}

// sort puts what is quickly decided first.
func (b *branching) sort() {
	slices.SortStableFunc(b.kids, func(x, y *branching) int { return len(x.kids) - len(y.kids) })
	for _, k := range b.kids {
		k.sort()
	}
}

// Match says whether the pattern matches an event.
func (p *Pattern) Match(v Value) bool {
	matches, _ := p.match(v, maxSteps)
	return matches
}

// ownSteps are what every pattern of an account has for an event, besides two
// for each value of it: more than any takes that was not made to.
const ownSteps = 16 << 10

// Effort bounds the work of all the patterns of an account together for one
// event. What a pattern takes beyond its own share is taken from it; when it is
// used up such patterns match nothing, and the others as ever.
type Effort struct{ left int }

// NewEffort makes that of one event.
func NewEffort() *Effort { return &Effort{left: 2 * maxSteps} }

// Spent says whether it is used up: patterns that match nothing might have.
func (e *Effort) Spent() bool { return e.left == 0 }

// MatchWithin is Match within an effort that patterns share.
func (p *Pattern) MatchWithin(v Value, e *Effort) bool {
	own := ownSteps + 2*len(v.nodes)
	matches, left := p.match(v, min(own+e.left, maxSteps))
	if taken := min(own+e.left, maxSteps) - left - own; taken > 0 {
		e.left = max(e.left-taken, 0)
	}
	return matches
}

func (p *Pattern) match(v Value, steps int) (matches bool, left int) {
	if len(v.nodes) == 0 {
		return false, steps
	}
	m := matcher{nodes: v.nodes, steps: steps}
	for _, c := range p.combinations {
		m.fields, m.moded = c.fields, false
		if m.match(c.root, position{}) {
			return true, m.steps
		}
	}
	return false, m.steps
}

// mode is what is wanted of a field.
type mode uint8

const (
	either    mode = iota // a value, or none where it may be absent
	found                 // a value; up to here a value is welcome
	missing               // none
	elsewhere             // nothing: it is looked after in another place
)

// matcher matches one event. Its modes are all either between calls of match
// but where something more is known about fields.
type matcher struct {
	nodes  []node
	fields []*field
	modes  [maxFields]mode
	moded  bool // some mode has been other than either
	steps  int
}

// position is a node, or within the key of one: a key with dots stands for
// objects in objects. rest is what of the key is still ahead, with its dot.
type position struct {
	node int32
	rest string
}

// match says whether the fields at and below b match at a position.
func (m *matcher) match(b *branching, at position) bool {
	if m.steps--; m.steps < 0 {
		return false
	}
	n := &m.nodes[at.node]
	switch {
	case at.rest != "" || n.kind == objectKind:
		return m.object(b, at)
	case n.kind == arrayKind:
		return m.array(b, at)
	default:
		return m.scalar(b, n)
	}
}

func (m *matcher) scalar(b *branching, n *node) bool {
	for _, i := range b.fields {
		if i == b.leaf {
			if !m.acceptsAt(i, n) {
				return false
			}
		} else if !m.mayLack(i) {
			return false
		}
	}
	return true
}

// acceptsAt says whether a field is content with a value.
func (m *matcher) acceptsAt(i int, n *node) bool {
	switch m.modes[i] {
	case elsewhere:
		return true
	case missing:
		return false
	default:
		return m.test(i, n)
	}
}

func (m *matcher) test(i int, n *node) bool {
	f := m.fields[i]
	m.steps -= len(f.tests) * (1 + len(n.text)/64)
	return m.steps >= 0 && f.accepts(n)
}

func (m *matcher) mayLack(i int) bool {
	switch m.modes[i] {
	case elsewhere:
		return true
	case found:
		return false
	default:
		return m.fields[i].absent
	}
}

func (m *matcher) mayLackAll(b *branching) bool {
	if !m.moded && !b.absent {
		return false
	}
	for _, i := range b.fields {
		if !m.mayLack(i) {
			return false
		}
	}
	return true
}

func (m *matcher) object(b *branching, at position) bool {
	if b.leaf >= 0 && !m.mayLack(b.leaf) {
		return false
	}
	for _, kid := range b.kids {
		first, more := m.member(kid.name, at)
		switch {
		case first.node < 0:
			if !m.mayLackAll(kid) {
				return false
			}
		case more:
			if !m.members(kid, m.allMembers(kid.name, at)) {
				return false
			}
		case !m.match(kid, first):
			return false
		}
	}
	return true
}

// member finds the member of a name, and whether there are more of it: keys may
// be doubled, and "a" and "a.b" are both a.
func (m *matcher) member(name string, at position) (first position, more bool) {
	first.node = -1
	if at.rest != "" {
		if rest, ok := cutName(at.rest[1:], name); ok {
			first = position{at.node, rest}
		}
		return first, false
	}
	end := m.nodes[at.node].end
	for i := at.node + 1; i < end; i = m.nodes[i].end {
		m.steps--
		if rest, ok := cutName(m.nodes[i].key, name); ok {
			if first.node >= 0 {
				return first, true
			}
			first = position{i, rest}
		}
	}
	return first, false
}

func (m *matcher) allMembers(name string, at position) []position {
	var all []position
	end := m.nodes[at.node].end
	for i := at.node + 1; i < end; i = m.nodes[i].end {
		if rest, ok := cutName(m.nodes[i].key, name); ok {
			all = append(all, position{i, rest})
		}
	}
	return all
}

// cutName says whether a key is a name or begins with it and a dot.
func cutName(key, name string) (rest string, ok bool) {
	if len(key) == len(name) {
		return "", key == name
	}
	if len(key) > len(name) && key[len(name)] == '.' && key[:len(name)] == name {
		return key[len(name):], true
	}
	return "", false
}

// array: a value of the array itself is any that is not a container. Fields
// that go on within elements have to agree on one.
func (m *matcher) array(b *branching, at position) bool {
	if b.leaf >= 0 && m.modes[b.leaf] <= found && m.ownValue(b.leaf, at) {
		was := m.modes[b.leaf]
		m.modes[b.leaf], m.moded = elsewhere, true
		ok := m.elements(b, at)
		if m.modes[b.leaf] = was; ok {
			return true
		}
	}
	return m.elements(b, at)
}

// ownValue says whether a field accepts a value of the array itself.
func (m *matcher) ownValue(leaf int, at position) bool {
	end := m.nodes[at.node].end
	for i := at.node + 1; i < end; i = m.nodes[i].end {
		n := &m.nodes[i]
		m.steps--
		if n.kind != objectKind && n.kind != arrayKind && m.test(leaf, n) {
			return true
		}
	}
	return false
}

// elements says whether the fields match in one element of an array.
//
// A field is absent if the element that fields before it, in the order of their
// paths, were found in does not have it; and where none was found before it, if
// no element has it. This is how EventBridge goes about it.
func (m *matcher) elements(b *branching, at position) bool {
	if !m.moded && !b.absent {
		return m.anyElement(b, at)
	}
	for _, i := range b.fields {
		if m.modes[i] == elsewhere {
			continue
		}
		if !m.presentAt(m.fields[i].names[b.depth:], at) {
			if !m.mayLack(i) {
				return false
			}
			continue
		}
		// The first that is there has to match, or it would be absent.
		was := m.modes[i]
		if was == missing {
			return false
		}
		m.modes[i], m.moded = found, true
		ok := m.anyElement(b, at)
		m.modes[i] = was
		return ok
	}
	return true
}

func (m *matcher) anyElement(b *branching, at position) bool {
	end := m.nodes[at.node].end
	for i := at.node + 1; i < end; i = m.nodes[i].end {
		if k := m.nodes[i].kind; (k == objectKind || k == arrayKind) && m.match(b, position{node: i}) {
			return true
		}
	}
	return false
}

// presentAt says whether there is any value at the end of a path.
func (m *matcher) presentAt(names []string, at position) bool {
	if m.steps--; m.steps < 0 {
		return true
	}
	n := &m.nodes[at.node]
	switch {
	case at.rest != "":
		if len(names) == 0 {
			return false
		}
		rest, ok := cutName(at.rest[1:], names[0])
		return ok && m.presentAt(names[1:], position{at.node, rest})
	case n.kind == objectKind && len(names) == 0:
		return false
	case n.kind == objectKind || n.kind == arrayKind:
		for i := at.node + 1; i < n.end; i = m.nodes[i].end {
			if m.presentIn(names, i, n.kind) {
				return true
			}
		}
		return false
	default:
		return len(names) == 0
	}
}

func (m *matcher) presentIn(names []string, i int32, in kind) bool {
	if in == arrayKind {
		return m.presentAt(names, position{node: i})
	}
	m.steps--
	rest, ok := cutName(m.nodes[i].key, names[0])
	return ok && m.presentAt(names[1:], position{i, rest})
}

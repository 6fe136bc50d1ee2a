package transform

// tree finds what several paths select in one walk over an event, so that many
// variables and a large event are not many walks.
type tree struct {
	root node
	many []bool // by path: it has a wildcard, so that it selects a list
}

// node is where paths that begin alike have come to.
type node struct {
	paths    []int // that end here
	members  []member
	byName   map[string]int // index in members
	elements []element
	all      *node
	last     int // the highest index of elements
}

type member struct {
	name string
	node *node
}

type element struct {
	index int
	node  *node
}

// add takes a path in, and answers its number.
func (t *tree) add(p path) int {
	n := &t.root
	for _, s := range p.steps {
		n = n.child(s)
	}
	t.many = append(t.many, p.many)
	n.paths = append(n.paths, len(t.many)-1)
	return len(t.many) - 1
}

func (n *node) child(s step) *node {
	switch s.index {
	case all:
		if n.all == nil {
			n.all = &node{}
		}
		return n.all
	case byName:
		i, ok := n.byName[s.name]
		if !ok {
			if n.byName == nil {
				n.byName = map[string]int{}
			}
			i = len(n.members)
			n.byName[s.name] = i
			n.members = append(n.members, member{s.name, &node{}})
		}
		return n.members[i].node
	}
	for _, e := range n.elements {
		if e.index == s.index {
			return e.node
		}
	}
	n.elements = append(n.elements, element{s.index, &node{}})
	n.last = max(n.last, s.index)
	return n.elements[len(n.elements)-1].node
}

// What a search may cost: wildcards let a few paths read an event, and copy from
// it, again and again.
const (
	maxReadings = 64 // of the whole event
	maxCopied   = 4 * MaxResult
)

// cost is what may still be spent on walks over an event.
type cost struct {
	unread int // bytes that may still be read
	free   int // bytes that may still be copied
}

func costOf(doc []byte, readings int) *cost {
	return &cost{unread: readings * (len(doc) + 1024), free: maxCopied}
}

// search is a walk over an event.
type search struct {
	*tree
	*cost
	found [][]byte
}

// find answers what the paths select, by their numbers: nil for what is not
// there, and for paths with a wildcard a list, which may be empty. It is false
// when it would cost too much.
func (t *tree) find(doc []byte) (found [][]byte, ok bool) {
	return t.findWithin(doc, costOf(doc, maxReadings))
}

func (t *tree) findWithin(doc []byte, c *cost) (found [][]byte, ok bool) {
	s := search{tree: t, cost: c, found: make([][]byte, len(t.many))}
	for i, many := range t.many {
		if many {
			s.found[i] = []byte{'['}
		}
	}
	if start := skipSpace(doc, 0); start < len(doc) {
		s.visit(&t.root, doc[start:])
	}
	for i, many := range t.many {
		if many {
			s.found[i] = append(s.found[i], ']')
		}
	}
	return s.found, s.unread >= 0 && s.free >= 0
}

// visit notes what paths select from a value that begins where doc does. It is
// false when the search is over.
func (s *search) visit(n *node, doc []byte) bool {
	for _, i := range n.paths {
		s.note(i, doc)
	}
	if n.all != nil && s.mayRead(doc) {
		children(doc, func(_, value []byte) bool { return s.visit(n.all, value) })
	}
	switch {
	case doc[0] == '{' && len(n.members) > 0 && s.mayRead(doc):
		s.visitMembers(n, doc)
	case doc[0] == '[' && len(n.elements) > 0 && s.mayRead(doc):
		s.visitElements(n, doc)
	}
	return s.unread >= 0 && s.free >= 0
}

func (s *search) mayRead(doc []byte) bool {
	s.unread -= len(doc)
	return s.unread >= 0
}

func (s *search) note(path int, doc []byte) {
	end := -1
	if s.mayRead(doc) {
		end = skipValue(doc, 0)
	}
	switch {
	case end < 0:
		return
	case !s.many[path]:
		s.found[path] = doc[:end]
		return
	}
	if s.free -= end; s.free < 0 {
		return
	}
	if len(s.found[path]) > 1 {
		s.found[path] = append(s.found[path], ',')
	}
	s.found[path] = append(s.found[path], doc[:end]...)
}

// visitMembers goes on with members of an object: of several with one name with
// the last, as usual.
func (s *search) visitMembers(n *node, doc []byte) {
	var few [8][]byte
	values := few[:]
	if len(n.members) > len(few) {
		values = make([][]byte, len(n.members))
	}
	children(doc, func(key, value []byte) bool {
		if i := n.named(key); i >= 0 {
			values[i] = value
		}
		return true
	})
	for i, m := range n.members {
		if values[i] != nil {
			s.visit(m.node, values[i])
		}
	}
}

// named answers which member a key, in quotes, is of, -1 for none.
func (n *node) named(key []byte) int {
	inner := key[1 : len(key)-1]
	for _, c := range inner {
		if c == '\\' {
			inner = []byte(unquoted(key))
			break
		}
	}
	if len(n.members) <= 4 {
		for i, m := range n.members {
			if string(inner) == m.name {
				return i
			}
		}
		return -1
	}
	if i, ok := n.byName[string(inner)]; ok {
		return i
	}
	return -1
}

func (s *search) visitElements(n *node, doc []byte) {
	at := 0
	children(doc, func(_, value []byte) bool {
		for _, e := range n.elements {
			if e.index == at {
				s.visit(e.node, value)
			}
		}
		at++
		return at <= n.last
	})
}

package pattern

import (
	"slices"
	"strings"
)

// EventBridge refuses a field whose wildcards may all be half-way through at
// once in too many places. Our matcher would not mind, but a pattern that is
// taken here is to be taken there.
const (
	maxComplexity = 10
	// maxProgress bounds how many sets of places are looked at. What needs more
	// is too complex as well.
	maxProgress = 4096
)

const tooComplex = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"

// progress is a graph of how far values may have got in wildcards: a tree for
// each alternative, whose nodes are the beginnings of its wildcards.
type progress struct {
	places []place
	roots  []int
}

// place is one beginning: what it ends with, and what may come next.
type place struct {
	any  bool // it ends with an asterisk
	last byte // else with this
	next []int
}

// add adds an alternative with its wildcards.
func (p *progress) add(wildcards []wildcard) {
	root := len(p.places)
	p.roots = append(p.roots, root)
	p.places = append(p.places, place{})
	for _, w := range wildcards {
		// The quotes around a string count as characters.
		at := p.goOn(root, `"`+w.parts[0])
		for _, part := range w.parts[1:] {
			at = p.child(at, place{any: true})
			at = p.goOn(at, part)
		}
		p.goOn(at, `"`)
	}
}

func (p *progress) goOn(at int, text string) int {
	for i := range len(text) {
		at = p.child(at, place{last: text[i]})
	}
	return at
}

func (p *progress) child(at int, wanted place) int {
	for _, next := range p.places[at].next {
		if p.places[next].any == wanted.any && p.places[next].last == wanted.last {
			return next
		}
	}
	p.places = append(p.places, wanted)
	next := len(p.places) - 1
	p.places[at].next = append(p.places[at].next, next)
	return next
}

// tooComplex says whether some value can be in more than maxComplexity places
// at once. It follows all values at the same time.
func (p *progress) tooComplex() bool {
	seen := map[string]bool{}
	waiting := [][]int{p.roots}
	for len(waiting) > 0 {
		from := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		for _, c := range p.characters(from) {
			to := p.step(from, c)
			if len(to) > maxComplexity {
				return true
			}
			if id := identity(to); len(to) > 0 && !seen[id] {
				seen[id] = true
				waiting = append(waiting, to)
			}
		}
		if len(seen) > maxProgress {
			return true
		}
	}
	return false
}

// characters are those that some wildcard waits for. No other one leads to more
// places.
func (p *progress) characters(from []int) []byte {
	var all []byte
	for _, at := range from {
		for _, next := range p.places[at].next {
			if place := p.places[next]; !place.any {
				all = append(all, place.last)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *progress) step(from []int, c byte) []int {
	var to []int
	for _, at := range from {
		if p.places[at].any {
			to = append(to, at)
		}
		for _, next := range p.places[at].next {
			if place := p.places[next]; !place.any && place.last == c {
				to = append(to, next)
				// An asterisk may stand for nothing.
				for _, beyond := range place.next {
					if p.places[beyond].any {
						to = append(to, beyond)
					}
				}
			}
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

func identity(places []int) string {
	var b strings.Builder
	for _, at := range places {
		b.WriteByte(byte(at >> 16))
		b.WriteByte(byte(at >> 8))
		b.WriteByte(byte(at))
	}
	return b.String()
}

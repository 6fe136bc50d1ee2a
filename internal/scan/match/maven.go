package match

import (
	"strings"

	"github.com/google/osv-scalibr/semantic"
)

// mavenVersion orders versions as Maven's ComparableVersion does: a tree of
// numbers, qualifiers and lists, where a hyphen, or the change between digits
// and letters, begins a list.
type mavenVersion struct{ items mavenList }

// mavenItem is a mavenNumber, a mavenWord or a *mavenList. Comparing with nil is
// comparing with nothing: how 1.0-x relates to 1.0.
type mavenItem interface {
	compareItem(other mavenItem) int
	empty() bool
}

// mavenNumber is a number without leading zeros; zero is "".
type mavenNumber string

// mavenWord is a qualifier, with its place in the order: the known ones by rank
// ("1" for beta), others after them by letters ("7-jre").
type mavenWord string

type mavenList []mavenItem

// mavenRelease is the place of a version without a qualifier.
const mavenRelease = "5"

func parseMaven(text string) mavenVersion {
	p := mavenParser{text: strings.ToLower(text)}
	p.lists = []*mavenList{new(mavenList)}
	p.run()
	for i := len(p.lists) - 1; i >= 0; i-- {
		p.lists[i].normalize()
	}
	return mavenVersion{*p.lists[0]}
}

type mavenParser struct {
	text  string
	lists []*mavenList // the last one is being filled
	start int          // of the token
	digit bool         // the token is a number
}

func (p *mavenParser) run() {
	for i := range len(p.text) {
		switch c := p.text[i]; {
		case c == '.':
			p.end(i)
			p.start = i + 1
		case c == '-':
			p.end(i)
			p.start = i + 1
			p.open()
		case c >= '0' && c <= '9':
			if !p.digit && i > p.start {
				p.openUnlessEmpty() // 1.x1 is 1-x1
				p.add(mavenQualifier(p.text[p.start:i], true))
				p.start = i
				p.open()
			}
			p.digit = true
		default:
			if p.digit && i > p.start {
				p.end(i)
				p.start = i
				p.open()
			}
			p.digit = false
		}
	}
	if len(p.text) > p.start {
		if !p.digit {
			p.openUnlessEmpty()
		}
		p.end(len(p.text))
	}
}

func (p *mavenParser) add(item mavenItem) {
	list := p.lists[len(p.lists)-1]
	*list = append(*list, item)
}

// end adds the token that ends before i; an empty one is a zero.
func (p *mavenParser) end(i int) {
	token := p.text[p.start:i]
	if token == "" || p.digit {
		p.add(mavenNumber(strings.TrimLeft(token, "0")))
		return
	}
	p.add(mavenQualifier(token, false))
}

func (p *mavenParser) open() {
	list := new(mavenList)
	p.add(list)
	p.lists = append(p.lists, list)
}

func (p *mavenParser) openUnlessEmpty() {
	if len(*p.lists[len(p.lists)-1]) > 0 {
		p.open()
	}
}

func mavenQualifier(word string, beforeDigit bool) mavenWord {
	if beforeDigit {
		switch word {
		case "a":
			word = "alpha"
		case "b":
			word = "beta"
		case "m":
			word = "milestone"
		}
	}
	switch word {
	case "alpha":
		return "0"
	case "beta":
		return "1"
	case "milestone":
		return "2"
	case "rc", "cr":
		return "3"
	case "snapshot":
		return "4"
	case "", "ga", "final", "release":
		return mavenRelease
	case "sp":
		return "6"
	}
	return mavenWord("7-" + word)
}

// normalize drops what says nothing at the end: 1.0.0 is 1.
func (l *mavenList) normalize() {
	items := *l
	for i := len(items) - 1; i >= 0; i-- {
		if items[i].empty() {
			items = append(items[:i], items[i+1:]...)
		} else if _, list := items[i].(*mavenList); !list {
			break
		}
	}
	*l = items
}

func (n mavenNumber) empty() bool { return n == "" }
func (w mavenWord) empty() bool   { return w == mavenRelease }
func (l *mavenList) empty() bool  { return len(*l) == 0 }

func (n mavenNumber) compareItem(other mavenItem) int {
	switch o := other.(type) {
	case nil:
		return min(len(n), 1)
	case mavenNumber:
		return compareDigits(string(n), string(o))
	}
	return 1 // 1.1 is after 1-sp and 1-1
}

func (w mavenWord) compareItem(other mavenItem) int {
	switch o := other.(type) {
	case nil:
		return strings.Compare(string(w), mavenRelease)
	case mavenWord:
		return strings.Compare(string(w), string(o))
	}
	return -1
}

func (l *mavenList) compareItem(other mavenItem) int {
	switch o := other.(type) {
	case nil:
		for _, item := range *l {
			if c := item.compareItem(nil); c != 0 {
				return c
			}
		}
		return 0
	case mavenNumber:
		return -1
	case mavenWord:
		return 1
	case *mavenList:
		return l.compareList(o)
	}
	return 0
}

func (l *mavenList) compareList(o *mavenList) int {
	for i := range max(len(*l), len(*o)) {
		var c int
		switch {
		case i >= len(*l):
			c = -(*o)[i].compareItem(nil)
		case i >= len(*o):
			c = (*l)[i].compareItem(nil)
		default:
			c = (*l)[i].compareItem((*o)[i])
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// compareDigits orders numbers without leading zeros.
func compareDigits(a, b string) int {
	if len(a) != len(b) {
		if len(a) < len(b) {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// Compare implements semantic.Version.
func (v mavenVersion) Compare(other semantic.Version) (int, error) {
	o, ok := other.(mavenVersion)
	if !ok {
		return 0, semantic.ErrNotSameEcosystem
	}
	return v.items.compareList(&o.items), nil
}

// CompareStr implements semantic.Version.
func (v mavenVersion) CompareStr(text string) (int, error) { return v.Compare(parseMaven(text)) }

package finding

import (
	"cmp"
	"slices"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Counts are how many findings there are in a group.
type Counts struct {
	All, Critical, High, Medium int64
	Fixable, Exploitable        int64
	Images                      int64
}

// Add counts n findings of a severity.
func (c *Counts) Add(severity registry.Severity, n int64) {
	c.All += n
	switch severity {
	case registry.Critical:
		c.Critical += n
	case registry.High:
		c.High += n
	case registry.Medium:
		c.Medium += n
	case registry.Low, registry.Informational, registry.Undefined, Untriaged: // counted together with all
	}
}

// AddState counts a finding.
func (c *Counts) AddState(s *State) {
	c.Add(s.Severity, 1)
	if s.Fix == Fixable {
		c.Fixable++
	}
	if s.Exploit {
		c.Exploitable++
	}
}

// Order is what groups are ordered by.
type Order string

// The orders of groups.
const (
	ByCritical Order = "CRITICAL"
	ByHigh     Order = "HIGH"
	ByAll      Order = "ALL"
	ByImages   Order = "AFFECTED_IMAGES"
)

func (c Counts) by(o Order) int64 {
	switch o {
	case ByHigh:
		return c.High
	case ByAll:
		return c.All
	case ByImages:
		return c.Images
	case ByCritical:
	}
	return c.Critical
}

// Group is what findings have in common, and how many they are.
type Group struct {
	Key string
	Counts
}

// Place is where a group stands in an order.
type Place struct {
	Value int64  `json:"v"`
	Key   string `json:"k"`
}

// Best keeps the first groups of an order that is too long to be kept, beginning
// behind a place.
type Best struct {
	order     Order
	ascending bool
	after     *Place
	most      int
	groups    []Group
}

// NewBest keeps up to most groups behind after, which may be nil.
func NewBest(order Order, ascending bool, after *Place, most int) *Best {
	return &Best{order: order, ascending: ascending, after: after, most: most}
}

// PlaceOf says where a group stands.
func (b *Best) PlaceOf(g Group) Place { return Place{Value: g.by(b.order), Key: g.Key} }

// compare orders places; groups that are alike stand in order of their keys.
func (b *Best) compare(x, y Place) int {
	byValue := cmp.Compare(y.Value, x.Value)
	if b.ascending {
		byValue = -byValue
	}
	return cmp.Or(byValue, cmp.Compare(x.Key, y.Key))
}

// Add takes a group up if it belongs among the first. It says whether it did.
func (b *Best) Add(g Group) bool {
	place := b.PlaceOf(g)
	if b.after != nil && b.compare(place, *b.after) <= 0 {
		return false
	}
	at, _ := slices.BinarySearchFunc(b.groups, place, func(other Group, p Place) int { return b.compare(b.PlaceOf(other), p) })
	if at >= b.most {
		return false
	}
	b.groups = slices.Insert(b.groups, at, g)
	b.groups = b.groups[:min(len(b.groups), b.most)]
	return true
}

// Groups are those that were kept, in order.
func (b *Best) Groups() []Group { return b.groups }

// Sum adds what others have counted.
func (c *Counts) Sum(o Counts) {
	c.All += o.All
	c.Critical += o.Critical
	c.High += o.High
	c.Medium += o.Medium
	c.Fixable += o.Fixable
	c.Exploitable += o.Exploitable
	c.Images += o.Images
}

package vex

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Compiled is a document made ready to be asked, in little memory. Nobody
// modifies it: any number of goroutines may ask at once.
type Compiled struct {
	ID, Author string
	IssuedAt   time.Time

	hashes     []uint64 // of the ids, sorted
	ids        []entry  // in the order of their hashes
	statements []compiled
	products   []products
	texts      []texts
	weight     int
}

// entry says which statement an id is in.
type entry struct {
	id        string // in small letters
	statement int32
}

type compiled struct {
	at       int64 // milliseconds
	products int32
	text     int32
	gravity  uint8 // of its status
}

func (s *compiled) status() Status { return gravest()[s.gravity] }

// gravest are the statuses, the gravest first.
func gravest() []Status { return []Status{Affected, UnderInvestigation, Fixed, NotAffected} }

type texts struct{ justification, note string }

// products are what a statement is about. Most are about packages of whatever
// image, sorted by key.
type products struct {
	packages []packageName
	special  *special
}

// special is what else statements are about.
type special struct {
	given    parts          // of what the document was given for
	digests  []digestParts  // sorted by digest
	images   []imageParts   // named otherwise
	releases []releaseParts // of distributions
}

// parts are packages of something; all of them where it says so.
type parts struct {
	all  bool
	some []packageName // sorted by key
}

type digestParts struct {
	digest string
	parts
}

type imageParts struct {
	imageName
	parts
}

type releaseParts struct {
	release string
	parts
}

// Compile makes a document ready.
func Compile(d *Document) *Compiled {
	c := &compiler{out: &Compiled{ID: d.ID, Author: d.Author, IssuedAt: d.IssuedAt}, strings: map[string]string{}, products: map[string]int32{}, texts: map[texts]int32{}}
	for i := range d.Statements {
		c.add(&d.Statements[i])
	}
	slices.SortFunc(c.out.ids, func(a, b entry) int {
		return cmp.Or(cmp.Compare(hash(a.id), hash(b.id)), cmp.Compare(a.statement, b.statement))
	})
	c.out.ids = slices.Clip(c.out.ids)
	c.out.hashes = make([]uint64, len(c.out.ids))
	for i, e := range c.out.ids {
		c.out.hashes[i] = hash(e.id)
	}
	c.out.statements, c.out.products = slices.Clip(c.out.statements), slices.Clip(c.out.products)
	c.out.weight += 400 + 32*cap(c.out.ids) + 24*cap(c.out.statements) + 32*cap(c.out.products) + 32*cap(c.out.texts)
	return c.out
}

// hash is FNV-1a. Numbers that lie beside each other are found sooner than texts
// that lie everywhere; the texts are compared nonetheless.
func hash(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h
}

// Weight is about how many bytes of memory it takes.
func (c *Compiled) Weight() int { return c.weight }

// Statements is how many there are.
func (c *Compiled) Statements() int { return len(c.statements) }

// compiler keeps what many statements have in common once.
type compiler struct {
	out      *Compiled
	strings  map[string]string
	products map[string]int32
	texts    map[texts]int32
}

func (c *compiler) add(s *Statement) {
	n := int32(len(c.out.statements))
	said := texts{c.keep(s.Justification), c.keep(s.Note)}
	text, known := c.texts[said]
	if !known {
		text = int32(len(c.out.texts))
		c.texts[said] = text
		c.out.texts = append(c.out.texts, said)
	}
	c.out.statements = append(c.out.statements, compiled{
		at: s.At.UnixMilli(), products: c.about(s.Products), text: text,
		gravity: uint8(max(0, slices.Index(gravest(), s.Status))),
	})
	for _, id := range s.Vulnerabilities {
		c.out.ids = append(c.out.ids, entry{c.keep(strings.ToLower(id)), n})
	}
}

// keep answers a text that is in memory once, and apart from what it was read of.
func (c *compiler) keep(s string) string {
	kept, known := c.strings[s]
	if !known {
		kept = strings.Clone(s)
		c.strings[kept] = kept
		c.out.weight += len(kept)
	}
	return kept
}

// about answers the number of products.
func (c *compiler) about(all []Product) int32 {
	var name strings.Builder
	for _, p := range all {
		name.WriteString(strings.Join(p.Names, "\n") + "\x00" + strings.Join(p.Within, "\n") + "\x01")
	}
	n, known := c.products[name.String()]
	if !known {
		n = int32(len(c.out.products))
		c.products[name.String()] = n
		c.out.products = append(c.out.products, c.compile(all))
	}
	return n
}

func (c *compiler) compile(all []Product) products {
	var out products
	other := &special{}
	if len(all) == 0 {
		other.given.all = true
	}
	for _, p := range all {
		within := parts{all: len(p.Within) == 0, some: c.packages(p.Within)}
		c.out.weight += 64 * cap(within.some)
		if len(p.Names) == 0 {
			other.given.all = other.given.all || within.all
			other.given.some = append(other.given.some, within.some...)
		}
		for _, name := range p.Names {
			// A package of a package: whether it is that one, cannot be told.
			if !c.name(other, name, within) && within.all {
				out.packages = append(out.packages, c.packages([]string{name})...)
			}
		}
	}
	sortByKey(out.packages)
	sortByKey(other.given.some)
	slices.SortStableFunc(other.digests, func(a, b digestParts) int { return strings.Compare(a.digest, b.digest) })
	c.out.weight += 64 * cap(out.packages)
	if other.given.all || len(other.given.some)+len(other.digests)+len(other.images)+len(other.releases) > 0 {
		out.special = other
		c.out.weight += 128 + 64*cap(other.given.some) + 48*cap(other.digests) + 128*cap(other.images) + 48*cap(other.releases)
	}
	return out
}

// name adds one of the names of a product, unless it is none of an image.
func (c *compiler) name(to *special, name string, within parts) bool {
	if isDigest(name) {
		to.digests = append(to.digests, digestParts{c.keep(name), within})
		return true
	}
	image, ok := parseImage(name)
	switch {
	case !ok:
	case image.release != "":
		to.releases = append(to.releases, releaseParts{c.keep(image.release), within})
	default:
		c.out.weight += len(name)
		to.images = append(to.images, imageParts{image, within})
	}
	return ok
}

func sortByKey(all []packageName) {
	slices.SortStableFunc(all, func(a, b packageName) int { return strings.Compare(a.key, b.key) })
}

func (c *compiler) packages(all []string) []packageName {
	var out []packageName
	for _, name := range all {
		p, ok := parsePackage(name)
		if !ok {
			continue
		}
		p.key, p.version = c.keep(p.key), c.keep(p.version)
		for i, q := range p.identity {
			p.identity[i] = qualifier{c.keep(q.key), c.keep(q.value)}
			c.out.weight += 32
		}
		out = append(out, p)
	}
	sortByKey(out)
	return out
}

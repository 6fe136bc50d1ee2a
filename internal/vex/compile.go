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

	ids        []entry // sorted by id
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
	status   Status
	products int32
	text     int32
}

type texts struct{ justification, note string }

// products are what a statement is about.
type products struct {
	given    parts          // of what the document was given for
	packages []packageName  // of whatever image, sorted by key
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
		return cmp.Or(strings.Compare(a.id, b.id), cmp.Compare(a.statement, b.statement))
	})
	c.out.ids = slices.Clip(c.out.ids)
	c.out.weight += 400 + 24*cap(c.out.ids) + 40*cap(c.out.statements) + 128*cap(c.out.products) + 32*cap(c.out.texts)
	return c.out
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
	n := int32(len(c.out.statements)) //nolint:gosec // Parse bounds the statements
	said := texts{c.keep(s.Justification), c.keep(s.Note)}
	text, known := c.texts[said]
	if !known {
		text = int32(len(c.out.texts)) //nolint:gosec // no more than statements
		c.texts[said] = text
		c.out.texts = append(c.out.texts, said)
	}
	c.out.statements = append(c.out.statements, compiled{at: s.At.UnixMilli(), status: Status(c.keep(string(s.Status))), products: c.about(s.Products), text: text})
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
		n = int32(len(c.out.products)) //nolint:gosec // no more than statements
		c.products[name.String()] = n
		c.out.products = append(c.out.products, c.compile(all))
	}
	return n
}

func (c *compiler) compile(all []Product) products {
	var out products
	if len(all) == 0 {
		out.given.all = true
	}
	for _, p := range all {
		within := parts{all: len(p.Within) == 0, some: c.packages(p.Within)}
		if len(p.Names) == 0 {
			out.given.all = out.given.all || within.all
			out.given.some = append(out.given.some, within.some...)
		}
		for _, name := range p.Names {
			c.name(&out, name, within)
		}
	}
	byKey := func(a, b packageName) int { return strings.Compare(a.key, b.key) }
	slices.SortStableFunc(out.packages, byKey)
	slices.SortStableFunc(out.given.some, byKey)
	slices.SortStableFunc(out.digests, func(a, b digestParts) int { return strings.Compare(a.digest, b.digest) })
	c.out.weight += 64*(cap(out.packages)+cap(out.given.some)) + 48*cap(out.digests) + 128*cap(out.images) + 48*cap(out.releases)
	return out
}

// name adds one of the names of a product.
func (c *compiler) name(out *products, name string, within parts) {
	if isDigest(name) {
		out.digests = append(out.digests, digestParts{c.keep(name), within})
		return
	}
	if image, ok := parseImage(name); ok {
		c.out.weight += len(name)
		if image.release != "" {
			out.releases = append(out.releases, releaseParts{c.keep(image.release), within})
		} else {
			out.images = append(out.images, imageParts{image, within})
		}
		return
	}
	// A package of a package: whether it is that one, cannot be told.
	if within.all {
		out.packages = append(out.packages, c.packages([]string{name})...)
	}
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
	slices.SortStableFunc(out, func(a, b packageName) int { return strings.Compare(a.key, b.key) })
	c.out.weight += 64 * cap(out)
	return out
}

package vex

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Scope is how close a document is to an image: what is said of the image itself
// counts before what is said of its repository, and that before the registry's.
type Scope int

// The scopes, closest first.
const (
	ImageScope Scope = iota
	RepositoryScope
	RegistryScope
)

// Source is a document that holds for an image.
type Source struct {
	Scope    Scope
	Document *Compiled
	// ID is how the registry names the document; empty means the document's own.
	ID string
	// Before is when the document came: what it says is not newer, whatever it
	// says of that. Zero means now.
	Before time.Time
	// Given says that the document was given for this image or its repository, so
	// that what names no product is about it.
	Given bool
}

// Image is the image that is asked about.
type Image struct {
	Repository string
	Digest     string
	Tags       []string
	Hosts      []string // under which the registry is reached
}

// Question is a finding: a vulnerability of packages of an image.
type Question struct {
	Image           Image
	Vulnerabilities []string // the id and its aliases
	Packages        []string // package URLs
}

// Verdict is what the statements come to.
type Verdict struct {
	// Excused says that the finding does not count: each of its packages is said
	// to be not affected, or fixed.
	Excused bool
	// Status is that of the statement that decided; empty when nobody has said
	// anything.
	Status        Status
	Justification string
	Note          string
	Document      string
	Author        string
	At            time.Time
}

// maxSteps bounds how many comparisons one finding may cost. Documents that need
// more excuse nothing.
const maxSteps = 50_000

// Judge weighs what all documents say. Of several statements about a package the
// closest counts, of these the newest, and of these the gravest.
func Judge(sources []Source, q Question) Verdict {
	var verdict Verdict
	j := judging{q: q}
	j.collect(sources)
	if len(j.hits) == 0 {
		return verdict
	}
	for i, name := range q.Packages {
		said, ok := j.effective(name)
		switch {
		case j.steps > maxSteps:
			return Verdict{}
		case !ok:
			verdict.Excused = false
			if verdict.Status == "" {
				continue
			}
			return verdict
		case !said.Status.Excuses(): // whatever is said of the others
			return said
		}
		said.Excused = i == 0 || verdict.Excused
		verdict = said
	}
	return verdict
}

// judging is one question on its way.
type judging struct {
	q     Question
	hits  []hit
	steps int
}

// hit is a statement about the vulnerability.
type hit struct {
	source    *Source
	statement *compiled
	at        int64
}

// collect finds all statements about the vulnerability, those that count most
// first.
func (j *judging) collect(sources []Source) {
	type wanted struct {
		id   string
		hash uint64
	}
	ids := make([]wanted, len(j.q.Vulnerabilities))
	for i, id := range j.q.Vulnerabilities {
		id = strings.ToLower(id)
		ids[i] = wanted{id, hash(id)}
	}
	for i := range sources {
		d := sources[i].Document
		for _, want := range ids {
			at, found := slices.BinarySearch(d.hashes, want.hash)
			for ; found && at < len(d.ids) && d.hashes[at] == want.hash && j.steps <= maxSteps; at++ {
				if j.steps++; d.ids[at].id == want.id {
					j.add(&sources[i], &d.statements[d.ids[at].statement])
				}
			}
		}
	}
	slices.SortStableFunc(j.hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.source.Scope, b.source.Scope), cmp.Compare(b.at, a.at), cmp.Compare(a.statement.gravity, b.statement.gravity))
	})
}

func (j *judging) add(source *Source, s *compiled) {
	h := hit{source, s, s.at}
	if before := source.Before; !before.IsZero() && (h.at > before.UnixMilli() || h.at <= 0) {
		h.at = before.UnixMilli()
	}
	j.hits = append(j.hits, h)
}

func (j *judging) effective(name string) (Verdict, bool) {
	pkg, ok := parsePackage(name)
	for i := range j.hits {
		h := &j.hits[i]
		d := h.source.Document
		if j.steps++; !j.covers(h, &d.products[h.statement.products], &pkg, ok) {
			continue
		}
		text := d.texts[h.statement.text]
		return Verdict{
			Status: h.statement.status(), Justification: text.justification, Note: text.note,
			Document: cmp.Or(h.source.ID, d.ID), Author: d.Author, At: time.UnixMilli(h.at).UTC(),
		}, true
	}
	return Verdict{}, false
}

// covers says whether a statement is about a package of the image. known says that
// the package has a name that can be compared: one that has none is a part of its
// image nonetheless.
func (j *judging) covers(h *hit, p *products, pkg *packageName, known bool) bool {
	if j.steps > maxSteps {
		return false
	}
	if known && j.among(p.packages, pkg) {
		return true
	}
	other := p.special
	if other == nil {
		return false
	}
	// What makes graver counts for whatever it may have been meant.
	if (h.source.Given || !h.statement.status().Excuses()) && j.within(&other.given, pkg, known) {
		return true
	}
	at, found := slices.BinarySearchFunc(other.digests, j.q.Image.Digest, func(d digestParts, digest string) int { return strings.Compare(d.digest, digest) })
	for ; found && at < len(other.digests) && other.digests[at].digest == j.q.Image.Digest; at++ {
		if j.steps++; j.within(&other.digests[at].parts, pkg, known) {
			return true
		}
	}
	for i := range other.images {
		if j.steps++; other.images[i].names(&j.q.Image) && j.within(&other.images[i].parts, pkg, known) {
			return true
		}
	}
	for i := range other.releases {
		if j.steps++; known && sameRelease(other.releases[i].release, pkg.qualifier("distro")) && j.within(&other.releases[i].parts, pkg, known) {
			return true
		}
	}
	return false
}

func (j *judging) within(p *parts, pkg *packageName, known bool) bool {
	return p.all || known && j.among(p.some, pkg)
}

// among says whether a package is one of those that are stated.
func (j *judging) among(stated []packageName, pkg *packageName) bool {
	at, found := slices.BinarySearchFunc(stated, pkg.key, func(p packageName, key string) int { return strings.Compare(p.key, key) })
	for ; found && at < len(stated) && stated[at].key == pkg.key; at++ {
		if j.steps++; stated[at].names(pkg) {
			return true
		}
	}
	return false
}

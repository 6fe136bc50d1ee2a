package vex

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
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
	Document *Document
	// ID is how the registry names the document; empty means the document's own.
	ID string
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

// Judge weighs what all documents say. Of several statements about a package the
// closest counts, of these the newest, and of these the gravest.
func Judge(sources []Source, q Question) Verdict {
	var verdict Verdict
	for i, pkg := range q.Packages {
		said, ok := effective(sources, q, pkg)
		if !ok {
			verdict.Excused = false
			if verdict.Status == "" {
				continue
			}
			return verdict
		}
		excused := said.Status == NotAffected || said.Status == Fixed
		if !excused { // whatever is said of the others
			return said
		}
		said.Excused = i == 0 || verdict.Excused
		verdict = said
	}
	return verdict
}

func effective(sources []Source, q Question, pkg string) (Verdict, bool) {
	type found struct {
		source    Source
		statement *Statement
	}
	var all []found
	for _, source := range sources {
		for i := range source.Document.Statements {
			s := &source.Document.Statements[i]
			if s.speaksOf(q.Vulnerabilities) && s.covers(q.Image, pkg) {
				all = append(all, found{source, s})
			}
		}
	}
	if len(all) == 0 {
		return Verdict{}, false
	}
	best := slices.MinFunc(all, func(a, b found) int {
		return cmp.Or(
			cmp.Compare(a.source.Scope, b.source.Scope),
			b.statement.At.Compare(a.statement.At),
			cmp.Compare(gravity(a.statement.Status), gravity(b.statement.Status)),
		)
	})
	return Verdict{
		Status: best.statement.Status, Justification: best.statement.Justification, Note: best.statement.Note,
		Document: cmp.Or(best.source.ID, best.source.Document.ID), Author: best.source.Document.Author, At: best.statement.At,
	}, true
}

func gravity(s Status) int {
	return slices.Index([]Status{Affected, UnderInvestigation, Fixed, NotAffected}, s)
}

func (s *Statement) speaksOf(vulnerabilities []string) bool {
	return slices.ContainsFunc(s.Vulnerabilities, func(id string) bool {
		return slices.ContainsFunc(vulnerabilities, func(v string) bool { return strings.EqualFold(id, v) })
	})
}

// covers says whether the statement is about a package of an image. Without
// products it is about whatever its document was given for.
func (s *Statement) covers(image Image, pkg string) bool {
	if len(s.Products) == 0 {
		return true
	}
	for _, p := range s.Products {
		if slices.ContainsFunc(p.Names, image.is) {
			if len(p.Within) == 0 || slices.ContainsFunc(p.Within, func(name string) bool { return samePackage(name, pkg) }) {
				return true
			}
			continue
		}
		if len(p.Within) == 0 && slices.ContainsFunc(p.Names, func(name string) bool { return samePackage(name, pkg) }) {
			return true
		}
	}
	return false
}

// is says whether a name is that of the image: its digest, a reference, or a
// package URL of type oci or docker.
func (i Image) is(name string) bool {
	if name == i.Digest || name == i.Repository+"@"+i.Digest {
		return true
	}
	for _, tag := range i.Tags {
		if name == i.Repository+":"+tag {
			return true
		}
	}
	for _, host := range i.Hosts {
		if rest, ok := strings.CutPrefix(name, host+"/"); ok && (Image{Repository: i.Repository, Digest: i.Digest, Tags: i.Tags}).is(rest) {
			return true
		}
	}
	purl, err := packageurl.FromString(name)
	if err != nil || (purl.Type != packageurl.TypeOCI && purl.Type != packageurl.TypeDocker) {
		return false
	}
	return i.isPackage(purl)
}

// isPackage: pkg:oci/NAME@sha256:…?repository_url=HOST/PATH/NAME&tag=… and
// pkg:docker/PATH/NAME@TAG. Without a version it is every image of the name.
func (i Image) isPackage(purl packageurl.PackageURL) bool {
	last := i.Repository[strings.LastIndexByte(i.Repository, '/')+1:]
	whole := strings.TrimPrefix(purl.Namespace+"/"+purl.Name, "/")
	if purl.Name != last && whole != i.Repository {
		return false
	}
	qualifiers := purl.Qualifiers.Map()
	if url := qualifiers["repository_url"]; url != "" {
		_, path, _ := strings.Cut(url, "/")
		if path != i.Repository && path+"/"+purl.Name != i.Repository {
			return false
		}
	}
	if tag := qualifiers["tag"]; tag != "" && !slices.Contains(i.Tags, tag) {
		return false
	}
	return purl.Version == "" || purl.Version == i.Digest || slices.Contains(i.Tags, purl.Version)
}

// samePackage says whether a statement's package URL names an installed one: a
// version or qualifier that it leaves out may be any.
func samePackage(stated, installed string) bool {
	s, err := packageurl.FromString(stated)
	if err != nil {
		return false
	}
	p, err := packageurl.FromString(installed)
	if err != nil || s.Type != p.Type || s.Namespace != p.Namespace || s.Name != p.Name {
		return false
	}
	if s.Version != "" && s.Version != p.Version {
		return false
	}
	have := p.Qualifiers.Map()
	for key, value := range s.Qualifiers.Map() {
		if got, ok := have[key]; ok && got != value {
			return false
		}
	}
	return true
}

package inventory

import (
	"slices"
	"strings"
)

// Kinds of packages that no layer is searched for: only bills of materials tell of them. They are named after the types
// of their package URLs, too.
const (
	KindHex     = "hex"     // Elixir and Erlang
	KindPub     = "pub"     // Dart
	KindSwift   = "swift"   // name is the repository's host and path
	KindHackage = "hackage" // Haskell
	KindCRAN    = "cran"    // R
	KindBitnami = "bitnami" // what Bitnami compiles, under its name
	KindGitHub  = "github"  // name "owner/repository": actions of GitHub
)

// extracted says whether layers are searched for packages of a kind.
func extracted(kind string) bool {
	switch kind {
	case KindHex, KindPub, KindSwift, KindHackage, KindCRAN, KindBitnami, KindGitHub:
		return false
	}
	return true
}

// Referred is what a bill of materials says that was pushed beside an image.
type Referred struct {
	Digest    string // of its manifest
	Inventory *Inventory
}

// referrerMark begins the paths of packages that are known from a bill of materials, before its digest; what that says of
// the package's own path comes behind another mark.
const (
	referrerMark = "referrer:"
	withinMark   = "!/"
)

// Referrer is the digest of the bill of materials that tells of the package, "" for what was found in a layer.
func (p *Package) Referrer() string {
	rest, found := strings.CutPrefix(p.Path, referrerMark)
	if !found {
		return ""
	}
	digest, _, _ := strings.Cut(rest, withinMark)
	return digest
}

// maxReferred bounds what bills of materials add to an image.
const maxReferred = 100_000

// Complement adds to what was found in the layers of an image what bills of materials beside it tell: packages of kinds
// that nobody looks for in layers, and, where the layers have no package database, of all kinds of which nothing was
// found there. What was found is never doubted. It answers how many packages were added; what was given stays as it is.
func Complement(found *Inventory, bills []Referred) (*Inventory, int) {
	c := complement{out: *found, kinds: map[string]bool{}, seen: map[[4]string]bool{}, bare: len(found.Databases) == 0}
	c.out.Packages, c.out.Databases = slices.Clone(found.Packages), slices.Clone(found.Databases)
	for i := range found.Packages {
		c.kinds[found.Packages[i].Kind] = true
	}
	for _, bill := range bills {
		c.add(bill)
	}
	if added := len(c.out.Packages) - len(found.Packages); added > 0 {
		slices.SortFunc(c.out.Packages, comparePackages)
		return &c.out, added
	}
	return found, 0
}

type complement struct {
	out   Inventory
	kinds map[string]bool    // that were found in layers
	seen  map[[4]string]bool // packages that were added
	bare  bool               // the layers have no package database
}

func (c *complement) add(bill Referred) {
	system := c.bare && c.sameSystem(bill.Inventory.OS)
	databases := map[string]bool{}
	for _, p := range bill.Inventory.Packages {
		switch {
		case c.kinds[p.Kind], extracted(p.Kind) && !c.bare, isDatabase(p.Kind) && !system, len(c.seen) >= maxReferred:
			continue
		case p.Referrer() != "": // it was only repeated, by a bill that we have written
			continue
		}
		key := [4]string{p.Kind, p.Name, p.Version, p.Arch}
		if c.seen[key] {
			continue // another bill has told of it
		}
		c.seen[key] = true
		p.Path = referrerPath(bill.Digest, p.Path)
		p.Layer, p.OwnedBy = "", ""
		c.out.Packages = append(c.out.Packages, p)
		if isDatabase(p.Kind) && !databases[p.Kind] {
			databases[p.Kind] = true
			c.out.OS = bill.Inventory.OS
			c.out.Databases = append(c.out.Databases, Database{Kind: p.Kind, Path: referrerMark + bill.Digest})
		}
	}
}

// sameSystem says whether packages of an operating system can be the image's: of its own, or where nobody knows it.
func (c *complement) sameSystem(os OSRelease) bool {
	have := c.out.OS
	if os.ID == "" {
		return false
	}
	return have.ID == "" || have.ID == os.ID && (have.VersionID == "" || os.VersionID == "" || have.VersionID == os.VersionID)
}

func referrerPath(digest, path string) string {
	if path == "" {
		return referrerMark + digest
	}
	return referrerMark + digest + withinMark + path
}

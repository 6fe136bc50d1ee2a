package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Layer is one layer of an image for Merge.
type Layer struct {
	Digest string
	Record *LayerRecord
}

// Merge lays layers over each other, base first, as a union file system does: a path survives unless an upper layer has
// that path itself, a file or link where one of its directories was, a whiteout of one of these, or an opaque directory
// above it. It fails with an *Error when a package database that is in force in the image could not be read.
func Merge(layers []Layer) (*Inventory, error) {
	u := &union{
		files: map[string]*File{}, releases: map[string]OSRelease{}, links: map[string]string{},
		since: map[Package]string{},
	}
	for i, l := range layers {
		if l.Record == nil {
			return nil, fmt.Errorf("layer %d (%s) has no record", i+1, l.Digest)
		}
		u.apply(l.Digest, l.Record)
	}
	return u.inventory()
}

// union is the merged file system so far, as far as scanning is concerned.
type union struct {
	files    map[string]*File
	releases map[string]OSRelease
	links    map[string]string
	// since holds the packages present, without their path, and the layer since which each has been. The path does
	// not count because a database that is moved (to a merged /usr, say) does not install its packages anew.
	since map[Package]string
}

func (u *union) apply(digest string, r *LayerRecord) {
	changed := removeHidden(u.files, r)
	removeHidden(u.releases, r)
	removeHidden(u.links, r)
	for i := range r.Files {
		u.files[r.Files[i].Path] = &r.Files[i]
		changed = true
	}
	for _, f := range r.OSReleases {
		u.releases[f.Path] = f.Release
	}
	for _, l := range r.Symlinks {
		u.links[l.Path] = l.Target
	}
	if changed {
		u.attribute(digest)
	}
}

// removeHidden drops the paths of lower layers that a layer hides, before what the layer itself has is added.
func removeHidden[T any](paths map[string]T, r *LayerRecord) (changed bool) {
	for path := range paths {
		if r.hides(path) {
			delete(paths, path)
			changed = true
		}
	}
	return changed
}

// hides says whether the layer hides this path of the layers below. The path itself can be replaced by a directory as
// well; a directory above it being there again hides nothing.
func (r *LayerRecord) hides(path string) bool {
	h := hashPath(path)
	if contains(r.Paths, h) || contains(r.Whiteouts, h) || contains(r.Dirs, h) {
		return true
	}
	hidden := false
	ancestors(path, func(dir string) bool {
		h := hashPath(dir)
		hidden = contains(r.Paths, h) || contains(r.Whiteouts, h) || contains(r.Opaque, h)
		return !hidden
	})
	return hidden
}

// attribute brings since up to date: packages that were there keep their layer, new ones came with this one, and those
// that are gone are forgotten, so that one installed again later belongs to that later layer.
func (u *union) attribute(digest string) {
	now := make(map[Package]string, len(u.since))
	for _, f := range u.files {
		for _, p := range f.Packages {
			p = identity(p)
			if layer, ok := u.since[p]; ok {
				now[p] = layer
			} else {
				now[p] = digest
			}
		}
	}
	u.since = now
}

// identity is what of a package counts when layers are compared. The path does not with databases: one that is moved (to
// a merged /usr, say) does not install its packages anew.
func identity(p Package) Package {
	if !isLanguage(p.Kind) {
		p.Path = ""
	}
	return p
}

func (u *union) inventory() (*Inventory, error) {
	inv := &Inventory{OS: u.osRelease(), Databases: []Database{}, Packages: []Package{}}
	for _, path := range slices.Sorted(maps.Keys(u.files)) {
		f := u.files[path]
		if f.Problem != nil && isLanguage(f.Kind) {
			continue
		}
		if f.Problem != nil {
			return nil, f.Problem
		}
		if !isLanguage(f.Kind) {
			inv.Databases = append(inv.Databases, Database{Kind: f.Kind, Path: path})
		}
		for _, p := range f.Packages {
			p.Layer = u.since[identity(p)]
			inv.Packages = append(inv.Packages, p)
		}
	}
	slices.SortFunc(inv.Packages, comparePackages)
	return inv, nil
}

// osRelease finds the file as programs in the image would: /etc first, then /usr/lib, through symbolic links.
func (u *union) osRelease() OSRelease {
	for _, path := range [...]string{"etc/os-release", "usr/lib/os-release"} {
		if at, ok := u.resolve(path); ok {
			if release, ok := u.releases[at]; ok {
				return release
			}
		}
	}
	return OSRelease{}
}

// maxLinks is how many symbolic links Linux follows in one path.
const maxLinks = 40

// resolve follows symbolic links, within the image's root.
func (u *union) resolve(path string) (string, bool) {
	done, rest := "", path
	for hops := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			done = done[:max(strings.LastIndexByte(done, '/'), 0)]
			continue
		}
		next := join(done, name)
		target, isLink := u.links[next]
		if !isLink {
			done = next
			continue
		}
		if hops++; hops > maxLinks || len(target)+len(rest) > 1<<16 {
			return "", false
		}
		if strings.HasPrefix(target, "/") {
			done = ""
		}
		rest = target + "/" + rest
	}
	return done, done != ""
}

package inventory

import (
	"cmp"
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
// above it. It fails with an *Error when a package database that is in force in the image could not be read; language
// files that could not are among the Warnings.
func Merge(layers []Layer) (*Inventory, error) {
	u := &union{
		files: map[string]*at[present]{}, releases: map[string]*at[OSRelease]{}, links: map[string]*at[string]{},
		dirs: map[string]*directory{}, since: map[Package]int{},
	}
	for i, l := range layers {
		if l.Record == nil {
			return nil, fmt.Errorf("layer %d (%s) has no record", i+1, l.Digest)
		}
		u.layer = i
		u.apply(l.Record)
	}
	return u.inventory(layers)
}

// union is the merged file system so far, as far as scanning is concerned.
type union struct {
	layer    int // the number of the one that is applied
	skipped  int64
	files    map[string]*at[present]
	releases map[string]*at[OSRelease]
	links    map[string]*at[string]
	dirs     map[string]*directory // those above the paths in the three maps
	// since holds the packages of package databases, without their path, and the layer since which each has been
	// there. The path does not count because a database that is moved (to a merged /usr, say) does not install its
	// packages anew.
	since map[Package]int
}

// at is something at a path.
type at[T any] struct {
	hash  uint64
	dir   *directory
	value T
}

// directory remembers for a layer whether it hides what is below: most paths share their directories with others.
type directory struct {
	hash   uint64
	parent *directory
	asked  int // number of the layer plus 1
	hidden bool
}

// present is a file of the merged image. Packages have been there since the layer of the file, or since that in since
// where it is not nil.
type present struct {
	file  *File
	layer int
	since []int
}

func (p *present) sinceLayer(i int) int {
	if p.since == nil {
		return p.layer
	}
	return p.since[i]
}

func (u *union) apply(r *LayerRecord) {
	changed := false
	gone := removeHidden(u, u.files, r)
	for _, f := range gone {
		changed = changed || isDatabase(f.value.file.Kind)
	}
	removeHidden(u, u.releases, r)
	removeHidden(u, u.links, r)
	for i := range r.Files {
		f := &r.Files[i]
		now := present{file: f, layer: u.layer}
		if before, ok := gone[f.Path]; ok && isLanguage(f.Kind) {
			now.since = inherit(&now, &before.value)
		}
		put(u, u.files, f.Path, now)
		changed = changed || isDatabase(f.Kind)
	}
	for _, f := range r.OSReleases {
		put(u, u.releases, f.Path, f.Release)
	}
	for _, l := range r.Symlinks {
		put(u, u.links, l.Path, l.Target)
	}
	u.skipped += r.Skipped
	if changed {
		u.attribute()
	}
}

// inherit gives the layer since which each package of a language file has been there, when a file is replaced by one
// that holds some of the same packages. Their path counts: two copies in two places are two packages.
func inherit(now, before *present) []int {
	var since []int
	for i, p := range now.file.Packages {
		n, found := slices.BinarySearchFunc(before.file.Packages, p, comparePackages)
		if !found {
			continue
		}
		if since == nil {
			since = slices.Repeat([]int{now.layer}, len(now.file.Packages))
		}
		since[i] = before.sinceLayer(n)
	}
	return since
}

func put[T any](u *union, paths map[string]*at[T], path string, value T) {
	paths[path] = &at[T]{hash: hashPath(path), dir: u.directoryOf(path), value: value}
}

// directoryOf gives the directory above a path.
func (u *union) directoryOf(path string) *directory {
	name, parent := path[:max(strings.LastIndexByte(path, '/'), 0)], (*directory)(nil)
	if d, ok := u.dirs[name]; ok {
		return d
	}
	if name != "" {
		parent = u.directoryOf(name)
	}
	d := &directory{hash: hashPath(name), parent: parent}
	u.dirs[name] = d
	return d
}

// removeHidden takes out the paths of lower layers that a layer hides, before what the layer itself has is added.
func removeHidden[T any](u *union, paths map[string]*at[T], r *LayerRecord) map[string]*at[T] {
	var gone map[string]*at[T]
	for path, f := range paths {
		if r.replaces(f.hash) || u.hides(r, f.dir) {
			if gone == nil {
				gone = map[string]*at[T]{}
			}
			gone[path] = f
			delete(paths, path)
		}
	}
	return gone
}

// replaces says whether the layer has something in place of this very path, a directory included.
func (r *LayerRecord) replaces(h uint64) bool {
	return contains(r.Paths, h) || contains(r.Whiteouts, h) || contains(r.Dirs, h)
}

// hides says whether the layer hides all that lower layers have below a directory. The directory, or one above it, being
// there again hides nothing.
func (u *union) hides(r *LayerRecord, d *directory) bool {
	if d == nil {
		return false
	}
	if d.asked != u.layer+1 {
		d.asked = u.layer + 1
		d.hidden = contains(r.Paths, d.hash) || contains(r.Whiteouts, d.hash) || contains(r.Opaque, d.hash) || u.hides(r, d.parent)
	}
	return d.hidden
}

// attribute brings since up to date: packages that were there keep their layer, new ones came with this one, and those
// that are gone are forgotten, so that one installed again later belongs to that later layer.
func (u *union) attribute() {
	now := make(map[Package]int, len(u.since))
	for _, f := range u.files {
		if !isDatabase(f.value.file.Kind) {
			continue
		}
		for _, p := range f.value.file.Packages {
			p.Path = ""
			if layer, ok := u.since[p]; ok {
				now[p] = layer
			} else {
				now[p] = u.layer
			}
		}
	}
	u.since = now
}

// maxWarnings is how many warnings an inventory lists; one more counts the others.
const maxWarnings = 100

func (u *union) inventory(layers []Layer) (*Inventory, error) {
	inv := &Inventory{OS: u.osRelease(), Databases: []Database{}, Packages: []Package{}}
	owners := u.owners()
	for path, f := range u.files {
		file := f.value.file
		switch {
		case file.Problem != nil && !isDatabase(file.Kind):
			inv.Warnings = append(inv.Warnings, Warning{Path: path, Reason: file.Problem.Reason, Message: file.Problem.Err.Error()})
		case file.Problem != nil:
			return nil, u.firstFailure()
		case isDatabase(file.Kind):
			inv.Databases = append(inv.Databases, Database{Kind: file.Kind, Path: path})
		}
		for i, p := range file.Packages {
			since := f.value.sinceLayer(i)
			if isDatabase(file.Kind) {
				since = u.since[identity(p)]
			} else {
				p.OwnedBy = owners.of(path, since)
			}
			p.Layer = layers[since].Digest
			inv.Packages = append(inv.Packages, p)
		}
	}
	slices.SortFunc(inv.Databases, func(a, b Database) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(inv.Packages, comparePackages)
	inv.Warnings = u.warnings(inv.Warnings)
	return inv, nil
}

// identity is what of a package of a database counts when layers are compared.
func identity(p Package) Package {
	p.Path = ""
	return p
}

// firstFailure is about the first path, whatever the order of the map.
func (u *union) firstFailure() error {
	for _, path := range slices.Sorted(maps.Keys(u.files)) {
		if f := u.files[path].value.file; f.Problem != nil && isDatabase(f.Kind) {
			return f.Problem
		}
	}
	return nil
}

func (u *union) warnings(all []Warning) []Warning {
	slices.SortFunc(all, func(a, b Warning) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message))
	})
	more := u.skipped
	if len(all) > maxWarnings {
		more += int64(len(all) - maxWarnings)
		all = all[:maxWarnings]
	}
	if more > 0 {
		all = append(all, Warning{Reason: ReasonLimit, Message: fmt.Sprintf("%d more files of languages could not be read, or were left out because there are too many", more)})
	}
	return all
}

// osRelease finds the file as programs in the image would: /etc first, then /usr/lib, through symbolic links.
func (u *union) osRelease() OSRelease {
	for _, path := range [...]string{"etc/os-release", "usr/lib/os-release"} {
		if at, ok := u.resolve(path); ok {
			if release, ok := u.releases[at]; ok {
				return release.value
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
		link, isLink := u.links[next]
		if !isLink {
			done = next
			continue
		}
		target := link.value
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

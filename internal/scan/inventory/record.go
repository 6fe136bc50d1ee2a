package inventory

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// LayerRecord is all that a scan has to know of one layer. It holds no layer digest: whoever stores it does.
//
// Paths have no leading slash and are cleaned. Where a merge only asks "is this path in here?", the record holds sorted
// 64-bit hashes instead of names, so its size does not depend on the length of names that an attacker chose.
type LayerRecord struct {
	// Files are the package databases of the layer and the language files with packages or problems, sorted by path. A
	// database that was read and holds no packages is here with none: it is in force all the same.
	Files []File
	// OSReleases are the files that os-release may turn out to be once symbolic links are resolved, sorted by path.
	OSReleases []OSReleaseFile
	// Symlinks are those on the way to package databases and os-release files, sorted by path.
	Symlinks []Symlink

	Paths     []uint64 // everything that is no directory: hides that path, and all below it, in lower layers
	Whiteouts []uint64 // deleted: the same
	Opaque    []uint64 // directories whose content in lower layers is hidden, themselves not
	Dirs      []uint64 // directories: hide what is no directory at that path

	Entries int64 // tar entries read
	Bytes   int64 // uncompressed size
	Skipped int64 // language files left out because there are too many
}

// File is a package database or a language file and what was read from it.
type File struct {
	Path     string
	Kind     string
	Packages []Package // sorted; Layer and OwnedBy are empty
	// Owned are the files of each package of a database, or of the one package that a list of files is about.
	Owned []Owned
	// Problem is why the file could not be read, nil when it could. It only matters to images in which no higher layer
	// replaces the file: a package database fails the scan of these, a language file is a warning.
	Problem *Error
}

// OSReleaseFile is a parsed os-release file.
type OSReleaseFile struct {
	Path    string
	Release OSRelease
}

// Symlink is a symbolic link as the layer has it; Target may be relative.
type Symlink struct {
	Path, Target string
}

// hashPath is the stable hash of cleaned paths in records. Changing it means a new IndexerVersion.
func hashPath(path string) uint64 { return xxhash.Sum64String(path) }

func contains(sorted []uint64, h uint64) bool {
	_, found := slices.BinarySearch(sorted, h)
	return found
}

func (w *walker) record() *LayerRecord {
	r := &LayerRecord{
		Paths: sortedSet(w.paths), Whiteouts: sortedSet(w.whiteouts), Opaque: sortedSet(w.opaque), Dirs: sortedSet(w.dirs),
		Entries: w.entries, Bytes: w.s.read, Skipped: int64(w.skipped),
	}
	for path, k := range w.files {
		if !w.gone(path, k.at) {
			r.Files = append(r.Files, k.value)
		}
	}
	for path, k := range w.releases {
		if !w.gone(path, k.at) {
			r.OSReleases = append(r.OSReleases, OSReleaseFile{Path: path, Release: k.value})
		}
	}
	for path, k := range w.links {
		if !w.gone(path, k.at) {
			r.Symlinks = append(r.Symlinks, Symlink{Path: path, Target: k.value})
		}
	}
	slices.SortFunc(r.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(r.OSReleases, func(a, b OSReleaseFile) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Symlinks, func(a, b Symlink) int { return strings.Compare(a.Path, b.Path) })
	return r
}

// sortedSet sorts and drops duplicates, and gives back memory that growing took too much of.
func sortedSet(hashes []uint64) []uint64 {
	slices.Sort(hashes)
	return slices.Clip(slices.Compact(hashes))
}

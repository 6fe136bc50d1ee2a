package inventory

import "slices"

// Bounds of one image. Runtimes refuse images with more than 127 layers.
const (
	maxLayers    = 1000
	maxStacked   = 96 << 20 // bytes of memory that its records take
	maxInstalled = 100_000  // packages
)

// Stack gathers the layers of one image for Merge, as long as they are no more than the layers of an image can be: each of
// them was bounded by itself, and one that costs much costs nothing to name a thousand times.
type Stack struct {
	layers []Layer
	known  map[string]*LayerRecord
	weight int
}

// Known is the record of a layer that was added before, nil if it was not.
func (s *Stack) Known(digest string) *LayerRecord { return s.known[digest] }

// Add puts a layer above the others. It fails with an *Error when they are too many, or too much together.
func (s *Stack) Add(digest string, r *LayerRecord) error {
	if len(s.layers) >= maxLayers {
		return fail(ReasonLimit, "it has more than %d layers", maxLayers)
	}
	if s.known == nil {
		s.known = map[string]*LayerRecord{}
	}
	if s.known[digest] == nil {
		if s.weight += r.weight(); s.weight > maxStacked {
			return fail(ReasonLimit, "its layers have more files and packages than %d MiB of memory hold", maxStacked>>20)
		}
		s.known[digest] = r
	}
	s.layers = append(s.layers, Layer{Digest: digest, Record: r})
	return nil
}

// Digests are those of the layers, base first.
func (s *Stack) Digests() []string {
	all := make([]string, len(s.layers))
	for i, l := range s.layers {
		all[i] = l.Digest
	}
	return all
}

// Merge is Merge of the layers that were added. It also fails with an *Error when the image has too many packages.
func (s *Stack) Merge() (*Inventory, error) {
	inv, err := Merge(slices.Clone(s.layers))
	if err == nil && len(inv.Packages) > maxInstalled {
		return nil, fail(ReasonLimit, "it has more than %d packages", maxInstalled)
	}
	return inv, err
}

// weight is about how many bytes of memory a record takes.
func (r *LayerRecord) weight() int {
	const (
		hash  = 8
		file  = 160 // and other things with a path
		pkg   = 400
		owner = 80
	)
	n := hash * (len(r.Paths) + len(r.Whiteouts) + len(r.Opaque) + len(r.Dirs))
	n += file * (len(r.Files) + len(r.OSReleases) + len(r.Symlinks))
	for i := range r.Files {
		f := &r.Files[i]
		n += pkg * len(f.Packages)
		for j := range f.Owned {
			n += owner + hash*len(f.Owned[j].Files)
		}
	}
	return n
}

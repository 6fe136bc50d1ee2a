package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The stored form of a record: magic, IndexerVersion, then the fields in order. Numbers are varints, hashes eight bytes
// each, little-endian. A string comes in full the first time, as 0, length, bytes, and later as its number: most strings
// of a record come more than once.
const recordMagic = "ecrL"

// MarshalBinary encodes the record. The same record gives the same bytes.
func (r *LayerRecord) MarshalBinary() ([]byte, error) {
	hashes := len(r.Paths) + len(r.Whiteouts) + len(r.Opaque) + len(r.Dirs)
	e := &encoder{strings: map[string]uint64{}, out: make([]byte, 0, 512+8*hashes)}
	e.out = append(e.out, recordMagic...)
	e.number(IndexerVersion)
	e.number(uint64(r.Entries))
	e.number(uint64(r.Bytes))
	e.number(uint64(r.Skipped))
	e.number(uint64(len(r.Files)))
	for i := range r.Files {
		e.file(&r.Files[i])
	}
	e.number(uint64(len(r.OSReleases)))
	for i := range r.OSReleases {
		e.string(r.OSReleases[i].Path)
		e.release(&r.OSReleases[i].Release)
	}
	e.number(uint64(len(r.Symlinks)))
	for _, l := range r.Symlinks {
		e.string(l.Path)
		e.string(l.Target)
	}
	for _, set := range [...][]uint64{r.Paths, r.Whiteouts, r.Opaque, r.Dirs} {
		e.hashes(set)
	}
	return e.out, nil
}

type encoder struct {
	out     []byte
	strings map[string]uint64
}

func (e *encoder) number(n uint64) { e.out = binary.AppendUvarint(e.out, n) }

func (e *encoder) string(s string) {
	if n, ok := e.strings[s]; ok {
		e.number(n)
		return
	}
	e.strings[s] = uint64(len(e.strings) + 1)
	e.number(0)
	e.number(uint64(len(s)))
	e.out = append(e.out, s...)
}

func (e *encoder) file(f *File) {
	e.string(f.Path)
	e.string(f.Kind)
	if f.Problem != nil {
		e.string(string(f.Problem.Reason))
		e.string(f.Problem.Err.Error())
	} else {
		e.string("")
	}
	e.number(uint64(len(f.Packages)))
	for i := range f.Packages {
		p := &f.Packages[i]
		if isLanguage(f.Kind) {
			e.string(p.Kind)
			e.string(strings.TrimPrefix(p.Path, f.Path))
		}
		for _, s := range packageStrings(p) {
			e.string(*s)
		}
		e.number(uint64(p.Epoch))
	}
	e.number(uint64(len(f.Owned)))
	for _, o := range f.Owned {
		e.string(o.Package)
		e.string(o.Version)
		e.string(o.Arch)
		e.hashes(o.Files)
	}
}

// packageStrings are the fields of a package that a record stores; kind and path are the file's, but in language files.
func packageStrings(p *Package) [8]*string {
	return [...]*string{&p.Name, &p.Version, &p.Release, &p.Arch, &p.SourceName, &p.SourceVersion, &p.Module, &p.Maintainer}
}

func (e *encoder) release(o *OSRelease) {
	for _, s := range releaseStrings(o) {
		e.string(*s)
	}
	e.number(uint64(len(o.IDLike)))
	for _, s := range o.IDLike {
		e.string(s)
	}
}

func releaseStrings(o *OSRelease) [7]*string {
	return [...]*string{&o.ID, &o.VersionID, &o.VersionCodename, &o.Name, &o.PrettyName, &o.CPEName, &o.SupportEnd}
}

func (e *encoder) hashes(set []uint64) {
	e.number(uint64(len(set)))
	for _, h := range set {
		e.out = binary.LittleEndian.AppendUint64(e.out, h)
	}
}

// UnmarshalBinary decodes a record. It fails with ReasonStale when another IndexerVersion wrote it, and with ReasonRecord
// when it is broken; the memory that it uses is a small multiple of len(data) whatever data says.
func (r *LayerRecord) UnmarshalBinary(data []byte) error {
	if len(data) < len(recordMagic) || string(data[:len(recordMagic)]) != recordMagic {
		return fail(ReasonRecord, "this is no layer record")
	}
	d := &decoder{in: data[len(recordMagic):]}
	if v := d.number(); d.err == nil && v != IndexerVersion {
		return fail(ReasonStale, "layer record of version %d, not %d", v, IndexerVersion)
	}
	var got LayerRecord
	got.Entries, got.Bytes, got.Skipped = d.size(), d.size(), d.size()
	got.Files = list(d, 4, (*decoder).file)
	got.OSReleases = list(d, 9, func(d *decoder) OSReleaseFile { return OSReleaseFile{Path: d.string(), Release: d.release()} })
	got.Symlinks = list(d, 2, func(d *decoder) Symlink { return Symlink{Path: d.string(), Target: d.string()} })
	got.Paths, got.Whiteouts, got.Opaque, got.Dirs = d.hashes(), d.hashes(), d.hashes(), d.hashes()
	if d.err == nil && len(d.in) > 0 {
		d.err = errors.New("bytes after the end")
	}
	if d.err != nil {
		return &Error{Reason: ReasonRecord, Err: fmt.Errorf("broken layer record: %w", d.err)}
	}
	*r = got
	return nil
}

// decoder keeps the first error and gives zero values after it.
type decoder struct {
	in      []byte
	strings []string
	err     error
}

var errShort = errors.New("it ends early")

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.in)
	if size <= 0 {
		d.fail(errShort)
		return 0
	}
	d.in = d.in[size:]
	return n
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.in = nil
}

func (d *decoder) size() int64 {
	n := d.number()
	if n > math.MaxInt64 {
		d.fail(errors.New("number too large"))
		return 0
	}
	return int64(n)
}

func (d *decoder) string() string {
	n := d.number()
	if d.err != nil {
		return ""
	}
	if n > 0 {
		if n > uint64(len(d.strings)) {
			d.fail(errors.New("no such string"))
			return ""
		}
		return d.strings[n-1]
	}
	size := d.number()
	if size > uint64(len(d.in)) {
		d.fail(errShort)
		return ""
	}
	s := string(d.in[:size])
	d.in = d.in[size:]
	d.strings = append(d.strings, s)
	return s
}

// list decodes a counted list whose elements take at least least bytes each, so that the count can be believed.
func list[T any](d *decoder, least int, element func(*decoder) T) []T {
	n := d.number()
	if n > uint64(len(d.in)/least) {
		d.fail(errShort)
		return nil
	}
	if n == 0 {
		return nil
	}
	all := make([]T, 0, n)
	for range n {
		v := element(d)
		if d.err != nil {
			return nil
		}
		all = append(all, v)
	}
	return all
}

func (d *decoder) file() File {
	f := File{Path: d.string(), Kind: d.string()}
	if reason := d.string(); reason != "" {
		f.Problem = &Error{Reason: Reason(reason), Path: f.Path, Err: errors.New(d.string())}
	}
	f.Packages = list(d, 9, func(d *decoder) Package {
		p := Package{Kind: f.Kind, Path: f.Path}
		if isLanguage(f.Kind) {
			p.Kind, p.Path = d.string(), f.Path+d.string()
		}
		for _, s := range packageStrings(&p) {
			*s = d.string()
		}
		p.Epoch = int(d.number())
		return p
	})
	f.Owned = list(d, 4, func(d *decoder) Owned {
		return Owned{Package: d.string(), Version: d.string(), Arch: d.string(), Files: d.hashes()}
	})
	return f
}

func (d *decoder) release() OSRelease {
	var o OSRelease
	for _, s := range releaseStrings(&o) {
		*s = d.string()
	}
	o.IDLike = list(d, 1, (*decoder).string)
	return o
}

// hashes insists on order: Merge searches in it.
func (d *decoder) hashes() []uint64 {
	n := d.number()
	if n > uint64(len(d.in)/8) {
		d.fail(errShort)
		return nil
	}
	if n == 0 {
		return nil
	}
	set := make([]uint64, n)
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(d.in[8*i:])
	}
	d.in = d.in[8*n:]
	if !slices.IsSorted(set) {
		d.fail(errors.New("hashes out of order"))
	}
	return set
}

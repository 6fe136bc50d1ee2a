package source

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// cache keeps layer records as files. It is only ever a help: what it does not
// have, or has broken, is read again.
type cache struct {
	dir string // of records of this version; empty: nothing is kept
}

const (
	cachePrefix = "layers-v"
	// maxRecord is larger than the record of any layer within the limits.
	maxRecord = 512 << 20
	// Above either of these, the records that were not asked for longest go.
	maxCacheFiles = 20_000
	maxCacheBytes = 1 << 30
)

func openCache(dir string) *cache {
	if dir == "" {
		return &cache{}
	}
	return &cache{dir: filepath.Join(dir, fmt.Sprintf("%s%d", cachePrefix, inventory.IndexerVersion))}
}

func (c *cache) path(digest string) string {
	algorithm, sum, _ := strings.Cut(digest, ":")
	return filepath.Join(c.dir, algorithm+"-"+sum[:2], sum)
}

// get answers nil for what is not there. The file begins with the checksum of
// the rest, because a record in which a bit has changed can still be read.
func (c *cache) get(digest string) *inventory.LayerRecord {
	if c.dir == "" || !registry.ValidDigest(digest) {
		return nil
	}
	path := c.path(digest)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxRecord {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) < sha256.Size {
		return nil
	}
	sum := sha256.Sum256(data[sha256.Size:])
	record := new(inventory.LayerRecord)
	if !bytes.Equal(sum[:], data[:sha256.Size]) || record.UnmarshalBinary(data[sha256.Size:]) != nil {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // only the order in which records go depends on it
	return record
}

// put keeps a record. A cache that cannot be written to makes nothing wrong.
func (c *cache) put(digest string, record *inventory.LayerRecord) {
	if c.dir == "" || !registry.ValidDigest(digest) {
		return
	}
	encoded, err := record.MarshalBinary()
	if err != nil {
		return
	}
	path := c.path(digest)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return
	}
	sum := sha256.Sum256(encoded)
	_, err = f.Write(append(sum[:], encoded...))
	if err = cmp.Or(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}

// Prune drops records of other versions of the reader from a cache directory,
// and those that were not asked for longest when there are too many.
func Prune(dir string) error {
	if dir == "" {
		return nil
	}
	current := openCache(dir).dir
	old, err := filepath.Glob(filepath.Join(dir, cachePrefix+"*"))
	if err != nil {
		return err
	}
	for _, other := range old {
		if other != current {
			if err := os.RemoveAll(other); err != nil {
				return err
			}
		}
	}
	return pruneOldest(current, maxCacheFiles, maxCacheBytes)
}

func pruneOldest(dir string, files int, size int64) error {
	type kept struct {
		path string
		at   time.Time
		size int64
	}
	var all []kept
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		all = append(all, kept{path, info.ModTime(), info.Size()})
		total += info.Size()
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b kept) int { return a.at.Compare(b.at) })
	for len(all) > 0 && (len(all) > files || total > size) {
		if err := ignoreMissing(os.Remove(all[0].path)); err != nil {
			return err
		}
		total -= all[0].size
		all = all[1:]
	}
	return nil
}

// ignoreMissing: another process prunes, too.
func ignoreMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}

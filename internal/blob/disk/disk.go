// Package disk is a blob store in a directory of a local file system.
//
//	DIR/uploads/<key>[~<generation>]   bytes that are not committed
//	DIR/blobs/<hh>/<key>               committed content; hh is a hash of the key
//
// Content appears under blobs only whole and durable: it is written under
// uploads, synced, renamed, and the directory is synced. A crash at any moment
// therefore leaves no half file under blobs.
//
// Bytes that an answered state covers are never overwritten. An append that
// finds its file in use, or longer than its state says, goes on in a new
// generation of the file that starts with a copy; so two requests that race on
// one upload cannot mix their bytes, whichever of the two states is kept.
//
// One process uses a directory at a time. The package must not know what the
// bytes are, nor who may read them.
package disk

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ecru-registry/ecru/internal/blob"
)

const (
	fanout   = 256 // directories under blobs
	lockSet  = 64  // stripes of the lock that commits of one key share
	dirMode  = 0o700
	fileMode = 0o600
)

// Store is a blob.Store in a directory.
type Store struct {
	uploads string
	blobs   string
	buffers buffers

	// commits keeps two commits of one key apart.
	commits [lockSet]sync.Mutex

	mu sync.Mutex
	// busy holds the names under uploads that a call is working on.
	busy map[string]struct{}
	// generations holds, by key, the names under uploads other than the key.
	generations map[string][]string
}

var _ blob.Store = (*Store)(nil)

// New opens the store in dir and creates what is missing of it.
func New(dir string) (*Store, error) {
	s := &Store{
		uploads:     filepath.Join(dir, "uploads"),
		blobs:       filepath.Join(dir, "blobs"),
		buffers:     newBuffers(),
		busy:        map[string]struct{}{},
		generations: map[string][]string{},
	}
	if err := s.create(dir); err != nil {
		return nil, fmt.Errorf("blob: opening store: %w", err)
	}
	if err := s.recover(); err != nil {
		return nil, fmt.Errorf("blob: opening store: %w", err)
	}
	return s, nil
}

// create makes all directories at once, so that a commit never has to.
func (s *Store) create(dir string) error {
	if err := os.MkdirAll(s.uploads, dirMode); err != nil {
		return err
	}
	if err := os.MkdirAll(s.blobs, dirMode); err != nil {
		return err
	}
	for i := range fanout {
		err := os.Mkdir(filepath.Join(s.blobs, fmt.Sprintf("%02x", i)), dirMode)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// The directory above may be one that we may not read; then its name was
	// not ours to make durable.
	_ = syncDir(filepath.Dir(dir))
	return errors.Join(syncDir(s.blobs), syncDir(dir))
}

// recover learns the generations that an earlier process has left, and drops
// those whose key has been committed.
func (s *Store) recover() error {
	return eachEntry(s.uploads, func(e fs.DirEntry) error {
		key, generation, ok := splitName(e.Name())
		if !ok {
			return nil
		}
		if _, err := os.Lstat(s.path(key)); err == nil {
			return removeIfThere(filepath.Join(s.uploads, e.Name()))
		}
		if generation != "" {
			s.generations[key] = append(s.generations[key], e.Name())
		}
		return nil
	})
}

// path is where the committed content of a key lies.
func (s *Store) path(key string) string {
	return filepath.Join(s.bucket(key), key)
}

// bucket is the directory of a key. It is named by a hash because keys may
// begin with the time.
func (s *Store) bucket(key string) string {
	return filepath.Join(s.blobs, fmt.Sprintf("%02x", hash(key)%fanout))
}

func hash(key string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(key))
	return h.Sum32()
}

// Open answers the content under a key as an *os.File.
func (s *Store) Open(_ context.Context, key string) (blob.Content, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	f, err := os.Open(s.path(key))
	if err != nil {
		return nil, readError("opening", key, err)
	}
	return f, nil
}

// Stat answers the size under a key.
func (s *Store) Stat(_ context.Context, key string) (int64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	info, err := os.Stat(s.path(key))
	if err != nil {
		return 0, readError("stat of", key, err)
	}
	return info.Size(), nil
}

// Delete removes committed content. It is not synced: content that a crash
// brings back is found by List.
func (s *Store) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := removeIfThere(s.path(key)); err != nil {
		return fmt.Errorf("blob: deleting %s: %w", key, err)
	}
	return nil
}

func readError(doing, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", blob.ErrNotFound, key)
	}
	return fmt.Errorf("blob: %s %s: %w", doing, key, err)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ecru-registry/ecru/internal/blob"
)

// listBatch bounds how many names of a directory are in memory.
const listBatch = 1024

// List calls each for everything stored. An upload of several generations is
// told once for each. Files that the store has not made are passed over.
func (s *Store) List(ctx context.Context, each func(blob.Info) error) error {
	if err := s.listDir(ctx, s.uploads, false, each); err != nil {
		return err
	}
	for i := range fanout {
		dir := filepath.Join(s.blobs, fmt.Sprintf("%02x", i))
		if err := s.listDir(ctx, dir, true, each); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) listDir(ctx context.Context, dir string, committed bool, each func(blob.Info) error) error {
	return eachEntry(dir, func(e fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		key, generation, ok := splitName(e.Name())
		if !ok || committed && generation != "" || !e.Type().IsRegular() {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since
		}
		if err != nil {
			return fmt.Errorf("blob: listing: %w", err)
		}
		return each(blob.Info{Key: key, Size: info.Size(), Committed: committed, ModTime: info.ModTime()})
	})
}

// eachEntry calls each for what a directory holds, a batch at a time.
func eachEntry(dir string, each func(fs.DirEntry) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("blob: listing: %w", err)
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(listBatch)
		for _, e := range entries {
			if err := each(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("blob: listing: %w", err)
		}
	}
}

package target

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// keptOpen is how many files stay open: whoever puts targets chooses how many
// there are.
const keptOpen = 128

// lineFiles are the files of a directory that lines go to.
type lineFiles struct {
	dir  string
	log  *slog.Logger
	open *openFiles

	mu  sync.Mutex
	all map[string]*lineFile
}

// lineFile is one of them, with those who write to it.
type lineFile struct {
	*lines
	file *fileSink
}

func newLineFiles(dir string, log *slog.Logger) *lineFiles {
	return &lineFiles{dir: dir, log: log, open: newOpenFiles(), all: map[string]*lineFile{}}
}

// openFiles are the files that are open, those written to last at last.
type openFiles struct {
	mu  sync.Mutex
	lru *simplelru.LRU[*fileSink, struct{}]
}

func newOpenFiles() *openFiles {
	// NewLRU fails for a size below one only. What is to be closed is taken out
	// before there are more.
	lru, err := simplelru.NewLRU[*fileSink, struct{}](keptOpen+1, nil)
	if err != nil {
		panic(err)
	}
	return &openFiles{lru: lru}
}

// used notes that a file is written to, and closes the one that was not for
// longest. One that is being written to stays, and comes in again then.
func (o *openFiles) used(s *fileSink) error {
	o.mu.Lock()
	o.lru.Add(s, struct{}{})
	var oldest *fileSink
	if o.lru.Len() > keptOpen {
		oldest, _, _ = o.lru.RemoveOldest()
	}
	o.mu.Unlock()
	if oldest == nil || !oldest.mu.TryLock() {
		return nil
	}
	defer oldest.mu.Unlock()
	return oldest.close()
}

// of answers what writes to the file of a name, which is valid.
func (f *lineFiles) of(name string) *lines {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.all[name]
	if !ok {
		sink := &fileSink{path: filepath.Join(f.dir, name), log: f.log, among: f.open}
		known = &lineFile{lines: newLines(sink), file: sink}
		f.all[name] = known
	}
	return known.lines
}

func (f *lineFiles) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for name, one := range f.all {
		one.lines.close()
		errs = append(errs, one.file.close())
		delete(f.all, name)
	}
	return errors.Join(errs...)
}

// fileSink appends to a file that others may rotate: what has been renamed or
// removed is left behind for a new file. One goroutine at a time writes to it.
type fileSink struct {
	path  string
	log   *slog.Logger
	among *openFiles

	mu   sync.Mutex // held while it is written to or closed
	file *os.File
}

// take appends lines and syncs the file. On failure nothing of them stays, as
// far as that can be done.
func (s *fileSink) take(lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.among.used(s); err != nil {
		s.log.Warn("closing a file of events", "error", err)
	}
	if err := s.open(); err != nil {
		return err
	}
	before, err := s.file.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(err, s.close())
	}
	_, err = s.file.Write(lines)
	if err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		return nil
	}
	// The file is opened anew the next time, and looked at.
	return errors.Join(fmt.Errorf("writing %s: %w", filepath.Base(s.path), err), s.file.Truncate(before), s.close())
}

// open sees to it that the file is the one that the path leads to.
func (s *fileSink) open() error {
	if s.file != nil {
		here, err := os.Stat(s.path)
		if err == nil {
			var open fs.FileInfo
			if open, err = s.file.Stat(); err == nil && os.SameFile(here, open) {
				return nil
			}
		}
		if err := s.close(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := s.prepare(file); err != nil {
		return errors.Join(err, file.Close())
	}
	s.file = file
	return nil
}

func (s *fileSink) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// prepare makes a file's entry in its directory last, and its last line whole.
func (s *fileSink) prepare(file *os.File) error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", filepath.Base(s.path))
	case info.Size() == 0:
		dir := filepath.Dir(s.path)
		return errors.Join(syncDirectory(dir), syncDirectory(filepath.Dir(dir))) // which may be new as well
	}
	return s.mend(file, info.Size())
}

// mend looks at a last line without an end. A torn one was never told to be
// written: it goes, and its event comes again. One that is whole gets its end.
func (s *fileSink) mend(file *os.File, size int64) error {
	const most = 1 << 20 // longer than any line of ours
	tail := make([]byte, min(size, most))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	last := tail[bytes.LastIndexByte(tail, '\n')+1:]
	switch {
	case len(last) == 0:
		return nil
	case json.Valid(last) || len(last) == most:
		_, err := file.Write([]byte{'\n'})
		return err
	}
	s.log.Warn("dropping the torn last line of a file of events", "file", s.path, "bytes", len(last))
	return file.Truncate(size - int64(len(last)))
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

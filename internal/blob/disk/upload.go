package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/blob"
)

// upload is a file under uploads that one call has to itself. It holds exactly
// the bytes of the state that it was claimed for.
type upload struct {
	key     string
	name    string
	inode   uint64
	size    int64
	created bool // by this claim: an error removes the file
	file    *os.File
}

// Append writes r behind the state's bytes.
func (s *Store) Append(ctx context.Context, key string, state blob.State, r io.Reader, sync bool) (blob.State, error) {
	up, err := s.claim(key, state)
	if err != nil {
		return state, err
	}
	defer s.release(up.name)
	n, err := s.buffers.copy(ctx, up.file, up.size, r)
	if err == nil && sync {
		if err = s.sync(up); err != nil {
			up.created = true // see publish: earlier bytes may be lost, too
		}
	}
	if err = errors.Join(err, up.file.Close()); err != nil {
		s.rollback(up)
		return state, fmt.Errorf("blob: appending to %s: %w", key, err)
	}
	return blob.State{Size: up.size + n, Backend: up.backend()}, nil
}

// sync makes appended bytes as durable as an upload can be.
func (s *Store) sync(up *upload) error {
	if err := fdatasync(up.file); err != nil {
		return err
	}
	if up.created {
		return syncDir(s.uploads)
	}
	return nil
}

// rollback undoes what a failed append has written, as far as it can: what it
// cannot undo is never read, because the file is longer than its state.
func (s *Store) rollback(up *upload) {
	if up.created {
		s.remove(up)
		return
	}
	_ = os.Truncate(filepath.Join(s.uploads, up.name), up.size)
}

func (s *Store) remove(up *upload) {
	_ = os.Remove(filepath.Join(s.uploads, up.name))
	s.forget(up)
}

// Commit makes an upload's bytes durable and readable under its key.
func (s *Store) Commit(_ context.Context, key string, state blob.State) error {
	_, inode, err := parseBackend(key, state)
	if err != nil {
		return err
	}
	if done, err := s.committed(key, state.Size, inode); done || err != nil {
		return err
	}
	up, err := s.claim(key, state)
	if errors.Is(err, blob.ErrNotFound) {
		// Another commit of this upload may have been faster.
		if done, errDone := s.committed(key, state.Size, inode); done || errDone != nil {
			return errDone
		}
	}
	if err != nil {
		return err
	}
	defer s.release(up.name)
	if err := s.publish(up); err != nil {
		return fmt.Errorf("blob: committing %s: %w", key, err)
	}
	s.dropOthers(key, up.name)
	return nil
}

// committed says whether a key has been committed with the upload's very file.
// Another file under the key is an error even when it is as long: it would let
// one upload pass its bytes off as those of another's digest.
func (s *Store) committed(key string, size int64, inode uint64) (bool, error) {
	info, err := os.Lstat(s.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("blob: committing %s: %w", key, err)
	}
	if info.Size() != size || size > 0 && (inode == 0 || inode != inodeOf(info)) {
		return false, fmt.Errorf("blob: committing %s: the key holds other content: %w", key, fs.ErrExist)
	}
	// The commit before may have ended between its rename and its sync.
	return true, syncDir(s.bucket(key))
}

// publish syncs an upload and moves it to where it is read.
func (s *Store) publish(up *upload) error {
	if err := errors.Join(fdatasync(up.file), up.file.Close()); err != nil {
		// Once a sync has failed the kernel forgets which bytes are not on the
		// disk, and the next sync would succeed: the file is worth nothing.
		s.remove(up)
		return err
	}
	if err := s.move(up); err != nil {
		if up.created {
			s.remove(up)
		}
		return err
	}
	return syncDir(s.bucket(up.key))
}

// move renames an upload unless its key is taken.
func (s *Store) move(up *upload) error {
	lock := &s.commits[hash(up.key)%lockSet]
	lock.Lock()
	defer lock.Unlock()
	if done, err := s.committed(up.key, up.size, up.inode); done || err != nil {
		return err
	}
	return os.Rename(filepath.Join(s.uploads, up.name), s.path(up.key))
}

// Abort drops every generation of an upload. A state that came from List, which
// knows no more than a size, is as good as any.
func (s *Store) Abort(_ context.Context, key string, state blob.State) error {
	if len(state.Backend) == 0 {
		state.Size = 0
	}
	name, _, err := parseBackend(key, state)
	if err != nil {
		return err
	}
	s.dropOthers(key, "")
	for _, name := range []string{key, name} {
		if err := removeIfThere(filepath.Join(s.uploads, name)); err != nil {
			return fmt.Errorf("blob: aborting %s: %w", key, err)
		}
	}
	return nil
}

// dropOthers removes the generations of an upload except the one that has been
// committed. An append that still writes to one of them writes into the void,
// and whoever goes on from its state learns that the upload is gone.
func (s *Store) dropOthers(key, committed string) {
	s.mu.Lock()
	names := s.generations[key]
	delete(s.generations, key)
	s.mu.Unlock()
	if committed != key && committed != "" || len(names) > 0 {
		names = append(names, key)
	}
	for _, name := range names {
		if name != committed {
			_ = os.Remove(filepath.Join(s.uploads, name))
		}
	}
}

// claim answers a file with exactly the bytes of the state for the caller
// alone, who releases it.
func (s *Store) claim(key string, state blob.State) (*upload, error) {
	name, _, err := parseBackend(key, state)
	if err != nil {
		return nil, err
	}
	var up *upload
	if state.Size == 0 {
		up, err = s.start(key)
	} else {
		up, err = s.resume(key, name, state.Size)
	}
	if err != nil {
		return nil, readError("going on with upload", key, err)
	}
	return up, nil
}

// start creates the file of an upload that has no bytes yet.
func (s *Store) start(key string) (*upload, error) {
	if s.hold(key) {
		up, err := s.openNew(key, key)
		if err == nil {
			return up, nil
		}
		s.release(key)
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return s.openGeneration(key)
}

// resume opens the file that a state describes, or a copy of its bytes.
func (s *Store) resume(key, name string, size int64) (*upload, error) {
	if !s.hold(name) {
		return s.fork(key, name, size)
	}
	up, err := s.openHeld(key, name, size)
	if err != nil || up == nil {
		s.release(name)
	}
	if err != nil || up != nil {
		return up, err
	}
	return s.fork(key, name, size)
}

// openHeld answers nil when the file has more bytes than the state knows.
func (s *Store) openHeld(key, name string, size int64) (*upload, error) {
	f, err := os.OpenFile(filepath.Join(s.uploads, name), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("%d of %d bytes are lost", size-info.Size(), size)
	}
	if err != nil || info.Size() > size {
		return nil, errors.Join(err, f.Close())
	}
	return &upload{key: key, name: name, inode: inodeOf(info), size: size, file: f}, nil
}

// fork starts a generation with the first size bytes of another. Those are
// settled, so that it does not matter who is appending behind them.
func (s *Store) fork(key, name string, size int64) (*upload, error) {
	from, err := os.Open(filepath.Join(s.uploads, name))
	if err != nil {
		return nil, err
	}
	defer from.Close()
	up, err := s.openGeneration(key)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(up.file, from, size); err != nil {
		_ = up.file.Close()
		s.remove(up)
		s.release(up.name)
		return nil, fmt.Errorf("copying %d bytes: %w", size, err)
	}
	up.size = size
	return up, nil
}

func (s *Store) openGeneration(key string) (*upload, error) {
	name := newGeneration(key)
	s.mu.Lock()
	s.busy[name] = struct{}{}
	s.generations[key] = append(s.generations[key], name)
	s.mu.Unlock()
	up, err := s.openNew(key, name)
	if err != nil {
		s.forget(&upload{key: key, name: name})
		s.release(name)
	}
	return up, err
}

func (s *Store) openNew(key, name string) (*upload, error) {
	path := filepath.Join(s.uploads, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return &upload{key: key, name: name, inode: inodeOf(info), created: true, file: f}, nil
}

// hold marks a name as in use, unless it is.
func (s *Store) hold(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.busy[name]; taken {
		return false
	}
	s.busy[name] = struct{}{}
	return true
}

func (s *Store) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, name)
}

// forget takes a removed file off the list of generations.
func (s *Store) forget(up *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.generations[up.key], func(n string) bool { return n == up.name })
	if s.generations[up.key] = left; len(left) == 0 {
		delete(s.generations, up.key)
	}
}

// backend encodes what a state has to know of the disk: which file, and its
// inode, by which a commit recognises its own earlier success.
func (u *upload) backend() []byte {
	generation := strings.TrimPrefix(u.name[len(u.key):], generationMark)
	return []byte(generation + ":" + strconv.FormatUint(u.inode, 16))
}

func parseBackend(key string, state blob.State) (name string, inode uint64, err error) {
	if err := checkKey(key); err != nil {
		return "", 0, err
	}
	if len(state.Backend) == 0 && state.Size == 0 {
		return key, 0, nil
	}
	generation, id, ok := strings.Cut(string(state.Backend), ":")
	inode, err = strconv.ParseUint(id, 16, 64)
	if !ok || err != nil || state.Size < 0 || generation != "" && !isWord(generation) {
		return "", 0, fmt.Errorf("blob: invalid state of upload %s", key)
	}
	if generation != "" {
		key += generationMark + generation
	}
	return key, inode, nil
}

// Package sealed encrypts the content of another blob store: what that one
// keeps is unreadable without a master key, and what was changed there is
// noticed when it is read.
//
// Every upload draws a data key of its own, which is sealed by a Keyring for
// that one key of the store and stands at the beginning of what is stored:
//
//	header   mark and version (8 bytes), sealed data key (72 bytes)
//	chunk    nonce, 16 KiB of content, tag            … as many as there are
//	last     nonce, branch, less than 16 KiB of content, tag
//
// Chunks are AES-256-GCM with random nonces; whether a chunk is the last and
// where it stands is authenticated. So any part can be read by itself, and a
// file that was cut, extended or put together anew is not believed: opening
// proves the last chunk and with it the size, reading proves the others.
//
// Bytes that do not fill a chunk yet travel in the upload's state, encrypted
// under the data key. Nothing that was stored is ever encrypted again under its
// nonce: an append that is made a second time draws other nonces. The branch
// names the append that a state came from, so that a repeated commit can tell
// its own content from another's of the same length.
//
// Sealed content lies under keys with a suffix that no other key may have:
// it is the name and never the content that says which is which. Content that
// was stored before stays as it is and is read as it is.
//
// The package must not know what keys are made of, nor who may read content.
package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/ecru-registry/ecru/internal/blob"
)

// suffix marks the inner keys of sealed content.
const suffix = "_sealed"

// Keyring seals data keys; seal.Keyring is one.
type Keyring interface {
	Seal(purpose string, plaintext []byte) []byte
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Store is a blob.Store that encrypts what another one keeps.
type Store struct {
	inner   blob.Store
	keys    Keyring // nil: new content is not sealed
	buffers buffers
}

var _ blob.Store = (*Store)(nil)

// New makes a store that seals all new content in inner. Without keys it seals
// nothing, and says of content that was sealed before that it is locked.
func New(inner blob.Store, keys Keyring) *Store {
	return &Store{inner: inner, keys: keys, buffers: newBuffers()}
}

// checkKey refuses keys that would be taken for those of sealed content; the
// inner store knows what else a key must not be.
func checkKey(key string) error {
	if key == "" || strings.HasSuffix(key, suffix) {
		return fmt.Errorf("blob: invalid key %q", key[:min(len(key), 64)])
	}
	return nil
}

// Append is part of blob.Uploader.
func (s *Store) Append(ctx context.Context, key string, state blob.State, r io.Reader, sync bool) (blob.State, error) {
	if err := checkKey(key); err != nil {
		return state, err
	}
	if plain, err := s.isPlain(state); plain || err != nil {
		if err != nil {
			return state, err
		}
		return s.inner.Append(ctx, key, state, r, sync)
	}
	u, err := s.resume(key, state)
	if err != nil {
		return state, err
	}
	in := s.newEncrypter(u, r)
	defer in.release()
	inner, err := s.inner.Append(ctx, key+suffix, u.inner, in, sync)
	if err != nil {
		return state, err
	}
	next, err := in.state(u, inner)
	if err != nil {
		return state, fmt.Errorf("blob: appending to %s: %w", key, err)
	}
	return next, nil
}

// isPlain says whether an upload is none of this package's. One that began
// before content was sealed is not gone on with: it would end up unsealed.
func (s *Store) isPlain(state blob.State) (bool, error) {
	ours := bytes.HasPrefix(state.Backend, []byte(mark))
	switch {
	case ours && s.keys == nil:
		return false, fmt.Errorf("blob: going on with an upload: %w", blob.ErrLocked)
	case ours || s.keys != nil && state.Size == 0 && len(state.Backend) == 0:
		return false, nil
	case s.keys != nil:
		return false, errors.New("blob: the state of the upload is damaged, or the upload began before content was sealed")
	}
	return true, nil
}

// Commit is part of blob.Uploader.
func (s *Store) Commit(ctx context.Context, key string, state blob.State) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if plain, err := s.isPlain(state); plain || err != nil {
		if err != nil {
			return err
		}
		return s.inner.Commit(ctx, key, state)
	}
	u, err := s.resume(key, state)
	if err != nil {
		return err
	}
	end, err := s.inner.Append(ctx, key+suffix, u.inner, bytes.NewReader(u.ending()), false)
	if err == nil {
		err = s.inner.Commit(ctx, key+suffix, end)
	}
	if err != nil {
		return s.settle(ctx, key, u, err)
	}
	return nil
}

// settle finds out what the failure of a commit means: nothing at all if this
// upload has been committed already.
func (s *Store) settle(ctx context.Context, key string, u *upload, cause error) error {
	found, err := s.inner.Open(ctx, key+suffix)
	if err != nil {
		return cause
	}
	defer found.Close()
	c, err := s.openContent(key, found)
	if err != nil {
		return errors.Join(cause, err)
	}
	// Whatever else there is of the upload can never be committed.
	err = s.inner.Abort(ctx, key+suffix, blob.State{})
	if c.size == u.size && (c.size == 0 || c.branch == u.branch) {
		return err
	}
	return fmt.Errorf("blob: committing %s: the key holds other content: %w", key, fs.ErrExist)
}

// Abort is part of blob.Uploader. A state that came from List may be of either
// kind.
func (s *Store) Abort(ctx context.Context, key string, state blob.State) error {
	if err := checkKey(key); err != nil {
		return err
	}
	switch {
	case len(state.Backend) == 0:
		return errors.Join(s.inner.Abort(ctx, key+suffix, state), s.inner.Abort(ctx, key, state))
	case !bytes.HasPrefix(state.Backend, []byte(mark)):
		return s.inner.Abort(ctx, key, state)
	}
	// This takes no key: uploads can be dropped by who cannot go on with them.
	inner, err := innerState(state)
	if err != nil {
		return fmt.Errorf("blob: aborting %s: %w", key, err)
	}
	return s.inner.Abort(ctx, key+suffix, inner)
}

// Open is part of blob.Reader. Errors: blob.ErrNotFound, blob.ErrLocked,
// blob.ErrDamaged; reading what it answers may end with blob.ErrDamaged.
func (s *Store) Open(ctx context.Context, key string) (blob.Content, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if s.keys == nil {
		return s.openPlain(ctx, key)
	}
	found, err := s.inner.Open(ctx, key+suffix)
	if errors.Is(err, blob.ErrNotFound) {
		return s.inner.Open(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	c, err := s.openContent(key, found)
	if err != nil {
		return nil, errors.Join(err, found.Close())
	}
	return c, nil
}

func (s *Store) openPlain(ctx context.Context, key string) (blob.Content, error) {
	c, err := s.inner.Open(ctx, key)
	if !errors.Is(err, blob.ErrNotFound) {
		return c, err
	}
	if _, errSealed := s.inner.Stat(ctx, key+suffix); errSealed == nil {
		return nil, fmt.Errorf("blob: opening %s: %w", key, blob.ErrLocked)
	}
	return nil, err
}

// Stat is part of blob.Reader. The size follows from the length of what is
// stored; that it is true is known to who opens the content.
func (s *Store) Stat(ctx context.Context, key string) (int64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	stored, err := s.inner.Stat(ctx, key+suffix)
	if errors.Is(err, blob.ErrNotFound) {
		return s.inner.Stat(ctx, key)
	}
	if err != nil {
		return 0, err
	}
	shape, err := shapeOf(stored)
	if err != nil {
		return 0, fmt.Errorf("blob: stat of %s: %w", key, err)
	}
	return shape.size(), nil
}

// Delete is part of blob.Collector.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return errors.Join(s.inner.Delete(ctx, key+suffix), s.inner.Delete(ctx, key))
}

// List is part of blob.Collector. The size of an upload is that of its whole
// chunks.
func (s *Store) List(ctx context.Context, each func(blob.Info) error) error {
	return s.inner.List(ctx, func(i blob.Info) error {
		key, ours := strings.CutSuffix(i.Key, suffix)
		if ours {
			i.Key, i.Size = key, listedSize(i)
		}
		return each(i)
	})
}

func listedSize(i blob.Info) int64 {
	if !i.Committed {
		return max(0, i.Size-int64(headerSize)) / recordSize * chunkSize
	}
	shape, err := shapeOf(i.Size)
	if err != nil {
		return i.Size
	}
	return shape.size()
}

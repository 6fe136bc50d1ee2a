// Package blob declares what the registry needs of a store for content: bytes
// under keys that are never reused. What a key's bytes hash to, who may read
// them and whether anything needs them is not its business; package meta keeps
// that.
//
// Every implementation passes the suite in package blobtest.
package blob

import (
	"context"
	"errors"
	"io"
	"time"
)

// What a store answers of content that it cannot give.
var (
	// ErrNotFound says that there is nothing under a key.
	ErrNotFound = errors.New("blob: not found")
	// ErrLocked says that content is encrypted with a key that is not held.
	ErrLocked = errors.New("blob: the content is encrypted with a key that is not held")
	// ErrDamaged says that content is not what was stored. Readers of open
	// content answer it, too.
	ErrDamaged = errors.New("blob: the content is damaged")
)

// Store is everything that a blob store provides.
type Store interface {
	Uploader
	Reader
	Collector
}

// Uploader writes content piece by piece. An upload is known by its key; its
// state is a value that the caller keeps, so that another process can go on
// with it.
type Uploader interface {
	// Append writes r behind the state's bytes and answers the new state. The
	// bytes are as durable as committed ones when it returns nil only if sync
	// is set; otherwise a crash may lose them. When it returns an error the old
	// state is still good: whatever was written behind it is overwritten later.
	Append(ctx context.Context, key string, state State, r io.Reader, sync bool) (State, error)
	// Commit makes an upload's bytes durable and readable under its key.
	// Committing again is harmless.
	Commit(ctx context.Context, key string, state State) error
	// Abort drops an upload that is not committed, and everything of it.
	Abort(ctx context.Context, key string, state State) error
}

// State says how far an upload has come.
type State struct {
	Size int64
	// Backend is the implementation's own; opaque to everyone else.
	Backend []byte
}

// Reader reads committed content.
type Reader interface {
	// Open answers the content under a key. The caller closes it.
	// Errors: ErrNotFound, ErrLocked, ErrDamaged.
	Open(ctx context.Context, key string) (Content, error)
	// Stat answers the size under a key. Errors: ErrNotFound.
	Stat(ctx context.Context, key string) (int64, error)
}

// Content is open content. A local store's content is an *os.File, which
// net/http can send without copying it through the process.
type Content interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Collector removes content.
type Collector interface {
	// Delete removes committed content; nothing under the key is no error.
	Delete(ctx context.Context, key string) error
	// List calls each for everything stored, committed or not, in no order.
	List(ctx context.Context, each func(Info) error) error
}

// Info describes something stored.
type Info struct {
	Key       string
	Size      int64
	Committed bool
	ModTime   time.Time
}

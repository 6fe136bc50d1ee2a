package scan

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// LayerStore is what an indexer needs of the metadata.
type LayerStore interface {
	Blob(ctx context.Context, account, repository, digest string) (meta.Blob, error)
	LayerRecord(ctx context.Context, digest string, version int) ([]byte, error)
	PutLayerRecord(ctx context.Context, digest string, version int, record []byte) error
}

// Indexer reads layers, each only once: what it has found is kept by the
// layer's digest and the version of the reader.
type Indexer struct {
	Store   LayerStore
	Content blob.Reader
	Limits  inventory.Limits
	Logger  *slog.Logger

	reading singleflight.Group
	turns   turns
	faults  faults
}

// maxReading is how many layers are read at a time, whoever asks: scans, what is
// read ahead of them, and requests for what nobody has scanned yet.
const maxReading = 4

// turns lets a few have their turn at a time.
type turns struct {
	once  sync.Once
	slots chan struct{}
}

// take waits for a turn; the caller gives it back.
func (t *turns) take() (giveBack func()) {
	t.once.Do(func() { t.slots = make(chan struct{}, maxReading) })
	t.slots <- struct{}{}
	return func() { <-t.slots }
}

// A layer that cannot be read costs the most, and stays as it is: for a while
// nobody reads it again, in however many images it is.
const (
	faultsKept = time.Hour
	maxFaults  = 4096
)

type faults struct {
	mu    sync.Mutex
	known map[string]knownFault
}

type knownFault struct {
	err   *inventory.Error
	until time.Time
}

// of answers what was wrong with a layer, nil if nothing is known.
func (f *faults) of(digest string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k, ok := f.known[digest]; ok && now.Before(k.until) {
		return k.err
	}
	return nil
}

func (f *faults) learn(digest string, err *inventory.Error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil || len(f.known) >= maxFaults {
		f.known = map[string]knownFault{}
	}
	f.known[digest] = knownFault{err, now.Add(faultsKept)}
}

// Layer answers what a layer of a repository holds.
// Errors: *inventory.Error, LayersNotFound, RepositoryNotFound.
func (x *Indexer) Layer(ctx context.Context, account, repository, digest string) (*inventory.LayerRecord, error) {
	// The link of the repository is asked first: a record that another
	// repository's image has left says nothing about this one's rights.
	b, err := x.Store.Blob(ctx, account, repository, digest)
	if err != nil {
		return nil, err
	}
	return x.Read(ctx, b)
}

// Read answers what a blob holds as a layer.
func (x *Indexer) Read(ctx context.Context, b meta.Blob) (*inventory.LayerRecord, error) {
	if record, err := x.known(ctx, b.Digest); record != nil || err != nil {
		return record, err
	}
	read := x.reading.DoChan(b.Digest, func() (any, error) {
		// Whoever asked first may go away; the others still wait.
		ctx := context.WithoutCancel(ctx)
		// Whoever had the turn before may have left the record.
		if record, err := x.known(ctx, b.Digest); record != nil || err != nil {
			return record, err
		}
		return x.read(ctx, b)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-read:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*inventory.LayerRecord), nil
	}
}

// ErrTooLarge is about content that is larger than it should be.
var ErrTooLarge = errors.New("scan: the content is larger than it should be")

// Small answers the content of a blob of a repository that has at most so many
// bytes. Errors: ErrTooLarge, LayersNotFound, RepositoryNotFound.
func (x *Indexer) Small(ctx context.Context, account, repository, digest string, most int64) ([]byte, error) {
	b, err := x.Store.Blob(ctx, account, repository, digest)
	if err != nil {
		return nil, err
	}
	if b.Size > most {
		return nil, ErrTooLarge
	}
	content, err := x.Content.Open(ctx, b.Key)
	if err != nil {
		return nil, registry.Internal("reading a blob", err)
	}
	defer content.Close()
	return io.ReadAll(io.LimitReader(content, most))
}

func (x *Indexer) known(ctx context.Context, digest string) (*inventory.LayerRecord, error) {
	encoded, err := x.Store.LayerRecord(ctx, digest, inventory.IndexerVersion)
	if err != nil || encoded == nil {
		return nil, err
	}
	record := new(inventory.LayerRecord)
	if err := record.UnmarshalBinary(encoded); err != nil {
		x.Logger.WarnContext(ctx, "reading a layer again: its record cannot be decoded", "digest", digest, "error", err)
		return nil, nil
	}
	return record, nil
}

func (x *Indexer) read(ctx context.Context, b meta.Blob) (*inventory.LayerRecord, error) {
	if err := x.faults.of(b.Digest, time.Now()); err != nil {
		return nil, err
	}
	defer x.turns.take()()
	content, err := x.Content.Open(ctx, b.Key)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, registry.Internal("reading a layer", err)
	}
	if err != nil {
		return nil, err
	}
	defer content.Close()
	record, err := inventory.ReadLayer(ctx, content, x.Limits)
	var fault *inventory.Error
	if errors.As(err, &fault) {
		x.faults.learn(b.Digest, fault, time.Now())
	}
	if err != nil {
		return nil, err
	}
	encoded, err := record.MarshalBinary()
	if err != nil {
		return nil, registry.Internal("encoding a layer record", err)
	}
	return record, x.Store.PutLayerRecord(ctx, b.Digest, inventory.IndexerVersion, encoded)
}

// EncodeInventory leaves out which layer each package came in: inventories are
// kept by what they hold, whatever the image.
func EncodeInventory(inv *inventory.Inventory) ([]byte, error) {
	bare := *inv
	bare.Packages = slices.Clone(inv.Packages)
	for i := range bare.Packages {
		bare.Packages[i].Layer = ""
	}
	encoded, err := json.Marshal(bare)
	if err != nil {
		return nil, registry.Internal("encoding an inventory", err)
	}
	return encoded, nil
}

package source

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// layer is one layer that is to be read.
type layer struct {
	digest string
	size   int64
	// unpacked: the digest is of the uncompressed bytes, as docker archives have it.
	unpacked bool
	open     func(ctx context.Context) (io.ReadCloser, error)
}

// merge reads the layers of an image, several at a time, and lays them over
// each other.
func (r *reader) merge(ctx context.Context, image *Image, layers []layer) error {
	records := make([]inventory.Layer, len(layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for i, l := range layers {
		r.progress.expect(l.size)
		image.Layers = append(image.Layers, l.digest)
		group.Go(func() error {
			record, err := r.record(ctx, l)
			if err != nil {
				return fmt.Errorf("layer %s: %w", l.digest, err)
			}
			records[i] = inventory.Layer{Digest: l.digest, Record: record}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var err error
	image.Inventory, err = inventory.Merge(records)
	return err
}

// attempts is how often a layer is read that does not arrive.
const attempts = 3

// record answers what a layer holds: from the cache, or by reading it.
func (r *reader) record(ctx context.Context, l layer) (*inventory.LayerRecord, error) {
	if record := r.cache.get(l.digest); record != nil {
		r.progress.read(l.size)
		return record, nil
	}
	var err error
	for range attempts {
		var record *inventory.LayerRecord
		if record, err = r.readLayer(ctx, l); err == nil {
			r.cache.put(l.digest, record)
			return record, nil
		}
		var fault *inventory.Error
		if errors.As(err, &fault) || errors.Is(err, errDigest) || missing(err) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

func (r *reader) readLayer(ctx context.Context, l layer) (_ *inventory.LayerRecord, err error) {
	content, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	counted := &counting{r: content, progress: &r.progress}
	defer func() {
		if err != nil {
			r.progress.read(-counted.n) // it will be read again, or never
		}
	}()
	var from io.Reader = counted
	if l.unpacked {
		plain, err := unpack(counted, r.Limits)
		if err != nil {
			return nil, err
		}
		defer plain.Close()
		from = plain
	}
	v, err := newVerifier(from, l.digest)
	if err != nil {
		return nil, err
	}
	record, err := inventory.ReadLayer(ctx, v, r.Limits)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, v); err != nil {
		return nil, err
	}
	return record, v.check()
}

// verifier computes the digest of what is read through it.
type verifier struct {
	r    io.Reader
	hash hash.Hash
	want string
}

var errDigest = errors.New("its content is not what its digest says")

func newVerifier(r io.Reader, digest string) (*verifier, error) {
	algorithm, want, _ := strings.Cut(digest, ":")
	switch algorithm {
	case "sha256":
		return &verifier{r: r, hash: sha256.New(), want: want}, nil
	case "sha512":
		return &verifier{r: r, hash: sha512.New(), want: want}, nil
	}
	return nil, fmt.Errorf("%.100q is not a digest", digest)
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	return n, err
}

// check is for when everything was read.
func (v *verifier) check() error {
	if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want {
		return fmt.Errorf("%w: it is %s", errDigest, got)
	}
	return nil
}

// progress adds up what was read of all layers.
type progress struct {
	tell        func(done, total int64)
	mu          sync.Mutex
	done, total int64
}

func (p *progress) expect(n int64) { p.add(0, n) }
func (p *progress) read(n int64)   { p.add(n, 0) }

func (p *progress) add(done, total int64) {
	if p.tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += done
	p.total += total
	p.tell(p.done, p.total)
}

// counting tells progress of what is read through it.
type counting struct {
	r        io.Reader
	n        int64
	progress *progress
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.progress.read(int64(n))
	return n, err
}

package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/seal"
)

const (
	// mark begins what is stored, and the states of uploads. Its last byte is
	// the version.
	mark        = "\xecrublob\x01"
	dataKeySize = 32
	sealedSize  = dataKeySize + seal.Overhead // a data key as it is stored
	headerSize  = len(mark) + sealedSize

	chunkSize  = 16 << 10
	nonceSize  = 12
	tagSize    = 16
	overhead   = nonceSize + tagSize
	recordSize = chunkSize + overhead
	branchSize = 16
	// leastLast is the size of a last record without content.
	leastLast = overhead + branchSize
)

// kind keeps the things that a data key encrypts apart.
type kind byte

const (
	wholeChunk kind = iota + 1
	lastChunk
	tailOfState
)

// branch names the append that an upload's bytes ended with.
type branch [branchSize]byte

func newBranch() (b branch) {
	_, _ = rand.Read(b[:]) // never fails
	return b
}

// shape is what the length of stored content says of it.
type shape struct {
	chunks int64 // whole ones
	tail   int   // content in the last record
}

func (s shape) size() int64 { return s.chunks*chunkSize + int64(s.tail) }

// lastAt is where the last record begins.
func (s shape) lastAt() int64 { return int64(headerSize) + s.chunks*recordSize }

// shapeOf answers the one shape that content of this length can have.
func shapeOf(stored int64) (shape, error) {
	rest := stored - int64(headerSize) - leastLast
	if rest < 0 || rest%recordSize >= chunkSize {
		return shape{}, fmt.Errorf("%w: nothing that was stored has a length of %d bytes", blob.ErrDamaged, stored)
	}
	return shape{chunks: rest / recordSize, tail: int(rest % recordSize)}, nil
}

// dataKey encrypts one upload.
type dataKey struct {
	aead   cipher.AEAD
	sealed []byte // as the header has it
}

func newDataKey(keys Keyring, key string) (dataKey, error) {
	secret := make([]byte, dataKeySize)
	_, _ = rand.Read(secret) // never fails
	return makeDataKey(secret, keys.Seal(purpose(key), secret))
}

// openDataKey opens what a header has. It fits no other key of the store.
func openDataKey(keys Keyring, key string, sealed []byte) (dataKey, error) {
	secret, err := keys.Open(purpose(key), sealed)
	var unknown *seal.UnknownKeyError
	switch {
	case errors.As(err, &unknown):
		return dataKey{}, fmt.Errorf("%w: it is sealed with key %s", blob.ErrLocked, unknown.ID)
	case err != nil:
		return dataKey{}, fmt.Errorf("%w: its key cannot be opened", blob.ErrDamaged)
	}
	return makeDataKey(secret, sealed)
}

func makeDataKey(secret, sealed []byte) (dataKey, error) {
	if len(secret) != dataKeySize || len(sealed) != sealedSize {
		return dataKey{}, errors.New("the data key has not the size of one")
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return dataKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	return dataKey{aead: aead, sealed: sealed}, err
}

func purpose(key string) string { return "ecru blob " + key }

// seal encrypts a record in place: there is room for a nonce, the plaintext,
// and room for a tag.
func (k dataKey) seal(record []byte, what kind, index int64, more ...byte) {
	nonce := record[:nonceSize]
	_, _ = rand.Read(nonce) // never fails
	plain := record[nonceSize : len(record)-tagSize]
	k.aead.Seal(plain[:0], nonce, plain, associated(what, index, more))
}

// open decrypts a record into dst, which is as long as what comes out, and may
// be the record's own middle.
func (k dataKey) open(dst, record []byte, what kind, index int64, more ...byte) error {
	if _, err := k.aead.Open(dst[:0], record[:nonceSize], record[nonceSize:], associated(what, index, more)); err != nil {
		return fmt.Errorf("%w: chunk %d is not the one that was stored", blob.ErrDamaged, index)
	}
	return nil
}

func associated(what kind, index int64, more []byte) []byte {
	a := make([]byte, 9, 9+len(more))
	a[0] = byte(what)
	binary.BigEndian.PutUint64(a[1:], uint64(index))
	return append(a, more...)
}

// middle is where the plaintext of a record stands.
func middle(record []byte) []byte { return record[nonceSize : len(record)-tagSize] }

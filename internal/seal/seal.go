// Package seal keeps small secrets unreadable to whoever has only the place
// where they are stored: a Keyring seals bytes for a purpose, and only a
// Keyring that holds the same key opens them, for the same purpose.
//
// A ring holds several keys so that the first one can be changed: it seals,
// all of them open. Keys come from a file that its owner alone can read.
//
// The package knows neither what it seals nor where that is stored. It is for
// what fits into memory; content of blobs is package blob/sealed's.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

const (
	// KeySize is the size of a key.
	KeySize = 32
	// Overhead is by how much a sealed value is longer than what it seals.
	Overhead = headSize + nonceSize + tagSize

	// mark begins every sealed value: a word that no text begins with, and the
	// version of the form.
	mark      = "\xecru\x01"
	idSize    = 8
	headSize  = len(mark) + idSize
	nonceSize = 12
	tagSize   = 16
)

// ErrDamaged says that a sealed value was changed, or sealed for another
// purpose.
var ErrDamaged = errors.New("seal: the sealed value is damaged or was sealed for another purpose")

// ErrNotSealed says that a value was never sealed.
var ErrNotSealed = errors.New("seal: the value is not sealed")

// UnknownKeyError says that a value was sealed with a key that the ring does
// not hold.
type UnknownKeyError struct {
	ID string // of the key that is missing
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("seal: sealed with key %s, which is not held", e.ID)
}

// Keyring seals and opens. It is immutable and safe for concurrent use.
type Keyring struct {
	keys []key // the first seals
}

type key struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// New makes a ring of one or more keys of KeySize bytes; the first one seals.
func New(keys ...[]byte) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: there is no key")
	}
	ring := &Keyring{}
	for _, secret := range keys {
		k, err := newKey(secret)
		if err != nil {
			return nil, err
		}
		if ring.find(k.id[:]) != nil {
			return nil, fmt.Errorf("seal: key %x is there twice", k.id)
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

// newKey derives what a key is used for and what it is called by, so that
// neither tells of the other.
func newKey(secret []byte) (key, error) {
	if len(secret) != KeySize {
		return key{}, fmt.Errorf("seal: a key has %d bytes, not %d", KeySize, len(secret))
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "ecru key id", idSize)
	if err != nil {
		return key{}, fmt.Errorf("seal: %w", err)
	}
	sealing, err := hkdf.Key(sha256.New, secret, nil, "ecru sealing key", KeySize)
	if err != nil {
		return key{}, fmt.Errorf("seal: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return key{}, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, fmt.Errorf("seal: %w", err)
	}
	return key{id: [idSize]byte(id), aead: aead}, nil
}

// ID names the key that seals. It tells nothing of the key.
func (r *Keyring) ID() string { return hex.EncodeToString(r.keys[0].id[:]) }

// Keys answers how many keys the ring holds.
func (r *Keyring) Keys() int { return len(r.keys) }

// Seal makes of plaintext what only Open for the same purpose turns back. Two
// seals of one plaintext differ. Nonces are random, so that one key is good
// for some thousand million values.
func (r *Keyring) Seal(purpose string, plaintext []byte) []byte {
	k := r.keys[0]
	sealed := make([]byte, 0, len(plaintext)+Overhead)
	sealed = append(append(sealed, mark...), k.id[:]...)
	nonce := sealed[headSize : headSize+nonceSize]
	_, _ = rand.Read(nonce) // never fails
	return k.aead.Seal(sealed[:headSize+nonceSize], nonce, plaintext, associated(sealed, purpose))
}

// Open answers what was sealed for a purpose.
// Errors: ErrNotSealed, *UnknownKeyError, ErrDamaged.
func (r *Keyring) Open(purpose string, sealed []byte) ([]byte, error) {
	if !Sealed(sealed) {
		return nil, ErrNotSealed
	}
	k := r.find(sealed[len(mark):headSize])
	if k == nil {
		return nil, &UnknownKeyError{ID: KeyID(sealed)}
	}
	nonce, rest := sealed[headSize:headSize+nonceSize], sealed[headSize+nonceSize:]
	plaintext, err := k.aead.Open(nil, nonce, rest, associated(sealed[:headSize], purpose))
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}

// Current says whether a value is sealed with the key that seals now.
func (r *Keyring) Current(sealed []byte) bool {
	return Sealed(sealed) && bytes.Equal(sealed[len(mark):headSize], r.keys[0].id[:])
}

// find answers the key of an id, or nil.
func (r *Keyring) find(id []byte) *key {
	for i := range r.keys {
		if bytes.Equal(r.keys[i].id[:], id) {
			return &r.keys[i]
		}
	}
	return nil
}

func associated(head []byte, purpose string) []byte {
	return append(append(make([]byte, 0, headSize+len(purpose)), head[:headSize]...), purpose...)
}

// Sealed says whether a value has the form of a sealed one.
func Sealed(b []byte) bool {
	return len(b) >= Overhead && string(b[:len(mark)]) == mark
}

// KeyID names the key that a value is sealed with, "" if it is not sealed.
func KeyID(sealed []byte) string {
	if !Sealed(sealed) {
		return ""
	}
	return hex.EncodeToString(sealed[len(mark):headSize])
}

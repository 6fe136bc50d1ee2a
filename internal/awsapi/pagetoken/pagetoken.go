// Package pagetoken makes the nextToken of a list: where the next page begins,
// sealed so that a client can neither read a meaning into it that we must keep
// nor present one that it did not get for the same list.
//
// It must not know what a cursor means; that is for whoever lists.
package pagetoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

// ErrInvalid says that a token was not issued by us for this list.
var ErrInvalid = errors.New("invalid pagination token")

// macSize is enough that a token cannot be guessed; the whole hash would make
// every token longer for nothing.
const macSize = 16

// version is the first byte of a token, for the day when its form changes.
const version = 1

// maxToken bounds what is looked at; ours are far shorter.
const maxToken = 8 << 10

// Codec seals and opens tokens. It is safe for concurrent use.
type Codec struct{ key []byte }

// New makes a Codec. Tokens outlive a restart, and are good on every replica,
// as long as key is the same.
func New(key []byte) *Codec { return &Codec{key: append([]byte(nil), key...)} }

// List is what a token is bound to: an operation and everything that decides
// which items the list has (account, repository, filters), but not the size
// of a page, which may change in between.
type List struct {
	Operation string
	Scope     []string
}

// Seal makes the token of the page that begins behind cursor.
func (c *Codec) Seal(l List, cursor string) string {
	token := append([]byte{version}, c.mac(l, cursor)...)
	token = append(token, cursor...)
	return base64.RawURLEncoding.EncodeToString(token)
}

// Open answers the cursor in a token, or ErrInvalid.
func (c *Codec) Open(l List, token string) (string, error) {
	// The decoder passes over line ends; we never write any.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return "", ErrInvalid
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+macSize || b[0] != version {
		return "", ErrInvalid
	}
	cursor := string(b[1+macSize:])
	if !hmac.Equal(b[1:1+macSize], c.mac(l, cursor)) {
		return "", ErrInvalid
	}
	return cursor, nil
}

func (c *Codec) mac(l List, cursor string) []byte {
	h := hmac.New(sha256.New, c.key)
	write := func(s string) {
		// Lengths keep ("a", "bc") and ("ab", "c") apart.
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		_, _ = h.Write([]byte(s))
	}
	write(l.Operation)
	for _, s := range l.Scope {
		write(s)
	}
	write(cursor)
	return h.Sum(nil)[:macSize]
}

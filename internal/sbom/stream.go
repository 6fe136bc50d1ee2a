package sbom

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// walker goes through JSON token by token, so that a document costs no memory
// but for what is kept of it. What has another type than expected is passed
// over: documents in the wild are not all valid.
type walker struct {
	dec *json.Decoder
}

// maxDepth is deeper than components nest.
const maxDepth = 64

var errDepth = errors.New("it is nested too deeply")

// object calls field for every member of the object that comes; field has to
// take the value. Anything else than an object is passed over.
func (w *walker) object(field func(key string) error) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return w.rest(t)
	}
	for w.dec.More() {
		key, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("a member's name is %v", key)
		}
		if err := field(name); err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}

// list calls element for every element of the array that comes.
func (w *walker) list(element func() error) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return w.rest(t)
	}
	for w.dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}

// text reads a string into a place.
func (w *walker) text(to *string) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	if s, ok := t.(string); ok {
		*to = s
		return nil
	}
	return w.rest(t)
}

// skip passes over one value.
func (w *walker) skip() error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	return w.rest(t)
}

// rest passes over what is left of a value that began with a token.
func (w *walker) rest(first json.Token) error {
	if !opens(first) {
		return nil
	}
	for depth := 1; depth > 0; {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		switch {
		case opens(t):
			depth++
		case t == json.Delim('}') || t == json.Delim(']'):
			depth--
		}
	}
	return nil
}

func opens(t json.Token) bool { return t == json.Delim('{') || t == json.Delim('[') }

// bounded fails when more than left bytes are read.
type bounded struct {
	r    io.Reader
	left int64
}

var errTooLong = errors.New("it is too long")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

const (
	piece      = 1 << 20  // a stream is written in pieces of this size
	smallLayer = 10 << 10 // bytes
)

// noise is random bytes that all content is cut from: making new ones for each
// blob would cost the client more than the server.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 64*piece)
	_, _ = rand.Read(b) // never fails
	return b
})

// serial makes content of this run differ from any other.
var serial = sync.OnceValue(func() *atomic.Uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	n := new(atomic.Uint64)
	n.Store(binary.LittleEndian.Uint64(b[:]))
	return n
})

// content is a large blob that is never held as a whole: the noise, with a stamp
// of its own at the start of each piece.
type content struct {
	size   int64
	stamp  [8]byte
	digest string
}

func newContent(size int64) (*content, error) {
	c := &content{size: size}
	binary.LittleEndian.PutUint64(c.stamp[:], serial().Add(1))
	h := sha256.New()
	if err := c.writeTo(h); err != nil {
		return nil, err
	}
	c.digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return c, nil
}

func newContents(n int, size int64) ([]*content, error) {
	out := make([]*content, n)
	for i := range out {
		var err error
		if out[i], err = newContent(size); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *content) writeTo(w io.Writer) error {
	source := noise()
	for at := int64(0); at < c.size; at += piece {
		from := int(at) % len(source)
		end := from + int(min(piece, c.size-at))
		buffers := net.Buffers{c.stamp[:], source[from+len(c.stamp) : end]}
		if _, err := buffers.WriteTo(w); err != nil {
			return err
		}
	}
	return nil
}

// small is a blob that fits in one packet or ten.
type small struct {
	data   []byte
	digest string
}

func newSmall(data []byte) small {
	sum := sha256.Sum256(data)
	return small{data, "sha256:" + hex.EncodeToString(sum[:])}
}

func newSmallLayer() small {
	n := serial().Add(1)
	from := int(n % uint64(len(noise())-smallLayer))
	data := append([]byte(nil), noise()[from:from+smallLayer]...)
	binary.LittleEndian.PutUint64(data, n)
	return newSmall(data)
}

// image is a manifest with what it refers to; blobs ends with the config.
type image struct {
	blobs    []small
	manifest small
}

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

func newSmallImage() image { return newImage(newSmallLayer(), newSmallLayer(), newSmallLayer()) }

// newImage makes an image with a config and a manifest of its own.
func newImage(layers ...small) image {
	config := newSmall(fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":[]},"author":"bench %d"}`, serial().Add(1)))
	return image{append(append([]small(nil), layers...), config), newManifest(config, layers)}
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

// newManifest makes a manifest that is like no other, even of equal parts.
func newManifest(config small, layers []small) small {
	m := struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Annotations   map[string]string `json:"annotations"`
	}{
		SchemaVersion: 2, MediaType: manifestType,
		Config:      descriptor{configType, config.digest, len(config.data)},
		Annotations: map[string]string{"org.example.serial": fmt.Sprint(serial().Add(1))},
	}
	for _, l := range layers {
		m.Layers = append(m.Layers, descriptor{layerType, l.digest, len(l.data)})
	}
	data, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers
	}
	return newSmall(data)
}

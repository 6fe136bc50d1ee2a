package sql

import (
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const (
	// packFrom is the size from which packing pays.
	packFrom = 256
	// maxUnpacked bounds what a damaged value may cost.
	maxUnpacked = 64 << 20
	packWindow  = 128 << 10
)

// packer writes values as JSON, compressed where that pays. It may be used by
// many at once.
type packer struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}

func newPacker() (*packer, error) {
	in, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(packWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	out, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUnpacked))
	return &packer{in: in, out: out}, err
}

// pack compresses what toJSON has written.
func (p *packer) pack(text string) []byte {
	if len(text) < packFrom {
		return []byte(text)
	}
	return p.in.EncodeAll([]byte(text), make([]byte, 0, len(text)/2))
}

// unpack decodes what pack has made. JSON of a value begins with a brace, a
// frame of zstd does not.
func (p *packer) unpack(packed []byte, into any) error {
	plain := packed
	if len(packed) == 0 || packed[0] != '{' {
		var err error
		if plain, err = p.out.DecodeAll(packed, nil); err != nil {
			return fmt.Errorf("a stored value is damaged: %w", err)
		}
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("a stored value is damaged: %w", err)
	}
	return nil
}

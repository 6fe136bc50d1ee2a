package scan

import (
	"encoding/json"

	"github.com/klauspost/compress/zstd"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// maxFindings bounds what decoding stored findings may cost.
const maxFindings = 256 << 20 // bytes of JSON

// EncodeFindings makes what a snapshot stores: compressed JSON, in the order
// given.
func EncodeFindings(findings []match.Finding) ([]byte, error) {
	plain, err := json.Marshal(findings)
	if err != nil {
		return nil, registry.Internal("encoding findings", err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, registry.Internal("encoding findings", err)
	}
	encoded := encoder.EncodeAll(plain, nil)
	if err := encoder.Close(); err != nil {
		return nil, registry.Internal("encoding findings", err)
	}
	return encoded, nil
}

// DecodeFindings reads what EncodeFindings made; nothing decodes to none.
func DecodeFindings(encoded []byte) ([]match.Finding, error) {
	if len(encoded) == 0 {
		return nil, nil
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFindings))
	if err != nil {
		return nil, registry.Internal("decoding findings", err)
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(encoded, nil)
	if err != nil {
		return nil, registry.Internal("decoding findings", err)
	}
	var findings []match.Finding
	if err := json.Unmarshal(plain, &findings); err != nil {
		return nil, registry.Internal("decoding findings", err)
	}
	return findings, nil
}

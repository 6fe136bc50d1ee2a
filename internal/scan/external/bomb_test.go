package external_test

import (
	"bytes"
	"compress/gzip"
)

// bomb is 256 MiB of white space in a few hundred kilobytes.
func bomb() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 256 {
		_, _ = w.Write(block)
	}
	_ = w.Close()
	return b.Bytes()
}

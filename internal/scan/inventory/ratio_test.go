package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
)

func TestLayerThatUnpacksToThousandTimesItsSizeIsGivenUpEarly(t *testing.T) {
	const size = 3 << 30
	var layer bytes.Buffer
	z, _ := gzip.NewWriterLevel(&layer, gzip.BestSpeed)
	archive := tar.NewWriter(z)
	if err := archive.WriteHeader(&tar.Header{Name: "bomb", Mode: 0o644, Size: size}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(archive, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := ReadLayer(t.Context(), &layer, Limits{})
	if !errors.Is(err, ErrLimit) {
		t.Fatalf("error = %v, want the limit of the ratio", err)
	}
	if left := layer.Len(); left == 0 {
		t.Error("the whole layer was read; the limit comes too late to be one")
	}
}

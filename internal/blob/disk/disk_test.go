package disk_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/blob/blobtest"
	"github.com/ecru-registry/ecru/internal/blob/disk"
)

func open(t testing.TB, dir string) *disk.Store {
	t.Helper()
	s, err := disk.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Open {
		dir := t.TempDir()
		return func() blob.Store { return open(t, dir) }
	})
}

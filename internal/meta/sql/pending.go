package sql

import (
	"context"
	"errors"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

var errPending = errors.New("sql: not written yet")

func (s *Store) SetStorageClass(ctx context.Context, in meta.SetStorageClass) (registry.Image, error) {
	return registry.Image{}, errPending
}

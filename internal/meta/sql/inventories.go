package sql

import "context"

const (
	qLayerRecord    = `SELECT record FROM layer_records WHERE digest = ? AND version = ?`
	qPutLayerRecord = `INSERT INTO layer_records (digest, version, record) VALUES (?, ?, ?)
		ON CONFLICT (digest, version) DO UPDATE SET record = excluded.record`
	qInventory    = `SELECT inventory FROM inventories WHERE id = ?`
	qPutInventory = `INSERT INTO inventories (id, ecosystem, inventory) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`
	// One step of the index per ecosystem instead of one per inventory.
	qInventoryEcosystems = `WITH RECURSIVE e (v) AS (
			SELECT min(ecosystem) FROM inventories
			UNION ALL SELECT (SELECT min(ecosystem) FROM inventories WHERE ecosystem > e.v) FROM e WHERE e.v IS NOT NULL
		) SELECT v FROM e WHERE v IS NOT NULL ORDER BY v`
)

// LayerRecord is part of meta.Inventories.
func (s *Store) LayerRecord(ctx context.Context, digest string, version int) ([]byte, error) {
	return s.bytes(ctx, qLayerRecord, digest, version)
}

// bytes answers one value, nil only when there is no row.
func (s *Store) bytes(ctx context.Context, statement string, args ...any) ([]byte, error) {
	var value []byte
	found, err := s.read.row(ctx, statement, args, &value)
	if err != nil || !found {
		return nil, err
	}
	return nonNil(value), nil
}

// PutLayerRecord is part of meta.Inventories.
func (s *Store) PutLayerRecord(ctx context.Context, digest string, version int, record []byte) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qPutLayerRecord, digest, version, nonNil(record))
		return err
	})
}

// PutInventory is part of meta.Inventories.
func (s *Store) PutInventory(ctx context.Context, id, ecosystem string, inventory []byte) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(qPutInventory, id, ecosystem, nonNil(inventory))
		return err
	})
}

// Inventory is part of meta.Inventories.
func (s *Store) Inventory(ctx context.Context, id string) ([]byte, error) {
	return s.bytes(ctx, qInventory, id)
}

// InventoryEcosystems is part of meta.Inventories.
func (s *Store) InventoryEcosystems(ctx context.Context) ([]string, error) {
	return column[string](ctx, s.read, qInventoryEcosystems)
}

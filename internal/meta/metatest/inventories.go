package metatest

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
)

func inventoryCases() []testCase {
	return []testCase{
		{"layer records by digest and version", inventoryLayers},
		{"inventories by content", inventoryContent},
		{"ecosystems are distinct", inventoryEcosystems},
	}
}

func inventoryLayers(t *testing.T, s meta.Store) {
	ctx := t.Context()
	record := func(digest string, version int) string {
		return string(value(s.LayerRecord(ctx, digest, version))(t))
	}
	if got := value(s.LayerRecord(ctx, DigestOf("a"), 1))(t); got != nil {
		t.Errorf("unknown layer: %q", got)
	}
	must(t, s.PutLayerRecord(ctx, DigestOf("a"), 1, []byte("one")))
	must(t, s.PutLayerRecord(ctx, DigestOf("a"), 2, []byte("two\x00")))
	must(t, s.PutLayerRecord(ctx, DigestOf("a"), 1, []byte("one again")))
	if record(DigestOf("a"), 1) != "one again" || record(DigestOf("a"), 2) != "two\x00" || record(DigestOf("a"), 3) != "" {
		t.Error("records are mixed up")
	}
	must(t, s.PutLayerRecord(ctx, DigestOf("empty"), 1, nil))
	if got := value(s.LayerRecord(ctx, DigestOf("empty"), 1))(t); got == nil {
		t.Error("an empty record is not the same as none")
	}
}

func inventoryContent(t *testing.T, s meta.Store) {
	ctx := t.Context()
	if got := value(s.Inventory(ctx, "a"))(t); got != nil {
		t.Errorf("unknown inventory: %q", got)
	}
	large := []byte(long(3 << 20))
	must(t, s.PutInventory(ctx, "a", "Debian:12", large))
	must(t, s.PutInventory(ctx, "a", "Debian:12", large))
	if got := value(s.Inventory(ctx, "a"))(t); string(got) != string(large) {
		t.Errorf("%d bytes came back", len(got))
	}
}

func inventoryEcosystems(t *testing.T, s meta.Store) {
	if got := value(s.InventoryEcosystems(t.Context()))(t); len(got) != 0 {
		t.Errorf("none yet: %v", got)
	}
	for id, ecosystem := range map[string]string{"1": "Debian:12", "2": "Alpine:v3.20", "3": "Debian:12", "4": "npm", "5": "Alpine:v3.20"} {
		must(t, s.PutInventory(t.Context(), id, ecosystem, []byte("x")))
	}
	wantSame(t, "ecosystems", []string{"Alpine:v3.20", "Debian:12", "npm"}, value(s.InventoryEcosystems(t.Context()))(t))
}

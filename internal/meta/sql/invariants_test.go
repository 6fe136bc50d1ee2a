package sql

import (
	"context"
	"testing"
)

// invariants are questions that must never have an answer.
var invariants = map[string]string{
	"a tag without an image of its repository": `SELECT count(*) FROM tags t LEFT JOIN images i ON i.id = t.image_id AND i.repository_id = t.repository_id WHERE i.id IS NULL`,
	"a tag that is there twice":                `SELECT count(*) FROM (SELECT 1 FROM tags GROUP BY repository_id, tag HAVING count(*) > 1) d`,
	"a tag wrongly hidden or told":             `SELECT count(*) FROM tags t JOIN images i ON i.id = t.image_id WHERE t.hidden <> CASE WHEN i.status = 'ACTIVE' THEN 0 ELSE 1 END`,
	"an image without repository":              `SELECT count(*) FROM images i LEFT JOIN repositories r ON r.id = i.repository_id WHERE r.id IS NULL`,
	"an image whose blob is not linked": `SELECT count(*) FROM image_blobs n LEFT JOIN repository_blobs l ON l.repository_id = n.repository_id AND l.blob_id = n.blob_id
		LEFT JOIN images i ON i.id = n.image_id AND i.repository_id = n.repository_id WHERE l.blob_id IS NULL OR i.id IS NULL`,
	"a link without a blob":           `SELECT count(*) FROM repository_blobs l LEFT JOIN blobs b ON b.id = l.blob_id WHERE b.id IS NULL`,
	"a linked blob counted unlinked":  `SELECT count(*) FROM blobs b WHERE b.unlinked_at IS NOT NULL AND EXISTS (SELECT 1 FROM repository_blobs l WHERE l.blob_id = b.id)`,
	"an unlinked blob counted linked": `SELECT count(*) FROM blobs b WHERE b.unlinked_at IS NULL AND NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.blob_id = b.id)`,
	"a child that is gone": `SELECT count(*) FROM image_children c LEFT JOIN images p ON p.id = c.parent_id LEFT JOIN images i ON i.id = c.child_id
		WHERE p.id IS NULL OR i.id IS NULL OR p.repository_id <> i.repository_id`,
	"a wrong tag count":                   `SELECT count(*) FROM images i WHERE i.tag_count <> (SELECT count(*) FROM tags t WHERE t.image_id = i.id)`,
	"a wrong image count":                 `SELECT count(*) FROM repositories r WHERE r.account IS NOT NULL AND (SELECT count(*) FROM images i WHERE i.repository_id = r.id AND i.status <> 'ARCHIVED') <> (SELECT coalesce(sum(c.images), 0) FROM image_counts c WHERE c.repository_id = r.id)`,
	"an unknown status":                   `SELECT count(*) FROM images WHERE status NOT IN ('ACTIVE', 'ARCHIVED', 'ACTIVATING')`,
	"an image in the archive since never": `SELECT count(*) FROM images i LEFT JOIN image_archive a ON a.image_id = i.id WHERE i.status <> 'ACTIVE' AND coalesce(a.archived_at, 0) = 0`,
	"a note of the archive without image": `SELECT count(*) FROM image_archive a LEFT JOIN images i ON i.id = a.image_id WHERE i.id IS NULL`,
	"a document without repository":       `SELECT count(*) FROM repository_documents d LEFT JOIN repositories r ON r.id = d.repository_id WHERE r.id IS NULL`,
	"an instance without root key":        `SELECT count(*) FROM instance i LEFT JOIN access_keys k ON k.id = i.root_key WHERE k.id IS NULL`,
	"a scan without image":                `SELECT count(*) FROM scans s LEFT JOIN images i ON i.id = s.image_id WHERE i.id IS NULL`,
	"a delivery without event":            `SELECT count(*) FROM event_deliveries d LEFT JOIN events e ON e.id = d.event_id WHERE e.id IS NULL`,
	"a lane whose head is not its oldest": `SELECT count(*) FROM event_deliveries d WHERE d.state <> 'dead' AND (d.state = 'head') <> (d.lane = '' OR d.id = (SELECT min(o.id) FROM event_deliveries o WHERE o.target = d.target AND o.lane = d.lane AND o.state <> 'dead'))`,
	"a pending event that is not there":   `SELECT count(*) FROM pending_events p LEFT JOIN events e ON e.id = p.event_id WHERE e.id IS NULL`,
	"coverage whose image is gone unnoticed": `SELECT count(*) FROM coverage c LEFT JOIN images i ON i.repository_id = c.repository_id AND i.digest = c.digest
		LEFT JOIN repositories r ON r.id = c.repository_id WHERE c.gone_at = 0 AND (i.id IS NULL OR r.account IS NULL)`,
	"a finding of another account than its image": `SELECT count(*) FROM findings f LEFT JOIN coverage c ON c.id = f.coverage_id AND c.account_id = f.account_id WHERE c.id IS NULL`,
	"two findings of a vulnerability of an image": `SELECT count(*) FROM (SELECT 1 FROM findings GROUP BY coverage_id, vulnerability HAVING count(*) > 1) d`,
	"problems of what nobody judged":              `SELECT count(*) FROM problems p LEFT JOIN components c ON c.id = p.component_id AND c.judged WHERE c.id IS NULL`,
	"an inventory without its components":         `SELECT count(*) FROM inventory_components h LEFT JOIN components c ON c.id = h.component_id LEFT JOIN indexed_inventories i ON i.id = h.inventory_id WHERE c.id IS NULL OR i.id IS NULL`,
	"two waiting like jobs":                       `SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'waiting' GROUP BY kind, key HAVING count(*) > 1) d`,
}

func checkInvariants(t testing.TB, s *Store) {
	t.Helper()
	for what, question := range invariants {
		var n int
		if _, err := s.read.row(context.Background(), question, nil, &n); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if n != 0 {
			t.Errorf("%d × %s", n, what)
		}
	}
}

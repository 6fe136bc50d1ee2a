package sql

import (
	"encoding/hex"
	"strings"

	"github.com/ecru-registry/ecru/internal/meta"
)

// findings adds the conditions of a query.
func (w *clauses) findings(d *dialect, account string, q *meta.FindingQuery, by findingsBy) {
	w.add(` WHERE f.account_id = `+accountOf, account)
	if by == byPushed {
		w.add(` AND c.account_id = `+accountOf, account)
	}
	if len(q.UIDs) > 0 {
		w.add(` AND f.uid {lite:IN (SELECT unhex(value) FROM json_each(?))}{pg:= ANY(?::bytea[])}`, d.uidList(q.UIDs))
	}
	w.images(d, account, q, by)
	if len(q.Vulnerabilities) > 0 {
		w.add(` AND f.vulnerability {in}`, d.stringList(q.Vulnerabilities))
	}
	if len(q.Statuses) > 0 {
		w.add(` AND f.status {in}`, d.intList(numbersOf(statusesKept(), q.Statuses)))
	}
	if len(q.Severities) > 0 {
		w.add(` AND f.severity {in}`, d.intList(numbersOf(severitiesKept(), q.Severities)))
	}
	if !q.UpdatedFrom.IsZero() {
		w.add(` AND f.updated_at >= ?`, micros(q.UpdatedFrom))
	}
	if !q.UpdatedTo.IsZero() {
		w.add(` AND f.updated_at <= ?`, micros(q.UpdatedTo))
	}
}

// images adds the conditions on images; by image they come first that name
// fewest.
func (w *clauses) images(d *dialect, account string, q *meta.FindingQuery, by findingsBy) {
	found := by != byImage
	if len(q.Coverage) > 0 {
		w.add(` AND f.coverage_id {in}`, d.intList(q.Coverage))
		found = true
	}
	if len(q.Digests) > 0 {
		if !found {
			w.add(` AND f.coverage_id IN (SELECT c.id FROM coverage c WHERE c.digest {in})`, d.stringList(q.Digests))
			found = true
		} else {
			w.add(` AND c.digest {in}`, d.stringList(q.Digests))
		}
	}
	switch {
	case len(q.Repositories) == 0:
	case !found:
		w.add(` AND f.coverage_id IN (SELECT c.id FROM coverage c WHERE c.account_id = `+accountOf+` AND c.repository {in})`, account, d.stringList(q.Repositories))
	default:
		w.add(` AND c.repository {in}`, d.stringList(q.Repositories))
	}
}

// uidList makes the argument of a list of UIDs. What is none is left out.
func (d *dialect) uidList(uids []string) any {
	kept, raw := make([]string, 0, len(uids)), make([][]byte, 0, len(uids))
	for _, uid := range uids {
		if b, err := hex.DecodeString(uid); err == nil && strings.ToLower(uid) == uid {
			kept, raw = append(kept, uid), append(raw, b)
		}
	}
	if d.numbered {
		return raw
	}
	return toJSON(kept)
}

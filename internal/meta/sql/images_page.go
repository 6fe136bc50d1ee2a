package sql

import (
	"strings"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// paged is a list that comes in pages: what it says of each image, and its
// order within a repository, as columns of one image and of the answer.
type paged struct {
	list, order, merged string
}

func imagePage() paged {
	return paged{listImages, ` ORDER BY i.digest LIMIT ?`, ` ORDER BY 2 LIMIT ?`}
}

func imageIDPage() paged {
	return paged{listImageIDs, ` ORDER BY i.digest, t.tag LIMIT ?`, ` ORDER BY 1, 2 LIMIT ?`}
}

// part is the images that one index holds. SQLite has to be told that a partial
// index saves it from walking past all others.
type part struct{ index, where string }

// partsOf are the parts that a query asks for; together they hold each image
// that it wants once.
func partsOf(q meta.ImageQuery) []part {
	status := q.Status
	if status == "" {
		status = registry.ImageActive
	}
	if status == registry.ImageAnyStatus && (q.Tags == "" || q.Tags == registry.AnyTag) {
		return []part{{}}
	}
	var parts []part
	for _, s := range []registry.ImageStatus{registry.ImageActive, registry.ImageArchived, registry.ImageActivating} {
		if status != s && status != registry.ImageAnyStatus {
			continue
		}
		if q.Tags != registry.Untagged {
			parts = append(parts, partOf(s, "tagged", " AND i.tag_count > 0"))
		}
		if q.Tags != registry.Tagged {
			parts = append(parts, partOf(s, "untagged", " AND i.tag_count = 0"))
		}
	}
	return parts
}

func partOf(status registry.ImageStatus, tags, where string) part {
	if status == registry.ImageActive {
		return part{"images_" + tags, where + " AND i.status = 'ACTIVE'"}
	}
	return part{"images_away_" + tags, where + " AND i.status <> 'ACTIVE' AND i.status = '" + string(status) + "'"}
}

// pageOf makes the statement of a page, with its arguments. Several parts are
// merged: SQLite reads them side by side, PostgreSQL a page of each.
func pageOf(d *dialect, q meta.ImageQuery, of paged, args ...any) (string, []any) {
	limit := max(q.Limit, 0)
	parts := partsOf(q)
	var texts []string
	var all []any
	for _, p := range parts {
		index := ""
		if p.index != "" {
			index = "{lite: INDEXED BY " + p.index + "}"
		}
		text := strings.Replace(of.list, "{index}", index, 1) + p.where
		all = append(all, args...)
		if d.numbered || len(parts) == 1 {
			text, all = text+of.order, append(all, limit)
		}
		if d.numbered && len(parts) > 1 {
			text = "(" + text + ")"
		}
		texts = append(texts, text)
	}
	if len(parts) == 1 {
		return texts[0], all
	}
	return strings.Join(texts, " UNION ALL ") + of.merged, append(all, limit)
}

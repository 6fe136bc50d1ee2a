package sql

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// TestHotStatementsUseIndexes asks SQLite how it would run the statements that
// pushes, pulls and lists stand on: none may scan a table or sort.
func TestHotStatementsUseIndexes(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	db := s.back.(*sqliteBackend).readers
	list := func(q meta.ImageQuery, statement string) string {
		statement, _ = filtered(q, statement)
		return statement
	}
	hot := map[string]string{
		"qManifestByTag": qManifestByTag, "qManifestByDigest": qManifestByDigest, "qRepositoryID": qRepositoryID,
		"qBlob": qBlob, "qBlobOfID": qBlobOfID, "qBlobsPresent": qBlobsPresent, "qBlobForUnlink": qBlobForUnlink, "qNeededBy": qNeededBy, "qBlobNeeded": qBlobNeeded,
		"qLinkedForPush": qLinkedForPush, "qChildrenForPush": qChildrenForPush, "qTagsForPush": qTagsForPush,
		"qImageForPush": qImageForPush, "qMoveTag": qMoveTag, "qCountImages": qCountImages, "qBlobForLink": qBlobForLink,
		"qSourceForLink": qSourceForLink, "qTagForUpdate": qTagForUpdate, "qTagsOfImage": qTagsOfImage, "qParents": qParents,
		"qTouchBlobsOf": qTouchBlobsOf, "qDeleteImage": qDeleteImage, "qNoteUnlinked": qNoteUnlinked, "qPurgeLinks": qPurgeLinks,
		"qListTags": qListTags, "qImagesByDigest": qImagesByDigest, "qImagesByTag": qImagesByTag,
		"listImages": list(meta.ImageQuery{}, listImages) + pageOfImages, "tagged images": list(meta.ImageQuery{Tags: registry.Tagged}, listImages) + pageOfImages,
		"untagged images": list(meta.ImageQuery{Tags: registry.Untagged}, listImages) + pageOfImages,
		"listImageIDs":    list(meta.ImageQuery{}, listImageIDs) + pageOfImageIDs, "tagged ids": list(meta.ImageQuery{Tags: registry.Tagged}, listImageIDs) + pageOfImageIDs,
		"referrers": listReferrers + pageOfReferrers, "referrers of types": listReferrers + ofArtifactTypes + pageOfReferrers,
		"qListRepositories": qListRepositories, "qAnyDue": qAnyDue, "qClaim": qClaim, "qUpload": qUpload, "qAppendUpload": qAppendUpload,
		"qStaleUploads": qStaleUploads, "qUnlinkedBlobs": qUnlinkedBlobs, "qKnownBlobKeys": qKnownBlobKeys, "qScans": qScans,
		"qScanFindings": qScanFindings, "qImageForScan": qImageForScan, "qCountScans": qCountScans, "qAdvisories": qAdvisories,
		"archived images":        list(meta.ImageQuery{Status: registry.ImageArchived}, listImages) + pageOfImages,
		"tagged archived images": list(meta.ImageQuery{Status: registry.ImageArchived, Tags: registry.Tagged}, listImages) + pageOfImages,
		"archived ids":           list(meta.ImageQuery{Status: registry.ImageArchived}, listImageIDs) + pageOfImageIDs,
		"all images":             list(meta.ImageQuery{Status: registry.ImageAnyStatus}, listImages) + pageOfImages,
		"qImageForUpdate":        qImageForUpdate, "qUnarchivedParents": qUnarchivedParents, "qImageOfID": qImageOfID, "qNoteActivated": qNoteActivated,
		"qAccessPolicies": qAccessPolicies, "qDocument": qDocument, "qDeleteDocument": qDeleteDocument, "qSetting": qSetting,
		"qRecord": qRecord, "qListRecords": qListRecords, "qCountRecords": qCountRecords, "qUpdateRecord": qUpdateRecord, "qDeleteRecord": qDeleteRecord,
		"qAccessKey": qAccessKey, "qKeysOf": qKeysOf, "qCountKeys": qCountKeys, "qRecordUse": qRecordUse,
		"qDropEntries": qDropEntries, "qRecordPull": qRecordPull,
	}
	for name, statement := range hot {
		text := s.d.render(statement)
		args := make([]any, strings.Count(text, "?"))
		for i := range args {
			args[i] = "[]"
		}
		rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		for _, step := range plan {
			if slowStep(step) {
				t.Errorf("%s: %q in\n\t%s", name, step, strings.Join(plan, "\n\t"))
			}
		}
	}
}

// slowStep recognises a step that reads a whole table, or all that a
// repository has, or sorts.
func slowStep(step string) bool {
	switch {
	case strings.HasPrefix(step, "SCAN json_each"), strings.HasPrefix(step, "SCAN (subquery"), step == "SCAN CONSTANT ROW", strings.HasPrefix(step, "SEARCH image_counts"),
		strings.HasPrefix(step, "SEARCH n USING INDEX images_inactive"), // whether there is one
		strings.HasSuffix(step, "FOR LAST TERM OF ORDER BY"):            // the tags of one image
		return false
	case strings.HasPrefix(step, "SCAN "), strings.Contains(step, "TEMP B-TREE"):
		return true
	}
	return strings.HasSuffix(step, "(repository_id=?)")
}

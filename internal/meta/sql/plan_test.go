package sql

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// TestHotStatementsUseIndexes asks SQLite how it would run the statements that
// pushes, pulls and lists stand on: none may scan a table or sort.
func TestHotStatementsUseIndexes(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "ecru.db"))
	db := s.back.(*sqliteBackend).readers
	list := func(q meta.ImageQuery, of paged) string {
		statement, _ := pageOf(s.d, q, of)
		return statement
	}
	hot := map[string]string{
		"qManifestByTag": qManifestByTag, "qManifestByDigest": qManifestByDigest, "qRepositoryID": qRepositoryID,
		"qBlob": qBlob, "qBlobOfID": qBlobOfID, "qBlobsPresent": qBlobsPresent, "qBlobForUnlink": qBlobForUnlink, "qNeededBy": qNeededBy, "qBlobNeeded": qBlobNeeded,
		"qLinkedForPush": qLinkedForPush, "qChildrenForPush": qChildrenForPush, "qTagsForPush": qTagsForPush,
		"qImageForPush": qImageForPush, "qMoveTag": qMoveTag, "qCountImages": qCountImages, "qBlobForLink": qBlobForLink,
		"qSourceForLink": qSourceForLink, "qTagForUpdate": qTagForUpdate, "qTagsOfImage": qTagsOfImage, "qParents": qParents,
		"qTouchBlobsOf": qTouchBlobsOf, "qDeleteImage": qDeleteImage, "qNoteUnlinked": qNoteUnlinked, "qPurgeLinks": qPurgeLinks,
		"qListTags": qListTags, "qRevealTag": qRevealTag, "qDeleteTag": qDeleteTag, "qHideTags": qHideTags, "qImagesByDigest": qImagesByDigest, "qImagesByTag": qImagesByTag,
		"referrers": listReferrers + pageOfReferrers, "referrers of types": listReferrers + ofArtifactTypes + pageOfReferrers,
		"qListRepositories": qListRepositories, "qAnyDue": qAnyDue, "qClaim": qClaim, "qUpload": qUpload, "qAppendUpload": qAppendUpload,
		"qStaleUploads": qStaleUploads, "qUnlinkedBlobs": qUnlinkedBlobs, "qKnownBlobKeys": qKnownBlobKeys, "qScans": qScans,
		"qScanFindings": qScanFindings, "qImageForScan": qImageForScan, "qCountScans": qCountScans, "qAdvisories": qAdvisories, "qGenerationPage": qGenerationPage, "qEntriesPage": qEntriesPage, "qFirstCommit": qFirstCommit,
		"qImageForUpdate": qImageForUpdate, "qUnarchivedParents": qUnarchivedParents, "qImageOfID": qImageOfID, "qNoteActivated": qNoteActivated,
		"qAccessPolicies": qAccessPolicies, "qDocument": qDocument, "qDeleteDocument": qDeleteDocument, "qSetting": qSetting,
		"qRecord": qRecord, "qListRecords": qListRecords, "qCountRecords": qCountRecords, "qUpdateRecord": qUpdateRecord, "qDeleteRecord": qDeleteRecord,
		"qAccessKey": qAccessKey, "qKeysOf": qKeysOf, "qCountKeys": qCountKeys, "qRecordUse": qRecordUse,
		"qHasReferrer": qHasReferrer, "qSubject": qSubject, "qFollowers": qFollowers, "qDropEntries": qDropEntries, "qRecordPull": qRecordPull,
	}
	for name, statement := range eventStatements(s.d) {
		hot[name] = statement
	}
	for name, statement := range findingStatements(s.d) {
		hot[name] = statement
	}
	for _, status := range []registry.ImageStatus{"", registry.ImageArchived, registry.ImageActivating, registry.ImageAnyStatus} {
		for _, tags := range []registry.TagFilter{"", registry.Tagged, registry.Untagged} {
			q := meta.ImageQuery{Status: status, Tags: tags}
			hot[fmt.Sprintf("images %q %q", status, tags)] = list(q, imagePage())
			hot[fmt.Sprintf("ids %q %q", status, tags)] = list(q, imageIDPage())
		}
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

// eventStatements are what events and deliveries stand on.
func eventStatements(d *dialect) map[string]string {
	all := map[string]string{
		"qPendingEvents": qPendingEvents, "qEventsOfIDs": qEventsOfIDs, "qListEvents": qListEvents, "qFannedOut": qFannedOut, "qEventsToShare": qEventsToShare,
		"qEventsInOrder": qEventsInOrder, "qEventsForPurge": qEventsForPurge, "qPurgeEvents": qPurgeEvents,
		"qInsertDeliveries": qInsertDeliveries, "qWaitingTargets": qWaitingTargets, "qDue": qDue, "qDeliveriesOfIDs": qDeliveriesOfIDs,
		"qDeliveriesToGo": qDeliveriesToGo, "qRemoveDeliveries": qRemoveDeliveries, "qTryAgain": qTryAgain, "qGiveUp": qGiveUp, "qPromote": qPromote,
		"qRemoveDead": qRemoveDead, "qOldestDead": qOldestDead, "qLeaseOfOther": qLeaseOfOther, "qDropLease": qDropLease,
		"qImageForFinish": qImageForFinish, "qImagesToAnnounce": qImagesToAnnounce,
	}
	for name, q := range map[string]meta.DeadLetterQuery{"all": {}, "of a rule": {Rule: "r"}, "of ids": {IDs: []int64{1}}, "of both": {Rule: "r", IDs: []int64{1}}} {
		all["dead letters, "+name], _ = d.selectDead(deadLetters, "a", q)
		all["ids of dead letters, "+name], _ = d.selectDead(deadLetterIDs, "a", q)
	}
	return all
}

// findingStatements are what enhanced scanning stands on.
func findingStatements(d *dialect) map[string]string {
	all := map[string]string{
		"qComponentsGiven": qComponentsGiven, "qIndexedInventory": qIndexedInventory, "qTouchInventory": qTouchInventory, "qComponentsOfInventory": qComponentsOfInventory,
		"qHolds": qHolds, "qHoldNoMore": qHoldNoMore, "qComponentsToJudge": qComponentsToJudge, "qNoteJudged": qNoteJudged,
		"qProblemPrints": qProblemPrints, "qRemoveProblems": qRemoveProblems, "qRemoveChanges": qRemoveChanges, "qSettleChange": qSettleChange, "qFinishChanges": qFinishChanges,
		"qProblemsHeld": qProblemsHeld, "qProblemsHeldOf": qProblemsHeldOf, "qProblemsOfIDs": qProblemsOfIDs,
		"qImageToCover": qImageToCover, "qCoverageToPut": qCoverageToPut, "qUpdateCoverage": qUpdateCoverage, "qReviveCoverage": qReviveCoverage, "qInventoryToNeed": qInventoryToNeed,
		"qCoverageGone": qCoverageGone, "qCoverageDue": qCoverageDue, "qPullsDue": qPullsDue,
		"qCoverageOfImages": qCoverageOfImages, "qCoverageOfIDs": qCoverageOfIDs, "qCountAffected": qCountAffected, "qHowManyHold": qHowManyHold,
		"qFindingsToSettle": qFindingsToSettle, "qFindingsToSettleOf": qFindingsToSettleOf, "qPurgeClosed": qPurgeClosed, "qGoneToPurge": qGoneToPurge, "qPurgeOfGone": qPurgeOfGone, "qPurgeGone": qPurgeGone,
		"qUnneededToSweep": qUnneededToSweep, "qOrphansToSweep": qOrphansToSweep, "qSweepHeld": qSweepHeld, "qSweepProblems": qSweepProblems, "qSweepComponents": qSweepComponents,
		"qCoverageNamed": qCoverageNamed, "qNextName": qNextName, "qPreviousName": qPreviousName, "qFirstName": qFirstName, "qLastName": qLastName,
	}
	for name, q := range map[string]meta.CoverageQuery{"all": {}, "of a repository": {RepositoryID: 1}, "of a component": {Component: 1}} {
		all["coverage, "+name], _ = selectCoveragePage("a", q, false)
	}
	for _, sort := range []meta.FindingSort{meta.SortByID, meta.SortBySeverity, meta.SortByVulnerability, meta.SortByPushed} {
		for n, after := range []*finding.State{nil, {Severity: registry.Low}} {
			parts, _ := d.selectFindings("a", &meta.FindingQuery{Sort: sort, After: after, Limit: 9}, false)
			for k, part := range parts {
				all[fmt.Sprintf("findings by %q, %d, part %d", sort, n, k)] = part.ids
			}
		}
	}
	return all
}

// slowStep recognises a step that reads a whole table, or all that a
// repository has, or sorts.
func slowStep(step string) bool {
	switch {
	case strings.HasPrefix(step, "SCAN json_each"), strings.HasPrefix(step, "SCAN (subquery"), step == "SCAN CONSTANT ROW", strings.HasPrefix(step, "SEARCH image_counts"),
		step == "SCAN oldest", step == "SCAN names", step == "SCAN heads", step == "SCAN h", step == "SCAN x", step == "SCAN y", // up to a limit; targets; a page of what is due
		step == "SCAN d USING COVERING INDEX event_deliveries_due",                                                  // the first of it
		strings.HasSuffix(step, "FOR LAST TERM OF ORDER BY"), strings.HasSuffix(step, "FOR RIGHT PART OF ORDER BY"): // the tags of one image
		return false
	case strings.HasPrefix(step, "SCAN "), strings.Contains(step, "TEMP B-TREE"):
		return true
	}
	return strings.HasSuffix(step, "(repository_id=?)")
}

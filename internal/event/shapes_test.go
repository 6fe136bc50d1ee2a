package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/lifecycle"
	"github.com/ecru-registry/ecru/internal/registry"
)

var update = flag.Bool("update", false, "write the golden files")

const digest = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12340000"

// at is an origin like that of a sample.
func at(id, account, region, when string) event.Origin {
	t, err := time.Parse(time.RFC3339Nano, when)
	if err != nil {
		panic(err)
	}
	return event.Origin{Scope: registry.Scope{Account: account, Region: region}, At: t, ID: id}
}

func moment(when string) event.Moment {
	t, err := time.Parse(time.RFC3339Nano, when)
	if err != nil {
		panic(err)
	}
	return event.Moment(t)
}

const (
	pushID = "13cde686-328b-6117-af20-0e5566167482"
	scanID = "85fc3613-e913-7fc4-a80c-a3753e4aa9ae"
)

func pushed() event.Origin {
	return at(pushID, "123456789012", "us-west-2", "2019-11-16T01:54:34.987Z")
}

// shape is an event, and the sample of ECR's or Inspector's documentation that it
// must look like. Samples are as in the reference, with digests of full length
// and the envelope filled in where the reference leaves it out.
type shape struct {
	name   string
	got    []byte
	sample string // empty: the documentation has none
}

func shapes() []shape {
	image := event.Image{Repository: "my-repository-name", Digest: digest}
	archived := event.Image{
		Repository: "ubuntu", Digest: digest,
		MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: "application/vnd.oci.image.config.v1+json",
	}
	sbom := event.Image{
		Repository: "sbom", Digest: digest, Referrer: true,
		MediaType: "application/vnd.cncf.oras.artifact.manifest.v1+json", ArtifactType: "text/sbom+json",
	}
	scanned := at(scanID, "123456789012", "us-east-1", "2019-10-29T02:36:48Z")
	cached := at(scanID, "123456789012", "us-west-2", "2023-02-28T02:36:48Z")
	replicated := at("c8b133b1-6029-ee73-e2a1-4f466b8ba999", "123456789012", "us-east-1", "2024-05-08T20:44:54Z")
	activated := time.Date(2025, 10, 10, 19, 13, 2, 740_999_999, time.UTC)
	return append([]shape{
		{"image-push", event.ImagePushed(pushed(), image, "latest").Encode(), `{"version":"0","id":"` + pushID + `","detail-type":"ECR Image Action","source":"aws.ecr",
		 "account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],
		 "detail":{"result":"SUCCESS","repository-name":"my-repository-name","image-digest":"` + digest + `","action-type":"PUSH","image-tag":"latest"}}`},
		{"image-push-digest", event.ImagePushed(pushed(), image, "").Encode(), `{"version":"0","id":"` + pushID + `","detail-type":"ECR Image Action","source":"aws.ecr",
		 "account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],
		 "detail":{"result":"SUCCESS","repository-name":"my-repository-name","image-digest":"` + digest + `","action-type":"PUSH"}}`},
		{"image-push-types", event.ImagePushed(pushed(), archived, "22.04").Encode(), ""},
		{"image-delete", event.ImageDeleted(pushed(), image, "latest").Encode(), `{"version":"0","id":"` + pushID + `","detail-type":"ECR Image Action","source":"aws.ecr",
		 "account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],
		 "detail":{"result":"SUCCESS","repository-name":"my-repository-name","image-digest":"` + digest + `","action-type":"DELETE","image-tag":"latest"}}`},
		{"image-archive", event.StorageClassChanged(pushed(), archived, event.ClassArchive, activated).Encode(), `{"version":"0","id":"` + pushID + `","detail-type":"ECR Image Action","source":"aws.ecr",
		 "account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],
		 "detail":{"action-type":"UPDATE_STORAGE_CLASS","target-storage-class":"ARCHIVE","image-digest":"` + digest + `",
		   "repository-name":"ubuntu","result":"SUCCESS","manifest-media-type":"application/vnd.oci.image.manifest.v1+json",
		   "artifact-media-type":"application/vnd.oci.image.config.v1+json"}}`},
		{"referrer-push", event.ImagePushed(pushed(), sbom, "").Encode(), ""},
		{"referrer-delete", event.ImageDeleted(pushed(), sbom, "").Encode(), ""},
		{"referrer-restore", event.StorageClassChanged(pushed(), sbom, event.ClassStandard, activated).Encode(), `{"version":"0","id":"` + pushID + `","detail-type":"ECR Referrer Action","source":"aws.ecr",
		 "account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],
		 "detail":{"action-type":"UPDATE_STORAGE_CLASS","target-storage-class":"STANDARD","image-digest":"` + digest + `",
		   "repository-name":"sbom","result":"SUCCESS","manifest-media-type":"application/vnd.cncf.oras.artifact.manifest.v1+json",
		   "artifact-media-type":"text/sbom+json","last-activated-at":"2025-10-10T19:13:02.74Z"}}`},
		{"image-scan", event.ScanEnded(scanned, event.ScanResult{
			Repository: "my-repository-name", Digest: digest, Status: event.ScanComplete,
			Counts: map[registry.Severity]int{registry.Critical: 10, registry.Medium: 9, registry.Low: 0},
		}).Encode(), `{"version":"0","id":"` + scanID + `","detail-type":"ECR Image Scan","source":"aws.ecr",
		 "account":"123456789012","time":"2019-10-29T02:36:48Z","region":"us-east-1",
		 "resources":["arn:aws:ecr:us-east-1:123456789012:repository/my-repository-name"],
		 "detail":{"scan-status":"COMPLETE","repository-name":"my-repository-name",
		   "finding-severity-counts":{"CRITICAL":10,"MEDIUM":9},"image-digest":"` + digest + `","image-tags":[]}}`},
		{"image-scan-clean", event.ScanEnded(scanned, event.ScanResult{
			Repository: "my-repository-name", Digest: digest, Tags: []string{"1.0", "latest"}, Status: event.ScanComplete, Counts: map[registry.Severity]int{},
		}).Encode(), ""},
		{"image-scan-failed", event.ScanEnded(scanned, event.ScanResult{
			Repository: "my-repository-name", Digest: digest, Tags: []string{"latest"}, Status: event.ScanFailed, Counts: map[registry.Severity]int{},
		}).Encode(), ""},
		{"scan-resource-change", event.ScanFrequencyChanged(scanned, []event.FrequencyChange{
			{Repository: "repository-1", Frequency: registry.ScanOnPush, Previous: registry.ScanManual},
		}).Encode(), `{"version":"0","id":"` + scanID + `","detail-type":"ECR Scan Resource Change","source":"aws.ecr",
		 "account":"123456789012","time":"2019-10-29T02:36:48Z","region":"us-east-1","resources":[],
		 "detail":{"action-type":"SCAN_FREQUENCY_CHANGE","repositories":[{"repository-name":"repository-1",
		    "repository-arn":"arn:aws:ecr:us-east-1:123456789012:repository/repository-1",
		    "scan-frequency":"SCAN_ON_PUSH","previous-scan-frequency":"MANUAL"}],
		  "resource-type":"REPOSITORY","scan-type":"ENHANCED"}}`},
		{"pull-through-cache", event.PullThroughCached(cached, event.CacheSync{
			Prefix: "docker-hub", Repository: "docker-hub/alpine", UpstreamURL: "public.ecr.aws", Tag: "3.17.2", Digest: digest,
		}).Encode(), `{"version":"0","id":"` + scanID + `","detail-type":"ECR Pull Through Cache Action","source":"aws.ecr",
		 "account":"123456789012","time":"2023-02-28T02:36:48Z","region":"us-west-2",
		 "resources":["arn:aws:ecr:us-west-2:123456789012:repository/docker-hub/alpine"],
		 "detail":{"rule-version":"1","sync-status":"SUCCESS","ecr-repository-prefix":"docker-hub",
		   "repository-name":"docker-hub/alpine","upstream-registry-url":"public.ecr.aws","image-tag":"3.17.2","image-digest":"` + digest + `"}}`},
		{"pull-through-cache-failed", event.PullThroughCached(cached, event.CacheSync{
			Prefix: "docker-hub", Repository: "docker-hub/alpine", UpstreamURL: "registry-1.docker.io", Tag: "3.17.2",
			FailureCode: "UpstreamUnavailable", FailureReason: "the upstream registry answered 503",
		}).Encode(), ""},
		{"replication", event.Replicated(replicated, event.Replication{
			Repository: "docker-hub/alpine", Digest: digest, Tag: "3.17.2", SourceAccount: "123456789012", SourceRegion: "us-west-2",
		}).Encode(), `{"version":"0","id":"c8b133b1-6029-ee73-e2a1-4f466b8ba999","detail-type":"ECR Replication Action","source":"aws.ecr",
		 "account":"123456789012","time":"2024-05-08T20:44:54Z","region":"us-east-1",
		 "resources":["arn:aws:ecr:us-east-1:123456789012:repository/docker-hub/alpine"],
		 "detail":{"result":"SUCCESS","repository-name":"docker-hub/alpine","image-digest":"` + digest + `",
		   "source-account":"123456789012","action-type":"REPLICATE","source-region":"us-west-2","image-tag":"3.17.2"}}`},
		{"replication-failed", event.Replicated(replicated, event.Replication{
			Repository: "docker-hub/alpine", Digest: digest, SourceAccount: "123456789012", SourceRegion: "us-west-2", Failed: true,
		}).Encode(), ""},
	}, inspectorShapes()...)
}

func inspectorShapes() []shape {
	const repository = "arn:aws:ecr:us-east-2:123456789012:repository/amazon/amazon-ecs-sample"
	o := at("739c0d3c-4f02-85c7-5a88-94a9b0f7d9c4", "123456789012", "us-east-2", "2024-09-04T16:55:38.411123Z")
	envelope := func(kind, resource, detail string) string {
		return `{"version":"0","id":"739c0d3c-4f02-85c7-5a88-94a9b0f7d9c4","detail-type":"` + kind + `","source":"aws.inspector2",
		 "account":"123456789012","time":"2024-09-04T16:55:38Z","region":"us-east-2","resources":["` + resource + `"],"detail":` + detail + `}`
	}
	return []shape{
		{"inspector-scan", event.InspectorScanned(o, event.InspectorResult{
			Repository: "amazon/amazon-ecs-sample", Digest: digest, Tags: []string{"latest"},
			Counts: map[registry.Severity]int{registry.Critical: 7, registry.High: 61, registry.Medium: 62, registry.Low: 27, "UNTRIAGED": 1},
		}).Encode(), envelope("Inspector2 Scan", repository, `{"scan-status":"INITIAL_SCAN_COMPLETE","repository-name":"`+repository+`",
		   "finding-severity-counts":{"CRITICAL":7,"HIGH":61,"MEDIUM":62,"TOTAL":158},
		   "image-digest":"`+digest+`","image-tags":["latest"],"version":"1.0"}`)},
		{"inspector-coverage", event.InspectorCovered(o, event.Coverage{
			Repository: "amazon/amazon-ecs-sample", Digest: digest, Status: "ACTIVE", Reason: "SUCCESSFUL",
		}).Encode(), envelope("Inspector2 Coverage", repository+"/"+digest, `{"scanStatus":{"reason":"SUCCESSFUL","statusCodeValue":"ACTIVE"},
		   "scanType":"PACKAGE","eventTimestamp":"2024-09-04T16:55:38.411123Z","version":"1.0"}`)},
		{"inspector-finding", event.InspectorFound(o, finding()).Encode(), envelope("Inspector2 Finding", repository+"/"+digest, `{
		  "awsAccountId":"123456789012","description":"In libssh2 v1.9.0 …","epss":{"score":0.01265},"exploitAvailable":"NO",
		  "findingArn":"arn:aws:inspector2:us-east-2:123456789012:finding/be674aaddd0f75ac632055EXAMPLE",
		  "firstObservedAt":"Wed Sep 04 16:55:38.411 UTC 2024","fixAvailable":"YES",
		  "inspectorScore":6.5,"inspectorScoreDetails":{"adjustedCvss":{"adjustments":[],"cvssSource":"REDHAT_CVE","score":6.5,
		     "scoreSource":"REDHAT_CVE","scoringVector":"CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:N/A:N","version":"3.0"}},
		  "lastObservedAt":"Wed Sep 04 16:55:38.411 UTC 2024",
		  "packageVulnerabilityDetails":{"cvss":[{"baseScore":6.5,"scoringVector":"CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:N/A:N","source":"REDHAT_CVE","version":"3.0"}],
		     "referenceUrls":["https://access.redhat.com/errata/RHSA-2020:3915"],"relatedVulnerabilities":[],"source":"REDHAT_CVE",
		     "sourceUrl":"https://access.redhat.com/security/cve/CVE-2019-17498","vendorCreatedAt":"Wed Oct 16 00:00:00.000 UTC 2019","vendorSeverity":"Moderate",
		     "vulnerabilityId":"CVE-2019-17498","vulnerablePackages":[{"arch":"X86_64","epoch":0,"name":"libssh2","packageManager":"OS",
		        "release":"12.amzn2.2","sourceLayerHash":"`+digest+`","version":"1.4.3"}]},
		  "remediation":{"recommendation":{"text":"Update all packages in the vulnerable packages section to their latest versions."}},
		  "resources":[{"details":{"awsEcrContainerImage":{"architecture":"amd64","imageHash":"`+digest+`","imageTags":["latest"],
		      "platform":"AMAZON_LINUX_2","pushedAt":"Mon Jul 01 08:00:00.000 UTC 2024","lastInUseAt":"Tue Sep 03 10:11:12.130 UTC 2024","inUseCount":1,
		      "registry":"123456789012","repositoryName":"amazon/amazon-ecs-sample"}},
		      "id":"`+repository+`/`+digest+`","partition":"N/A","region":"N/A","type":"AWS_ECR_CONTAINER_IMAGE"}],
		  "severity":"MEDIUM","status":"ACTIVE","title":"CVE-2019-17498 - libssh2","type":"PACKAGE_VULNERABILITY",
		  "updatedAt":"Wed Sep 04 16:55:38.411 UTC 2024"}`)},
		{"inspector-finding-least", event.InspectorFound(o, event.Finding{Severity: "UNTRIAGED", Status: "CLOSED", FirstObservedAt: moment("2024-09-04T16:55:38Z"), LastObservedAt: moment("2024-09-04T16:55:38Z")}).Encode(), ""},
	}
}

func finding() event.Finding {
	seen := moment("2024-09-04T16:55:38.411Z")
	const vector = "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:N/A:N"
	return event.Finding{
		ARN: "arn:aws:inspector2:us-east-2:123456789012:finding/be674aaddd0f75ac632055EXAMPLE", Title: "CVE-2019-17498 - libssh2",
		Description: "In libssh2 v1.9.0 …", Severity: "MEDIUM", Status: "ACTIVE", FirstObservedAt: seen, LastObservedAt: seen, UpdatedAt: seen,
		EPSS: &event.EPSS{Score: 0.01265}, ExploitAvailable: "NO", FixAvailable: "YES",
		Score: &event.Score{CVSSSource: "REDHAT_CVE", Score: 6.5, Source: "REDHAT_CVE", Vector: vector, Version: "3.0"},
		Vulnerability: event.Vulnerability{
			CVSS:          []event.CVSS{{BaseScore: 6.5, Vector: vector, Source: "REDHAT_CVE", Version: "3.0"}},
			ReferenceURLs: []string{"https://access.redhat.com/errata/RHSA-2020:3915"}, Source: "REDHAT_CVE",
			SourceURL: "https://access.redhat.com/security/cve/CVE-2019-17498", VendorCreatedAt: moment("2019-10-16T00:00:00Z"), VendorSeverity: "Moderate", ID: "CVE-2019-17498",
			Packages: []event.VulnerablePackage{{Arch: "X86_64", Name: "libssh2", PackageManager: "OS", Release: "12.amzn2.2", SourceLayerHash: digest, Version: "1.4.3"}},
		},
		Remediation: event.Recommendation{Text: "Update all packages in the vulnerable packages section to their latest versions."},
		Image: event.FoundIn{
			Repository: "amazon/amazon-ecs-sample", Digest: digest, Tags: []string{"latest"}, Architecture: "amd64", Platform: "AMAZON_LINUX_2",
			PushedAt: moment("2024-07-01T08:00:00Z"), LastInUseAt: moment("2024-09-03T10:11:12.13Z"), InUseCount: 1,
		},
	}
}

func TestEventsAreByteForByteAsBefore(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) { golden(t, s.name, s.got) })
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	got = append(bytes.Clone(got), '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", file, diff)
	}
}

// Member by member, so that one too many or too few is seen.
func TestEventsHaveTheMembersOfTheSamples(t *testing.T) {
	for _, s := range shapes() {
		if s.sample == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			if diff := cmp.Diff(decoded(t, []byte(s.sample)), decoded(t, s.got)); diff != "" {
				t.Errorf("(-sample +got):\n%s", diff)
			}
		})
	}
}

// Those of ECR are in the order of the samples; Inspector's samples, where the
// order is alphabetical, are typed so above but for the image.
func TestEventsAreInTheOrderOfTheSamples(t *testing.T) {
	for _, s := range shapes() {
		if s.sample == "" || s.name == "inspector-finding" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			var sample bytes.Buffer
			if err := json.Compact(&sample, []byte(s.sample)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sample.String(), string(s.got)); diff != "" {
				t.Errorf("(-sample +got):\n%s", diff)
			}
		})
	}
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func detailOf(t *testing.T, body []byte) map[string]any {
	t.Helper()
	return decoded(t, body).(map[string]any)["detail"].(map[string]any)
}

func TestWhatIsNotKnownIsLeftOut(t *testing.T) {
	absent := map[string][]string{
		"image-push":                {"manifest-media-type", "artifact-media-type", "last-activated-at"},
		"image-push-digest":         {"image-tag"},
		"image-archive":             {"last-activated-at", "image-tag"},
		"referrer-push":             {"image-tag"},
		"image-scan-failed":         {"finding-severity-counts"},
		"pull-through-cache":        {"failure-code", "failure-reason"},
		"pull-through-cache-failed": {"image-digest"},
		"replication-failed":        {"image-tag"},
		"inspector-finding":         {"exploitabilityDetails"},
		"inspector-finding-least":   {"epss", "exploitabilityDetails", "inspectorScore", "inspectorScoreDetails", "exploitAvailable", "fixAvailable", "updatedAt"},
	}
	for _, s := range shapes() {
		detail := detailOf(t, s.got)
		for _, name := range absent[s.name] {
			if v, ok := detail[name]; ok {
				t.Errorf("%s has %s: %v", s.name, name, v)
			}
		}
		delete(absent, s.name)
	}
	if len(absent) > 0 {
		t.Errorf("no such shapes: %v", absent)
	}
}

func TestListsAreNeverNull(t *testing.T) {
	for _, s := range shapes() {
		if bytes.Contains(s.got, []byte("null")) {
			t.Errorf("%s: %s", s.name, s.got)
		}
	}
}

func TestAnEventWithoutAnIDGetsOne(t *testing.T) {
	o := pushed()
	o.ID = ""
	first, second := event.ImagePushed(o, event.Image{}, "a"), event.ImagePushed(o, event.Image{}, "a")
	if len(first.ID) != 36 || first.ID == second.ID {
		t.Errorf("ids %q and %q", first.ID, second.ID)
	}
}

func policyRun(images int) event.PolicyRun {
	run := event.PolicyRun{
		Repository: "testrepo", PolicyID: "ceb86829-58e7-9498-920c-aa042e33037b", PolicyVersion: 1,
		Rules: []lifecycle.Rule{{
			Priority: 1, Description: "remove all images > 2", Action: lifecycle.Action{Type: lifecycle.Expire},
			Selection: lifecycle.Selection{TagStatus: lifecycle.Any, Count: lifecycle.ImageCountMoreThan, Number: 2},
		}},
	}
	for range images {
		run.Images = append(run.Images, event.PolicyImage{Digest: digest, Tags: []string{"alpine"}, PushedAt: time.UnixMilli(1584042813000), Priority: 1})
	}
	return run
}

func TestARecordOfALifecyclePolicyIsLikeTheSample(t *testing.T) {
	o := at("9354dd7f-9aac-4e9d-956d-12561a4923aa", "123456789012", "us-west-2", "2020-03-12T20:22:12Z")
	records := event.PolicyExecutions(o, policyRun(1))
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	golden(t, "policy-execution", records[0])
	// The sample of the reference, and what AWS writes besides today: the list of
	// patterns, and that of failures.
	sample := decoded(t, []byte(`{"eventSource":"ecr.amazonaws.com","eventName":"PolicyExecutionEvent","eventType":"AwsServiceEvent",
	 "serviceEventDetails":{"repositoryName":"testrepo",
	  "lifecycleEventPolicy":{"lifecycleEventRules":[{"rulePriority":1,"description":"remove all images > 2","lifecycleEventSelection":{"tagStatus":"Any","tagPrefixList":[],"tagPatternList":[],"countType":"Image count more than","countNumber":2},"action":"expire"}],"lastEvaluatedAt":0,"policyVersion":1,"policyId":"ceb86829-58e7-9498-920c-aa042e33037b"},
	  "lifecycleEventImageActions":[{"lifecycleEventImage":{"digest":"`+digest+`","tagStatus":"Tagged","tagList":["alpine"],"pushedAt":1584042813000},"rulePriority":1}],
	  "lifecycleEventFailureDetails":[]}}`)).(map[string]any)
	got := decoded(t, records[0]).(map[string]any)
	for name, want := range sample {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s (-sample +got):\n%s", name, diff)
		}
	}
}

type execution struct {
	ID      string `json:"eventID"`
	Details struct {
		Actions []struct {
			Image struct {
				Tags      []string `json:"tagList"`
				TagStatus string   `json:"tagStatus"`
			} `json:"lifecycleEventImage"`
		} `json:"lifecycleEventImageActions"`
		Failures []map[string]any `json:"lifecycleEventFailureDetails"`
	} `json:"serviceEventDetails"`
}

func executions(t *testing.T, run event.PolicyRun) (all []execution) {
	t.Helper()
	for _, record := range event.PolicyExecutions(pushed(), run) {
		var e execution
		if err := json.Unmarshal(record, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestARunIsSplitIntoRecordsOfTenImages(t *testing.T) {
	for images, want := range map[int][]int{0: {0}, 1: {1}, 10: {10}, 11: {10, 1}, 30: {10, 10, 10}, 31: {10, 10, 10, 1}} {
		var got []int
		ids := map[string]bool{}
		for _, e := range executions(t, policyRun(images)) {
			got = append(got, len(e.Details.Actions))
			ids[e.ID] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d images (-want +got):\n%s", images, diff)
		}
		if len(ids) != len(got) {
			t.Errorf("%d images: ids %v", images, ids)
		}
	}
}

func TestARecordListsAHundredTagsOfAnImage(t *testing.T) {
	run := policyRun(2)
	run.Images[0].Tags = make([]string, 101)
	run.Images[1].Tags = nil
	run.Failures = []event.PolicyFailure{{PolicyImage: run.Images[0], Code: "ImageReferencedByManifestList", Reason: "in an index"}}
	e := executions(t, run)[0].Details
	if n := len(e.Actions[0].Image.Tags); n != 100 {
		t.Errorf("%d tags", n)
	}
	if image := e.Actions[1].Image; image.TagStatus != "Untagged" || image.Tags == nil {
		t.Errorf("an image without tags is %+v", image)
	}
	if len(e.Failures) != 1 || e.Failures[0]["failureCode"] != "ImageReferencedByManifestList" || e.Failures[0]["rulePriority"] != 1.0 {
		t.Errorf("failures %v", e.Failures)
	}
}

package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/audit"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

var began = time.Date(2026, 11, 21, 23, 1, 2, 345e6, time.UTC)

// recorded is the record of one request, decoded.
func recorded(t *testing.T, r audit.Request) map[string]any {
	t.Helper()
	var out bytes.Buffer
	log := audit.New(&out, "us-east-1", slog.New(slog.DiscardHandler))
	log.Start()
	log.Record(r)
	log.Stop()
	var record map[string]any
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if id, _ := record["eventID"].(string); len(id) != 36 {
		t.Errorf("eventID %q is no UUID", id)
	}
	delete(record, "eventID")
	return record
}

func want(t *testing.T, text string) map[string]any {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		t.Fatal(err)
	}
	return record
}

func TestACallHasTheShapeOfCloudTrail(t *testing.T) {
	note := &reqlog.Note{
		RequestID: "r1", Operation: "CreateRepository", Service: "ecr", Region: "us-east-1",
		Identity: reqlog.Identity{Kind: "User", Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ci", UserID: "AIDAEXAMPLE", AccessKeyID: "AKIAEXAMPLE", Name: "ci"},
		Decisions: []reqlog.Decision{{
			Account: "123456789012", Action: "ecr:CreateRepository", Resource: "arn:aws:ecr:us-east-1:123456789012:repository/web",
			Reason: "no identity-based policy allows ecr:CreateRepository",
		}},
		Failure:    reqlog.Failure{Code: "AccessDeniedException", Message: "User: … is not authorized"},
		Parameters: func(b []byte) []byte { return append(b, `{"repositoryName":"web"}`...) },
	}
	got := recorded(t, audit.Request{Note: note, At: began, Method: "POST", Path: "/", Status: 400, SourceIP: "10.1.2.3", UserAgent: "aws-cli/2"})
	if diff := cmp.Diff(want(t, `{
		"eventVersion": "1.11",
		"userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::123456789012:user/ci", "accountId": "123456789012", "accessKeyId": "AKIAEXAMPLE", "userName": "ci"},
		"eventTime": "2026-11-21T23:01:02Z", "eventSource": "ecr.amazonaws.com", "eventName": "CreateRepository", "awsRegion": "us-east-1",
		"sourceIPAddress": "10.1.2.3", "userAgent": "aws-cli/2",
		"errorCode": "AccessDeniedException", "errorMessage": "User: … is not authorized",
		"requestParameters": {"repositoryName": "web"}, "responseElements": null,
		"additionalEventData": {"method": "POST", "path": "/", "status": 400, "decisions": [{"action": "ecr:CreateRepository",
			"resource": "arn:aws:ecr:us-east-1:123456789012:repository/web", "allowed": false, "reason": "no identity-based policy allows ecr:CreateRepository"}]},
		"requestID": "r1", "readOnly": false,
		"resources": [{"accountId": "123456789012", "type": "AWS::ECR::Repository", "ARN": "arn:aws:ecr:us-east-1:123456789012:repository/web"}],
		"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "123456789012", "eventCategory": "Management"
	}`), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestARequestOfTheDistributionAPIIsTheActionThatItStandsFor(t *testing.T) {
	note := &reqlog.Note{
		Operation: "GetManifest",
		Identity:  reqlog.Identity{Kind: "AssumedRole", Account: "123456789012", ARN: "arn:aws:sts::123456789012:assumed-role/deploy/s1", UserID: "AROAEXAMPLE:s1", AccessKeyID: "ASIAEXAMPLE", Name: "deploy"},
		Decisions: []reqlog.Decision{{Account: "999999999999", Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:us-east-1:999999999999:repository/web", Allowed: true}},
	}
	got := recorded(t, audit.Request{Note: note, At: began, Method: "GET", Path: "/v2/web/manifests/1", Status: 200})
	for member, text := range map[string]any{
		"eventSource": "ecr.amazonaws.com", "eventName": "BatchGetImage", "readOnly": true, "awsRegion": "us-east-1",
		"recipientAccountId": "999999999999",
	} {
		if got[member] != text {
			t.Errorf("%s is %v, want %v", member, got[member], text)
		}
	}
	issuer := want(t, `{"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": "arn:aws:iam::123456789012:role/deploy", "accountId": "123456789012", "userName": "deploy"}}`)
	if diff := cmp.Diff(any(issuer), got["userIdentity"].(map[string]any)["sessionContext"]); diff != "" {
		t.Errorf("session context, -want +got:\n%s", diff)
	}
}

func TestResourcesAreCalledAsWhatTheyAre(t *testing.T) {
	for arn, kind := range map[string]string{
		"arn:aws:ecr:us-east-1:123456789012:repository/web":                "AWS::ECR::Repository",
		"arn:aws:iam::123456789012:role/deploy":                            "AWS::IAM::Role",
		"arn:aws:events:us-east-1:123456789012:rule/web":                   "AWS::Events::Rule",
		"arn:aws:events:us-east-1:123456789012:event-bus/default":          "AWS::Events::EventBus",
		"arn:aws:events:us-east-1:123456789012:connection/a/b":             "AWS::Events::Connection",
		"arn:aws:events:us-east-1:123456789012:api-destination/a/b":        "AWS::Events::ApiDestination",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:name-AbCdEf": "AWS::SecretsManager::Secret",
	} {
		note := &reqlog.Note{Operation: "Any", Decisions: []reqlog.Decision{{Account: "123456789012", Action: "x:Any", Resource: arn}}}
		got := recorded(t, audit.Request{Note: note, At: began, Status: 200})
		if got := got["resources"].([]any)[0].(map[string]any)["type"]; got != kind {
			t.Errorf("%s is called %v", arn, got)
		}
	}
}

func TestWhateverAClientSendsMakesOneLineOfJSON(t *testing.T) {
	note := &reqlog.Note{Operation: "GetManifest", Parameters: func(b []byte) []byte { return append(b, `"`+strings.Repeat("x", audit.MaxParameters)+`"`...) }}
	hostile := "a\nb\"\x00\xff" + strings.Repeat("é", 1000)
	got := recorded(t, audit.Request{Note: note, At: began, Path: hostile, UserAgent: hostile, Status: 404})
	if agent := got["userAgent"].(string); len(agent) > 600 || !strings.HasPrefix(agent, "a\nb") {
		t.Errorf("user agent %q", agent)
	}
	if diff := cmp.Diff(any(map[string]any{"omitted": "too large"}), got["requestParameters"]); diff != "" {
		t.Errorf("parameters: %s", diff)
	}
	if kind := got["userIdentity"].(map[string]any)["type"]; kind != "Unknown" {
		t.Errorf("nobody is a %v", kind)
	}
}

// slow is a disk that takes its time, and one that fails.
type slow struct {
	gate chan struct{}
	mu   sync.Mutex
	got  bytes.Buffer
	err  error
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.got.Write(p)
}

func TestNoRecordIsLostHoweverSlowTheDisk(t *testing.T) {
	disk := &slow{gate: make(chan struct{})}
	log := audit.New(disk, "us-east-1", slog.New(slog.DiscardHandler))
	log.Start()
	const callers, calls = 8, 200
	agent := strings.Repeat("x", 500) // above the bound in all, so that callers wait
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range calls {
				log.Record(audit.Request{
					Note: &reqlog.Note{RequestID: fmt.Sprint(c, "-", i), Operation: "X", Parameters: func(b []byte) []byte { return append(b, `"`+strings.Repeat("p", 8<<10)+`"`...) }},
					At:   began, UserAgent: agent,
				})
			}
		})
	}
	close(disk.gate)
	wg.Wait()
	log.Stop()
	next := map[string]int{}
	lines := strings.Split(strings.TrimSpace(disk.got.String()), "\n")
	for _, line := range lines {
		var r struct{ RequestID string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		caller, call, _ := strings.Cut(r.RequestID, "-")
		if call != fmt.Sprint(next[caller]) {
			t.Fatalf("caller %s: record %s after %d others", caller, call, next[caller])
		}
		next[caller]++
	}
	if len(lines) != callers*calls {
		t.Errorf("%d records, want %d", len(lines), callers*calls)
	}
}

func TestAFailingDiskIsCountedAndNotTheEnd(t *testing.T) {
	disk := &slow{gate: make(chan struct{}), err: errors.New("no space left on device")}
	close(disk.gate)
	log := audit.New(disk, "us-east-1", slog.New(slog.DiscardHandler))
	log.Start()
	log.Record(audit.Request{Note: &reqlog.Note{Operation: "X"}, At: began})
	log.Stop()
	if log.Failed() != 1 {
		t.Errorf("%d failures, want 1", log.Failed())
	}
}

func BenchmarkRecord(b *testing.B) {
	log := audit.New(io.Discard, "us-east-1", slog.New(slog.DiscardHandler))
	log.Start()
	defer log.Stop()
	note := &reqlog.Note{
		RequestID: "3081a92b-2066-41f8-8a47-0580288ada9e", Operation: "GetManifest",
		Identity:   reqlog.Identity{Kind: "User", Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ci", UserID: "AIDAEXAMPLE", AccessKeyID: "AKIAEXAMPLE", Name: "ci"},
		Decisions:  []reqlog.Decision{{Account: "123456789012", Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:us-east-1:123456789012:repository/web", Allowed: true, Reason: "allowed by identity-based policy"}},
		Parameters: func(b []byte) []byte { return append(b, `{"repositoryName":"web","imageTag":"1"}`...) },
	}
	b.ReportAllocs()
	for b.Loop() {
		log.Record(audit.Request{Note: note, At: began, Method: "GET", Path: "/v2/web/manifests/1", Status: 200, SourceIP: "10.1.2.3", UserAgent: "docker/27"})
	}
}

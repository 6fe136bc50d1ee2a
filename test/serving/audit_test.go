package serving

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/test/server"
)

// auditRecord is what these tests read of a record; its whole shape is pinned
// where it is made.
type auditRecord struct {
	EventName         string
	EventSource       string
	ErrorCode         string
	RequestParameters map[string]any
	UserIdentity      struct{ Type, ARN, AccessKeyID string }
	SourceIPAddress   string
	ReadOnly          bool
	AdditionalData    struct {
		Status    int
		Decisions []struct {
			Action  string
			Allowed bool
		}
	} `json:"additionalEventData"`
}

func readAudit(t *testing.T, path string) (records []auditRecord, raw string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		var r auditRecord
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		records = append(records, r)
	}
	return records, string(content)
}

// find answers the record of an event, and fails unless there is one.
func find(t *testing.T, records []auditRecord, event string, status int) auditRecord {
	t.Helper()
	for _, r := range records {
		if r.EventName == event && r.AdditionalData.Status == status {
			return r
		}
	}
	t.Fatalf("no record of %s with status %d in %+v", event, status, records)
	return auditRecord{}
}

func TestEveryCallLeavesARecord(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "web")
	_, err := s.ECR().DescribeRepositories(t.Context(), &ecr.DescribeRepositoriesInput{RepositoryNames: []string{"missing"}})
	if err == nil {
		t.Fatal("there is a repository that nobody made")
	}
	password := s.Password(t)
	client := s.Client(t)
	blob := []byte("content that no log needs")
	if response, body := do(t, client, http.MethodPost, s.URL+"/v2/web/blobs/uploads/?digest="+digestOf(blob), bytes.NewReader(blob)); response.StatusCode != http.StatusCreated {
		t.Fatalf("push: %s %s", response.Status, body)
	}
	do(t, client, http.MethodGet, s.URL+"/v2/web/manifests/none", nil)
	do(t, http.DefaultClient, http.MethodGet, s.URL+"/v2/web/manifests/none", nil)
	do(t, http.DefaultClient, http.MethodGet, s.URL+"/healthz", nil)
	s.Stop(t)

	records, raw := readAudit(t, filepath.Join(s.Data, "audit", "audit.jsonl"))
	created := find(t, records, "CreateRepository", http.StatusOK)
	if created.EventSource != "ecr.amazonaws.com" || created.RequestParameters["repositoryName"] != "web" || created.UserIdentity.Type != "Root" ||
		created.UserIdentity.AccessKeyID != s.Credentials.AccessKeyID || created.SourceIPAddress != "127.0.0.1" || created.ReadOnly {
		t.Errorf("the creation is recorded as %+v", created)
	}
	if d := created.AdditionalData.Decisions; len(d) == 0 || d[0].Action != "ecr:CreateRepository" || !d[0].Allowed {
		t.Errorf("decisions about the creation: %+v", d)
	}
	if r := find(t, records, "DescribeRepositories", http.StatusBadRequest); r.ErrorCode != "RepositoryNotFoundException" || !r.ReadOnly {
		t.Errorf("a failed call is recorded as %+v", r)
	}
	if r := find(t, records, "CompleteLayerUpload", http.StatusCreated); r.RequestParameters["layerDigest"] != digestOf(blob) {
		t.Errorf("the push is recorded as %+v", r)
	}
	if r := find(t, records, "BatchGetImage", http.StatusNotFound); r.ErrorCode != "MANIFEST_UNKNOWN" || r.RequestParameters["imageTag"] != "none" {
		t.Errorf("the pull is recorded as %+v", r)
	}
	anonymous := 0
	for _, r := range records {
		if r.AdditionalData.Status == http.StatusUnauthorized && r.UserIdentity.Type == "Unknown" && r.ErrorCode == "UNAUTHORIZED" {
			anonymous++
		}
	}
	if anonymous != 1 {
		t.Errorf("%d records of the caller without credentials, want 1", anonymous)
	}
	for _, secret := range []string{s.Credentials.SecretAccessKey, password, "content that no log needs", "/healthz"} {
		if strings.Contains(raw, secret) {
			t.Errorf("the audit log holds %q", secret)
		}
	}
}

func TestAuditFilesAreRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail", "audit.jsonl")
	s := server.Start(t, server.Options{Args: []string{"--audit-log", path, "--audit-max-size", "1", "--audit-keep", "1"}})
	client := s.ECR()
	// Policies of 10 KB make records of their size.
	text := `{"Version":"2012-10-17","Statement":[{` + strings.Repeat(" ", 9<<10) + `"Effect":"Allow","Principal":"*","Action":"ecr:ReplicateImage","Resource":"*"}]}`
	for range 250 {
		if _, err := client.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: aws.String(text)}); err != nil {
			t.Fatal(err)
		}
	}
	s.Stop(t)
	records, _ := readAudit(t, path)
	if len(records) == 0 || len(records) >= 250 {
		t.Errorf("the newest file holds %d of 250 records", len(records))
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 2 {
		t.Errorf("there is no older file: %v", entries)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

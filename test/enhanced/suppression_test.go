package enhanced

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	inspector "github.com/aws/aws-sdk-go-v2/service/inspector2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	ggcr "github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/ecru-registry/ecru/test/server"
)

// command injection in lodash, which the application holds.
const injection = "CVE-2021-23337"

// openVEX says that the application is not affected by it.
const openVEX = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex-1","author":"Web team","timestamp":"2026-01-02T03:04:05Z","version":1,
"statements":[{"vulnerability":{"name":"` + injection + `"},"status":"not_affected","justification":"vulnerable_code_not_in_execute_path","impact_statement":"Templates are fixed.","products":[{"@id":"pkg:npm/lodash@4.17.20"}]}]}`

const csafVEX = `{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"Web team"},"tracking":{"id":"VEX-7","version":"1","current_release_date":"2026-01-02T03:04:05Z"}},
"product_tree":{"full_product_names":[{"product_id":"L","name":"lodash","product_identification_helper":{"purl":"pkg:npm/lodash"}}]},
"vulnerabilities":[{"cve":"` + injection + `","product_status":{"known_not_affected":["L"]},"flags":[{"label":"vulnerable_code_not_in_execute_path","product_ids":["L"]}]}]}`

const cycloneVEX = `{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,
"metadata":{"timestamp":"2026-01-02T03:04:05Z","authors":[{"name":"Web team"}]},"components":[{"type":"library","bom-ref":"l","name":"lodash","purl":"pkg:npm/lodash@4.17.20"}],
"vulnerabilities":[{"id":"` + injection + `","analysis":{"state":"not_affected","justification":"code_not_reachable"},"affects":[{"ref":"l"}]}]}`

// file writes a document and answers where.
func (h *house) file(text string) string {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "document.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// said runs a command that answers an id in parentheses at the end.
func (h *house) said(args ...string) string {
	h.t.Helper()
	out := h.Run(h.t, append(args, "--data", h.Data)...)
	_, id, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(out), ")."), "(")
	if id == "" {
		h.t.Fatalf("%v answered %s", args, out)
	}
	return id
}

// awaitFinding waits until the finding has a status, in both APIs, and is counted
// only if it counts.
func (h *house) awaitFinding(tag, status string) {
	h.t.Helper()
	h.await(tag+" "+status, func() (string, bool) {
		out, all, err := h.describe("continuous", tag)
		if err != nil {
			h.t.Fatal(err)
		}
		counted := 0
		for _, f := range all {
			if aws.ToString(f.Status) == "ACTIVE" {
				counted++
			}
		}
		var told int32
		for _, n := range out.ImageScanFindings.FindingSeverityCounts {
			told += n
		}
		return fmt.Sprintf("%v are suppressed, and %d counted of %d", ids(all, "SUPPRESSED"), told, counted), slices.Contains(ids(all, status), injection) && int(told) == counted
	})
	for _, f := range h.listed(&inspector.FilterCriteria{VulnerabilityId: equals(injection), EcrImageTags: equals(tag), EcrImageRepositoryName: equals("continuous")}) {
		if string(f.Status) != status {
			h.t.Errorf("ListFindings says %s, want %s", f.Status, status)
		}
	}
}

// beside pushes a document as a referrer, as oras attach does, and answers what
// takes it away.
func (h *house) beside(repository string, subject v1.Image, artifactType, text string) (remove func()) {
	h.t.Helper()
	digest, err := subject.Digest()
	if err != nil {
		h.t.Fatal(err)
	}
	artifact, err := mutate.AppendLayers(mutate.MediaType(empty.Image, ggcr.OCIManifestSchema1), static.NewLayer([]byte(text), ggcr.MediaType(artifactType)))
	if err != nil {
		h.t.Fatal(err)
	}
	artifact = mutate.ConfigMediaType(artifact, ggcr.MediaType(artifactType))
	artifact = mutate.Subject(artifact, v1.Descriptor{MediaType: ggcr.OCIManifestSchema1, Digest: digest, Size: 1}).(v1.Image)
	own, err := artifact.Digest()
	if err != nil {
		h.t.Fatal(err)
	}
	ref, err := name.NewDigest(h.Host+"/"+repository+"@"+own.String(), name.Insecure)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := remote.Write(ref, artifact, h.auth); err != nil {
		h.t.Fatal(err)
	}
	return func() {
		h.t.Helper()
		out, err := h.api.BatchDeleteImage(h.t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: &repository, ImageIds: []types.ImageIdentifier{{ImageDigest: aws.String(own.String())}}})
		if err != nil || len(out.Failures) > 0 {
			h.t.Fatal(err, out)
		}
	}
}

// TestWhatIsSaidOfFindingsSuppressesThemAsLongAsItIsSaid: by whichever way.
func TestWhatIsSaidOfFindingsSuppressesThemAsLongAsItIsSaid(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		h := open(t, database)
		image := h.application("one")
		digest := h.push("continuous", "app", image)
		h.push("push", "app", image)
		h.awaitStatus("continuous", "app", types.ScanStatusActive)
		h.awaitStatus("push", "app", types.ScanStatusComplete)
		h.awaitFinding("app", "ACTIVE")
		vex := func(text string, flags ...string) func() {
			id := h.said(append([]string{"vex", "add", h.file(text)}, flags...)...)
			return func() { h.Run(t, "vex", "remove", id, "--data", h.Data) }
		}
		ways := []struct {
			name, kind, statement string
			say                   func() (takeBack func())
		}{
			{"filter", "FILTER", "", func() func() {
				out, err := h.inspector.CreateFilter(t.Context(), &inspector2.CreateFilterInput{
					Name: aws.String("lodash"), Action: inspector.FilterActionSuppress, Reason: aws.String("Templates are fixed."),
					FilterCriteria: &inspector.FilterCriteria{VulnerabilityId: equals(injection), FindingStatus: equals("ACTIVE")},
				})
				if err != nil {
					t.Fatal(err)
				}
				return func() {
					if _, err := h.inspector.DeleteFilter(t.Context(), &inspector2.DeleteFilterInput{Arn: out.Arn}); err != nil {
						t.Fatal(err)
					}
				}
			}},
			{"decision", "DECISION", "", func() func() {
				id := h.said("suppress", "add", injection, "--reason", "Templates are fixed.", "--package", "lodash", "--repository", "contin*")
				return func() { h.Run(t, "suppress", "remove", id, "--data", h.Data) }
			}},
			{"OpenVEX", "VEX", "not_affected: vulnerable_code_not_in_execute_path", func() func() { return vex(openVEX) }},
			{"CSAF", "VEX", "not_affected: vulnerable_code_not_in_execute_path", func() func() { return vex(csafVEX, "--repository", "continuous") }},
			{"CycloneDX", "VEX", "not_affected: code_not_reachable", func() func() { return vex(cycloneVEX, "--repository", "continuous", "--image", digest) }},
			{"referrer", "VEX", "not_affected: vulnerable_code_not_in_execute_path", func() func() {
				return h.beside("continuous", image, "application/vnd.openvex+json", openVEX)
			}},
		}
		for _, way := range ways {
			takeBack := way.say()
			h.awaitFinding("app", "SUPPRESSED")
			got := h.explain("app")
			if got.FindingStatus != "SUPPRESSED" || got.Suppression.Kind != way.kind || got.Suppression.Statement != way.statement || got.Suppression.ID == "" {
				t.Errorf("%s: explained as %+v", way.name, got)
			}
			if way.kind != "VEX" && (got.Suppression.Reason != "Templates are fixed." || got.Suppression.Author != "arn:aws:iam::000000000000:root") {
				t.Errorf("%s: reason and author are %+v", way.name, got.Suppression)
			}
			if way.kind == "VEX" && got.Suppression.Author != "Web team" {
				t.Errorf("%s: author is %+v", way.name, got.Suppression)
			}
			takeBack()
			h.awaitFinding("app", "ACTIVE")
		}
		var states []string
		for _, e := range h.events("Inspector2 Finding") {
			if e.Detail.Details.ID == injection && strings.HasSuffix(e.Resources[0], "repository/continuous/"+digest) {
				states = append(states, e.Detail.Status)
			}
		}
		states = states[max(0, len(states)-2*len(ways)):]
		if want := slices.Repeat([]string{"SUPPRESSED", "ACTIVE"}, len(ways)); !slices.Equal(states, want) {
			t.Errorf("told %v, want %v", states, want)
		}
	})
}

// explanation is what our own API says of a finding.
type explanation struct {
	FindingStatus string
	Suppression   struct {
		Kind, ID, Author, AddedBy, Reason, Statement string
		ExpiryDate                                   float64
	}
}

func (h *house) explain(tag string) explanation {
	h.t.Helper()
	var out struct{ Explanations []explanation }
	status, body := h.call(h.Credentials.AccessKeyID, h.Credentials.SecretAccessKey, "ExplainFinding", map[string]any{"repositoryName": "continuous", "imageTag": tag, "vulnerability": injection})
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK || len(out.Explanations) != 1 {
		h.t.Fatalf("ExplainFinding answers %d: %s", status, body)
	}
	return out.Explanations[0]
}

// call sends an operation of ecru's own API.
func (h *house) call(id, secret, operation string, in map[string]any) (int, []byte) {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.URL+"/", bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Ecru_V1."+operation)
	sum := sha256.Sum256(body)
	signer := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(h.t.Context(), signer, r, hex.EncodeToString(sum[:]), "ecru", h.Credentials.Region, time.Now()); err != nil {
		h.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.StatusCode, content
}

// TestADecisionEndsByItself: nobody has to do anything, and a restart in between
// changes nothing.
func TestADecisionEndsByItself(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		h := open(t, database)
		h.push("continuous", "app", h.application("one"))
		h.awaitStatus("continuous", "app", types.ScanStatusActive)
		ends := time.Now().Add(2 * time.Second)
		h.said("suppress", "add", injection, "--reason", "Until the release.", "--expires", "2s")
		h.await("the finding to be suppressed, or the time to be over", func() (string, bool) {
			_, all, err := h.describe("continuous", "app")
			if err != nil {
				t.Fatal(err)
			}
			return "", slices.Contains(ids(all, "SUPPRESSED"), injection) || time.Now().After(ends)
		})
		h.awaitFinding("app", "ACTIVE")
		if early := time.Until(ends); early > 200*time.Millisecond {
			t.Errorf("it came back %v early", early)
		}

		h.said("vex", "add", h.file(openVEX), "--expires", "3s")
		h.awaitFinding("app", "SUPPRESSED")
		h.Kill(t)
		h.Restart(t)
		h.awaitFinding("app", "ACTIVE")
	})
}

// TestBasicFindingsSayWhyTheyDoNotCount: they stay in the snapshot and its counts.
func TestBasicFindingsSayWhyTheyDoNotCount(t *testing.T) {
	h := open(t, "")
	h.basic()
	h.push("continuous", "app", h.application("one"))
	id := &types.ImageIdentifier{ImageTag: aws.String("app")}
	if _, err := h.api.StartImageScan(t.Context(), &ecr.StartImageScanInput{RepositoryName: aws.String("continuous"), ImageId: id}); err != nil {
		t.Fatal(err)
	}
	attributes := func(vulnerability string) (map[string]string, map[string]int32) {
		var found map[string]string
		var counts map[string]int32
		h.await("the basic scan", func() (string, bool) {
			out, err := h.api.DescribeImageScanFindings(t.Context(), &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("continuous"), ImageId: id, MaxResults: aws.Int32(1000)})
			if err != nil {
				t.Fatal(err)
			}
			if out.ImageScanFindings == nil {
				return string(out.ImageScanStatus.Status), false
			}
			counts = out.ImageScanFindings.FindingSeverityCounts
			for _, f := range out.ImageScanFindings.Findings {
				if *f.Name == vulnerability {
					found = map[string]string{}
					for _, a := range f.Attributes {
						found[*a.Key] = *a.Value
					}
				}
			}
			return string(out.ImageScanStatus.Status), out.ImageScanStatus.Status == types.ScanStatusComplete
		})
		return found, counts
	}
	const openssl, other = "CVE-2024-9143", "CVE-2024-13176"
	before, counts := attributes(openssl)
	if before == nil || before["suppressed_by"] != "" {
		t.Fatalf("attributes before: %v", before)
	}
	decision := h.said("suppress", "add", openssl, "--reason", "Not built in.", "--package", "openssl", "--expires", "30d")
	document := h.said("vex", "add", h.file(strings.NewReplacer(injection, other, "pkg:npm/lodash@4.17.20", `pkg:apk/alpine/libcrypto3"},{"@id":"pkg:apk/alpine/libssl3`).Replace(openVEX)))
	after, counted := attributes(openssl)
	if after["suppressed_by"] != "DECISION "+decision || after["suppression_reason"] != "Not built in." || after["suppression_author"] != "arn:aws:iam::000000000000:root" || after["suppression_expires"] == "" {
		t.Errorf("attributes of the decision: %v", after)
	}
	if len(counts) == 0 || fmt.Sprint(counts) != fmt.Sprint(counted) {
		t.Errorf("counts were %v and are %v", counts, counted)
	}
	said, _ := attributes(other)
	if said["suppressed_by"] != "VEX "+document || said["suppression_author"] != "Web team" || said["suppression_added_by"] != "arn:aws:iam::000000000000:root" ||
		said["suppression_statement"] != "not_affected: vulnerable_code_not_in_execute_path" || said["suppression_expires"] != "" {
		t.Errorf("attributes of the statement: %v", said)
	}
	h.Run(t, "suppress", "remove", decision, "--data", h.Data)
	if again, _ := attributes(openssl); again["suppressed_by"] != "" {
		t.Errorf("attributes after it was taken back: %v", again)
	}
}

// TestNobodyElseSuppressesFindings: neither another account, nor who may only push,
// nor who may push elsewhere.
func TestNobodyElseSuppressesFindings(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		h := open(t, database)
		image := h.application("one")
		h.push("continuous", "app", image)
		h.awaitStatus("continuous", "app", types.ScanStatusActive)

		// A referrer of the same digest in another repository.
		h.beside("manual", image, "application/vnd.openvex+json", openVEX)

		// Another account says the same of its own registry, and cannot here.
		h.Run(t, "account", "create", "111122223333", "--data", h.Data)
		stranger := h.key("111122223333", "stranger", "--policy-file", h.file(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
		pusher := h.key("000000000000", "pusher", "AmazonEC2ContainerRegistryPowerUser")
		decision := map[string]any{"vulnerability": injection, "reason": "why"}
		document := map[string]any{"document": openVEX}
		here := func(in map[string]any) map[string]any {
			out := map[string]any{"accountId": "000000000000"}
			for k, v := range in {
				out[k] = v
			}
			return out
		}
		own := h.said("suppress", "add", "CVE-1999-0001", "--reason", "secret reason")
		for _, c := range []struct {
			who       credential
			operation string
			in        map[string]any
			want      int
		}{
			{stranger, "CreateSuppression", decision, http.StatusOK},
			{stranger, "AddVexDocument", document, http.StatusOK},
			{stranger, "CreateSuppression", here(decision), http.StatusBadRequest},
			{stranger, "AddVexDocument", here(document), http.StatusBadRequest},
			{stranger, "DeleteSuppression", map[string]any{"accountId": "000000000000", "suppressionId": own}, http.StatusBadRequest},
			{stranger, "DeleteSuppression", map[string]any{"suppressionId": own}, http.StatusBadRequest},
			{stranger, "ListSuppressions", map[string]any{}, http.StatusOK},
			{stranger, "ListSuppressions", here(nil), http.StatusBadRequest},
			{stranger, "ListVexDocuments", here(nil), http.StatusBadRequest},
			{stranger, "ExplainFinding", here(map[string]any{"repositoryName": "continuous", "imageTag": "app", "vulnerability": injection}), http.StatusBadRequest},
			{pusher, "CreateSuppression", decision, http.StatusBadRequest},
			{pusher, "AddVexDocument", document, http.StatusBadRequest},
			{pusher, "ListSuppressions", map[string]any{}, http.StatusBadRequest},
			{pusher, "DeleteSuppression", map[string]any{"suppressionId": own}, http.StatusBadRequest},
		} {
			status, body := h.call(c.who.AccessKeyID, c.who.SecretAccessKey, c.operation, c.in)
			if status != c.want || bytes.Contains(body, []byte("secret reason")) {
				t.Errorf("%s %v answers %d, want %d: %s", c.operation, c.in, status, c.want, body)
			}
		}
		api := inspector2.New(inspector2.Options{BaseEndpoint: &h.URL, Region: h.Credentials.Region, Credentials: credentials.NewStaticCredentialsProvider(pusher.AccessKeyID, pusher.SecretAccessKey, "")})
		_, err := api.CreateFilter(t.Context(), &inspector2.CreateFilterInput{Name: aws.String("all"), Action: inspector.FilterActionSuppress, FilterCriteria: &inspector.FilterCriteria{VulnerabilityId: equals(injection)}})
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != "AccessDeniedException" {
			t.Errorf("CreateFilter by who may only push: %v", err)
		}

		// What was allowed to be said has been heard by now: a decision of our own,
		// about something else, is.
		h.said("suppress", "add", "CVE-2023-32681", "--reason", "heard")
		h.await("what was said", func() (string, bool) {
			_, all, err := h.describe("continuous", "app")
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(ids(all, "SUPPRESSED")), slices.Equal(ids(all, "SUPPRESSED"), []string{"CVE-2023-32681"})
		})
	})
}

type credential struct{ AccessKeyID, SecretAccessKey string }

// key makes a user and a key of it.
func (h *house) key(account, user string, policies ...string) credential {
	h.t.Helper()
	h.Run(h.t, append([]string{"user", "create", user, "--account", account, "--data", h.Data}, policies...)...)
	var c credential
	printed := h.Run(h.t, "key", "create", user, "--account", account, "--format", "json", "--data", h.Data)
	if err := json.Unmarshal([]byte(printed), &c); err != nil {
		h.t.Fatal(err)
	}
	return c
}

package event_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/registry"
)

// reference is the envelope as encoding/json writes it.
type reference struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func FuzzEncodeAgreesWithTheStandardEncoder(f *testing.F) {
	f.Add("my-repository-name", "latest", "aws.ecr", "arn:aws:ecr:us-east-1:123456789012:repository/a")
	f.Add("\"quotes\\", "<html>&", "\x00\x1f\x7f", "\xff\xfe ")
	f.Add("ünï", "\n\r\t\b\f", "  ", "")
	f.Fuzz(func(t *testing.T, repository, tag, source, resource string) {
		e := event.ImagePushed(pushed(), event.Image{Repository: repository, Digest: resource, MediaType: source, ArtifactType: tag}, tag)
		detail := struct {
			Result       string `json:"result"`
			Repository   string `json:"repository-name"`
			Digest       string `json:"image-digest"`
			Action       string `json:"action-type"`
			Tag          string `json:"image-tag,omitempty"`
			MediaType    string `json:"manifest-media-type,omitempty"`
			ArtifactType string `json:"artifact-media-type,omitempty"`
		}{"SUCCESS", repository, resource, "PUSH", tag, source, tag}
		if diff := cmp.Diff(marshalled(t, detail), string(e.Detail)); diff != "" {
			t.Errorf("detail (-encoding/json +got):\n%s", diff)
		}
		e.Source, e.DetailType, e.Resources = source, tag, []string{resource, repository}
		want := marshalled(t, reference{"0", e.ID, tag, source, e.Account, "2019-11-16T01:54:34Z", e.Region, e.Resources, e.Detail})
		got := e.Encode()
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-encoding/json +got):\n%s", diff)
		}
		back, err := event.Decode(got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decoded(t, got), decoded(t, back.Encode())); diff != "" {
			t.Errorf("read and written again (-before +after):\n%s", diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range shapes() {
		f.Add(s.got)
	}
	f.Add([]byte(`{"detail":{}}`))
	f.Add([]byte(`{"time":"2019-11-16T01:54:34.5+02:00","resources":null,"detail": {"a" : 1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := event.Decode(body)
		if err != nil {
			return
		}
		written := e.Encode()
		again, err := event.Decode(written)
		if err != nil {
			t.Fatalf("%v of what was written: %s", err, written)
		}
		if diff := cmp.Diff(decoded(t, written), decoded(t, again.Encode())); diff != "" {
			t.Errorf("not stable (-before +after):\n%s", diff)
		}
	})
}

func TestDecodeReadsWhatEncodeWrites(t *testing.T) {
	o := pushed()
	want := event.ScanEnded(o, event.ScanResult{Repository: "a", Digest: digest, Status: event.ScanComplete})
	got, err := event.Decode(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeRefusesWhatIsNoEvent(t *testing.T) {
	for _, body := range []string{
		"", "null", "[]", `"a"`, "{}", `{"detail":null}`, `{"detail":[]}`, `{"detail":"{}"}`, `{"detail":{}`, `{"detail":{},"time":"yesterday"}`,
		`{"detail":{},"id":1}`, `{"detail":{},"resources":"a"}`, `{"detail":{}}{}`,
	} {
		if e, err := event.Decode([]byte(body)); err == nil {
			t.Errorf("%s became %+v", body, e)
		}
	}
}

func TestTheLargestScanResourceChangeFitsIntoAnEvent(t *testing.T) {
	changes := make([]event.FrequencyChange, event.MaxFrequencyChanges)
	for i := range changes {
		changes[i] = event.FrequencyChange{Repository: strings.Repeat("a", 256), Frequency: registry.ScanContinuous, Previous: registry.ScanContinuous}
	}
	if n := len(event.ScanFrequencyChanged(pushed(), changes).Encode()); n > 256<<10 {
		t.Errorf("%d bytes", n)
	}
}

// TestTheLargestFindingFitsIntoAnEvent: paths, tags and advisories are not ours.
func TestTheLargestFindingFitsIntoAnEvent(t *testing.T) {
	long := strings.Repeat("\x01", 4096)
	f := event.Finding{Description: strings.Repeat(long, 100), Title: "CVE-2024-1", Image: event.FoundIn{Repository: "web", Digest: digest}}
	for range 250 {
		f.Vulnerability.Packages = append(f.Vulnerability.Packages, event.VulnerablePackage{Name: "lodash", FilePath: long})
		f.Vulnerability.ReferenceURLs = append(f.Vulnerability.ReferenceURLs, long)
		f.Vulnerability.Related = append(f.Vulnerability.Related, long)
		f.Image.Tags = append(f.Image.Tags, long)
	}
	body := event.InspectorFound(pushed(), f).Encode()
	if len(body) > 256<<10 {
		t.Errorf("%d bytes", len(body))
	}
	e, err := event.Decode(body)
	if err != nil || !strings.Contains(string(e.Detail), `"title":"CVE-2024-1"`) || !strings.Contains(string(e.Detail), "lodash") {
		t.Errorf("%v: the finding is not in its event", err)
	}
}

func BenchmarkImagePushed(b *testing.B) {
	o := pushed()
	o.ID = ""
	i := event.Image{
		Repository: "team/my-repository-name", Digest: digest,
		MediaType: "application/vnd.oci.image.manifest.v1+json", ArtifactType: "application/vnd.oci.image.config.v1+json",
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(event.ImagePushed(o, i, "1.2.3").Encode()) == 0 {
			b.Fatal("nothing")
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	body := event.ImagePushed(pushed(), event.Image{Repository: "a", Digest: digest}, "latest").Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func cloudSample() event.Event {
	return event.ImagePushed(pushed(), event.Image{Repository: "team/web", Digest: digest}, "latest")
}

func TestAnEventBecomesACloudEvent(t *testing.T) {
	e := cloudSample()
	got, err := event.CloudEvent(e.Encode(), e)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "cloudevent", got)
}

func TestTheDataOfACloudEventIsWhatTheTargetGets(t *testing.T) {
	e := cloudSample()
	for body, want := range map[string][2]any{
		`{"a":[1]}`:         {"application/json", map[string]any{"a": []any{1.0}}},
		`"text"`:            {"application/json", "text"},
		"\"two\"\n\"ones\"": {"text/plain", "\"two\"\n\"ones\""},
		"":                  {"text/plain", ""},
	} {
		made, err := event.CloudEvent([]byte(body), e)
		if err != nil {
			t.Fatal(err)
		}
		got := decoded(t, made).(map[string]any)
		if got["datacontenttype"] != want[0] || !cmp.Equal(got["data"], want[1]) {
			t.Errorf("%q became %s", body, made)
		}
		if event.CloudDataType([]byte(body)) != want[0] {
			t.Errorf("%q is %s", body, event.CloudDataType([]byte(body)))
		}
	}
}

func TestAttributesOfACloudEvent(t *testing.T) {
	const id, when = pushID, "2019-11-16T01:54:34Z"
	o := pushed()
	scan := event.InspectorScanned(o, event.InspectorResult{Repository: "team/web", Digest: digest})
	coverage := event.InspectorCovered(o, event.Coverage{Repository: "team/web", Digest: digest})
	own := event.Event{ID: id, Source: "com.example/app 1", DetailType: "order  placed", Time: time.Time(moment(when)), Detail: json.RawMessage(`[]`)}
	for _, c := range []struct {
		e       event.Event
		source  string
		kind    string
		subject string
	}{
		{cloudSample(), "urn:aws:ecr:us-west-2:123456789012", "com.amazonaws.ecr.ECRImageAction", "team/web@" + digest},
		{scan, "urn:aws:inspector2:us-west-2:123456789012", "com.amazonaws.inspector2.Inspector2Scan", "team/web@" + digest},
		{coverage, "urn:aws:inspector2:us-west-2:123456789012", "com.amazonaws.inspector2.Inspector2Coverage", "arn:aws:ecr:us-west-2:123456789012:repository/team/web/" + digest},
		{own, "com.example%2Fapp%201", "com.example/app 1.orderplaced", ""},
	} {
		want := map[string]string{"specversion": "1.0", "id": id, "source": c.source, "type": c.kind, "time": when}
		if c.subject != "" {
			want["subject"] = c.subject
		}
		if diff := cmp.Diff(want, event.CloudAttributes(c.e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.e.DetailType, diff)
		}
	}
}

func TestAttributesInHeadersArePercentEncoded(t *testing.T) {
	for value, want := range map[string]string{
		"plain:value/1@x": "plain:value/1@x", "a b": "a%20b", `"%`: "%22%25", "ü\r\n": "%C3%BC%0D%0A", "": "",
	} {
		if got := event.CloudHeader(value); got != want {
			t.Errorf("%q became %q", value, got)
		}
	}
}

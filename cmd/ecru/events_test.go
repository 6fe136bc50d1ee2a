package main

import (
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// eventually runs a command until its output matches:
// "eventually PATTERN COMMAND…".
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.Now().Add(time.Minute)
	for {
		err := ts.Exec(args[1], args[2:]...)
		output := ts.ReadFile("stdout")
		if err == nil && pattern.MatchString(output) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v never said %s, but %s (%v)", args[1:], args[0], output, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var idMember = regexp.MustCompile(`"id":(\d+)`)

// idIn puts the first id of a JSON text into a variable: "idin FILE VARIABLE".
func idIn(ts *testscript.TestScript, _ bool, args []string) {
	found := idMember.FindStringSubmatch(ts.ReadFile(args[0]))
	if found == nil {
		ts.Fatalf("%s holds no id", args[0])
	}
	ts.Setenv(args[1], found[1])
}

func TestEventsAreWordedForPeople(t *testing.T) {
	const digest = `"image-digest":"sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234efgh"`
	for name, c := range map[string]struct{ event, line, subject string }{
		"a push": {
			`{"detail-type":"ECR Image Action","source":"aws.ecr","time":"2026-01-02T03:04:05Z","resources":[],"detail":{"result":"SUCCESS","repository-name":"web",` + digest + `,"action-type":"PUSH","image-tag":"1.0"}}`,
			"2026-01-02T03:04:05Z  ECR Image Action    web:1.0@sha256:7f5b2640fe6f  PUSH SUCCESS", "ECR Image Action web:1.0@sha256:7f5b2640fe6f",
		},
		"an untagged image that is archived": {
			`{"detail-type":"ECR Referrer Action","time":"T","detail":{"action-type":"UPDATE_STORAGE_CLASS","target-storage-class":"ARCHIVE",` + digest + `,"repository-name":"sbom","result":"SUCCESS"}}`,
			"T  ECR Referrer Action  sbom@sha256:7f5b2640fe6f  UPDATE_STORAGE_CLASS ARCHIVE SUCCESS", "ECR Referrer Action sbom@sha256:7f5b2640fe6f",
		},
		"a scan": {
			`{"detail-type":"ECR Image Scan","time":"T","resources":["arn"],"detail":{"scan-status":"COMPLETE","repository-name":"web","finding-severity-counts":{"MEDIUM":9,"CRITICAL":10},` + digest + `,"image-tags":["a","b"]}}`,
			"T  ECR Image Scan      web:a,b@sha256:7f5b2640fe6f  COMPLETE CRITICAL=10 MEDIUM=9", "ECR Image Scan web:a,b@sha256:7f5b2640fe6f",
		},
		"a scan of Inspector": {
			`{"detail-type":"Inspector2 Scan","time":"T","detail":{"scan-status":"INITIAL_SCAN_COMPLETE","repository-name":"arn:aws:ecr:us-east-2:123456789012:repository/amazon/sample","image-tags":[]}}`,
			"T  Inspector2 Scan     amazon/sample  INITIAL_SCAN_COMPLETE", "Inspector2 Scan amazon/sample",
		},
		"a finding": {
			`{"detail-type":"Inspector2 Finding","time":"T","resources":["arn:x/sha256:1"],"detail":{"severity":"MEDIUM","status":"ACTIVE","title":"CVE-2019-17498 - libssh2"}}`,
			"T  Inspector2 Finding  arn:x/sha256:1  ACTIVE MEDIUM CVE-2019-17498 - libssh2", "Inspector2 Finding arn:x/sha256:1",
		},
		"something else": {
			`{"detail-type":"deploy","source":"ci","time":"T","detail":{"repository-name":7,"image-tags":"x","finding-severity-counts":[]}}`,
			"T  deploy              ci", "deploy ci",
		},
		"an attack on the terminal": {
			`{"detail-type":"\u001b[2J\r\n","source":"c\u0007i\u202e","time":"T","detail":{}}`,
			"T  \ufffd[2J\ufffd\ufffd              c\ufffdi\ufffd", "\ufffd[2J\ufffd\ufffd c\ufffdi\ufffd",
		},
		"no JSON": {"{\x1b", "{\ufffd", "-"},
		"a list":  {"[1]", "[1]", "-"},
	} {
		if got := eventLine(c.event); got != c.line {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.line)
		}
		if got := eventSubject(c.event); got != c.subject {
			t.Errorf("%s: %q, want %q", name, got, c.subject)
		}
	}
}

func TestMomentsAreTimesOrHowLongAgo(t *testing.T) {
	var m moment
	if err := m.UnmarshalText([]byte("2026-01-02T03:04:05+01:00")); err != nil || m.Unix() != 1767319445 {
		t.Errorf("%v, %v", m, err)
	}
	if err := m.UnmarshalText([]byte("90m")); err != nil || time.Since(m.Time).Round(time.Minute) != 90*time.Minute {
		t.Errorf("%v, %v", m, err)
	}
	for _, text := range []string{"", "soon", "-5m", "2026-01-02", "10"} {
		if err := m.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %v", text, m)
		}
	}
}

func TestJSONIsPutOnOneLine(t *testing.T) {
	for given, want := range map[string]string{"{\n \"a\" : 1\n}": `{"a":1}`, "broken\n": `"broken\n"`} {
		if got := string(onOneLine(given)); got != want {
			t.Errorf("%q becomes %s, want %s", given, got, want)
		}
	}
}

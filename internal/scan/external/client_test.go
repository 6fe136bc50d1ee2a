package external_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/external"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

func TestAnAdapterSaysWhatItCanDo(t *testing.T) {
	a := plainAdapter(t)
	for _, base := range []string{a.URL, a.URL + "/", a.URL + "/api/v1", a.URL + "/api/v1/"} {
		m, err := client().Metadata(t.Context(), external.Endpoint{URL: base, Auth: external.NoAuth})
		if err != nil || m.Scanner != (external.Identity{Name: "Trivial", Vendor: "Nobody", Version: "0.1"}) {
			t.Errorf("%s: %+v, %v", base, m, err)
		}
	}
}

func TestWaysToProveOneself(t *testing.T) {
	for _, way := range []struct {
		auth                      external.Auth
		credential, header, value string
	}{
		{external.Basic, "us:se:cret", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("us:se:cret"))},
		{external.Bearer, "token-of-mine", "Authorization", "Bearer token-of-mine"},
		{external.APIKey, "key-of-mine", "X-ScannerAdapter-API-Key", "key-of-mine"},
	} {
		a := plainAdapter(t)
		a.header, a.value = way.header, way.value
		e := external.Endpoint{URL: a.URL, Auth: way.auth, Credential: way.credential}
		if _, err := client().Metadata(t.Context(), e); err != nil {
			t.Errorf("%s: %v", way.auth, err)
		}
		e.Credential += "x"
		wantFault(t, metadata(e), "who are you?", false)
	}
}

func metadata(e external.Endpoint) error {
	_, err := client().Metadata(context.Background(), e)
	return err
}

func wantFault(t *testing.T, err error, text string, temporary bool) {
	t.Helper()
	var fault *external.AdapterError
	if !errors.As(err, &fault) || !strings.Contains(fault.Message, text) || fault.Temporary != temporary {
		t.Errorf("got %#v, want a fault that says %q (temporary: %v)", err, text, temporary)
	}
}

func TestWhoVouchesForAnAdapter(t *testing.T) {
	a := newAdapter(t, httptest.NewTLSServer)
	a.Config.ErrorLog = nil
	e := a.endpoint()
	wantFault(t, metadata(e), "certificate", true)
	e.SkipVerify = true
	if err := metadata(e); err != nil {
		t.Errorf("where nobody needs to vouch: %v", err)
	}
	e.SkipVerify = false
	e.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}))
	if err := metadata(e); err != nil {
		t.Errorf("with its own certificate: %v", err)
	}
}

func TestNobodyIsCalledWhoIsOffLimits(t *testing.T) {
	a := plainAdapter(t)
	c := client()
	c.Guard = outbound.New(outbound.Options{Deny: outbound.Default(false)})
	_, err := c.Metadata(t.Context(), a.endpoint())
	wantFault(t, err, "off limits", false)
	if len(a.asked) > 0 {
		t.Error("it was called")
	}
}

func TestEndpointsThatMakeNoSense(t *testing.T) {
	good := external.Endpoint{URL: "https://scanner.example/base", Auth: external.NoAuth}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for text, change := range map[string]func(*external.Endpoint){
		"http or https":   func(e *external.Endpoint) { e.URL = "ftp://scanner" },
		"one of http":     func(e *external.Endpoint) { e.URL = "scanner:8080" },
		"no user":         func(e *external.Endpoint) { e.URL = "http://a:b@scanner" },
		"no user, query":  func(e *external.Endpoint) { e.URL = "http://scanner?x=y" },
		"must be one of":  func(e *external.Endpoint) { e.Auth = "digest" },
		"goes with every": func(e *external.Endpoint) { e.Auth = external.Bearer },
		"but none":        func(e *external.Endpoint) { e.Credential = "x" },
		"printable":       func(e *external.Endpoint) { e.Auth, e.Credential = external.Bearer, "a\r\nHost: b" },
		"USER:PASSWORD":   func(e *external.Endpoint) { e.Auth, e.Credential = external.Basic, "alone" },
		"no certificate":  func(e *external.Endpoint) { e.CA = "nonsense" },
	} {
		e := good
		change(&e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want %q", e, err, text)
		}
	}
}

func TestMetadataThatAreOfNoUse(t *testing.T) {
	a := plainAdapter(t)
	for body, text := range map[string]string{
		`{`:      "makes no sense",
		`<html>`: "makes no sense",
		`{"scanner":{"name":"x"},"capabilities":[]}`:                                                                            "none of the reports",
		`{"scanner":{"name":"x"},"capabilities":[{"type":"sbom","produces_mime_types":["` + newReport + `"]}]}`:                 "none of the reports",
		`{"scanner":{"name":"x"},"capabilities":[{"produces_mime_types":["application/vnd.scanner.adapter.vuln.report.raw"]}]}`: "none of the reports",
		`{"capabilities":[{"produces_mime_types":["` + newReport + `"]}]}`:                                                      "do not name",
		`{"scanner":{"name":"` + strings.Repeat("x", 2<<20) + `"}}`:                                                             "longer than",
	} {
		a.metadata = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
		wantFault(t, metadata(a.endpoint()), text, false)
	}
}

func TestFindingsInOurWords(t *testing.T) {
	a := plainAdapter(t)
	findings, err := client().Report(t.Context(), a.endpoint(), "scan 1/x", newReport, digest)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%s %s %s %s>%s %s", f.Severity, f.ID, f.Package, f.InstalledVersion, f.FixedVersion, f.URI))
	}
	want := []string{
		"CRITICAL CVE-2024-0001 openssl 3.0.1>3.0.2 https://avd.example/1",
		"HIGH GHSA-aaaa left 1> https://osv.dev/vulnerability/GHSA-aaaa",
		"LOW CVE-2024-0003 zlib 1.2>1.3 https://avd.example/3",
		"INFORMATIONAL CVE-2024-0004 sh 1> https://nvd.nist.gov/vuln/detail/CVE-2024-0004",
		"INFORMATIONAL CVE-2024-0005 sh 1> https://nvd.nist.gov/vuln/detail/CVE-2024-0005",
		"UNDEFINED CVE-2024-0006 sh 1> https://nvd.nist.gov/vuln/detail/CVE-2024-0006",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	first := findings[0]
	if want := []match.CVSS{{Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Score: 9.8}}; !reflect.DeepEqual(first.CVSS, want) {
		t.Errorf("CVSS: %+v", first.CVSS)
	}
	told := match.Told{
		CWEs: []string{"CWE-787", "CWE-20"}, References: []string{"https://avd.example/1", "https://nvd.example/1"},
		Attributes: map[string]string{"CVSS.nvd.V3Score": "9.8", "CVSS.nvd.V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "status": "fixed"},
	}
	if first.Told == nil || !reflect.DeepEqual(*first.Told, told) {
		t.Errorf("told: %+v", first.Told)
	}
	if f := findings[1]; f.SeveritySource != "CVSS:3.0" || f.VendorSeverity != "Unknown" || f.CVSS[0].Score != 7.5 {
		t.Errorf("what has only a score: %+v", f)
	}
	if f := findings[5]; f.Severity != registry.Undefined || f.Told != nil {
		t.Errorf("what nobody has rated: %+v", f)
	}
}

func TestReportsThatAreNone(t *testing.T) {
	a := plainAdapter(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	secret := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
	for name, test := range map[string]struct {
		answer    http.HandlerFunc
		want      string
		temporary bool
	}{
		"its own words":    {text(500, `{"error":{"message":"boom\n  at line 1"}}`), "boom at line 1", false},
		"a credential":     {text(500, `{"error":{"message":"cannot pull with `+secret+` or Basic `+base64.StdEncoding.EncodeToString([]byte("AWS:"+secret))+`"}}`), "cannot pull with *** or Basic ***", false},
		"no words":         {text(500, "panic"), "status 500: panic", false},
		"nothing":          {text(501, ""), "status 501: nothing", false},
		"forgotten":        {text(404, ""), "status 404", false},
		"overload":         {text(429, "later"), "status 429", true},
		"proxy":            {text(502, "<html>"), "status 502", true},
		"moved":            {text(301, ""), "leads elsewhere (status 301)", false},
		"moved with POST":  {text(307, ""), "leads elsewhere (status 307)", false},
		"garbage":          {text(200, "\x00\x01\x02"), "makes no sense", false},
		"a page":           {text(200, "<html>"), "makes no sense", false},
		"a list":           {text(200, "[]"), "makes no sense", false},
		"an empty object":  {text(200, "{}"), "lists no vulnerabilities", false},
		"half of it":       {text(200, report[:300]), "reached: unexpected EOF", true},
		"another's":        {text(200, `{"artifact":{"digest":"sha256:ff"},"vulnerabilities":[]}`), "about another image", false},
		"numbers as names": {text(200, `{"vulnerabilities":[{"id":5}]}`), "makes no sense", false},
		"no id":            {text(200, `{"vulnerabilities":[{}]}`), "has no id", false},
		"an endless list":  {endless(`{"vulnerabilities":[`, `{"id":"CVE-2024-1","severity":"High"},`), "longer than 1048576 bytes", false},
		"an endless text":  {endless(`{"vulnerabilities":[{"id":"`, "x"), "longer than 1048576 bytes", false},
		"endless depth":    {endless(`{"x":`, "["), "makes no sense", false},
		"compressed zeros": {zeros, "longer than 1048576 bytes", false},
	} {
		a.report = test.answer
		_, err := client().Report(t.Context(), a.endpoint(), "scan 1/x", newReport, digest)
		t.Run(name, func(t *testing.T) { wantFault(t, err, test.want, test.temporary) })
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Error("the credential is in the error")
		}
	}
}

// endless answers ten gigabytes, unless the caller has had enough.
func endless(begin, again string) http.HandlerFunc {
	again = strings.Repeat(again, 1+(64<<10)/len(again))
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, begin)
		for n := 0; err == nil && n < 10<<30; n += len(again) {
			_, err = io.WriteString(w, again)
		}
	}
}

// zeros answers much as little: gzip of white space.
func zeros(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(bomb())
}

func TestAnEmptyReportIsOne(t *testing.T) {
	a := plainAdapter(t)
	for _, body := range []string{`{"vulnerabilities":[]}`, `{"vulnerabilities":null,"severity":"Unknown"}`} {
		a.report = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
		findings, err := client().Report(t.Context(), a.endpoint(), "scan 1/x", newReport, digest)
		if err != nil || len(findings) != 0 {
			t.Errorf("%s: %v, %v", body, findings, err)
		}
	}
}

func TestAnAdapterThatHangsIsGivenUp(t *testing.T) {
	a := plainAdapter(t)
	let := make(chan struct{})
	defer close(let)
	a.metadata = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-let:
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // ours is longer
	defer cancel()
	_, err := client().Metadata(ctx, a.endpoint())
	wantFault(t, err, "does not answer in time", true)
}

func FuzzReport(f *testing.F) {
	for _, seed := range []string{report, `{"vulnerabilities":[]}`, `{"vulnerabilities":[{"id":"x","vendor_attributes":{"a":{"b":{"c":{"d":1}}}},"preferred_cvss":{"score_v3":"9"}}]}`, `{"artifact":null,"vulnerabilities":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		findings, err := external.ReadReport(strings.NewReader(string(body)), 1<<20, digest)
		var fault *external.AdapterError
		if err != nil && len(findings) > 0 || errors.As(err, &fault) && fault.Message == "" {
			t.Fatalf("%v, %v", findings, err)
		}
		for _, one := range findings {
			if one.ID == "" || one.Severity == "" || !strings.HasPrefix(one.URI, "http") {
				t.Fatalf("%+v", one)
			}
		}
	})
}

package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/iam"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var signedAt = time.Date(2026, 11, 21, 20, 30, 0, 0, time.UTC)

type keys map[string]string

func (k keys) Secret(_ context.Context, id, token string) (string, iam.Principal, error) {
	if id == "AKIDBROKEN" {
		return "", iam.Principal{}, errors.New("the database is away")
	}
	if token == "ended" {
		return "", iam.Principal{}, iam.ErrTokenExpired
	}
	s, ok := k[id]
	if !ok || token != "" && token != "token" {
		return "", iam.Principal{}, iam.ErrUnknownKey
	}
	return s, iam.RootPrincipal("123456789012", id), nil
}

func verifier(now time.Time) *sigv4.Verifier {
	return sigv4.New(keys{keyID: secret}, sigv4.Options{Now: func() time.Time { return now }})
}

func request(method, target, body string) *http.Request {
	r, err := http.NewRequest(method, "http://ecru.example:5000"+target, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.ListImages")
	r.Header.Set("User-Agent", "aws-cli/2")
	return r
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// sign signs r as the SDK does.
func sign(t testing.TB, r *http.Request, body string) {
	t.Helper()
	cred := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(context.Background(), cred, r, hashOf(body), "ecr", "us-east-1", signedAt); err != nil {
		t.Fatal(err)
	}
}

// travel is what the server sees of r.
func travel(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func verify(v *sigv4.Verifier, r *http.Request) (iam.Principal, error) {
	p, err := v.Begin(r, "ecr")
	if err != nil {
		return iam.Principal{}, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return iam.Principal{}, err
	}
	return p.Finish(sha256.Sum256(body))
}

func refusal(t *testing.T, err error) *sigv4.Error {
	t.Helper()
	var e *sigv4.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return e
}

func TestWhatTheSDKSignsIsAccepted(t *testing.T) {
	cases := map[string]func(r *http.Request){
		"plain":          func(*http.Request) {},
		"odd spaces":     func(r *http.Request) { r.Header.Set("X-Odd", "  a   b \t c  ") },
		"several values": func(r *http.Request) { r.Header["X-Many"] = []string{"b", "a ", "c"} },
		"empty value":    func(r *http.Request) { r.Header.Set("X-Empty", "") },
		"another host":   func(r *http.Request) { r.Host = "123456789012.dkr.ecr.us-east-1.example.org" },
		"the hash in a header": func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", hashOf(`{"repositoryName":"web"}`))
		},
		"chunked": func(r *http.Request) { r.ContentLength = -1 },
	}
	paths := []string{"/", "/findings/list", "/a%20b/c%2Fd", "/%C3%A9~-_.", "/?b=2&a=1&a=0&c", "/?q=a%20b+c%2B%3D%26&%C3%A9=%7E", "/a//b/../c", "/?a=%21%28%29%2A"}
	body := `{"repositoryName":"web"}`
	for name, change := range cases {
		for _, path := range paths {
			t.Run(name+path, func(t *testing.T) {
				r := request("POST", path, body)
				change(r)
				sign(t, r, body)
				p, err := verify(verifier(signedAt), travel(t, r))
				if err != nil {
					var e *sigv4.Error
					_ = errors.As(err, &e)
					t.Fatalf("%v\n%+v", err, e)
				}
				if p.AccessKeyID != keyID || p.Account != "123456789012" {
					t.Errorf("got %+v", p)
				}
			})
		}
	}
}

func TestPresignedURLs(t *testing.T) {
	presign := func(expires int) *http.Request {
		r, _ := http.NewRequest("GET", fmt.Sprintf("http://ecru.example/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=%d", expires), nil)
		r.Header.Set("X-K8s-Aws-Id", "cluster")
		cred := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
		signed, headers, err := v4.NewSigner().PresignHTTP(t.Context(), cred, r, hashOf(""), "ecr", "eu-west-1", signedAt)
		if err != nil {
			t.Fatal(err)
		}
		got := httptest.NewRequest("GET", signed, http.NoBody)
		for k, v := range headers {
			got.Header[http.CanonicalHeaderKey(k)] = v
		}
		return got
	}
	if _, err := verify(verifier(signedAt.Add(14*time.Minute)), presign(600)); err != nil {
		t.Errorf("inside its life: %v", err)
	}
	if _, err := verify(verifier(signedAt.Add(16*time.Minute)), presign(600)); err == nil {
		t.Error("a presigned URL outlived its life")
	}
	for _, expires := range []int{0, -1, 604801} {
		if _, err := verify(verifier(signedAt), presign(expires)); err == nil || refusal(t, err).Kind != sigv4.Incomplete {
			t.Errorf("X-Amz-Expires=%d: %v", expires, err)
		}
	}
	r := presign(600)
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "GetCallerIdentity", "AssumeRole", 1)
	if _, err := verify(verifier(signedAt), r); err == nil {
		t.Error("a changed query was accepted")
	}
}

func TestTampering(t *testing.T) {
	body := `{"repositoryName":"web"}`
	cases := map[string]func(r *http.Request){
		"body":     func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"repositoryName":"WEB"}`)) },
		"body cut": func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body[:10])) },
		"operation": func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository")
		},
		"method":        func(r *http.Request) { r.Method = "PUT" },
		"path":          func(r *http.Request) { r.URL.Path = "/x" },
		"query":         func(r *http.Request) { r.URL.RawQuery = "a=2" },
		"host":          func(r *http.Request) { r.Host = "other.example" },
		"signed header": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"date": func(r *http.Request) {
			r.Header.Set("X-Amz-Date", signedAt.Add(time.Second).Format("20060102T150405Z"))
		},
		"second value":    func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") },
		"payload hash":    func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"signature":       func(r *http.Request) { edit(r, "Signature=", "Signature=00") },
		"flipped":         func(r *http.Request) { flipLast(r) },
		"header left out": func(r *http.Request) { edit(r, "content-type;", "") },
		"target unsigned": func(r *http.Request) { edit(r, ";x-amz-target", "") },
		"host unsigned":   func(r *http.Request) { edit(r, "host;", "") },
		"region":          func(r *http.Request) { edit(r, "/us-east-1/", "/us-west-2/") },
		"service":         func(r *http.Request) { edit(r, "/ecr/", "/s3/") },
		"scope date":      func(r *http.Request) { edit(r, "/20261121/", "/20261120/") },
		"terminator":      func(r *http.Request) { edit(r, "aws4_request", "aws4_other") },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			r := request("POST", "/?a=1", body)
			sign(t, r, body)
			got := travel(t, r)
			change(got)
			_, err := verify(verifier(signedAt), got)
			if e := refusal(t, err); e.Kind != sigv4.Mismatch {
				t.Errorf("kind %d: %v", e.Kind, e)
			}
		})
	}
}

func edit(r *http.Request, old, with string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
}

func flipLast(r *http.Request) {
	h := []byte(r.Header.Get("Authorization"))
	h[len(h)-1] ^= 1
	r.Header.Set("Authorization", string(h))
}

func TestAProxyMayAddHeaders(t *testing.T) {
	r := request("POST", "/", "{}")
	sign(t, r, "{}")
	got := travel(t, r)
	got.Header.Set("X-Forwarded-For", "10.0.0.1")
	got.Header.Set("X-Amz-Cf-Id", "cloudfront")
	if _, err := verify(verifier(signedAt), got); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	now := signedAt
	cases := []struct {
		name   string
		change func(r *http.Request)
		now    time.Time
		kind   sigv4.Kind
		text   string
	}{
		{"unsigned", func(r *http.Request) { r.Header.Del("Authorization") }, now, sigv4.Missing, "Missing Authentication Token"},
		{"basic", func(r *http.Request) { r.SetBasicAuth("AWS", "x") }, now, sigv4.Missing, "Missing Authentication Token"},
		{"other algorithm", func(r *http.Request) { edit(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256") }, now, sigv4.Incomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
		{"no credential", func(r *http.Request) { edit(r, "Credential=", "Credentials=") }, now, sigv4.Incomplete, "Authorization header requires 'Credential' parameter. "},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, now, sigv4.Incomplete, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "},
		{"short credential", func(r *http.Request) { edit(r, "/aws4_request", "") }, now, sigv4.Incomplete, "Credential must have exactly 5 slash-delimited elements"},
		{"no equal sign", func(r *http.Request) { edit(r, "Signature=", "Signature") }, now, sigv4.Incomplete, "Invalid key=value pair"},
		{"two headers", func(r *http.Request) { r.Header.Add("Authorization", "x") }, now, sigv4.Incomplete, "more than one"},
		{"unsorted", func(r *http.Request) { edit(r, "content-type;host", "host;content-type") }, now, sigv4.Incomplete, "sorted"},
		{"unknown key", func(r *http.Request) { edit(r, keyID, "AKIDNOBODY") }, now, sigv4.UnknownKey, "The security token included in the request is invalid."},
		{"wrong service", func(r *http.Request) { edit(r, "/ecr/", "/s3/") }, now, sigv4.Mismatch, "Credential should be scoped to correct service: 'ecr'."},
		{"too old", func(*http.Request) {}, now.Add(5*time.Minute + time.Second), sigv4.Mismatch,
			"Signature expired: 20261121T203000Z is now earlier than 20261121T203001Z (20261121T203501Z - 5 min.)"},
		{"too new", func(*http.Request) {}, now.Add(-5*time.Minute - time.Second), sigv4.Mismatch,
			"Signature not yet current: 20261121T203000Z is still later than 20261121T202959Z (20261121T202459Z + 5 min.)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := request("POST", "/", "{}")
			sign(t, r, "{}")
			got := travel(t, r)
			c.change(got)
			_, err := verify(verifier(c.now), got)
			if e := refusal(t, err); e.Kind != c.kind || !strings.Contains(e.Message, c.text) {
				t.Errorf("kind %d: %s", e.Kind, e.Message)
			}
		})
	}
}

func TestClockWithinFiveMinutesIsFine(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		r := request("POST", "/", "{}")
		sign(t, r, "{}")
		if _, err := verify(verifier(signedAt.Add(off)), travel(t, r)); err != nil {
			t.Errorf("%v: %v", off, err)
		}
	}
}

func TestWrongSecret(t *testing.T) {
	r := request("POST", "/", "{}")
	sign(t, r, "{}")
	v := sigv4.New(keys{keyID: "another"}, sigv4.Options{Now: func() time.Time { return signedAt }})
	_, err := verify(v, travel(t, r))
	if e := refusal(t, err); e.Kind != sigv4.Mismatch || !strings.Contains(e.Detail, "x-amz-target:AmazonEC2ContainerRegistry_V20150921.ListImages") {
		t.Errorf("%+v", e)
	}
}

func TestAChangedSecretEndsTheOldOne(t *testing.T) {
	ring := keys{keyID: secret}
	v := sigv4.New(ring, sigv4.Options{Now: func() time.Time { return signedAt }})
	r := request("POST", "/", "{}")
	sign(t, r, "{}")
	if _, err := verify(v, travel(t, r)); err != nil {
		t.Fatal(err)
	}
	ring[keyID] = "new"
	r = request("POST", "/", "{}")
	sign(t, r, "{}")
	if _, err := verify(v, travel(t, r)); err == nil {
		t.Error("the old secret is still accepted")
	}
}

// signWith signs r with a session token, in the header or in the URL.
func signWith(t *testing.T, token string, presigned bool) *http.Request {
	t.Helper()
	cred := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: token}
	if !presigned {
		r := request("POST", "/", "{}")
		if err := v4.NewSigner().SignHTTP(t.Context(), cred, r, hashOf("{}"), "ecr", "us-east-1", signedAt); err != nil {
			t.Fatal(err)
		}
		return travel(t, r)
	}
	r, _ := http.NewRequest("GET", "http://ecru.example/?X-Amz-Expires=600", nil)
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), cred, r, hashOf(""), "ecr", "us-east-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	return httptest.NewRequest("GET", signed, http.NoBody)
}

func TestSessionTokensGoWithTheirKeys(t *testing.T) {
	for _, presigned := range []bool{false, true} {
		if _, err := verify(verifier(signedAt), signWith(t, "token", presigned)); err != nil {
			t.Errorf("presigned %v: %v", presigned, err)
		}
		_, err := verify(verifier(signedAt), signWith(t, "another", presigned))
		if e := refusal(t, err); e.Kind != sigv4.UnknownKey || e.Message != "The security token included in the request is invalid." {
			t.Errorf("%+v", e)
		}
		_, err = verify(verifier(signedAt), signWith(t, "ended", presigned))
		if e := refusal(t, err); e.Kind != sigv4.Expired || e.Message != "The security token included in the request is expired" {
			t.Errorf("%+v", e)
		}
	}
	// A token that nobody signed is not taken into account, and not passed over.
	r := signWith(t, "", false)
	r.Header.Set("X-Amz-Security-Token", "token")
	if _, err := verify(verifier(signedAt), r); refusal(t, err).Kind != sigv4.Mismatch {
		t.Errorf("a token outside of the signature: %v", err)
	}
}

// watched are keys that want to know of their uses.
type watched struct {
	keys
	used *[]string
}

func (w watched) KeyUsed(id, service, region string) {
	*w.used = append(*w.used, id+" "+service+" "+region)
}

func TestUsesOfLongLivedKeysAreTold(t *testing.T) {
	var used []string
	v := sigv4.New(watched{keys{keyID: secret}, &used}, sigv4.Options{Now: func() time.Time { return signedAt }})
	for _, token := range []string{"token", ""} {
		if _, err := verify(v, signWith(t, token, false)); err != nil {
			t.Fatal(err)
		}
	}
	r := signWith(t, "", false)
	flipLast(r)
	if _, err := verify(v, r); err == nil {
		t.Fatal("a wrong signature was accepted")
	}
	if len(used) != 1 || used[0] != keyID+" ecr us-east-1" {
		t.Errorf("uses %q", used)
	}
}

func TestAConfiguredRegionBinds(t *testing.T) {
	v := sigv4.New(keys{keyID: secret}, sigv4.Options{Region: "eu-central-1", Now: func() time.Time { return signedAt }})
	r := request("POST", "/", "{}")
	sign(t, r, "{}")
	_, err := verify(v, travel(t, r))
	if e := refusal(t, err); e.Message != "Credential should be scoped to a valid region, not 'us-east-1'." {
		t.Error(e.Message)
	}
}

// The region is stored as that of a key's last use, and stands in records of
// calls: it is not whatever a client likes.
func TestWhatIsNoRegionIsRefused(t *testing.T) {
	for _, region := range []string{"", strings.Repeat("x", 65), "eu west", "eu\"west", "\x00", "é"} {
		r := request("POST", "/", "{}")
		sign(t, r, "{}")
		got := travel(t, r)
		edit(got, "/us-east-1/", "/"+region+"/")
		_, err := verifier(signedAt).Begin(got, "ecr")
		if e := refusal(t, err); !strings.HasPrefix(e.Message, "Credential should be scoped to a valid region, not '") || len(e.Message) > 120 {
			t.Errorf("%q: %s", region, e.Message)
		}
	}
}

func TestALookupThatFailsIsNotARefusal(t *testing.T) {
	r := request("POST", "/", "{}")
	sign(t, r, "{}")
	got := travel(t, r)
	edit(got, keyID, "AKIDBROKEN")
	_, err := verify(verifier(signedAt), got)
	var e *sigv4.Error
	if err == nil || errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}

// TestPublishedVector is the example "get-vanilla-query-order-key-case" of
// AWS's own documentation of the signing process.
func TestPublishedVector(t *testing.T) {
	r := httptest.NewRequest("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", http.NoBody)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "+
		"SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
	v := verifier(time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	p, err := v.Begin(r, "iam")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(sha256.Sum256(nil)); err != nil {
		t.Error(err)
	}
}

// FuzzVerify feeds heads that nobody signed: nothing may be accepted, nothing
// may panic.
func FuzzVerify(f *testing.F) {
	r := request("POST", "/", "{}")
	sign(f, r, "{}")
	f.Add(r.Header.Get("Authorization"), "20261121T203000Z", "a=1")
	f.Add("AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;,Signature=", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=99999999999999999999")
	f.Add("AWS4-HMAC-SHA256", "Mon, 02 Jan 2006 15:04:05 GMT", "X-Amz-Signature=%zz")
	v := verifier(signedAt)
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := &http.Request{Method: "POST", Host: "elsewhere.example", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}, Body: http.NoBody}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Header.Set("X-Amz-Date", date)
		if _, err := verify(v, r); err == nil {
			t.Fatal("accepted what was not signed for this host")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	r := request("POST", "/", "{}")
	sign(b, r, "{}")
	got := travel(b, r)
	v := verifier(signedAt)
	hash := sha256.Sum256([]byte("{}"))
	b.ReportAllocs()
	for b.Loop() {
		p, err := v.Begin(got, "ecr")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Finish(hash); err != nil {
			b.Fatal(err)
		}
	}
}

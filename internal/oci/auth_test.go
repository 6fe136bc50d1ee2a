package oci_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
)

func TestBaseAnswersWhoeverIsLoggedIn(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v2/", "/v2"} {
		a := w.want(200, "", "GET", path)
		w.wantHeaders(a, "Docker-Distribution-Api-Version", "registry/2.0", "Content-Type", "application/json")
		w.wantBody(a, []byte("{}"))
	}
	w.wantBody(w.want(200, "", "HEAD", "/v2/"), nil)
}

func TestNobodyIsChallengedAsECRDoes(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.server.URL, "http://")
	for _, q := range [][2]string{
		{"GET", "/v2/"}, {"GET", "/v2/_catalog"}, {"HEAD", "/v2/" + repo + "/manifests/latest"},
		{"PUT", "/v2/" + repo + "/manifests/latest"}, {"POST", "/v2/" + repo + "/blobs/uploads/"},
		{"GET", "/v2/no/such/endpoint"}, {"GET", "/v2/UPPER/tags/list"}, {"PATCH", "/v2/"},
	} {
		a := w.want(401, "", q[0], q[1], anonymous)
		w.wantHeaders(a, "Www-Authenticate", `Basic realm="http://`+host+`/",service="ecr.amazonaws.com"`,
			"Docker-Distribution-Api-Version", "registry/2.0")
		if q[0] != "HEAD" && a.problem().Code != "UNAUTHORIZED" {
			t.Errorf("%v answered %s", q, a.body)
		}
	}
}

func TestUnusableCredentialsAreChallenged(t *testing.T) {
	w := newWorld(t)
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	elsewhere, _, _ := iam.NewTokens([]byte("key"), "eu-west-1").Issue(iam.RootPrincipal(account, "AKIA"), time.Now())
	for name, value := range map[string]string{
		"no password": basic("AWS:"), "wrong password": basic("AWS:wrong"), "other user": basic("root:" + w.password),
		"no base64": "Basic !!!", "nothing": "Basic", "another scheme": "Bearer " + w.password,
		"another region": basic("AWS:" + elsewhere), "huge": basic("AWS:" + strings.Repeat("a", 40<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			a := w.in(t).want(401, "UNAUTHORIZED", "GET", "/v2/", header("Authorization", value))
			if a.Header.Get("Www-Authenticate") == "" {
				t.Error("no challenge")
			}
		})
	}
	w.want(401, "UNAUTHORIZED", "GET", "/v2/", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) })
}

func TestExpiredTokenIsDeniedEvenWhenItWasGoodBefore(t *testing.T) {
	w := newWorld(t)
	w.want(200, "", "GET", "/v2/")
	w.skew.Store(int64(iam.TokenLifetime + time.Second))
	a := w.want(403, "DENIED", "GET", "/v2/")
	if got, want := a.problem().Message, "Your authorization token has expired. Reauthenticate and try again."; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	w.password = w.issue(account, time.Now())
	w.want(403, "DENIED", "GET", "/v2/")
}

func TestAnotherAccountIsDenied(t *testing.T) {
	w := newWorld(t)
	w.password = w.issue("111111111111", time.Now())
	// A bare host means the caller's own registry, where there is nothing.
	w.want(404, "NAME_UNKNOWN", "GET", "/v2/"+repo+"/tags/list")
	at := func(host string) option { return func(r *http.Request) { r.Host = host } }
	a := w.want(403, "DENIED", "GET", "/v2/"+repo+"/tags/list", at(account+".dkr.ecr.us-east-1.example.com"))
	if !strings.Contains(a.problem().Message, "User: arn:aws:iam::111111111111:root is not authorized to perform: ecr:ListImages") {
		t.Errorf("message %q", a.problem().Message)
	}
	w.password = w.issue(account, time.Now())
	for _, host := range []string{".dkr.ecr.us-east-1.example.com", ".dkr-ecr.us-east-1.on.aws", ".dkr.ecr-fips.us-east-1.amazonaws.com:443"} {
		w.want(200, "", "GET", "/v2/"+repo+"/tags/list", at(account+host))
		w.want(403, "DENIED", "GET", "/v2/"+repo+"/tags/list", at("111111111111"+host))
	}
	w.want(200, "", "GET", "/v2/"+repo+"/tags/list", at("111111111111.example.com"))
}

// Clients often send a first request without credentials, body and all, on a
// connection that they go on to use.
func TestRefusedBodiesDoNotBreakTheConnection(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{0, 1, 100 << 10, 4 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			conn, reader := dial(t, w)
			fmt.Fprintf(conn, "PUT /v2/%s/manifests/latest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", repo, size)
			if _, err := conn.Write(make([]byte, size)); err != nil {
				t.Fatalf("the connection broke while the body was sent: %v", err)
			}
			wantStatus(t, reader, 401)
			fmt.Fprintf(conn, "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
			wantStatus(t, reader, 401)
		})
	}
}

// Of a body that is too large to read for nothing the client sees the answer,
// and then the end of the connection.
func TestRefusalOfALargeBodyIsSeen(t *testing.T) {
	w := newWorld(t)
	large := make([]byte, 40<<20)
	for range 3 {
		w.want(401, "UNAUTHORIZED", "PATCH", uploads+"x", anonymous, body(large))
		w.want(401, "UNAUTHORIZED", "PATCH", uploads+"x", anonymous, stream(large))
		w.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", uploads+"x", body(large))
	}
}

func TestClientThatAsksBeforeItSendsIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	conn, reader := dial(t, w)
	fmt.Fprintf(conn, "PUT /v2/%s/manifests/latest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n", repo)
	wantStatus(t, reader, 401)
}

func dial(t *testing.T, w *world) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func wantStatus(t *testing.T, reader *bufio.Reader, status int) {
	t.Helper()
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("answered %d %s (%v), want %d", response.StatusCode, bytes.TrimSpace(content), err, status)
	}
}

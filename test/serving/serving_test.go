// Package serving tests how the real binary lives: how it stops, what it logs
// and measures, TLS, and what survives a restart. It must not import internal
// packages.
package serving

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/test/server"
)

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// do sends a request and answers status and body.
func do(t *testing.T, c *http.Client, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

// TestStopFinishesRunningUploads: SIGTERM in the middle of a blob; the client
// gets its 201, and the blob is there after the restart.
func TestStopFinishesRunningUploads(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		s.CreateRepository(t, "team/web")
		client := s.Client(t)
		content := bytes.Repeat([]byte("slowly "), 1<<16)
		half := len(content) / 2

		read, write := io.Pipe()
		answer := make(chan string, 1)
		go func() {
			request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.URL+"/v2/team/web/blobs/uploads/?digest="+digestOf(content), read)
			if err != nil {
				answer <- err.Error()
				return
			}
			request.ContentLength = int64(len(content))
			response, err := client.Do(request)
			if err != nil {
				answer <- err.Error()
				return
			}
			response.Body.Close()
			answer <- response.Status
		}()
		if _, err := write.Write(content[:half]); err != nil {
			t.Fatal(err)
		}
		awaitRunning(t, s)
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			s.Stop(t)
		}()
		// The server is stopping when it takes no more connections.
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			c, err := net.Dial("tcp", s.Host)
			if err != nil {
				break
			}
			c.Close()
			if time.Now().After(deadline) {
				t.Fatal("the server goes on to accept connections after SIGTERM")
			}
		}
		if _, err := write.Write(content[half:]); err != nil {
			t.Fatal(err)
		}
		write.Close()
		if got := <-answer; got != "201 Created" {
			t.Errorf("the upload that ran was answered %s", got)
		}
		<-stopped
		s.Restart(t)
		response, body := do(t, s.Client(t), http.MethodGet, s.URL+"/v2/team/web/blobs/"+digestOf(content), nil)
		if response.StatusCode != http.StatusOK || body != string(content) {
			t.Errorf("after the restart the blob is answered %s with %d bytes", response.Status, len(body))
		}
	})
}

// awaitRunning waits until the server is at work on a request: one that it has
// not begun when it is told to stop is refused.
func awaitRunning(t *testing.T, s *server.Server) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		_, text := do(t, http.DefaultClient, http.MethodGet, s.URL+"/metrics", nil)
		if strings.Contains(text, "\necru_requests_in_flight 1\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the server has not begun the upload")
		}
	}
}

// TestPasswordsOutliveARestart: tokens are stateless.
func TestPasswordsOutliveARestart(t *testing.T) {
	s := server.Start(t, server.Options{})
	client := s.Client(t)
	s.Stop(t)
	s.Restart(t)
	if response, _ := do(t, client, http.MethodGet, s.URL+"/v2/", nil); response.StatusCode != http.StatusOK {
		t.Errorf("a password from before the restart is answered %s", response.Status)
	}
}

// TestLogSaysWhoAskedForWhat: one line a request, with its id and principal.
func TestLogSaysWhoAskedForWhat(t *testing.T) {
	s := server.Start(t, server.Options{Args: []string{"--log-format", "json"}})
	s.CreateRepository(t, "team/web")
	response, _ := do(t, s.Client(t), http.MethodGet, s.URL+"/v2/team/web/tags/list", nil)
	id := response.Header.Get("X-Request-Id")
	if id == "" {
		t.Fatal("the answer has no X-Request-Id")
	}
	s.Stop(t)
	var line string
	for _, l := range strings.Split(s.Log(), "\n") {
		if strings.Contains(l, id) {
			line = l
		}
	}
	for _, want := range []string{`"path":"/v2/team/web/tags/list"`, `"status":200`, `"principal":"arn:aws:iam::000000000000:root"`, `"request_id":"` + id + `"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the log line of the request lacks %s:\n%s", want, line)
		}
	}
	if strings.Contains(strings.ReplaceAll(s.Log(), "AWS_SECRET_ACCESS_KEY="+s.Credentials.SecretAccessKey, ""), s.Credentials.SecretAccessKey) {
		t.Error("the log holds the secret beside the line that shows it once")
	}
}

// TestMetricsCountWhatHappened reads /metrics as Prometheus does.
func TestMetricsCountWhatHappened(t *testing.T) {
	s := server.Start(t, server.Options{})
	s.CreateRepository(t, "team/web")
	do(t, s.Client(t), http.MethodGet, s.URL+"/v2/team/web/manifests/none", nil)
	_, text := do(t, http.DefaultClient, http.MethodGet, s.URL+"/metrics", nil)
	for _, want := range []string{
		`ecru_requests_total\{operation="[^"]*CreateRepository",status="200"\} 1`,
		`ecru_requests_total\{operation="[^"]*Manifest[^"]*",status="404"\} 1`,
		`ecru_request_duration_seconds_bucket`, `ecru_requests_in_flight`, `go_goroutines`, `ecru_repositories 1`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	for _, page := range []string{"/healthz", "/readyz"} {
		if response, _ := do(t, http.DefaultClient, http.MethodGet, s.URL+page, nil); response.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %s", page, response.Status)
		}
	}
}

// TestTLS serves by certificate files, and tells clients https addresses.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	roots := writeCertificate(t, dir)
	command := exec.Command(server.Binary(t), "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"),
		"--advisories", "off", "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	var log bytes.Buffer
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(command.Process.Signal(os.Interrupt), command.Wait())
		if err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, log.String())
		}
	})
	endpoint := awaitEndpoint(t, filepath.Join(dir, "data", "endpoint"))
	if !strings.HasPrefix(endpoint, "https://") {
		t.Errorf("the endpoint is %s, want https", endpoint)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	response, _ := do(t, client, http.MethodGet, endpoint+"/v2/", nil)
	want := `Basic realm="` + endpoint + `/",service="ecr.amazonaws.com"`
	if got := response.Header.Get("Www-Authenticate"); response.StatusCode != http.StatusUnauthorized || got != want {
		t.Errorf("%s with challenge %q, want 401 with %q", response.Status, got, want)
	}
}

func awaitEndpoint(t *testing.T, path string) string {
	t.Helper()
	url := regexp.MustCompile(`"url":"([^"]+)"`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if content, err := os.ReadFile(path); err == nil {
			if found := url.FindSubmatch(content); found != nil {
				return string(found[1])
			}
		}
	}
	t.Fatal("the server did not say where it is")
	return ""
}

// writeCertificate makes a certificate of its own for 127.0.0.1.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificatePEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), certificatePEM, 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificatePEM) {
		t.Fatal(fmt.Errorf("the certificate cannot be read back"))
	}
	return roots
}

package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/server"
)

// certificate writes a self-signed pair for a name.
func certificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func (s *running) certificateName(t *testing.T) string {
	t.Helper()
	c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", s.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestCertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := certificate(t, dir, "first.example")
	s := start(t, server.Config{Handler: text("x"), TLSCert: certFile, TLSKey: keyFile})
	if name := s.certificateName(t); name != "first.example" {
		t.Fatalf("certificate of %s", name)
	}
	if err := os.WriteFile(keyFile, []byte("not a key, and a new size"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "complaint about the key", func() bool {
		if name := s.certificateName(t); name != "first.example" {
			t.Fatalf("certificate of %s", name)
		}
		return s.log.contains("the TLS certificate stays as it was")
	})
	certificate(t, dir, "second.example")
	eventually(t, "new certificate", func() bool { return s.certificateName(t) == "second.example" })
}

func (l *logLines) contains(message string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if line["msg"] == message {
			return true
		}
	}
	return false
}

func TestCertificateThatCannotBeUsed(t *testing.T) {
	certFile, keyFile := certificate(t, t.TempDir(), "x.example")
	_, otherKey := certificate(t, t.TempDir(), "y.example")
	for name, files := range map[string][2]string{
		"no key":     {certFile, ""},
		"no file":    {certFile, keyFile + ".missing"},
		"wrong key":  {certFile, otherKey},
		"wrong file": {keyFile, certFile},
	} {
		_, err := server.New(server.Config{Handler: text("x"), TLSCert: files[0], TLSKey: files[1]})
		if err == nil || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: New = %v", name, err)
		}
	}
}

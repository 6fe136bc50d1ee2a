package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how long a certificate is used before its files are looked at
// again.
const recheck = time.Second

// keyPair is a certificate that follows its files, as tools that renew
// certificates replace them.
type keyPair struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]fileStamp
	checked time.Time
}

type fileStamp struct {
	modified time.Time
	size     int64
}

func newKeyPair(certFile, keyFile string, logger *slog.Logger) (*keyPair, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("TLS needs both a certificate file and a key file")
	}
	p := &keyPair{certFile: certFile, keyFile: keyFile, logger: logger}
	stamp, err := p.look()
	if err == nil {
		err = p.load(stamp)
	}
	if err != nil {
		return nil, fmt.Errorf("loading the TLS certificate: %w", err)
	}
	return p, nil
}

func (p *keyPair) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.get}
}

// get answers the certificate of a handshake. Files that cannot be used, for
// instance because only one of them has been replaced yet, change nothing.
func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.checked) < recheck {
		return p.current, nil
	}
	p.checked = now
	stamp, err := p.look()
	if err == nil && stamp != p.stamp {
		if err = p.load(stamp); err == nil {
			p.logger.Info("the TLS certificate has been read again", "file", p.certFile)
		}
	}
	if err != nil {
		p.logger.Error("the TLS certificate stays as it was", "error", err)
	}
	return p.current, nil
}

func (p *keyPair) look() (stamp [2]fileStamp, err error) {
	for i, name := range []string{p.certFile, p.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, err
		}
		stamp[i] = fileStamp{info.ModTime(), info.Size()}
	}
	return stamp, nil
}

func (p *keyPair) load(stamp [2]fileStamp) error {
	c, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		return err
	}
	p.current, p.stamp, p.checked = &c, stamp, time.Now()
	return nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The peer: the distribution project's registry, the one that most others are
// built on.
const (
	peerName    = "distribution"
	peerPackage = "github.com/distribution/distribution/v3/cmd/registry"
	peerVersion = "v3.1.1"
)

// peerConfig is the project's sample, quiet: neither logs nor traces.
const peerConfig = `version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: %s/data
http:
  addr: %s
`

func (b *bench) peerBinary() string {
	return filepath.Join(b.root, ".tools", "bin", "distribution-registry")
}

// havePeer says whether the pinned version was built once.
func (b *bench) havePeer() bool {
	version, err := os.ReadFile(b.peerVersionFile())
	if err != nil || strings.TrimSpace(string(version)) != peerVersion {
		return false
	}
	_, err = os.Stat(b.peerBinary())
	return err == nil
}

func (b *bench) peerVersionFile() string {
	return filepath.Join(filepath.Dir(b.peerBinary()), ".distribution-registry.version")
}

// preparePeers builds the peer when that was asked for.
func (b *bench) preparePeers(ctx context.Context) error {
	if b.havePeer() || !b.peers {
		return nil
	}
	say("building %s %s", peerName, peerVersion)
	dir, err := os.MkdirTemp("", "bench-peer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	build := exec.CommandContext(ctx, "go", "install", peerPackage+"@"+peerVersion)
	build.Dir = dir // outside the repository: its go.mod has no say in the versions
	build.Env = append(os.Environ(), "GOBIN="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", peerName, err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "registry"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(b.peerBinary()), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(b.peerBinary(), binary, 0o755); err != nil { //nolint:gosec // a program
		return err
	}
	return os.WriteFile(b.peerVersionFile(), []byte(peerVersion+"\n"), 0o600)
}

// startPeer starts the peer, or answers nil when it was not built.
func (b *bench) startPeer(ctx context.Context, dir string) (*process, endpoint, error) {
	if !b.havePeer() {
		return nil, endpoint{}, nil
	}
	dir = filepath.Join(dir, peerName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, endpoint{}, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, endpoint{}, err
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, peerConfig, dir, address), 0o600); err != nil {
		return nil, endpoint{}, err
	}
	p, err := startProcess(peerName, dir, []string{"OTEL_TRACES_EXPORTER=none", "OTEL_SDK_DISABLED=true"}, b.peerBinary(), "serve", file)
	if err != nil {
		return nil, endpoint{}, err
	}
	return p, endpoint{name: peerName, host: address}, p.awaitAnswer(ctx, "http://"+address+"/v2/")
}

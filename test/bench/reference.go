package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// The references that are Go programs are this program, started again.
const (
	sinkReference   = "sink"   // writes bodies to files: the least that a durable push costs
	memoryReference = "memory" // answers manifests from memory: the most that net/http gives
	countReference  = "count"  // takes events and counts them: the target of rules
)

// startReference starts one, with its files in dir.
func startReference(ctx context.Context, kind, dir string) (*process, endpoint, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, endpoint{}, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, endpoint{}, err
	}
	p, err := startProcess(kind, dir, nil, self, referenceCommand, kind, address, dir)
	if err != nil {
		return nil, endpoint{}, err
	}
	return p, endpoint{name: "the " + kind + " reference", host: address}, p.awaitAnswer(ctx, "http://"+address+"/")
}

// serveReference is the other process.
func serveReference(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: reference KIND ADDRESS DIR")
	}
	var handler http.Handler
	switch kind, dir := args[0], args[2]; kind {
	case sinkReference:
		handler = sink(dir)
	case memoryReference:
		manifests, err := loadManifests(dir)
		if err != nil {
			return err
		}
		handler = manifests
	case countReference:
		handler = new(counter)
	default:
		return fmt.Errorf("there is no reference %q", kind)
	}
	server := http.Server{Addr: args[1], Handler: handler} //nolint:gosec // bare is what it should be
	return server.ListenAndServe()
}

// sink reads a body, hashes it, writes it and waits until it is on the disk:
// PUT /NAME makes the file NAME.
type sink string

func (dir sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := filepath.Join(string(dir), path.Base(r.URL.Path))
	if r.Method == http.MethodGet {
		return // somebody asks whether we are up
	}
	digest, err := receive(name, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}

func receive(name string, body io.Reader) (digest string, err error) {
	file, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(h, file)}, body, make([]byte, sinkBuffer)); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), syncData(file)
}

// sinkBuffer was the fastest of 32 KiB, 256 KiB and 1 MiB.
const sinkBuffer = 256 << 10

// manifests are answers by path.
type manifests map[string][]byte

const manifestSuffix = ".manifest"

// loadManifests reads the files of a directory: REPOSITORY.TAG.manifest.
func loadManifests(dir string) (manifests, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+manifestSuffix))
	if err != nil {
		return nil, err
	}
	m := manifests{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		repository, tag, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), manifestSuffix), ".")
		m["/v2/"+repository+"/manifests/"+tag] = data
	}
	return m, nil
}

func (m manifests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, ok := m[r.URL.Path]
	if !ok {
		return
	}
	w.Header().Set("Content-Type", manifestType)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data)
	}
}

// counter takes what is posted, and answers anybody who asks how much that was.
type counter struct{ posts atomic.Int64 }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		fmt.Fprint(w, c.posts.Load())
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err == nil {
		c.posts.Add(1)
	}
}

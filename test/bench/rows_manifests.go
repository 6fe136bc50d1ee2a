package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	manifestClients    = 32
	manifestRepository = "manifests"
	manifestTags       = 64
)

// manifestRows measures GET and HEAD of manifests by tag.
func (b *bench) manifestRows(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcruWith(ctx, dir, manifestRepository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	answers := filepath.Join(dir, "answers")
	if err := os.MkdirAll(answers, 0o755); err != nil {
		return err
	}
	sizes, err := b.publishManifests(ctx, ecru, answers)
	if err != nil {
		return err
	}
	bare, memory, err := startReference(ctx, memoryReference, answers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	for _, method := range []string{"GET", "HEAD"} {
		asking := func(e endpoint, p *process) measurement { return withCPU(p, b.asking(e, method, sizes)) }
		r := row{
			what: fmt.Sprintf("manifest %s by tag, %d clients", method, manifestClients), unit: "/s",
			reference: "Go handler, from memory", goal: 0.6,
		}
		if err := b.compare(ctx, r, asking(ecru.endpoint, ecru.process), asking(memory, bare)); err != nil {
			return err
		}
	}
	return nil
}

// publishManifests gives both sides the same manifests and answers their sizes.
func (b *bench) publishManifests(ctx context.Context, ecru *server, answers string) ([]int64, error) {
	sizes := make([]int64, manifestTags)
	_, err := share(ctx, ecru.endpoint, 4, manifestTags, func(c *conn, n int) error {
		i := newSmallImage()
		sizes[n] = int64(len(i.manifest.data))
		name := fmt.Sprintf("%s.t%d%s", manifestRepository, n, manifestSuffix)
		if err := os.WriteFile(filepath.Join(answers, name), i.manifest.data, 0o600); err != nil {
			return err
		}
		return c.pushImage(manifestRepository, fmt.Sprint("t", n), i, onePut)
	})
	return sizes, err
}

func (b *bench) asking(e endpoint, method string, sizes []int64) measurement {
	paths := make([]string, len(sizes))
	for n := range paths {
		paths[n] = fmt.Sprintf("/v2/%s/manifests/t%d", manifestRepository, n)
	}
	return func(ctx context.Context) (float64, error) {
		return rate(ctx, e, manifestClients, b.duration, func(c *conn, client, n int) error {
			at := (client*7 + n) % len(paths)
			a, err := c.do(request{method: method, path: paths[at]}, 200)
			if err == nil && a.length != sizes[at] {
				err = fmt.Errorf("%s: %s answered %d bytes, not %d", e.name, paths[at], a.length, sizes[at])
			}
			return err
		})
	}
}

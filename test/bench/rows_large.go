package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	parallelBlobs   = 8
	parallelClients = 4
	largeRepository = "large"
)

// largeRows measures pull and push of large blobs. Each push row has servers and
// files of its own: neither side may write into memory that the other has just
// given back.
func (b *bench) largeRows(ctx context.Context, dir string) error {
	for _, way := range []struct {
		label string
		way   uploadWay
	}{{"PUT", onePut}, {"PATCH and PUT", patchThenPut}} {
		for n, set := range b.blobSets() {
			own := filepath.Join(dir, fmt.Sprint("push-", way.way, "-", n))
			err := b.largePush(ctx, own, way.label, way.way, set)
			if err = errors.Join(err, os.RemoveAll(own)); err != nil {
				return err
			}
		}
	}
	return b.largePulls(ctx, dir)
}

// blobSet is one way to move the same number of bytes.
type blobSet struct {
	label   string
	blobs   int
	clients int
}

func (b *bench) blobSets() []blobSet {
	return []blobSet{
		{fmt.Sprintf("one blob of %d MiB", b.large>>20), 1, 1},
		{fmt.Sprintf("%d blobs of %d MiB, %d clients", parallelBlobs, b.large/parallelBlobs>>20, parallelClients), parallelBlobs, parallelClients},
	}
}

func (b *bench) largePush(ctx context.Context, dir, label string, way uploadWay, set blobSet) (err error) {
	sinkDir := filepath.Join(dir, "sink")
	if err := os.MkdirAll(sinkDir, 0o755); err != nil {
		return err
	}
	ecru, err := b.startEcruWith(ctx, dir, largeRepository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	bare, sink, err := startReference(ctx, sinkReference, sinkDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	r := row{what: "push of " + set.label + " by " + label, unit: "MB/s", reference: "Go handler, sha256 and fdatasync", goal: 0.9}
	return b.compare(ctx, r,
		b.moving(ecru.endpoint, ecru.process, set, func(c *conn, one *content) error {
			return c.pushBlob(largeRepository, one.digest, nil, one, way)
		}),
		b.moving(sink, bare, set, func(c *conn, one *content) error {
			_, err := c.do(request{method: "PUT", path: "/" + one.digest[7:], stream: one}, 201)
			return err
		}))
}

// moving measures pushes of new content, which is made before the time runs.
func (b *bench) moving(e endpoint, p *process, set blobSet, push func(*conn, *content) error) measurement {
	return func(ctx context.Context) (float64, error) {
		contents, err := newContents(set.blobs, b.large/int64(set.blobs))
		if err != nil {
			return 0, err
		}
		before, err := p.cpu()
		if err != nil {
			return 0, err
		}
		took, err := share(ctx, e, set.clients, len(contents), func(c *conn, i int) error { return push(c, contents[i]) })
		if err != nil {
			return 0, err
		}
		after, err := p.cpu()
		say("    %s: %.0f MB/s, %.0f ms of processor time each GB", p.name, megabytes(b.large, took), (after-before).Seconds()*1e12/float64(b.large))
		return megabytes(b.large, took), err
	}
}

// megabytes are of 10^6 bytes, as networks count.
func megabytes(bytes int64, took time.Duration) float64 {
	return float64(bytes) / 1e6 / took.Seconds()
}

func (b *bench) largePulls(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcruWith(ctx, dir, largeRepository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	nginxDir := filepath.Join(dir, "nginx")
	if err := os.MkdirAll(filepath.Join(nginxDir, "files"), 0o755); err != nil {
		return err
	}
	process, nginx, err := startNginx(ctx, nginxDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	for _, set := range b.blobSets() {
		contents, err := b.publish(ctx, set, ecru, filepath.Join(nginxDir, "files"))
		if err != nil {
			return err
		}
		pulling := func(e endpoint, prefix string) measurement {
			return func(ctx context.Context) (float64, error) {
				// Twice, because once takes less than half a second.
				took, err := share(ctx, e, set.clients, 2*len(contents), func(c *conn, i int) error {
					one := contents[i%len(contents)]
					return c.get(prefix+one.digest, one.size)
				})
				return megabytes(2*b.large, took), err
			}
		}
		var theirs measurement
		if process != nil {
			theirs = pulling(nginx, "/")
		}
		r := row{what: "pull of " + set.label, unit: "MB/s", reference: "nginx", missing: "nginx is not installed", goal: 0.95}
		if err := b.compare(ctx, r, pulling(ecru.endpoint, "/v2/"+largeRepository+"/blobs/"), theirs); err != nil {
			return err
		}
	}
	return nil
}

// publish gives both sides the same blobs.
func (b *bench) publish(ctx context.Context, set blobSet, ecru *server, files string) ([]*content, error) {
	contents, err := newContents(set.blobs, b.large/int64(set.blobs))
	if err != nil {
		return nil, err
	}
	_, err = share(ctx, ecru.endpoint, 1, len(contents), func(c *conn, i int) error {
		if err := writeFile(filepath.Join(files, contents[i].digest), contents[i]); err != nil {
			return err
		}
		return c.pushBlob(largeRepository, contents[i].digest, nil, contents[i], onePut)
	})
	return contents, err
}

func writeFile(name string, c *content) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(c.writeTo(file), file.Close())
}

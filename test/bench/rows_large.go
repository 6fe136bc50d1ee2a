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

// largeRows measures pull and push of large blobs.
func (b *bench) largeRows(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcru(ctx, dir, "off")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	if err := ecru.createRepository(ctx, largeRepository, false); err != nil {
		return err
	}
	if err := b.largePushes(ctx, ecru, dir); err != nil {
		return err
	}
	return b.largePulls(ctx, ecru, dir)
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

func (b *bench) largePushes(ctx context.Context, ecru *server, dir string) (err error) {
	sinkDir := filepath.Join(dir, "sink")
	if err := os.MkdirAll(sinkDir, 0o755); err != nil {
		return err
	}
	process, sink, err := startReference(ctx, sinkReference, sinkDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	toSink := b.moving(sink, func(c *conn, one *content) error {
		a, err := c.do(request{method: "PUT", path: "/" + one.digest[7:], stream: one}, 201)
		_ = a
		return err
	}, func(c *conn, one *content) error {
		_, err := c.do(request{method: "DELETE", path: "/" + one.digest[7:]}, 200)
		return err
	})
	for _, way := range []struct {
		label string
		way   uploadWay
	}{{"PUT", onePut}, {"PATCH and PUT", patchThenPut}} {
		toEcru := b.moving(ecru.endpoint, func(c *conn, one *content) error {
			return c.pushBlob(largeRepository, one.digest, nil, one, way.way)
		}, nil)
		for _, set := range b.blobSets() {
			r := row{what: "push of " + set.label + " by " + way.label, unit: "MB/s", reference: "Go handler, sha256 and fdatasync", goal: 0.9}
			if err := b.compare(ctx, r, toEcru(set), toSink(set)); err != nil {
				return err
			}
		}
	}
	return nil
}

// moving makes measurements that push new content. What lies between rounds is
// not timed: making it, and removing it where that is asked for.
func (b *bench) moving(e endpoint, push, remove func(*conn, *content) error) func(blobSet) measurement {
	return func(set blobSet) measurement {
		return func(ctx context.Context) (float64, error) {
			contents, err := newContents(set.blobs, b.large/int64(set.blobs))
			if err != nil {
				return 0, err
			}
			took, err := share(ctx, e, set.clients, len(contents), func(c *conn, i int) error { return push(c, contents[i]) })
			if err != nil {
				return 0, err
			}
			if remove != nil {
				if _, err := share(ctx, e, 1, len(contents), func(c *conn, i int) error { return remove(c, contents[i]) }); err != nil {
					return 0, err
				}
			}
			return megabytes(b.large, took), nil
		}
	}
}

// megabytes are of 10^6 bytes, as networks count.
func megabytes(bytes int64, took time.Duration) float64 {
	return float64(bytes) / 1e6 / took.Seconds()
}

func (b *bench) largePulls(ctx context.Context, ecru *server, dir string) (err error) {
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

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	smallClients    = 16
	smallRepository = "small"
	pulledImages    = 200
)

// smallRows measures push and pull of small images.
func (b *bench) smallRows(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcruWith(ctx, dir, smallRepository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	if b.before != "" {
		if err := b.beforeRows(ctx, ecru, filepath.Join(dir, "before")); err != nil {
			return err
		}
	}
	process, peer, err := b.startPeer(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	for _, way := range []struct {
		label string
		way   uploadWay
	}{{"PUT", onePut}, {"PATCH and PUT", patchThenPut}} {
		r := b.peerRow(fmt.Sprintf("push of small images by %s, %d clients", way.label, smallClients), "images/s", 6)
		if err := b.compare(ctx, r, withCPU(ecru.process, b.pushing(ecru.endpoint, smallRepository, way.way)), b.ifPeer(peer, withCPU(process, b.pushing(peer, smallRepository, way.way)))); err != nil {
			return err
		}
	}
	return b.smallPulls(ctx, ecru, process, peer)
}

// beforeRows compares pushes with those of another build.
func (b *bench) beforeRows(ctx context.Context, ecru *server, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	other := *b
	other.binary = b.before
	before, err := other.startEcruWith(ctx, dir, smallRepository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, before.stop()) }()
	r := row{what: fmt.Sprintf("push of small images by PUT, %d clients", smallClients), unit: "images/s", reference: "the build " + filepath.Base(b.before), goal: 0.95}
	return b.compare(ctx, r, withCPU(ecru.process, b.pushing(ecru.endpoint, smallRepository, onePut)), withCPU(before.process, b.pushing(before.endpoint, smallRepository, onePut)))
}

// peerRow is a row whose reference is the peer.
func (b *bench) peerRow(what, unit string, goal float64) row {
	return row{what: what, unit: unit, reference: peerName, missing: "run with -peers", goal: goal}
}

// ifPeer drops a measurement of a peer that is not there.
func (b *bench) ifPeer(peer endpoint, m measurement) measurement {
	if peer.host == "" {
		return nil
	}
	return m
}

// pushing measures how many new small images a second some clients push.
func (b *bench) pushing(e endpoint, repository string, way uploadWay) measurement {
	return func(ctx context.Context) (float64, error) {
		return rate(ctx, e, smallClients, b.duration, func(c *conn, _, _ int) error {
			i := newSmallImage()
			return c.pushImage(repository, "t"+i.manifest.digest[7:23], i, way)
		})
	}
}

func (b *bench) smallPulls(ctx context.Context, ecru *server, process *process, peer endpoint) error {
	images := make([]image, pulledImages)
	for i := range images {
		images[i] = newSmallImage()
	}
	for _, e := range []endpoint{ecru.endpoint, peer} {
		if e.host == "" {
			continue
		}
		if _, err := share(ctx, e, smallClients, len(images), func(c *conn, i int) error {
			return c.pushImage(smallRepository, fmt.Sprint("pull-", i), images[i], onePut)
		}); err != nil {
			return err
		}
	}
	pulling := func(e endpoint) measurement {
		return func(ctx context.Context) (float64, error) {
			return rate(ctx, e, smallClients, b.duration, func(c *conn, client, n int) error {
				i := (client*37 + n) % len(images)
				return c.pullImage(smallRepository, fmt.Sprint("pull-", i), images[i])
			})
		}
	}
	r := b.peerRow(fmt.Sprintf("pull of small images, %d clients", smallClients), "images/s", 4)
	return b.compare(ctx, r, withCPU(ecru.process, pulling(ecru.endpoint)), b.ifPeer(peer, withCPU(process, pulling(peer))))
}

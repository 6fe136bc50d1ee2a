package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	manyRepository = "many"
	fewRepository  = "few"
	moreRepository = "more" // only adds to what is stored
	pageLength     = 100
	pageRequests   = 50 // of one round
	startLimit     = time.Second
)

// manyRows measures what a large repository costs: the same requests in one with
// many images and in one with few, then the start of a server that holds both.
func (b *bench) manyRows(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcru(ctx, dir, "off")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	empty, err := b.starts(ctx, ecru)
	if err != nil {
		return err
	}
	for name, images := range map[string]int{manyRepository: b.images, fewRepository: pageLength, moreRepository: b.images / 4} {
		if err := ecru.createRepository(ctx, name, false); err != nil {
			return err
		}
		took, err := b.fill(ctx, ecru.endpoint, name, images, min(images, b.tags), true)
		if err != nil {
			return err
		}
		say("  %s: %d manifests in %s (%.0f/s)", name, images, took.Round(time.Millisecond), float64(images)/took.Seconds())
	}
	if err := b.manyAgainstFew(ctx, ecru); err != nil {
		return err
	}
	if err := b.pages(ctx, ecru, dir); err != nil {
		return err
	}
	full, err := b.starts(ctx, ecru)
	if err != nil {
		return err
	}
	resident, err := ecru.memory("VmRSS")
	if err != nil {
		return err
	}
	b.inform("start of an empty registry, to the first 200 of /readyz", empty, "ms")
	stored := b.images + b.images/4
	b.limit(fmt.Sprintf("start with %d images stored", stored), full, "ms", float64(startLimit.Milliseconds()))
	b.inform(fmt.Sprintf("resident memory after a start with %d images stored", stored), resident, "MB")
	return nil
}

// starts measures starts in order, in ms. The files are in the page cache.
func (b *bench) starts(ctx context.Context, ecru *server) (float64, error) {
	values, err := repeat(ctx, b.rounds, func(ctx context.Context) (float64, error) {
		if err := ecru.stop(); err != nil {
			return 0, err
		}
		took, err := ecru.start(ctx)
		return took.Seconds() * 1000, err
	})
	return median(values), err
}

// fill pushes images that share a layer and a config, the first of them tagged;
// the others go under their digest, or under a tag where the peer wants one.
func (b *bench) fill(ctx context.Context, e endpoint, repository string, images, tags int, digests bool) (time.Duration, error) {
	c, err := e.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	layer := newSmallLayer()
	first := newImage(layer)
	if err := c.pushImage(repository, "first", first, onePut); err != nil {
		return 0, err
	}
	config := first.blobs[len(first.blobs)-1]
	return share(ctx, e, smallClients, images-1, func(c *conn, i int) error {
		m := newManifest(config, []small{layer})
		reference := tagOf(i)
		if i >= tags-1 && digests {
			reference = m.digest
		}
		return c.pushManifest(repository, reference, m)
	})
}

func tagOf(i int) string { return fmt.Sprintf("t%06d", i) }

func (b *bench) manyAgainstFew(ctx context.Context, ecru *server) error {
	reference := fmt.Sprintf("repository of %d images", pageLength)
	suffix := fmt.Sprintf(" in a repository of %d images, %d tags", b.images, b.tags)
	for _, method := range []string{"GET", "HEAD"} {
		r := row{what: "manifest " + method + suffix, unit: "/s", reference: reference, goal: 0.9}
		if err := b.compare(ctx, r, b.picking(ecru.endpoint, method, manyRepository, b.tags-1), b.picking(ecru.endpoint, method, fewRepository, pageLength-1)); err != nil {
			return err
		}
	}
	r := row{what: fmt.Sprintf("first page of %d tags%s", pageLength, suffix), unit: "ms", reference: reference, goal: 0.9, less: true}
	if err := b.compare(ctx, r, b.paging(ecru.endpoint, manyRepository), b.paging(ecru.endpoint, fewRepository)); err != nil {
		return err
	}
	r = row{what: "push of small images" + suffix, unit: "images/s", reference: reference, goal: 0.9}
	return b.compare(ctx, r, b.pushing(ecru.endpoint, manyRepository, onePut), b.pushing(ecru.endpoint, fewRepository, onePut))
}

// picking asks for manifests by tags from all over a repository.
func (b *bench) picking(e endpoint, method, repository string, tags int) measurement {
	return func(ctx context.Context) (float64, error) {
		return rate(ctx, e, manifestClients, b.duration, func(c *conn, client, n int) error {
			tag := tagOf((client*7919 + n*104729) % tags)
			_, err := c.do(request{method: method, path: "/v2/" + repository + "/manifests/" + tag}, 200)
			return err
		})
	}
}

// paging measures the median time of a first page of tags, in ms.
func (b *bench) paging(e endpoint, repository string) measurement {
	return func(ctx context.Context) (float64, error) {
		c, err := e.dial(ctx)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		var took []float64
		for range pageRequests {
			begin := time.Now()
			if _, err := c.do(request{method: "GET", path: fmt.Sprintf("/v2/%s/tags/list?n=%d", repository, pageLength)}, 200); err != nil {
				return 0, err
			}
			took = append(took, time.Since(begin).Seconds()*1000)
		}
		return median(took), nil
	}
}

// pages measures a first page of tags beside the peer.
func (b *bench) pages(ctx context.Context, ecru *server, dir string) (err error) {
	process, peer, err := b.startPeer(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.stop()) }()
	if process != nil {
		if _, err := b.fill(ctx, peer, manyRepository, b.tags, b.tags, false); err != nil {
			return err
		}
	}
	r := b.peerRow(fmt.Sprintf("first page of %d tags out of %d", pageLength, b.tags), "ms", 20)
	r.less = true
	return b.compare(ctx, r, b.paging(ecru.endpoint, manyRepository), b.ifPeer(peer, b.paging(peer, manyRepository)))
}

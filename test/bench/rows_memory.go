package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	idleFor        = 3 * time.Second
	stormRounds    = 4 // lengths of a round that the storm lasts
	idleMegabytes  = 60
	stormMegabytes = 250
)

// memoryRows measures the memory of a server that does nothing, and the most
// that it takes while everybody pushes.
func (b *bench) memoryRows(ctx context.Context, dir string) (err error) {
	ecru, err := b.startEcru(ctx, dir, "off")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	if err := ecru.createRepository(ctx, smallRepository, true); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleFor): // idle is what it is to be
	}
	idle, err := ecru.memory("VmRSS")
	if err != nil {
		return err
	}
	b.limit("resident memory, idle", idle, "MB", idleMegabytes)
	if err := b.storm(ctx, ecru); err != nil {
		return err
	}
	peak, err := ecru.memory("VmHWM")
	if err != nil {
		return err
	}
	b.limit(fmt.Sprintf("peak resident memory, %d clients pushing small images and %d large blobs", smallClients, parallelClients), peak, "MB", stormMegabytes)
	return nil
}

// storm pushes small images, which are scanned on push, and large blobs at the
// same time.
func (b *bench) storm(ctx context.Context, ecru *server) error {
	length := stormRounds * b.duration
	large := make(chan error, 1)
	go func() {
		_, err := rate(ctx, ecru.endpoint, parallelClients, length, func(c *conn, _, _ int) error {
			one, err := newContent(b.large / parallelBlobs)
			if err != nil {
				return err
			}
			return c.pushBlob(smallRepository, one.digest, nil, one, patchThenPut)
		})
		large <- err
	}()
	_, err := rate(ctx, ecru.endpoint, smallClients, length, func(c *conn, _, _ int) error {
		i := newSmallImage()
		return c.pushImage(smallRepository, "t"+i.manifest.digest[7:23], i, patchThenPut)
	})
	return errors.Join(err, <-large)
}

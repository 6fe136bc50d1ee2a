package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/test/sample"
)

const (
	scannedRepository   = "scanned"
	unscannedRepository = "unscanned"
	scanMedianLimit     = 50  // ms
	knownLimit          = 5   // ms of processor time
	readLayerLimit      = 1.2 // × inflating
	// pollEvery is how long the client waits between two questions: it must not
	// take the processor from the scan that it waits for.
	pollEvery = 2 * time.Millisecond
)

// scanRows measures scans of images whose layers are new, and known.
func (b *bench) scanRows(ctx context.Context, dir string) (err error) {
	advisories, err := sample.Advisories(b.root, dir)
	if err != nil {
		return err
	}
	say("  %s", advisories.Said)
	rootfs, source, err := sample.Rootfs(b.root)
	if err != nil {
		return err
	}
	say("  %s", source.Said)
	if source.Place == "" {
		b.note("The scanned root filesystem is not a whole one: a package database and os-release, carried by the repository.")
	} else {
		b.note("The scanned root filesystem is the Alpine 3.20.3 minirootfs with zeros for compiled programs, which inflate faster than real ones: reading it costs more beside inflating it than reading a real one.")
	}
	ecru, err := b.startEcru(ctx, dir, advisories.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	for name, onPush := range map[string]bool{scannedRepository: true, unscannedRepository: false} {
		if err := ecru.createRepository(ctx, name, onPush); err != nil {
			return err
		}
	}
	if err := b.scanLatency(ctx, ecru, rootfs); err != nil {
		return err
	}
	if err := b.scanKnown(ctx, ecru, rootfs); err != nil {
		return err
	}
	return b.readLayers(ctx)
}

// ownLayer makes a layer that is like no other: a gzip member with one more file
// before the root filesystem's own. Members that follow each other are one
// stream, and a tar archive ends with the last of them.
func ownLayer(rootfs []byte) (small, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	text := fmt.Append(nil, serial().Add(1))
	if err := w.WriteHeader(&tar.Header{Name: "etc/serial", Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		return small{}, err
	}
	if _, err := w.Write(text); err != nil {
		return small{}, err
	}
	// Flush ends the file; Close would end the archive.
	if err := errors.Join(w.Flush(), z.Close()); err != nil {
		return small{}, err
	}
	return newSmall(append(out.Bytes(), rootfs...)), nil
}

// scanLatency measures from the answer to the manifest until the API says that
// the scan is complete, one image after the other.
func (b *bench) scanLatency(ctx context.Context, ecru *server, rootfs []byte) error {
	c, err := ecru.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	n := 100
	if b.quick {
		n = 10
	}
	var took []float64
	for i := range n + 3 {
		layer, err := ownLayer(rootfs)
		if err != nil {
			return err
		}
		one := newImage(layer)
		if err := c.pushImage(scannedRepository, fmt.Sprint("new-", i), one, patchThenPut); err != nil {
			return err
		}
		begin := time.Now()
		if err := b.awaitScan(ctx, ecru, one.manifest.digest, pollEvery); err != nil {
			return err
		}
		if i >= 3 { // the first loads the advisories
			took = append(took, time.Since(begin).Seconds()*1000)
		}
	}
	what := fmt.Sprintf("scan of an image with a new layer of %.1f MB, manifest accepted to COMPLETE, ", float64(len(rootfs))/1e6)
	b.limit(what+"p50", percentile(took, 50), "ms", scanMedianLimit)
	b.inform(what+"p99", percentile(took, 99), "ms")
	return nil
}

func (b *bench) awaitScan(ctx context.Context, ecru *server, digest string, every time.Duration) error {
	return await(ctx, every, startTimeout, "the scan of "+digest, func() (bool, error) {
		return ecru.scanned(ctx, scannedRepository, digest)
	})
}

// scanKnown measures the processor time of scans whose layer is known: that of
// pushing manifests that are scanned, less that of pushing as many that are not.
func (b *bench) scanKnown(ctx context.Context, ecru *server, rootfs []byte) error {
	layer, err := ownLayer(rootfs)
	if err != nil {
		return err
	}
	first := newImage(layer)
	c, err := ecru.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, repository := range []string{unscannedRepository, scannedRepository} {
		if err := c.pushImage(repository, "known", first, onePut); err != nil {
			return err
		}
	}
	if err := b.awaitScan(ctx, ecru, first.manifest.digest, pollEvery); err != nil {
		return err
	}
	images := 300
	if b.quick {
		images = 50
	}
	config := first.blobs[len(first.blobs)-1]
	pushing := func(repository string, settle func([]string) error) measurement {
		return func(ctx context.Context) (float64, error) {
			return cpuOfPushes(ecru, c, repository, config, layer, images, settle)
		}
	}
	p, err := alternate(ctx, b.rounds,
		pushing(scannedRepository, func(digests []string) error { return b.settle(ctx, ecru, digests) }),
		pushing(unscannedRepository, nil))
	if err != nil {
		return err
	}
	b.limit("scan of an image whose layer is known, processor time", median(p.ours)-median(p.theirs), "ms", knownLimit)
	return nil
}

// settle waits until all images are scanned. It asks rarely, because answering
// takes processor time, too.
func (b *bench) settle(ctx context.Context, ecru *server, digests []string) error {
	for i := len(digests) - 1; i >= 0; i -= max(1, len(digests)/5) {
		if err := b.awaitScan(ctx, ecru, digests[i], 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// cpuOfPushes answers the server's processor time for each of some manifests, in
// ms.
func cpuOfPushes(ecru *server, c *conn, repository string, config, layer small, images int, settle func([]string) error) (float64, error) {
	before, err := ecru.cpu()
	if err != nil {
		return 0, err
	}
	var digests []string
	for range images {
		m := newManifest(config, []small{layer})
		if err := c.pushManifest(repository, m.digest, m); err != nil {
			return 0, err
		}
		digests = append(digests, m.digest)
	}
	if settle != nil {
		if err := settle(digests); err != nil {
			return 0, err
		}
	}
	after, err := ecru.cpu()
	return (after - before).Seconds() * 1000 / float64(images), err
}

// readLayers runs the benchmark of the layer reader, which inflates the same
// layers with the same library by turns.
func (b *bench) readLayers(ctx context.Context) error {
	length := "2s"
	if b.quick {
		length = "100ms"
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkReadLayer$", "-benchtime", length, "./internal/scan/inventory")
	cmd.Dir = b.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the benchmark of the layer reader: %w\n%s", err, out)
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for i, f := range fields {
			if f != "×inflate" || i == 0 {
				continue
			}
			times, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				return err
			}
			found++
			b.add(result{
				what: "processor time of reading a new layer: " + layerName(fields[0]), ours: factor(times), reference: "inflating it: 1×",
				ratio: factor(times), goal: "≤ " + factor(readLayerLimit), met: yesNo(times <= readLayerLimit),
			})
		}
	}
	if found == 0 {
		return fmt.Errorf("the benchmark of the layer reader said nothing:\n%s", out)
	}
	return nil
}

// layerName is the last part of BenchmarkReadLayer/NAME-2.
func layerName(benchmark string) string {
	name := benchmark[strings.LastIndex(benchmark, "/")+1:]
	if dash := strings.LastIndex(name, "-"); dash > 0 {
		name = name[:dash]
	}
	return name
}

// Command demo runs ecru's main job on real input, end to end and through its
// public interfaces only: it starts the built binary on the embedded store,
// pushes an image that it makes of a real root filesystem, waits for the scan
// and prints the findings. Then it stays up until it is interrupted.
//
// It must not import internal packages: what it can do, a user can.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the demo's flags.
type options struct {
	binary string
	listen string
	data   string
	once   bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "ecru", "bin/ecru", "the built binary")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:5000", "where to listen; another free port is taken when it is in use")
	flag.StringVar(&o.data, "data", "", "data directory; without one a temporary one is used and removed")
	flag.BoolVar(&o.once, "once", false, "end after the findings instead of staying up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.data == "" {
		if o.data, err = os.MkdirTemp("", "ecru-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.data)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	registry, err := startRegistry(ctx, root, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.stop()) }()

	started := time.Now()
	pushed, err := registry.pushImage(ctx, root)
	if err != nil {
		return err
	}
	report, err := registry.awaitScan(ctx, pushed)
	if err != nil {
		return err
	}
	printFindings(os.Stdout, report)
	fmt.Printf("\nFrom the first byte pushed to the last finding read: %v.\n", time.Since(started).Round(time.Millisecond))
	if o.once {
		return nil
	}
	registry.printUse(os.Stdout, pushed)
	return registry.wait(ctx)
}

// say prints one step of the demo.
func say(format string, args ...any) { fmt.Printf("==> "+format+"\n", args...) }

func absolute(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

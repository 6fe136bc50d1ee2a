// Command bench measures ecru beside references, in one run on one machine, and
// prints a table: what was measured, ecru, the reference, their ratio and the
// goal. The two sides take turns, several rounds each, and medians are compared:
// figures of different runs or machines say little, ratios of one run do.
//
// References are nginx, bare Go handlers in processes of their own and, with
// -peers, the distribution project's registry. ecru runs as its users run it:
// the built binary, durable writes, its access log on. Everything goes through
// public interfaces; the command must not import internal packages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	ecru     string
	before   string
	rows     string
	write    string
	dir      string
	quick    bool
	peers    bool
	rounds   int
	duration time.Duration
	images   int
	tags     int
	fleet    int
	large    int64
}

// referenceCommand makes the bench serve as one of its own references.
const referenceCommand = "reference"

func main() {
	if len(os.Args) > 1 && os.Args[1] == referenceCommand {
		exit(serveReference(os.Args[2:]))
	}
	var o options
	flag.StringVar(&o.ecru, "ecru", "bin/ecru", "the built binary")
	flag.StringVar(&o.before, "before", "", "another build of ecru, an older one perhaps, whose pushes of small images are compared with this one's")
	flag.StringVar(&o.rows, "rows", "", "groups of rows to measure, separated by commas (default all): "+strings.Join(groupNames(), ", "))
	flag.StringVar(&o.write, "write", "", "also write the results to this Markdown file")
	flag.StringVar(&o.dir, "dir", "", "where the servers keep their data; removed afterwards (default a directory in .tools: /tmp may be in memory, where nothing is durable)")
	flag.BoolVar(&o.quick, "quick", false, "small sizes and few rounds: shows that all works, not how fast")
	flag.BoolVar(&o.peers, "peers", false, "build the peers that are missing in .tools/bin")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds that count; one more warms up")
	flag.DurationVar(&o.duration, "time", 3*time.Second, "length of one round of a rate")
	flag.IntVar(&o.images, "images", 80_000, "images in the large repository; the limit of a repository is 100,000, and pushes come on top")
	flag.IntVar(&o.tags, "tags", 10_000, "of them with a tag")
	flag.IntVar(&o.fleet, "fleet", 100_000, "images that new advisories are measured beside")
	flag.Int64Var(&o.large, "large", 1<<30, "bytes of a large blob; the eight smaller ones have an eighth each")
	flag.Parse()
	if o.quick {
		o.rounds, o.duration, o.images, o.tags, o.large, o.fleet = 2, 500*time.Millisecond, 2000, 1000, 64<<20, 1000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// bench is one run.
type bench struct {
	options
	root    string // of the repository
	binary  string // ecru
	results []result
	notes   []string
}

// group is a set of rows that share servers.
type group struct {
	name string
	run  func(*bench, context.Context, string) error
}

func groups() []group {
	return []group{
		{"large", (*bench).largeRows},
		{"small", (*bench).smallRows},
		{"manifests", (*bench).manifestRows},
		{"many", (*bench).manyRows},
		{"events", (*bench).eventRows},
		{"scan", (*bench).scanRows},
		{"continuous", (*bench).continuousRows},
		{"memory", (*bench).memoryRows},
	}
}

func groupNames() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

func run(ctx context.Context, o options) (err error) {
	selected, err := selectGroups(o.rows)
	if err != nil {
		return err
	}
	b := &bench{options: o}
	if b.root, err = os.Getwd(); err != nil {
		return err
	}
	if b.binary, err = filepath.Abs(o.ecru); err != nil {
		return err
	}
	if _, err := os.Stat(b.binary); err != nil {
		return fmt.Errorf("%w (make build makes the binary)", err)
	}
	machine := describeMachine(b.root)
	dir, err := b.makeDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	machine.FileSystem = fileSystemOf(dir)
	if err := b.preparePeers(ctx); err != nil {
		return err
	}
	for _, g := range selected {
		if err := b.runGroup(ctx, g, dir); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	machine.LoadAfter = loadAverage()
	b.printTable(os.Stdout, machine)
	if o.write == "" {
		return nil
	}
	return b.writeDocument(o.write, machine)
}

// runGroup gives a group a directory. The large files are removed before the next
// group begins; the many small ones stay, because ext4 without a journal makes
// files slowly while it remembers that others were removed.
func (b *bench) runGroup(ctx context.Context, g group, dir string) error {
	say("%s", g.name)
	own := filepath.Join(dir, g.name)
	if err := os.MkdirAll(own, 0o755); err != nil {
		return err
	}
	err := g.run(b, ctx, own)
	if g.name != "large" {
		return err
	}
	return errors.Join(err, os.RemoveAll(own))
}

func selectGroups(names string) ([]group, error) {
	if names == "" {
		return groups(), nil
	}
	var selected []group
	for name := range strings.SplitSeq(names, ",") {
		before := len(selected)
		for _, g := range groups() {
			if g.name == strings.TrimSpace(name) {
				selected = append(selected, g)
			}
		}
		if len(selected) == before {
			return nil, fmt.Errorf("there is no group of rows %q: %s", name, strings.Join(groupNames(), ", "))
		}
	}
	return selected, nil
}

func (b *bench) makeDir() (string, error) {
	parent := b.dir
	if parent == "" {
		parent = filepath.Join(b.root, ".tools")
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return "", err
	}
	// nginx's workers may be another user.
	return dir, os.Chmod(dir, 0o755) //nolint:gosec // nothing secret lies in it but a registry's own 0700 directory
}

// say prints what happens now.
func say(format string, args ...any) {
	fmt.Printf("%s ==> %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

package main

import (
	"fmt"
	"os"
	"strings"
)

// writeDocument writes the results for people who were not there.
func (b *bench) writeDocument(name string, m machine) error {
	var t strings.Builder
	fmt.Fprintf(&t, `# Performance

Written by `+"`make bench`"+`; do not edit. All figures are of one run on one machine, on %s, of commit %s.
Both sides of a row took turns: %d rounds after one that warms up, medians, and in brackets the least and the
greatest ratio of a round. Machines differ and are noisy: read ratios, not figures.

| | ecru | reference | ratio (rounds) | goal | met |
|---|---|---|---|---|---|
`, m.Date, m.Commit, b.rounds)
	for _, r := range b.results {
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.ours, r.reference, r.ratio, r.goal, r.met)
	}
	b.writeMachine(&t, m)
	b.writeMethod(&t)
	return os.WriteFile(name, []byte(t.String()), 0o644) //nolint:gosec // a page of the documentation
}

func (b *bench) writeMachine(t *strings.Builder, m machine) {
	t.WriteString("\n## Machine\n\n| | |\n|---|---|\n")
	for _, line := range [][2]string{
		{"processor", m.CPU},
		{"cores", fmt.Sprintf("%d, shared by servers and clients", m.Cores)},
		{"memory", m.Memory},
		{"kernel", m.Kernel},
		{"file system of the data", m.FileSystem},
		{"Go", m.Go},
		{"nginx", m.Nginx},
		{"peer", b.peerState()},
		{"load average before and after", m.LoadBefore + " / " + m.LoadAfter},
	} {
		fmt.Fprintf(t, "| %s | %s |\n", line[0], line[1])
	}
}

func (b *bench) peerState() string {
	if !b.havePeer() {
		return peerName + ": " + notMeasured
	}
	return peerName + " " + peerVersion
}

func (b *bench) writeMethod(t *strings.Builder) {
	t.WriteString("\n## How to repeat it\n\n```\n")
	fmt.Fprintf(t, "make build && go run ./test/bench -peers%s -write docs/performance.md\n```\n\n", b.changedFlags())
	t.WriteString("`-peers` builds the peer once, into `.tools/bin`; `-rows` measures some groups only; `-quick` shows that all works.\n")
	t.WriteString("\n## Notes\n\n")
	for _, note := range append(methodNotes(), b.notes...) {
		fmt.Fprintf(t, "- %s\n", note)
	}
}

// changedFlags are those that made this run differ from one without flags.
func (b *bench) changedFlags() string {
	if b.quick {
		return " -quick"
	}
	var flags string
	if b.rows != "" {
		flags += " -rows " + b.rows
	}
	return flags + fmt.Sprintf(" -rounds %d -time %s -images %d -tags %d -large %d", b.rounds, b.duration, b.images, b.tags, b.large)
}

// methodNotes say what a reader must know to judge the figures.
func methodNotes() []string {
	return []string{
		"Clients and servers share the machine's cores over loopback, so what the client costs is part of every figure and brings ratios nearer to 1. The client is written for this: it parses as little of HTTP as possible, and makes and hashes large content before time runs; small blobs it makes and hashes as it goes.",
		"ecru runs with its default settings: SQLite, durable writes, access log to a file. Clients send Basic credentials with each request, as real ones do; the peer and the bare handlers check none.",
		"Pushed content is random and never pushed twice. `PUT`: POST, then one PUT, as containerd and buildkit do. `PATCH and PUT`: POST, a PATCH with all bytes, an empty PUT, as docker, skopeo and crane do; ecru makes the bytes of a PATCH durable before it answers. A small image is three layers of 10 KB and a config, each asked for with HEAD first, and a manifest.",
		"Served files are in the page cache. Starts are, too; they follow an orderly stop.",
		"The Go handler of the push rows reads the body into sha256 and a file, then calls fdatasync; it has no database and syncs no directory. The one of the manifest rows answers the same bytes out of a map.",
		"The peer is the distribution project's registry with its file system driver and its cache in memory, without logs and traces; it syncs what it writes, as ecru does. zot, the other peer of the goals, was not measured: its module could not be fetched when this was written.",
		"Scans: the client asks the API every 2 ms, so up to that and one question are part of each time. Layers are a root filesystem with one more file each, pushed right before their manifest. The processor time for known layers is that of manifests that are scanned less that of as many that are not.",
		"Memory is VmRSS and VmHWM as the kernel counts them, mapped parts of the program included; 1 MB is 2^20 bytes there. Throughput counts in 10^6 bytes.",
	}
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is what a reader needs to know of the place of a run.
type machine struct {
	Date       string
	Commit     string
	CPU        string
	Cores      int
	Memory     string
	Kernel     string
	FileSystem string
	Go         string
	Nginx      string
	LoadBefore string
	LoadAfter  string
}

func describeMachine(root string) machine {
	return machine{
		Date:       time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Commit:     commitOf(root),
		CPU:        field("/proc/cpuinfo", "model name"),
		Cores:      runtime.NumCPU(),
		Memory:     totalMemory(),
		Kernel:     runtime.GOOS + " " + strings.TrimSpace(readFile("/proc/sys/kernel/osrelease")),
		Go:         runtime.Version(),
		Nginx:      nginxVersion(),
		LoadBefore: loadAverage(),
	}
}

// commitOf names the source, and says when the tree held more than it.
func commitOf(root string) string {
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "--short=12", "HEAD")
	if commit == "" {
		return "unknown"
	}
	// What the bench itself writes is no change of what it measures.
	if git("status", "--porcelain", "--", "cmd", "internal", "go.mod", "go.sum") != "" {
		commit += " with uncommitted changes"
	}
	return commit
}

func readFile(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text)
}

// field finds "name : value" in a file of /proc.
func field(file, name string) string {
	for line := range strings.Lines(readFile(file)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func totalMemory() string {
	kb, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(kb)/(1<<20))
}

func loadAverage() string {
	fields := strings.Fields(readFile("/proc/loadavg"))
	if len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}

// fileSystemOf answers the type of the file system that holds a directory.
func fileSystemOf(dir string) string {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "unknown"
	}
	kind, longest := "unknown", -1
	for line := range strings.Lines(readFile("/proc/mounts")) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) <= longest {
			continue
		}
		if point := strings.TrimSuffix(fields[1], "/"); dir == point || strings.HasPrefix(dir, point+"/") {
			kind, longest = fields[2], len(fields[1])
			if kind == "ext4" && !journaled(fields[0]) {
				kind = "ext4 without a journal"
			}
		}
	}
	return kind
}

// journaled says whether ext4 keeps a journal for a device: without one a sync
// is much cheaper than most machines' is.
func journaled(device string) bool {
	journals, err := filepath.Glob("/proc/fs/jbd2/" + filepath.Base(device) + "-*")
	return err != nil || len(journals) > 0
}

func nginxVersion() string {
	binary := findNginx()
	if binary == "" {
		return "not installed"
	}
	out, err := exec.Command(binary, "-v").CombinedOutput()
	if err != nil {
		return "unknown"
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "nginx/")
	return version
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ecru-registry/ecru/internal/registry"
	reporting "github.com/ecru-registry/ecru/internal/report"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/scan/source"
)

// The exit codes of scan. Other commands know 0 and 1.
const (
	exitFound      = 1 // there is something at or above --fail-on
	exitNotScanned = 2 // the image, or a part of it, could not be looked at
)

// scanCommand scans an image without a server.
type scanCommand struct {
	imageFlags
	adviceFlags
	Format         []string `help:"What to write: table, json, sarif, cyclonedx, cyclonedx-1.4, cyclonedx-1.5, cyclonedx-1.6 or spdx, with =FILE into a file. Can be given several times." default:"table" placeholder:"FORMAT[=FILE]"`
	Severity       []string `help:"Show only findings of these severities: CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL, UNDEFINED."`
	FailOn         string   `help:"Exit with 1 when a finding that is shown has this severity or a higher one." placeholder:"SEVERITY"`
	IgnoreUnfixed  bool     `help:"Show only findings for which there is a fix."`
	OSOnly         bool     `help:"Look only at the packages of the operating system." name:"os-only"`
	VEX            []string `help:"VEX document that says which findings do not count, in OpenVEX, CSAF or CycloneDX: a file, - for standard input, or oci for those that lie beside the image in its registry. Can be given several times." name:"vex" sep:"none" placeholder:"FILE|oci"`
	ShowSuppressed bool     `help:"List the findings that do not count, too."`
	AllPlatforms   bool     `help:"Scan the images of all platforms of an index."`
	Image          string   `arg:"" help:"The image: a file, a directory, or a name in a registry; with oci:, oci-archive:, docker-archive:, rootfs:, registry: or sbom: before it where that is not clear."`
}

// imageFlags say how images are read.
type imageFlags struct {
	Platform string `help:"Platform of the image, such as linux/arm64; by default linux on this machine's architecture, or the only one there is."`
	Cache    string `help:"Directory for what was read of layers, and for advisories; by default ecru in the user's cache directory." type:"path"`
	Offline  bool   `help:"Ask neither registries nor the advisories' source."`
	Insecure bool   `help:"Speak to the registry without TLS, or with TLS that nobody vouches for."`
	Quiet    bool   `help:"Show no progress." short:"q"`
	Data     string `help:"Data directory of a registry, whose advisories are used." type:"path"`

	beside func(artifactType string) bool // what is read beside images
}

// codedError ends the process with a code of its own.
type codedError struct {
	code int
	error
}

func (e *codedError) Unwrap() error { return e.error }

// Run scans.
func (c *scanCommand) Run(ctx context.Context, s streams) error {
	found, err := c.scan(ctx, s)
	switch {
	case err != nil:
		return &codedError{exitNotScanned, err}
	case found != nil:
		return &codedError{exitFound, found}
	}
	return nil
}

// scan answers what is wrong with the image in the sense of --fail-on, and
// apart from that what has kept it from being scanned.
func (c *scanCommand) scan(ctx context.Context, s streams) (found, err error) {
	outputs, filter, failOn, err := c.wishes()
	if err != nil {
		return nil, err
	}
	progress := c.newProgress(s)
	defer progress.finish()
	said, err := c.readVEX()
	if err != nil {
		return nil, err
	}
	c.imageFlags.beside = c.wantedBeside()
	images, err := c.read(ctx, c.Image, c.AllPlatforms, progress)
	if err != nil {
		return nil, err
	}
	scope := match.AllPackages
	if c.OSOnly {
		scope = match.OSPackages
	}
	r := &reporting.Report{Tool: sbom.Tool{Name: "ecru", Version: currentVersion()}, Created: time.Now()}
	complete := true
	err = c.withMatcher(ctx, &c.imageFlags, ecosystemsOf(images, scope), progress, func(m *match.Matcher, notes []string) error {
		for _, image := range images {
			target, whole, err := judge(ctx, m, image, scope)
			if err != nil {
				return err
			}
			target.Notes = append(target.Notes, notes...)
			said.withBeside(image).excuse(&target)
			target.Findings, target.Suppressed = filter.Apply(target.Findings), filter.ApplyTo(target.Suppressed)
			r.Targets = append(r.Targets, target)
			complete = complete && whole
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	progress.finish()
	for _, o := range outputs {
		if err := o.write(s, r, reporting.Options{ShowSuppressed: c.ShowSuppressed}); err != nil {
			return nil, err
		}
	}
	if failOn == "" {
		return nil, nil
	}
	if n := r.AtLeast(failOn); n > 0 {
		return fmt.Errorf("%d of the findings are %s or worse", n, failOn), nil
	}
	if !complete {
		return nil, errors.New("nothing was found, but not all packages could be looked at: see the notes")
	}
	return nil, nil
}

// wishes reads the flags that have to make sense before anything is done.
func (c *scanCommand) wishes() (outputs []output, filter reporting.Filter, failOn registry.Severity, err error) {
	filter.Fixable = c.IgnoreUnfixed
	for _, text := range c.Severity {
		severity, err := reporting.ParseSeverity(text)
		if err != nil {
			return nil, filter, "", fmt.Errorf("--severity: %w", err)
		}
		filter.Severities = append(filter.Severities, severity)
	}
	if c.FailOn != "" {
		if failOn, err = reporting.ParseSeverity(c.FailOn); err != nil {
			return nil, filter, "", fmt.Errorf("--fail-on: %w", err)
		}
	}
	for _, text := range c.Format {
		o, err := parseOutput(text, reporting.Formats())
		if err != nil {
			return nil, filter, "", err
		}
		outputs = append(outputs, o)
	}
	return outputs, filter, failOn, nil
}

// read reads the image.
func (f *imageFlags) read(ctx context.Context, name string, allPlatforms bool, progress *scanProgress) ([]*source.Image, error) {
	cache, err := f.cacheDir()
	if err != nil {
		return nil, err
	}
	images, err := source.Read(ctx, name, source.Options{
		Platform: f.Platform, AllPlatforms: allPlatforms, Cache: cache, Offline: f.Offline, Insecure: f.Insecure,
		Keychain: keychain(ctx, f.Data), UserAgent: "ecru/" + currentVersion(), Transport: transportFor(f.Insecure),
		Progress: progress.layers(), Beside: f.beside,
	})
	if err != nil {
		return nil, err
	}
	// What is too old goes when there is time: now nobody waits for it.
	return images, source.Prune(cache)
}

// cacheDir is where layer records and advisories are kept between runs.
func (f *imageFlags) cacheDir() (string, error) {
	if f.Cache != "" {
		return f.Cache, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: say where to keep things with --cache", err)
	}
	return filepath.Join(dir, "ecru"), nil
}

// judge finds what affects one image; whole says that all of it was looked at.
func judge(ctx context.Context, m *match.Matcher, image *source.Image, scope match.Scope) (t reporting.Target, whole bool, err error) {
	result, err := m.Match(ctx, image.Inventory, scope)
	if errors.Is(err, match.ErrUnknownSystem) {
		err = fmt.Errorf("%s: %w", image.Name, noSystem(image.Inventory))
	}
	if err != nil {
		return t, false, err
	}
	t = targetOf(image)
	t.Findings, t.Sources = result.Findings, result.Sources
	whole = len(t.Notes) == 0 && len(result.Missing) == 0
	if _, known := match.Ecosystem(image.Inventory.OS); !known && hasSystem(image.Inventory) {
		t.Notes, whole = append(t.Notes, noSystem(image.Inventory).Error()), false
	}
	for _, missing := range result.Missing {
		t.Notes = append(t.Notes, fmt.Sprintf("no advisories of %s are loaded: its packages were not looked at", missing))
	}
	if result.Unmentioned {
		t.Notes = append(t.Notes, fmt.Sprintf("the advisories say nothing about %s", release(image.Inventory.OS)))
	}
	if result.Undecided > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d times a version could not be compared with an advisory's", result.Undecided))
	}
	if !whole && len(result.Sources) == 0 {
		return t, false, fmt.Errorf("%s: %s", image.Name, strings.Join(t.Notes, "; "))
	}
	return t, whole, nil
}

func targetOf(image *source.Image) reporting.Target {
	t := reporting.Target{Image: billImage(image), ImageID: image.ID, Kind: string(image.Kind), Inventory: image.Inventory, Notes: slices.Clone(image.Notes)}
	for _, w := range image.Inventory.Warnings {
		t.Notes = append(t.Notes, strings.TrimPrefix(w.Path+": "+w.Message, ": "))
	}
	return t
}

func billImage(image *source.Image) sbom.Image {
	return sbom.Image{
		Name: image.Name, Repository: image.Repository, Tag: image.Tag, Digest: cmp.Or(image.Digest, image.ID), Platform: image.Platform,
		Layers: image.Layers, Created: image.Created,
	}
}

func hasSystem(inv *inventory.Inventory) bool { return len(inv.Databases) > 0 }

func noSystem(inv *inventory.Inventory) error {
	if inv.OS.ID == "" {
		return errors.New("the operating system is not known: its packages were not looked at")
	}
	return fmt.Errorf("no advisories are published for %s: its packages were not looked at", release(inv.OS))
}

func release(os inventory.OSRelease) string {
	return strings.TrimSpace(os.ID + " " + cmp.Or(os.VersionID, os.VersionCodename))
}

// ecosystemsOf lists the advisories that judge images.
func ecosystemsOf(images []*source.Image, scope match.Scope) []string {
	var all []string
	for _, image := range images {
		for _, name := range match.Releases(image.Inventory, scope) {
			if exports := match.Export(name); len(exports) > 0 && !slices.Contains(all, exports[0]) {
				all = append(all, exports[0])
			}
		}
	}
	return all
}

// output is one report that was asked for.
type output struct {
	format reporting.Format
	file   string // empty: standard output
}

func parseOutput(text string, formats []reporting.Format) (output, error) {
	name, file, toFile := strings.Cut(text, "=")
	o := output{format: reporting.Format(name), file: file}
	switch {
	case !slices.Contains(formats, o.format):
		return o, fmt.Errorf("--format: %q is none of %s", name, joined(formats))
	case toFile && file == "":
		return o, fmt.Errorf("--format: %q names no file", text)
	}
	return o, nil
}

func joined(formats []reporting.Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// write makes all of a report before any of it is written.
func (o output) write(s streams, r *reporting.Report, options reporting.Options) error {
	var out bytes.Buffer
	if o.file == "" {
		options.Width = terminalWidth(s.out)
	}
	if err := reporting.Write(&out, r, o.format, options); err != nil {
		return err
	}
	if o.file == "" {
		_, err := out.WriteTo(s.out)
		return err
	}
	return os.WriteFile(o.file, out.Bytes(), 0o644) //nolint:gosec // a report is no secret: others may read what was asked for
}

// terminalWidth is 0 for what is no terminal.
func terminalWidth(w io.Writer) int {
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 && isTerminal(w) {
		return columns
	}
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

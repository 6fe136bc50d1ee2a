package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// advisoriesCommand loads and shows advisories. On a running server it asks
// that; otherwise it opens the store itself.
type advisoriesCommand struct {
	Status advisoriesStatus `cmd:"" help:"Show which advisories are loaded and how old they are."`
	Update advisoriesUpdate `cmd:"" help:"Look at the feed now."`
	Import advisoriesImport `cmd:"" help:"Load advisories from a signed bundle, or from a directory laid out like the OSV bucket."`
	Export advisoriesExport `cmd:"" help:"Write what is loaded to a signed bundle, for a registry that cannot fetch it."`
	Key    advisoriesKey    `cmd:"" help:"Print the public key with which others verify the bundles of this registry."`
}

// storeFlags say where advisories are kept.
type storeFlags struct {
	dataFlags
	Database string `help:"Where metadata lives: sqlite (in the data directory) or postgres://…" default:"sqlite"`
}

type advisoriesStatus struct {
	storeFlags
	JSON   bool          `help:"Print JSON."`
	MaxAge time.Duration `help:"Fail when anything was last known to be what its source has longer ago than this, such as 48h." placeholder:"DURATION"`
}

type advisoriesUpdate struct {
	storeFlags
	companionFlags
	Advisories string   `help:"The feed: a URL or directory laid out like the OSV bucket, or off." default:"${advisories}"`
	Ecosystems []string `arg:"" optional:"" help:"Ecosystems, such as Alpine or Debian:12; without any, all that are needed."`
}

type advisoriesImport struct {
	instanceFlags
	Trust      []string `help:"Public key that may have signed the bundle, as ecru advisories key prints it, or a file of such keys, one to a line. The registry's own is always trusted." placeholder:"KEY"`
	Force      bool     `help:"Import a bundle that is older than what is loaded."`
	Path       string   `arg:"" help:"Bundle, or directory laid out like the OSV bucket: <Ecosystem>/all.zip." type:"path"`
	Ecosystems []string `arg:"" optional:"" help:"Ecosystems to load; without any, all."`
}

type advisoriesExport struct {
	instanceFlags
	File       string   `arg:"" help:"File to write." type:"path"`
	Ecosystems []string `arg:"" optional:"" help:"Ecosystems to export; without any, all that are loaded."`
}

type advisoriesKey struct{ instanceFlags }

// Run shows the state of every ecosystem.
func (c *advisoriesStatus) Run(ctx context.Context, s streams) error {
	sources, err := c.sources(ctx)
	if err != nil {
		return err
	}
	if err := c.print(s, sources); err != nil {
		return err
	}
	return c.tooOld(sources)
}

func (c *advisoriesStatus) print(s streams, sources []admin.Source) error {
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(sources)
	}
	if len(sources) == 0 {
		fmt.Fprintln(s.out, "No advisories are loaded. They are fetched when an image needs them, or by ecru advisories update or import.")
		return nil
	}
	table := tabwriter.NewWriter(plainly(s.out), 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ECOSYSTEM\tRECORDS\tCHECKED\tNEWEST\tFROM\tPROBLEM")
	for _, one := range sources {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", deref(one.Ecosystem), deref(one.Records), age(one.CheckedAt), day(one.NewestModified), deref(one.Location), deref(one.LastError))
	}
	return table.Flush()
}

// tooOld fails for what a monitor should hear of: also what could never be
// loaded, unless nobody publishes it.
func (c *advisoriesStatus) tooOld(sources []admin.Source) error {
	if c.MaxAge <= 0 {
		return nil
	}
	var old []string
	for _, one := range sources {
		never := one.CheckedAt == nil && !strings.Contains(deref(one.LastError), advisory.ErrNoExport.Error())
		if never || (one.CheckedAt != nil && time.Since(*one.CheckedAt) > c.MaxAge) {
			old = append(old, fmt.Sprintf("%s (%s)", deref(one.Ecosystem), age(one.CheckedAt)))
		}
	}
	if len(old) == 0 {
		return nil
	}
	return fmt.Errorf("not known to be what the source has for more than %v: %s", c.MaxAge, strings.Join(old, ", "))
}

func (c *advisoriesStatus) sources(ctx context.Context) ([]admin.Source, error) {
	if client := c.running(ctx); client != nil {
		var out admin.AdvisoriesStatusOutput
		err := client.call(ctx, "AdvisoriesStatus", struct{}{}, &out)
		return out.Sources, err
	}
	var sources []advisory.Source
	err := c.withUpdater(ctx, advisory.Locations{Advisories: advisory.Off}, func(store advisory.Store, _ *advisory.Updater) (err error) {
		sources, err = store.Sources(ctx)
		return err
	})
	return admin.Sources(sources), err
}

// Run updates from the feed.
func (c *advisoriesUpdate) Run(ctx context.Context, s streams) error {
	if client := c.running(ctx); client != nil {
		var out admin.UpdateAdvisoriesOutput
		if err := client.call(ctx, "UpdateAdvisories", map[string]any{"ecosystems": c.Ecosystems}, &out); err != nil {
			return err
		}
		return report(s, out.Outcomes)
	}
	var outcomes []advisory.Outcome
	at := c.beside(c.Advisories)
	err := c.withUpdater(ctx, at, func(store advisory.Store, u *advisory.Updater) (err error) {
		names := c.Ecosystems
		if len(names) == 0 {
			if names, err = neededEcosystems(ctx, store, at); err != nil {
				return err
			}
		}
		outcomes, err = u.Update(ctx, progressTo(s), names...)
		return err
	})
	return errors.Join(report(s, admin.Outcomes(outcomes)), err)
}

// Run loads a bundle or a directory.
func (c *advisoriesImport) Run(ctx context.Context, s streams) error {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return c.bundle(ctx, s, path)
	case len(c.Trust) > 0 || c.Force:
		return errors.New("--trust and --force are about bundles, and a directory has no signature")
	}
	return c.directory(ctx, s, path)
}

func (c *advisoriesImport) directory(ctx context.Context, s streams, path string) error {
	if client := c.running(ctx); client != nil {
		var out admin.ImportAdvisoriesOutput
		if err := client.call(ctx, "ImportAdvisories", input{"directory": path, "ecosystems": c.Ecosystems}, &out); err != nil {
			return err
		}
		return report(s, out.Outcomes)
	}
	var outcomes []advisory.Outcome
	err := c.withUpdater(ctx, advisory.Locations{Advisories: advisory.Off}, func(_ advisory.Store, u *advisory.Updater) (err error) {
		outcomes, err = u.Import(ctx, path, progressTo(s), c.Ecosystems...)
		return err
	})
	return errors.Join(report(s, admin.Outcomes(outcomes)), err)
}

func (c *advisoriesImport) bundle(ctx context.Context, s streams, path string) error {
	trust, err := trustedKeys(c.Trust)
	if err != nil {
		return err
	}
	return c.with(ctx, func(m manager) error {
		var out admin.ImportAdvisoriesOutput
		members := input{"file": path, "trust": trust, "force": c.Force, "ecosystems": c.Ecosystems}
		if err := m.call(ctx, "ImportAdvisoriesBundle", members, &out); err != nil {
			return err
		}
		return report(s, out.Outcomes)
	})
}

// maxKeyFile is more than anybody's list of keys.
const maxKeyFile = 1 << 20

// trustedKeys reads keys, and files of keys.
func trustedKeys(given []string) ([]string, error) {
	var keys []string
	for _, text := range given {
		if strings.HasPrefix(text, "ed25519:") {
			keys = append(keys, text)
			continue
		}
		file, err := os.Open(text)
		if err != nil {
			return nil, fmt.Errorf("--trust: neither a key nor a file of keys: %w", err)
		}
		content, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				keys = append(keys, line)
			}
		}
	}
	for _, key := range keys {
		if _, err := advisory.ParsePublicKey(key); err != nil {
			return nil, fmt.Errorf("--trust: %w", err)
		}
	}
	return keys, nil
}

// Run writes a bundle.
func (c *advisoriesExport) Run(ctx context.Context, s streams) error {
	path, err := filepath.Abs(c.File)
	if err != nil {
		return err
	}
	return c.with(ctx, func(m manager) error {
		var out admin.ExportAdvisoriesOutput
		if err := m.call(ctx, "ExportAdvisories", input{"file": path, "ecosystems": c.Ecosystems}, &out); err != nil {
			return err
		}
		for _, member := range out.Members {
			fmt.Fprintf(s.out, "%s: %d records of %s\n", deref(member.Ecosystem), deref(member.Records), day(member.CheckedAt))
		}
		fmt.Fprintf(s.out, "Signed with %s\n", deref(out.Key))
		return nil
	})
}

// Run prints the key.
func (c *advisoriesKey) Run(ctx context.Context, s streams) error {
	return c.with(ctx, func(m manager) error {
		var out admin.GetAdvisoriesKeyOutput
		if err := m.call(ctx, "GetAdvisoriesKey", input{}, &out); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.out, deref(out.Key))
		return err
	})
}

// running answers a client of the server that uses the data directory, or nil
// when none answers.
func (f *storeFlags) running(ctx context.Context) *adminClient {
	access, err := readAccess(f.Data)
	if err != nil {
		return nil
	}
	target, err := url.Parse(access.Endpoint)
	if err != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", target.Host)
	if err != nil {
		return nil
	}
	connection.Close()
	return &adminClient{access: access}
}

// withUpdater opens the store of a registry that is not running.
func (f *storeFlags) withUpdater(ctx context.Context, at advisory.Locations, use func(advisory.Store, *advisory.Updater) error) (err error) {
	store, err := openStore(ctx, f.Data, f.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	updater, err := newUpdaterOf(store, at, advisory.UpdaterOptions{})
	if err != nil {
		return err
	}
	return use(store, updater)
}

func report(s streams, outcomes []admin.Outcome) error {
	var failed error
	for _, o := range outcomes {
		switch {
		case o.Problem != nil:
			failed = fmt.Errorf("%s: %s", deref(o.Ecosystem), *o.Problem)
			fmt.Fprintf(plainly(s.err), "%s: %s\n", deref(o.Ecosystem), *o.Problem)
		case deref(o.Changed):
			fmt.Fprintf(s.out, "%s: %d records loaded\n", deref(o.Ecosystem), deref(o.Records))
		default:
			fmt.Fprintf(s.out, "%s: unchanged\n", deref(o.Ecosystem))
		}
	}
	return failed
}

// decodeAnswer reads the API's JSON, in which times are seconds.
func decodeAnswer(answer []byte, out any) error { return awsJSON().Decode(answer, out) }

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func age(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return time.Since(*t).Round(time.Second).String() + " ago"
}

func day(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.DateOnly)
}

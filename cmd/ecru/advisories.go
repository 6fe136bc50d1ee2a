package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
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
	Import advisoriesImport `cmd:"" help:"Load advisories from a directory laid out like the OSV bucket."`
}

// storeFlags say where advisories are kept.
type storeFlags struct {
	dataFlags
	Database string `help:"Where metadata lives: sqlite (in the data directory) or postgres://…" default:"sqlite"`
}

type advisoriesStatus struct {
	storeFlags
	JSON bool `help:"Print JSON."`
}

type advisoriesUpdate struct {
	storeFlags
	Advisories string   `help:"The feed: a URL or directory laid out like the OSV bucket, or off." default:"${advisories}"`
	Ecosystems []string `arg:"" optional:"" help:"Ecosystems, such as Alpine or Debian:12; without any, all that are needed."`
}

type advisoriesImport struct {
	storeFlags
	Directory  string   `arg:"" help:"Directory laid out like the OSV bucket: <Ecosystem>/all.zip." type:"existingdir"`
	Ecosystems []string `arg:"" optional:"" help:"Ecosystems to load; without any, all."`
}

// Run shows the state of every ecosystem.
func (c *advisoriesStatus) Run(ctx context.Context, s streams) error {
	sources, err := c.sources(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(sources)
	}
	if len(sources) == 0 {
		fmt.Fprintln(s.out, "No advisories are loaded. They are fetched when an image needs them, or by ecru advisories update or import.")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ECOSYSTEM\tRECORDS\tCHECKED\tNEWEST\tFROM\tPROBLEM")
	for _, one := range sources {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", deref(one.Ecosystem), deref(one.Records), age(one.CheckedAt), day(one.NewestModified), deref(one.Location), deref(one.LastError))
	}
	return table.Flush()
}

func (c *advisoriesStatus) sources(ctx context.Context) ([]admin.Source, error) {
	if client := c.running(ctx); client != nil {
		var out admin.AdvisoriesStatusOutput
		err := client.call(ctx, "AdvisoriesStatus", struct{}{}, &out)
		return out.Sources, err
	}
	var sources []advisory.Source
	err := c.withUpdater(ctx, "off", func(store advisory.Store, _ *advisory.Updater) (err error) {
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
	err := c.withUpdater(ctx, c.Advisories, func(store advisory.Store, u *advisory.Updater) (err error) {
		names := c.Ecosystems
		if len(names) == 0 {
			if names, err = neededEcosystems(ctx, store); err != nil {
				return err
			}
		}
		outcomes, err = u.Update(ctx, progressTo(s), names...)
		return err
	})
	return errors.Join(report(s, admin.Outcomes(outcomes)), err)
}

// Run loads a directory.
func (c *advisoriesImport) Run(ctx context.Context, s streams) error {
	directory, err := filepath.Abs(c.Directory)
	if err != nil {
		return err
	}
	if client := c.running(ctx); client != nil {
		var out admin.ImportAdvisoriesOutput
		if err := client.call(ctx, "ImportAdvisories", map[string]any{"directory": directory, "ecosystems": c.Ecosystems}, &out); err != nil {
			return err
		}
		return report(s, out.Outcomes)
	}
	var outcomes []advisory.Outcome
	err = c.withUpdater(ctx, "off", func(_ advisory.Store, u *advisory.Updater) (err error) {
		outcomes, err = u.Import(ctx, directory, progressTo(s), c.Ecosystems...)
		return err
	})
	return errors.Join(report(s, admin.Outcomes(outcomes)), err)
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
func (f *storeFlags) withUpdater(ctx context.Context, feed string, use func(advisory.Store, *advisory.Updater) error) (err error) {
	store, err := openStore(ctx, f.Data, f.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	updater, err := newUpdater(store, feed, nil, slog.New(slog.DiscardHandler))
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
			fmt.Fprintf(s.err, "%s: %s\n", deref(o.Ecosystem), *o.Problem)
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

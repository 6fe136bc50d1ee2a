package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// adviceFlags say which advisories are used without a server.
type adviceFlags struct {
	Advisories string `help:"Where advisories come from: a URL or directory laid out like the OSV bucket, or off to use what is loaded." default:"${advisories}"`
}

const (
	// freshFor is how long advisories are not asked for again; a server looks
	// as often.
	freshFor = 6 * time.Hour
	// lockRetry is how often it is tried to write where another process does.
	lockRetry = 200 * time.Millisecond
)

// withMatcher brings the advisories of ecosystems up to date and hands over a
// matcher. notes are what people should know about them.
func (f *adviceFlags) withMatcher(ctx context.Context, flags *imageFlags, ecosystems []string, progress *scanProgress, use func(m *match.Matcher, notes []string) error) error {
	feed := f.Advisories
	if flags.Offline {
		feed = "off"
	}
	dir := flags.Data
	if dir == "" {
		cache, err := flags.cacheDir()
		if err != nil {
			return err
		}
		dir = filepath.Join(cache, "advisories")
	}
	a := &advice{dir: dir, feed: feed, shared: flags.Data != "", progress: progress}
	if err := a.bringUpToDate(ctx, ecosystems); err != nil {
		return err
	}
	reader, err := sql.OpenReader(ctx, a.file())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no advisories are loaded in %s, and none are fetched", dir)
	}
	if err != nil {
		return err
	}
	if err := use(match.New(reader, match.Options{}), a.notes); err != nil {
		return errors.Join(a.explain(err), reader.Close())
	}
	return reader.Close()
}

// advice is the advisories in a directory.
type advice struct {
	dir, feed string
	shared    bool // a registry's own, which may be running
	progress  *scanProgress
	notes     []string
	problems  map[string]error // by ecosystem: why it could not be loaded
}

func (a *advice) file() string { return filepath.Join(a.dir, "ecru.db") }

// explain adds to a lack of advisories why there are none.
func (a *advice) explain(err error) error {
	var none *match.NoAdvisoriesError
	if !errors.As(err, &none) {
		return err
	}
	if problem := a.problems[none.Ecosystem]; problem != nil {
		return fmt.Errorf("%w: %w", err, problem)
	}
	if a.feed == "off" {
		return fmt.Errorf("%w, and none are fetched", err)
	}
	return err
}

// bringUpToDate loads what is not there or old. What is old and cannot be
// looked at again is still better than nothing, and is said.
func (a *advice) bringUpToDate(ctx context.Context, ecosystems []string) error {
	due := a.due(ctx, ecosystems)
	if len(due) == 0 || a.feed == "off" {
		return nil
	}
	store, err := a.openForWriting(ctx)
	if errors.Is(err, sql.ErrInUse) {
		return nil // the registry that uses it keeps it up to date
	}
	if err != nil {
		return err
	}
	err = a.update(ctx, store, due)
	return errors.Join(err, store.Close())
}

// due picks the ecosystems to look at. A directory is always looked at: it
// costs nothing.
func (a *advice) due(ctx context.Context, ecosystems []string) []string {
	reader, err := sql.OpenReader(ctx, a.file())
	if err != nil {
		return ecosystems // none, or one of an older version
	}
	defer reader.Close() //nolint:errcheck // it was only read
	sources, err := reader.Sources(ctx)
	if err != nil || !strings.Contains(a.feed, "://") && !a.shared {
		return ecosystems
	}
	limit := time.Now().Add(-freshFor)
	return slices.DeleteFunc(slices.Clone(ecosystems), func(name string) bool {
		return slices.ContainsFunc(sources, func(s advisory.Source) bool {
			same := a.shared || strings.HasPrefix(s.Location, strings.TrimSuffix(a.feed, "/")+"/")
			return (s.Ecosystem == name || s.Ecosystem == advisory.Parent(name)) && s.Loaded() && same && s.Checked().After(limit)
		})
	})
}

// openForWriting waits for other scans, but not for a registry.
func (a *advice) openForWriting(ctx context.Context) (*sql.Store, error) {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, err
	}
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		store, err := sql.Open(ctx, sql.Config{URL: "sqlite:" + a.file(), Logger: slog.New(slog.DiscardHandler)})
		if a.shared || !errors.Is(err, sql.ErrInUse) {
			return store, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
}

func (a *advice) update(ctx context.Context, store *sql.Store, due []string) error {
	feed, err := advisory.OpenFeed(a.feed, advisory.FeedOptions{UserAgent: "ecru/" + currentVersion()})
	if err != nil {
		return err
	}
	outcomes, err := advisory.NewUpdater(store, feed, nil, advisory.UpdaterOptions{}).Update(ctx, a.progress.advisories(), due...)
	if err != nil {
		return err
	}
	sources, err := store.Sources(ctx)
	if err != nil {
		return err
	}
	a.problems = map[string]error{}
	for _, o := range outcomes {
		if o.Err == nil {
			continue
		}
		a.problems[o.Ecosystem] = o.Err
		for _, s := range sources {
			if s.Loaded() && (s.Ecosystem == o.Ecosystem || s.Ecosystem == advisory.Parent(o.Ecosystem)) {
				a.notes = append(a.notes, fmt.Sprintf("the advisories of %s are of %s and could not be looked at again: %v", s.Ecosystem, s.FetchedAt.Format(time.DateOnly), o.Err))
			}
		}
	}
	return nil
}

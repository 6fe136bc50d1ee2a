package advisory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Wanted tells which ecosystems are needed: those of stored images and those
// that the operator listed.
type Wanted interface {
	Wanted(ctx context.Context) ([]string, error)
}

// Outcome is what an update did to one ecosystem.
type Outcome struct {
	Ecosystem string // the export that was read: may be the parent of what was asked for
	Changed   bool   // entries were replaced
	Records   int64
	Entries   int64
	Withdrawn int64 // records that count for nothing because they were withdrawn
	Rejected  int64 // records left out because they could not be read
	// FirstRejection is why the first of them could not.
	FirstRejection error
	// Err is why the ecosystem could not be updated; what was stored stays.
	Err error
	// checked is when unchanged entries were last known to be what the feed
	// has, where the feed says.
	checked time.Time
}

// UpdaterOptions configure an Updater; zero values mean the defaults.
type UpdaterOptions struct {
	Interval time.Duration // between looks at a feed; default 6 hours
	Jitter   float64       // part of Interval that a wait may vary by; default 0.1
	Retry    time.Duration // after a failure; default 5 minutes, at most Interval
	Limits   Limits
	Feed     FeedOptions // for Import
	Logger   *slog.Logger
	Now      func() time.Time
	// MaxAge is when the updater warns of advisories that are wanted and were
	// not known to be what the feed has for so long; 0 is never.
	MaxAge time.Duration
	// Changed is called after an import was committed: there may be Changes in
	// the store. It must not wait for anything.
	Changed func()
}

func (o UpdaterOptions) withDefaults() UpdaterOptions {
	if o.Interval <= 0 {
		o.Interval = 6 * time.Hour
	}
	if o.Jitter <= 0 || o.Jitter >= 1 {
		o.Jitter = 0.1
	}
	if o.Retry <= 0 {
		o.Retry = 5 * time.Minute
	}
	o.Retry = min(o.Retry, o.Interval)
	o.Limits = o.Limits.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	return o
}

// Updater keeps a store as fresh as a feed. One export is loaded at a time: an
// import is bounded in memory, several would not be.
type Updater struct {
	store  Store
	feed   Feed // nil: nothing is fetched, only imported
	wanted Wanted
	opts   UpdaterOptions

	turn   chan struct{} // held while an export is loaded
	soon   chan struct{} // something was loaded for the first time: see what is wanted now
	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

// NewUpdater makes an updater. Without a feed (advisories "off") it only imports.
func NewUpdater(store Store, feed Feed, wanted Wanted, opts UpdaterOptions) *Updater {
	return &Updater{store: store, feed: feed, wanted: wanted, opts: opts.withDefaults(), turn: make(chan struct{}, 1), soon: make(chan struct{}, 1)}
}

// ErrOff is what an updater without a feed answers.
var ErrOff = errors.New("advisories: no feed is configured")

// Start begins to refresh in the background, at once and then at intervals,
// until Stop. The end of ctx does not end it: that is what Stop is for.
func (u *Updater) Start(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done != nil {
		return errors.New("advisories: the updater is already started")
	}
	if u.feed == nil && (u.opts.MaxAge <= 0 || u.wanted == nil) {
		return nil
	}
	ctx, u.cancel = context.WithCancel(context.WithoutCancel(ctx))
	u.done = make(chan struct{})
	go u.run(ctx, u.done)
	return nil
}

// Stop ends the background work, also in the middle of an import, and waits
// until it has ended or ctx does.
func (u *Updater) Stop(ctx context.Context) error {
	u.mu.Lock()
	cancel, done := u.cancel, u.done
	u.mu.Unlock()
	if done == nil {
		return nil
	}
	cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *Updater) run(ctx context.Context, done chan struct{}) {
	defer close(done)
	for {
		wait := u.interval()
		if !u.refresh(ctx) {
			wait = u.opts.Retry
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-u.soon:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// interval varies, so that many servers do not ask one feed at the same second.
func (u *Updater) interval() time.Duration {
	spread := u.opts.Jitter * (2*rand.Float64() - 1)
	return time.Duration(float64(u.opts.Interval) * (1 + spread))
}

// refresh updates what is wanted and due; false asks for an early retry.
func (u *Updater) refresh(ctx context.Context) bool {
	wanted, err := u.wanted.Wanted(ctx)
	if err == nil && u.feed == nil { // nothing but somebody with a bundle can help
		u.warnOfAge(ctx, wanted)
		return true
	}
	var names []string
	if err == nil {
		names, err = u.due(ctx, slices.Clone(wanted))
	}
	if err != nil {
		if ctx.Err() == nil {
			u.opts.Logger.WarnContext(ctx, "advisories: cannot tell what to update", "error", err)
		}
		return false
	}
	if len(names) == 0 {
		return true
	}
	outcomes, err := u.Update(ctx, nil, names...)
	good := err == nil
	u.warnOfAge(ctx, wanted)
	for _, o := range outcomes {
		good = good && (o.Err == nil || errors.Is(o.Err, ErrNoExport))
	}
	return good
}

// warnOfAge says what has become old.
func (u *Updater) warnOfAge(ctx context.Context, wanted []string) {
	sources, err := u.store.Sources(ctx)
	if err != nil || u.opts.MaxAge <= 0 {
		return
	}
	for _, s := range sources {
		age := u.opts.Now().Sub(s.Checked())
		needed := slices.ContainsFunc(wanted, func(n string) bool { return n == s.Ecosystem || Parent(n) == s.Ecosystem })
		if s.Loaded() && needed && age > u.opts.MaxAge {
			u.opts.Logger.WarnContext(ctx, "advisories: old, and nothing newer can be had", "ecosystem", s.Ecosystem, "age", age.Round(time.Minute).String(), "problem", s.LastError)
		}
	}
}

// due leaves out what was looked at, with success, less than about an interval
// ago: a restart is no reason to load everything again.
func (u *Updater) due(ctx context.Context, names []string) ([]string, error) {
	sources, err := u.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	limit := u.opts.Now().Add(-time.Duration(float64(u.opts.Interval) * (1 - 2*u.opts.Jitter)))
	fresh, loaded := map[string]bool{}, map[string]bool{}
	for _, s := range sources {
		loaded[s.Ecosystem] = s.Loaded()
		fresh[s.Ecosystem] = s.Loaded() && s.LastError == "" && s.Checked().After(limit)
	}
	return slices.DeleteFunc(names, func(n string) bool { return fresh[n] || (!loaded[n] && fresh[Parent(n)]) }), nil
}

// Update looks at the feed for the ecosystems, now; without names for all that
// are wanted. "Debian:12" is served by its own export where there is one, else
// by the export of "Debian". Problems of one ecosystem are in its outcome and
// do not stop the others; the error is for what stops all (the context, a store
// that fails).
func (u *Updater) Update(ctx context.Context, report func(Progress), ecosystems ...string) ([]Outcome, error) {
	if u.feed == nil {
		return nil, ErrOff
	}
	if len(ecosystems) == 0 {
		var err error
		if ecosystems, err = u.wanted.Wanted(ctx); err != nil {
			return nil, err
		}
	}
	return u.updateFrom(ctx, u.feed, report, ecosystems)
}

// Import loads exports from a directory that is not the configured feed; without
// names all that it has. A release is left out where its parent is there too.
func (u *Updater) Import(ctx context.Context, dir string, report func(Progress), ecosystems ...string) ([]Outcome, error) {
	if strings.Contains(dir, "://") {
		return nil, fmt.Errorf("advisories: %s is not a directory", dir)
	}
	feed, err := OpenFeed(dir, u.opts.Feed)
	if err != nil {
		return nil, err
	}
	if len(ecosystems) == 0 {
		if ecosystems, err = feed.Ecosystems(ctx); err != nil {
			return nil, err
		}
		if len(ecosystems) == 0 {
			return nil, fmt.Errorf("advisories: %s holds no <Ecosystem>/%s", dir, exportName)
		}
	}
	return u.updateFrom(ctx, feed, report, ecosystems)
}

// Ensure makes sure that there are entries for an ecosystem, loading them when
// there are none yet. After a failure it answers the same failure for a while,
// so that a thousand scans do not become a thousand requests.
func (u *Updater) Ensure(ctx context.Context, ecosystem string) error {
	if loaded, err := u.loaded(ctx, ecosystem); loaded || err != nil {
		return err
	}
	release, err := u.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	// Whoever had the turn before may have loaded it.
	if loaded, err := u.loaded(ctx, ecosystem); loaded || err != nil {
		return err
	}
	if u.feed == nil {
		return ErrOff
	}
	o, err := u.one(ctx, u.feed, ecosystem, map[string]bool{}, func(Progress) {})
	if err = errors.Join(err, o.Err); err == nil {
		// Something may be wanted beside that nobody waits for, such as risks.
		select {
		case u.soon <- struct{}{}:
		default:
		}
	}
	return err
}

// loaded reports whether the ecosystem or its parent has entries; a failure to
// load them a moment ago is answered again.
func (u *Updater) loaded(ctx context.Context, ecosystem string) (bool, error) {
	sources, err := u.store.Sources(ctx)
	if err != nil {
		return false, err
	}
	var failed error
	for _, s := range sources {
		if s.Ecosystem != ecosystem && s.Ecosystem != Parent(ecosystem) {
			continue
		}
		if s.Loaded() {
			return true, nil
		}
		if s.LastError != "" && u.opts.Now().Sub(s.LastAttempt) < time.Minute {
			failed = fmt.Errorf("advisories of %s: %s", s.Ecosystem, s.LastError)
			if strings.Contains(s.LastError, ErrNoExport.Error()) {
				failed = fmt.Errorf("advisories of %s: %w", s.Ecosystem, ErrNoExport)
			}
		}
	}
	return false, failed
}

// lock waits for the turn to load.
func (u *Updater) lock(ctx context.Context) (release func(), err error) {
	select {
	case u.turn <- struct{}{}:
		return func() { <-u.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (u *Updater) updateFrom(ctx context.Context, feed Feed, report func(Progress), ecosystems []string) ([]Outcome, error) {
	if report == nil {
		report = func(Progress) {}
	}
	ecosystems = slices.Compact(slices.Sorted(slices.Values(ecosystems)))
	asked := map[string]bool{}
	for _, e := range ecosystems {
		asked[e] = true
	}
	sources, err := u.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{} // exports that this run looked at
	var outcomes []Outcome
	for _, e := range ecosystems {
		// A release that was loaded by itself goes before its parent: it must
		// not be left as it was.
		own := slices.ContainsFunc(sources, func(s Source) bool { return s.Ecosystem == e && s.Loaded() })
		if p := Parent(e); seen[e] || (p != e && asked[p] && !own) {
			continue // its parent brings it
		}
		release, err := u.lock(ctx)
		if err != nil {
			return outcomes, err
		}
		o, err := u.one(ctx, feed, e, seen, report)
		release()
		if o.Ecosystem != "" {
			outcomes = append(outcomes, o)
		}
		if err != nil {
			return outcomes, err
		}
	}
	return outcomes, nil
}

// one updates an ecosystem from its export or its parent's. The turn is held.
func (u *Updater) one(ctx context.Context, feed Feed, ecosystem string, seen map[string]bool, report func(Progress)) (Outcome, error) {
	names := slices.Compact([]string{ecosystem, Parent(ecosystem)})
	var o Outcome
	for _, name := range names {
		if seen[name] {
			return Outcome{}, nil
		}
		seen[name] = true
		o = u.fetch(ctx, feed, name, report)
		if !errors.Is(o.Err, ErrNoExport) {
			break
		}
	}
	if errors.Is(o.Err, ErrNoExport) {
		o.Ecosystem = ecosystem
		o.Err = fmt.Errorf("%w: %s at %s", ErrNoExport, ecosystem, feed.Location(ecosystem))
	}
	return o, u.record(ctx, o)
}

// fetch gets and loads one export.
func (u *Updater) fetch(ctx context.Context, feed Feed, ecosystem string, report func(Progress)) Outcome {
	o := Outcome{Ecosystem: ecosystem}
	have, err := u.source(ctx, ecosystem)
	if err != nil {
		o.Err = err
		return o
	}
	report(Progress{Ecosystem: ecosystem, Stage: "fetch"})
	exp, err := feed.Fetch(ctx, ecosystem, have)
	if errors.Is(err, ErrNotModified) {
		o.Records, o.Entries = have.Records, have.Entries
		var dated *unchangedError
		if errors.As(err, &dated) {
			o.checked = dated.checked.UTC()
		}
		return o
	}
	if err != nil {
		o.Err = err
		return o
	}
	return u.load(ctx, exp, ecosystem, report)
}

// load imports an export and closes it.
func (u *Updater) load(ctx context.Context, exp *Export, ecosystem string, report func(Progress)) Outcome {
	loaded, err := load(ctx, u.store, exp, ecosystem, u.opts.Limits, u.opts.Now().UTC(), report)
	if err == nil {
		u.opts.Changed()
	}
	if err = errors.Join(err, exp.Close()); err != nil {
		return Outcome{Ecosystem: ecosystem, Err: err}
	}
	return loaded
}

func (u *Updater) source(ctx context.Context, ecosystem string) (Source, error) {
	sources, err := u.store.Sources(ctx)
	if err != nil {
		return Source{}, err
	}
	for _, s := range sources {
		if s.Ecosystem == ecosystem {
			return s, nil
		}
	}
	return Source{}, nil
}

// record notes how an attempt ended. Being stopped is no fault of the feed.
func (u *Updater) record(ctx context.Context, o Outcome) error {
	log := u.opts.Logger.With("ecosystem", o.Ecosystem)
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.Rejected > 0 {
		log.WarnContext(ctx, "advisories: records left out", "rejected", o.Rejected, "first", o.FirstRejection)
	}
	if errors.Is(o.Err, ErrSuperseded) { // another replica is loading the same; it will note how that ends
		log.InfoContext(ctx, "advisories: superseded by another import")
		return nil
	}
	if errors.Is(o.Err, ErrNoExport) && IsRisk(o.Ecosystem) {
		log.DebugContext(ctx, "advisories: the feed has none", "error", o.Err) // and need not: nothing depends on them
		return nil
	}
	if o.Err != nil {
		log.WarnContext(ctx, "advisories: update failed", "error", o.Err)
		return u.store.RecordAttempt(ctx, o.Ecosystem, u.opts.Now().UTC(), prose(o.Err.Error(), maxDetails))
	}
	if o.Changed { // Commit has stored the attempt
		log.InfoContext(ctx, "advisories: updated", "records", o.Records, "entries", o.Entries)
		return nil
	}
	at := u.opts.Now().UTC()
	if !o.checked.IsZero() {
		at = o.checked
	}
	return u.store.RecordAttempt(ctx, o.Ecosystem, at, "")
}

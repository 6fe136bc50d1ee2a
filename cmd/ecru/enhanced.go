package main

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// enhancedParts is enhanced scanning, put together.
type enhancedParts struct {
	settler  *enhanced.Settler
	reader   *enhanced.Reader
	bills    *enhanced.Bills
	scanner  *enhanced.Scanner
	enroller *enhanced.Enroller
	walker   *enhanced.Walker
	follower *enhanced.Follower
	keeper   *enhanced.Keeper
}

// newEnhanced makes what does not need the service, which in its turn needs it.
func newEnhanced(store meta.Store, advisories enhancedAdvisories, indexer *scan.Indexer, region string, metrics prometheus.Registerer, log *slog.Logger) *enhancedParts {
	inventories := enhanced.NewInventories(store)
	settler := &enhanced.Settler{Store: store, Inventories: inventories, Risks: advisories, Region: region, Now: time.Now}
	scanner := &enhanced.Scanner{Settler: settler, Images: store, Catalog: store, Content: indexer, Logger: log}
	return &enhancedParts{
		settler:  settler,
		reader:   &enhanced.Reader{Store: store, Inventories: inventories, Risks: advisories},
		bills:    &enhanced.Bills{Store: store, Layers: indexer, Tool: sbom.Tool{Name: "ecru", Version: currentVersion()}},
		scanner:  scanner,
		enroller: &enhanced.Enroller{Scanner: scanner, All: store},
		walker:   &enhanced.Walker{Settler: settler, All: store},
		follower: &enhanced.Follower{
			Settler: settler, Changes: advisories, Affected: store, Queue: store,
			Accounts: accountsOf(store), Observer: newRematchMetrics(metrics), Logger: log,
		},
		keeper: enhanced.NewKeeper(&enhanced.Keeper{
			Settler: settler, Kept: store, Changes: advisories, Queue: store, Owner: uuid.NewString(), Logger: log,
		}),
	}
}

// enhancedAdvisories is what enhanced scanning needs of the advisories that are
// stored.
type enhancedAdvisories interface {
	enhanced.Changes
	enhanced.Risks
	match.Lookup
}

// connect gives enhanced scanning what came after it, and says who does its jobs.
func (p *enhancedParts) connect(a *app, matcher *match.Matcher) {
	p.settler.Suppressor, p.settler.EventsStored = a.service.Suppressing, a.service.EventsStored
	p.settler.Listening = a.service.Listening
	p.scanner.Plans, p.scanner.Advisories, p.scanner.Judge = a.service, a.updater, matcher
	p.walker.Plans, p.keeper.Plans, p.follower.Judge = a.service, a.service, matcher
	p.keeper.Wake = a.jobs.Wake
	for kind, handle := range map[string]job.Handler{
		enhanced.ScanJob: p.scanner.Handle, enhanced.EnrolJob: p.enroller.Handle, enhanced.RematchJob: p.follower.Handle,
		enhanced.ResettleJob: a.service.Resettling(p.walker.Resettle), enhanced.WindowsJob: p.walker.Windows,
	} {
		a.jobs.Handle(kind, handle)
	}
}

// accountsOf lists all accounts.
func accountsOf(store meta.Records) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		var all []string
		for after := ""; ; {
			page, err := store.ListRecords(ctx, "", meta.AccountRecord, after, 1000)
			if err != nil || len(page) == 0 {
				return all, err
			}
			for _, r := range page {
				all = append(all, r.Name)
			}
			after = page[len(page)-1].Name
		}
	}
}

// storedEcosystems are those whose advisories stored images need: for the packages
// of their systems, and for all other components that are looked at.
func storedEcosystems(ctx context.Context, store meta.Store) ([]string, error) {
	all, err := store.InventoryEcosystems(ctx)
	if err != nil {
		return nil, err
	}
	releases, err := store.Releases(ctx)
	if err != nil {
		return nil, err
	}
	for _, release := range releases {
		if exports := match.Export(release); len(exports) > 0 {
			all = append(all, exports[0])
		}
	}
	// Images without a system are of no ecosystem.
	return slices.DeleteFunc(unique(all), func(name string) bool { return name == "" }), nil
}

// rematchMetrics counts how findings follow the advisories.
type rematchMetrics struct {
	changes, affected, settled prometheus.Counter
	judging, settling          prometheus.Histogram
}

func newRematchMetrics(r prometheus.Registerer) *rematchMetrics {
	buckets := prometheus.ExponentialBuckets(0.001, 4, 10)
	m := &rematchMetrics{
		changes:  prometheus.NewCounter(prometheus.CounterOpts{Name: "ecru_rematch_changes_total", Help: "Changed advisories that images were matched with again."}),
		affected: prometheus.NewCounter(prometheus.CounterOpts{Name: "ecru_rematch_affected_images_total", Help: "Images that changed advisories were found to affect."}),
		settled:  prometheus.NewCounter(prometheus.CounterOpts{Name: "ecru_rematch_settled_images_total", Help: "Images whose findings were brought up to date after that."}),
		judging:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ecru_rematch_known_seconds", Help: "Time from changed advisories to knowing the images that they affect.", Buckets: buckets}),
		settling: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "ecru_rematch_settled_seconds", Help: "Time that a step of writing findings and events took.", Buckets: buckets}),
	}
	r.MustRegister(m.changes, m.affected, m.settled, m.judging, m.settling)
	return m
}

// Judged is part of enhanced.Observer.
func (m *rematchMetrics) Judged(changes, images int, took time.Duration) {
	m.changes.Add(float64(changes))
	m.affected.Add(float64(images))
	m.judging.Observe(took.Seconds())
}

// Settled is part of enhanced.Observer.
func (m *rematchMetrics) Settled(images int, took time.Duration) {
	m.settled.Add(float64(images))
	m.settling.Observe(took.Seconds())
}

// hostOf is the host of a URL, with its port; empty where there is none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

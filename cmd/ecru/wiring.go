package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ecru-registry/ecru/internal/advisoryserver"
	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/awsapi/ecr"
	"github.com/ecru-registry/ecru/internal/awsapi/eventbridge"
	"github.com/ecru-registry/ecru/internal/awsapi/inspector"
	"github.com/ecru-registry/ecru/internal/awsapi/secretsmanager"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/awsapi/sts"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/oci"
	"github.com/ecru-registry/ecru/internal/oidc"
	"github.com/ecru-registry/ecru/internal/origin"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/external"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
	"github.com/ecru-registry/ecru/internal/seal"
	"github.com/ecru-registry/ecru/internal/server"
	"github.com/ecru-registry/ecru/internal/service"
)

// app is a registry that is put together.
type app struct {
	store    *sql.Store
	service  *service.Service
	jobs     *job.Runner
	updater  *advisory.Updater
	ahead    *scan.Ahead
	enhanced *enhancedParts
	events   *carrier
	server   *server.Server
	audit    auditLog
	// The transports are kept so that a test can walk all that they serve.
	apis         *awsapi.Server
	distribution *oci.Handler
	secrets      *seal.Keyring
	rootKey      meta.AccessKey // with its secret opened
	firstStart   bool
	// announced is set once the files are there by which others find the
	// server; it is not ready before.
	announced atomic.Bool
	log       *slog.Logger
}

// errStarting is why a server that listens already is not ready.
var errStarting = errors.New("still starting")

func (a *app) startUp(context.Context) error {
	if !a.announced.Load() {
		return errStarting
	}
	return nil
}

// openStore opens the metadata store of a data directory, making both.
func openStore(ctx context.Context, data, database string, log *slog.Logger) (*sql.Store, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if database == "sqlite" {
		database = "sqlite:" + filepath.Join(data, "ecru.db")
	}
	return sql.Open(ctx, sql.Config{URL: database, Logger: log})
}

func unique(names []string) []string {
	seen := map[string]bool{}
	out := names[:0:0]
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// assemble makes a registry of the flags. Nothing of it runs yet.
func (c *serveCommand) assemble(ctx context.Context, s streams, log *slog.Logger) (_ *app, err error) {
	store, err := openStore(ctx, c.Data, c.Database, log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, store.Close())
		}
	}()
	content, contentKeys, err := c.openContent(c.Data)
	if err != nil {
		return nil, err
	}
	a := &app{store: store, log: log}
	secrets, err := c.secretFlags.open(c.Data, log)
	if err != nil {
		return nil, err
	}
	var instance meta.Instance
	if instance, a.rootKey, a.firstStart, err = secrets.instance(ctx, store, c.Account); err != nil {
		return nil, err
	}
	a.secrets = secrets.Keyring
	// Advisories do not change before there is somebody to follow them.
	changed := func() { a.enhanced.keeper.Changed() }
	if a.updater, err = newUpdaterOf(store, c.beside(c.Advisories), advisory.UpdaterOptions{Logger: log, Changed: changed, MaxAge: c.AdvisoriesMaxAge}, c.Ecosystems...); err != nil {
		return nil, err
	}
	metrics := newMetrics(store)
	rates, err := throttleRates(c.Throttle)
	if err != nil {
		return nil, err
	}
	a.jobs = job.NewRunner(store, job.Options{Workers: c.ScanWorkers, Logger: log, Observe: newJobMetrics(metrics.Registry()).observe})
	indexer, matcher := c.scanning(a, content, metrics)
	limits, err := limitsOf(c.Quota)
	if err != nil {
		return nil, err
	}
	guard, err := c.guard(ctx, c.Listen, c.fronted(ctx))
	if err != nil {
		return nil, err
	}
	a.events = c.newCarrier(store, guard, s.out, metrics.Registry(), log)
	a.service = service.New(service.Config{
		Default: registry.Scope{Account: c.Account, Region: c.Region},
		Store:   store, Content: content, Limits: limits, Rates: rates,
		Secret: instance.Secret, Identities: oidc.New(oidc.Options{Transport: oidc.GuardedTransport(guard)}), Keyring: a.secrets, ContentKeys: contentKeys, Alone: !strings.HasPrefix(c.Database, "postgres"), FollowAfter: c.FollowAfter, Wake: a.jobs.Wake, Stored: a.ahead.Offer, Logger: log,
		Adapters: newAdapters(guard), RegistryURL: c.registryURL(), Findings: a.enhanced.reader, Contents: a.enhanced.bills, Explainer: matcher,
		EventsStored: a.events.Wake, Replays: a.events, CheckTarget: a.events.targets.Validate, PublicHost: hostOf(c.PublicURL),
	})
	a.events.rules.Service = a.service
	if err := a.ensureOwner(ctx, c.Account); err != nil {
		return nil, err
	}
	a.handleJobs(matcher, indexer, newAdapters(guard))
	if a.audit, err = c.openAudit(c.Data, c.Region, s.out, log); err != nil {
		return nil, err
	}
	a.audit.metrics(metrics.Registry())
	handler, err := c.transports(a, instance)
	if err != nil {
		return nil, err
	}
	proxies, err := origin.Parse(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	a.server, err = server.New(server.Config{
		Listen: []string{c.Listen}, Handler: handler, TLSCert: c.TLSCert, TLSKey: c.TLSKey,
		Ready: map[string]server.Check{"database": store.Ping, "start": a.startUp}, Metrics: metrics, Logger: log,
		Observe: a.audit.observe(), Proxies: proxies,
	})
	return a, err
}

// newMetrics makes the metrics of a server, with those of what it holds.
func newMetrics(store *sql.Store) *server.Metrics {
	metrics := server.NewMetrics(currentVersion())
	metrics.Registry().MustRegister(newHoldings(store, store))
	return metrics
}

// scanning makes what reads layers and what judges their packages, and enhanced
// scanning of both.
func (c *serveCommand) scanning(a *app, content blob.Store, metrics *server.Metrics) (*scan.Indexer, *match.Matcher) {
	// Large files of layers are held in the data directory: images of servers often have no /tmp.
	indexer := &scan.Indexer{Store: a.store, Content: content, Limits: inventory.Limits{TempDir: c.Data}, Logger: a.log}
	a.ahead = &scan.Ahead{Indexer: indexer, Logger: a.log}
	a.enhanced = newEnhanced(a.store, a.store, indexer, c.Region, metrics.Registry(), a.log)
	return indexer, match.New(a.store, match.Options{})
}

// handleJobs says who does which jobs, and what is looked into ahead of them.
func (a *app) handleJobs(matcher *match.Matcher, indexer *scan.Indexer, adapters *external.Client) {
	a.ahead.Wanted = a.service.ScansOnPush
	scanner := &scan.Scanner{
		Manifests:  a.store,
		Outcomes:   a.store,
		Layers:     indexer,
		Advisories: a.updater,
		Matcher:    matcher,
		Announce:   a.service.Announce, EventsStored: a.service.EventsStored,
		Now: time.Now, Logger: a.log,
	}
	a.jobs.Handle(scan.JobKind, scanner.Handle)
	a.handleExternal(adapters)
	a.jobs.Handle(service.RestoreJob, a.service.Restore)
	a.jobs.Handle(service.FollowJob, a.service.Follow)
	a.jobs.Handle(service.ReportJob, a.service.MakeReport)
	a.enhanced.connect(a, matcher)
}

// transports makes the handler of all protocols on the one port.
func (c *serveCommand) transports(a *app, instance meta.Instance) (http.Handler, error) {
	tokens := iam.NewTokens(service.DeriveKey(instance.Secret, service.PasswordPurpose), c.Region)
	layerKey := service.DeriveKey(instance.Secret, "layer urls")
	distribution := oci.New(oci.Config{
		Registry: a.service, Tokens: tokens, LayerKey: layerKey,
		PublicURL: c.PublicURL, Account: c.Account, Logger: a.log,
	})
	control, err := ecr.Service(ecr.Config{
		Service: a.service, Tokens: tokens, LayerKey: layerKey,
		Default: registry.Scope{Account: c.Account, Region: c.Region},
		PageKey: service.DeriveKey(instance.Secret, "page tokens"), PublicURL: c.PublicURL,
	})
	if err != nil {
		return nil, err
	}
	temporary, err := sts.New(a.service)
	if err != nil {
		return nil, err
	}
	home := registry.Scope{Account: c.Account, Region: c.Region}
	pageKey := service.DeriveKey(instance.Secret, "page tokens")
	findings, err := inspector.Service(inspector.Config{Service: a.service, Region: c.Region, PageKey: pageKey})
	if err != nil {
		return nil, err
	}
	advisories := newAdvisoryAdmin(a.store, a.updater, c.beside(c.Advisories), c.Data, instance)
	apis, err := awsapi.New(awsapi.Config{
		Services: []awsapi.Service{control, findings,
			eventbridge.Service(eventbridge.Config{Service: a.service, PageKey: pageKey}),
			secretsmanager.Service(secretsmanager.Config{Service: a.service, Home: home, PageKey: pageKey}),
			manage(a.service, c.Account, c.PublicURL, instance, advisories),
		},
		Query:    temporary,
		Verifier: sigv4.New(a.service, sigv4.Options{}),
		Logger:   a.log,
	})
	if err != nil {
		return nil, err
	}
	a.apis, a.distribution = apis, distribution
	all := route(distribution, apis, inspector.Downloads(a.service))
	if c.ServeAdvisories {
		all = withAdvisories(advisories.handler(a.log), all)
	}
	return all, nil
}

// route tells the protocols apart by the path.
func route(distribution http.Handler, apis *awsapi.Server, reports http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/v2" || strings.HasPrefix(path, "/v2/") || strings.HasPrefix(path, "/layers/"):
			distribution.ServeHTTP(w, r)
		case path == "/" || apis.Serves(path):
			apis.ServeHTTP(w, r)
		case strings.HasPrefix(path, service.ReportsPath):
			reports.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// withAdvisories serves advisories to others, too.
func withAdvisories(advisories, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, advisoryserver.Prefix) {
			advisories.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

func (a *app) start() error {
	a.service.Start()
	a.events.Start(context.Background())
	a.ahead.Start()
	a.jobs.Start(context.Background())
	a.enhanced.keeper.Start()
	if err := a.updater.Start(context.Background()); err != nil {
		return err
	}
	return a.server.Start()
}

// stop ends what start began, in the other direction: no new requests, then no
// new jobs, no deliveries, then the background work.
func (a *app) stop(within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err := errors.Join(a.server.Stop(ctx), a.jobs.Stop(ctx), a.events.Stop(ctx))
	a.ahead.Stop()
	return errors.Join(err, a.updater.Stop(ctx), a.enhanced.keeper.Stop(ctx), a.service.Stop(ctx))
}

func validPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("--public-url: %q is not an http or https URL without a path", text)
	}
	return nil
}

// manage makes ecru's own API.
func manage(s *service.Service, account, publicURL string, instance meta.Instance, advisories admin.Advisories) awsapi.Service {
	return admin.Service(admin.Config{
		Account: account, Service: s, Advisories: advisories,
		PageKey: service.DeriveKey(instance.Secret, "page tokens"), PublicURL: publicURL,
	})
}

// awsJSON is the codec of ecru's own API.
func awsJSON() *wire.Codec { return wire.New(admin.Names) }

// progressTo prints how far loading advisories has come.
func progressTo(s streams) func(advisory.Progress) {
	last := ""
	return func(p advisory.Progress) {
		if p.Stage != last {
			last = p.Stage
			fmt.Fprintf(s.err, "%s: %s\n", p.Ecosystem, p.Stage)
		}
	}
}

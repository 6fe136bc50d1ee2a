package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/advisoryserver"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/service"
)

// companionFlags say where what OSV does not have comes from.
type companionFlags struct {
	AmazonLinux string `name:"amazon-linux" help:"Advisories of Amazon Linux: a URL with the layout of its repositories, a directory with the updateinfo.xml files of each release, or off. Without it Amazon's own if --advisories is the public bucket, else what is beside them." placeholder:"URL"`
	KEV         string `name:"kev" help:"CISA's catalogue of known exploited vulnerabilities: a URL, a file or off. Without it CISA's own if --advisories is the public bucket, else what is beside them in _enrichment." placeholder:"URL"`
	EPSS        string `name:"epss" help:"FIRST's exploit prediction scores: a URL, a file or off. Without it FIRST's own if --advisories is the public bucket, else what is beside them in _enrichment." placeholder:"URL"`
}

func (f companionFlags) beside(advisories string) advisory.Locations {
	return advisory.Locations{Advisories: advisories, AmazonLinux: f.AmazonLinux, KEV: f.KEV, EPSS: f.EPSS}
}

// newUpdater makes the updater of a feed, or one that only imports. changed is
// called when it has stored something; it may be nil.
func newUpdater(store *sql.Store, feed string, changed func(), log *slog.Logger, extra ...string) (*advisory.Updater, error) {
	return newUpdaterOf(store, advisory.Locations{Advisories: feed}, advisory.UpdaterOptions{Logger: log, Changed: changed}, extra...)
}

func newUpdaterOf(store *sql.Store, at advisory.Locations, options advisory.UpdaterOptions, extra ...string) (*advisory.Updater, error) {
	feed, err := advisory.OpenFeeds(at, advisory.FeedOptions{})
	if err != nil {
		return nil, err
	}
	return advisory.NewUpdater(store, feed, wanted{store: store, at: at, extra: extra}, options), nil
}

// wanted are the ecosystems of stored images and those that are configured, and
// with them what is known of their vulnerabilities beside.
type wanted struct {
	store *sql.Store
	at    advisory.Locations
	extra []string
}

func (w wanted) Wanted(ctx context.Context) ([]string, error) {
	stored, err := storedEcosystems(ctx, w.store)
	names := unique(append(stored, w.extra...))
	if err != nil || len(names) > 0 {
		return withRisks(names, w.at), err
	}
	// While the first image is scanned it is not stored yet, but what it is
	// judged by is.
	sources, err := w.store.Sources(ctx)
	if err != nil || !slices.ContainsFunc(sources, advisory.Source.Loaded) {
		return nil, err
	}
	return risks(w.at), nil
}

// withRisks adds the risks, where there is a place for them and anything that
// they could be about.
func withRisks(names []string, at advisory.Locations) []string {
	if len(names) == 0 {
		return nil
	}
	return unique(append(names, risks(at)...))
}

func risks(at advisory.Locations) (names []string) {
	for _, risk := range []string{advisory.KEV, advisory.EPSS} {
		if at.Has(risk) {
			names = append(names, risk)
		}
	}
	return names
}

// neededEcosystems are those of stored images and those that were loaded.
func neededEcosystems(ctx context.Context, store advisory.Store, at advisory.Locations) ([]string, error) {
	sources, err := store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range sources {
		if !advisory.IsRisk(s.Ecosystem) {
			names = append(names, s.Ecosystem)
		}
	}
	if all, ok := store.(meta.Store); ok {
		stored, err := storedEcosystems(ctx, all)
		if err != nil {
			return nil, err
		}
		names = append(names, stored...)
	}
	return withRisks(unique(names), at), nil
}

// advisoryAdmin is what ecru's own API may do with the advisories.
type advisoryAdmin struct {
	store    *sql.Store
	updater  *advisory.Updater
	at       advisory.Locations
	exporter *advisory.Exporter
	key      ed25519.PrivateKey
}

// newAdvisoryAdmin makes it for a data directory. The key with which bundles are
// signed follows from the secret of the instance: whoever has that instance's
// backup has the key, and nobody else.
func newAdvisoryAdmin(store *sql.Store, updater *advisory.Updater, at advisory.Locations, data string, instance meta.Instance) advisoryAdmin {
	return advisoryAdmin{
		store: store, updater: updater, at: at,
		exporter: advisory.NewExporter(store, filepath.Join(data, "advisories")),
		key:      ed25519.NewKeyFromSeed(service.DeriveKey(instance.Secret, "advisory bundles")),
	}
}

func (a advisoryAdmin) Sources(ctx context.Context) ([]advisory.Source, error) {
	return a.store.Sources(ctx)
}

func (a advisoryAdmin) Update(ctx context.Context, ecosystems []string) ([]advisory.Outcome, error) {
	if len(ecosystems) == 0 {
		var err error
		if ecosystems, err = neededEcosystems(ctx, a.store, a.at); err != nil {
			return nil, err
		}
	}
	return a.updater.Update(ctx, nil, ecosystems...)
}

func (a advisoryAdmin) Import(ctx context.Context, directory string, ecosystems []string) ([]advisory.Outcome, error) {
	return a.updater.Import(ctx, directory, nil, ecosystems...)
}

// Key is part of admin.Advisories.
func (a advisoryAdmin) Key() (ed25519.PublicKey, error) {
	key, ok := a.key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the key of the bundles is not there")
	}
	return key, nil
}

// ImportBundle is part of admin.Advisories.
func (a advisoryAdmin) ImportBundle(ctx context.Context, file string, trusted []ed25519.PublicKey, force bool, ecosystems []string) (_ []advisory.Outcome, err error) {
	own, err := a.Key()
	if err != nil {
		return nil, err
	}
	bundle, err := advisory.OpenBundle(ctx, file, append(trusted, own))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bundle.Close()) }()
	return a.updater.ImportBundle(ctx, bundle, force, nil, ecosystems...)
}

// Export is part of admin.Advisories. It writes beside the file first, so that
// there is never half a bundle, and replaces nothing but a bundle.
func (a advisoryAdmin) Export(ctx context.Context, file string, ecosystems []string) (m *advisory.Manifest, err error) {
	if err := replaceable(file); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644) //nolint:gosec // public facts, to be carried elsewhere
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(out, 1<<20)
	m, err = a.bundle(ctx, buffered, ecosystems)
	if err = errors.Join(err, buffered.Flush(), out.Sync(), out.Close()); err != nil {
		return nil, err
	}
	return m, os.Rename(out.Name(), file)
}

func (a advisoryAdmin) bundle(ctx context.Context, w io.Writer, ecosystems []string) (*advisory.Manifest, error) {
	return advisory.WriteBundle(ctx, a.exporter, a.key, "ecru "+currentVersion(), time.Now(), ecosystems, w)
}

// replaceable refuses to overwrite what is no bundle: the name may be a mistake.
func replaceable(file string) error {
	old, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	begin := make([]byte, 64)
	n, _ := io.ReadFull(old, begin)
	if !bytes.HasPrefix(begin[:n], []byte("PK\x03\x04")) || !bytes.Contains(begin[:n], []byte("manifest.json")) {
		return fmt.Errorf("%s is there already, and is no bundle of advisories", file)
	}
	return nil
}

// handler serves the advisories to others.
func (a advisoryAdmin) handler(log *slog.Logger) *advisoryserver.Handler {
	return advisoryserver.New(advisoryserver.Config{
		Exports: a.exporter, Logger: log,
		Bundle: func(ctx context.Context, w io.Writer) error {
			_, err := a.bundle(ctx, w, nil)
			return err
		},
	})
}

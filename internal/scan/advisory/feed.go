package advisory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Why a feed gives no export.
var (
	// ErrNotModified: what is stored is what the feed has.
	ErrNotModified = errors.New("advisory: not modified")
	// ErrNoExport: the feed knows no such ecosystem.
	ErrNoExport = errors.New("advisory: the feed has no such ecosystem")
)

// Feed hands out exports, in the layout of the public OSV bucket:
// <base>/<Ecosystem>/all.zip. KEV and EPSS are in <base>/_enrichment/.
type Feed interface {
	// Fetch gets the export of an ecosystem. It answers ErrNotModified when
	// have describes what the feed has, ErrNoExport when it has none.
	Fetch(ctx context.Context, ecosystem string, have Source) (*Export, error)
	// Ecosystems lists what the feed has, nil when it cannot tell.
	Ecosystems(ctx context.Context) ([]string, error)
	// Location is where an ecosystem would come from, for people.
	Location(ecosystem string) string
}

// Export is what a feed has of an ecosystem, opened.
type Export struct {
	io.ReaderAt
	// Source has Location, ETag, LastModified, Digest and Size filled in, and
	// FetchedAt where the feed knows better than the clock how old it is.
	Source Source
	read   reader // nil: it is a zip of OSV records
	close  func() error
}

// Close releases the export and removes what was downloaded for it.
func (e *Export) Close() error { return e.close() }

// FeedOptions are the bounds of a feed; zero values mean the defaults.
type FeedOptions struct {
	Client         *http.Client  // for http(s); default: one with sane timeouts
	TempDir        string        // for downloads; default: os.TempDir
	MaxExportBytes int64         // default 2 GiB
	IdleTimeout    time.Duration // a download that stands still this long fails; default 1 minute
	UserAgent      string
}

func (o FeedOptions) withDefaults() FeedOptions {
	if o.MaxExportBytes <= 0 {
		o.MaxExportBytes = 2 << 30
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = time.Minute
	}
	if o.UserAgent == "" {
		o.UserAgent = "ecru"
	}
	return o
}

// OpenFeed makes the feed of a location: an http or https URL, or a directory
// that exists.
func OpenFeed(location string, opts FeedOptions) (Feed, error) {
	opts = opts.withDefaults()
	if strings.Contains(location, "://") {
		u, err := webAddress(location)
		if err != nil {
			return nil, err
		}
		return newHTTPFeed(u, opts), nil
	}
	if err := directory(location); err != nil {
		return nil, err
	}
	return &dirFeed{dir: location, opts: opts}, nil
}

// checkEcosystem refuses names that could leave the feed's directory.
func checkEcosystem(name string) error {
	if !plain(name, maxName) || strings.ContainsAny(name, `/\`) || name == "." || name == ".." || name[0] == '-' {
		return fmt.Errorf("advisories: %.64q is not the name of an ecosystem", name)
	}
	return nil
}

const exportName = "all.zip"

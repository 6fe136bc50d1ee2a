package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Kind is where an image comes from; its name is the scheme by which it can be
// asked for.
type Kind string

// The kinds.
const (
	OCI           Kind = "oci"            // directory with an OCI layout
	OCIArchive    Kind = "oci-archive"    // tar of one
	DockerArchive Kind = "docker-archive" // what docker save writes
	Rootfs        Kind = "rootfs"         // directory or tar of a root filesystem
	Registry      Kind = "registry"       // an image in a registry
	SBOM          Kind = "sbom"           // CycloneDX or SPDX JSON
)

// Options say how images are read; zero values mean the defaults.
type Options struct {
	Platform     string // OS/ARCH[/VARIANT]; default: linux on this machine's architecture, or the only one there is
	AllPlatforms bool   // every image of an index, not one
	Cache        string // directory for layer records; empty: none are kept
	Limits       inventory.Limits
	Bill         sbom.Limits
	Parallel     int // layers read at a time; default: as many as there are processors, at most 4

	Offline   bool // registries are not asked
	Insecure  bool // plain HTTP, or TLS that nobody vouches for
	Keychain  authn.Keychain
	Transport http.RoundTripper
	UserAgent string
	// Beside says of which artifact types the documents are read that lie beside an
	// image in its registry; nil reads none.
	Beside func(artifactType string) bool

	// Progress is told how many bytes of layers were read, and of how many;
	// zero while that is not known. It is called by one goroutine at a time.
	Progress func(done, total int64)
}

// Image is one image that was read.
type Image struct {
	Kind       Kind
	Name       string // as it was asked for, without the scheme
	Repository string // of an image in a registry
	Tag        string // where it was named by one
	Digest     string // of its manifest, where it has one
	ID         string // digest of its configuration: what docker calls the image id
	Platform   string
	Created    time.Time
	Layers     []string // digests, base first

	Inventory *inventory.Inventory
	Beside    []Beside // see Options.Beside
	// Notes say what could not be looked at.
	Notes []string
}

// ErrOffline is why a registry was not asked.
var ErrOffline = errors.New("registries are not asked while offline")

// Read reads an image, or with AllPlatforms all images of an index. A fault of
// a layer is an *inventory.Error.
func Read(ctx context.Context, name string, o Options) ([]*Image, error) {
	if o.Platform != "" {
		if _, err := parsePlatform(o.Platform); err != nil {
			return nil, err
		}
	}
	if o.Platform != "" && o.AllPlatforms {
		return nil, errors.New("one platform and all of them are asked for")
	}
	where, err := locate(name)
	if err != nil {
		return nil, err
	}
	r := &reader{Options: o, cache: openCache(o.Cache), progress: progress{tell: o.Progress}}
	if r.Parallel <= 0 {
		r.Parallel = min(max(runtime.GOMAXPROCS(0), 2), 4)
	}
	images, err := r.read(ctx, where)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where.shown(), err)
	}
	for _, image := range images {
		image.Kind, image.Name = where.kind, where.shown()
	}
	return images, nil
}

// reader reads what one call of Read is about.
type reader struct {
	Options
	cache    *cache
	progress progress
}

func (r *reader) read(ctx context.Context, where location) ([]*Image, error) {
	switch where.kind {
	case OCI:
		return r.layoutDirectory(ctx, where)
	case OCIArchive, DockerArchive:
		return r.archive(ctx, where)
	case Rootfs:
		return r.rootfs(ctx, where)
	case SBOM:
		return r.bill(where)
	case Registry:
		return r.remote(ctx, where)
	}
	return nil, fmt.Errorf("%q is no kind of image", where.kind)
}

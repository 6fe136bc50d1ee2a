package oci

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/origin"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
	"github.com/ecru-registry/ecru/internal/service"
)

// Registry is the registry behind the API.
type Registry interface {
	Repositories
	Images
	Blobs
	Uploads
	Principals
}

// Repositories are what the catalog needs.
type Repositories interface {
	Catalog(ctx context.Context, c service.Caller, after string, limit int) (found []registry.Repository, next string, err error)
}

// Images are what manifests, tags and referrers need.
type Images interface {
	Manifest(ctx context.Context, c service.Caller, repository string, ref registry.Reference, use service.ManifestUse) (*registry.StoredManifest, error)
	PutManifest(ctx context.Context, c service.Caller, in service.PushManifest) (*registry.Manifest, service.PutImageResult, error)
	DeleteReference(ctx context.Context, c service.Caller, repository string, ref registry.Reference) error
	ListTags(ctx context.Context, c service.Caller, repository, after string, limit int) ([]string, error)
	Referrers(ctx context.Context, c service.Caller, repository, subject string, q service.ReferrerQuery) ([]registry.Referrer, error)
}

// Blobs are what the content of blobs needs.
type Blobs interface {
	StatBlob(ctx context.Context, c service.Caller, repository, digest string) (service.Blob, error)
	OpenBlob(ctx context.Context, c service.Caller, repository, digest string) (service.Blob, service.Content, error)
	OpenGrantedBlob(ctx context.Context, g iam.LayerGrant) (service.Blob, service.Content, error)
	DeleteBlob(ctx context.Context, c service.Caller, repository, digest string) error
	MountBlob(ctx context.Context, c service.Caller, repository, from, digest string) (service.Blob, bool, error)
}

// Uploads are what pushing blobs needs.
type Uploads interface {
	StartUpload(ctx context.Context, c service.Caller, repository string) (service.UploadStatus, error)
	UploadStatus(ctx context.Context, c service.Caller, repository, id string) (service.UploadStatus, error)
	AppendUpload(ctx context.Context, c service.Caller, repository, id string, chunk service.Chunk) (service.UploadStatus, error)
	CompleteUpload(ctx context.Context, c service.Caller, repository, id string, in service.Completion) (service.Blob, error)
	PushBlob(ctx context.Context, c service.Caller, repository, digest string, chunk service.Chunk) (service.Blob, error)
	CancelUpload(ctx context.Context, c service.Caller, repository, id string) error
}

// Config is what a Handler is made of.
type Config struct {
	Registry Registry
	// Tokens checks the passwords of clients.
	Tokens Tokens
	// Account is the registry of a host that names none; empty means the
	// caller's own.
	Account string
	// LayerKey signs the URLs under /layers/.
	LayerKey []byte
	// PublicURL is how clients reach the registry ("https://host[:port]");
	// empty means that it is read off each request.
	PublicURL string
	// Now is the clock; nil means time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Handler serves the API.
type Handler struct {
	Config
	logins    *logins
	endpoints [kinds]endpoint
	version   []string
}

// New makes a Handler.
func New(c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{
		Config: c, logins: newLogins(c.Tokens, c.Registry, c.Now),
		version: []string{"registry/2.0"},
	}
	h.endpoints = h.routes()
	return h
}

// operation is what one method does to one kind of target.
type operation struct {
	name  string
	serve func(*exchange) error
}

// endpoint is a kind of target with its methods.
type endpoint struct {
	allow      string
	operations map[string]operation
}

// routes is the table of the API.
func (h *Handler) routes() [kinds]endpoint {
	on := func(allow string, operations map[string]operation) endpoint {
		return endpoint{allow: allow, operations: operations}
	}
	return [kinds]endpoint{
		kindBase: on("GET, HEAD", map[string]operation{
			http.MethodGet: {"GetBase", h.getBase}, http.MethodHead: {"HeadBase", h.getBase},
		}),
		kindCatalog: on("GET, HEAD", map[string]operation{
			http.MethodGet: {"ListRepositories", h.getCatalog}, http.MethodHead: {"ListRepositories", h.getCatalog},
		}),
		kindManifest: on("GET, HEAD, PUT, DELETE", map[string]operation{
			http.MethodGet: {"GetManifest", h.getManifest}, http.MethodHead: {"HeadManifest", h.getManifest},
			http.MethodPut: {"PutManifest", h.putManifest}, http.MethodDelete: {"DeleteManifest", h.deleteManifest},
		}),
		kindBlob: on("GET, HEAD, DELETE", map[string]operation{
			http.MethodGet: {"GetBlob", h.getBlob}, http.MethodHead: {"HeadBlob", h.headBlob},
			http.MethodDelete: {"DeleteBlob", h.deleteBlob},
		}),
		kindUploads: on("POST", map[string]operation{
			http.MethodPost: {"StartUpload", h.postUpload},
		}),
		kindUpload: on("GET, HEAD, PATCH, PUT, DELETE", map[string]operation{
			http.MethodGet: {"GetUpload", h.getUpload}, http.MethodHead: {"GetUpload", h.getUpload},
			http.MethodPatch: {"AppendUpload", h.patchUpload}, http.MethodPut: {"CompleteUpload", h.putUpload},
			http.MethodDelete: {"CancelUpload", h.deleteUpload},
		}),
		kindTags: on("GET, HEAD", map[string]operation{
			http.MethodGet: {"ListTags", h.getTags}, http.MethodHead: {"ListTags", h.getTags},
		}),
		kindReferrers: on("GET, HEAD", map[string]operation{
			http.MethodGet: {"ListReferrers", h.getReferrers}, http.MethodHead: {"ListReferrers", h.getReferrers},
		}),
		kindLayer: on("GET, HEAD", map[string]operation{
			http.MethodGet: {"GetGrantedLayer", h.getGrantedLayer}, http.MethodHead: {"GetGrantedLayer", h.getGrantedLayer},
		}),
	}
}

// Route is a method on a kind of path.
type Route struct {
	Method string
	Kind   string // base, catalog, manifest, blob, uploads, upload, tags, referrers, layer
}

// Routes are all that the API has, so that a test can walk them.
func (h *Handler) Routes() []Route {
	var all []Route
	for k := kindBase; k < kinds; k++ {
		for method := range h.endpoints[k].operations {
			all = append(all, Route{Method: method, Kind: k.String()})
		}
	}
	slices.SortFunc(all, func(a, b Route) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Method, b.Method)) })
	return all
}

// exchange is one request on its way to its answer.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	target target
	caller service.Caller
	// began is set once the body is being read; before that a client that
	// asked whether to send it has not begun.
	began bool
}

// head says whether the answer goes without its body.
func (x *exchange) head() bool { return x.r.Method == http.MethodHead }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r}
	if err := h.serve(x); err != nil {
		h.fail(x, err)
	}
}

func (h *Handler) serve(x *exchange) error {
	if strings.HasPrefix(x.r.URL.Path, layersPrefix) {
		return h.dispatch(x, parseLayerPath(x.r.URL))
	}
	x.w.Header()["Docker-Distribution-Api-Version"] = h.version
	// Whoever is not logged in learns nothing but that, whatever the path.
	principal, err := h.logins.authenticate(x.r)
	if err != nil {
		return err
	}
	reqlog.Identify(x.r.Context(), reqlog.Identity{
		Kind: string(principal.Kind), Account: principal.Account, ARN: principal.ARN,
		UserID: principal.UserID, AccessKeyID: principal.AccessKeyID, Name: principal.Name,
	})
	from := origin.Of(x.r)
	account := h.Account
	if principal.Kind == iam.Scanner {
		account = principal.Account // of the image, whatever the host is called
	}
	x.caller = service.Caller{
		Principal: principal, Registry: cmp.Or(accountOfHost(x.r.Host), account),
		SourceIP: from.IP, Secure: from.Secure, UserAgent: x.r.UserAgent(),
	}
	return h.dispatch(x, parsePath(x.r.URL))
}

func (h *Handler) dispatch(x *exchange, t target) error {
	x.target = t
	if t.kind == kindNone {
		return errNoEndpoint
	}
	if t.badName {
		return errBadName(x.r.Method)
	}
	to := &h.endpoints[t.kind]
	op, ok := to.operations[x.r.Method]
	if !ok {
		return errMethod
	}
	reqlog.Annotate(x.r.Context(), x.caller.ARN, op.name)
	reqlog.Ask(x.r.Context(), "", "", x.parameters)
	return op.serve(x)
}

// accountOfHost answers the account that a host name of ECR's form names, and
// "" for any other host.
func accountOfHost(host string) string {
	account, rest, ok := strings.Cut(host, ".")
	if !ok || len(account) != 12 || !registry.ValidAccount(account) {
		return ""
	}
	for _, prefix := range [...]string{"dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr."} {
		if len(rest) > len(prefix) && strings.EqualFold(rest[:len(prefix)], prefix) {
			return account
		}
	}
	return ""
}

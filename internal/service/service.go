// Package service holds the use cases of the registry: what a user of the ECR
// API or of the distribution API asks for, as authorise → validate → transact.
// One file per noun.
//
// It knows no HTTP and no SQL: transports decode, call a use case and encode,
// and the stores behind it are ports. It must not import a transport or an
// adapter.
package service

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/blob"
	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Limits are the quotas that may be configured; ECR's defaults are in
// DefaultLimits.
type Limits struct {
	Repositories        int // per account
	ImagesPerRepository int
	TagsPerImage        int
	LayerSize           int64
	LayerParts          int   // of the layer API; the distribution API takes any number
	LayerPartSize       int64 // of the layer API

	LifecycleRules          int // per repository
	ReplicationRules        int // per account
	ReplicationDestinations int // different ones, per account
	PullThroughCacheRules   int // per account

	EventRules   int // per account
	EventTargets int // per rule

	ScanInterval time.Duration // between two scans of one image by one engine
	ScansPerDay  int           // per account
}

// DefaultLimits are ECR's.
func DefaultLimits() Limits {
	return Limits{
		Repositories:            100_000,
		ImagesPerRepository:     registry.MaxImagesPerRepo,
		TagsPerImage:            registry.MaxTagsPerImage,
		LayerSize:               registry.MaxLayerSize,
		LayerParts:              4200,
		LayerPartSize:           20 << 20,
		LifecycleRules:          50,
		ReplicationRules:        25,
		ReplicationDestinations: 25,
		PullThroughCacheRules:   50,
		EventRules:              300,
		EventTargets:            5,
		ScanInterval:            24 * time.Hour,
		ScansPerDay:             100_000,
	}
}

// Config is what a Service is made of.
type Config struct {
	// Default is the registry that is addressed when a request names none.
	Default registry.Scope
	Store   meta.Store
	Content blob.Store
	Limits  Limits
	// Rates are how many times a second a principal may do what an action
	// names; actions without one are not held back.
	Rates map[string]float64
	// Secret is the instance's secret; keys are derived from it.
	Secret []byte
	// Keyring seals the secrets of access keys, for SecretPurpose.
	Keyring Keyring
	// ContentKeys seal what is kept of content outside of Content; nil where
	// content is not encrypted.
	ContentKeys Keyring
	// Identities checks the tokens of OIDC issuers; nil means that none can be
	// asked for its keys.
	Identities IdentityTokens
	// Alone says that no other process uses the stores, so that an upload id
	// that this one has just made needs not be looked for in them.
	Alone bool
	// FollowAfter is how long reference artifacts outlive their subject: who
	// pushes it again within that time keeps them. See DefaultFollowAfter.
	FollowAfter time.Duration
	// Wake is called after a transaction that has enqueued jobs.
	Wake func()
	// EventsStored is called after a transaction that has stored events. It must
	// not block.
	EventsStored func()
	// Findings composes what Inspector's API tells of findings, and Contents what
	// bills of materials list. Nil where nothing is scanned.
	Findings FindingReader
	Contents ImageContents
	// Explainer says why findings are there, and others not; nil where nothing is
	// scanned.
	Explainer Explainer
	// Adapters asks scanners of others; nil means that none can be asked.
	Adapters Adapters
	// RegistryURL is where scanners reach the registry unless they are told
	// otherwise; empty means that they have to be.
	RegistryURL string
	// Replays hands stored events to the rules again; nil means that nobody can.
	Replays Replayer
	// CheckTarget says why a rule of an account must not have a target; nil lets
	// pass whatever there can be.
	CheckTarget func(home registry.Scope, t event.Target) error
	// Stored is told of every blob that has become part of a repository by an
	// upload. It must not block.
	Stored func(account, repository string, b meta.Blob)
	// PublicHost is the host, with its port, under which clients reach the
	// registry; empty where that is not known.
	PublicHost string
	// Now is the clock; nil means time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Service runs the use cases. Its goroutines begin with Start and end with
// Stop; all other methods may be called by many goroutines at once.
type Service struct {
	Config
	uploadKey   []byte
	compiled    *compiledPolicies
	rules       *kept[string, event.Rule]
	throttle    *throttle
	sessions    *sessionLocks
	pulls       *pullRecorder
	keyUses     *batch[string, meta.KeyUse]
	credentials *iam.Sessions
	passwords   *iam.Tokens // of external scanners
	opened      *lru.Cache[openedKey, *openedDestination]
	rootKeys    sync.Mutex // held while one is switched off or removed
	sweeper     *sweeper
	said        *sayings
	inspector   inspector
	walks       chan struct{} // has an element for each who looks at many secrets
}

// New makes a Service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.EventsStored == nil {
		c.EventsStored = func() {}
	}
	if c.CheckTarget == nil {
		c.CheckTarget = event.ValidateTarget
	}
	if c.Stored == nil {
		c.Stored = func(string, string, meta.Blob) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{Config: c, uploadKey: DeriveKey(c.Secret, "upload ids"), sessions: newSessionLocks(), compiled: newCompiledPolicies(), throttle: newThrottle(c.Rates, c.Now)}
	s.credentials = newCredentials(c.Secret)
	s.passwords = iam.NewTokens(DeriveKey(c.Secret, PasswordPurpose), c.Default.Region)
	s.opened = newOpenedDestinations()
	s.rules, s.said = newKeptRules(), newSayings()
	s.pulls = newPullRecorder(c.Store, c.Now, c.Logger)
	s.keyUses = newKeyUses(c.Store, c.Logger)
	s.sweeper = newSweeper(s)
	s.walks = make(chan struct{}, secretWalks)
	return s
}

// Start begins the background work: recording pulls and uses of
// keys, and removing what nothing needs.
func (s *Service) Start() {
	s.pulls.start()
	s.keyUses.start()
	s.sweeper.start()
}

// Stop ends the background work; what was recorded is written first.
func (s *Service) Stop(ctx context.Context) error {
	s.sweeper.stop()
	return errors.Join(s.pulls.stop(ctx), s.keyUses.stop(ctx))
}

// PasswordPurpose is what the key of the passwords of the distribution API is
// derived for.
const PasswordPurpose = "registry tokens"

// DeriveKey makes a key for one purpose out of the instance's secret.
func DeriveKey(secret []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

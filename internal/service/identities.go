package service

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// Account is a registry of its own with identities of its own.
type Account struct {
	ID        string
	Name      string // what people call it; may be empty
	CreatedAt time.Time
}

// User is somebody, or something, that has long-lived access keys.
type User struct {
	Account   string
	Name      string
	ID        string // AIDA…
	ARN       string
	Managed   []string          // names of managed policies, sorted
	Inline    map[string]string // documents by the policy's name
	CreatedAt time.Time
}

// Role is taken on for a while by whom its trust policy names.
type Role struct {
	Account string
	Name    string
	ID      string // AROA…
	ARN     string
	// Trust is the policy document that says who may assume the role.
	Trust string
	// MaxSession is the longest that temporary credentials of it may live.
	MaxSession time.Duration
	Managed    []string
	Inline     map[string]string
	CreatedAt  time.Time
}

// Provider is an OIDC issuer whose tokens an account believes.
type Provider struct {
	Account string
	ARN     string
	// Issuer is the URL, exactly as tokens have it in their claim iss.
	Issuer string
	// Audiences are the client ids of which a token's claim aud must name one.
	Audiences []string
	// CA holds the PEM certificates to trust when keys are fetched from the
	// issuer; empty means those of the machine.
	CA        string
	CreatedAt time.Time
}

// How the records are encoded. All that decisions need on the hot path is in
// storedIdentity.
type (
	storedAccount struct {
		Name string `json:"name,omitempty"`
	}
	storedUser struct {
		storedIdentity
	}
	storedRole struct {
		storedIdentity
		Trust      string `json:"trust"`
		MaxSession int64  `json:"maxSession"` // seconds
	}
	storedProvider struct {
		Issuer    string   `json:"issuer"`
		Audiences []string `json:"audiences"`
		CA        string   `json:"ca,omitempty"`
	}
)

// accountOf reads the record of an account.
func accountOf(r meta.Record) (Account, error) {
	var stored storedAccount
	err := unmarshalRecord(r, &stored)
	return Account{ID: r.Name, Name: stored.Name, CreatedAt: r.CreatedAt}, err
}

// userOf reads the record of a user.
func userOf(r meta.Record) (User, error) {
	var stored storedUser
	err := unmarshalRecord(r, &stored)
	return User{
		Account: r.Account, Name: r.Name, ID: stored.ID, ARN: iam.UserARN(r.Account, r.Name),
		Managed: stored.Policies.Managed, Inline: stored.Policies.Inline, CreatedAt: r.CreatedAt,
	}, err
}

// roleOf reads the record of a role.
func roleOf(r meta.Record) (Role, error) {
	var stored storedRole
	err := unmarshalRecord(r, &stored)
	return Role{
		Account: r.Account, Name: r.Name, ID: stored.ID, ARN: iam.RoleARN(r.Account, r.Name),
		Trust: stored.Trust, MaxSession: time.Duration(stored.MaxSession) * time.Second,
		Managed: stored.Policies.Managed, Inline: stored.Policies.Inline, CreatedAt: r.CreatedAt,
	}, err
}

// providerOf reads the record of an OIDC issuer, whose name is the URL without
// its scheme.
func providerOf(r meta.Record) (Provider, error) {
	var stored storedProvider
	err := unmarshalRecord(r, &stored)
	return Provider{
		Account: r.Account, ARN: iam.ProviderARN(r.Account, r.Name), Issuer: stored.Issuer,
		Audiences: stored.Audiences, CA: stored.CA, CreatedAt: r.CreatedAt,
	}, err
}

func unmarshalRecord(r meta.Record, out any) error {
	if err := json.Unmarshal(r.Body, out); err != nil {
		return registry.Internal("reading the record of "+string(r.Kind)+" "+r.Name, err)
	}
	return nil
}

// marshalRecord encodes a record; the types are ours and always encode.
func marshalRecord(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}

// role answers a role for those who assume it. Errors: NoSuchEntity.
func (s *Service) role(ctx context.Context, account, name string) (Role, error) {
	r, err := s.Store.Record(ctx, account, meta.RoleRecord, name)
	if err != nil {
		return Role{}, entityError(meta.RoleRecord, name, err)
	}
	return roleOf(r)
}

// provider answers an OIDC issuer by its URL without the scheme.
// Errors: NoSuchEntity.
func (s *Service) provider(ctx context.Context, account, name string) (Provider, error) {
	r, err := s.Store.Record(ctx, account, meta.ProviderRecord, name)
	if err != nil {
		return Provider{}, entityError(meta.ProviderRecord, name, err)
	}
	return providerOf(r)
}

// entityError words what the store says about a record, as IAM does.
func entityError(kind meta.RecordKind, name string, err error) error {
	noun := entityNoun(kind)
	switch {
	case errors.Is(err, meta.ErrNoRecord):
		return registry.Errorf(registry.CodeNoSuchEntity, "The %s with name %s cannot be found.", noun, name)
	case errors.Is(err, meta.ErrExists):
		return registry.Errorf(registry.CodeEntityAlreadyExists, "%s with name %s already exists.", capital(noun), name)
	case errors.Is(err, meta.ErrFull):
		return registry.Errorf(registry.CodeLimitExceeded, "Cannot exceed quota for %ss per account: %d", noun, mostRecords(kind))
	}
	return err
}

func entityNoun(kind meta.RecordKind) string {
	if kind == meta.ProviderRecord {
		return "OIDC provider"
	}
	return string(kind)
}

func capital(noun string) string {
	if noun[0] >= 'a' && noun[0] <= 'z' {
		return string(noun[0]-'a'+'A') + noun[1:]
	}
	return noun
}

// mostRecords are IAM's quotas per account, and a bound on accounts.
func mostRecords(kind meta.RecordKind) int {
	switch kind {
	case meta.UserRecord:
		return 5000
	case meta.RoleRecord:
		return 1000
	case meta.ProviderRecord:
		return 100
	case meta.AccountRecord:
		return 10_000
	default:
		return 0
	}
}

// newEntityID makes an id as IAM does: four letters that say of what, and 17
// random characters.
func newEntityID(prefix string) string {
	var raw [11]byte
	_, _ = rand.Read(raw[:]) // never fails
	return prefix + base32.StdEncoding.EncodeToString(raw[:])[:17]
}

// AllowManaging authorises an operation of ecru's own API, such as
// "CreateUser", on an account ("" is the caller's own), and answers the
// account. It is for use cases and for transports whose operation is nothing
// but that question.
//
// The owner of the account may do everything, and so may the owner of the
// default account, who operates the whole instance. Users and roles of the
// account may do what their own policies allow. Policies of repositories and of
// the registry have no say: they must neither give rights over identities away
// nor lock an owner out.
func (s *Service) AllowManaging(ctx context.Context, c Caller, account, operation string) (string, error) {
	if account == "" {
		account = c.Account
	}
	c.Registry = account
	request := iam.Request{Principal: c.Principal, Action: "ecru:" + operation, Account: account, Resource: "*"}
	decision, err := s.decideManaging(ctx, c, request)
	if err != nil {
		return account, err
	}
	reqlog.Decide(ctx, reqlog.Decision{
		Account: account, Action: request.Action, Resource: request.Resource,
		Allowed: decision.Allowed, Reason: decision.String(),
	})
	if !decision.Allowed {
		return account, iam.Denied(request, decision)
	}
	return account, s.throttle.take(request.Action, c.IdentityARN())
}

func (s *Service) decideManaging(ctx context.Context, c Caller, request iam.Request) (iam.Decision, error) {
	if s.operates(c) {
		return iam.Decision{Allowed: true, By: iam.Ownership}, nil
	}
	if c.Anonymous() || c.Account != request.Account {
		return iam.Decision{By: iam.ResourceBased}, nil
	}
	var policies iam.Policies
	var err error
	if policies.Identity, err = s.identityPolicies(ctx, c.Principal); err != nil {
		return iam.Decision{}, err
	}
	if policies.Session, err = s.compiled.get(iam.SessionPolicy, c.SessionPolicy); err != nil {
		return iam.Decision{}, err
	}
	if policies.Conditional() {
		request.Context = s.conditionContext(c, question{action: request.Action}, nil)
	}
	return iam.Evaluate(request, policies), nil
}

// operates says whether the caller is the operator: the owner of the default
// account, with a key of its own and not with credentials made of it.
func (s *Service) operates(c Caller) bool {
	return c.Kind == iam.Root && c.Account == s.Default.Account && c.SessionPolicy == "" && c.SourceKeyID == ""
}

// allowOperating authorises what only the operator may do.
func (s *Service) allowOperating(ctx context.Context, c Caller, operation string) error {
	_, err := s.AllowManaging(ctx, c, s.Default.Account, operation)
	return err
}

// allowIdentities authorises the management of identities of an account that
// there is. Credentials made by GetSessionToken cannot, as in IAM: who got hold
// of them for an hour must not make a key that stays.
func (s *Service) allowIdentities(ctx context.Context, c Caller, account, operation string) (string, error) {
	account, err := s.AllowManaging(ctx, c, account, operation)
	if err != nil {
		return account, err
	}
	if c.SourceKeyID != "" && c.Kind != iam.AssumedRole {
		return account, registry.Errorf(registry.CodeAccessDenied, "Temporary credentials that were made by GetSessionToken cannot manage identities.")
	}
	if _, err := s.Store.Record(ctx, "", meta.AccountRecord, account); err != nil {
		return account, entityError(meta.AccountRecord, account, err)
	}
	return account, nil
}

// sortedNames are the keys of a map in order.
func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

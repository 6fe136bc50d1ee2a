package service

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// How long temporary credentials live, as in AWS.
const (
	defaultRoleLife      = time.Hour
	maxChainedLife       = time.Hour
	defaultSessionLife   = 12 * time.Hour
	maxOwnersSessionLife = time.Hour
)

// The actions of the service that hands out temporary credentials.
const (
	actionAssumeRole      = "sts:AssumeRole"
	actionWebIdentity     = "sts:AssumeRoleWithWebIdentity"
	actionGetSessionToken = "sts:GetSessionToken"
)

// SessionLimits narrow temporary credentials down to less than what they come
// from may do.
type SessionLimits struct {
	Policy  string   // document; empty: none
	Managed []string // names or ARNs of managed policies
}

// AssumeRole asks for credentials of a role.
type AssumeRole struct {
	RoleARN string
	Session string
	Life    time.Duration // 0: an hour
	// ExternalID is what a trust policy may ask of somebody who acts for others.
	ExternalID string
	Limits     SessionLimits
}

// AssumeRoleWithWebIdentity asks for credentials of a role with the token of an
// OIDC issuer.
type AssumeRoleWithWebIdentity struct {
	RoleARN string
	Session string
	Token   string
	Life    time.Duration // 0: an hour
	Limits  SessionLimits
}

// GetSessionToken asks for temporary credentials of the caller itself.
type GetSessionToken struct {
	Life time.Duration // 0: twelve hours, one for the owner of an account
}

// Credentials are temporary credentials. The secret and the token are nowhere
// else.
type Credentials struct {
	AccessKeyID string
	Secret      string
	Token       string
	ExpiresAt   time.Time
	// Principal is whom they speak for.
	Principal iam.Principal
	// PackedPolicySize is how much of the room for session policies is taken,
	// in percent; 0 without one.
	PackedPolicySize int
}

// WebIdentityCredentials are credentials with what the token said.
type WebIdentityCredentials struct {
	Credentials
	Subject  string
	Audience string
	Provider string // ARN
}

// IdentityTokens checks tokens of OIDC issuers with the keys of these.
type IdentityTokens interface {
	// Verify answers what a token says. Errors: InvalidIdentityToken,
	// ExpiredToken, IDPRejectedClaim, IDPCommunicationError.
	Verify(ctx context.Context, issuer iam.Issuer, token string) (iam.IdentityToken, error)
}

// newCredentials makes the issuer of temporary credentials.
func newCredentials(secret []byte) *iam.Sessions {
	// It fails for a key of another size only.
	sessions, err := iam.NewSessions(DeriveKey(secret, "session tokens"))
	if err != nil {
		panic(err)
	}
	return sessions
}

// AssumeRole hands out credentials of a role to whom its trust policy names.
// Errors: AccessDenied, Validation, MalformedPolicyDocument,
// PackedPolicyTooLarge, Throttling.
func (s *Service) AssumeRole(ctx context.Context, c Caller, in AssumeRole) (Credentials, error) {
	role, err := s.roleByARN(ctx, in.RoleARN)
	if err != nil {
		return Credentials{}, err
	}
	keys := s.conditionContext(c, question{action: actionAssumeRole}, nil)
	keys["sts:rolesessionname"] = []string{in.Session}
	if in.ExternalID != "" {
		keys["sts:externalid"] = []string{in.ExternalID}
	}
	request := iam.Request{Principal: c.Principal, Action: actionAssumeRole, Account: role.Account, Resource: in.RoleARN, Context: keys}
	decision, err := s.decideTrust(ctx, request, role)
	if err != nil {
		return Credentials{}, err
	}
	if !decision.Allowed {
		return Credentials{}, registry.CannotAssume(c.ARN, in.RoleARN)
	}
	if err := s.throttle.take(actionAssumeRole, c.IdentityARN()); err != nil {
		return Credentials{}, err
	}
	life, err := roleLife(in.Life, role.MaxSession, c.Kind == iam.AssumedRole)
	if err != nil {
		return Credentials{}, err
	}
	return s.grantRole(role, in.Session, longLivedKey(c.Principal), in.Limits, life)
}

// AssumeRoleWithWebIdentity hands out credentials of a role to whoever has a
// token of an issuer that the role's account knows and its trust policy names.
// The caller is nobody. Errors: AccessDenied, Validation, InvalidIdentityToken,
// ExpiredToken, IDPRejectedClaim, IDPCommunicationError,
// MalformedPolicyDocument, PackedPolicyTooLarge, Throttling.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, c Caller, in AssumeRoleWithWebIdentity) (WebIdentityCredentials, error) {
	none := WebIdentityCredentials{}
	// Whoever it is has proved nothing yet.
	if err := s.throttle.take(actionWebIdentity, c.SourceIP); err != nil {
		return none, err
	}
	account, _, err := roleOfARN(in.RoleARN)
	if err != nil {
		return none, err
	}
	provider, token, err := s.verifyIdentity(ctx, account, in.Token)
	if err != nil {
		return none, err
	}
	role, err := s.roleByARN(ctx, in.RoleARN)
	if err != nil {
		return none, err
	}
	_, issuer, _ := strings.Cut(provider.Issuer, "://")
	c.Principal = iam.FederatedPrincipal(account, issuer, token.Subject)
	identifyFederated(ctx, c.Principal, issuer, token)
	keys := s.conditionContext(c, question{action: actionWebIdentity}, nil)
	keys["sts:rolesessionname"] = []string{in.Session}
	keys["aws:federatedprovider"] = []string{provider.ARN}
	for key, values := range token.ConditionKeys(issuer) {
		// An issuer may be called like what AWS's own keys begin with.
		if _, known := keys[key]; !known {
			keys[key] = values
		}
	}
	request := iam.Request{Principal: c.Principal, Action: actionWebIdentity, Account: account, Resource: in.RoleARN, Context: keys}
	decision, err := s.decideTrust(ctx, request, role)
	if err != nil {
		return none, err
	}
	if !decision.Allowed {
		return none, registry.CannotAssumeWithWebIdentity()
	}
	life, err := roleLife(in.Life, role.MaxSession, false)
	if err != nil {
		return none, err
	}
	granted, err := s.grantRole(role, in.Session, "", in.Limits, life)
	return WebIdentityCredentials{Credentials: granted, Subject: token.Subject, Audience: token.Audience, Provider: provider.ARN}, err
}

// identifyFederated tells logs who came with a token.
func identifyFederated(ctx context.Context, p iam.Principal, issuer string, token iam.IdentityToken) {
	id := issuer + ":" + token.Audience + ":" + token.Subject
	reqlog.Annotate(ctx, id, "")
	reqlog.Identify(ctx, reqlog.Identity{Kind: "WebIdentityUser", UserID: id, Name: token.Subject, ARN: p.ARN, Account: p.Account})
}

// verifyIdentity checks a token by an issuer of the account. No other issuer is
// ever asked for its keys.
func (s *Service) verifyIdentity(ctx context.Context, account, token string) (Provider, iam.IdentityToken, error) {
	var none iam.IdentityToken
	issuer, ok := iam.ClaimedIssuer(token)
	if !ok {
		return Provider{}, none, registry.NotAJWT()
	}
	name, err := issuerName(issuer)
	if err != nil {
		return Provider{}, none, registry.UnknownIssuer(clipped(issuer))
	}
	provider, err := s.provider(ctx, account, name)
	if registry.CodeOf(err) == registry.CodeNoSuchEntity || err == nil && provider.Issuer != issuer {
		return Provider{}, none, registry.UnknownIssuer(clipped(issuer))
	}
	if err != nil {
		return Provider{}, none, err
	}
	if s.Identities == nil {
		return Provider{}, none, registry.IssuerUnreachable(issuer, errors.New("nothing is there to ask it"))
	}
	verified, err := s.Identities.Verify(ctx, iam.Issuer{URL: provider.Issuer, Audiences: provider.Audiences, CA: provider.CA}, token)
	return provider, verified, err
}

// clipped bounds what of a stranger's text is repeated.
func clipped(s string) string {
	if len(s) > maxIssuer {
		s = s[:maxIssuer]
	}
	return strings.ToValidUTF8(s, "?")
}

// GetSessionToken hands out temporary credentials of whoever asks with a
// long-lived key. It needs no permission: they may do what the key may.
// Errors: AccessDenied, Throttling.
func (s *Service) GetSessionToken(ctx context.Context, c Caller, in GetSessionToken) (Credentials, error) {
	if iam.TemporaryKey(c.AccessKeyID) {
		return Credentials{}, registry.Errorf(registry.CodeAccessDenied, "Cannot call GetSessionToken with session credentials")
	}
	reqlog.Decide(ctx, reqlog.Decision{Account: c.Account, Action: actionGetSessionToken, Resource: "*", Allowed: true, Reason: "needs no permission"})
	if err := s.throttle.take(actionGetSessionToken, c.IdentityARN()); err != nil {
		return Credentials{}, err
	}
	life := in.Life
	if life == 0 {
		life = defaultSessionLife
	}
	if c.Kind == iam.Root {
		life = min(life, maxOwnersSessionLife)
	}
	p := c.Principal
	p.SourceKeyID = p.AccessKeyID
	return s.grant(p, life)
}

// roleLife checks how long a session of a role shall live.
func roleLife(asked, most time.Duration, chained bool) (time.Duration, error) {
	switch {
	case asked == 0:
		return min(defaultRoleLife, most), nil
	case chained && asked > maxChainedLife:
		return 0, registry.Errorf(registry.CodeValidation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case asked > most:
		return 0, registry.Errorf(registry.CodeValidation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return asked, nil
}

func (s *Service) grantRole(role Role, session, sourceKey string, limits SessionLimits, life time.Duration) (Credentials, error) {
	policy, err := sessionPolicy(limits)
	if err != nil {
		return Credentials{}, err
	}
	p := iam.RolePrincipal(role.Account, role.Name, role.ID, session, "")
	p.SourceKeyID, p.SessionPolicy = sourceKey, policy
	out, err := s.grant(p, life)
	if policy != "" {
		out.PackedPolicySize = max(1, len(policy)*100/maxPackedPolicy)
	}
	return out, err
}

func (s *Service) grant(p iam.Principal, life time.Duration) (Credentials, error) {
	session, token, err := s.credentials.Issue(p, s.Now(), life)
	if err != nil {
		return Credentials{}, registry.Internal("issuing credentials", err)
	}
	return Credentials{
		AccessKeyID: session.Principal.AccessKeyID, Secret: session.Secret, Token: token,
		ExpiresAt: session.ExpiresAt, Principal: session.Principal,
	}, nil
}

// roleOfARN takes the ARN of a role apart.
func roleOfARN(arn string) (account, name string, err error) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::")
	account, name, found := strings.Cut(rest, ":role/")
	if !ok || !found || !registry.ValidAccount(account) || name == "" || len(name) > maxRoleName {
		return "", "", registry.InvalidRoleARN()
	}
	return account, name, nil
}

// maxRoleName is the longest name that is looked for, with its path.
const maxRoleName = 576

// roleByARN answers a role, or one that trusts nobody where there is none: who
// may not assume a role does not learn whether it is there.
func (s *Service) roleByARN(ctx context.Context, arn string) (Role, error) {
	account, name, err := roleOfARN(arn)
	if err != nil {
		return Role{}, err
	}
	role, err := s.role(ctx, account, name)
	if registry.CodeOf(err) == registry.CodeNoSuchEntity {
		return Role{Account: account, Name: name}, nil
	}
	return role, err
}

// decideTrust answers whether a role may be assumed.
func (s *Service) decideTrust(ctx context.Context, r iam.Request, role Role) (iam.Decision, error) {
	var policies iam.Policies
	var err error
	if policies.Resource, err = s.compiled.get(iam.TrustPolicy, role.Trust); err != nil {
		return iam.Decision{}, err
	}
	if policies.Identity, err = s.identityPolicies(ctx, r.Principal); err != nil {
		return iam.Decision{}, err
	}
	if policies.Session, err = s.compiled.get(iam.SessionPolicy, r.Principal.SessionPolicy); err != nil {
		return iam.Decision{}, err
	}
	decision := iam.Evaluate(r, policies)
	if role.ID == "" { // there is none; not even the account's owner can be it
		decision.Allowed = false
	}
	reqlog.Decide(ctx, reqlog.Decision{
		Account: r.Account, Action: r.Action, Resource: r.Resource,
		Allowed: decision.Allowed, Reason: decision.String(),
	})
	return decision, nil
}

// maxPackedPolicy bounds the policies that limit a session, in bytes: they go
// with every request, in its token.
const maxPackedPolicy = 6 << 10

// sessionPolicy joins what limits a session.
func sessionPolicy(limits SessionLimits) (string, error) {
	policy, err := iam.JoinSessionPolicy(limits.Policy, limits.Managed)
	switch {
	case errors.Is(err, iam.ErrNoSuchPolicy):
		return "", registry.Errorf(registry.CodeValidation, "A policy ARN is not one of a managed policy that there is: %s", strings.Join(limits.Managed, ", "))
	case err != nil:
		return "", registry.Errorf(registry.CodeMalformedPolicyDocument, "%s", err)
	case len(policy) > maxPackedPolicy:
		return "", registry.Errorf(registry.CodePackedPolicyTooLarge, "Packed size of the session policies consumes %d%% of allotted space.", len(policy)*100/maxPackedPolicy)
	}
	return policy, nil
}

// Secret answers the secret of an access key and whose it is. Temporary keys
// work with their token only, others without one.
// Errors: iam.ErrUnknownKey, iam.ErrTokenExpired.
func (s *Service) Secret(ctx context.Context, accessKeyID, sessionToken string) (string, iam.Principal, error) {
	if sessionToken != "" || iam.TemporaryKey(accessKeyID) {
		return s.temporarySecret(ctx, accessKeyID, sessionToken)
	}
	key, err := s.activeKey(ctx, accessKeyID)
	if err != nil {
		return "", iam.Principal{}, err
	}
	secret, err := s.openSecret(key.Secret)
	return secret, iam.KeyOwner(key.Account, key.Principal, key.UserID, key.ID), err
}

func (s *Service) temporarySecret(ctx context.Context, accessKeyID, token string) (string, iam.Principal, error) {
	session, err := s.credentials.Open(accessKeyID, token, s.Now())
	if errors.Is(err, iam.ErrTokenInvalid) {
		err = iam.ErrUnknownKey
	}
	if err == nil {
		err = s.Alive(ctx, session.Principal)
	}
	if err != nil {
		return "", iam.Principal{}, err
	}
	return session.Secret, session.Principal, nil
}

// Alive says whether a principal that was authenticated earlier still is
// somebody: the long-lived key that it began with is active, and the user or
// role is there and not a namesake that was made later.
// Errors: iam.ErrUnknownKey.
func (s *Service) Alive(ctx context.Context, p iam.Principal) error {
	if id := longLivedKey(p); id != "" {
		key, err := s.activeKey(ctx, id)
		if err != nil {
			return err
		}
		if p.Kind != iam.AssumedRole && (key.Account != p.Account || key.UserID != p.UserID) {
			return iam.ErrUnknownKey
		}
	}
	switch {
	case p.Kind == iam.Scanner:
		return s.scannerAlive(ctx, p)
	case p.Kind == iam.AssumedRole:
		id, _, _ := strings.Cut(p.UserID, ":")
		return s.sameIdentity(ctx, p.Account, meta.RoleRecord, p.Name, id)
	case longLivedKey(p) == "":
		return iam.ErrUnknownKey // nobody is made of nothing
	}
	return nil
}

// longLivedKey is the key that a principal began with, "" for whoever began
// with the token of an issuer.
func longLivedKey(p iam.Principal) string {
	if p.SourceKeyID != "" || iam.TemporaryKey(p.AccessKeyID) {
		return p.SourceKeyID
	}
	return p.AccessKeyID
}

// activeKey answers a long-lived key that is active and whose owner is there.
// Errors: iam.ErrUnknownKey.
func (s *Service) activeKey(ctx context.Context, id string) (meta.AccessKey, error) {
	key, found, err := s.Store.AccessKey(ctx, id)
	if err != nil {
		return key, err
	}
	if !found || !key.Active {
		return key, iam.ErrUnknownKey
	}
	owner := iam.KeyOwner(key.Account, key.Principal, key.UserID, key.ID)
	if owner.Kind == iam.User {
		err = s.sameIdentity(ctx, owner.Account, meta.UserRecord, owner.Name, owner.UserID)
	}
	return key, err
}

// sameIdentity says whether a user or a role is still there under that id.
// Errors: iam.ErrUnknownKey.
func (s *Service) sameIdentity(ctx context.Context, account string, kind meta.RecordKind, name, id string) error {
	record, err := s.Store.Record(ctx, account, kind, name)
	if errors.Is(err, meta.ErrNoRecord) {
		return iam.ErrUnknownKey
	}
	if err != nil {
		return err
	}
	identity, err := s.compiled.identity(record.Body)
	if err == nil && identity.id != id {
		return iam.ErrUnknownKey
	}
	return err
}

package service

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// Caller is who asks, from where, and of which registry.
type Caller struct {
	iam.Principal
	// Registry is the account whose registry is addressed; empty means the
	// caller's own.
	Registry string

	// SourceIP, Secure and UserAgent are what conditions of policies may ask of
	// the request.
	SourceIP  string
	Secure    bool
	UserAgent string
}

// question is what a use case asks of access control.
type question struct {
	action     string
	repository string // empty: the registry as a whole
	// resource is the ARN of what is not ECR's, such as a rule or a secret: the
	// policies of registries and repositories have no say in it.
	resource string
	// tags are those that the request wants to set, tagKeys those that it
	// wants to remove.
	tags    []registry.ResourceTag
	tagKeys []string
	// resourceTags are those that resource has.
	resourceTags []registry.ResourceTag
	// rule is the name of the rule that resource is; its tags are looked up.
	rule string
	// keys are condition keys of the action, in lower case, with their values.
	keys map[string]string
}

// registryOf answers the registry that a caller addresses.
func (s *Service) registryOf(c Caller) registry.Scope {
	scope := registry.Scope{Account: c.Registry, Region: s.Default.Region}
	if scope.Account == "" {
		scope.Account = c.Account
	}
	if scope.Account == "" {
		scope.Account = s.Default.Account
	}
	return scope
}

// allow authorises an action on the registry as a whole.
func (s *Service) allow(ctx context.Context, c Caller, action string) (registry.Scope, error) {
	return s.decide(ctx, c, question{action: action})
}

// allowOn authorises an action on a repository, whether there is one or not.
func (s *Service) allowOn(ctx context.Context, c Caller, action, repository string) (registry.Scope, error) {
	return s.decide(ctx, c, question{action: action, repository: repository})
}

// allowResource authorises an action on something that is not ECR's. The
// account is the caller's own.
func (s *Service) allowResource(ctx context.Context, c Caller, action, arn string) (registry.Scope, error) {
	return s.decide(ctx, c, question{action: action, resource: arn})
}

// allowAllOn authorises a request that is several actions on a repository.
func (s *Service) allowAllOn(ctx context.Context, c Caller, repository string, actions ...string) (scope registry.Scope, err error) {
	for _, action := range actions {
		if scope, err = s.allowOn(ctx, c, action, repository); err != nil {
			break
		}
	}
	return scope, err
}

// Authorize answers whether a caller may do something on the registry as a
// whole, for transports whose operation is nothing but that question.
func (s *Service) Authorize(ctx context.Context, c Caller, action string) (registry.Scope, error) {
	return s.allow(ctx, c, action)
}

// decide answers one question, leaves a trace of it for the audit log, and
// holds callers to the configured rates.
func (s *Service) decide(ctx context.Context, c Caller, q question) (registry.Scope, error) {
	scope, err := s.judge(ctx, c, q)
	if err != nil {
		return scope, err
	}
	return scope, s.throttle.take(q.action, c.IdentityARN())
}

// decideAll answers the questions of one call of an action: it may do all or
// nothing of what it asks for.
func (s *Service) decideAll(ctx context.Context, c Caller, action string, all []question) error {
	for _, q := range all {
		q.action = action
		if _, err := s.judge(ctx, c, q); err != nil {
			return err
		}
	}
	return s.throttle.take(action, c.IdentityARN())
}

// judge is decide without the rates.
func (s *Service) judge(ctx context.Context, c Caller, q question) (registry.Scope, error) {
	scope := s.registryOf(c)
	request, policies, err := s.ask(ctx, scope, c, q)
	if err != nil {
		return scope, err
	}
	decision := iam.Evaluate(request, policies)
	if reqlog.Audited(ctx) {
		reqlog.Decide(ctx, reqlog.Decision{
			Account: scope.Account, Action: request.Action, Resource: request.Resource,
			Allowed: decision.Allowed, Reason: decision.String(),
		})
	}
	if !decision.Allowed {
		return scope, iam.Denied(request, decision)
	}
	return scope, nil
}

// ask gathers what the evaluator needs.
func (s *Service) ask(ctx context.Context, scope registry.Scope, c Caller, q question) (iam.Request, iam.Policies, error) {
	request := iam.Request{Principal: c.Principal, Action: q.action, Account: scope.Account, Resource: "*"}
	if q.repository != "" {
		request.Resource = scope.RepositoryARN(q.repository)
	}
	var texts meta.AccessPolicies
	var err error
	if q.resource != "" {
		request.Resource = q.resource
	} else if texts, err = s.Store.AccessPolicies(ctx, scope.Account, q.repository); err != nil {
		return request, iam.Policies{}, err
	}
	var policies iam.Policies
	if policies.Identity, err = s.identityPolicies(ctx, c.Principal); err != nil {
		return request, policies, err
	}
	if policies.Session, err = s.compiled.get(iam.SessionPolicy, c.SessionPolicy); err != nil {
		return request, policies, err
	}
	if policies.Resource, err = s.compiled.get(iam.ResourcePolicy, texts.Repository); err != nil {
		return request, policies, err
	}
	if texts.Scope != "V1" || replicationAction(q.action) {
		if policies.Registry, err = s.compiled.get(iam.RegistryPolicy, texts.Registry); err != nil {
			return request, policies, err
		}
	}
	if policies.Conditional() {
		tags := texts.Tags
		switch {
		case q.rule != "":
			if tags, err = s.tagsOfRule(ctx, scope, q.rule); err != nil {
				return request, policies, err
			}
		case q.resource != "":
			tags = q.resourceTags
		}
		request.Context = s.conditionContext(c, q, tags)
	}
	return request, policies, nil
}

// replicationAction says whether an action is one that a registry policy of
// scope V1 has a say in.
func replicationAction(action string) bool {
	switch action {
	case "ecr:ReplicateImage", "ecr:BatchImportUpstreamImage", "ecr:CreateRepository":
		return true
	}
	return false
}

// conditionContext holds the condition keys that ECR knows.
func (s *Service) conditionContext(c Caller, q question, tags []registry.ResourceTag) map[string][]string {
	now := s.Now().UTC()
	values := map[string][]string{
		"aws:principalarn":     {c.IdentityARN()},
		"aws:principalaccount": {c.Account},
		"aws:userid":           {c.UserID},
		"aws:securetransport":  {strconv.FormatBool(c.Secure)},
		"aws:currenttime":      {now.Format("2006-01-02T15:04:05Z")},
		"aws:epochtime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:requestedregion":  {s.Default.Region},
		"aws:principaltype":    {string(c.Kind)},
	}
	set := func(key, value string) {
		if value != "" {
			values[key] = []string{value}
		}
	}
	set("aws:sourceip", c.SourceIP)
	set("aws:useragent", beginning(c.UserAgent, maxUserAgent))
	if c.Kind == iam.User {
		set("aws:username", c.Name)
	}
	service, _, _ := strings.Cut(q.action, ":")
	for _, t := range tags {
		key := strings.ToLower(t.Key)
		values["aws:resourcetag/"+key] = []string{t.Value}
		values[service+":resourcetag/"+key] = []string{t.Value}
	}
	for _, t := range q.tags {
		values["aws:requesttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		values["aws:tagkeys"] = append(values["aws:tagkeys"], t.Key)
	}
	values["aws:tagkeys"] = append(values["aws:tagkeys"], q.tagKeys...)
	if len(values["aws:tagkeys"]) == 0 {
		delete(values, "aws:tagkeys")
	}
	for key, value := range q.keys {
		set(key, value)
	}
	return values
}

// maxUserAgent is how much of a user agent conditions see. A client may send as
// much as fits into a header, and comparing patterns with it takes as many
// steps as the square of its length.
const maxUserAgent = 1024

// beginning cuts a text, not within a character.
func beginning(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// attachments are the policies of a user or a role.
type attachments struct {
	Managed []string          `json:"managed,omitempty"`
	Inline  map[string]string `json:"inline,omitempty"` // document by name
}

// storedIdentity is what every record of a user and of a role begins with.
type storedIdentity struct {
	ID       string      `json:"id"` // AIDA… or AROA…
	Policies attachments `json:"policies"`
}

// identityPolicies answers the policies of a principal: none for owners, who
// need none, and for those that are gone.
func (s *Service) identityPolicies(ctx context.Context, p iam.Principal) ([]*iam.Policy, error) {
	kind := meta.UserRecord
	switch p.Kind {
	case iam.User:
	case iam.AssumedRole:
		kind = meta.RoleRecord
	case iam.Scanner: // what it is limited to says which repository
		return []*iam.Policy{iam.Managed(scannerPolicy)}, nil
	default:
		return nil, nil
	}
	record, err := s.Store.Record(ctx, p.Account, kind, p.Name)
	if err == meta.ErrNoRecord {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	identity, err := s.compiled.identity(record.Body)
	if err != nil || !strings.HasPrefix(p.UserID+":", identity.id+":") {
		// A namesake that was created later is somebody else.
		return nil, err
	}
	return identity.policies, nil
}

// compiledPolicies keeps policies that were compiled: the same few texts decide
// about every request.
type compiledPolicies struct {
	documents  *kept[policyText, *iam.Policy]
	identities *kept[string, compiledIdentity]
}

type policyText struct {
	grammar iam.Grammar
	text    string
}

type compiledIdentity struct {
	id       string
	policies []*iam.Policy
}

// How many policies and identities are kept, and how long their texts may be
// together, of each sort.
const (
	keptPolicies   = 4096
	keptIdentities = 4096
	keptText       = 4 << 20
)

func newCompiledPolicies() *compiledPolicies {
	return &compiledPolicies{
		documents:  newKept[policyText, *iam.Policy](keptPolicies, keptText, func(p policyText) int { return len(p.text) }),
		identities: newKept[string, compiledIdentity](keptIdentities, keptText, func(body string) int { return len(body) }),
	}
}

// get compiles a document that was checked when it was stored; nil for "".
func (c *compiledPolicies) get(g iam.Grammar, text string) (*iam.Policy, error) {
	if text == "" {
		return nil, nil
	}
	key := policyText{g, text}
	if p, ok := c.documents.Get(key); ok {
		return p, nil
	}
	p, err := iam.Parse("", g, text)
	if err != nil {
		return nil, registry.Internal("compiling a stored policy", err)
	}
	c.documents.Add(key, p)
	return p, nil
}

// identity reads the record of a user or a role.
func (c *compiledPolicies) identity(body []byte) (compiledIdentity, error) {
	if known, ok := c.identities.Get(string(body)); ok {
		return known, nil
	}
	var stored storedIdentity
	if err := json.Unmarshal(body, &stored); err != nil {
		return compiledIdentity{}, registry.Internal("reading an identity", err)
	}
	out := compiledIdentity{id: stored.ID}
	for _, name := range stored.Policies.Managed {
		if p := iam.Managed(name); p != nil {
			out.policies = append(out.policies, p)
		}
	}
	for _, name := range sortedNames(stored.Policies.Inline) {
		p, err := iam.Parse(name, iam.IdentityPolicy, stored.Policies.Inline[name])
		if err != nil {
			return out, registry.Internal("compiling a stored policy", err)
		}
		out.policies = append(out.policies, p)
	}
	c.identities.Add(string(body), out)
	return out, nil
}

package registry

import (
	"regexp"
	"strings"
	"time"
)

// UpstreamKind is a sort of registry that can be pulled through.
type UpstreamKind string

// The sorts of upstream registries.
const (
	UpstreamECR        UpstreamKind = "ecr"
	UpstreamECRPublic  UpstreamKind = "ecr-public"
	UpstreamKubernetes UpstreamKind = "k8s"
	UpstreamQuay       UpstreamKind = "quay"
	UpstreamDockerHub  UpstreamKind = "docker-hub"
	UpstreamGitHub     UpstreamKind = "github-container-registry"
	UpstreamGitLab     UpstreamKind = "gitlab-container-registry"
	UpstreamAzure      UpstreamKind = "azure-container-registry"
	UpstreamChainguard UpstreamKind = "chainguard"
)

// UpstreamAccess is how one gets into an upstream registry.
type UpstreamAccess int

// The ways into an upstream registry.
const (
	OpenAccess   UpstreamAccess = iota // anybody may pull
	SecretAccess                       // a secret holds a name and a password
	RoleAccess                         // a role, where the registry is another account's
)

// Access is how one gets into registries of this sort.
func (k UpstreamKind) Access() UpstreamAccess {
	switch k {
	case UpstreamECRPublic, UpstreamKubernetes, UpstreamQuay:
		return OpenAccess
	case UpstreamECR:
		return RoleAccess
	default:
		return SecretAccess
	}
}

// Upstream is a registry that can be pulled through.
type Upstream struct {
	Kind UpstreamKind
	// Scope is which registry of ECR it is; zero for all other kinds.
	Scope Scope
}

var (
	azureHost = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.azurecr\.io$`)
	ecrHost   = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9](?:[a-z0-9-]{0,23}[a-z0-9])?)\.amazonaws\.com(?:\.cn)?$`)
)

// UpstreamOf answers the registry behind an upstream URL, which is nothing but
// a host, and whether it is one that can be pulled through.
func UpstreamOf(url string) (Upstream, bool) {
	switch url {
	case "public.ecr.aws":
		return Upstream{Kind: UpstreamECRPublic}, true
	case "registry.k8s.io":
		return Upstream{Kind: UpstreamKubernetes}, true
	case "quay.io":
		return Upstream{Kind: UpstreamQuay}, true
	case "registry-1.docker.io":
		return Upstream{Kind: UpstreamDockerHub}, true
	case "ghcr.io":
		return Upstream{Kind: UpstreamGitHub}, true
	case "registry.gitlab.com":
		return Upstream{Kind: UpstreamGitLab}, true
	case "cgr.dev":
		return Upstream{Kind: UpstreamChainguard}, true
	}
	if azureHost.MatchString(url) {
		return Upstream{Kind: UpstreamAzure}, true
	}
	if m := ecrHost.FindStringSubmatch(url); m != nil {
		return Upstream{Kind: UpstreamECR, Scope: Scope{Account: m[1], Region: m[2]}}, true
	}
	return Upstream{}, false
}

// CacheRule says from which upstream registry images below a prefix are taken.
// Its prefix and times are kept beside its document.
type CacheRule struct {
	Prefix         string `json:"-"` // normal
	Kind           UpstreamKind
	URL            string
	UpstreamPrefix string // normal; empty or RootPrefix: any upstream repository
	CredentialARN  string
	CustomRoleARN  string

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// Validate checks a rule of the registry at home, Kind being what a client
// said that its upstream is or empty, and sets Kind to what it is.
// Errors: UnsupportedUpstreamRegistry, Validation, InvalidParameter,
// SecretNotFound.
func (r *CacheRule) Validate(home Scope) error {
	upstream, ok := UpstreamOf(r.URL)
	if !ok {
		return InvalidUpstreamURL(r.URL)
	}
	if upstream.Scope == home {
		return UpstreamIsSelf()
	}
	said := r.Kind
	r.Kind = upstream.Kind
	if said != "" && said != r.Kind && (said.Access() != OpenAccess || r.Kind.Access() != OpenAccess) {
		return UpstreamMismatch()
	}
	if r.Prefix == RootPrefix && r.UpstreamPrefix != "" && r.UpstreamPrefix != RootPrefix {
		return UpstreamPrefixOfRoot()
	}
	return r.validateAccess(home, upstream)
}

// validateAccess checks that a rule has what gets it into its upstream, and
// nothing else.
func (r *CacheRule) validateAccess(home Scope, upstream Upstream) error {
	access := r.Kind.Access()
	switch {
	case r.CustomRoleARN != "" && access != RoleAccess, r.CredentialARN != "" && access == RoleAccess:
		return CredentialMismatch()
	case r.CredentialARN != "" && access == OpenAccess:
		return UpstreamIsOpen()
	case r.CredentialARN == "" && access == SecretAccess:
		return UpstreamNeedsSecret()
	case r.CustomRoleARN == "" && access == RoleAccess && upstream.Scope.Account != home.Account:
		return UpstreamNeedsRole()
	case r.CredentialARN != "" && !secretOf(home, r.CredentialARN):
		return SecretElsewhere()
	case r.CustomRoleARN != "" && !RoleOf(home.Account, r.CustomRoleARN):
		return RoleElsewhere()
	}
	return nil
}

// secretOf says whether a secret is one of the account and region at home.
func secretOf(home Scope, arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	return len(parts) == 6 && parts[2] == "secretsmanager" && parts[3] == home.Region && parts[4] == home.Account
}

var roleARN = regexp.MustCompile(`^arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):role/[\w+=,.@-]+(?:/[\w+=,.@-]+)*$`)

// RoleOf says whether an ARN is that of a role of an account.
func RoleOf(account, arn string) bool {
	m := roleARN.FindStringSubmatch(arn)
	return m != nil && m[1] == account
}

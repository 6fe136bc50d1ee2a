// Package iam says who may do what. It is pure: principals, the policy
// language, decisions and tokens, without any I/O. It must not know how a
// principal was authenticated on the wire nor where policies are kept.
package iam

import (
	"encoding/json"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Kind is the sort of a principal.
type Kind string

// The sorts of principals. The zero value is nobody.
const (
	Root        Kind = "Root"        // the owner of an account
	User        Kind = "User"        // a user of an account
	AssumedRole Kind = "AssumedRole" // temporary credentials of a role
	Federated   Kind = "Federated"   // the bearer of a token of an OIDC issuer, before it has taken on a role
	Scanner     Kind = "Scanner"     // an external scanner that was asked to scan an image
)

// Principal is an authenticated caller.
type Principal struct {
	Account     string
	ARN         string // arn:aws:iam::A:root, …:user/NAME, arn:aws:sts::A:assumed-role/ROLE/SESSION
	UserID      string // account of the owner, AIDA… of a user, AROA…:SESSION of a role's session
	AccessKeyID string

	Kind Kind
	// Name is the user's or the role's.
	Name string
	// Session is the name of a role's session.
	Session string
	// SessionPolicy is the policy document that limits temporary credentials;
	// empty means that nothing does.
	SessionPolicy string
	// SourceKeyID is the long-lived key from which temporary credentials of an
	// owner or a user were made: they end with it.
	SourceKeyID string
}

// RootPrincipal is the owner of an account.
func RootPrincipal(account, accessKeyID string) Principal {
	return Principal{Account: account, ARN: RootARN(account), UserID: account, AccessKeyID: accessKeyID, Kind: Root}
}

// FederatedPrincipal is whoever comes with a token of an OIDC issuer, given as
// host and path, and asks for a role of an account. No identity policy is its
// own; only a trust policy that names the provider lets it in.
func FederatedPrincipal(account, issuer, subject string) Principal {
	return Principal{Account: account, ARN: ProviderARN(account, issuer), UserID: subject, Kind: Federated}
}

// UserPrincipal is a user of an account.
func UserPrincipal(account, name, userID, accessKeyID string) Principal {
	return Principal{Account: account, ARN: UserARN(account, name), UserID: userID, AccessKeyID: accessKeyID, Kind: User, Name: name}
}

// RolePrincipal is a session of a role.
func RolePrincipal(account, role, roleID, session, accessKeyID string) Principal {
	return Principal{
		Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
		UserID: roleID + ":" + session, AccessKeyID: accessKeyID, Kind: AssumedRole, Name: role, Session: session,
	}
}

// ScannerPrincipal is an external scanner, by the id and name of its registration,
// that may pull from one repository of an account and nothing else.
func ScannerPrincipal(account, name, id, repositoryARN string) Principal {
	// Encoding strings cannot fail.
	policy, _ := json.Marshal(map[string]any{"Version": policyVersion, "Statement": map[string]any{
		"Effect": "Allow", "Resource": repositoryARN,
		"Action": []string{"ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"},
	}})
	return Principal{
		Account: account, ARN: "arn:aws:iam::" + account + ":scanner/" + name, UserID: id, Kind: Scanner, Name: name, SessionPolicy: string(policy),
	}
}

// RootARN is the ARN of an account's owner, which stands for the whole account
// where a policy names it.
func RootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// UserARN is the ARN of a user.
func UserARN(account, name string) string { return "arn:aws:iam::" + account + ":user/" + name }

// RoleARN is the ARN of a role.
func RoleARN(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// ProviderARN is the ARN of an OIDC issuer, given as host and path.
func ProviderARN(account, issuer string) string {
	return "arn:aws:iam::" + account + ":oidc-provider/" + issuer
}

// IdentityARN is what policies know a principal by: of a role's session the
// role's.
func (p Principal) IdentityARN() string {
	if p.Kind == AssumedRole {
		return RoleARN(p.Account, p.Name)
	}
	return p.ARN
}

// Anonymous says whether nobody was authenticated.
func (p Principal) Anonymous() bool { return p.ARN == "" }

// Denied is the refusal of a request, in AWS's words.
func Denied(r Request, d Decision) *registry.Error {
	if r.Principal.Anonymous() {
		r.Principal.ARN = "anonymous"
	}
	return registry.Errorf(registry.CodeAccessDenied, "User: %s is not authorized to perform: %s on resource: %s %s",
		r.Principal.ARN, r.Action, r.Resource, d.Reason(r.Action))
}

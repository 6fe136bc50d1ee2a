// Package iam says who may do what. It is pure: principals, decisions and
// tokens, without any I/O. It must not know how a principal was authenticated
// on the wire nor where policies are kept.
package iam

import (
	"github.com/ecru-registry/ecru/internal/registry"
)

// Principal is an authenticated caller.
type Principal struct {
	Account     string
	ARN         string
	UserID      string
	AccessKeyID string
}

// RootPrincipal is the owner of an account.
func RootPrincipal(account, accessKeyID string) Principal {
	return Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account, AccessKeyID: accessKeyID}
}

// Anonymous says whether nobody was authenticated.
func (p Principal) Anonymous() bool { return p.ARN == "" }

// Request is one question to the evaluator.
type Request struct {
	Principal Principal
	Action    string // "ecr:PutImage"
	Account   string // of the registry that is addressed
	Resource  string // ARN, or "*" for registry-level actions
}

// Decide answers nil when the request is allowed. Until policies exist the
// rule is the one that ECR has without any: an account's owner may do
// everything in it, and nobody else anything.
func Decide(r Request) error {
	if !r.Principal.Anonymous() && r.Principal.Account == r.Account {
		return nil
	}
	return Denied(r, "no resource-based policy allows")
}

// Denied is the refusal of a request, in AWS's words.
func Denied(r Request, because string) *registry.Error {
	return registry.Errorf(registry.CodeAccessDenied, "User: %s is not authorized to perform: %s on resource: %s because %s the %s action",
		r.Principal.ARN, r.Action, r.Resource, because, r.Action)
}

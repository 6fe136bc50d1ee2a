package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// principals are those whom a statement of a resource-based policy names.
type principals struct {
	everyone  bool     // "*"
	accounts  []string // named by id or by the ARN of their owner
	arns      []string // of users and of sessions of roles
	roles     []roleName
	providers []string // ARNs of OIDC providers
	members   []string // accounts of which users, roles or sessions are named
	written   []string // AWS principals as they are written
}

type roleName struct{ account, name string }

// naming is how a principal is named.
type naming int

const (
	unnamed   naming = iota
	byAccount        // as one of an account
	byName           // itself, its role, or everyone
)

// naming answers how a caller is named. Whoever comes with a token of an OIDC
// provider is nobody's user: only the provider stands for it.
func (ps *principals) naming(p *Principal) naming {
	if p.Kind == Federated {
		if slices.Contains(ps.providers, p.ARN) {
			return byName
		}
		return unnamed
	}
	if ps.everyone || slices.Contains(ps.arns, p.ARN) {
		return byName
	}
	if p.Kind == AssumedRole && slices.Contains(ps.roles, roleName{p.Account, p.Name}) {
		return byName
	}
	if slices.Contains(ps.accounts, p.Account) {
		return byAccount
	}
	return unnamed
}

// spared says whether a caller is left out of a deny of everybody else. AWS
// wants whom such a deny spares to be named together with its account; the
// account beside its members stands for no other one than its owner.
func (ps *principals) spared(p *Principal, named naming) bool {
	return named == byName ||
		named == byAccount && (p.Kind == Root || !slices.Contains(ps.members, p.Account))
}

// parsePrincipals reads Principal or NotPrincipal.
func parsePrincipals(element string, n node) (principals, error) {
	var ps principals
	switch {
	case n.kind == textNode && n.text == "*":
		return principals{everyone: true, written: []string{"*"}}, nil
	case n.kind == textNode:
		return ps, fmt.Errorf(`%s must be "*" or an object: %s is neither`, element, quote(n.text))
	case n.kind != objectNode:
		return ps, fmt.Errorf(`%s must be "*" or an object`, element)
	case len(n.members) == 0:
		return ps, fmt.Errorf("%s is empty", element)
	}
	for _, m := range n.members {
		add, known := map[string]func(string) error{
			"AWS": ps.addAWS, "Federated": ps.addProvider, "Service": checkService,
		}[m.key]
		if !known {
			return ps, fmt.Errorf("%s: %s is not a sort of principal: AWS, Service and Federated are", element, quote(m.key))
		}
		names, err := m.value.texts(element + "." + m.key)
		if err != nil {
			return ps, err
		}
		for _, name := range names {
			if err := add(name); err != nil {
				return ps, fmt.Errorf("%s.%s: %s %w", element, m.key, quote(name), err)
			}
		}
	}
	return ps, nil
}

// addAWS adds "*", the id of an account, or the ARN of a principal.
func (ps *principals) addAWS(name string) error {
	ps.written = append(ps.written, name)
	if name == "*" {
		ps.everyone = true
		return nil
	}
	if isAccount(name) {
		ps.accounts = append(ps.accounts, name)
		return nil
	}
	service, account, resource, err := principalARN(name)
	if err != nil {
		return err
	}
	if service == "iam" && resource == "root" {
		ps.accounts = append(ps.accounts, account)
		return nil
	}
	ps.members = append(ps.members, account)
	kind, rest, _ := strings.Cut(resource, "/")
	switch {
	case service == "iam" && kind == "user" && principalName(rest):
		ps.arns = append(ps.arns, name)
	case service == "iam" && kind == "role" && principalName(rest):
		ps.roles = append(ps.roles, roleName{account, rest})
	case service == "sts" && kind == "assumed-role" && strings.Count(rest, "/") == 1 && principalName(rest):
		ps.arns = append(ps.arns, name)
	default:
		return errors.New("is not the ARN of an account's root, a user, a role or a session of a role")
	}
	return nil
}

// addProvider adds an OIDC provider.
func (ps *principals) addProvider(name string) error {
	if strings.ContainsAny(name, "*?") {
		return errors.New("has a wildcard")
	}
	service, _, resource, err := principalARN(name)
	if err != nil {
		return err
	}
	issuer, ok := strings.CutPrefix(resource, "oidc-provider/")
	if service != "iam" || !ok || issuer == "" || strings.ContainsAny(issuer, " \t\r\n") {
		return errors.New("is not the ARN of an OIDC provider")
	}
	ps.providers = append(ps.providers, name)
	return nil
}

// checkService checks the name of an AWS service. No caller of ours is one.
func checkService(name string) error {
	if !strings.Contains(strings.Trim(name, "."), ".") || !onlyOf(name, "-.") {
		return errors.New("is not the name of a service such as lambda.amazonaws.com")
	}
	return nil
}

// principalARN takes the ARN of a principal apart.
func principalARN(arn string) (service, account, resource string, err error) {
	if strings.ContainsAny(arn, "*?") {
		return "", "", "", errors.New(`has a wildcard: only "*" alone may be one`)
	}
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) != 6 || fields[0] != "arn" || fields[1] != "aws" || fields[3] != "" || !isAccount(fields[4]) {
		return "", "", "", errors.New("is neither the id of an account nor the ARN of a principal")
	}
	return fields[2], fields[4], fields[5], nil
}

// isAccount says whether something is the id of an account.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// principalName says whether something is a name with or without a path.
func principalName(s string) bool {
	return s != "" && len(s) <= 576 && !strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") &&
		!strings.Contains(s, "//") && onlyOf(s, "+=,.@_-/")
}

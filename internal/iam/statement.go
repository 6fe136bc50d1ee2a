package iam

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// statement is a compiled statement. The zero principals and no resources mean
// that its kind of policy has no such element.
type statement struct {
	label string // Sid, or position
	deny  bool

	principals   principals
	notPrincipal bool
	actions      []actionPattern
	notAction    bool
	resources    []glob // none: whatever the policy is attached to
	notResource  bool
	conditions   []condition
}

// parseStatement reads one statement of a kind of policy.
func parseStatement(g Grammar, n node, variables bool) (statement, error) {
	var s statement
	if n.kind != objectNode {
		return s, errors.New("a statement must be an object")
	}
	given := map[string]bool{}
	for _, m := range n.members {
		given[m.key] = true
		if err := s.set(g, m, variables); err != nil {
			return s, err
		}
	}
	return s, checkElements(g, given)
}

// set takes one element over.
func (s *statement) set(g Grammar, m member, variables bool) (err error) {
	switch m.key {
	case "Sid":
		s.label, err = parseSid(g, m.value)
	case "Effect":
		s.deny, err = parseEffect(m.value)
	case "Principal", "NotPrincipal":
		s.notPrincipal = m.key == "NotPrincipal"
		s.principals, err = parsePrincipals(m.key, m.value)
	case "Action", "NotAction":
		s.notAction = m.key == "NotAction"
		s.actions, err = parseActions(m.key, m.value)
	case "Resource", "NotResource":
		s.notResource = m.key == "NotResource"
		s.resources, err = parseResources(m.key, m.value, variables)
	case "Condition":
		s.conditions, err = parseConditions(m.value, variables)
	default:
		err = fmt.Errorf("unknown element %s", quote(m.key))
	}
	return err
}

// checkElements says which elements are missing, or are there and must not be.
func checkElements(g Grammar, given map[string]bool) error {
	for _, name := range [...]string{"Principal", "Action", "Resource"} {
		if given[name] && given["Not"+name] {
			return fmt.Errorf("has both %s and Not%s", name, name)
		}
	}
	principal := given["Principal"] || given["NotPrincipal"]
	resource := given["Resource"] || given["NotResource"]
	switch {
	case !given["Effect"]:
		return errors.New("has no Effect")
	case !given["Action"] && !given["NotAction"]:
		return errors.New("has no Action")
	case g.principal() && !principal:
		return errors.New("has no Principal")
	case !g.principal() && principal:
		return errors.New("must not have a Principal: the policy belongs to one")
	case g == TrustPolicy && resource:
		return errors.New("must not have a Resource: the policy belongs to the role")
	case g != TrustPolicy && g != ResourcePolicy && !resource:
		return errors.New("has no Resource")
	}
	return nil
}

// parseSid reads the name of a statement. IAM's own policies take letters and
// digits only; those of resources are free in it.
func parseSid(g Grammar, n node) (string, error) {
	const longest = 512
	switch {
	case n.kind != textNode:
		return "", errors.New("Sid must be a string")
	case len(n.text) > longest:
		return "", fmt.Errorf("Sid is longer than %d bytes", longest)
	case !g.principal() && !onlyOf(n.text, ""):
		return "", fmt.Errorf("Sid %s must be of letters and digits", quote(n.text))
	case strings.ContainsFunc(n.text, unicode.IsControl):
		return "", fmt.Errorf("Sid %s has a control character", quote(n.text))
	}
	return n.text, nil
}

func parseEffect(n node) (deny bool, err error) {
	if n.kind != textNode || n.text != "Allow" && n.text != "Deny" {
		return false, errors.New("Effect must be Allow or Deny")
	}
	return n.text == "Deny", nil
}

func parseActions(element string, n node) ([]actionPattern, error) {
	texts, err := n.texts(element)
	if err != nil {
		return nil, err
	}
	actions := make([]actionPattern, 0, len(texts))
	for _, text := range texts {
		a, err := compileAction(text)
		if err != nil {
			return nil, fmt.Errorf("%s %s %w", element, quote(text), err)
		}
		actions = append(actions, a)
	}
	return actions, nil
}

func parseResources(element string, n node, variables bool) ([]glob, error) {
	texts, err := n.texts(element)
	if err != nil {
		return nil, err
	}
	resources := make([]glob, 0, len(texts))
	for _, text := range texts {
		err := checkResource(text)
		if err != nil {
			return nil, fmt.Errorf("%s %s %w", element, quote(text), err)
		}
		g, err := compileGlob(text, true, variables)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", element, quote(text), err)
		}
		resources = append(resources, g)
	}
	return resources, nil
}

// conditional says whether values of condition keys have a say in the statement.
func (s *statement) conditional() bool {
	for i := range s.resources {
		if s.resources[i].conditional() {
			return true
		}
	}
	return len(s.conditions) > 0
}

// applies says whether a statement is about a request, whoever asks.
func (s *statement) applies(r *Request) bool {
	if !s.actionMatches(r.Action) {
		return false
	}
	if s.resources != nil && s.resourceNamed(r) == s.notResource {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r.Context) {
			return false
		}
	}
	return true
}

func (s *statement) actionNamed(action string) bool {
	for i := range s.actions {
		if s.actions[i].matches(action) {
			return true
		}
	}
	return false
}

func (s *statement) resourceNamed(r *Request) bool {
	for i := range s.resources {
		if s.resources[i].match(r.Resource, r.Context) {
			return true
		}
	}
	return false
}

// concerns says whether, and how, a statement of a resource-based policy is
// about a caller. An allow never reaches who came with a provider's token
// unless it names the provider.
func (s *statement) concerns(p *Principal) naming {
	named := s.principals.naming(p)
	federated := p.Kind == Federated
	if federated && s.principals.everyone && (s.deny || s.notPrincipal) {
		named = byName
	}
	switch {
	case !s.notPrincipal:
		return named
	case s.deny && s.principals.spared(p, named), !s.deny && (federated || named != unnamed):
		return unnamed
	}
	return byName
}

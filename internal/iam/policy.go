package iam

import (
	"errors"
	"fmt"
	"slices"
)

// Policy is a compiled policy document. It never changes.
type Policy struct {
	name        string
	grammar     Grammar
	statements  []statement
	conditional bool
}

// Grammar is which elements a kind of policy may and must have.
type Grammar int

// The kinds of policies.
const (
	IdentityPolicy Grammar = iota // no Principal, Resource required
	ResourcePolicy                // Principal required, Resource optional (of a repository)
	RegistryPolicy                // Principal and Resource
	TrustPolicy                   // Principal (AWS or Federated), no Resource
	SessionPolicy                 // as an identity policy
)

// principal says whether statements of the kind name principals.
func (g Grammar) principal() bool { return g != IdentityPolicy && g != SessionPolicy }

// owner is what decisions call a policy without a name.
func (g Grammar) owner() string {
	switch g {
	case ResourcePolicy:
		return "of the repository"
	case RegistryPolicy:
		return "of the registry"
	case TrustPolicy:
		return "of the role"
	default:
		return ""
	}
}

// Parse compiles a policy document. name is how decisions call it. An error
// says what is wrong in words for whoever wrote the document.
func Parse(name string, g Grammar, document string) (*Policy, error) {
	root, err := decode(document)
	if err != nil {
		return nil, err
	}
	if root.kind != objectNode {
		return nil, errors.New("a policy must be an object")
	}
	p := &Policy{name: name, grammar: g}
	if name == "" {
		p.name = g.owner()
	}
	variables := false // the language had none before 2012
	var statements *node
	for i := range root.members {
		m := &root.members[i]
		switch m.key {
		case "Version":
			if variables, err = parseVersion(m.value); err != nil {
				return nil, err
			}
		case "Id":
			if m.value.kind != textNode {
				return nil, errors.New("Id must be a string")
			}
		case "Statement":
			statements = &m.value
		default:
			return nil, fmt.Errorf("the policy has an unknown element %s", quote(m.key))
		}
	}
	if statements == nil {
		return nil, errors.New("the policy has no Statement")
	}
	if err := p.addStatements(*statements, variables); err != nil {
		return nil, err
	}
	return p, nil
}

func parseVersion(n node) (variables bool, err error) {
	if n.kind == textNode {
		switch n.text {
		case "2012-10-17":
			return true, nil
		case "2008-10-17":
			return false, nil
		}
	}
	return false, errors.New("Version must be 2012-10-17 or 2008-10-17")
}

func (p *Policy) addStatements(n node, variables bool) error {
	items := n.items
	switch {
	case n.kind == objectNode:
		items = []node{n}
	case n.kind != listNode:
		return errors.New("Statement must be an object or a list of objects")
	case len(items) == 0:
		return errors.New("Statement is empty")
	case len(items) > maxStatements:
		return fmt.Errorf("the policy has more than %d statements", maxStatements)
	}
	p.statements = make([]statement, 0, len(items))
	sids := map[string]bool{}
	for i, item := range items {
		s, err := parseStatement(p.grammar, item, variables)
		if err == nil && s.label != "" && !p.grammar.principal() && sids[s.label] {
			err = fmt.Errorf("the Sid %s is given twice", quote(s.label))
		}
		if err != nil {
			return fmt.Errorf("statement #%d: %w", i+1, err)
		}
		sids[s.label] = true
		if s.label == "" {
			s.label = fmt.Sprintf("#%d", i+1)
		}
		p.conditional = p.conditional || s.conditional()
		p.statements = append(p.statements, s)
	}
	return nil
}

// Principals answers the principals that a resource policy names, for checks
// that they exist: ARNs, account ids, "*".
func (p *Policy) Principals() []string {
	var all []string
	for i := range p.statements {
		for _, name := range p.statements[i].principals.written {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// Actions answers the patterns of actions that a policy names, as they are
// written and in that order.
func (p *Policy) Actions() []string {
	var all []string
	for i := range p.statements {
		for _, a := range p.statements[i].actions {
			if !slices.Contains(all, a.written) {
				all = append(all, a.written)
			}
		}
	}
	return all
}

// Conditional says whether any statement has a condition or a variable, so that
// the values of condition keys are needed.
func (p *Policy) Conditional() bool { return p != nil && p.conditional }

package iam

import "strings"

// kindred answers what AWS calls an action of ecru's own that manages
// identities, accounts or what policies stand. Policies that were written for
// AWS keep these from people by AWS's names: a deny of iam:*, an allow of all
// but iam:*. They must keep the same from them here. That goes one way only: an
// allow by AWS's name gives nothing.
func kindred(action string) []string {
	operation, ok := strings.CutPrefix(action, "ecru:")
	if !ok {
		return nil
	}
	switch operation {
	case "CreateAccount", "ListAccounts":
		return []string{"organizations:" + operation}
	case "RotateAccessKey":
		return []string{"iam:CreateAccessKey"}
	case "ClearPolicies":
		return []string{"ecr:DeleteRepositoryPolicy", "ecr:DeleteRegistryPolicy"}
	}
	return []string{"iam:" + operation}
}

// actionMatches says whether a statement's actions are about an action. Where a
// statement takes away, by a deny or by leaving out of an allow, AWS's names
// for the same count, too.
func (s *statement) actionMatches(action string) bool {
	named := s.actionNamed(action)
	if !named && s.deny != s.notAction {
		for _, name := range kindred(action) {
			named = named || s.actionNamed(name)
		}
	}
	return named != s.notAction
}

package eventbridge

import "github.com/ecru-registry/ecru/internal/awsapi/validate"

// Constraints are facts of the service's public model: which members are
// required, how long they may be and what they may look like.

// is ties a rule to a member by its Go name.
func is(member string, rule validate.Rule) validate.Field {
	return validate.Field{Name: member, Rule: rule}
}

// nested has no rule of its own; the structures below it have.
func nested() validate.Rule { return validate.Rule{} }

func length(from, to int) validate.Rule { return validate.Rule{MinLen: from, MaxLen: to} }

func matching(from, to int, pattern string) validate.Rule {
	return validate.Rule{MinLen: from, MaxLen: to, Pattern: pattern}
}

func oneOf(values ...string) validate.Rule { return validate.Rule{Enum: values} }

func listOf(from, to int, each validate.Rule) validate.Rule {
	return validate.Rule{MinLen: from, MaxLen: to, Each: &each}
}

func mapOf(most int, keys, values validate.Rule) validate.Rule {
	return validate.Rule{MaxLen: most, Keys: &keys, Each: &values}
}

func number(from, to int64) validate.Rule {
	return validate.Rule{Value: &validate.Range{Min: from, Max: to}}
}

func anARN() validate.Rule { return length(1, 1600) }

// aName is that of most things of the service.
func aName() validate.Rule { return matching(1, 64, `[\.\-_A-Za-z0-9]+`) }

func aBus() validate.Rule {
	return matching(1, 1600, `(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+`)
}

func aToken() validate.Rule { return length(1, 2048) }

func aPage() validate.Rule { return number(1, maxPage) }

package ecr

import (
	"math"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	maxManifest  = 4 << 20
	maxLayerPart = 20 << 20
)

// constraints are ECR's, of all its operations: which members are required,
// how long they may be and what they may look like. They are facts of the
// service's public model; where its answers spell a member or a pattern in
// another way, the rules below say so.
func constraints() []validate.Structure {
	var all []validate.Structure
	for _, part := range [][]validate.Structure{
		repositoryConstraints(), repositoryShapes(),
		imageConstraints(), layerConstraints(), imageShapes(),
		registryConstraints(), registryShapes(),
		upstreamConstraints(), upstreamShapes(),
	} {
		all = append(all, part...)
	}
	return all
}

// is ties a rule to a member by its Go name.
func is(member string, rule validate.Rule) validate.Field {
	return validate.Field{Name: member, Rule: rule}
}

func required() validate.Rule { return validate.Rule{Required: true} }

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

func atLeast(n int64) validate.Rule {
	return validate.Rule{Value: &validate.Range{Min: n, Max: math.MaxInt64}}
}

func pageSize(most int64) validate.Rule {
	return validate.Rule{Value: &validate.Range{Min: 1, Max: most}}
}

func registryID() validate.Rule { return validate.Rule{Pattern: `[0-9]{12}`} }

// repositoryName is checked by one pattern and explained by another, stricter
// one, as ECR does.
func repositoryName() validate.Rule {
	return validate.Rule{
		MinLen: 2, MaxLen: registry.MaxRepositoryName,
		Pattern: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`,
		Quoted:  registry.RepositoryNamePattern,
		Terse:   true,
	}
}

func imageIDs() validate.Rule { return length(1, 100) }

// looseImageIDs come back one by one as failures when they are wrong.
func looseImageIDs() validate.Rule { return validate.Rule{MinLen: 1, MaxLen: 100, Opaque: true} }

func uploadID() validate.Rule {
	return matching(0, 0, `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
}

func layerDigest() validate.Rule { return matching(0, 0, registry.DigestPattern) }

const prefixPattern = `^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\/?|ROOT)$`

func cachePrefix() validate.Rule    { return matching(2, 30, prefixPattern) }
func templatePrefix() validate.Rule { return matching(1, 256, prefixPattern) }

func credentialARN() validate.Rule {
	return matching(50, 612, `^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$`)
}

func principalARN() validate.Rule {
	return matching(0, 200, `^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$`)
}

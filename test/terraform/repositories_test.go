package terraform

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/server"
)

func filters(patterns ...string) list {
	var all list
	for _, pattern := range patterns {
		all = append(all, object{"filter": pattern, "filterType": "WILDCARD"})
	}
	return all
}

func scanning(onPush bool) object {
	return object{"imageScanningConfiguration": object{"scanOnPush": onPush}}
}

func encryption(kind string) object {
	return object{"encryptionConfiguration": object{"encryptionType": kind}}
}

func mutability(mode string) object { return object{"imageTagMutability": mode} }

func excluding(mode string, patterns ...string) object {
	return mutability(mode).with(object{"imageTagMutabilityExclusionFilters": filters(patterns...)})
}

func tags(all map[string]string) set {
	out := set{}
	for key, value := range all {
		out = append(out, object{"key": key, "value": value})
	}
	return out
}

// repository is aws_ecr_repository: settings are sent as they are configured,
// and read back from a description. Tags are asked for on their own.
func repository(at place, name string, settings object, tagged map[string]string) resource {
	create := object{"repositoryName": name}.with(settings)
	if len(tagged) > 0 {
		create["tags"] = tags(tagged)
	}
	absent := []step{{call: "DescribeRepositories", with: object{"repositoryNames": list{name}}, fails: "RepositoryNotFoundException"}}
	destroy := step{call: "DeleteRepository", with: object{"repositoryName": name, "registryId": at.account}}
	again := destroy
	again.fails = "RepositoryNotFoundException"
	return resource{
		create: []step{{call: "CreateRepository", with: create, answers: object{"repository": object{"repositoryName": name, "repositoryArn": at.arn(name)}}}},
		read:   readRepository(at, name, settings, tagged),
		// It asks until the repository is not found.
		destroy: append([]step{destroy}, absent...),
		gone:    absent,
		again:   []step{again},
	}
}

func readRepository(at place, name string, settings object, tagged map[string]string) []step {
	state := object{
		"repositoryName": name, "repositoryArn": at.arn(name), "registryId": at.account, "repositoryUri": at.host + "/" + name,
		// The defaults of what is not configured.
		"imageTagMutability": "MUTABLE", "imageTagMutabilityExclusionFilters": nothing{},
		"imageScanningConfiguration": object{"scanOnPush": false},
		"encryptionConfiguration":    object{"encryptionType": "AES256", "kmsKey": nothing{}},
	}.with(settings)
	return []step{
		{call: "DescribeRepositories", with: object{"repositoryNames": list{name}}, answers: object{"repositories": list{state}, "nextToken": nothing{}}},
		{call: "ListTagsForResource", with: object{"resourceArn": at.arn(name)}, answers: object{"tags": tags(tagged)}},
	}
}

func repositoryStories(at place) []story {
	key := "arn:aws:kms:" + at.region + ":" + at.account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	withKey := object{"encryptionConfiguration": object{"encryptionType": "KMS", "kmsKey": key}}
	chosenKey := object{"encryptionConfiguration": object{"encryptionType": "KMS", "kmsKey": something{}}}
	// The provider always sends a mode.
	bare := repository(at, "tf/bare", mutability("MUTABLE"), nil)
	managed := repository(at, "tf/managed", mutability("MUTABLE").with(encryption("KMS")), nil)
	managed.read = readRepository(at, "tf/managed", mutability("MUTABLE").with(chosenKey), nil)
	return []story{
		fullRepository(at),
		{kind: "aws_ecr_repository", name: "without any block", resource: bare},
		{kind: "aws_ecr_repository", name: "with a key", resource: repository(at, "tf/key", mutability("IMMUTABLE").with(withKey), nil)},
		{kind: "aws_ecr_repository", name: "with a key that the registry chooses", resource: managed},
	}
}

func fullRepository(at place) story {
	const name = "tf/full"
	before := mutability("MUTABLE").with(scanning(true), encryption("AES256"))
	first := map[string]string{"env": "dev", "team": "a", "kept": "yes"}
	second := map[string]string{"env": "prod", "kept": "yes", "new": ""}

	mode := func(attribute string, settings object) change {
		return change{
			attribute: attribute,
			update:    []step{{call: "PutImageTagMutability", with: object{"repositoryName": name, "registryId": at.account}.with(settings)}},
			read:      readRepository(at, name, before.with(settings), first),
		}
	}
	unscanned := before.with(scanning(false))
	return story{
		kind: "aws_ecr_repository", name: "with all of its blocks",
		resource: repository(at, name, before, first),
		changes: []change{
			mode("image_tag_mutability", mutability("IMMUTABLE")),
			mode("image_tag_mutability and its exclusions", excluding("IMMUTABLE_WITH_EXCLUSION", "latest", "dev-*")),
			mode("image_tag_mutability_exclusion_filter", excluding("IMMUTABLE_WITH_EXCLUSION", "dev-*", "nightly*", "latest")),
			mode("image_tag_mutability of exclusions", excluding("MUTABLE_WITH_EXCLUSION", "v*")),
			mode("image_tag_mutability without exclusions", mutability("MUTABLE")),
			{
				attribute: "image_scanning_configuration",
				update: []step{{call: "PutImageScanningConfiguration", with: object{
					"repositoryName": name, "registryId": at.account, "imageScanningConfiguration": object{"scanOnPush": false},
				}}},
				read: readRepository(at, name, unscanned, first),
			},
			{
				// Tags go before others come; what stays is not sent.
				attribute: "tags",
				update: []step{
					{call: "UntagResource", with: object{"resourceArn": at.arn(name), "tagKeys": list{"team"}}},
					{call: "TagResource", with: object{"resourceArn": at.arn(name), "tags": tags(map[string]string{"env": "prod", "new": ""})}},
				},
				read: readRepository(at, name, unscanned, second),
			},
			{
				attribute: "tags, all away",
				update:    []step{{call: "UntagResource", with: object{"resourceArn": at.arn(name), "tagKeys": list{"env", "kept", "new"}}}},
				read:      readRepository(at, name, unscanned, nil),
			},
		},
		refused: []step{
			{call: "CreateRepository", with: object{"repositoryName": name, "imageTagMutability": "MUTABLE"}, fails: "RepositoryAlreadyExistsException"},
		},
	}
}

func TestARepositoryWithImagesIsDestroyedByForceDelete(t *testing.T) {
	s := server.Start(t, server.Options{})
	p, at := configure(t, s)
	r := repository(at, "tf/images", mutability("MUTABLE"), nil)
	chapter(t, p, "create", r.create)
	image, err := name.ParseReference(s.Host + "/tf/images:1")
	if err != nil {
		t.Fatal(err)
	}
	login := authn.FromConfig(authn.AuthConfig{Username: server.User, Password: s.Password(t)})
	if err := remote.Write(image, empty.Image, remote.WithAuth(login), remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	destroy := object{"repositoryName": "tf/images", "registryId": at.account}
	chapter(t, p, "destroy", []step{{call: "DeleteRepository", with: destroy, fails: "RepositoryNotEmptyException"}})
	chapter(t, p, "plan without changes", r.read)
	chapter(t, p, "destroy with force_delete", []step{{call: "DeleteRepository", with: destroy.with(object{"force": true})}})
	chapter(t, p, "read of what is gone", r.gone)
}

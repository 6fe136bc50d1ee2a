package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/server"
)

// parallelism is how many resources terraform works on at a time.
const parallelism = 10

// block is a resource of deploy/terraform, with the values that its variables
// have without being set.
type block struct {
	address string // with the key of for_each, or without
	resource
	after []string // blocks that it refers to
}

// configuration is deploy/terraform.
func configuration(at place) []block {
	var (
		managed = map[string]string{"managed-by": "terraform"}
		app     = map[string]string{"managed-by": "terraform", "team": "platform"}
		aes     = encryption("AES256").with(scanning(true))
		made    = mutability("MUTABLE").with(encryption("AES256"), appliedFor("CREATE_ON_PUSH", "PULL_THROUGH_CACHE", "REPLICATION"), object{
			"description": "Made by the first push", "resourceTags": tags(map[string]string{"origin": "push"}),
			"lifecyclePolicy": expiring("Ten images are enough for trying things", 10), "repositoryPolicy": policy(readable(at)),
		})
	)
	tools := repository(at, "terraform/tools", mutability("MUTABLE").with(aes), managed)
	tools.destroy[0].with["force"] = true
	return []block{
		{address: "aws_ecr_account_setting.this", resource: accountSetting("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE")},
		{address: "aws_ecr_account_setting.this", resource: accountSetting("BLOB_MOUNTING", "ENABLED")},
		{address: "aws_ecr_account_setting.this", resource: accountSetting("REGISTRY_POLICY_SCOPE", "V2")},
		{address: "aws_ecr_repository.this", resource: repository(at, "terraform/app", excluding("IMMUTABLE_WITH_EXCLUSION", "latest", "dev-*").with(aes), app)},
		{address: "aws_ecr_repository.this", resource: tools},
		{address: "aws_ecr_lifecycle_policy.this", resource: lifecyclePolicy(at, "terraform/app", keeping(30)), after: []string{"aws_ecr_repository.this"}},
		{address: "aws_ecr_lifecycle_policy.this", resource: lifecyclePolicy(at, "terraform/tools", keeping(30)), after: []string{"aws_ecr_repository.this"}},
		{address: "aws_ecr_repository_policy.this", resource: repositoryPolicy(at, "terraform/tools", pullers("111122223333")), after: []string{"aws_ecr_repository.this"}},
		{address: "aws_ecr_registry_policy.this", resource: registryPolicy(at, replicating(at, "terraform")), after: []string{"aws_ecr_account_setting.this"}},
		{address: "aws_ecr_registry_scanning_configuration.this", resource: scanningConfiguration(at, "BASIC", scanRule("SCAN_ON_PUSH", "*"))},
		{address: "aws_ecr_replication_configuration.this", resource: replication(at, replicationRule(list{"terraform/"}, destination("eu-central-1", at.account)))},
		{address: "aws_ecr_pull_through_cache_rule.this", resource: cacheRule(at, "ecr-public", object{"upstreamRegistryUrl": "public.ecr.aws"})},
		{address: "aws_ecr_pull_through_cache_rule.this", resource: cacheRule(at, "quay", object{"upstreamRegistryUrl": "quay.io"})},
		{address: "aws_ecr_repository_creation_template.this", resource: template(at, "terraform/sandbox", made)},
		{address: "aws_ecr_pull_time_update_exclusion.this", resource: exclusion(at.role("scanner"))},
		{address: "aws_ecr_signing_configuration.this", resource: signing(at, signingRule(at, "release", "*"))},
	}
}

func readable(at place) object {
	return statement("Pull", "arn:aws:iam::"+at.account+":root", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
}

func keeping(images int) document {
	return document{"rules": list{
		object{
			"rulePriority": 1, "description": "Untagged images go after a week",
			"selection": object{"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
			"action":    object{"type": "expire"},
		},
		object{
			"rulePriority": 2, "description": "The newest images stay",
			"selection": object{"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": images},
			"action":    object{"type": "expire"},
		},
	}}
}

func TestTheConfigurationIsAppliedAppliedAgainAndDestroyed(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		t.Run("by the owner", func(t *testing.T) { applyAndDestroy(t, s) })
		t.Run("by a user with full access", func(t *testing.T) { applyAndDestroy(t, asUser(t, s, "AmazonEC2ContainerRegistryFullAccess")) })
	})
}

func applyAndDestroy(t *testing.T, s *server.Server) {
	p, at := configure(t, s)
	all := configuration(at)
	ordered := waves(t, all)
	for _, wave := range ordered {
		atOnce(t, p, "apply", wave, func(b block) []step { return slices.Concat(b.create, b.read) })
	}
	read := func(b block) []step { return b.read }
	atOnce(t, p, "apply again", all, read)
	atOnce(t, p, "refresh before destroy", all, read)
	slices.Reverse(ordered)
	for _, wave := range ordered {
		atOnce(t, p, "destroy", wave, func(b block) []step { return b.destroy })
	}
	for _, b := range all {
		// What a policy was of is gone with it.
		if steps := b.gone; b.after == nil || b.address == "aws_ecr_registry_policy.this" {
			chapter(t, p, "refresh of "+b.address, steps)
		}
	}
}

// asUser is the server as a new user with a managed policy calls it.
func asUser(t *testing.T, s *server.Server, policy string) *server.Server {
	t.Helper()
	s.Run(t, "user", "create", "terraform", policy, "--data", s.Data)
	var key struct{ AccessKeyID, SecretAccessKey string }
	out := s.Run(t, "key", "create", "terraform", "--format", "json", "--data", s.Data)
	if err := json.Unmarshal([]byte(out), &key); err != nil || key.AccessKeyID == "" {
		t.Fatalf("ecru key create printed no key: %v", err)
	}
	as := *s
	as.Credentials.AccessKeyID, as.Credentials.SecretAccessKey = key.AccessKeyID, key.SecretAccessKey
	return &as
}

// waves are blocks in the order in which terraform creates them: those of a
// wave at once, after all that they refer to.
func waves(t *testing.T, all []block) [][]block {
	t.Helper()
	var ordered [][]block
	done := map[string]bool{}
	for left := all; len(left) > 0; {
		var wave, later []block
		for _, b := range left {
			if slices.ContainsFunc(b.after, func(address string) bool { return !done[address] }) {
				later = append(later, b)
			} else {
				wave = append(wave, b)
			}
		}
		if len(wave) == 0 {
			t.Fatalf("%s comes after something that never comes", left[0].address)
		}
		for _, b := range wave {
			done[b.address] = true
		}
		ordered, left = append(ordered, wave), later
	}
	return ordered
}

func atOnce(t *testing.T, p provider, title string, blocks []block, steps func(block) []step) {
	t.Helper()
	errs := make([]error, len(blocks))
	var group errgroup.Group
	group.SetLimit(parallelism)
	for i, b := range blocks {
		group.Go(func() error {
			if err := p.perform(context.WithoutCancel(t.Context()), steps(b)); err != nil {
				errs[i] = fmt.Errorf("%s: %s: %w", title, b.address, err)
			}
			return nil
		})
	}
	_ = group.Wait() // every block tells its own error
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// TestEveryBlockIsReplayed: who adds a resource to deploy/terraform adds its
// requests here, and who takes one away takes them.
func TestEveryBlockIsReplayed(t *testing.T) {
	written := map[string]bool{}
	resources := regexp.MustCompile(`(?m)^resource "([a-z_]+)" "([a-z_]+)" \{$`)
	for _, file := range configurationFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range resources.FindAllStringSubmatch(string(text), -1) {
			written[found[1]+"."+found[2]] = true
		}
	}
	replayed, told := map[string]bool{}, map[string]bool{}
	for _, s := range stories(place{}) {
		told[s.kind] = true
	}
	for _, b := range configuration(place{}) {
		replayed[b.address] = true
		if !written[b.address] {
			t.Errorf("%s is replayed, but is not in deploy/terraform", b.address)
		}
	}
	for address := range written {
		if !replayed[address] {
			t.Errorf("%s is in deploy/terraform, but its requests are not replayed", address)
		}
		if kind := address[:len(address)-len(filepath.Ext(address))]; !told[kind] {
			t.Errorf("%s has no story of create, update, import and destroy", kind)
		}
	}
}

func configurationFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.tf", "*/*.tf"} {
		found, err := filepath.Glob(filepath.Join(fixture.Root(t), "deploy", "terraform", pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 5 {
		t.Fatalf("deploy/terraform has %d files: they were not found", len(all))
	}
	return all
}

package compat

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func replicationRows() []*operation {
	return []*operation{
		describeRegistry(), putReplicationConfiguration(), describeImageReplicationStatus(), startReplicationBackfill(),
		stopReplicationBackfill(), listReplicationBackfills(), describeReplicationBackfillResults(),
		putSigningConfiguration(), getSigningConfiguration(), deleteSigningConfiguration(), describeImageSigningStatus(),
	}
}

const elsewhere = "eu-west-1"

func destination(region, registry string) types.ReplicationDestination {
	return types.ReplicationDestination{Region: &region, RegistryId: &registry}
}

// copies is a rule of replication, for repositories of some prefixes.
func copies(to types.ReplicationDestination, prefixes ...string) types.ReplicationRule {
	r := types.ReplicationRule{Destinations: []types.ReplicationDestination{to}}
	for _, p := range prefixes {
		r.RepositoryFilters = append(r.RepositoryFilters, types.RepositoryFilter{Filter: &p, FilterType: "PREFIX_MATCH"})
	}
	return r
}

func (a *account) replicating(rules ...types.ReplicationRule) *types.ReplicationConfiguration {
	a.t.Helper()
	c := &types.ReplicationConfiguration{Rules: rules}
	do(a, a.PutReplicationConfiguration, &ecr.PutReplicationConfigurationInput{ReplicationConfiguration: c})
	return c
}

func describeRegistry() *operation {
	type in = ecr.DescribeRegistryInput
	return row("DescribeRegistry", func(*account) *in { return &in{} }, unpaged, readsOnly,
		shape("no rules is an empty list", func(a *account) {
			a.same(do(a, a.DescribeRegistry, &in{}), &ecr.DescribeRegistryOutput{RegistryId: &a.id,
				ReplicationConfiguration: &types.ReplicationConfiguration{Rules: []types.ReplicationRule{}}})
		}),
		shape("the rules that were put", func(a *account) {
			c := a.replicating(copies(destination(elsewhere, a.id), "team/", "prod"), copies(destination(a.region, "123456789012")))
			a.same(do(a, a.DescribeRegistry, &in{}).ReplicationConfiguration, c)
		}),
	)
}

func putReplicationConfiguration() *operation {
	type in = ecr.PutReplicationConfigurationInput
	good := func(a *account) *in {
		return &in{ReplicationConfiguration: &types.ReplicationConfiguration{Rules: []types.ReplicationRule{copies(destination(elsewhere, a.id), "prod-")}}}
	}
	first := func(change func(a *account, r *types.ReplicationRule)) func(*account, *in) {
		return func(a *account, in *in) { change(a, &in.ReplicationConfiguration.Rules[0]) }
	}
	const member = "replicationConfiguration.rules.1.member."
	return row("PutReplicationConfiguration", good, unpaged, later(inEffects),
		shape("what was put", func(a *account) {
			in := good(a)
			a.same(do(a, a.PutReplicationConfiguration, in), &ecr.PutReplicationConfigurationOutput{ReplicationConfiguration: in.ReplicationConfiguration})
		}),
		shape("twenty-five rules to twenty-five destinations", func(a *account) {
			in := good(a)
			in.ReplicationConfiguration.Rules = nil
			for _, id := range many(25, "1234567890%02d") {
				in.ReplicationConfiguration.Rules = append(in.ReplicationConfiguration.Rules, copies(destination(elsewhere, id)))
			}
			a.same(do(a, a.PutReplicationConfiguration, in).ReplicationConfiguration, in.ReplicationConfiguration)
		}),
		but("to the registry itself", first(func(a *account, r *types.ReplicationRule) { r.Destinations[0] = destination(a.region, a.id) }),
			invalidParameter, violates("replicationConfiguration", "Replication destination cannot be the same as the source registry")),
		but("to a region that is none", first(func(a *account, r *types.ReplicationRule) { r.Destinations[0] = destination("nowhere", a.id) }), invalidParameter, "Invalid region 'nowhere'"),
		but("to a region of another partition", first(func(a *account, r *types.ReplicationRule) { r.Destinations[0] = destination("cn-north-1", a.id) }), invalidParameter, "Invalid region 'cn-north-1'"),
		but("to the same destination twice", first(func(_ *account, r *types.ReplicationRule) { r.Destinations = append(r.Destinations, r.Destinations[0]) }), invalidParameter,
			violates("replicationConfiguration", "Replication rule contains the duplicate destination with region '"+elsewhere+"' and registryId '{account}'")),
		but("twenty-six rules", func(_ *account, in *in) {
			for range 25 {
				in.ReplicationConfiguration.Rules = append(in.ReplicationConfiguration.Rules, in.ReplicationConfiguration.Rules[0])
			}
		}, invalidParameter, violates("replicationConfiguration.rules", "Member must have length less than or equal to 25")),
		but("twenty-six destinations", first(func(_ *account, r *types.ReplicationRule) {
			for _, id := range many(25, "1234567890%02d") {
				r.Destinations = append(r.Destinations, destination(elsewhere, id))
			}
		}), invalidParameter, violates("replicationConfiguration", "Replication configuration contains 26 unique destinations but must contain at most 25")),
		but("a registryId of eleven digits", first(func(_ *account, r *types.ReplicationRule) { r.Destinations[0] = destination(elsewhere, "12345678901") }),
			invalidParameter, violates(member+"destinations.1.member.registryId", "Member must satisfy regular expression pattern: [0-9]{12}")),
		but("a filter in capitals", first(func(_ *account, r *types.ReplicationRule) { r.RepositoryFilters[0].Filter = aws.String("Prod") }), invalidParameter,
			violates(member+"repositoryFilters.1.member.filter", `Member must satisfy regular expression pattern: ^(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*$`)),
		but("a filter of one character", first(func(_ *account, r *types.ReplicationRule) { r.RepositoryFilters[0].Filter = aws.String("p") }), invalidParameter,
			violates(member+"repositoryFilters.1.member.filter", "Member must have length greater than or equal to 2")),
		but("a filter of another type", first(func(_ *account, r *types.ReplicationRule) { r.RepositoryFilters[0].FilterType = "WILDCARD" }), invalidParameter,
			violates(member+"repositoryFilters.1.member.filterType", "Member must satisfy enum value set: [PREFIX_MATCH]")),
		fails("no rules at all", func(a *account) {
			a.refusedRaw(a.send("PutReplicationConfiguration", `{"replicationConfiguration":{}}`), invalidParameter, violates("replicationConfiguration.rules", "Member must not be null"))
		}),
		effects("it is described, and replaced as a whole; an empty list ends it", func(a *account) {
			do(a, a.PutReplicationConfiguration, good(a))
			c := a.replicating(copies(destination("us-west-1", a.id)))
			a.same(do(a, a.DescribeRegistry, &ecr.DescribeRegistryInput{}).ReplicationConfiguration, c)
			a.replicating([]types.ReplicationRule{}...)
			a.same(len(do(a, a.DescribeRegistry, &ecr.DescribeRegistryInput{}).ReplicationConfiguration.Rules), 0)
		}),
	)
}

func describeImageReplicationStatus() *operation {
	type in = ecr.DescribeImageReplicationStatusInput
	good := func(a *account) *in {
		a.ready(web)
		a.replicating(copies(destination(elsewhere, a.id), "team/"), copies(destination("us-west-1", a.id), "other"))
		a.image(web, "1", "v1")
		return &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}
	}
	return row("DescribeImageReplicationStatus", good, unpaged, readsOnly, later(inShape),
		shape("no rule, no statuses", func(a *account) {
			a.ready(web)
			digest := a.image(web, "1", "v1")
			a.same(do(a, a.DescribeImageReplicationStatus, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}), &ecr.DescribeImageReplicationStatusOutput{
				RepositoryName: aws.String(web), ImageId: byBoth(digest, "v1"), ReplicationStatuses: []types.ImageReplicationStatus{}})
		}),
		shape("a destination that was not reached", func(a *account) {
			a.same(do(a, a.DescribeImageReplicationStatus, good(a)).ReplicationStatuses, []types.ImageReplicationStatus{
				{Region: aws.String(elsewhere), RegistryId: &a.id, Status: "FAILED", FailureCode: aws.String("UnsupportedOperation")}})
		}),
		shape("rules are for what is pushed after them", func(a *account) {
			in := good(a)
			a.replicating(copies(destination("eu-north-1", a.id)))
			a.same(do(a, a.DescribeImageReplicationStatus, in).ReplicationStatuses, []types.ImageReplicationStatus{})
		}),
	)
}

func startReplicationBackfill() *operation {
	type in = ecr.StartReplicationBackfillInput
	good := func(a *account) *in {
		a.replicating(copies(destination(elsewhere, a.id)))
		to := destination(elsewhere, a.id)
		return &in{Destination: &to}
	}
	return row("StartReplicationBackfill", good, unpaged, refusesYet, later(inEffects),
		but("a destination of the configuration: not yet", func(*account, *in) {}, unsupported, "Replication backfills do not run in this version of ecru yet."),
		but("a destination that is not in the configuration", func(a *account, in *in) { in.Destination.Region = aws.String("us-west-1") }, validation,
			"The destination with region 'us-west-1' and registryId '{account}' is not part of the replication configuration of the registry"),
		fails("a destination without a region", func(a *account) {
			a.refusedRaw(a.send("StartReplicationBackfill", `{"destination":{"registryId":"123456789012"}}`), invalidParameter, violates("destination.region", "Member must not be null"))
		}),
		effects("there is none afterwards", func(a *account) {
			refuse(a, a.StartReplicationBackfill, good(a), unsupported, "Replication backfills do not run in this version of ecru yet.")
			a.same(do(a, a.ListReplicationBackfills, &ecr.ListReplicationBackfillsInput{}).Backfills, []types.ReplicationBackfillSummary{})
		}),
	)
}

const noBackfill = "The replication backfill with id 'none' does not exist in the registry with id '{account}'"

func stopReplicationBackfill() *operation {
	type in = ecr.StopReplicationBackfillInput
	return row("StopReplicationBackfill", func(*account) *in { return &in{ReplicationBackfillId: aws.String("none")} }, unpaged, refusesYet, later(inEffects),
		but("a backfill that is not there", func(*account, *in) {}, "ReplicationBackfillNotFoundException", noBackfill),
	)
}

func listReplicationBackfills() *operation {
	type in = ecr.ListReplicationBackfillsInput
	return row("ListReplicationBackfills", func(*account) *in { return &in{} }, readsOnly, later(inShape, inPagination),
		shape("none", func(a *account) {
			a.same(do(a, a.ListReplicationBackfills, &in{}), &ecr.ListReplicationBackfillsOutput{RegistryId: &a.id, Backfills: []types.ReplicationBackfillSummary{}})
		}),
		pagination("a token that is made up", func(a *account) {
			refuse(a, a.ListReplicationBackfills, &in{NextToken: aws.String("x")}, invalidParameter, violates("nextToken", badToken))
		}),
	)
}

func describeReplicationBackfillResults() *operation {
	type in = ecr.DescribeReplicationBackfillResultsInput
	return row("DescribeReplicationBackfillResults", func(*account) *in { return &in{ReplicationBackfillId: aws.String("none")} }, readsOnly, refusesYet, later(inPagination),
		but("a backfill that is not there", func(*account, *in) {}, "ReplicationBackfillNotFoundException", noBackfill),
		wrong("an unknown status", func(in *in) { in.ResultStatusFilter = "LATE" }, "resultStatusFilter", "Member must satisfy enum value set: [COMPLETE, FAILED]"),
	)
}

// profile is the ARN of a signing profile.
func profile(region, name string) string {
	return "arn:aws:signer:" + region + ":123456789012:/signing-profiles/" + name
}

// signs is a rule of signing, for repositories that one of the filters matches.
func signs(arn string, filters ...string) types.SigningRule {
	r := types.SigningRule{SigningProfileArn: &arn}
	for _, f := range filters {
		r.RepositoryFilters = append(r.RepositoryFilters, types.SigningRepositoryFilter{Filter: &f, FilterType: "WILDCARD_MATCH"})
	}
	return r
}

func (a *account) signing(rules ...types.SigningRule) *types.SigningConfiguration {
	a.t.Helper()
	c := &types.SigningConfiguration{Rules: rules}
	do(a, a.PutSigningConfiguration, &ecr.PutSigningConfigurationInput{SigningConfiguration: c})
	return c
}

const noSigning = "Signing configuration does not exist in the registry with id '{account}'"

func putSigningConfiguration() *operation {
	type in = ecr.PutSigningConfigurationInput
	good := func(a *account) *in {
		return &in{SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{signs(profile(a.region, "ours"), "team/*")}}}
	}
	first := func(change func(r *types.SigningRule)) func(*in) {
		return func(in *in) { change(&in.SigningConfiguration.Rules[0]) }
	}
	const member = "signingConfiguration.rules.1.member."
	far := profile("mars-north-1", "ours")
	return row("PutSigningConfiguration", good, unpaged, later(inEffects),
		shape("what was put", func(a *account) {
			in := good(a)
			in.SigningConfiguration.Rules = append(in.SigningConfiguration.Rules, signs(profile(a.region, "theirs")))
			a.same(do(a, a.PutSigningConfiguration, in), &ecr.PutSigningConfigurationOutput{SigningConfiguration: in.SigningConfiguration})
		}),
		but("a profile of another region", func(_ *account, in *in) { in.SigningConfiguration.Rules[0].SigningProfileArn = &far }, invalidParameter,
			violates("signingProfileArn", "The region of signing profile ARN '"+far+"' is 'mars-north-1' but must be '{region}' (the current region)")),
		wrong("a profile that is none", first(func(r *types.SigningRule) { r.SigningProfileArn = aws.String("profile") }), member+"signingProfileArn",
			`Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,}$`),
		wrong("a filter in capitals", first(func(r *types.SigningRule) { r.RepositoryFilters[0].Filter = aws.String("Prod") }), member+"repositoryFilters.1.member.filter",
			`Member must satisfy regular expression pattern: ^(?:[a-z0-9*]+(?:[._-][a-z0-9*]+)*/)*[a-z0-9*]+(?:[._-][a-z0-9*]+)*$`),
		wrong("a filter of another type", first(func(r *types.SigningRule) { r.RepositoryFilters[0].FilterType = "PREFIX_MATCH" }), member+"repositoryFilters.1.member.filterType",
			"Member must satisfy enum value set: [WILDCARD_MATCH]"),
		wrong("no filters in a list of them", first(func(r *types.SigningRule) { r.RepositoryFilters = []types.SigningRepositoryFilter{} }), member+"repositoryFilters", "Member must have length greater than or equal to 1"),
		but("eleven rules", func(_ *account, in *in) {
			for range 10 {
				in.SigningConfiguration.Rules = append(in.SigningConfiguration.Rules, in.SigningConfiguration.Rules[0])
			}
		}, invalidParameter, violates("signingConfiguration.rules", "Member must have length less than or equal to 10")),
		effects("it is answered from then on, and replaced as a whole", func(a *account) {
			do(a, a.PutSigningConfiguration, good(a))
			c := a.signing(signs(profile(a.region, "second")))
			a.same(do(a, a.GetSigningConfiguration, &ecr.GetSigningConfigurationInput{}).SigningConfiguration, c)
		}),
	)
}

func getSigningConfiguration() *operation {
	type in = ecr.GetSigningConfigurationInput
	good := func(a *account) *in {
		a.signing(signs(profile(a.region, "ours"), "team/*", "prod"))
		return &in{}
	}
	return row("GetSigningConfiguration", good, unpaged, readsOnly,
		shape("what was put", func(a *account) {
			a.same(do(a, a.GetSigningConfiguration, good(a)), &ecr.GetSigningConfigurationOutput{RegistryId: &a.id,
				SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{signs(profile(a.region, "ours"), "team/*", "prod")}}})
		}),
		fails("a registry without one", func(a *account) {
			refuse(a, a.GetSigningConfiguration, &in{}, "SigningConfigurationNotFoundException", noSigning)
		}),
	)
}

func deleteSigningConfiguration() *operation {
	type in = ecr.DeleteSigningConfigurationInput
	good := func(a *account) *in {
		a.signing(signs(profile(a.region, "ours")))
		return &in{}
	}
	return row("DeleteSigningConfiguration", good, unpaged,
		shape("what is gone", func(a *account) {
			a.same(do(a, a.DeleteSigningConfiguration, good(a)), &ecr.DeleteSigningConfigurationOutput{RegistryId: &a.id,
				SigningConfiguration: &types.SigningConfiguration{Rules: []types.SigningRule{signs(profile(a.region, "ours"))}}})
		}),
		fails("a registry without one", func(a *account) {
			refuse(a, a.DeleteSigningConfiguration, &in{}, "SigningConfigurationNotFoundException", noSigning)
		}),
		effects("it is gone", func(a *account) {
			do(a, a.DeleteSigningConfiguration, good(a))
			refuse(a, a.GetSigningConfiguration, &ecr.GetSigningConfigurationInput{}, "SigningConfigurationNotFoundException", noSigning)
		}),
	)
}

func describeImageSigningStatus() *operation {
	type in = ecr.DescribeImageSigningStatusInput
	good := func(a *account) *in {
		a.ready(web)
		a.signing(signs(profile(a.region, "ours"), "team/*"), signs(profile(a.region, "all")), signs(profile(a.region, "other"), "team"))
		a.image(web, "1", "v1")
		return &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}
	}
	failed := func(a *account, name string) types.ImageSigningStatus {
		return types.ImageSigningStatus{SigningProfileArn: aws.String(profile(a.region, name)), Status: "FAILED", FailureCode: aws.String("UnsupportedOperation"),
			FailureReason: aws.String("Managed signing does not run in this version of ecru yet.")}
	}
	return row("DescribeImageSigningStatus", good, unpaged, readsOnly, later(inShape),
		shape("no rule, no statuses", func(a *account) {
			a.ready(web)
			digest := a.image(web, "1", "v1")
			a.same(do(a, a.DescribeImageSigningStatus, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}), &ecr.DescribeImageSigningStatusOutput{
				RegistryId: &a.id, RepositoryName: aws.String(web), ImageId: byBoth(digest, "v1"), SigningStatuses: []types.ImageSigningStatus{}})
		}),
		shape("an entry of each rule that matches", func(a *account) {
			a.same(do(a, a.DescribeImageSigningStatus, good(a)).SigningStatuses, []types.ImageSigningStatus{failed(a, "ours"), failed(a, "all")})
		}),
		shape("signatures are not signed", func(a *account) {
			in := good(a)
			digest := a.put(web, referrer(digestOf(manifest("1")), "application/vnd.cncf.notary.signature", "1"))
			in.ImageId = byDigest(digest)
			a.same(do(a, a.DescribeImageSigningStatus, in).SigningStatuses, []types.ImageSigningStatus{})
		}),
	)
}

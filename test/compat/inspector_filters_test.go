package compat

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"
)

const (
	everyFilter = "arn:aws:inspector2:{region}:{account}:owner/{account}/filter/*"
	noFilter    = "arn:aws:inspector2:{region}:{account}:owner/{account}/filter/0000000000000000"
)

// suppress makes a filter that suppresses a vulnerability, and answers its ARN.
func (a *account) suppress(name string, ids ...string) *string {
	a.t.Helper()
	return do(a, a.inspector().CreateFilter, &inspector2.CreateFilterInput{Name: &name, Action: "SUPPRESS", FilterCriteria: about(ids...)}).Arn
}

// becomes waits until the finding of a vulnerability has a status.
func (a *account) becomes(id string, status types.FindingStatus) {
	a.t.Helper()
	a.eventually(id+" is "+string(status), func() bool {
		found := a.findings(about(id))
		return len(found) == 1 && found[0].Status == status
	})
}

func createFilter() *served {
	type in = inspector2.CreateFilterInput
	good := func(*account) *in {
		return &in{Name: aws.String("accepted"), Action: "SUPPRESS", FilterCriteria: about("CVE-2021-23337")}
	}
	return serves("CreateFilter", everyFilter, good,
		works("one with all that it may have", func(a *account) {
			in := good(a)
			in.Action, in.Description, in.Reason, in.Tags = "NONE", aws.String("d"), aws.String("r"), map[string]string{"team": "blue"}
			arn := do(a, a.inspector().CreateFilter, in).Arn
			if !strings.HasPrefix(*arn, a.inspectorARN("owner/"+a.id+"/filter/")) {
				a.t.Errorf("ARN %s", *arn)
			}
			a.same(a.filters(), []types.Filter{{
				Arn: arn, Name: in.Name, Action: "NONE", Criteria: in.FilterCriteria, Description: in.Description, Reason: in.Reason, Tags: in.Tags,
				OwnerId: &a.id, CreatedAt: now(), UpdatedAt: now(),
			}})
		}),
		works("what it selects is suppressed, and counts no more", func(a *account) {
			a.inspected("v1")
			do(a, a.inspector().CreateFilter, good(a))
			a.becomes("CVE-2021-23337", "SUPPRESSED")
			a.same(len(a.findings(&types.FilterCriteria{FindingStatus: equalTo("ACTIVE")})), allFindings-1)
			counts := do(a, a.DescribeImageScanFindings, &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String(web), ImageId: byTag("v1")}).ImageScanFindings.FindingSeverityCounts
			a.same(counts["HIGH"], int32(11))
		}),
		works("images that come later, too", func(a *account) {
			do(a, a.inspector().CreateFilter, good(a))
			a.inspected("v1")
			a.becomes("CVE-2021-23337", "SUPPRESSED")
		}),
		refuses("a name that is taken", func(a *account, in *in) { do(a, a.inspector().CreateFilter, in) }, badRequest, "A filter with the name accepted already exists."),
		refuses("an unknown action", func(_ *account, in *in) { in.Action = "HIDE" }, validation, invalid("HIDE", "action", "Member must satisfy enum value set: [NONE, SUPPRESS]")),
		refuses("a long name", func(_ *account, in *in) { in.Name = aws.String(strings.Repeat("n", 129)) }, validation,
			invalid(strings.Repeat("n", 129), "name", "Member must have length less than or equal to 128")),
		refuses("a tag of AWS", func(_ *account, in *in) { in.Tags = map[string]string{"aws:x": ""} }, validation,
			"The tags are invalid: keys that begin with aws: are reserved."),
	)
}

// filters are those of the account.
func (a *account) filters() []types.Filter {
	a.t.Helper()
	return do(a, a.inspector().ListFilters, &inspector2.ListFiltersInput{}).Filters
}

func updateFilter() *served {
	type in = inspector2.UpdateFilterInput
	good := func(a *account) *in {
		return &in{FilterArn: a.suppress("accepted", "CVE-2021-23337"), Reason: aws.String("because")}
	}
	return serves("UpdateFilter", "{FilterArn}", good,
		works("what is not given stays", func(a *account) {
			in := good(a)
			a.same(do(a, a.inspector().UpdateFilter, in), &inspector2.UpdateFilterOutput{Arn: in.FilterArn})
			a.same(a.filters(), []types.Filter{{
				Arn: in.FilterArn, Name: aws.String("accepted"), Action: "SUPPRESS", Criteria: about("CVE-2021-23337"), Reason: in.Reason, Tags: map[string]string{},
				OwnerId: &a.id, CreatedAt: now(), UpdatedAt: now(),
			}})
		}),
		works("other criteria, another action: findings follow", func(a *account) {
			a.inspected("v1")
			in := good(a)
			a.becomes("CVE-2021-23337", "SUPPRESSED")
			in.FilterCriteria = about("CVE-2020-28500")
			do(a, a.inspector().UpdateFilter, in)
			a.becomes("CVE-2021-23337", "ACTIVE")
			a.becomes("CVE-2020-28500", "SUPPRESSED")
			in.Action = "NONE"
			do(a, a.inspector().UpdateFilter, in)
			a.becomes("CVE-2020-28500", "ACTIVE")
		}),
		refuses("a filter that is not there", func(a *account, in *in) { in.FilterArn = aws.String(a.fill(noFilter)) }, resourceNotFound, "The filter "+noFilter+" does not exist."),
		refuses("a name that is taken", func(a *account, in *in) { a.suppress("other", "CVE-2024-1"); in.Name = aws.String("other") }, validation, "A filter with the name other already exists."),
	)
}

func deleteFilter() *served {
	type in = inspector2.DeleteFilterInput
	good := func(a *account) *in { return &in{Arn: a.suppress("accepted", "CVE-2021-23337")} }
	return serves("DeleteFilter", "{Arn}", good,
		works("what it suppressed is active again", func(a *account) {
			a.inspected("v1")
			in := good(a)
			a.becomes("CVE-2021-23337", "SUPPRESSED")
			a.same(do(a, a.inspector().DeleteFilter, in), &inspector2.DeleteFilterOutput{Arn: in.Arn})
			a.becomes("CVE-2021-23337", "ACTIVE")
			a.same(a.filters(), []types.Filter{})
		}),
		refuses("a filter that is not there", func(a *account, in *in) { in.Arn = aws.String(a.fill(noFilter)) }, resourceNotFound, "The filter "+noFilter+" does not exist."),
	)
}

func listFilters() *served {
	type in = inspector2.ListFiltersInput
	return serves("ListFilters", everyFilter, func(*account) *in { return &in{} },
		works("by action and ARNs", func(a *account) {
			arn := a.suppress("one", "CVE-2024-1")
			do(a, a.inspector().CreateFilter, &inspector2.CreateFilterInput{Name: aws.String("two"), Action: "NONE", FilterCriteria: &types.FilterCriteria{}})
			names := func(in *in) []string {
				return list(do(a, a.inspector().ListFilters, in).Filters, func(f types.Filter) string { return *f.Name })
			}
			a.same(names(&in{Action: "NONE"}), []string{"two"})
			a.same(names(&in{Arns: []string{*arn, a.fill(noFilter)}}), []string{"one"})
		}),
		lists(100, func(a *account, n int) {
			for _, name := range many(n, "f%d") {
				a.suppress(name, "CVE-2024-1")
			}
		}, func(out *inspector2.ListFiltersOutput) []string {
			return list(out.Filters, func(f types.Filter) string { return *f.Arn })
		}),
		refuses("an unknown action", func(_ *account, in *in) { in.Action = "HIDE" }, validation, invalid("HIDE", "action", "Member must satisfy enum value set: [NONE, SUPPRESS]")),
	)
}

// filterTags are those of a filter.
func (a *account) filterTags(arn *string) map[string]string {
	a.t.Helper()
	return do(a, a.inspector().ListTagsForResource, &inspector2.ListTagsForResourceInput{ResourceArn: arn}).Tags
}

func tagFilter() *served {
	type in = inspector2.TagResourceInput
	good := func(a *account) *in {
		return &in{ResourceArn: a.suppress("accepted", "CVE-2021-23337"), Tags: map[string]string{"team": "blue", "old": ""}}
	}
	tags := func(n int) map[string]string {
		all := map[string]string{}
		for _, key := range many(n, "k%d") {
			all[key] = ""
		}
		return all
	}
	return serves("TagResource", "{ResourceArn}", good,
		works("tags are added and replaced", func(a *account) {
			in := good(a)
			do(a, a.inspector().TagResource, in)
			do(a, a.inspector().TagResource, &inspector2.TagResourceInput{ResourceArn: in.ResourceArn, Tags: map[string]string{"team": "red"}})
			a.same(a.filterTags(in.ResourceArn), map[string]string{"team": "red", "old": ""})
		}),
		refuses("a filter that is not there", func(a *account, in *in) { in.ResourceArn = aws.String(a.fill(noFilter)) }, resourceNotFound, "The filter "+noFilter+" does not exist."),
		refuses("51 tags", func(_ *account, in *in) { in.Tags = tags(51) }, validation, "The tags are invalid: a resource can have up to 50 tags."),
		refuses("a tag of AWS", func(_ *account, in *in) { in.Tags = map[string]string{"aws:x": ""} }, validation, "The tags are invalid: keys that begin with aws: are reserved."),
	)
}

func untagFilter() *served {
	type in = inspector2.UntagResourceInput
	good := func(a *account) *in {
		arn := a.suppress("accepted", "CVE-2021-23337")
		do(a, a.inspector().TagResource, &inspector2.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"team": "blue", "old": ""}})
		return &in{ResourceArn: arn, TagKeys: []string{"old", "none"}}
	}
	return serves("UntagResource", "{ResourceArn}", good,
		works("those that are there", func(a *account) {
			in := good(a)
			do(a, a.inspector().UntagResource, in)
			a.same(a.filterTags(in.ResourceArn), map[string]string{"team": "blue"})
		}),
		refuses("a filter that is not there", func(a *account, in *in) { in.ResourceArn = aws.String(a.fill(noFilter)) }, resourceNotFound, "The filter "+noFilter+" does not exist."),
	)
}

func tagsOfFilter() *served {
	type in = inspector2.ListTagsForResourceInput
	good := func(a *account) *in { return &in{ResourceArn: a.suppress("accepted", "CVE-2021-23337")} }
	return serves("ListTagsForResource", "{ResourceArn}", good,
		works("none", func(a *account) { a.same(a.filterTags(good(a).ResourceArn), map[string]string{}) }),
		refuses("a filter that is not there", func(a *account, in *in) { in.ResourceArn = aws.String(a.fill(noFilter)) }, resourceNotFound, "The filter "+noFilter+" does not exist."),
	)
}

package compat

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func tagRows() []*operation {
	return []*operation{tagResource(), untagResource(), listTagsForResource()}
}

// tagged creates the repository of good inputs with tags.
func (a *account) tagged(pairs ...string) *string {
	a.t.Helper()
	return do(a, a.CreateRepository, &ecr.CreateRepositoryInput{RepositoryName: aws.String(web), Tags: tags(pairs...)}).Repository.RepositoryArn
}

func (a *account) wantTags(pairs ...string) {
	a.t.Helper()
	out := do(a, a.ListTagsForResource, &ecr.ListTagsForResourceInput{ResourceArn: aws.String(a.arn(web))})
	a.same(out, &ecr.ListTagsForResourceOutput{Tags: tags(pairs...)})
}

func tagResource() *operation {
	type in = ecr.TagResourceInput
	good := func(a *account) *in { return &in{ResourceArn: a.tagged("old", "1"), Tags: tags("new", "2")} }
	return row("TagResource", good, unpaged,
		shape("an empty object", func(a *account) {
			a.same(do(a, a.TagResource, good(a)), &ecr.TagResourceOutput{})
			if body := string(a.lastExchange().body); body != "{}" {
				a.t.Errorf("the answer is %s", body)
			}
		}),
		but("fifty-one tags with those that are there", func(_ *account, in *in) { in.Tags = manyTags(50) },
			"TooManyTagsException", "The maximum number of tags that can be applied to a repository is 50"),
		but("an empty key", func(_ *account, in *in) { in.Tags = tags("", "v") },
			"InvalidTagParameterException", "Invalid parameter: tag keys must have between 1 and 128 characters"),
		but("a key of 129 characters", func(_ *account, in *in) { in.Tags = tags(strings.Repeat("é", 129), "v") },
			"InvalidTagParameterException", "Invalid parameter: tag keys must have between 1 and 128 characters"),
		but("a value of 257 characters", func(_ *account, in *in) { in.Tags = tags("k", strings.Repeat("é", 257)) },
			"InvalidTagParameterException", "Invalid parameter: tag values must have at most 256 characters"),
		but("a key of AWS's own", func(_ *account, in *in) { in.Tags = tags("aws:x", "v") },
			"InvalidTagParameterException", "Invalid parameter: tag keys must not begin with aws:"),
		fails("a tag without a value", func(a *account) {
			arn := a.tagged()
			a.refusedRaw(a.send("TagResource", encoded(map[string]any{"resourceArn": arn, "tags": []any{map[string]string{"Key": "k"}}})),
				invalidParameter, violates("tags.1.member.Value", "Member must not be null"))
		}),
		effects("tags merge by key", func(a *account) {
			arn := a.tagged("a", "1", "b", "2")
			do(a, a.TagResource, &in{ResourceArn: arn, Tags: tags("c", "3", "b", "two")})
			a.wantTags("a", "1", "b", "two", "c", "3")
		}),
		effects("the same again changes nothing", func(a *account) {
			in := good(a)
			do(a, a.TagResource, in)
			do(a, a.TagResource, in)
			a.wantTags("new", "2", "old", "1")
		}),
		effects("fifty tags of the longest", func(a *account) {
			arn := a.tagged()
			var want []string
			for _, key := range many(50, strings.Repeat("é", 126)+"%02d") {
				want = append(want, key, strings.Repeat("ü", 256))
			}
			do(a, a.TagResource, &in{ResourceArn: arn, Tags: tags(want...)})
			a.wantTags(want...)
		}),
		effects("what is refused changes nothing", func(a *account) {
			in := good(a)
			in.Tags = tags("fine", "1", "aws:x", "v")
			refuse(a, a.TagResource, in, "InvalidTagParameterException", "Invalid parameter: tag keys must not begin with aws:")
			a.wantTags("old", "1")
		}),
	)
}

func untagResource() *operation {
	type in = ecr.UntagResourceInput
	good := func(a *account) *in {
		return &in{ResourceArn: a.tagged("a", "1", "b", "2", "c", "3"), TagKeys: []string{"a", "c"}}
	}
	return row("UntagResource", good, unpaged,
		shape("an empty object", func(a *account) {
			a.same(do(a, a.UntagResource, good(a)), &ecr.UntagResourceOutput{})
			if body := string(a.lastExchange().body); body != "{}" {
				a.t.Errorf("the answer is %s", body)
			}
		}),
		effects("the keys are gone, the others stay", func(a *account) {
			do(a, a.UntagResource, good(a))
			a.wantTags("b", "2")
		}),
		effects("keys that are not there are passed over", func(a *account) {
			in := good(a)
			do(a, a.UntagResource, in)
			do(a, a.UntagResource, in)
			a.wantTags("b", "2")
		}),
		effects("keys are as they are written", func(a *account) {
			in := good(a)
			in.TagKeys = []string{"A", "b "}
			do(a, a.UntagResource, in)
			a.wantTags("a", "1", "b", "2", "c", "3")
		}),
	)
}

func listTagsForResource() *operation {
	type in = ecr.ListTagsForResourceInput
	return row("ListTagsForResource", func(a *account) *in { return &in{ResourceArn: a.tagged("k", "v")} }, unpaged, readsOnly,
		shape("the tags, by key", func(a *account) {
			arn := a.tagged("b", "2", "a", "", "c", "3")
			a.same(do(a, a.ListTagsForResource, &in{ResourceArn: arn}), &ecr.ListTagsForResourceOutput{Tags: tags("a", "", "b", "2", "c", "3")})
		}),
		shape("none", func(a *account) {
			a.same(do(a, a.ListTagsForResource, &in{ResourceArn: a.tagged()}), &ecr.ListTagsForResourceOutput{Tags: []types.Tag{}})
		}),
		fails("the ARN of somebody else's repository", func(a *account) {
			other := a.house.account(a.t)
			other.repository(web)
			refuse(a, a.ListTagsForResource, &in{ResourceArn: aws.String(other.arn(web))}, accessDenied,
				"User: arn:aws:iam::{account}:root is not authorized to perform: ecr:ListTagsForResource on resource: "+other.arn(web)+
					" because no resource-based policy allows the ecr:ListTagsForResource action")
		}),
	)
}

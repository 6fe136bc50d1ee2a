package compat

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

func lifecycleRows() []*operation {
	return []*operation{
		putLifecyclePolicy(), getLifecyclePolicy(), deleteLifecyclePolicy(),
		startLifecyclePolicyPreview(), getLifecyclePolicyPreview(),
	}
}

// rule is a rule of a lifecycle policy.
func rule(priority int, selection, action string) string {
	return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{%s}}`, priority, selection, action)
}

func lifecycle(rules ...string) string { return `{"rules":[` + strings.Join(rules, ",") + `]}` }

const (
	untagged = `"tagStatus":"untagged",`
	anyTag   = `"tagStatus":"any",`
	prefix   = `"tagStatus":"tagged","tagPrefixList":["v"],`
	counted  = `"countType":"imageCountMoreThan","countNumber":5`
	aged     = `"countType":"sinceImagePushed","countUnit":"days","countNumber":14`
	unpulled = `"countType":"sinceImagePulled","countUnit":"days","countNumber":90`
	archived = `"storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`
	expire   = `"type":"expire"`
	moves    = `"type":"transition","targetStorageClass":"archive"`

	unmapped          = "Lifecycle policy parsing failure: Could not map policyString into LifecyclePolicy."
	noLifecyclePolicy = "Lifecycle policy does not exist for the repository with name 'team/web' in the registry with id '{account}'"
)

// expiry is the policy of good inputs.
var expiry = lifecycle(rule(1, untagged+aged, expire), rule(2, anyTag+counted, expire))

// noLifecycles are texts that are no lifecycle policy, and why not.
func noLifecycles() [][3]string {
	invalid := func(what, text, why string) [3]string {
		return [3]string{what, text, "Lifecycle policy validation failure: " + why}
	}
	one := func(what, selection, action, why string) [3]string {
		return invalid(what, lifecycle(rule(1, selection, action)), why)
	}
	return [][3]string{
		{"no JSON", strings.Repeat("expire what is old, ", 6), unmapped},
		{"a wrong type", lifecycle(`{"rulePriority":"first","selection":{` + untagged + counted + `},"action":{` + expire + `}}`), unmapped},
		{"a transition to nowhere", lifecycle(rule(1, anyTag+aged, `"type":"transition"`)), unmapped},
		invalid("no rules", `{`+strings.Repeat(" ", 120)+`}`, `object has missing required properties (["rules"])`),
		invalid("zero rules", `{"rules":[`+strings.Repeat(" ", 120)+`]}`, "array is too short: must have at least 1 elements but instance has 0 elements"),
		invalid("fifty-one rules", lifecycle(manyRules(51)...), "array is too long: must have at most 50 elements but instance has 51 elements"),
		invalid("an unknown property", `{"rules":[`+rule(1, untagged+counted, expire)+`],"x":1}`, `object instance has properties which are not allowed by the schema: (["x"])`),
		one("an unknown tagStatus", `"tagStatus":"x",`+counted, expire, `instance value (x) not found in enum :(possible values: ["tagged","untagged","any"])`),
		one("an unknown action", untagged+counted, `"type":"x"`, `instance value (x) not found in enum :(possible values: ["expire","transition"])`),
		one("a unit of a count", untagged+`"countUnit":"days",`+counted, expire, "instance failed to match exactly one schema (matched 0 out of 4)"),
		one("days without a unit", untagged+`"countType":"sinceImagePushed","countNumber":5`, expire, "instance failed to match exactly one schema (matched 0 out of 4)"),
		one("a count of zero", untagged+`"countType":"imageCountMoreThan","countNumber":0`, expire, "numeric instance is lower than the required minimum (minimum: 1, found: 0)"),
		invalid("the same priority twice", lifecycle(rule(1, untagged+counted, expire), rule(1, prefix+counted, expire)), "Duplicate priority in multiple rules"),
		invalid("any before others", lifecycle(rule(1, anyTag+counted, expire), rule(2, prefix+counted, expire)), "Rule for tagStatus=ANY must have the lowest priority per storage class"),
		invalid("any twice", lifecycle(rule(1, anyTag+counted, expire), rule(2, anyTag+aged, expire)), "Only one rule can specify tagStatus=ANY"),
		invalid("untagged twice", lifecycle(rule(1, untagged+counted, expire), rule(2, untagged+aged, expire)), "Only one rule can select Untagged images per storage class."),
		one("tagged without a list", `"tagStatus":"tagged",`+counted, expire, "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."),
		one("both lists", prefix+`"tagPatternList":["v*"],`+counted, expire, "If policy has a tagged rule, it must specify only one of tagPrefixList or tagPatternList"),
		one("prefixes of any", anyTag+`"tagPrefixList":["v"],`+counted, expire, "Cannot specify tagPrefixList with tagStatus ANY"),
		one("five wildcards", `"tagStatus":"tagged","tagPatternList":["*a*b*c*d*"],`+counted, expire, "Invalid tag pattern provided. Total number of * must not exceed 4"),
		one("a count in the archive", anyTag+`"storageClass":"archive",`+counted, expire, "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only"),
		one("out of the archive too early", anyTag+strings.Replace(archived, "90", "89", 1), expire, "numeric instance is lower than the required minimum (minimum: 90, found: 89)"),
	}
}

func manyRules(n int) (rules []string) {
	for i := range n {
		rules = append(rules, rule(i+1, fmt.Sprintf(`"tagStatus":"tagged","tagPrefixList":["%d"],`, i)+counted, expire))
	}
	return rules
}

func refusedLifecycles[I any](set func(in *I, text string)) part {
	return func(op *operation) {
		for _, c := range noLifecycles() {
			wrong("a policy with "+c[0], func(in *I) { set(in, c[1]) }, "LifecyclePolicyText", c[2])(op)
		}
		wrong("a policy of 99 characters", func(in *I) { set(in, strings.Repeat("x", 99)) }, "LifecyclePolicyText", "Member must have length greater than or equal to 100")(op)
		wrong("a policy of 30,721 characters", func(in *I) { set(in, strings.Repeat("x", 30721)) }, "LifecyclePolicyText", "Member must have length less than or equal to 30720")(op)
	}
}

func putLifecyclePolicy() *operation {
	type in = ecr.PutLifecyclePolicyInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryName: aws.String(web), LifecyclePolicyText: &expiry}
	}
	return row("PutLifecyclePolicy", good, unpaged, later(inEffects),
		shape("the policy without white space", func(a *account) {
			in := good(a)
			in.LifecyclePolicyText = aws.String(strings.ReplaceAll(strings.ReplaceAll(expiry, ":", " : "), ",", ",\n\t"))
			a.same(do(a, a.PutLifecyclePolicy, in), &ecr.PutLifecyclePolicyOutput{RegistryId: &a.id, RepositoryName: aws.String(web), LifecyclePolicyText: &expiry})
		}),
		shape("every kind of rule", func(a *account) {
			in := good(a)
			in.LifecyclePolicyText = aws.String(lifecycle(
				rule(1, `"tagStatus":"tagged","tagPatternList":["*a*b*c*","prod"],`+aged, expire), rule(7, prefix+counted, expire),
				rule(8, untagged+counted, expire), rule(9, anyTag+unpulled, moves), rule(3, anyTag+archived, expire), rule(2, untagged+archived, expire)))
			a.same(do(a, a.PutLifecyclePolicy, in).LifecyclePolicyText, in.LifecyclePolicyText)
		}),
		shape("fifty rules", func(a *account) {
			in := good(a)
			in.LifecyclePolicyText = aws.String(lifecycle(manyRules(50)...))
			a.same(do(a, a.PutLifecyclePolicy, in).LifecyclePolicyText, in.LifecyclePolicyText)
		}),
		refusedLifecycles(func(in *in, text string) { in.LifecyclePolicyText = &text }),
		effects("it is answered from then on, and replaced as a whole", func(a *account) {
			in := good(a)
			do(a, a.PutLifecyclePolicy, in)
			second := lifecycle(rule(5, anyTag+unpulled, moves))
			in.LifecyclePolicyText = &second
			do(a, a.PutLifecyclePolicy, in)
			a.same(do(a, a.GetLifecyclePolicy, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String(web)}).LifecyclePolicyText, &second)
		}),
		effects("what is refused changes nothing", func(a *account) {
			in := good(a)
			do(a, a.PutLifecyclePolicy, in)
			in.LifecyclePolicyText = aws.String(strings.Repeat("x", 100))
			refuse(a, a.PutLifecyclePolicy, in, invalidParameter, violates("LifecyclePolicyText", unmapped))
			a.same(do(a, a.GetLifecyclePolicy, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String(web)}).LifecyclePolicyText, &expiry)
		}),
	)
}

// withLifecycle creates the repository of good inputs with a lifecycle policy.
func (a *account) withLifecycle() *string {
	a.t.Helper()
	a.repository(web)
	do(a, a.PutLifecyclePolicy, &ecr.PutLifecyclePolicyInput{RepositoryName: aws.String(web), LifecyclePolicyText: &expiry})
	return aws.String(web)
}

// neverEvaluated checks that lastEvaluatedAt is 0.0 and not absent before a run.
func (a *account) neverEvaluated(at *time.Time) {
	a.t.Helper()
	if at == nil || !at.Equal(time.Unix(0, 0)) || !strings.Contains(string(a.lastExchange().body), `"lastEvaluatedAt":0.0`) {
		a.t.Errorf("lastEvaluatedAt is %v in %s", at, a.lastExchange().body)
	}
}

func getLifecyclePolicy() *operation {
	type in = ecr.GetLifecyclePolicyInput
	return row("GetLifecyclePolicy", func(a *account) *in { return &in{RepositoryName: a.withLifecycle()} }, unpaged, readsOnly,
		shape("the policy, never evaluated", func(a *account) {
			got := do(a, a.GetLifecyclePolicy, &in{RepositoryName: a.withLifecycle()})
			a.same(got, &ecr.GetLifecyclePolicyOutput{RegistryId: &a.id, RepositoryName: aws.String(web), LifecyclePolicyText: &expiry, LastEvaluatedAt: got.LastEvaluatedAt})
			a.neverEvaluated(got.LastEvaluatedAt)
		}),
		but("a repository without one", func(a *account, in *in) {
			a.repository("plain")
			in.RepositoryName = aws.String("plain")
		}, "LifecyclePolicyNotFoundException", strings.ReplaceAll(noLifecyclePolicy, web, "plain")),
	)
}

func deleteLifecyclePolicy() *operation {
	type in = ecr.DeleteLifecyclePolicyInput
	return row("DeleteLifecyclePolicy", func(a *account) *in { return &in{RepositoryName: a.withLifecycle()} }, unpaged,
		shape("the policy that is gone", func(a *account) {
			got := do(a, a.DeleteLifecyclePolicy, &in{RepositoryName: a.withLifecycle()})
			a.same(got, &ecr.DeleteLifecyclePolicyOutput{RegistryId: &a.id, RepositoryName: aws.String(web), LifecyclePolicyText: &expiry, LastEvaluatedAt: got.LastEvaluatedAt})
			a.neverEvaluated(got.LastEvaluatedAt)
		}),
		but("a repository without one", func(a *account, in *in) {
			a.repository("plain")
			in.RepositoryName = aws.String("plain")
		}, "LifecyclePolicyNotFoundException", strings.ReplaceAll(noLifecyclePolicy, web, "plain")),
		effects("it is gone", func(a *account) {
			do(a, a.DeleteLifecyclePolicy, &in{RepositoryName: a.withLifecycle()})
			refuse(a, a.GetLifecyclePolicy, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String(web)}, "LifecyclePolicyNotFoundException", noLifecyclePolicy)
		}),
	)
}

const noPreviews = "Lifecycle policy previews are not evaluated by this version of ecru yet."

func startLifecyclePolicyPreview() *operation {
	type in = ecr.StartLifecyclePolicyPreviewInput
	return row("StartLifecyclePolicyPreview", func(a *account) *in { return &in{RepositoryName: a.withLifecycle()} },
		unpaged, refusesYet, later(inEffects),
		but("of the stored policy: not yet", func(*account, *in) {}, unsupported, noPreviews),
		but("of a given policy: not yet", func(a *account, in *in) {
			a.repository("plain")
			in.RepositoryName, in.LifecyclePolicyText = aws.String("plain"), &expiry
		}, unsupported, noPreviews),
		but("no policy given and none stored", func(a *account, in *in) {
			a.repository("plain")
			in.RepositoryName = aws.String("plain")
		}, "LifecyclePolicyNotFoundException", strings.ReplaceAll(noLifecyclePolicy, web, "plain")),
		refusedLifecycles(func(in *in, text string) { in.LifecyclePolicyText = &text }),
		effects("the given policy is not stored", func(a *account) {
			a.repository(web)
			refuse(a, a.StartLifecyclePolicyPreview, &in{RepositoryName: aws.String(web), LifecyclePolicyText: &expiry}, unsupported, noPreviews)
			refuse(a, a.GetLifecyclePolicy, &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String(web)}, "LifecyclePolicyNotFoundException", noLifecyclePolicy)
		}),
	)
}

func getLifecyclePolicyPreview() *operation {
	type in = ecr.GetLifecyclePolicyPreviewInput
	return row("GetLifecyclePolicyPreview", func(a *account) *in { return &in{RepositoryName: a.withLifecycle()} },
		refusesYet, later(inPagination), readsOnly,
		but("no preview was started", func(*account, *in) {}, "LifecyclePolicyPreviewNotFoundException",
			"There is no dry run for this repository with name 'team/web' in the registry with id '{account}'"),
		wrong("an unknown tagStatus", func(in *in) { in.Filter = previewFilter("x") }, "filter.tagStatus", "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]"),
		wrong("a hundred and one ids", func(in *in) { in.ImageIds = manyIDs(101) }, "imageIds", "Member must have length less than or equal to 100"),
		pagination("a token together with imageIds", func(a *account) {
			refuse(a, a.GetLifecyclePolicyPreview, &in{RepositoryName: a.withLifecycle(), ImageIds: manyIDs(1), NextToken: aws.String("x")},
				invalidParameter, violates("nextToken", "nextToken cannot be specified together with imageIds"))
		}),
		pagination("a token that is made up", func(a *account) {
			refuse(a, a.GetLifecyclePolicyPreview, &in{RepositoryName: a.withLifecycle(), NextToken: aws.String("x")}, invalidParameter, violates("nextToken", badToken))
		}),
	)
}

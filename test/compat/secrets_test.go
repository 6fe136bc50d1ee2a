package compat

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go/middleware"
)

func secretsManager() *api {
	return &api{
		name: "Secrets Manager", action: "secretsmanager:", size: "MaxResults",
		client:   func(a *account, more ...func(*middleware.Stack) error) any { return a.secrets(more...) },
		badToken: refusal{"InvalidNextTokenException", "The NextToken value is invalid."},
		rows: []*served{
			createSecret(), putSecretValue(), getSecretValue(), batchGetSecretValue(), describeSecret(), updateSecret(), updateSecretVersionStage(),
			listSecrets(), listSecretVersionIDs(), deleteSecret(), restoreSecret(), tagSecret(), untagSecret(), getRandomPassword(), getResourcePolicy(),
		},
	}
}

// secrets is the client of Secrets Manager.
func (a *account) secrets(more ...func(*middleware.Stack) error) *secretsmanager.Client {
	o := secretsmanager.Options{
		Region: a.region, Retryer: aws.NopRetryer{}, APIOptions: more, HTTPClient: a.sender(),
		Credentials: credentials.NewStaticCredentialsProvider(a.key.AccessKeyID, a.key.SecretAccessKey, ""),
	}
	if a.house != nil {
		o.BaseEndpoint = &a.house.server.URL
	}
	return secretsmanager.New(o)
}

const (
	noSecret      = "Secrets Manager can't find the specified secret."
	secretDeleted = "You can't perform this operation on the secret because it was marked for deletion."

	invalidRequest = "InvalidRequestException"

	// Ids of versions.
	firstVersion  = "11111111-1111-1111-1111-111111111111"
	secondVersion = "22222222-2222-2222-2222-222222222222"
	noVersion     = "99999999-9999-9999-9999-999999999999"
)

// keep makes secrets that hold their names, and answers the ARN of the last.
func (a *account) keep(names ...string) (arn *string) {
	a.t.Helper()
	for _, name := range names {
		arn = do(a, a.secrets().CreateSecret, &secretsmanager.CreateSecretInput{Name: &name, SecretString: &name, ClientRequestToken: aws.String(firstVersion)}).ARN
	}
	return arn
}

// give gives the secret db its second version.
func (a *account) give(value string, labels ...string) {
	a.t.Helper()
	do(a, a.secrets().PutSecretValue, &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: &value, ClientRequestToken: aws.String(secondVersion), VersionStages: labels})
}

// value is what the secret db holds under a label.
func (a *account) value(label string) string {
	a.t.Helper()
	return *do(a, a.secrets().GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionStage: &label}).SecretString
}

// mark marks the secret db for deletion.
func (a *account) mark() {
	a.t.Helper()
	do(a, a.secrets().DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: aws.String("db")})
}

func secretTag(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }

// gone is the refusal of an operation on a secret that is not there, marked of
// one on a secret that is about to go.
func gone[I any]() func(*served) {
	return refuses("a secret that is not there", func(_ *account, in *I) { setSecret(in, "gone") }, resourceNotFound, noSecret)
}

func marked[I any]() func(*served) {
	return refuses("a secret that is marked for deletion", func(a *account, _ *I) { a.mark() }, invalidRequest, secretDeleted)
}

// managed is the refusal to change what belongs to a connection.
func managed[I any]() func(*served) {
	return refuses("a secret of a connection", func(a *account, in *I) {
		a.connection("hook")
		setSecret(in, *a.connectionNamed("hook").SecretArn)
	}, invalidRequest, "The secret is managed by another service, and you must use that service to update it.")
}

func setSecret[I any](in *I, id string) { *in = *changed(in, "SecretId", &id).(*I) }

func createSecret() *served {
	type in = secretsmanager.CreateSecretInput
	good := func(*account) *in {
		return &in{Name: aws.String("db"), SecretString: aws.String("s3cret"), ClientRequestToken: aws.String(firstVersion)}
	}
	return serves("CreateSecret", "db", good,
		works("a secret with all that it may have", func(a *account) {
			in := good(a)
			in.Description, in.Tags = aws.String("d"), secretTag("k", "v")
			out := do(a, a.secrets().CreateSecret, in)
			a.same(out, &secretsmanager.CreateSecretOutput{Name: in.Name, VersionId: aws.String(firstVersion), ARN: out.ARN})
			if prefix := "arn:aws:secretsmanager:" + a.region + ":" + a.id + ":secret:db-"; !strings.HasPrefix(*out.ARN, prefix) || len(*out.ARN) != len(prefix)+6 {
				a.t.Errorf("the ARN is %s", *out.ARN)
			}
			got := do(a, a.secrets().DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: in.Name})
			a.same([]any{*got.Description, got.Tags}, []any{"d", in.Tags})
		}),
		works("without a value, which may come later", func(a *account) {
			a.same(do(a, a.secrets().CreateSecret, &in{Name: aws.String("db")}).VersionId, (*string)(nil))
			a.give("later")
			a.same(a.value("AWSCURRENT"), "later")
		}),
		works("the same request again is the same secret", func(a *account) {
			a.same(do(a, a.secrets().CreateSecret, good(a)), do(a, a.secrets().CreateSecret, good(a)))
		}),
		refuses("a name that is taken", func(a *account, _ *in) {
			do(a, a.secrets().CreateSecret, &in{Name: aws.String("db"), SecretString: aws.String("x")})
		}, "ResourceExistsException", "The operation failed because the secret db already exists."),
		refuses("a name that is to be deleted", func(a *account, _ *in) {
			a.keep("db")
			a.mark()
		}, invalidRequest, "You can't create this secret because a secret with this name is already scheduled for deletion."),
		refuses("a name that is none", func(_ *account, in *in) { in.Name = aws.String("a b") }, validation,
			"Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"),
		refuses("a name of EventBridge", func(_ *account, in *in) { in.Name = aws.String("events!x") }, invalidRequest,
			"The secret name is invalid: the prefix events! is reserved for secrets that are managed by EventBridge."),
		refuses("text and bytes", func(_ *account, in *in) { in.SecretBinary = []byte("x") }, invalidParameter,
			"You can't specify both a binary secret value and a string secret value in the same secret."),
		refuses("more than 64 KiB, which are not repeated", func(_ *account, in *in) { in.SecretString = aws.String(strings.Repeat("x", 64<<10+1)) }, validation,
			"1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536"),
		refuses("a short request token", func(_ *account, in *in) { in.ClientRequestToken = aws.String("x") }, validation,
			invalid("x", "clientRequestToken", "Member must have length greater than or equal to 32")),
		refuses("replicas in other regions", func(_ *account, in *in) {
			in.AddReplicaRegions = []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}
		}, unsupported, "Secrets are not replicated to other regions by this version of ecru."),
		refuses("a tag of AWS", func(_ *account, in *in) { in.Tags = secretTag("aws:x", "") }, invalidParameter, "The tag is invalid: keys that begin with aws: are reserved."),
	)
}

func putSecretValue() *served {
	type in = secretsmanager.PutSecretValueInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db"), SecretString: aws.String("new"), ClientRequestToken: aws.String(secondVersion)}
	}
	return serves("PutSecretValue", "db", good,
		works("it is current, and what was is previous", func(a *account) {
			out := do(a, a.secrets().PutSecretValue, good(a))
			a.same(out, &secretsmanager.PutSecretValueOutput{ARN: out.ARN, Name: aws.String("db"), VersionId: aws.String(secondVersion), VersionStages: []string{"AWSCURRENT"}})
			a.same([]string{a.value("AWSCURRENT"), a.value("AWSPREVIOUS")}, []string{"new", "db"})
		}),
		works("under labels of one's own", func(a *account) {
			in := good(a)
			in.VersionStages = []string{"AWSPENDING", "mine"}
			do(a, a.secrets().PutSecretValue, in)
			a.same([]string{a.value("AWSCURRENT"), a.value("AWSPENDING"), a.value("mine")}, []string{"db", "new", "new"})
		}),
		works("the same request again is the same version", func(a *account) {
			in := good(a)
			a.same(do(a, a.secrets().PutSecretValue, in), do(a, a.secrets().PutSecretValue, in))
			a.same(len(versionIDs(do(a, a.secrets().ListSecretVersionIds, &secretsmanager.ListSecretVersionIdsInput{SecretId: in.SecretId}))), 2)
		}),
		gone[in](), marked[in](), managed[in](),
		refuses("no value", func(_ *account, in *in) { in.SecretString = nil }, invalidRequest, "You must provide either SecretString or SecretBinary."),
		refuses("21 labels", func(_ *account, in *in) { in.VersionStages = many(21, "l%d") }, validation,
			invalid("[21 members]", "versionStages", "Member must have length less than or equal to 20")),
	)
}

func getSecretValue() *served {
	type in = secretsmanager.GetSecretValueInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db")}
	}
	return serves("GetSecretValue", "db", good,
		works("by name, ARN, and ARN without its end", func(a *account) {
			arn := a.keep("db")
			for _, id := range []string{"db", *arn, (*arn)[:len(*arn)-7]} {
				a.same(do(a, a.secrets().GetSecretValue, &in{SecretId: &id}), &secretsmanager.GetSecretValueOutput{
					ARN: arn, Name: aws.String("db"), SecretString: aws.String("db"), VersionId: aws.String(firstVersion), VersionStages: []string{"AWSCURRENT"}, CreatedDate: now()})
			}
		}),
		works("by version and label", func(a *account) {
			in := good(a)
			a.give("new")
			in.VersionId, in.VersionStage = aws.String(firstVersion), aws.String("AWSPREVIOUS")
			a.same(*do(a, a.secrets().GetSecretValue, in).SecretString, "db")
		}),
		works("bytes", func(a *account) {
			do(a, a.secrets().CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretBinary: []byte{0, 255}})
			got := do(a, a.secrets().GetSecretValue, &in{SecretId: aws.String("db")})
			a.same([]any{got.SecretBinary, got.SecretString}, []any{[]byte{0, 255}, (*string)(nil)})
		}),
		gone[in](), marked[in](),
		refuses("a label that is not there", func(_ *account, in *in) { in.VersionStage = aws.String("mine") }, resourceNotFound,
			"Secrets Manager can't find the specified secret value for staging label: mine"),
		refuses("a version that is not there", func(_ *account, in *in) { in.VersionId = aws.String(noVersion) }, resourceNotFound,
			"Secrets Manager can't find the specified secret value for VersionId: "+noVersion),
		refuses("a label of another version", func(a *account, in *in) {
			a.give("new")
			in.VersionId, in.VersionStage = aws.String(firstVersion), aws.String("AWSCURRENT")
		}, invalidRequest, "You provided a VersionStage that is not associated to the provided VersionId."),
		refuses("a secret of another account", func(a *account, in *in) {
			in.SecretId = aws.String("arn:aws:secretsmanager:" + a.region + ":" + a.house.root.id + ":secret:db-AbCdEf")
		}, accessDenied, "User: arn:aws:iam::{account}:root is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:{region}:{other}:secret:db-AbCdEf because no resource-based policy allows the secretsmanager:GetSecretValue action"),
	)
}

func batchGetSecretValue() *served {
	type in = secretsmanager.BatchGetSecretValueInput
	good := func(*account) *in {
		return &in{Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"s"}}}}
	}
	values := func(out *secretsmanager.BatchGetSecretValueOutput) []string {
		return list(out.SecretValues, func(v types.SecretValueEntry) string { return *v.SecretString })
	}
	return serves("BatchGetSecretValue", "*", good,
		works("those that are named, each with its value or its error", func(a *account) {
			a.keep("s1", "s2")
			out := do(a, a.secrets().BatchGetSecretValue, &in{SecretIdList: []string{"s2", "gone", "s1"}})
			a.same(values(out), []string{"s2", "s1"})
			a.same(out.Errors, []types.APIErrorType{{SecretId: aws.String("gone"), ErrorCode: aws.String(resourceNotFound), Message: aws.String(noSecret)}})
		}),
		lists(20, func(a *account, n int) { a.keep(many(n, "s%d")...) }, values),
	)
}

func describeSecret() *served {
	type in = secretsmanager.DescribeSecretInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db")}
	}
	return serves("DescribeSecret", "db", good,
		works("all but its value", func(a *account) {
			arn := a.keep("db")
			a.give("new")
			a.same(do(a, a.secrets().DescribeSecret, &in{SecretId: aws.String("db")}), &secretsmanager.DescribeSecretOutput{
				ARN: arn, Name: aws.String("db"), CreatedDate: now(), LastChangedDate: now(),
				VersionIdsToStages: map[string][]string{firstVersion: {"AWSPREVIOUS"}, secondVersion: {"AWSCURRENT"}},
			})
		}),
		works("one that is marked for deletion", func(a *account) {
			in := good(a)
			a.mark()
			a.same(do(a, a.secrets().DescribeSecret, in).DeletedDate, now())
		}),
		gone[in](),
	)
}

func updateSecret() *served {
	type in = secretsmanager.UpdateSecretInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db"), Description: aws.String("d"), ClientRequestToken: aws.String(secondVersion)}
	}
	return serves("UpdateSecret", "db", good,
		works("its description, its key of KMS, its value", func(a *account) {
			in := good(a)
			out := do(a, a.secrets().UpdateSecret, in)
			a.same(out, &secretsmanager.UpdateSecretOutput{ARN: out.ARN, Name: aws.String("db")})
			in.SecretString, in.KmsKeyId = aws.String("new"), aws.String("alias/mine")
			a.same(do(a, a.secrets().UpdateSecret, in).VersionId, aws.String(secondVersion))
			got := do(a, a.secrets().DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: in.SecretId})
			a.same([]string{*got.Description, *got.KmsKeyId, a.value("AWSCURRENT")}, []string{"d", "alias/mine", "new"})
		}),
		gone[in](), marked[in](), managed[in](),
		declines("another value under the id of a version", func(a *account) {
			arn := a.keep("db")
			refuse(a, a.secrets().UpdateSecret, &in{SecretId: arn, SecretString: aws.String("x"), ClientRequestToken: aws.String(firstVersion)}, "ResourceExistsException",
				"You can't use ClientRequestToken "+firstVersion+" because that value is already in use for a version of secret "+*arn+".")
		}),
	)
}

func updateSecretVersionStage() *served {
	type in = secretsmanager.UpdateSecretVersionStageInput
	good := func(a *account) *in {
		a.keep("db")
		a.give("new")
		return &in{SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: aws.String(secondVersion), MoveToVersionId: aws.String(firstVersion)}
	}
	return serves("UpdateSecretVersionStage", "db", good,
		works("back to what was before", func(a *account) {
			do(a, a.secrets().UpdateSecretVersionStage, good(a))
			a.same([]string{a.value("AWSCURRENT"), a.value("AWSPREVIOUS")}, []string{"db", "new"})
		}),
		works("a label of one's own, there and gone", func(a *account) {
			in := good(a)
			in.VersionStage, in.RemoveFromVersionId = aws.String("mine"), nil
			do(a, a.secrets().UpdateSecretVersionStage, in)
			a.same(a.value("mine"), "db")
			in.RemoveFromVersionId, in.MoveToVersionId = in.MoveToVersionId, nil
			do(a, a.secrets().UpdateSecretVersionStage, in)
			refuse(a, a.secrets().GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: in.SecretId, VersionStage: in.VersionStage}, resourceNotFound,
				"Secrets Manager can't find the specified secret value for staging label: mine")
		}),
		gone[in](), marked[in](), managed[in](),
		refuses("AWSCURRENT of none", func(_ *account, in *in) { in.MoveToVersionId = nil }, invalidParameter,
			"You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."),
		refuses("a label that is elsewhere", func(_ *account, in *in) { in.RemoveFromVersionId = nil }, invalidParameter,
			"The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version "+secondVersion+", so you must explicitly reference that version in RemoveFromVersionId."),
		refuses("a version that is not there", func(_ *account, in *in) { in.MoveToVersionId = aws.String(noVersion) }, resourceNotFound,
			"Secrets Manager can't find the specified secret value for VersionId: "+noVersion),
	)
}

func secretNames(out *secretsmanager.ListSecretsOutput) []string {
	return list(out.SecretList, func(s types.SecretListEntry) string { return *s.Name })
}

func listSecrets() *served {
	type in = secretsmanager.ListSecretsInput
	named := func(a *account, in *in) []string { return secretNames(do(a, a.secrets().ListSecrets, in)) }
	return serves("ListSecrets", "*", func(*account) *in { return &in{} },
		works("a secret with all but its value", func(a *account) {
			arn := a.keep("db")
			a.same(do(a, a.secrets().ListSecrets, &in{}).SecretList, []types.SecretListEntry{{
				ARN: arn, Name: aws.String("db"), CreatedDate: now(), LastChangedDate: now(), SecretVersionsToStages: map[string][]string{firstVersion: {"AWSCURRENT"}}}})
		}),
		works("by filters", func(a *account) {
			do(a, a.secrets().CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("team/a"), Description: aws.String("of the team"), Tags: secretTag("k", "v")})
			a.keep("team/b", "other")
			for want, filter := range map[string]types.Filter{
				"team/a team/b": {Key: "name", Values: []string{"team/"}}, "other": {Key: "name", Values: []string{"!team"}}, "team/a": {Key: "description", Values: []string{"Team"}},
				"team/b other": {Key: "tag-key", Values: []string{"!k"}},
			} {
				a.same(strings.Join(named(a, &in{Filters: []types.Filter{filter}}), " "), want)
			}
		}),
		works("in order of creation or of names, either way, with those to be deleted", func(a *account) {
			a.keep("b", "db", "a")
			a.mark()
			a.same(named(a, &in{}), []string{"b", "a"})
			a.same(named(a, &in{SortBy: types.SortByTypeName}), []string{"a", "b"})
			a.same(named(a, &in{SortOrder: "desc", IncludePlannedDeletion: aws.Bool(true)}), []string{"a", "db", "b"})
		}),
		lists(100, func(a *account, n int) { a.keep(many(n, "s%d")...) }, secretNames),
		refuses("an unknown filter", func(_ *account, in *in) { in.Filters = []types.Filter{{Key: "colour", Values: []string{"x"}}} }, validation,
			invalid("colour", "filters.1.member.key", "Member must satisfy enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, all]")),
	)
}

func versionIDs(out *secretsmanager.ListSecretVersionIdsOutput) []string {
	return list(out.Versions, func(v types.SecretVersionsListEntry) string { return *v.VersionId })
}

func listSecretVersionIDs() *served {
	type in = secretsmanager.ListSecretVersionIdsInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db"), IncludeDeprecated: aws.Bool(true)}
	}
	return serves("ListSecretVersionIds", "db", good,
		works("those with labels, or all", func(a *account) {
			in := good(a)
			a.give("2")
			do(a, a.secrets().PutSecretValue, &secretsmanager.PutSecretValueInput{SecretId: in.SecretId, SecretString: aws.String("3")})
			a.same(versionIDs(do(a, a.secrets().ListSecretVersionIds, in))[:2], []string{firstVersion, secondVersion})
			in.IncludeDeprecated = nil
			got := do(a, a.secrets().ListSecretVersionIds, in).Versions
			a.same(len(got), 2)
			a.same(got[0], types.SecretVersionsListEntry{VersionId: aws.String(secondVersion), VersionStages: []string{"AWSPREVIOUS"}, CreatedDate: now(), KmsKeyIds: []string{"DefaultEncryptionKey"}})
		}),
		lists(100, func(a *account, n int) {
			for _, value := range many(n, "%d") {
				do(a, a.secrets().PutSecretValue, &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: &value})
			}
		}, versionIDs),
		gone[in](),
	)
}

func deleteSecret() *served {
	type in = secretsmanager.DeleteSecretInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db")}
	}
	return serves("DeleteSecret", "db", good,
		works("after 30 days, or what is said", func(a *account) {
			in := good(a)
			out := do(a, a.secrets().DeleteSecret, in)
			a.same(out, &secretsmanager.DeleteSecretOutput{ARN: out.ARN, Name: aws.String("db"), DeletionDate: aws.Time(time.Now().AddDate(0, 0, 30))})
			a.keep("s")
			a.same(do(a, a.secrets().DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(7)}).DeletionDate, aws.Time(time.Now().AddDate(0, 0, 7)))
		}),
		works("at once by force, also what is not there", func(a *account) {
			in := good(a)
			in.ForceDeleteWithoutRecovery = aws.Bool(true)
			do(a, a.secrets().DeleteSecret, in)
			do(a, a.secrets().DeleteSecret, in)
			a.keep("db") // the name is free
		}),
		gone[in](), managed[in](),
		refuses("a second time", func(a *account, _ *in) { a.mark() }, invalidRequest, "You can't perform this operation on the secret because it was already scheduled for deletion."),
		refuses("6 days", func(_ *account, in *in) { in.RecoveryWindowInDays = aws.Int64(6) }, invalidParameter,
			"The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."),
		refuses("force and days", func(_ *account, in *in) {
			in.RecoveryWindowInDays, in.ForceDeleteWithoutRecovery = aws.Int64(7), aws.Bool(true)
		}, invalidParameter, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."),
	)
}

func restoreSecret() *served {
	type in = secretsmanager.RestoreSecretInput
	good := func(a *account) *in {
		a.keep("db")
		a.mark()
		return &in{SecretId: aws.String("db")}
	}
	return serves("RestoreSecret", "db", good,
		works("with its values", func(a *account) {
			do(a, a.secrets().RestoreSecret, good(a))
			a.same(a.value("AWSCURRENT"), "db")
		}),
		gone[in](),
		refuses("one that is not marked", func(a *account, in *in) { do(a, a.secrets().RestoreSecret, in) }, invalidRequest,
			"You can't perform this operation on the secret because it was not marked for deletion."),
	)
}

// secretTags are the tags of the secret db.
func (a *account) secretTags() []types.Tag {
	a.t.Helper()
	return do(a, a.secrets().DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")}).Tags
}

func tagSecret() *served {
	type in = secretsmanager.TagResourceInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db"), Tags: secretTag("k", "v")}
	}
	return serves("TagResource", "db", good,
		works("tags are added and replaced", func(a *account) {
			in := good(a)
			do(a, a.secrets().TagResource, in)
			in.Tags = slices.Concat(secretTag("k", "w"), secretTag("new", ""))
			do(a, a.secrets().TagResource, in)
			a.same(a.secretTags(), in.Tags)
		}),
		gone[in](), marked[in](), managed[in](),
		refuses("51 tags", func(_ *account, in *in) {
			for _, key := range many(50, "k%d") {
				in.Tags = append(in.Tags, secretTag(key, "")...)
			}
		}, invalidParameter, "The tag is invalid: a secret may have 50 tags."),
	)
}

func untagSecret() *served {
	type in = secretsmanager.UntagResourceInput
	good := func(a *account) *in {
		a.keep("db")
		do(a, a.secrets().TagResource, &secretsmanager.TagResourceInput{SecretId: aws.String("db"), Tags: slices.Concat(secretTag("k", "v"), secretTag("kept", ""))})
		return &in{SecretId: aws.String("db"), TagKeys: []string{"k", "none"}}
	}
	return serves("UntagResource", "db", good,
		works("those that are there", func(a *account) {
			do(a, a.secrets().UntagResource, good(a))
			a.same(a.secretTags(), secretTag("kept", ""))
		}),
		gone[in](), marked[in](), managed[in](),
	)
}

func getRandomPassword() *served {
	type in = secretsmanager.GetRandomPasswordInput
	return serves("GetRandomPassword", "*", func(*account) *in { return &in{} },
		works("of 32 characters, or as is said", func(a *account) {
			a.same(len(*do(a, a.secrets().GetRandomPassword, &in{}).RandomPassword), 32)
			got := *do(a, a.secrets().GetRandomPassword, &in{PasswordLength: aws.Int64(8), ExcludePunctuation: aws.Bool(true), ExcludeLowercase: aws.Bool(true), ExcludeUppercase: aws.Bool(true), ExcludeCharacters: aws.String("0")}).RandomPassword
			if len(got) != 8 || strings.Trim(got, "123456789") != "" {
				a.t.Errorf("a password of digits is %s", got)
			}
		}),
		refuses("a length of 0", func(_ *account, in *in) { in.PasswordLength = aws.Int64(0) }, validation,
			invalid("0", "passwordLength", "Member must have value greater than or equal to 1")),
	)
}

func getResourcePolicy() *served {
	type in = secretsmanager.GetResourcePolicyInput
	good := func(a *account) *in {
		a.keep("db")
		return &in{SecretId: aws.String("db")}
	}
	return serves("GetResourcePolicy", "db", good,
		works("there is none", func(a *account) {
			out := do(a, a.secrets().GetResourcePolicy, good(a))
			a.same(out, &secretsmanager.GetResourcePolicyOutput{ARN: out.ARN, Name: aws.String("db")})
		}),
		gone[in](),
	)
}

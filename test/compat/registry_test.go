package compat

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func registryRows() []*operation {
	return []*operation{
		getAuthorizationToken(), getAccountSetting(), putAccountSetting(),
		registerPullTimeUpdateExclusion(), deregisterPullTimeUpdateExclusion(), listPullTimeUpdateExclusions(),
	}
}

func getAuthorizationToken() *operation {
	type in = ecr.GetAuthorizationTokenInput
	return row("GetAuthorizationToken", func(*account) *in { return &in{} }, unpaged,
		shape("one token, for twelve hours", func(a *account) {
			got := do(a, a.GetAuthorizationToken, &in{})
			if len(got.AuthorizationData) != 1 {
				a.t.Fatalf("%d tokens", len(got.AuthorizationData))
			}
			data := got.AuthorizationData[0]
			a.same(data, types.AuthorizationData{AuthorizationToken: data.AuthorizationToken, ExpiresAt: aws.Time(time.Now().Add(12 * time.Hour)),
				ProxyEndpoint: aws.String("http://" + a.id + ".dkr.ecr." + a.region + "." + a.house.server.Host)})
			token, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
			a.must(err)
			if parts := strings.Split(string(token), ":"); len(parts) != 2 || parts[0] != "AWS" {
				a.t.Errorf("%d parts of AWS:password", len(parts))
			}
		}),
		shape("one for each registry that is named", func(a *account) {
			got := do(a, a.GetAuthorizationToken, &in{RegistryIds: []string{a.id, a.id}})
			if len(got.AuthorizationData) != 2 {
				a.t.Errorf("%d tokens", len(got.AuthorizationData))
			}
		}),
		wrong("an id of eleven digits", func(i *in) { *i = in{RegistryIds: []string{"12345678901"}} }, "registryIds",
			"Member must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]{12}]"),
		wrong("no ids", func(i *in) { *i = in{RegistryIds: []string{}} }, "registryIds", "Member must have length greater than or equal to 1"),
		wrong("eleven ids", func(i *in) { *i = in{RegistryIds: many(11, "1234567890%02d")} }, "registryIds", "Member must have length less than or equal to 10"),
		shape("a token is the caller's own, whichever registry it is asked for", func(a *account) {
			got := do(a, a.GetAuthorizationToken, &in{RegistryIds: []string{a.house.root.id}})
			a.same(got.AuthorizationData[0].ProxyEndpoint, aws.String(a.house.server.URL))
		}),
		effects("it opens the registry, and an invented one does not", func(a *account) {
			token := *do(a, a.GetAuthorizationToken, &in{}).AuthorizationData[0].AuthorizationToken
			if status := a.ping("Basic " + token); status != http.StatusOK {
				a.t.Errorf("with the token: %d", status)
			}
			if status := a.ping("Basic " + base64.StdEncoding.EncodeToString([]byte("AWS:invented"))); status == http.StatusOK {
				a.t.Error("with an invented token: 200")
			}
		}),
	)
}

// ping asks the distribution API whether one may come in.
func (a *account) ping(authorization string) int {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.house.server.URL+"/v2/", nil)
	a.must(err)
	request.Host = a.id + ".dkr.ecr." + a.region + "." + a.house.server.Host
	request.Header.Set("Authorization", authorization)
	response, err := (&http.Client{Transport: a.house.transport}).Do(request)
	a.must(err)
	response.Body.Close()
	return response.StatusCode
}

const settingNames = "Member must satisfy enum value set: [BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE, BLOB_MOUNTING]"

func getAccountSetting() *operation {
	type in = ecr.GetAccountSettingInput
	return row("GetAccountSetting", func(*account) *in { return &in{Name: aws.String("BLOB_MOUNTING")} }, unpaged, readsOnly,
		shape("the defaults", func(a *account) {
			for name, value := range map[string]string{"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE", "REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "DISABLED"} {
				a.same(do(a, a.GetAccountSetting, &in{Name: &name}), &ecr.GetAccountSettingOutput{Name: &name, Value: &value})
			}
		}),
		wrong("an unknown name", func(in *in) { in.Name = aws.String("COLOUR") }, "name", settingNames),
		wrong("a name in small letters", func(in *in) { in.Name = aws.String("blob_mounting") }, "name", settingNames),
		wrong("an empty name", func(in *in) { in.Name = aws.String("") }, "name", "Member must have length greater than or equal to 1"),
		wrong("a name of 65 characters", func(in *in) { in.Name = aws.String(strings.Repeat("X", 65)) }, "name", "Member must have length less than or equal to 64"),
	)
}

func putAccountSetting() *operation {
	type in = ecr.PutAccountSettingInput
	good := func(*account) *in { return &in{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED")} }
	value := func(name, value string) func(*in) {
		return func(in *in) { in.Name, in.Value = &name, &value }
	}
	return row("PutAccountSetting", good, unpaged,
		shape("name and value", func(a *account) {
			a.same(do(a, a.PutAccountSetting, good(a)), &ecr.PutAccountSettingOutput{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED")})
		}),
		wrong("an unknown name", value("COLOUR", "RED"), "name", settingNames),
		wrong("an unknown value of BASIC_SCAN_TYPE_VERSION", value("BASIC_SCAN_TYPE_VERSION", "V3"), "value", "Member must satisfy enum value set: [AWS_NATIVE, CLAIR]"),
		wrong("an unknown value of REGISTRY_POLICY_SCOPE", value("REGISTRY_POLICY_SCOPE", "V3"), "value", "Member must satisfy enum value set: [V2, V1]"),
		wrong("an unknown value of BLOB_MOUNTING", value("BLOB_MOUNTING", "true"), "value", "Member must satisfy enum value set: [DISABLED, ENABLED]"),
		effects("every value of every setting is kept, for this account", func(a *account) {
			other := a.house.account(a.t)
			for name, values := range map[string][]string{"BASIC_SCAN_TYPE_VERSION": {"CLAIR", "AWS_NATIVE"}, "REGISTRY_POLICY_SCOPE": {"V1", "V2"}, "BLOB_MOUNTING": {"ENABLED", "DISABLED"}} {
				for _, v := range values {
					do(a, a.PutAccountSetting, &in{Name: &name, Value: &v})
					a.same(do(a, a.GetAccountSetting, &ecr.GetAccountSettingInput{Name: &name}).Value, &v)
					a.same(do(other, other.GetAccountSetting, &ecr.GetAccountSettingInput{Name: &name}).Value, &values[1])
				}
			}
		}),
		effects("with BLOB_MOUNTING a layer is mounted, without it is not", func(a *account) {
			a.ready(web)
			a.repository("other")
			token := *do(a, a.GetAuthorizationToken, &ecr.GetAuthorizationTokenInput{}).AuthorizationData[0].AuthorizationToken
			if status := a.mount(token); status != http.StatusAccepted {
				a.t.Errorf("disabled: %d", status)
			}
			do(a, a.PutAccountSetting, good(a))
			if status := a.mount(token); status != http.StatusCreated {
				a.t.Errorf("enabled: %d", status)
			}
		}),
	)
}

// mount asks for a layer of one repository in another.
func (a *account) mount(token string) int {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost,
		a.house.server.URL+"/v2/other/blobs/uploads/?from="+web+"&mount="+digestOf(config), nil)
	a.must(err)
	request.Host = a.id + ".dkr.ecr." + a.region + "." + a.house.server.Host
	request.Header.Set("Authorization", "Basic "+token)
	response, err := (&http.Client{Transport: a.house.transport}).Do(request)
	a.must(err)
	response.Body.Close()
	return response.StatusCode
}

const principalRule = `Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)*:iam::[0-9]{12}:(role|user)/[\w+=,.@-]+(/[\w+=,.@-]+)*$`

// notPrincipals are no users and no roles.
func notPrincipals[I any](set func(in *I, arn string)) part {
	return func(op *operation) {
		for name, arn := range map[string]string{
			"no ARN": "ci", "an owner": "arn:aws:iam::123456789012:root", "a session": "arn:aws:sts::123456789012:assumed-role/ci/1", "no name": "arn:aws:iam::123456789012:user/",
		} {
			wrong(name, func(in *I) { set(in, arn) }, "principalArn", principalRule)(op)
		}
		wrong("an ARN of 201 characters", func(in *I) { set(in, "arn:aws:iam::123456789012:user/"+strings.Repeat("x", 170)) },
			"principalArn", "Member must have length less than or equal to 200")(op)
	}
}

// exclude registers principals.
func (a *account) exclude(arns ...string) {
	a.t.Helper()
	for _, arn := range arns {
		do(a, a.RegisterPullTimeUpdateExclusion, &ecr.RegisterPullTimeUpdateExclusionInput{PrincipalArn: &arn})
	}
}

func (a *account) exclusions() []string {
	a.t.Helper()
	return do(a, a.ListPullTimeUpdateExclusions, &ecr.ListPullTimeUpdateExclusionsInput{}).PullTimeUpdateExclusions
}

// pull pulls an image through the API.
func (a *account) pull(repository, tag string) {
	a.t.Helper()
	do(a, a.BatchGetImage, &ecr.BatchGetImageInput{RepositoryName: &repository, ImageIds: []types.ImageIdentifier{*byTag(tag)}})
}

func (a *account) pullRecorded(repository, tag string) {
	a.t.Helper()
	a.eventually("the pull is recorded", func() bool { return a.describedImage(repository, byTag(tag)).LastRecordedPullTime != nil })
}

const scanner = "arn:aws:iam::123456789012:role/path/scanner"

func registerPullTimeUpdateExclusion() *operation {
	type in = ecr.RegisterPullTimeUpdateExclusionInput
	good := func(*account) *in { return &in{PrincipalArn: aws.String(scanner)} }
	return row("RegisterPullTimeUpdateExclusion", good, unpaged, asks("ecr:CreatePullTimeUpdateExclusion", ""),
		shape("the principal, and since when", func(a *account) {
			a.same(do(a, a.RegisterPullTimeUpdateExclusion, good(a)), &ecr.RegisterPullTimeUpdateExclusionOutput{PrincipalArn: aws.String(scanner), CreatedAt: now()})
		}),
		but("one that is excluded already", func(a *account, _ *in) { a.exclude(scanner) },
			"ExclusionAlreadyExistsException", "The specified pull time update exclusion already exists for the registry."),
		but("the hundred and first", func(a *account, _ *in) { a.exclude(many(100, "arn:aws:iam::123456789012:user/u%d")...) },
			limitExceeded, "The registry with id '{account}' already has the maximum allowed number of pull time update exclusions which is '100'"),
		notPrincipals(func(in *in, arn string) { in.PrincipalArn = &arn }),
		effects("it is listed", func(a *account) {
			a.exclude(scanner)
			a.same(a.exclusions(), []string{scanner})
		}),
		effects("its pulls are not recorded, those of others are", func(a *account) {
			a.ready(web)
			a.image(web, "1", "v1")
			a.image(web, "2", "v2")
			everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}`
			quiet, loud := a.user("quiet", everything), a.user("loud", everything)
			a.exclude("arn:aws:iam::" + a.id + ":user/quiet")
			quiet.pull(web, "v1")
			loud.pull(web, "v2")
			a.pullRecorded(web, "v2") // all that came before is, too
			if at := a.describedImage(web, byTag("v1")).LastRecordedPullTime; at != nil {
				a.t.Errorf("recorded at %v", at)
			}
		}),
	)
}

func deregisterPullTimeUpdateExclusion() *operation {
	type in = ecr.DeregisterPullTimeUpdateExclusionInput
	good := func(a *account) *in {
		a.exclude(scanner, scanner+"2")
		return &in{PrincipalArn: aws.String(scanner)}
	}
	const missing = "The specified pull time update exclusion was not found."
	return row("DeregisterPullTimeUpdateExclusion", good, unpaged, asks("ecr:DeletePullTimeUpdateExclusion", ""),
		shape("the principal", func(a *account) {
			a.same(do(a, a.DeregisterPullTimeUpdateExclusion, good(a)), &ecr.DeregisterPullTimeUpdateExclusionOutput{PrincipalArn: aws.String(scanner)})
		}),
		but("one that is not excluded", func(_ *account, in *in) { in.PrincipalArn = aws.String(scanner + "3") }, "ExclusionNotFoundException", missing),
		notPrincipals(func(in *in, arn string) { in.PrincipalArn = &arn }),
		effects("it is gone, the others stay", func(a *account) {
			in := good(a)
			do(a, a.DeregisterPullTimeUpdateExclusion, in)
			a.same(a.exclusions(), []string{scanner + "2"})
			refuse(a, a.DeregisterPullTimeUpdateExclusion, in, "ExclusionNotFoundException", missing)
		}),
	)
}

func listPullTimeUpdateExclusions() *operation {
	type in = ecr.ListPullTimeUpdateExclusionsInput
	return row("ListPullTimeUpdateExclusions", func(*account) *in { return &in{} }, readsOnly,
		shape("none", func(a *account) {
			a.same(do(a, a.ListPullTimeUpdateExclusions, &in{}), &ecr.ListPullTimeUpdateExclusionsOutput{PullTimeUpdateExclusions: []string{}})
		}),
		shape("all, by their ARN", func(a *account) {
			a.exclude(scanner, "arn:aws:iam::000000000001:user/b", "arn:aws:iam::000000000001:user/a")
			a.same(a.exclusions(), []string{"arn:aws:iam::000000000001:user/a", "arn:aws:iam::000000000001:user/b", scanner})
		}),
		pages(listing[in, ecr.ListPullTimeUpdateExclusionsOutput]{
			keys: func(out *ecr.ListPullTimeUpdateExclusionsOutput) []string { return out.PullTimeUpdateExclusions },
			fill: func(a *account, n int) { a.exclude(many(n, "arn:aws:iam::123456789012:user/u%02d")...) },
			come: func(a *account, name string) string {
				arn := "arn:aws:iam::123456789012:user/u02" + name
				a.exclude(arn)
				return arn
			},
			goes: func(a *account, arn string) {
				do(a, a.DeregisterPullTimeUpdateExclusion, &ecr.DeregisterPullTimeUpdateExclusionInput{PrincipalArn: &arn})
			},
			elsewhere: map[string]func(*account, *in, *string) error{
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.DescribeRepositories(a.t.Context(), &ecr.DescribeRepositoriesInput{NextToken: token})
					return err
				},
			},
		}),
	)
}

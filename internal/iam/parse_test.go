package iam

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDocumentsThatAreRefused pins what authors of policies are told.
func TestDocumentsThatAreRefused(t *testing.T) {
	identity := func(extra string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"` + extra + `}]}`
	}
	statement := func(members string) string { return `{"Statement":{` + members + `}}` }
	principal := func(p string) string {
		return `{"Statement":{"Effect":"Allow","Action":"*","Principal":` + p + `}}`
	}
	condition := func(c string) string { return identity(`,"Condition":` + c) }
	for _, c := range []struct {
		name     string
		grammar  Grammar
		document string
		want     string
	}{
		// JSON.
		{"nothing", IdentityPolicy, ``, `the document is empty`},
		{"space", IdentityPolicy, " \n", `the document is empty`},
		{"no JSON", IdentityPolicy, `{`, `the document is not JSON: unexpected end of JSON input`},
		{"more after it", IdentityPolicy, identity("") + `}`, `the document is not JSON: invalid character '}' after top-level value`},
		{"no UTF-8", IdentityPolicy, identity(",\"Sid\":\"\xff\""), `the document is not UTF-8`},
		{"too long", IdentityPolicy, identity(strings.Repeat(" ", maxDocument)), `the document is longer than 131072 bytes`},
		{"too deep", IdentityPolicy, strings.Repeat(`{"Statement":`, 20) + `1` + strings.Repeat(`}`, 20), `the document is nested too deeply`},
		{"a list", IdentityPolicy, `[]`, `a policy must be an object`},
		{"a string", IdentityPolicy, `"x"`, `a policy must be an object`},
		{"null", IdentityPolicy, `null`, `a policy must be an object`},
		{"repeated element", IdentityPolicy, identity(`,"Effect":"Deny"`), `the element "Effect" is given twice`},
		{"repeated element, escaped", IdentityPolicy, identity(`,"\u0045ffect":"Deny"`), `the element "Effect" is given twice`},
		{"repeated condition key", IdentityPolicy, condition(`{"StringEquals":{"x:a":"1","x:a":"2"}}`), `the element "x:a" is given twice`},

		// The policy.
		{"no statement", IdentityPolicy, `{"Version":"2012-10-17"}`, `the policy has no Statement`},
		{"empty statement list", IdentityPolicy, `{"Statement":[]}`, `Statement is empty`},
		{"statement as a string", IdentityPolicy, `{"Statement":"x"}`, `Statement must be an object or a list of objects`},
		{"statement null", IdentityPolicy, `{"Statement":null}`, `Statement must be an object or a list of objects`},
		{"statement in a list of lists", IdentityPolicy, `{"Statement":[[]]}`, `statement #1: a statement must be an object`},
		{"too many statements", IdentityPolicy, `{"Statement":[` + strings.Repeat(allow("*")+",", maxStatements) + allow("*") + `]}`, `the policy has more than 1000 statements`},
		{"another version", IdentityPolicy, `{"Version":"2013-10-17","Statement":[]}`, `Version must be 2012-10-17 or 2008-10-17`},
		{"version as a number", IdentityPolicy, `{"Version":2012,"Statement":[]}`, `Version must be 2012-10-17 or 2008-10-17`},
		{"Id as a number", IdentityPolicy, `{"Id":1,"Statement":[]}`, `Id must be a string`},
		{"unknown element", IdentityPolicy, `{"Statements":[]}`, `the policy has an unknown element "Statements"`},
		{"elements have a case", IdentityPolicy, `{"statement":[]}`, `the policy has an unknown element "statement"`},

		// Statements.
		{"unknown element of a statement", IdentityPolicy, identity(`,"Actions":"*"`), `statement #1: unknown element "Actions"`},
		{"long unknown element", IdentityPolicy, identity(`,"` + strings.Repeat("x", 200) + `":1`), `statement #1: unknown element "` + strings.Repeat("x", 120) + `…"`},
		{"second statement is told", IdentityPolicy, `{"Statement":[` + allow("*") + `,{}]}`, `statement #2: has no Effect`},
		{"effect in lower case", IdentityPolicy, statement(`"Effect":"allow","Action":"*","Resource":"*"`), `statement #1: Effect must be Allow or Deny`},
		{"effect as a boolean", IdentityPolicy, statement(`"Effect":true,"Action":"*","Resource":"*"`), `statement #1: Effect must be Allow or Deny`},
		{"no action", IdentityPolicy, statement(`"Effect":"Allow","Resource":"*"`), `statement #1: has no Action`},
		{"action and its negation", IdentityPolicy, identity(`,"NotAction":"*"`), `statement #1: has both Action and NotAction`},
		{"no resource", IdentityPolicy, statement(`"Effect":"Allow","Action":"*"`), `statement #1: has no Resource`},
		{"resource and its negation", IdentityPolicy, identity(`,"NotResource":"*"`), `statement #1: has both Resource and NotResource`},
		{"principal in an identity's policy", IdentityPolicy, identity(`,"Principal":"*"`), `statement #1: must not have a Principal: the policy belongs to one`},
		{"principal in a session's policy", SessionPolicy, identity(`,"NotPrincipal":"*"`), `statement #1: must not have a Principal: the policy belongs to one`},
		{"no principal", ResourcePolicy, statement(`"Effect":"Allow","Action":"*"`), `statement #1: has no Principal`},
		{"principal and its negation", ResourcePolicy, statement(`"Effect":"Allow","Action":"*","Principal":"*","NotPrincipal":"*"`), `statement #1: has both Principal and NotPrincipal`},
		{"no resource in a registry's policy", RegistryPolicy, principal(`"*"`), `statement #1: has no Resource`},
		{"resource in a trust policy", TrustPolicy, statement(`"Effect":"Allow","Action":"*","Principal":"*","Resource":"*"`), `statement #1: must not have a Resource: the policy belongs to the role`},
		{"no principal in a trust policy", TrustPolicy, statement(`"Effect":"Allow","Action":"*"`), `statement #1: has no Principal`},
		{"Sid as a number", IdentityPolicy, identity(`,"Sid":1`), `statement #1: Sid must be a string`},
		{"Sid with a space", IdentityPolicy, identity(`,"Sid":"a b"`), `statement #1: Sid "a b" must be of letters and digits`},
		{"Sid twice", IdentityPolicy, policy(`{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}`, `{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}`), `statement #2: the Sid "A" is given twice`},
		{"Sid with a line break", ResourcePolicy, statement(`"Sid":"a\nb","Effect":"Allow","Action":"*","Principal":"*"`), `statement #1: Sid "a\nb" has a control character`},
		{"Sid that is long", ResourcePolicy, statement(`"Sid":"` + strings.Repeat("a", 513) + `","Effect":"Allow","Action":"*","Principal":"*"`), `statement #1: Sid is longer than 512 bytes`},

		// Actions and resources.
		{"action without a service", IdentityPolicy, statement(`"Effect":"Allow","Action":"PutImage","Resource":"*"`), `statement #1: Action "PutImage" must be * or service:Action, with * and ? as wildcards`},
		{"action with a space", IdentityPolicy, statement(`"Effect":"Allow","Action":["ecr: PutImage"],"Resource":"*"`), `statement #1: Action "ecr: PutImage" must be * or service:Action, with * and ? as wildcards`},
		{"action with nothing behind it", IdentityPolicy, statement(`"Effect":"Allow","NotAction":"ecr:","Resource":"*"`), `statement #1: NotAction "ecr:" must be * or service:Action, with * and ? as wildcards`},
		{"action with a variable", IdentityPolicy, statement(`"Effect":"Allow","Action":"ecr:${x}","Resource":"*"`), `statement #1: Action "ecr:${x}" must be * or service:Action, with * and ? as wildcards`},
		{"action as a number", IdentityPolicy, statement(`"Effect":"Allow","Action":1,"Resource":"*"`), `statement #1: Action must be a string or a list of strings`},
		{"action in a list of numbers", IdentityPolicy, statement(`"Effect":"Allow","Action":["ecr:*",1],"Resource":"*"`), `statement #1: Action must be a string or a list of strings`},
		{"no actions", IdentityPolicy, statement(`"Effect":"Allow","Action":[],"Resource":"*"`), `statement #1: Action is empty`},
		{"no resources", IdentityPolicy, statement(`"Effect":"Allow","Action":"*","Resource":[]`), `statement #1: Resource is empty`},
		{"resource as an object", IdentityPolicy, statement(`"Effect":"Allow","Action":"*","Resource":{}`), `statement #1: Resource must be a string or a list of strings`},
		{"resource that is a name", IdentityPolicy, statement(`"Effect":"Allow","Action":"*","Resource":"app"`), `statement #1: Resource "app" must be an ARN or "*"`},
		{"resource that is half an ARN", IdentityPolicy, statement(`"Effect":"Allow","Action":"*","NotResource":"arn:aws:ecr"`), `statement #1: NotResource "arn:aws:ecr" is not a whole ARN`},
		{"variable that does not end", IdentityPolicy, policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:${x"}`), `statement #1: Resource "arn:aws:ecr:*:*:${x": a policy variable does not end, or has no name`},
		{"variable without a name", IdentityPolicy, policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:${}"}`), `statement #1: Resource "arn:aws:ecr:*:*:${}": a policy variable does not end, or has no name`},

		// Principals.
		{"principal that is a name", ResourcePolicy, principal(`"alice"`), `statement #1: Principal must be "*" or an object: "alice" is neither`},
		{"principal that is an ARN", ResourcePolicy, principal(`"arn:aws:iam::111111111111:root"`), `statement #1: Principal must be "*" or an object: "arn:aws:iam::111111111111:root" is neither`},
		{"principal as a list", ResourcePolicy, principal(`["*"]`), `statement #1: Principal must be "*" or an object`},
		{"principal of nobody", ResourcePolicy, principal(`{}`), `statement #1: Principal is empty`},
		{"principal of an empty list", ResourcePolicy, principal(`{"AWS":[]}`), `statement #1: Principal.AWS is empty`},
		{"principal of another sort", ResourcePolicy, principal(`{"CanonicalUser":"x"}`), `statement #1: Principal: "CanonicalUser" is not a sort of principal: AWS, Service and Federated are`},
		{"principal that is no ARN", ResourcePolicy, principal(aws("alice")), `statement #1: Principal.AWS: "alice" is neither the id of an account nor the ARN of a principal`},
		{"account of eleven digits", ResourcePolicy, principal(aws("11111111111")), `statement #1: Principal.AWS: "11111111111" is neither the id of an account nor the ARN of a principal`},
		{"ARN without an account", ResourcePolicy, principal(aws("arn:aws:iam:::root")), `statement #1: Principal.AWS: "arn:aws:iam:::root" is neither the id of an account nor the ARN of a principal`},
		{"ARN with a region", ResourcePolicy, principal(aws("arn:aws:iam:us-east-1:111111111111:root")), `statement #1: Principal.AWS: "arn:aws:iam:us-east-1:111111111111:root" is neither the id of an account nor the ARN of a principal`},
		{"ARN of another partition", ResourcePolicy, principal(aws("arn:aws-cn:iam::111111111111:root")), `statement #1: Principal.AWS: "arn:aws-cn:iam::111111111111:root" is neither the id of an account nor the ARN of a principal`},
		{"wildcard in a principal", ResourcePolicy, principal(aws("arn:aws:iam::111111111111:user/*")), `statement #1: Principal.AWS: "arn:aws:iam::111111111111:user/*" has a wildcard: only "*" alone may be one`},
		{"ARN of a repository", ResourcePolicy, principal(aws(appRepository)), `statement #1: Principal.AWS: "` + appRepository + `" is neither the id of an account nor the ARN of a principal`},
		{"ARN of a group", ResourcePolicy, principal(aws("arn:aws:iam::111111111111:group/x")), `statement #1: Principal.AWS: "arn:aws:iam::111111111111:group/x" is not the ARN of an account's root, a user, a role or a session of a role`},
		{"ARN of a user without a name", ResourcePolicy, principal(aws("arn:aws:iam::111111111111:user/")), `statement #1: Principal.AWS: "arn:aws:iam::111111111111:user/" is not the ARN of an account's root, a user, a role or a session of a role`},
		{"ARN of a session without a name", ResourcePolicy, principal(aws("arn:aws:sts::111111111111:assumed-role/dev")), `statement #1: Principal.AWS: "arn:aws:sts::111111111111:assumed-role/dev" is not the ARN of an account's root, a user, a role or a session of a role`},
		{"service that is none", ResourcePolicy, principal(`{"Service":"lambda"}`), `statement #1: Principal.Service: "lambda" is not the name of a service such as lambda.amazonaws.com`},
		{"every service", ResourcePolicy, principal(`{"Service":"*"}`), `statement #1: Principal.Service: "*" is not the name of a service such as lambda.amazonaws.com`},
		{"provider that is none", TrustPolicy, principal(`{"Federated":"accounts.google.com"}`), `statement #1: Principal.Federated: "accounts.google.com" is neither the id of an account nor the ARN of a principal`},
		{"provider that is a role", TrustPolicy, principal(`{"Federated":"` + devRole + `"}`), `statement #1: Principal.Federated: "` + devRole + `" is not the ARN of an OIDC provider`},
		{"every provider", TrustPolicy, principal(`{"Federated":"*"}`), `statement #1: Principal.Federated: "*" has a wildcard`},

		// Conditions.
		{"condition as a list", IdentityPolicy, condition(`[]`), `statement #1: Condition must be an object`},
		{"unknown operator", IdentityPolicy, condition(`{"StringIs":{"x:a":"1"}}`), `statement #1: "StringIs" is not a condition operator`},
		{"unknown qualifier", IdentityPolicy, condition(`{"ForNoValue:StringEquals":{"x:a":"1"}}`), `statement #1: "ForNoValue:StringEquals" is not a condition operator`},
		{"Null if there", IdentityPolicy, condition(`{"NullIfExists":{"x:a":"true"}}`), `statement #1: "NullIfExists" is not a condition operator`},
		{"Null of all values", IdentityPolicy, condition(`{"ForAllValues:Null":{"x:a":"true"}}`), `statement #1: "ForAllValues:Null" is not a condition operator`},
		{"operator without keys", IdentityPolicy, condition(`{"StringEquals":{}}`), `statement #1: Condition.StringEquals must be an object of condition keys`},
		{"operator with a string", IdentityPolicy, condition(`{"StringEquals":"x"}`), `statement #1: Condition.StringEquals must be an object of condition keys`},
		{"key without a service", IdentityPolicy, condition(`{"StringEquals":{"SourceIp":"x"}}`), `statement #1: Condition.StringEquals: "SourceIp": is not a condition key`},
		{"key without values", IdentityPolicy, condition(`{"StringEquals":{"x:a":[]}}`), `statement #1: Condition.StringEquals: "x:a": has no values`},
		{"key with null", IdentityPolicy, condition(`{"StringEquals":{"x:a":null}}`), `statement #1: Condition.StringEquals: "x:a": must have a string, a number, a boolean, or a list of them`},
		{"key with an object", IdentityPolicy, condition(`{"StringEquals":{"x:a":[{}]}}`), `statement #1: Condition.StringEquals: "x:a": must have a string, a number, a boolean, or a list of them`},
		{"no number", IdentityPolicy, condition(`{"NumericLessThan":{"x:a":"many"}}`), `statement #1: Condition.NumericLessThan: "x:a": "many" is not a number`},
		{"infinite number", IdentityPolicy, condition(`{"NumericLessThan":{"x:a":"Inf"}}`), `statement #1: Condition.NumericLessThan: "x:a": "Inf" is not a number`},
		{"number beyond all", IdentityPolicy, condition(`{"NumericLessThan":{"x:a":1e999}}`), `statement #1: Condition.NumericLessThan: "x:a": "1e999" is not a number`},
		{"no date", IdentityPolicy, condition(`{"DateEquals":{"x:a":"today"}}`), `statement #1: Condition.DateEquals: "x:a": "today" is not a date as 2026-01-31T12:00:00Z or in seconds since 1970`},
		{"no boolean", IdentityPolicy, condition(`{"Bool":{"x:a":"yes"}}`), `statement #1: Condition.Bool: "x:a": "yes" is neither true nor false`},
		{"no boolean for Null", IdentityPolicy, condition(`{"Null":{"x:a":1}}`), `statement #1: Condition.Null: "x:a": "1" is neither true nor false`},
		{"no base64", IdentityPolicy, condition(`{"BinaryEquals":{"x:a":"%"}}`), `statement #1: Condition.BinaryEquals: "x:a": "%" is not base64`},
		{"no address", IdentityPolicy, condition(`{"IpAddress":{"aws:SourceIp":"10.0.0"}}`), `statement #1: Condition.IpAddress: "aws:SourceIp": "10.0.0" is neither an IP address nor a CIDR block`},
		{"no network", IdentityPolicy, condition(`{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/33"]}}`), `statement #1: Condition.NotIpAddress: "aws:SourceIp": "10.0.0.0/33" is neither an IP address nor a CIDR block`},
		{"no ARN", IdentityPolicy, condition(`{"ArnLike":{"aws:SourceArn":"x"}}`), `statement #1: Condition.ArnLike: "aws:SourceArn": "x" is not an ARN`},
		{"variable of a condition that does not end", IdentityPolicy, condition(`{"StringLike":{"x:a":"${b"}}`), `statement #1: Condition.StringLike: "x:a": "${b" a policy variable does not end, or has no name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse("p", c.grammar, c.document)
			switch {
			case err == nil:
				t.Error("accepted")
			case err.Error() != c.want:
				t.Errorf("%s\nwant %s", err, c.want)
			case p != nil:
				t.Error("a policy comes with the error")
			}
		})
	}
}

func TestPrincipalsAndActionsOfAPolicy(t *testing.T) {
	p, err := Parse("", ResourcePolicy, policy(
		grant(aws(abroad, alice.ARN), "ecr:BatchGetImage"),
		refuse(`{"AWS":"`+alice.ARN+`","Service":"lambda.amazonaws.com"}`, "ecr:Put*"),
		`{"Effect":"Deny","NotPrincipal":{"AWS":"`+devRole+`"},"NotAction":["ecr:Put*","*"]}`,
		grant(`"*"`, "ecr:ListImages"),
	))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Principals(), []string{abroad, alice.ARN, devRole, "*"}; !slices.Equal(got, want) {
		t.Errorf("principals %v, want %v", got, want)
	}
	if got, want := p.Actions(), []string{"ecr:BatchGetImage", "ecr:Put*", "*", "ecr:ListImages"}; !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
}

func TestConditionalPoliciesNeedValues(t *testing.T) {
	parse := func(g Grammar, text string) *Policy {
		p, err := Parse("", g, text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plain := parse(IdentityPolicy, policy(allow("*"), deny("ecr:*")))
	conditional := parse(IdentityPolicy, policy(allow("*"), `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`))
	variable := parse(IdentityPolicy, policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:repository/${aws:username}"}`))
	escape := parse(IdentityPolicy, policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:ecr:*:*:repository/${*}"}`))
	repository := parse(ResourcePolicy, policy(`{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"Null":{"x:a":"true"}}}`))
	for name, c := range map[string]struct {
		policies Policies
		want     bool
	}{
		"nothing":    {Policies{}, false},
		"plain":      {Policies{Identity: []*Policy{plain, nil}, Session: plain}, false},
		"an escape":  {Policies{Identity: []*Policy{escape}}, false},
		"second":     {Policies{Identity: []*Policy{plain, conditional}}, true},
		"a variable": {Policies{Identity: []*Policy{variable}}, true},
		"session":    {Policies{Session: conditional}, true},
		"resource":   {Policies{Identity: []*Policy{plain}, Resource: repository}, true},
		"registry":   {Policies{Registry: repository}, true},
	} {
		if got := c.policies.Conditional(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "a", true}, {"?", "", false}, {"?", "ä", true}, {"?", "ab", false},
		{"??", "ab", true}, {"*?", "", false}, {"*?", "a", true}, {"?*", "abc", true}, {"a*b*c", "abc", true}, {"a*b*c", "a1b2b3c", true},
		{"a*b*c", "acb", false}, {"*a?c*", "xxabcabd", true}, {"*a?c", "abcabc", true}, {"*a?c", "abcab", false}, {"a*a", "a", false},
		{"*ab", "ab", true}, {"ab*ab", "ab", false}, {"*?b", "b", false}, {"?*?", "a", false}, {"?*?", "ab", true}, {"*é", "é", true},
		{"*\u00ff?", "\u00ffx", true}, {"*?é", "äé", true},
	} {
		g, err := compileGlob(c.pattern, true, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.match(c.text, nil); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.text, got)
		}
		if got := slowWild(slowPattern(c.pattern, true, false, nil), c.text); got != c.want {
			t.Errorf("slowly, %q and %q: %v", c.pattern, c.text, got)
		}
	}
}

// TestHostilePatternsEndSoon matches what backtracking never ends with.
func TestHostilePatternsEndSoon(t *testing.T) {
	text := strings.Repeat("a", 4<<10)
	for _, pattern := range []string{
		strings.Repeat("*a", 5000) + "b",
		strings.Repeat("*a?", 3000) + "b*",
		"*" + strings.Repeat("a", 2000) + "?b*",
		"*" + strings.Repeat("?", 4000) + "b*",
		strings.Repeat("*", 10_000) + "b",
	} {
		g, err := compileGlob(pattern, true, false)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if g.match(text, nil) {
			t.Errorf("%.10s… matches", pattern)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("%.10s… took %v", pattern, took)
		}
	}
}

func TestManagedPolicies(t *testing.T) {
	names := ManagedNames()
	want := []string{"AdministratorAccess", "AmazonEC2ContainerRegistryFullAccess", "AmazonEC2ContainerRegistryPowerUser",
		"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly",
		"AmazonEventBridgeFullAccess", "AmazonEventBridgeReadOnlyAccess", "SecretsManagerReadWrite"}
	if !slices.Equal(names, want) {
		t.Fatalf("%v", names)
	}
	may := map[string]string{ // by initials of the names above
		"ecr:GetAuthorizationToken":       "AFPuPoR",
		"ecr:BatchGetImage":               "AFPuPoR",
		"ecr:GetDownloadUrlForLayer":      "AFPuPoR",
		"ecr:BatchImportUpstreamImage":    "AFPo",
		"ecr:BatchCheckLayerAvailability": "AFPuR",
		"ecr:GetRepositoryPolicy":         "AFPuR",
		"ecr:DescribeRepositories":        "AFPuR",
		"ecr:ListImages":                  "AFPuR",
		"ecr:DescribeImages":              "AFPuR",
		"ecr:GetLifecyclePolicy":          "AFPuR",
		"ecr:GetLifecyclePolicyPreview":   "AFPuR",
		"ecr:ListTagsForResource":         "AFPuR",
		"ecr:DescribeImageScanFindings":   "AFPuR",
		"ecr:InitiateLayerUpload":         "AFPu",
		"ecr:UploadLayerPart":             "AFPu",
		"ecr:CompleteLayerUpload":         "AFPu",
		"ecr:PutImage":                    "AFPu",
		"ecr:DeleteRepository":            "AF",
		"ecr:SetRepositoryPolicy":         "AF",
		"ecr:StartImageScan":              "AF",
		"ecr:BatchDeleteImage":            "AF",
		"sts:GetFederationToken":          "A",
		"ecru:AccountCreate":              "A",
	}
	for action, letters := range may {
		for i, letter := range []string{"A", "F", "Pu", "Po", "R"} {
			for _, name := range []string{names[i], managedPrefix + names[i]} {
				d := Evaluate(Request{Principal: alice, Action: action, Account: here, Resource: appRepository}, Policies{Identity: []*Policy{Managed(name)}})
				if want := strings.Contains(letters, letter); d.Allowed != want {
					t.Errorf("%s with %s: %s", action, name, d)
				}
				if d.Allowed && d.String() != "allowed by identity-based policy "+names[i]+" statement #1" {
					t.Errorf("%s", d)
				}
			}
		}
	}
	const managedSecret = "arn:aws:secretsmanager:us-east-1:111111111111:secret:events!connection/hook/1-AbCdEf"
	const secret = "arn:aws:secretsmanager:us-east-1:111111111111:secret:mine-AbCdEf"
	for _, c := range []struct{ action, resource, letters string }{
		{"events:PutRule", "*", "AF"},
		{"events:CreateConnection", "*", "AF"},
		{"events:DescribeRule", "*", "AFR"},
		{"events:ListApiDestinations", "*", "AFR"},
		{"events:TestEventPattern", "*", "AFR"},
		{"events:PutEvents", "*", "AF"},
		{"secretsmanager:GetSecretValue", managedSecret, "AFS"},
		{"secretsmanager:GetSecretValue", secret, "AS"},
		{"secretsmanager:CreateSecret", secret, "AS"},
		{"secretsmanager:ListSecrets", "*", "AS"},
		{"ecr:ListImages", appRepository, "A"},
	} {
		for i, letter := range map[int]string{0: "A", 5: "F", 6: "R", 7: "S"} {
			d := Evaluate(Request{Principal: alice, Action: c.action, Account: here, Resource: c.resource}, Policies{Identity: []*Policy{Managed(names[i])}})
			if want := strings.Contains(c.letters, letter); d.Allowed != want {
				t.Errorf("%s on %s with %s: %s", c.action, c.resource, names[i], d)
			}
		}
	}
	for _, name := range []string{"", "EcruOperator", "readonly", "arn:aws:iam::aws:policy/Nothing", "arn:aws:iam::111111111111:policy/AdministratorAccess"} {
		if Managed(name) != nil {
			t.Errorf("%q is managed", name)
		}
	}
}

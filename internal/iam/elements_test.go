package iam

import "testing"

func TestWhatStatementsCover(t *testing.T) {
	own := func(statement string) []string { return []string{policy(statement)} }
	actions := func(list string) []string { return own(`{"Effect":"Allow","Action":` + list + `,"Resource":"*"}`) }
	resource := func(list string) []string { return own(`{"Effect":"Allow","Action":"*","Resource":` + list + `}`) }
	old := func(resource string) []string {
		return []string{`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"` + resource + `"}}`}
	}
	named := func(name string) map[string][]string { return map[string][]string{"aws:username": {name}} }
	const noManaging = "no identity-based policy allows ecru:CreateUser"
	const notOthers = `{"Effect":"Deny","NotPrincipal":`
	cases := []decision{
		// Action.
		{name: "action itself", identity: actions(`"ecr:BatchGetImage"`), want: byOwn},
		{name: "action in another case", identity: actions(`"ECR:batchgetIMAGE"`), want: byOwn},
		{name: "action that begins alike", identity: actions(`"ecr:BatchGet"`), want: noIdentity},
		{name: "action that goes on", identity: actions(`"ecr:BatchGetImages"`), want: noIdentity},
		{name: "action of another service", identity: actions(`"ecr-public:BatchGetImage"`), want: noIdentity},
		{name: "action in a list", identity: actions(`["ecr:PutImage","ecr:BatchGetImage"]`), want: byOwn},
		{name: "action in no list", identity: actions(`["ecr:PutImage","ecr:ListImages"]`), want: noIdentity},
		{name: "all actions", identity: actions(`"*"`), want: byOwn},
		{name: "all actions of all services", identity: actions(`"*:*"`), want: byOwn},
		{name: "all actions of the service", identity: actions(`"ecr:*"`), want: byOwn},
		{name: "all actions of another", identity: actions(`"s3:*"`), want: noIdentity},
		{name: "actions that begin so", identity: actions(`"ecr:Batch*"`), want: byOwn},
		{name: "actions that begin so, in another case", identity: actions(`"ecr:BATCH*"`), want: byOwn},
		{name: "actions that end so", identity: actions(`"ecr:*Image"`), want: byOwn},
		{name: "actions that end otherwise", identity: actions(`"ecr:*Images"`), want: noIdentity},
		{name: "actions with a middle", identity: actions(`"ecr:*Get*"`), want: byOwn},
		{name: "actions with two middles", identity: actions(`"*:*ch*Im*"`), want: byOwn},
		{name: "actions with middles in the wrong order", identity: actions(`"ecr:*Image*Get*"`), want: noIdentity},
		{name: "one character of an action", identity: actions(`"ecr:Batch?etImage"`), want: byOwn},
		{name: "one character too many", identity: actions(`"ecr:BatchGetImage?"`), want: noIdentity},
		{name: "one character and the rest", identity: actions(`"ecr:?atch*"`), want: byOwn},
		{name: "part of the service", identity: actions(`"e*:BatchGetImage"`), want: byOwn},
		{name: "all actions but others", identity: own(`{"Effect":"Allow","NotAction":"ecr:Put*","Resource":"*"}`), want: byOwn},
		{name: "all actions but this", identity: own(`{"Effect":"Allow","NotAction":["ecr:Put*","ecr:BatchGetImage"],"Resource":"*"}`), want: noIdentity},
		{name: "none but others denied", identity: []string{policy(allow("*"), `{"Effect":"Deny","NotAction":"ecr:Put*","Resource":"*"}`)}, want: "denied by identity-based policy own statement #2"},
		{name: "none but this denied", identity: []string{policy(allow("*"), `{"Effect":"Deny","NotAction":"ecr:Batch*","Resource":"*"}`)}, want: byOwn},

		// What AWS's policies keep from somebody, ecru's own names for it do not
		// give.
		{name: "all but IAM, identities", action: "ecru:CreateUser", resource: "*", identity: own(`{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}`), want: noManaging},
		{name: "all but IAM, keys", action: "ecru:RotateAccessKey", resource: "*", identity: own(`{"Effect":"Allow","NotAction":"iam:CreateAccessKey","Resource":"*"}`), want: "no identity-based policy allows ecru:RotateAccessKey"},
		{name: "all but IAM, accounts", action: "ecru:CreateAccount", resource: "*", identity: own(`{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}`), want: "no identity-based policy allows ecru:CreateAccount"},
		{name: "all but IAM, images", identity: own(`{"Effect":"Allow","NotAction":["iam:*","organizations:*"],"Resource":"*"}`), want: byOwn},
		{name: "all but another service, identities", action: "ecru:CreateUser", resource: "*", identity: own(`{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`), want: byOwn},
		{name: "IAM denied, identities", action: "ecru:CreateUser", resource: "*", identity: []string{policy(allow("*"), deny("iam:*"))}, want: "denied by identity-based policy own statement #2"},
		{name: "IAM denied, identities in another case", action: "ecru:CreateUser", resource: "*", identity: []string{policy(allow("*"), deny("IAM:createuser"))}, want: "denied by identity-based policy own statement #2"},
		{name: "part of IAM denied, another", action: "ecru:CreateUser", resource: "*", identity: []string{policy(allow("*"), deny("iam:Delete*"))}, want: byOwn},
		{name: "deleting policies denied, clearing them", action: "ecru:ClearPolicies", resource: "*", identity: []string{policy(allow("*"), deny("ecr:DeleteRepositoryPolicy"))}, want: "denied by identity-based policy own statement #2"},
		{name: "all but IAM denied, identities", action: "ecru:CreateUser", resource: "*", identity: []string{policy(allow("*"), `{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}`)}, want: "denied by identity-based policy own statement #2"},
		{name: "IAM allowed, identities", action: "ecru:CreateUser", resource: "*", identity: own(allow("iam:*")), want: noManaging},

		// Resource.
		{name: "resource itself", identity: resource(`"` + appRepository + `"`), want: byOwn},
		{name: "resource has a case", identity: resource(`"arn:aws:ecr:us-east-1:111111111111:repository/App"`), want: noIdentity},
		{name: "resource that goes on", identity: resource(`"` + appRepository + `lication"`), want: noIdentity},
		{name: "resource in a list", identity: resource(`["arn:aws:ecr:us-east-1:111111111111:repository/b","` + appRepository + `"]`), want: byOwn},
		{name: "resources that begin so", identity: resource(`"arn:aws:ecr:us-east-1:111111111111:repository/a*"`), want: byOwn},
		{name: "resources in a folder", identity: resource(`"arn:aws:ecr:us-east-1:111111111111:repository/app/*"`), want: noIdentity},
		{name: "resource in a folder of folders", resource: appRepository + "/x/y", identity: resource(`"arn:aws:ecr:us-east-1:111111111111:repository/app/*"`), want: byOwn},
		{name: "resources of all regions and accounts", identity: resource(`"arn:aws:ecr:*:*:repository/app"`), want: byOwn},
		{name: "resources of another account", identity: resource(`"arn:aws:ecr:*:222222222222:repository/*"`), want: noIdentity},
		{name: "resources of one character more", identity: resource(`"arn:aws:ecr:us-east-?:111111111111:repository/?pp"`), want: byOwn},
		{name: "ARN that ends early with a star", identity: resource(`"arn:aws:ecr:us-*"`), want: byOwn},
		{name: "repositories are not the registry", action: "ecr:BatchGetImage", resource: "*", identity: resource(`"arn:aws:ecr:*:*:repository/*"`), want: noIdentity},
		{name: "everything is the registry too", resource: "*", identity: resource(`"*"`), want: byOwn},
		{name: "all resources but others", identity: own(`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:ecr:*:*:repository/b*"}`), want: byOwn},
		{name: "all resources but this", identity: own(`{"Effect":"Allow","Action":"*","NotResource":["arn:aws:ecr:*:*:repository/a*"]}`), want: noIdentity},
		{name: "none but others denied to resources", identity: []string{policy(allow("*"), `{"Effect":"Deny","Action":"*","NotResource":"arn:aws:ecr:*:*:repository/b*"}`)}, want: "denied by identity-based policy own statement #2"},
		{name: "none but this denied to resources", identity: []string{policy(allow("*"), `{"Effect":"Deny","Action":"*","NotResource":"arn:aws:ecr:*:*:repository/a*"}`)}, want: byOwn},
		{name: "repository policy with a resource", repository: policy(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"` + appRepository + `"}`), want: byRepository},
		{name: "repository policy with another resource", repository: policy(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:ecr:*:*:repository/b"}`), want: noIdentity},

		// Variables.
		{name: "repository of the user's name", context: named("app"), identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}"`), want: byOwn},
		{name: "repository of another's name", context: named("bpp"), identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}"`), want: noIdentity},
		{name: "variables have no case", context: named("app"), identity: resource(`"arn:aws:ecr:*:*:repository/${AWS:UserName}"`), want: byOwn},
		{name: "variable that is unknown", identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}"`), want: noIdentity},
		{name: "variable that is unknown, with a default", identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username, 'app'}"`), want: byOwn},
		{name: "variable that is known, with a default", context: named("x"), identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username, 'app'}"`), want: noIdentity},
		{name: "variable of several values", context: map[string][]string{"aws:username": {"app", "app"}}, identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}"`), want: noIdentity},
		{name: "a name is no wildcard", context: named("*"), identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}"`), want: noIdentity},
		{name: "a name is no single wildcard", context: named("?pp"), identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}"`), want: noIdentity},
		{name: "variable and wildcard", context: named("ap"), identity: resource(`"arn:aws:ecr:*:*:repository/${aws:username}*"`), want: byOwn},
		{name: "escaped star", identity: resource(`"arn:aws:ecr:*:*:repository/${*}"`), want: noIdentity},
		{name: "escaped star is a star", resource: "arn:aws:ecr:us-east-1:111111111111:repository/*", identity: resource(`"arn:aws:ecr:*:*:repository/${*}"`), want: byOwn},
		{name: "escaped question mark", identity: resource(`"arn:aws:ecr:*:*:repository/ap${?}"`), want: noIdentity},
		{name: "escaped dollar", resource: "arn:aws:ecr:us-east-1:111111111111:repository/$", identity: resource(`"arn:aws:ecr:*:*:repository/${$}"`), want: byOwn},
		{name: "no variables in old policies", context: named("app"), identity: old("arn:aws:ecr:*:*:repository/${aws:username}"), want: noIdentity},
		{name: "braces are literal in old policies", resource: "arn:aws:ecr:us-east-1:111111111111:repository/${x}", identity: old("arn:aws:ecr:*:*:repository/${x}"), want: byOwn},

		// NotPrincipal.
		{name: "all but others let in", repository: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"` + bob.ARN + `"},"Action":"*"}`), want: byRepository},
		{name: "all but this let in", repository: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"` + alice.ARN + `"},"Action":"*"}`), want: noIdentity},
		{name: "all but the account let in", repository: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"111111111111"},"Action":"*"}`), want: noIdentity},
		{name: "none but the listed, and listed", repository: policy(grant(`"*"`, "*"), notOthers+aws(alice.ARN)+`,"Action":"*"}`), want: byRepository},
		{name: "none but the listed, and not listed", who: bob, repository: policy(grant(`"*"`, "*"), notOthers+aws(alice.ARN)+`,"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but the listed, and its account is", repository: policy(grant(`"*"`, "*"), notOthers+aws(here)+`,"Action":"*"}`), want: byRepository},
		{name: "none but the listed, and its role is", who: dev, repository: policy(grant(`"*"`, "*"), notOthers+aws(devRole)+`,"Action":"*"}`), want: byRepository},
		{name: "none but the listed, and its session is", who: dev, repository: policy(grant(`"*"`, "*"), notOthers+aws(dev.ARN)+`,"Action":"*"}`), want: byRepository},
		{name: "none but the listed, and another session is", who: dev, repository: policy(grant(`"*"`, "*"), notOthers+aws("arn:aws:sts::111111111111:assumed-role/dev/s9")+`,"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but a service", repository: policy(grant(`"*"`, "*"), notOthers+`{"Service":"lambda.amazonaws.com"},"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but the listed, the owner neither", who: root, repository: policy(notOthers + aws(alice.ARN) + `,"Action":"*"}`), want: deniedRepo},
		{name: "none but the account, the owner", who: root, repository: policy(notOthers + aws(here) + `,"Action":"*"}`), want: byOwnership},
		{name: "none but everyone", repository: policy(grant(`"*"`, "*"), notOthers+`"*","Action":"*"}`), want: byRepository},
		{name: "none but another account", who: carol, identity: []string{policy(allow("*"))}, repository: policy(grant(`"*"`, "*"), notOthers+aws(abroad)+`,"Action":"*"}`), want: byRepository},
		// AWS wants the account of whom a deny spares to be named, too: that
		// spares nobody else of the account but its owner.
		{name: "none but a user with its account, the user", repository: policy(grant(`"*"`, "*"), notOthers+aws(RootARN(here), alice.ARN)+`,"Action":"*"}`), want: byRepository},
		{name: "none but a user with its account, the owner", who: root, repository: policy(notOthers + aws(here, alice.ARN) + `,"Action":"*"}`), want: byOwnership},
		{name: "none but a user with its account, another user", who: bob, repository: policy(grant(`"*"`, "*"), notOthers+aws(RootARN(here), alice.ARN)+`,"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but a user with its account by id, a session", who: dev, repository: policy(grant(`"*"`, "*"), notOthers+aws(here, alice.ARN)+`,"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but a role with its account, a user", repository: policy(grant(`"*"`, "*"), notOthers+aws(devRole, here)+`,"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but a session with its account, another", who: RolePrincipal(here, "dev", "AROADEV", "s2", "ASIADEV"), repository: policy(grant(`"*"`, "*"), notOthers+aws(dev.ARN, here)+`,"Action":"*"}`), want: "denied by resource-based policy of the repository statement #2"},
		{name: "none but an account and a user of another", repository: policy(grant(`"*"`, "*"), notOthers+aws(here, carol.ARN)+`,"Action":"*"}`), want: byRepository},
		{name: "all but a user with its account let in, another user", who: bob, repository: policy(`{"Effect":"Allow","NotPrincipal":` + aws(here, alice.ARN) + `,"Action":"*"}`), want: noIdentity},
		{name: "all but others let in, from another account", who: carol, identity: []string{policy(allow("*"))}, repository: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"` + bob.ARN + `"},"Action":"*"}`), want: byRepository},
		{name: "all but others let in, from another account without an own policy", who: carol, repository: policy(`{"Effect":"Allow","NotPrincipal":{"AWS":"` + bob.ARN + `"},"Action":"*"}`), want: noIdentity},

		// Form.
		{name: "single statement", identity: []string{`{"Statement":` + allow("*") + `}`}, want: byOwn},
		{name: "with Id and Sid", identity: []string{`{"Id":"x","Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}]}`}, want: "allowed by identity-based policy own statement All"},
		{name: "Sids of a repository's policy may repeat", repository: policy(`{"Sid":"new statement","Effect":"Allow","Principal":"*","Action":"ecr:PutImage"}`, `{"Sid":"new statement","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}`), want: "allowed by resource-based policy of the repository statement new statement"},
		{name: "empty Sid", identity: own(`{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}`), want: byOwn},
	}
	for i := range cases {
		if cases[i].who.Anonymous() {
			cases[i].who = alice
		}
	}
	decide(t, cases)
}

// TestRefusalsSayWhyInTheWordsOfAWS pins whole texts.
func TestRefusalsSayWhyInTheWordsOfAWS(t *testing.T) {
	for _, c := range []struct {
		decision
		text string
	}{
		{decision{name: "nothing of one's own", who: alice}, "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app because no identity-based policy allows the ecr:BatchGetImage action"},
		{decision{name: "on the registry", who: dev, action: "ecr:DescribeRegistry", resource: "*"}, "User: arn:aws:sts::111111111111:assumed-role/dev/s1 is not authorized to perform: ecr:DescribeRegistry on resource: * because no identity-based policy allows the ecr:DescribeRegistry action"},
		{decision{name: "nothing of the repository", who: carol, identity: []string{policy(allow("*"))}}, "User: arn:aws:iam::222222222222:user/carol is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app because no resource-based policy allows the ecr:BatchGetImage action"},
		{decision{name: "nothing of the session", who: root, session: policy(allow("ecr:PutImage"))}, "User: arn:aws:iam::111111111111:root is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app because no session policy allows the ecr:BatchGetImage action"},
		{decision{name: "own deny", who: alice, identity: []string{policy(deny("*"))}}, "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app with an explicit deny in an identity-based policy"},
		{decision{name: "repository's deny", who: root, repository: policy(refuse(`"*"`, "*"))}, "User: arn:aws:iam::111111111111:root is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app with an explicit deny in a resource-based policy"},
		{decision{name: "registry's deny", who: root, registry: policy(`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)}, "User: arn:aws:iam::111111111111:root is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app with an explicit deny in a resource-based policy"},
		{decision{name: "session's deny", who: dev, session: policy(deny("*"))}, "User: arn:aws:sts::111111111111:assumed-role/dev/s1 is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app with an explicit deny in a session policy"},
		{decision{name: "nobody", who: nobody}, "User: anonymous is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111111111111:repository/app because no resource-based policy allows the ecr:BatchGetImage action"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := c.question(t)
			if got := Denied(q.request, q.check(t)).Message; got != c.text {
				t.Errorf("%s\nwant %s", got, c.text)
			}
		})
	}
}

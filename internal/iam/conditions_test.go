package iam

import "testing"

// given is the context of a request.
type given map[string][]string

// TestConditions asks each condition of an allow and of a deny: both must see it
// the same way, and so must the slow evaluator.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		name      string
		condition string
		given     given
		holds     bool
	}{
		// Strings.
		{"equal", `{"StringEquals":{"aws:username":"alice"}}`, given{"aws:username": {"alice"}}, true},
		{"not equal", `{"StringEquals":{"aws:username":"alice"}}`, given{"aws:username": {"bob"}}, false},
		{"equal but for the case", `{"StringEquals":{"aws:username":"alice"}}`, given{"aws:username": {"Alice"}}, false},
		{"equal to the second", `{"StringEquals":{"aws:username":["bob","alice"]}}`, given{"aws:username": {"alice"}}, true},
		{"equal to none", `{"StringEquals":{"aws:username":["bob","carol"]}}`, given{"aws:username": {"alice"}}, false},
		{"equal, key missing", `{"StringEquals":{"aws:username":"alice"}}`, nil, false},
		{"equal, key without values", `{"StringEquals":{"aws:username":""}}`, given{"aws:username": {}}, false},
		{"equal to nothing", `{"StringEquals":{"aws:username":""}}`, given{"aws:username": {""}}, true},
		{"keys have no case", `{"StringEquals":{"AWS:UserName":"alice"}}`, given{"aws:username": {"alice"}}, true},
		{"operators have no case", `{"stringequals":{"aws:username":"alice"}}`, given{"aws:username": {"alice"}}, true},
		{"equal takes wildcards literally", `{"StringEquals":{"aws:username":"a*"}}`, given{"aws:username": {"alice"}}, false},
		{"equal to a star", `{"StringEquals":{"aws:username":"a*"}}`, given{"aws:username": {"a*"}}, true},
		{"equal to an escaped star", `{"StringEquals":{"aws:username":"a${*}"}}`, given{"aws:username": {"a*"}}, true},
		{"equal to a variable", `{"StringEquals":{"ecr:ResourceTag/owner":"${aws:username}"}}`, given{"aws:username": {"alice"}, "ecr:resourcetag/owner": {"alice"}}, true},
		{"not equal to a variable", `{"StringEquals":{"ecr:ResourceTag/owner":"${aws:username}"}}`, given{"aws:username": {"bob"}, "ecr:resourcetag/owner": {"alice"}}, false},
		{"equal to an unknown variable", `{"StringEquals":{"ecr:ResourceTag/owner":"${aws:username}"}}`, given{"ecr:resourcetag/owner": {"alice"}}, false},
		{"number as a string", `{"StringEquals":{"x:n":5}}`, given{"x:n": {"5"}}, true},
		{"boolean as a string", `{"StringEquals":{"x:n":true}}`, given{"x:n": {"true"}}, true},
		{"any of several values", `{"StringEquals":{"aws:TagKeys":"team"}}`, given{"aws:tagkeys": {"stage", "team"}}, true},
		{"differs", `{"StringNotEquals":{"aws:username":"alice"}}`, given{"aws:username": {"bob"}}, true},
		{"does not differ", `{"StringNotEquals":{"aws:username":"alice"}}`, given{"aws:username": {"alice"}}, false},
		{"differs from one of two only", `{"StringNotEquals":{"aws:username":["alice","bob"]}}`, given{"aws:username": {"bob"}}, false},
		{"differs from both", `{"StringNotEquals":{"aws:username":["alice","bob"]}}`, given{"aws:username": {"carol"}}, true},
		{"differs, key missing", `{"StringNotEquals":{"aws:username":"alice"}}`, nil, true},
		{"differs, one of several values does not", `{"StringNotEquals":{"aws:TagKeys":"team"}}`, given{"aws:tagkeys": {"stage", "team"}}, false},
		{"equal whatever the case", `{"StringEqualsIgnoreCase":{"aws:username":"alice"}}`, given{"aws:username": {"ALICE"}}, true},
		{"equal whatever the case, variable", `{"StringEqualsIgnoreCase":{"x:owner":"${aws:username}"}}`, given{"aws:username": {"alice"}, "x:owner": {"ALICE"}}, true},
		{"not equal whatever the case", `{"StringEqualsIgnoreCase":{"aws:username":"alice"}}`, given{"aws:username": {"alicia"}}, false},
		{"differs whatever the case", `{"StringNotEqualsIgnoreCase":{"aws:username":"alice"}}`, given{"aws:username": {"bob"}}, true},
		{"does not differ whatever the case", `{"StringNotEqualsIgnoreCase":{"aws:username":"alice"}}`, given{"aws:username": {"ALICE"}}, false},
		{"like", `{"StringLike":{"aws:username":"a*e"}}`, given{"aws:username": {"alice"}}, true},
		{"like one character", `{"StringLike":{"aws:username":"?lice"}}`, given{"aws:username": {"alice"}}, true},
		{"like one character of several bytes", `{"StringLike":{"x:t":"?lice"}}`, given{"x:t": {"älice"}}, true},
		{"like an escaped star", `{"StringLike":{"aws:username":"a${*}"}}`, given{"aws:username": {"alice"}}, false},
		{"not like", `{"StringLike":{"aws:username":"b*"}}`, given{"aws:username": {"alice"}}, false},
		{"like has a case", `{"StringLike":{"aws:username":"A*"}}`, given{"aws:username": {"alice"}}, false},
		{"like, key missing", `{"StringLike":{"aws:username":"*"}}`, nil, false},
		{"unlike", `{"StringNotLike":{"aws:username":"b*"}}`, given{"aws:username": {"alice"}}, true},
		{"not unlike", `{"StringNotLike":{"aws:username":["b*","a*"]}}`, given{"aws:username": {"alice"}}, false},

		// Numbers.
		{"number equal", `{"NumericEquals":{"x:n":"5"}}`, given{"x:n": {"5"}}, true},
		{"number equal, written otherwise", `{"NumericEquals":{"x:n":5.0}}`, given{"x:n": {"5"}}, true},
		{"number equal with an exponent", `{"NumericEquals":{"x:n":"1e1"}}`, given{"x:n": {"10"}}, true},
		{"large whole numbers are exact", `{"NumericEquals":{"x:n":"9007199254740993"}}`, given{"x:n": {"9007199254740992"}}, false},
		{"number not equal", `{"NumericEquals":{"x:n":"5"}}`, given{"x:n": {"6"}}, false},
		{"no number is not equal", `{"NumericEquals":{"x:n":"5"}}`, given{"x:n": {"five"}}, false},
		{"infinity is no number", `{"NumericGreaterThan":{"x:n":"5"}}`, given{"x:n": {"Inf"}}, false},
		{"hexadecimal is no number", `{"NumericGreaterThan":{"x:n":"5"}}`, given{"x:n": {"0x10"}}, false},
		{"number differs", `{"NumericNotEquals":{"x:n":"5"}}`, given{"x:n": {"6"}}, true},
		{"number does not differ", `{"NumericNotEquals":{"x:n":"5"}}`, given{"x:n": {"5"}}, false},
		{"number differs, key missing", `{"NumericNotEquals":{"x:n":"5"}}`, nil, true},
		{"less", `{"NumericLessThan":{"x:n":"5"}}`, given{"x:n": {"4.9"}}, true},
		{"not less", `{"NumericLessThan":{"x:n":"5"}}`, given{"x:n": {"5"}}, false},
		{"less or equal", `{"NumericLessThanEquals":{"x:n":"5"}}`, given{"x:n": {"5"}}, true},
		{"not less or equal", `{"NumericLessThanEquals":{"x:n":"5"}}`, given{"x:n": {"6"}}, false},
		{"greater", `{"NumericGreaterThan":{"x:n":"-5"}}`, given{"x:n": {"-4"}}, true},
		{"not greater", `{"NumericGreaterThan":{"x:n":"5"}}`, given{"x:n": {"5"}}, false},
		{"greater or equal", `{"NumericGreaterThanEquals":{"x:n":"5"}}`, given{"x:n": {"5"}}, true},
		{"not greater or equal", `{"NumericGreaterThanEquals":{"x:n":"5"}}`, given{"x:n": {"4"}}, false},
		{"less, key missing", `{"NumericLessThan":{"x:n":"5"}}`, nil, false},

		// Dates.
		{"date equal", `{"DateEquals":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}`, given{"aws:currenttime": {"2026-01-01T00:00:00Z"}}, true},
		{"date equal in another zone", `{"DateEquals":{"aws:CurrentTime":"2026-01-01T01:00:00+01:00"}}`, given{"aws:currenttime": {"2026-01-01T00:00:00Z"}}, true},
		{"date equal in seconds", `{"DateEquals":{"aws:CurrentTime":1767225600}}`, given{"aws:currenttime": {"2026-01-01T00:00:00Z"}}, true},
		{"date equal, year only", `{"DateEquals":{"aws:CurrentTime":"2026"}}`, given{"aws:currenttime": {"2026-01-01T00:00:00Z"}}, true},
		{"date not equal", `{"DateEquals":{"aws:CurrentTime":"2026-01-01"}}`, given{"aws:currenttime": {"2026-01-01T00:00:01Z"}}, false},
		{"date differs", `{"DateNotEquals":{"aws:CurrentTime":"2026-01-01"}}`, given{"aws:currenttime": {"2026-01-02T00:00:00Z"}}, true},
		{"date does not differ", `{"DateNotEquals":{"aws:CurrentTime":"2026-01-01"}}`, given{"aws:currenttime": {"2026-01-01T00:00:00Z"}}, false},
		{"before", `{"DateLessThan":{"aws:CurrentTime":"2026-06-01T12:00Z"}}`, given{"aws:currenttime": {"2026-06-01T11:59:59Z"}}, true},
		{"not before", `{"DateLessThan":{"aws:CurrentTime":"2026-06"}}`, given{"aws:currenttime": {"2026-06-01T00:00:00Z"}}, false},
		{"until", `{"DateLessThanEquals":{"aws:CurrentTime":"2026-06"}}`, given{"aws:currenttime": {"2026-06-01T00:00:00Z"}}, true},
		{"not until", `{"DateLessThanEquals":{"aws:CurrentTime":"2026-06"}}`, given{"aws:currenttime": {"2026-06-01T00:00:01Z"}}, false},
		{"after", `{"DateGreaterThan":{"aws:EpochTime":"2026-01-01T00:00:00Z"}}`, given{"aws:epochtime": {"1767225601"}}, true},
		{"not after", `{"DateGreaterThan":{"aws:EpochTime":"2026-01-01T00:00:00Z"}}`, given{"aws:epochtime": {"1767225600"}}, false},
		{"from", `{"DateGreaterThanEquals":{"aws:EpochTime":"2026-01-01T00:00:00.000Z"}}`, given{"aws:epochtime": {"1767225600"}}, true},
		{"not from", `{"DateGreaterThanEquals":{"aws:EpochTime":"2026-01-01"}}`, given{"aws:epochtime": {"1767225599"}}, false},
		{"no date", `{"DateGreaterThan":{"aws:CurrentTime":"2020"}}`, given{"aws:currenttime": {"tomorrow"}}, false},

		// Booleans, bytes.
		{"true", `{"Bool":{"aws:SecureTransport":"true"}}`, given{"aws:securetransport": {"true"}}, true},
		{"true as a boolean", `{"Bool":{"aws:SecureTransport":true}}`, given{"aws:securetransport": {"true"}}, true},
		{"true in another case", `{"Bool":{"aws:SecureTransport":"True"}}`, given{"aws:securetransport": {"true"}}, true},
		{"false", `{"Bool":{"aws:SecureTransport":"false"}}`, given{"aws:securetransport": {"false"}}, true},
		{"not true", `{"Bool":{"aws:SecureTransport":"true"}}`, given{"aws:securetransport": {"false"}}, false},
		{"true or false", `{"Bool":{"aws:SecureTransport":["true","false"]}}`, given{"aws:securetransport": {"false"}}, true},
		{"false, key missing", `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`, nil, false},
		{"false if there, key missing", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`, nil, true},
		{"neither true nor false", `{"Bool":{"aws:SecureTransport":"false"}}`, given{"aws:securetransport": {"no"}}, false},
		{"bytes equal", `{"BinaryEquals":{"x:key":"YWJj"}}`, given{"x:key": {"YWJj"}}, true},
		{"bytes not equal", `{"BinaryEquals":{"x:key":"YWJj"}}`, given{"x:key": {"YWJk"}}, false},
		{"no bytes", `{"BinaryEquals":{"x:key":"YWJj"}}`, given{"x:key": {"abc"}}, false},

		// Addresses.
		{"address", `{"IpAddress":{"aws:SourceIp":"10.1.2.3"}}`, given{"aws:sourceip": {"10.1.2.3"}}, true},
		{"address in a network", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, given{"aws:sourceip": {"10.1.2.3"}}, true},
		{"address in a network with host bits", `{"IpAddress":{"aws:SourceIp":"10.9.9.9/8"}}`, given{"aws:sourceip": {"10.1.2.3"}}, true},
		{"address outside", `{"IpAddress":{"aws:SourceIp":["10.0.0.0/16","192.168.0.0/16"]}}`, given{"aws:sourceip": {"10.1.2.3"}}, false},
		{"address in the second network", `{"IpAddress":{"aws:SourceIp":["192.168.0.0/16","10.1.0.0/16"]}}`, given{"aws:sourceip": {"10.1.2.3"}}, true},
		{"address of IPv6", `{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`, given{"aws:sourceip": {"2001:db8::1"}}, true},
		{"address of IPv6 written otherwise", `{"IpAddress":{"aws:SourceIp":"2001:DB8:0:0::1"}}`, given{"aws:sourceip": {"2001:db8::1"}}, true},
		{"address of IPv6 outside", `{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`, given{"aws:sourceip": {"2001:db9::1"}}, false},
		{"address of IPv4 within IPv6", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, given{"aws:sourceip": {"::ffff:10.1.2.3"}}, true},
		{"address with a zone", `{"IpAddress":{"aws:SourceIp":"fe80::/10"}}`, given{"aws:sourceip": {"fe80::1%eth0"}}, true},
		{"families do not mix", `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, given{"aws:sourceip": {"2001:db8::1"}}, false},
		{"no address", `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, given{"aws:sourceip": {"localhost"}}, false},
		{"address, key missing", `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, nil, false},
		{"address elsewhere", `{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, given{"aws:sourceip": {"192.0.2.1"}}, true},
		{"address not elsewhere", `{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","10.0.0.0/8"]}}`, given{"aws:sourceip": {"10.1.2.3"}}, false},
		{"address elsewhere, key missing", `{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, nil, true},

		// ARNs.
		{"ARN", `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/dev"}}`, given{"aws:principalarn": {devRole}}, true},
		{"ARN with wildcards", `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/d?v"}}`, given{"aws:principalarn": {devRole}}, true},
		{"ARN of another account", `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/*"}}`, given{"aws:principalarn": {devRole}}, false},
		{"like an ARN", `{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:us-east-1:*:function:*"}}`, given{"aws:sourcearn": {"arn:aws:lambda:us-east-1:1:function:f:2"}}, true},
		{"wildcards stay within their field", `{"ArnLike":{"aws:SourceArn":"arn:*:1:f:*:*"}}`, given{"aws:sourcearn": {"arn:aws:lambda:us-east-1:1:f:g:h"}}, false},
		{"star alone is any ARN", `{"ArnLike":{"aws:SourceArn":"*"}}`, given{"aws:sourcearn": {"arn:aws:lambda:us-east-1:1:f"}}, true},
		{"star alone is no word", `{"ArnLike":{"aws:SourceArn":"*"}}`, given{"aws:sourcearn": {"f"}}, false},
		{"ARN that ends early", `{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*"}}`, given{"aws:sourcearn": {"arn:aws:lambda:us-east-1:1:f"}}, true},
		{"ARN of a variable", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:role/*"}}`, given{"aws:principalarn": {devRole}, "aws:principalaccount": {here}}, true},
		{"ARN of an unknown variable", `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:role/*"}}`, given{"aws:principalarn": {devRole}}, false},
		{"other ARN", `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/ops"}}`, given{"aws:principalarn": {devRole}}, true},
		{"no other ARN", `{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/*"}}`, given{"aws:principalarn": {devRole}}, false},
		{"unlike an ARN", `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::222222222222:*"}}`, given{"aws:principalarn": {devRole}}, true},
		{"not unlike an ARN", `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:*"}}`, given{"aws:principalarn": {devRole}}, false},
		{"unlike an ARN, key missing", `{"ArnNotLike":{"aws:SourceArn":"*"}}`, nil, true},

		// Null.
		{"missing", `{"Null":{"aws:RequestTag/team":"true"}}`, nil, true},
		{"not missing", `{"Null":{"aws:RequestTag/team":"true"}}`, given{"aws:requesttag/team": {"a"}}, false},
		{"there", `{"Null":{"aws:RequestTag/team":false}}`, given{"aws:requesttag/team": {"a"}}, true},
		{"there, but empty", `{"Null":{"aws:RequestTag/team":"false"}}`, given{"aws:requesttag/team": {""}}, true},
		{"not there", `{"Null":{"aws:RequestTag/team":"false"}}`, nil, false},
		{"there without values", `{"Null":{"aws:TagKeys":"true"}}`, given{"aws:tagkeys": {}}, true},

		// IfExists.
		{"equal if there, missing", `{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`, nil, true},
		{"equal if there", `{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`, given{"aws:sourcevpc": {"vpc-1"}}, true},
		{"not equal though there", `{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`, given{"aws:sourcevpc": {"vpc-2"}}, false},
		{"differs if there, missing", `{"StringNotEqualsIfExists":{"aws:SourceVpce":"vpce-1"}}`, nil, true},
		{"less if there, missing", `{"NumericLessThanIfExists":{"x:n":"1"}}`, nil, true},
		{"before if there, missing", `{"DateLessThanIfExists":{"x:d":"2000"}}`, nil, true},
		{"address if there, missing", `{"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"}}`, nil, true},
		{"ARN if there, missing", `{"ArnLikeIfExists":{"aws:SourceArn":"arn:aws:s3:::x"}}`, nil, true},
		{"bytes if there, missing", `{"BinaryEqualsIfExists":{"x:key":"YWJj"}}`, nil, true},

		// Several values.
		{"all among", `{"ForAllValues:StringEquals":{"aws:TagKeys":["team","stage"]}}`, given{"aws:tagkeys": {"stage", "team"}}, true},
		{"not all among", `{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`, given{"aws:tagkeys": {"stage", "team"}}, false},
		{"all of none", `{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`, nil, true},
		{"all unlike", `{"ForAllValues:StringNotLike":{"aws:TagKeys":"x*"}}`, given{"aws:tagkeys": {"stage", "team"}}, true},
		{"not all unlike", `{"ForAllValues:StringNotLike":{"aws:TagKeys":"t*"}}`, given{"aws:tagkeys": {"stage", "team"}}, false},
		{"any among", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["team","x"]}}`, given{"aws:tagkeys": {"stage", "team"}}, true},
		{"none among", `{"ForAnyValue:StringLike":{"aws:TagKeys":["x*"]}}`, given{"aws:tagkeys": {"stage", "team"}}, false},
		{"any of none", `{"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}}`, nil, false},
		{"any that differs", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"team"}}`, given{"aws:tagkeys": {"stage", "team"}}, true},
		{"none that differs", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"team"}}`, given{"aws:tagkeys": {"team"}}, false},
		{"any that differs of none", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"team"}}`, nil, false},
		{"any of none, if there", `{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"team"}}`, nil, true},
		{"any number", `{"ForAnyValue:NumericGreaterThan":{"x:n":"3"}}`, given{"x:n": {"1", "5"}}, true},
		{"all numbers", `{"ForAllValues:NumericGreaterThan":{"x:n":"3"}}`, given{"x:n": {"1", "5"}}, false},
		{"qualifiers have no case", `{"forallvalues:StringEquals":{"aws:TagKeys":"team"}}`, given{"aws:tagkeys": {"team"}}, true},

		// Together.
		{"keys of one operator are all asked", `{"StringEquals":{"x:a":"1","x:b":"2"}}`, given{"x:a": {"1"}, "x:b": {"3"}}, false},
		{"keys of one operator all hold", `{"StringEquals":{"x:a":"1","x:b":"2"}}`, given{"x:a": {"1"}, "x:b": {"2"}}, true},
		{"operators are all asked", `{"StringEquals":{"x:a":"1"},"Bool":{"x:b":"true"}}`, given{"x:a": {"1"}, "x:b": {"false"}}, false},
		{"operators all hold", `{"StringEquals":{"x:a":"1"},"Bool":{"x:b":"true"}}`, given{"x:a": {"1"}, "x:b": {"true"}}, true},
		{"no condition", `{}`, nil, true},

		// Keys of ECR.
		{"resource tag", `{"StringEquals":{"aws:ResourceTag/Stage":"prod"}}`, given{"aws:resourcetag/stage": {"prod"}}, true},
		{"resource tag of ECR's own", `{"StringLike":{"ecr:ResourceTag/stage":"p*"}}`, given{"ecr:resourcetag/stage": {"prod"}}, true},
		{"request tag", `{"StringEquals":{"aws:RequestTag/team":["a","b"]}}`, given{"aws:requesttag/team": {"b"}}, true},
		{"organisation is never known", `{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, given{"aws:principalarn": {devRole}}, false},
		{"source account", `{"StringEquals":{"aws:SourceAccount":"111111111111"}}`, given{"aws:sourceaccount": {here}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[bool]string{true: byOwn, false: noIdentity}[c.holds]
			allowed := decision{who: alice, context: c.given, want: want, identity: []string{
				policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + c.condition + `}`)}}
			if got := allowed.question(t).check(t).String(); got != want {
				t.Errorf("of an allow: %s, want %s", got, want)
			}
			want = map[bool]string{true: deniedRepo, false: byOwn}[c.holds]
			denied := decision{who: alice, context: c.given, identity: []string{policy(allow("*"))}, repository: policy(
				`{"Effect":"Deny","Principal":"*","Action":"*","Condition":` + c.condition + `}`)}
			if got := denied.question(t).check(t).String(); got != want {
				t.Errorf("of a deny: %s, want %s", got, want)
			}
		})
	}
}

package sts_test

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	roleARN  = "arn:aws:iam::123456789012:role/deploy"
	readOnly = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
)

// wantCredentials checks what asked grants.
func wantCredentials(t *testing.T, c *types.Credentials) {
	t.Helper()
	if *c.AccessKeyId != "ASIAEXAMPLE" || *c.SecretAccessKey != "temporary" || *c.SessionToken != "AQ-token" || !c.Expiration.Equal(time.Unix(1_800_000_000, 0)) {
		t.Errorf("%+v", c)
	}
}

func TestAssumeRoleThroughTheSDK(t *testing.T) {
	url, a := startWith(t)
	a.size = 12
	out, err := client(url, "AKIDCI", "secret").AssumeRole(t.Context(), &awssts.AssumeRoleInput{
		RoleArn: aws.String(roleARN), RoleSessionName: aws.String("job-1"), DurationSeconds: aws.Int32(900),
		ExternalId: aws.String("customer/7"), Policy: aws.String("{}"), PolicyArns: []types.PolicyDescriptorType{{Arn: aws.String(readOnly)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, out.Credentials)
	if u := out.AssumedRoleUser; *u.Arn != "arn:aws:sts::123456789012:assumed-role/deploy/job-1" || *u.AssumedRoleId != "AROAEXAMPLE:job-1" {
		t.Errorf("%+v", u)
	}
	//nolint:staticcheck // deprecated, and still what most clients know
	if *out.PackedPolicySize != 12 || *out.SessionTokenSize != 8 || *out.SessionTokenUtilization != 1 {
		t.Errorf("%+v", out)
	}
	want := service.AssumeRole{
		RoleARN: roleARN, Session: "job-1", Life: 15 * time.Minute, ExternalID: "customer/7",
		Limits: service.SessionLimits{Policy: "{}", Managed: []string{readOnly}},
	}
	if !reflect.DeepEqual(a.role, want) || a.caller.AccessKeyID != "AKIDCI" || a.caller.SourceIP != "127.0.0.1" || !strings.HasPrefix(a.caller.UserAgent, "aws-sdk-go") {
		t.Errorf("asked %+v by %+v", a.role, a.caller)
	}
}

func TestGetSessionTokenThroughTheSDK(t *testing.T) {
	url, a := startWith(t)
	out, err := client(url, "AKIDCI", "secret").GetSessionToken(t.Context(), &awssts.GetSessionTokenInput{DurationSeconds: aws.Int32(129600)})
	if err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, out.Credentials)
	if *out.SessionTokenSize != 8 {
		t.Errorf("%+v", out)
	}
	if a.session.Life != 36*time.Hour || a.caller.AccessKeyID != "AKIDCI" {
		t.Errorf("asked %+v by %+v", a.session, a.caller)
	}
	if _, err = client(url, "AKIDCI", "secret").GetSessionToken(t.Context(), nil); err != nil || a.session.Life != 0 {
		t.Errorf("without a duration: %+v, %v", a.session, err)
	}
}

// TestAssumeRoleWithWebIdentityNeedsNoSignature: the SDK sends none.
func TestAssumeRoleWithWebIdentityNeedsNoSignature(t *testing.T) {
	url, a := startWith(t)
	out, err := awssts.New(awssts.Options{BaseEndpoint: &url, Region: "us-east-1", RetryMaxAttempts: 1}).
		AssumeRoleWithWebIdentity(t.Context(), &awssts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(roleARN), RoleSessionName: aws.String("job-1"), WebIdentityToken: aws.String("a.b.c"),
		})
	if err != nil {
		t.Fatal(err)
	}
	wantCredentials(t, out.Credentials)
	if *out.SubjectFromWebIdentityToken != "repo:a/b" || *out.Audience != "ecru" || *out.Provider != "arn:aws:iam::123456789012:oidc-provider/id.example" ||
		*out.AssumedRoleUser.AssumedRoleId != "AROAEXAMPLE:job-1" || *out.SessionTokenSize != 8 {
		t.Errorf("%+v", out)
	}
	if a.web.Token != "a.b.c" || a.web.Session != "job-1" || a.web.RoleARN != roleARN || !a.caller.Anonymous() {
		t.Errorf("asked %+v by %+v", a.web, a.caller)
	}
}

func unsigned(r *http.Request) { r.Header.Del("Authorization") }

// TestNothingElseIsServedUnsigned: not by another spelling of the action
// either.
func TestNothingElseIsServedUnsigned(t *testing.T) {
	address := start(t)
	const rest = "&Version=2011-06-15&RoleArn=" + roleARN + "&RoleSessionName=job-1&WebIdentityToken=a.b.c"
	if status, body := post(t, address, "Action=AssumeRoleWithWebIdentity"+rest, "sts", unsigned); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for _, form := range []string{
		"", "Action=GetCallerIdentity" + rest, "Action=GetSessionToken" + rest, "Action=AssumeRole" + rest, "Action=" + rest,
		"Action=assumerolewithwebidentity" + rest, "Action=GetCallerIdentity&Action=AssumeRoleWithWebIdentity" + rest,
		"Action=AssumeRoleWithWebIdentity%zz" + rest, "action=AssumeRoleWithWebIdentity" + rest,
	} {
		if status, body := post(t, address, form, "sts", unsigned); status != 403 || !strings.Contains(body, "<Code>MissingAuthenticationToken</Code>") {
			t.Errorf("%.60s: %d %s", form, status, body)
		}
	}
	// A signature that is there must be right, needed or not.
	status, body := post(t, address, "Action=AssumeRoleWithWebIdentity"+rest, "sts", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") })
	if status != 403 || !strings.Contains(body, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("a wrong signature: %d %s", status, body)
	}
}

func TestInputsAreValidated(t *testing.T) {
	address := start(t)
	long := strings.Repeat("x", 2049)
	for _, c := range []struct {
		action string
		form   url.Values
		code   string
		text   string
	}{
		{"AssumeRole", url.Values{"RoleArn": {roleARN}}, "ValidationError",
			"1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"},
		{"AssumeRole", url.Values{"RoleArn": {"arn"}, "RoleSessionName": {"a b"}}, "ValidationError",
			"2 validation errors detected: Value 'arn' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20; Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"a"}}, "ValidationError",
			"1 validation error detected: Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "DurationSeconds": {"899"}}, "ValidationError",
			"1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "DurationSeconds": {"43201"}}, "ValidationError",
			"1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "DurationSeconds": {"soon"}}, "MalformedInput", "DurationSeconds must be an integer."},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "Policy": {long}}, "ValidationError",
			"Member must have length less than or equal to 2048"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "Policy": {""}}, "ValidationError",
			"Member must have length greater than or equal to 1"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "PolicyArns.member.1.arn": {"short"}}, "ValidationError",
			"1 validation error detected: Value 'short' at 'policyArns.1.member.arn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "PolicyArns.member.2.arn": {readOnly}}, "MalformedInput", "numbered from 1."},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "PolicyArns": {readOnly}}, "MalformedInput", "numbered from 1."},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "PolicyArns": {""}}, "", ""},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "ExternalId": {"a b"}}, "ValidationError", "'externalId'"},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "Tags.member.1.Key": {"team"}}, "ValidationError",
			"Tagging a session is not supported by this version of ecru."},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "TransitiveTagKeys.member.1": {"team"}}, "ValidationError",
			"Tagging a session is not supported by this version of ecru."},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "SourceIdentity": {"bob"}}, "ValidationError",
			"A source identity is not supported by this version of ecru."},
		{"AssumeRole", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "TokenCode": {"123456"}}, "ValidationError",
			"Multi-factor authentication (SerialNumber, TokenCode) is not supported by this version of ecru."},
		{"GetSessionToken", url.Values{"SerialNumber": {"arn:aws:iam::1:mfa/x"}}, "ValidationError",
			"Multi-factor authentication (SerialNumber, TokenCode) is not supported by this version of ecru."},
		{"GetSessionToken", url.Values{"DurationSeconds": {"129601"}}, "ValidationError",
			"1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600"},
		{"AssumeRoleWithWebIdentity", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}}, "ValidationError",
			"1 validation error detected: Value null at 'webIdentityToken' failed to satisfy constraint: Member must not be null"},
		{"AssumeRoleWithWebIdentity", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "WebIdentityToken": {strings.Repeat("x", 20_001)}}, "ValidationError",
			"Member must have length less than or equal to 20000"},
		{"AssumeRoleWithWebIdentity", url.Values{"RoleArn": {roleARN}, "RoleSessionName": {"job"}, "WebIdentityToken": {"a.b.c"}, "ProviderId": {"graph.facebook.com"}}, "ValidationError",
			"An OAuth 2.0 access token (ProviderId) is not supported by this version of ecru."},
	} {
		c.form.Set("Action", c.action)
		c.form.Set("Version", "2011-06-15")
		status, body := post(t, address, c.form.Encode(), "sts", nil)
		if c.code == "" {
			if status != 200 {
				t.Errorf("%v: %d %s", c.form, status, body)
			}
			continue
		}
		body = strings.NewReplacer("&#39;", "'").Replace(body)
		if status != 400 || !strings.Contains(body, "<Code>"+c.code+"</Code>") || !strings.Contains(body, c.text+"</Message>") && !strings.Contains(body, c.text) {
			t.Errorf("%s %.200v:\n%d %s\nwant %s: %s", c.action, c.form, status, body, c.code, c.text)
		}
	}
	form := url.Values{"Action": {"AssumeRole"}, "RoleArn": {roleARN}, "RoleSessionName": {"job"}}
	for _, n := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11") {
		form.Set("PolicyArns.member."+n+".arn", readOnly)
	}
	if status, body := post(t, address, form.Encode(), "sts", nil); status != 400 || !strings.Contains(body, "Member must have length less than or equal to 10") {
		t.Errorf("eleven policies: %d %s", status, body)
	}
}

// TestErrorsOfUseCases: the codes and statuses that AWS's own client knows.
func TestErrorsOfUseCases(t *testing.T) {
	address, a := startWith(t)
	const form = "Action=AssumeRole&Version=2011-06-15&RoleArn=" + roleARN + "&RoleSessionName=job-1"
	for _, c := range []struct {
		err    error
		status int
		code   string
		text   string
	}{
		{registry.CannotAssume("arn:aws:iam::123456789012:user/ci", roleARN), 403, "AccessDenied",
			"User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: " + roleARN},
		{registry.CannotAssumeWithWebIdentity(), 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{registry.Errorf(registry.CodeExpiredToken, "Token expired"), 400, "ExpiredTokenException", "Token expired"},
		{registry.NotAJWT(), 400, "InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"},
		{registry.Errorf(registry.CodeIDPRejectedClaim, "no"), 403, "IDPRejectedClaim", "no"},
		{registry.IssuerUnreachable("https://id.example", errors.New("dial 10.0.0.5")), 400, "IDPCommunicationError",
			"The identity provider https://id.example could not be reached to verify the token. Retry later."},
		{registry.Errorf(registry.CodeMalformedPolicyDocument, "bad"), 400, "MalformedPolicyDocument", "bad"},
		{registry.Errorf(registry.CodePackedPolicyTooLarge, "big"), 400, "PackedPolicyTooLarge", "big"},
		{registry.Errorf(registry.CodeThrottled, "Rate exceeded"), 400, "Throttling", "Rate exceeded"},
		{registry.InvalidRoleARN(), 400, "ValidationError", "Request ARN is invalid"},
		{registry.Internal("asking", errors.New("no database at 10.0.0.5")), 500, "InternalFailure", "An internal error occurred. The request id finds it in the server&#39;s log."},
		{errors.New("no database at 10.0.0.5"), 500, "InternalFailure", "An internal error occurred. The request id finds it in the server&#39;s log."},
	} {
		a.err = c.err
		status, body := post(t, address, form, "sts", nil)
		kind := "Sender"
		if c.status == 500 {
			kind = "Receiver"
		}
		if status != c.status || !strings.Contains(body, "<Code>"+c.code+"</Code>") || !strings.Contains(body, "<Message>"+c.text+"</Message>") || !strings.Contains(body, "<Type>"+kind+"</Type>") || strings.Contains(body, "10.0.0.5") {
			t.Errorf("%v: %d %s", c.err, status, body)
		}
	}
	a.err = registry.NotAJWT()
	_, err := client(address, "AKIDCI", "secret").AssumeRoleWithWebIdentity(t.Context(), &awssts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(roleARN), RoleSessionName: aws.String("job-1"), WebIdentityToken: aws.String("a.b.c"),
	})
	var modelled *types.InvalidIdentityTokenException
	if !errors.As(err, &modelled) {
		t.Errorf("the SDK does not know %v", err)
	}
}

func TestExpiredCredentials(t *testing.T) {
	address := start(t)
	_, err := awssts.New(awssts.Options{
		BaseEndpoint: &address, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: static{AccessKeyID: "AKIDCI", SecretAccessKey: "secret", SessionToken: "ended"},
	}).GetCallerIdentity(t.Context(), nil)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ExpiredToken" || api.ErrorMessage() != "The security token included in the request is expired" {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerInJSON(t *testing.T) {
	address := start(t)
	const form = "Action=AssumeRole&Version=2011-06-15&RoleArn=" + roleARN + "&RoleSessionName=job-1"
	status, body := post(t, address, form, "sts", func(r *http.Request) { r.Header.Set("Accept", "application/json") })
	want := `{"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"temporary","SessionToken":"AQ-token","Expiration":1800000000},` +
		`"AssumedRoleUser":{"AssumedRoleId":"AROAEXAMPLE:job-1","Arn":"arn:aws:sts::123456789012:assumed-role/deploy/job-1"},"SessionTokenSize":8,"SessionTokenUtilization":1},"ResponseMetadata":{"RequestId":"01234567-89ab-cdef-0123-456789abcdef"}}}` + "\n"
	if status != 200 || body != want {
		t.Errorf("%d %s", status, body)
	}
	const web = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + roleARN + "&RoleSessionName=job-1&WebIdentityToken=a.b.c"
	status, body = post(t, address, web, "sts", unsigned)
	if i := strings.Index(body, "<SubjectFromWebIdentityToken>repo:a/b</SubjectFromWebIdentityToken>"); status != 200 || i < 0 || !strings.Contains(body, "<Expiration>2027-01-15T08:00:00Z</Expiration>") || strings.Contains(body, "PackedPolicySize") {
		t.Errorf("%d %s", status, body)
	}
}

package sts_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/awsapi/sts"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/service"
)

type keys struct{}

func (keys) Secret(_ context.Context, id, token string) (string, iam.Principal, error) {
	if token == "ended" {
		return "", iam.Principal{}, iam.ErrTokenExpired
	}
	switch id {
	case "AKIDCI":
		return "secret", iam.Principal{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ci", UserID: "AIDAEXAMPLE", AccessKeyID: id}, nil
	case "AKIDBROKEN":
		return "", iam.Principal{}, errors.New("no database at 10.0.0.5")
	}
	return "", iam.Principal{}, iam.ErrUnknownKey
}

// asked is what the use cases were asked, and what they answer.
type asked struct {
	caller  service.Caller
	role    service.AssumeRole
	web     service.AssumeRoleWithWebIdentity
	session service.GetSessionToken
	err     error
	size    int
}

func (a *asked) granted() service.Credentials {
	return service.Credentials{
		AccessKeyID: "ASIAEXAMPLE", Secret: "temporary", Token: "AQ-token", ExpiresAt: time.Unix(1_800_000_000, 0),
		Principal: iam.RolePrincipal("123456789012", "deploy", "AROAEXAMPLE", "job-1", "ASIAEXAMPLE"), PackedPolicySize: a.size,
	}
}

func (a *asked) AssumeRole(_ context.Context, c service.Caller, in service.AssumeRole) (service.Credentials, error) {
	a.caller, a.role = c, in
	return a.granted(), a.err
}

func (a *asked) AssumeRoleWithWebIdentity(_ context.Context, c service.Caller, in service.AssumeRoleWithWebIdentity) (service.WebIdentityCredentials, error) {
	a.caller, a.web = c, in
	return service.WebIdentityCredentials{Credentials: a.granted(), Subject: "repo:a/b", Audience: "ecru", Provider: "arn:aws:iam::123456789012:oidc-provider/id.example"}, a.err
}

func (a *asked) GetSessionToken(_ context.Context, c service.Caller, in service.GetSessionToken) (service.Credentials, error) {
	a.caller, a.session = c, in
	return a.granted(), a.err
}

func start(t *testing.T) string {
	t.Helper()
	url, _ := startWith(t)
	return url
}

func startWith(t *testing.T) (string, *asked) {
	t.Helper()
	a := &asked{}
	query, err := sts.New(a)
	if err != nil {
		t.Fatal(err)
	}
	api, err := awsapi.New(awsapi.Config{
		Query: query, Verifier: sigv4.New(keys{}, sigv4.Options{}),
		RequestID: func(*http.Request) string { return "01234567-89ab-cdef-0123-456789abcdef" },
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	return srv.URL, a
}

func client(url, key, secret string) *awssts.Client {
	return awssts.New(awssts.Options{
		BaseEndpoint: aws.String(url), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, nil
		}),
	})
}

func TestGetCallerIdentityThroughTheSDK(t *testing.T) {
	out, err := client(start(t), "AKIDCI", "secret").GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Arn != "arn:aws:iam::123456789012:user/ci" || *out.UserId != "AIDAEXAMPLE" || *out.Account != "123456789012" {
		t.Errorf("%+v", out)
	}
}

func TestErrorsThroughTheSDK(t *testing.T) {
	url := start(t)
	cases := []struct{ key, secret, code, message string }{
		{"AKIDOTHER", "secret", "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"AKIDCI", "wrong", "SignatureDoesNotMatch", "The request signature we calculated does not match"},
		{"AKIDBROKEN", "secret", "InternalFailure", "An internal error occurred."},
	}
	for _, c := range cases {
		_, err := client(url, c.key, c.secret).GetCallerIdentity(t.Context(), nil)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != c.code || !strings.HasPrefix(api.ErrorMessage(), c.message) {
			t.Errorf("%s: %v", c.code, err)
		}
	}
	_, err := client(url, "AKIDCI", "secret").GetFederationToken(t.Context(), &awssts.GetFederationTokenInput{Name: aws.String("bob")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InvalidAction" || api.ErrorMessage() != "The action GetFederationToken is not supported by this version of ecru yet." {
		t.Errorf("%v", err)
	}
}

const form = "Action=GetCallerIdentity&Version=2011-06-15"

func post(t *testing.T, url, body, service string, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(body))
	cred := aws.Credentials{AccessKeyID: "AKIDCI", SecretAccessKey: "secret"}
	if err := v4.NewSigner().SignHTTP(t.Context(), cred, r, hex.EncodeToString(sum[:]), service, "eu-west-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestTheFormOfTheAnswer(t *testing.T) {
	url := start(t)
	status, body := post(t, url, form, "sts", nil)
	want := `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:user/ci</Arn>
    <UserId>AIDAEXAMPLE</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`
	if status != 200 || body != want {
		t.Errorf("%d %s", status, body)
	}
	status, body = post(t, url, form, "sts", func(r *http.Request) { r.Header.Set("Accept", "application/json") })
	if status != 200 || body != `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Arn":"arn:aws:iam::123456789012:user/ci","UserId":"AIDAEXAMPLE","Account":"123456789012"},"ResponseMetadata":{"RequestId":"01234567-89ab-cdef-0123-456789abcdef"}}}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
}

func TestRefusals(t *testing.T) {
	url := start(t)
	cases := []struct {
		name, body, service string
		change              func(*http.Request)
		status              int
		want                string
	}{
		{"unsigned", form, "sts", func(r *http.Request) { r.Header.Del("Authorization") }, 403, "<Code>MissingAuthenticationToken</Code>"},
		{"signed for another service", form, "ecr", nil, 403, "<Message>Credential should be scoped to correct service: &#39;sts&#39;.</Message>"},
		{"no signature", form, "sts", func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x=y") }, 400, "<Code>IncompleteSignature</Code>"},
		{"no action", "Version=2011-06-15", "sts", nil, 400, "<Code>InvalidAction</Code>"},
		{"another version", "Action=GetCallerIdentity&Version=2010-05-08", "sts", nil, 400, "Could not find operation GetCallerIdentity for version 2010-05-08"},
		{"markup in the action", "Action=%3Cb%3E%26&Version=2011-06-15", "sts", nil, 400, "The action &lt;b&gt;&amp; is not supported"},
		{"no form", "Action=%zz", "sts", nil, 400, "<Code>MalformedQueryString</Code>"},
		{"too large", "Action=" + strings.Repeat("a", 1<<20), "sts", nil, 413, "<Code>RequestEntityTooLarge</Code>"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, body := post(t, url, c.body, c.service, c.change)
			if status != c.status || !strings.Contains(body, c.want) || !strings.Contains(body, "<Type>Sender</Type>") || !strings.Contains(body, "<RequestId>01234567") {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

func TestAPresignedGet(t *testing.T) {
	url := start(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/?"+form+"&X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(nil)
	cred := aws.Credentials{AccessKeyID: "AKIDCI", SecretAccessKey: "secret"}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), cred, r, hex.EncodeToString(sum[:]), "sts", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r, err = http.NewRequestWithContext(t.Context(), "GET", signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := do(t, r); status != 200 || !strings.Contains(body, "<Account>123456789012</Account>") {
		t.Errorf("%d %s", status, body)
	}
}

// static are credentials as they are.
type static aws.Credentials

func (s static) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials(s), nil }

package ecr_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/awsapi/ecr"
	"github.com/ecru-registry/ecru/internal/registry"
)

func TestAnAuthorizationToken(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	for _, ids := range [][]string{nil, {account}} {
		out := apitest.OK[*sdk.GetAuthorizationTokenOutput](t)(a.GetAuthorizationToken(ctx, &sdk.GetAuthorizationTokenInput{RegistryIds: ids}))
		if len(out.AuthorizationData) != 1 {
			t.Fatalf("%+v", out)
		}
		data := out.AuthorizationData[0]
		text, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), ":")
		if len(parts) != 2 || parts[0] != "AWS" {
			t.Fatalf("%s", text)
		}
		p, expires, err := a.tokens.Verify(parts[1], time.Now())
		if err != nil || p.Account != account || p.AccessKeyID != "AKIDROOT" || !expires.Equal(*data.ExpiresAt) {
			t.Errorf("%+v, %v, %v", p, expires, err)
		}
		if left := time.Until(expires); left < 11*time.Hour || left > 12*time.Hour {
			t.Errorf("%v left", left)
		}
		if *data.ProxyEndpoint != a.url {
			t.Errorf("proxy endpoint %s", *data.ProxyEndpoint)
		}
	}
	// A token is the caller's own: asked for with the registry of another
	// account, the answer is no more than where that is.
	foreign := apitest.OK[*sdk.GetAuthorizationTokenOutput](t)(a.GetAuthorizationToken(ctx, &sdk.GetAuthorizationTokenInput{RegistryIds: []string{other}})).AuthorizationData[0]
	if !strings.HasPrefix(*foreign.ProxyEndpoint, "http://"+other+".dkr.ecr.") {
		t.Errorf("proxy endpoint of another account: %s", *foreign.ProxyEndpoint)
	}
	data := apitest.OK[*sdk.GetAuthorizationTokenOutput](t)(a.as("AKIDOTHER").GetAuthorizationToken(ctx, &sdk.GetAuthorizationTokenInput{})).AuthorizationData[0]
	if *data.ProxyEndpoint != "http://210987654321.dkr.ecr.us-east-1."+strings.TrimPrefix(a.url, "http://") {
		t.Errorf("proxy endpoint of another account: %s", *data.ProxyEndpoint)
	}
}

func TestDescribeRegistry(t *testing.T) {
	a := start(t)
	out := apitest.OK[*sdk.DescribeRegistryOutput](t)(a.DescribeRegistry(t.Context(), &sdk.DescribeRegistryInput{}))
	if *out.RegistryId != account || out.ReplicationConfiguration.Rules == nil || len(out.ReplicationConfiguration.Rules) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestAccountSettings(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	get := func(name string) string {
		return *apitest.OK[*sdk.GetAccountSettingOutput](t)(a.GetAccountSetting(ctx, &sdk.GetAccountSettingInput{Name: &name})).Value
	}
	for name, value := range map[string]string{"BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE", "REGISTRY_POLICY_SCOPE": "V2", "BLOB_MOUNTING": "DISABLED"} {
		if got := get(name); got != value {
			t.Errorf("%s is %s", name, got)
		}
	}
	out := apitest.OK[*sdk.PutAccountSettingOutput](t)(a.PutAccountSetting(ctx, &sdk.PutAccountSettingInput{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED")}))
	if *out.Name != "BLOB_MOUNTING" || *out.Value != "ENABLED" || get("BLOB_MOUNTING") != "ENABLED" {
		t.Errorf("%+v", out)
	}
	_, err := a.GetAccountSetting(ctx, &sdk.GetAccountSettingInput{Name: aws.String("COLOUR")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'name' failed to satisfy constraint: 'Member must satisfy enum value set: [BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE, BLOB_MOUNTING]'")
	_, err = a.PutAccountSetting(ctx, &sdk.PutAccountSettingInput{Name: aws.String("BLOB_MOUNTING"), Value: aws.String("MAYBE")})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'value' failed to satisfy constraint: 'Member must satisfy enum value set: [DISABLED, ENABLED]'")
}

func TestAddressesThatCannotWork(t *testing.T) {
	scope := registry.Scope{Account: account, Region: region}
	for _, c := range []ecr.Config{
		{}, {Default: registry.Scope{Account: "1", Region: region}}, {Default: scope, PublicURL: "ftp://x"},
		{Default: scope, PublicURL: "https://x/path"}, {Default: scope, PublicURL: "%"}, {Default: scope, PublicURL: "registry.example"},
	} {
		if _, err := ecr.Service(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if _, err := ecr.Service(ecr.Config{Default: scope, PublicURL: "https://registry.example:8443/"}); err != nil {
		t.Error(err)
	}
}

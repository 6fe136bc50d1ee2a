package secretsmanager_test

import (
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/awsapi/secretsmanager"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/service"
)

const (
	account = apitest.Account
	other   = apitest.Other
	region  = apitest.Region
)

// api is the store of secrets behind the SDK's own client.
type api struct {
	*apitest.House
	*sdk.Client

	t     testing.TB
	store *sql.Store
	svc   *service.Service
	url   string
}

func start(t testing.TB) *api {
	t.Helper()
	a := &api{t: t, House: apitest.Open(t, func(c *service.Config) { c.Alone = true })}
	a.EnsureAccounts()
	a.store, a.svc = a.Store, a.Service
	srv := httptest.NewServer(a.Serve(secretsmanager.Service(secretsmanager.Config{Service: a.svc, Home: apitest.Home(), PageKey: []byte("pages")})))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.Client = a.as(apitest.Root)
	return a
}

// as is a client with another access key.
func (a *api) as(key string) *sdk.Client {
	return sdk.New(sdk.Options{BaseEndpoint: &a.url, Region: region, RetryMaxAttempts: 1, Credentials: apitest.Credentials(key)})
}

// user makes a user with an inline policy and answers a client of his.
func (a *api) user(name, policy string) *sdk.Client {
	a.t.Helper()
	return a.as(a.AddUser(name, policy))
}

// secret makes a secret and answers what the API did.
func (a *api) secret(name, value string) *sdk.CreateSecretOutput {
	a.t.Helper()
	return apitest.OK[*sdk.CreateSecretOutput](a.t)(a.CreateSecret(a.t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: &value}))
}

// value is what a secret has now.
func (a *api) value(id string) string {
	a.t.Helper()
	out := apitest.OK[*sdk.GetSecretValueOutput](a.t)(a.GetSecretValue(a.t.Context(), &sdk.GetSecretValueInput{SecretId: &id}))
	return aws.ToString(out.SecretString)
}

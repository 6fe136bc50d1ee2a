package admin

import (
	"context"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/service"
)

// Providers is what the API needs of OIDC issuers.
type Providers interface {
	CreateProvider(ctx context.Context, c service.Caller, in service.CreateProvider) (service.Provider, error)
	ListProviders(ctx context.Context, c service.Caller, account, after string, limit int) ([]service.Provider, error)
	DeleteProvider(ctx context.Context, c service.Caller, account, issuer string) error
}

// Provider is an OIDC issuer whose tokens an account believes.
type Provider struct {
	ARN          *string
	Issuer       *string
	ClientIDs    []string
	Certificates *string // PEM; absent: those of the machine
	CreateDate   *time.Time
}

// CreateOpenIDConnectProviderInput asks an account to believe an issuer.
type CreateOpenIDConnectProviderInput struct {
	AccountID    *string
	Issuer       *string
	ClientIDs    []string
	Certificates *string
}

// CreateOpenIDConnectProviderOutput tells what is believed.
type CreateOpenIDConnectProviderOutput struct{ Provider *Provider }

// ListOpenIDConnectProvidersInput asks for the issuers of an account.
type ListOpenIDConnectProvidersInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListOpenIDConnectProvidersOutput is a page of them.
type ListOpenIDConnectProvidersOutput struct {
	Providers []Provider
	NextToken *string
}

// DeleteOpenIDConnectProviderInput names an issuer to be believed no more.
type DeleteOpenIDConnectProviderInput struct{ AccountID, Issuer *string }

func (h handlers) providerOperations() []awsapi.Operation {
	return []awsapi.Operation{awsapi.Op(h.createProvider), awsapi.Op(h.listProviders), awsapi.Op(h.deleteProvider)}
}

func (h handlers) createProvider(ctx context.Context, in *CreateOpenIDConnectProviderInput) (*CreateOpenIDConnectProviderOutput, error) {
	provider, err := h.service.CreateProvider(ctx, caller(ctx), service.CreateProvider{
		Account: deref(in.AccountID), Issuer: deref(in.Issuer), Audiences: in.ClientIDs, CA: deref(in.Certificates),
	})
	worded := wordProvider(provider)
	return answer(CreateOpenIDConnectProviderOutput{Provider: &worded}, err)
}

func (h handlers) listProviders(ctx context.Context, in *ListOpenIDConnectProvidersInput) (*ListOpenIDConnectProvidersOutput, error) {
	p, err := h.page("ListOpenIDConnectProviders", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID))
	if err != nil {
		return nil, err
	}
	providers, err := h.service.ListProviders(ctx, caller(ctx), deref(in.AccountID), p.Cursor, p.Size+1)
	var out ListOpenIDConnectProvidersOutput
	out.Providers, out.NextToken = cut(h, p, providers, nameOfProvider, wordProvider)
	return answer(out, err)
}

// nameOfProvider is what providers are listed by: the URL without the scheme.
func nameOfProvider(p service.Provider) string {
	_, name, _ := strings.Cut(p.Issuer, "://")
	return name
}

func (h handlers) deleteProvider(ctx context.Context, in *DeleteOpenIDConnectProviderInput) (*Done, error) {
	return done(h.service.DeleteProvider(ctx, caller(ctx), deref(in.AccountID), deref(in.Issuer)))
}

func wordProvider(p service.Provider) Provider {
	return Provider{
		ARN: &p.ARN, Issuer: &p.Issuer, ClientIDs: p.Audiences,
		Certificates: text(p.CA), CreateDate: sometime(p.CreatedAt),
	}
}

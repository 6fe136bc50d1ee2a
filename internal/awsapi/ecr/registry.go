package ecr

import (
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/registry"
)

func (h *handlers) getAuthorizationToken(ctx context.Context, in *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	ids := in.RegistryIds //nolint:staticcheck // deprecated for callers, who send it all the same
	if ids == nil {
		ids = []string{""}
	}
	out := &ecr.GetAuthorizationTokenOutput{}
	for _, id := range ids {
		c := h.caller(ctx, &id)
		scope, err := h.registry.Authorize(ctx, c, "ecr:GetAuthorizationToken")
		if err != nil {
			return nil, err
		}
		password, expires, err := h.tokens.Issue(c.Principal, h.now())
		if err != nil {
			return nil, registry.Internal("issuing a token", err)
		}
		scheme, host := h.hosts.of(ctx, scope.Account)
		out.AuthorizationData = append(out.AuthorizationData, types.AuthorizationData{
			AuthorizationToken: aws.String(base64.StdEncoding.EncodeToString([]byte("AWS:" + password))),
			ExpiresAt:          &expires, ProxyEndpoint: aws.String(scheme + "://" + host),
		})
	}
	return out, nil
}

func (h *handlers) getAccountSetting(ctx context.Context, in *ecr.GetAccountSettingInput) (*ecr.GetAccountSettingOutput, error) {
	value, err := h.registry.AccountSetting(ctx, h.caller(ctx, nil), *in.Name)
	if err != nil {
		return nil, err
	}
	return &ecr.GetAccountSettingOutput{Name: in.Name, Value: &value}, nil
}

func (h *handlers) putAccountSetting(ctx context.Context, in *ecr.PutAccountSettingInput) (*ecr.PutAccountSettingOutput, error) {
	if err := h.registry.PutAccountSetting(ctx, h.caller(ctx, nil), *in.Name, *in.Value); err != nil {
		return nil, err
	}
	return &ecr.PutAccountSettingOutput{Name: in.Name, Value: in.Value}, nil
}

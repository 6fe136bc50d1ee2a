package service

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Quotas of OIDC providers, as in IAM where it has them.
const (
	maxIssuer    = 255
	maxAudiences = 100
	maxAudience  = 255
	maxCA        = 64 << 10
)

// CreateProvider is an OIDC issuer to be believed.
type CreateProvider struct {
	Account   string // empty: the caller's
	Issuer    string
	Audiences []string
	CA        string // PEM; empty: the machine's
}

// CreateProvider makes an account believe tokens of an issuer. Errors:
// AccessDenied, InvalidParameter, NoSuchEntity (account), EntityAlreadyExists,
// LimitExceeded.
func (s *Service) CreateProvider(ctx context.Context, c Caller, in CreateProvider) (Provider, error) {
	account, err := s.allowIdentities(ctx, c, in.Account, "CreateOpenIDConnectProvider")
	if err != nil {
		return Provider{}, err
	}
	name, err := issuerName(in.Issuer)
	if err != nil {
		return Provider{}, err
	}
	if account != s.Default.Account && onThisMachine(in.Issuer) {
		return Provider{}, registry.InvalidParameter("issuer", "may be on this machine in the default account only")
	}
	if err := validAudiences(in.Audiences); err != nil {
		return Provider{}, err
	}
	if err := validCA(in.CA); err != nil {
		return Provider{}, err
	}
	now := s.Now()
	record := meta.Record{
		Account: account, Kind: meta.ProviderRecord, Name: name, CreatedAt: now, UpdatedAt: now,
		Body: marshalRecord(storedProvider{Issuer: in.Issuer, Audiences: in.Audiences, CA: in.CA}),
	}
	if err := s.Store.CreateRecord(ctx, record, mostRecords(meta.ProviderRecord)); err != nil {
		return Provider{}, entityError(meta.ProviderRecord, name, err)
	}
	return providerOf(record)
}

// issuerName checks the URL of an issuer and answers it without its scheme.
func issuerName(issuer string) (string, error) {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || len(issuer) > maxIssuer || u.Hostname() == "" || u.Opaque != "":
		return "", registry.InvalidParameter("issuer", "must be the URL of an OIDC issuer of at most 255 characters")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(issuer, "#"):
		return "", registry.InvalidParameter("issuer", "must have neither a user nor a query nor a fragment")
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		_, name, _ := strings.Cut(issuer, "://")
		return name, nil
	}
	return "", registry.InvalidParameter("issuer", "must begin with https:// (http:// for this machine only)")
}

// onThisMachine says whether an issuer is one that only those may make the
// server ask who run it.
func onThisMachine(issuer string) bool {
	u, err := url.Parse(issuer)
	return err != nil || loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func validAudiences(audiences []string) error {
	if len(audiences) == 0 || len(audiences) > maxAudiences {
		return registry.InvalidParameter("clientIDs", "must be 1 to 100 audiences")
	}
	for i, a := range audiences {
		if a == "" || len(a) > maxAudience || strings.ContainsFunc(a, unicode.IsControl) {
			return registry.InvalidParameter("clientIDs", "an audience must be text of 1 to 255 characters")
		}
		if slices.Contains(audiences[:i], a) {
			return registry.InvalidParameter("clientIDs", "an audience is there twice")
		}
	}
	return nil
}

func validCA(text string) error {
	if text == "" {
		return nil
	}
	wrong := registry.InvalidParameter("certificates", "must be certificates in PEM, at most 64 KiB")
	if len(text) > maxCA {
		return wrong
	}
	found := false
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return wrong
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return wrong
		}
		found = true
	}
	if !found {
		return wrong
	}
	return nil
}

// ListProviders answers up to limit OIDC providers whose names sort after
// after.
func (s *Service) ListProviders(ctx context.Context, c Caller, account, after string, limit int) ([]Provider, error) {
	account, err := s.allowIdentities(ctx, c, account, "ListOpenIDConnectProviders")
	if err != nil {
		return nil, err
	}
	return listRecords(ctx, s, account, meta.ProviderRecord, after, limit, providerOf)
}

// DeleteProvider makes an account believe an issuer no more; it is given by URL
// or by its name, which is the URL without the scheme.
// Errors: AccessDenied, NoSuchEntity.
func (s *Service) DeleteProvider(ctx context.Context, c Caller, account, issuer string) error {
	account, err := s.allowIdentities(ctx, c, account, "DeleteOpenIDConnectProvider")
	if err != nil {
		return err
	}
	name := issuer
	if _, after, found := strings.Cut(issuer, "://"); found {
		name = after
	}
	if _, err := s.Store.DeleteRecord(ctx, account, meta.ProviderRecord, name); err != nil {
		return entityError(meta.ProviderRecord, name, err)
	}
	return nil
}

package sts

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/service"
)

const actionWebIdentity = "AssumeRoleWithWebIdentity"

// action performs one action.
type action func(s *Service, ctx context.Context, form url.Values) (any, error)

func actions() map[string]action {
	return map[string]action{
		"GetCallerIdentity": (*Service).getCallerIdentity,
		"GetSessionToken":   (*Service).getSessionToken,
		"AssumeRole":        (*Service).assumeRole,
		actionWebIdentity:   (*Service).assumeRoleWithWebIdentity,
	}
}

// Actions names the actions that are served. Serves answers for these alone.
func (*Service) Actions() []string { return actionNames() }

func actionNames() []string { return slices.Sorted(maps.Keys(actions())) }

type identity struct {
	ARN     string `xml:"Arn" json:"Arn"`
	UserID  string `xml:"UserId" json:"UserId"`
	Account string `xml:"Account" json:"Account"`
}

// getCallerIdentity needs no permission: callers know who they are.
func (*Service) getCallerIdentity(ctx context.Context, _ url.Values) (any, error) {
	p := awsapi.CallFrom(ctx).Principal
	return identity{ARN: p.ARN, UserID: p.UserID, Account: p.Account}, nil
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId" json:"AccessKeyId"`
	SecretAccessKey string `xml:"SecretAccessKey" json:"SecretAccessKey"`
	SessionToken    string `xml:"SessionToken" json:"SessionToken"`
	Expiration      moment `xml:"Expiration" json:"Expiration"`
}

// moment is a time as the protocol has it: ISO 8601 in XML, seconds in JSON.
type moment time.Time

// MarshalText is for XML.
func (m moment) MarshalText() ([]byte, error) {
	return time.Time(m).UTC().AppendFormat(nil, "2006-01-02T15:04:05Z"), nil
}

// MarshalJSON is for JSON.
func (m moment) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, time.Time(m).Unix(), 10), nil
}

type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId" json:"AssumedRoleId"`
	ARN           string `xml:"Arn" json:"Arn"`
}

// tokenSize says how long a session token is, and how much of the longest
// possible one that is in percent.
type tokenSize struct {
	SessionTokenSize        int `xml:"SessionTokenSize" json:"SessionTokenSize"`
	SessionTokenUtilization int `xml:"SessionTokenUtilization" json:"SessionTokenUtilization"`
}

type sessionTokenResult struct {
	Credentials credentials `xml:"Credentials" json:"Credentials"`
	tokenSize
}

type assumeRoleResult struct {
	Credentials      credentials     `xml:"Credentials" json:"Credentials"`
	AssumedRoleUser  assumedRoleUser `xml:"AssumedRoleUser" json:"AssumedRoleUser"`
	PackedPolicySize int             `xml:"PackedPolicySize,omitempty" json:"PackedPolicySize,omitempty"`
	tokenSize
}

type webIdentityResult struct {
	Subject string `xml:"SubjectFromWebIdentityToken" json:"SubjectFromWebIdentityToken"`
	assumeRoleResult
	Provider string `xml:"Provider" json:"Provider"`
	Audience string `xml:"Audience" json:"Audience"`
}

func credentialsOf(c service.Credentials) credentials {
	return credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.Secret, SessionToken: c.Token,
		Expiration: moment(c.ExpiresAt),
	}
}

func sizeOf(token string) tokenSize {
	return tokenSize{len(token), (len(token)*100 + iam.MaxSessionToken - 1) / iam.MaxSessionToken}
}

func roleResult(c service.Credentials) assumeRoleResult {
	return assumeRoleResult{
		Credentials:      credentialsOf(c),
		AssumedRoleUser:  assumedRoleUser{AssumedRoleID: c.Principal.UserID, ARN: c.Principal.ARN},
		PackedPolicySize: c.PackedPolicySize,
		tokenSize:        sizeOf(c.Token),
	}
}

func (s *Service) getSessionToken(ctx context.Context, form url.Values) (any, error) {
	var in sessionTokenInput
	if err := s.read(form, &in); err != nil {
		return nil, err
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, unsupported("Multi-factor authentication (SerialNumber, TokenCode)")
	}
	out, err := s.credentials.GetSessionToken(ctx, caller(ctx), service.GetSessionToken{Life: seconds(in.DurationSeconds)})
	if err != nil {
		return nil, err
	}
	return sessionTokenResult{credentialsOf(out), sizeOf(out.Token)}, nil
}

func (s *Service) assumeRole(ctx context.Context, form url.Values) (any, error) {
	var in assumeRoleInput
	if err := s.read(form, &in); err != nil {
		return nil, err
	}
	if err := refuseUnsupported(form, in.SerialNumber != nil || in.TokenCode != nil, in.SourceIdentity != nil); err != nil {
		return nil, err
	}
	out, err := s.credentials.AssumeRole(ctx, caller(ctx), service.AssumeRole{
		RoleARN: *in.RoleArn, Session: *in.RoleSessionName, Life: seconds(in.DurationSeconds),
		ExternalID: text(in.ExternalId), Limits: limits(in.Policy, in.PolicyArns),
	})
	if err != nil {
		return nil, err
	}
	return roleResult(out), nil
}

func (s *Service) assumeRoleWithWebIdentity(ctx context.Context, form url.Values) (any, error) {
	var in webIdentityInput
	if err := s.read(form, &in); err != nil {
		return nil, err
	}
	if in.ProviderId != nil {
		return nil, unsupported("An OAuth 2.0 access token (ProviderId)")
	}
	out, err := s.credentials.AssumeRoleWithWebIdentity(ctx, caller(ctx), service.AssumeRoleWithWebIdentity{
		RoleARN: *in.RoleArn, Session: *in.RoleSessionName, Life: seconds(in.DurationSeconds),
		Token: *in.WebIdentityToken, Limits: limits(in.Policy, in.PolicyArns),
	})
	if err != nil {
		return nil, err
	}
	return webIdentityResult{
		Subject: out.Subject, assumeRoleResult: roleResult(out.Credentials), Provider: out.Provider, Audience: out.Audience,
	}, nil
}

// read decodes a form and checks it against the constraints.
func (s *Service) read(form url.Values, in any) error {
	if err := decode(form, in); err != nil {
		return err
	}
	if found := s.rules.Check(in); len(found) > 0 {
		return awsapi.Refuse("ValidationError", "%s", validate.ValidationErrors(found))
	}
	return nil
}

// refuseUnsupported refuses what would change what the credentials mean and is
// not taken into account.
func refuseUnsupported(form url.Values, mfa, sourceIdentity bool) error {
	switch {
	case mfa:
		return unsupported("Multi-factor authentication (SerialNumber, TokenCode)")
	case sourceIdentity:
		return unsupported("A source identity")
	case hasList(form, "Tags"), hasList(form, "TransitiveTagKeys"):
		return unsupported("Tagging a session")
	case hasList(form, "ProvidedContexts"):
		return unsupported("Providing contexts")
	}
	return nil
}

func unsupported(what string) error {
	return awsapi.Refuse("ValidationError", "%s is not supported by this version of ecru.", what)
}

func caller(ctx context.Context) service.Caller {
	call := awsapi.CallFrom(ctx)
	return service.Caller{Principal: call.Principal, SourceIP: call.SourceIP, Secure: call.Secure, UserAgent: call.UserAgent}
}

func limits(policy *string, managed []policyDescriptor) service.SessionLimits {
	out := service.SessionLimits{Policy: text(policy)}
	for _, m := range managed {
		out.Managed = append(out.Managed, text(m.Arn))
	}
	return out
}

func seconds(n *int32) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

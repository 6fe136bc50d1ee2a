package oidc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
)

// leeway is how far the clock of an issuer may be off.
const leeway = time.Minute

// check reads the claims of a token whose signature and issuer are right.
func check(token *gooidc.IDToken, issuer iam.Issuer, now time.Time) (iam.IdentityToken, error) {
	var raw json.RawMessage
	if err := token.Claims(&raw); err != nil {
		return iam.IdentityToken{}, registry.NotAJWT()
	}
	claims, err := texts(raw)
	if err != nil {
		return iam.IdentityToken{}, registry.NotAJWT()
	}
	for _, name := range []string{"sub", "aud", "exp", "iat"} {
		if len(claims[name]) == 0 || claims[name][0] == "" {
			return iam.IdentityToken{}, registry.Errorf(registry.CodeInvalidIdentityToken, "Missing a required claim: %s", name)
		}
	}
	expires, ok := moment(claims["exp"])
	if !ok {
		return iam.IdentityToken{}, registry.NotAJWT()
	}
	if !now.Before(expires.Add(leeway)) {
		return iam.IdentityToken{}, registry.Errorf(registry.CodeExpiredToken,
			"Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), expires.Unix())
	}
	if notBefore, ok := moment(claims["nbf"]); ok && now.Add(leeway).Before(notBefore) {
		return iam.IdentityToken{}, registry.Errorf(registry.CodeIDPRejectedClaim, "The web identity token is not valid yet: nbf is %d, and it is %d now", notBefore.Unix(), now.Unix())
	}
	audience := slices.IndexFunc(claims["aud"], func(a string) bool { return slices.Contains(issuer.Audiences, a) })
	if audience < 0 {
		return iam.IdentityToken{}, registry.IncorrectAudience()
	}
	return iam.IdentityToken{
		Subject: claims["sub"][0], Audience: claims["aud"][audience], ExpiresAt: expires, Claims: claims,
	}, nil
}

func moment(values []string) (time.Time, bool) {
	if len(values) != 1 {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(values[0], 64)
	return time.Unix(int64(seconds), 0), err == nil
}

// texts answers the claims that are texts, numbers, booleans or lists of them,
// as texts. Structures are nothing that conditions could ask for.
func texts(raw []byte) (map[string][]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var all map[string]any
	if err := decoder.Decode(&all); err != nil {
		return nil, err
	}
	claims := make(map[string][]string, len(all))
	for name, value := range all {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, item := range list {
			if text, ok := textOf(item); ok {
				claims[name] = append(claims[name], text)
			}
		}
	}
	return claims, nil
}

func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

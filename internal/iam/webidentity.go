package iam

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// MaxIdentityToken is the longest token of an OIDC issuer that is looked at.
const MaxIdentityToken = 20_000

// Issuer is an OIDC issuer whose tokens are believed.
type Issuer struct {
	// URL is exactly what its tokens have in their claim iss.
	URL string
	// Audiences are the client ids of which a token's claim aud must name one.
	Audiences []string
	// CA holds the PEM certificates to trust when the issuer is asked for its
	// keys; empty means those of the machine.
	CA string
}

// IdentityToken is a token of an issuer that was found good.
type IdentityToken struct {
	Subject string
	// Audience is the client id of the issuer that the token was made for.
	Audience  string
	ExpiresAt time.Time
	// Claims are all claims that conditions can ask for, as texts.
	Claims map[string][]string
}

// ClaimedIssuer answers the issuer that a token says it is of. Nothing is
// checked: it only tells whose keys to check it with.
func ClaimedIssuer(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > MaxIdentityToken {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", false
	}
	return claims.Issuer, claims.Issuer != ""
}

// ConditionKeys are the keys under which trust policies ask for the claims of a
// token: the issuer without its scheme, a colon and the claim, in lower case.
func (t IdentityToken) ConditionKeys(issuer string) map[string][]string {
	prefix := strings.ToLower(issuer) + ":"
	keys := make(map[string][]string, len(t.Claims))
	for claim, values := range t.Claims {
		name := strings.ToLower(claim)
		// Of two claims that differ in case only, the one that is written as
		// keys are counts: "sub" cannot be replaced by "Sub".
		if _, exact := t.Claims[name]; !exact || name == claim {
			keys[prefix+name] = values
		}
	}
	return keys
}

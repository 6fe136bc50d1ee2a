package iam

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TokenLifetime is how long a registry password is good, as ECR has it.
const TokenLifetime = 12 * time.Hour

// What is wrong with a registry password.
var (
	ErrTokenExpired = errors.New("iam: the token has expired")
	ErrTokenInvalid = errors.New("iam: the token is not valid here")
)

// Tokens issues and checks the passwords of the distribution API. They are
// signed and stateless; a JWT has no colon in it, which clients that split
// "AWS:password" rely on. They say who the caller is, never what it may do.
type Tokens struct {
	key    []byte
	region string
	parser *jwt.Parser
}

type tokenClaims struct {
	jwt.RegisteredClaims
	Account     string `json:"acc"`
	UserID      string `json:"uid"`
	AccessKeyID string `json:"kid"`
}

// NewTokens makes a token issuer of a region; the key is the instance's.
func NewTokens(key []byte, region string) *Tokens {
	return &Tokens{
		key: key, region: region,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{"HS256"}),
			jwt.WithoutClaimsValidation(),
		),
	}
}

// Issue makes a password for a principal.
func (t *Tokens) Issue(p Principal, now time.Time) (password string, expires time.Time, err error) {
	expires = now.Add(TokenLifetime).Truncate(time.Second)
	claims := tokenClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: p.ARN, Audience: jwt.ClaimStrings{t.region},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Account: p.Account, UserID: p.UserID, AccessKeyID: p.AccessKeyID,
	}
	password, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.key)
	return password, expires, err
}

// Verify answers whose password it is and until when.
// Errors: ErrTokenExpired, ErrTokenInvalid.
func (t *Tokens) Verify(password string, now time.Time) (Principal, time.Time, error) {
	if len(password) > 16<<10 {
		return Principal{}, time.Time{}, ErrTokenInvalid
	}
	var claims tokenClaims
	_, err := t.parser.ParseWithClaims(password, &claims, func(*jwt.Token) (any, error) { return t.key, nil })
	if err != nil || claims.ExpiresAt == nil || claims.Subject == "" || !audienceHas(claims.Audience, t.region) {
		return Principal{}, time.Time{}, ErrTokenInvalid
	}
	if !now.Before(claims.ExpiresAt.Time) {
		return Principal{}, time.Time{}, ErrTokenExpired
	}
	p := Principal{Account: claims.Account, ARN: claims.Subject, UserID: claims.UserID, AccessKeyID: claims.AccessKeyID}
	return p, claims.ExpiresAt.Time, nil
}

func audienceHas(a jwt.ClaimStrings, region string) bool {
	for _, r := range a {
		if r == region {
			return true
		}
	}
	return false
}

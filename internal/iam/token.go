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

// tokenClaims leave the ARN of the principal to the subject.
type tokenClaims struct {
	jwt.RegisteredClaims
	sealedPrincipal
}

// maxToken bounds a password: clients and proxies send it in a header.
const maxToken = 16 << 10

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
	return t.IssueFor(p, now, TokenLifetime)
}

// IssueFor makes a password that is good for as long as it is given.
func (t *Tokens) IssueFor(p Principal, now time.Time, life time.Duration) (password string, expires time.Time, err error) {
	expires = now.Add(life).Truncate(time.Second)
	claims := tokenClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: p.ARN, Audience: jwt.ClaimStrings{t.region},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		sealedPrincipal: seal(p),
	}
	claims.ARN = ""
	password, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.key)
	if err == nil && len(password) > maxToken {
		err = errors.New("iam: the principal is too large for a token")
	}
	return password, expires, err
}

// Verify answers whose password it is and until when.
// Errors: ErrTokenExpired, ErrTokenInvalid.
func (t *Tokens) Verify(password string, now time.Time) (Principal, time.Time, error) {
	if len(password) > maxToken {
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
	claims.ARN = claims.Subject
	p := claims.open()
	if p.Kind == "" {
		// Tokens of earlier versions say no more than the ARN.
		p = KeyOwner(p.Account, p.ARN, p.UserID, p.AccessKeyID)
	}
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

package iam

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestTokenCarriesItsPrincipalUntilItExpires(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tokens := NewTokens([]byte("key"), "us-east-1")
	root := RootPrincipal("000000000000", "AKIAEXAMPLE")
	password, expires, err := tokens.Issue(root, now)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(password, ":") {
		t.Error("the password has a colon; common clients split on it")
	}
	if got := expires.Sub(now); got != 12*time.Hour {
		t.Errorf("lifetime is %v, want 12h", got)
	}
	got, _, err := tokens.Verify(password, expires.Add(-time.Second))
	if err != nil || got != root {
		t.Errorf("Verify = %+v, %v; want %+v", got, err, root)
	}
	if _, _, err := tokens.Verify(password, expires); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("at its expiry: %v, want ErrTokenExpired", err)
	}
}

func TestTokenOfASessionCarriesItsLimits(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tokens := NewTokens([]byte("key"), "us-east-1")
	p := RolePrincipal("000000000000", "deploy", "AROAEXAMPLE", "job-1", "ASIAEXAMPLE")
	p.SessionPolicy, p.SourceKeyID = strings.Repeat("p", 8<<10), "AKIASOURCE"
	for _, want := range []Principal{p, UserPrincipal("000000000000", "ci", "AIDAEXAMPLE", "AKIAEXAMPLE")} {
		password, _, err := tokens.Issue(want, now)
		if err != nil || len(password) > 16<<10 || strings.Contains(password, ":") {
			t.Fatalf("%d bytes, %v", len(password), err)
		}
		if got, _, err := tokens.Verify(password, now); err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	p.SessionPolicy = strings.Repeat("p", 16<<10)
	if _, _, err := tokens.Issue(p, now); err == nil {
		t.Error("a token that could not be used was issued")
	}
}

// TestTokensOfTheFirstVersionWorkOn: they named no kind, only an ARN.
func TestTokensOfTheFirstVersionWorkOn(t *testing.T) {
	now := time.Now()
	key := []byte("key")
	for arn, want := range map[string]Principal{
		"arn:aws:iam::000000000000:root":    {Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", UserID: "X", AccessKeyID: "AKIA", Kind: Root},
		"arn:aws:iam::000000000000:user/ci": UserPrincipal("000000000000", "ci", "X", "AKIA"),
	} {
		old, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": arn, "aud": []string{"us-east-1"}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			"acc": "000000000000", "uid": "X", "kid": "AKIA",
		}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := NewTokens(key, "us-east-1").Verify(old, now); err != nil || got != want {
			t.Errorf("%s: %+v, %v", arn, got, err)
		}
	}
}

func TestTokenOfSomebodyElseIsRefused(t *testing.T) {
	now := time.Now()
	root := RootPrincipal("000000000000", "AKIAEXAMPLE")
	tokens := NewTokens([]byte("key"), "us-east-1")
	otherKey, _, _ := NewTokens([]byte("other"), "us-east-1").Issue(root, now)
	otherRegion, _, _ := NewTokens([]byte("key"), "eu-west-1").Issue(root, now)
	good, _, _ := tokens.Issue(root, now)
	for name, password := range map[string]string{
		"another key":    otherKey,
		"another region": otherRegion,
		"no signature":   "eyJhbGciOiJub25lIn0.e30.",
		"tampered":       good[:len(good)-2] + "xx",
		"empty":          "",
		"huge":           strings.Repeat("a", 1<<20),
	} {
		if _, _, err := tokens.Verify(password, now); !errors.Is(err, ErrTokenInvalid) {
			t.Errorf("%s: %v, want ErrTokenInvalid", name, err)
		}
	}
}

func TestLayerGrantIsGoodForExactlyWhatItNames(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	key := []byte("key")
	g := LayerGrant{Account: "000000000000", Repository: "a/b", Digest: "sha256:aa", Expires: now.Add(time.Hour)}
	signature := SignLayer(key, g)
	if !VerifyLayer(key, g, signature, now) {
		t.Fatal("a grant of our own is refused")
	}
	if VerifyLayer(key, g, signature, g.Expires) {
		t.Error("good at its expiry")
	}
	for name, other := range map[string]LayerGrant{
		"account":    {"111111111111", g.Repository, g.Digest, g.Expires},
		"repository": {g.Account, "a/c", g.Digest, g.Expires},
		"digest":     {g.Account, g.Repository, "sha256:ab", g.Expires},
		"expiry":     {g.Account, g.Repository, g.Digest, g.Expires.Add(time.Second)},
		"boundary":   {g.Account, "a", "/bsha256:aa", g.Expires},
	} {
		if VerifyLayer(key, other, signature, now) {
			t.Errorf("good for another %s", name)
		}
	}
}

package iam

import (
	"errors"
	"strings"
	"testing"
	"time"
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

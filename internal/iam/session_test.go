package iam

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func newSessions(t testing.TB, key byte) *Sessions {
	t.Helper()
	s, err := NewSessions([]byte(strings.Repeat(string(rune(key)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASessionIsWhatItWasIssuedAs(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSessions(t, 'k')
	p := RolePrincipal("000000000000", "deploy", "AROAEXAMPLE", "job-1", "")
	p.SessionPolicy, p.SourceKeyID = `{"Statement":[]}`, "AKIASOURCE"
	issued, token, err := s.Issue(p, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Principal.AccessKeyID
	if !strings.HasPrefix(id, "ASIA") || len(id) != 20 || !TemporaryKey(id) || len(issued.Secret) != 40 {
		t.Errorf("credentials %s / %s", id, issued.Secret)
	}
	got, err := s.Open(id, token, now.Add(time.Hour-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	p.AccessKeyID = id
	if got.Principal != p || got.Secret != issued.Secret || !got.IssuedAt.Equal(now) || !got.ExpiresAt.Equal(now.Add(time.Hour)) {
		t.Errorf("opened %+v\nissued %+v", got, issued)
	}
	if _, err := s.Open(id, token, now.Add(time.Hour)); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("at its expiry: %v", err)
	}
	if strings.Contains(token, "deploy") || strings.ContainsAny(token, ":/+= \n") {
		t.Errorf("token %s", token)
	}
}

func TestASessionTokenCannotBeMadeUp(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := newSessions(t, 'k')
	root := RootPrincipal("000000000000", "AKIA")
	mine, token, err := s.Issue(root, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other, foreign, err := newSessions(t, 'j').Issue(root, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id := mine.Principal.AccessKeyID
	for name, c := range map[string][2]string{
		"of another instance":    {other.Principal.AccessKeyID, foreign},
		"of another key":         {other.Principal.AccessKeyID, token},
		"none":                   {id, ""},
		"short":                  {id, "AQ"},
		"of another version":     {id, "Ag" + token[2:]},
		"cut":                    {id, token[:len(token)-4]},
		"not of the alphabet":    {id, token[:10] + "+" + token[11:]},
		"with a line break":      {id, token[:10] + "\n" + token[10:]},
		"a version and a nonce":  {id, base64.RawURLEncoding.EncodeToString(make([]byte, 13))},
		"huge":                   {id, strings.Repeat("A", 1<<20)},
		"of a long-lived key id": {"AKIA", token},
	} {
		if _, err := s.Open(c[0], c[1], now); !errors.Is(err, ErrTokenInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range token {
		changed := []byte(token)
		changed[i] ^= 1
		if _, err := s.Open(id, string(changed), now); err == nil {
			t.Fatalf("a token with byte %d changed was accepted", i)
		}
	}
	p := root
	p.SessionPolicy = strings.Repeat("x", MaxSessionToken)
	if _, _, err := s.Issue(p, now, time.Hour); err == nil {
		t.Error("a token that could not be opened was issued")
	}
	if _, err := NewSessions([]byte("short")); err == nil {
		t.Error("a key of 5 bytes was accepted")
	}
}

func FuzzOpenSession(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	// Every process of a fuzzing run has its own key: the seeds of another one
	// are not its own.
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	s, err := NewSessions(key)
	if err != nil {
		f.Fatal(err)
	}
	issued, token, err := s.Issue(RootPrincipal("000000000000", "AKIA"), now, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	id := issued.Principal.AccessKeyID
	f.Add(id, token)
	f.Add("", "")
	f.Add(id, token[:30])
	f.Fuzz(func(t *testing.T, key, text string) {
		if _, err := s.Open(key, text, now); err == nil && (key != id || text != token) {
			t.Error("opened what was never issued")
		}
	})
}

func TestTheOwnerOfAKey(t *testing.T) {
	for arn, want := range map[string]Principal{
		"arn:aws:iam::000000000000:root":    RootPrincipal("000000000000", "AKIA"),
		"arn:aws:iam::000000000000:user/ci": UserPrincipal("000000000000", "ci", "000000000000", "AKIA"),
		// What is no owner of keys gets no kind, and with that no rights.
		"arn:aws:iam::111111111111:user/ci": {Account: "000000000000", ARN: "arn:aws:iam::111111111111:user/ci", UserID: "000000000000", AccessKeyID: "AKIA"},
		"arn:aws:iam::000000000000:user/":   {Account: "000000000000", ARN: "arn:aws:iam::000000000000:user/", UserID: "000000000000", AccessKeyID: "AKIA"},
	} {
		if got := KeyOwner("000000000000", arn, "000000000000", "AKIA"); got != want {
			t.Errorf("%s: %+v", arn, got)
		}
	}
}

func BenchmarkOpenSession(b *testing.B) {
	now := time.Now()
	s := newSessions(b, 'k')
	issued, token, err := s.Issue(RolePrincipal("000000000000", "deploy", "AROAEXAMPLE", "job-1", ""), now, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(issued.Principal.AccessKeyID, token, now); err != nil {
			b.Fatal(err)
		}
	}
}

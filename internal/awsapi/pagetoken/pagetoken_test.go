package pagetoken_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
)

func TestATokenOpensForItsListOnly(t *testing.T) {
	c := pagetoken.New([]byte("secret"))
	list := pagetoken.List{Operation: "ListImages", Scope: []string{"123456789012", "web", "TAGGED"}}
	for _, cursor := range []string{"", "sha256:00", "a\x00b\xff", strings.Repeat("x", 1000)} {
		token := c.Seal(list, cursor)
		if got, err := pagetoken.New([]byte("secret")).Open(list, token); err != nil || got != cursor {
			t.Errorf("%q: got %q, %v", cursor, got, err)
		}
		for name, other := range map[string]pagetoken.List{
			"operation": {Operation: "DescribeImages", Scope: list.Scope},
			"scope":     {Operation: "ListImages", Scope: []string{"123456789012", "other", "TAGGED"}},
			"joined":    {Operation: "ListImages", Scope: []string{"123456789012w", "eb", "TAGGED"}},
			"shorter":   {Operation: "ListImages", Scope: []string{"123456789012", "web"}},
		} {
			if _, err := c.Open(other, token); !errors.Is(err, pagetoken.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := pagetoken.New([]byte("other")).Open(list, token); err == nil {
			t.Error("another instance's token was accepted")
		}
	}
}

func TestTamperedTokens(t *testing.T) {
	c := pagetoken.New([]byte("secret"))
	list := pagetoken.List{Operation: "ListImages"}
	token := c.Seal(list, "cursor")
	for i := range token {
		b := []byte(token)
		for _, r := range []byte("A_9") {
			if b[i] == r {
				continue
			}
			b[i] = r
			if _, err := c.Open(list, string(b)); err == nil {
				t.Fatalf("byte %d changed to %c was accepted", i, r)
			}
		}
	}
	for _, bad := range []string{"", "x", "!!", token + "A", token[:len(token)-1], token + "=", strings.Repeat("A", 1<<20)} {
		if _, err := c.Open(list, bad); err == nil {
			t.Errorf("%.20q was accepted", bad)
		}
	}
}

func FuzzOpen(f *testing.F) {
	c := pagetoken.New([]byte("secret"))
	list := pagetoken.List{Operation: "ListImages", Scope: []string{"web"}}
	f.Add(c.Seal(list, "cursor"))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if cursor, err := c.Open(list, token); err == nil && c.Seal(list, cursor) != token {
			t.Fatalf("%q opened to %q, which we would not have sealed so", token, cursor)
		}
	})
}

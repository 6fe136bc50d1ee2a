package service

import (
	"context"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Password says what a random password is made of.
type Password struct {
	Length                                            int
	Exclude                                           string
	Lowercase, Uppercase, Numbers, Punctuation, Space bool
	EachKind                                          bool // at least one character of each
}

// RandomPassword makes a password. Errors: InvalidParameter.
func (s *Service) RandomPassword(ctx context.Context, c Caller, p Password) (string, error) {
	if _, err := s.allowResource(ctx, c, "secretsmanager:GetRandomPassword", "*"); err != nil {
		return "", err
	}
	var kinds []string
	for _, kind := range []struct {
		wanted   bool
		alphabet string
	}{
		{p.Lowercase, "abcdefghijklmnopqrstuvwxyz"},
		{p.Uppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{p.Numbers, "0123456789"},
		{p.Punctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
		{p.Space, " "},
	} {
		left := strings.Map(func(r rune) rune {
			if strings.ContainsRune(p.Exclude, r) {
				return -1
			}
			return r
		}, kind.alphabet)
		if kind.wanted && left != "" {
			kinds = append(kinds, left)
		}
	}
	switch {
	case len(kinds) == 0:
		return "", registry.Errorf(registry.CodeInvalidParameter, "You must include at least one type of characters in the password.")
	case p.EachKind && p.Length < len(kinds):
		return "", registry.Errorf(registry.CodeInvalidParameter, "Password length is too short based on the required types.")
	}
	for {
		password := randomText(p.Length, strings.Join(kinds, ""))
		if !p.EachKind || hasEach(password, kinds) {
			return password, nil
		}
	}
}

func hasEach(password string, kinds []string) bool {
	for _, kind := range kinds {
		if !strings.ContainsAny(password, kind) {
			return false
		}
	}
	return true
}

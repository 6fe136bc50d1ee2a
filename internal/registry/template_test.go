package registry

import (
	"slices"
	"strings"
	"testing"
)

func TestPrefixesOfARepositoryEndBeforeItsSlashes(t *testing.T) {
	for name, want := range map[string]string{
		"app":               "ROOT",
		"prod":              "ROOT",
		"prod/app":          "prod ROOT",
		"production/app":    "production ROOT",
		"prod/team/app/dev": "prod/team/app prod/team prod ROOT",
	} {
		if got := PrefixesOf(name); strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
	if slices.Contains(PrefixesOf("prod"), "prod") {
		t.Error("a prefix matches the repository of its own name")
	}
}

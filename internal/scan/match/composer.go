package match

import (
	"fmt"
	"strings"

	"github.com/google/osv-scalibr/semantic"
)

// composerVersion orders versions as Composer does: it completes them to four
// numbers, so that 2.3 is 2.3.0.0, and knows stabilities.
type composerVersion struct {
	numbers   []string // without leading zeros
	stability int
	stage     []string // numbers behind the stability: 2 of RC2
	dev       bool     // 1.0.0-RC1-dev, before 1.0.0-RC1
}

const (
	composerDev = iota
	composerAlpha
	composerBeta
	composerCandidate
	composerStable
	composerPatch
)

// composerStabilities are matched in this order: "patch" before "p".
func composerStabilities() []struct {
	word string
	rank int
} {
	return []struct {
		word string
		rank int
	}{
		{"stable", composerStable},
		{"alpha", composerAlpha}, {"beta", composerBeta}, {"patch", composerPatch}, {"dev", composerDev},
		{"pl", composerPatch}, {"rc", composerCandidate}, {"a", composerAlpha}, {"b", composerBeta}, {"p", composerPatch},
	}
}

// parseComposer reads "v2.3.1", "1.0.0-beta2", "2.x-dev". A branch that is no
// number ("dev-master") is not a version that could be compared.
func parseComposer(text string) (semantic.Version, error) {
	rest := strings.ToLower(strings.TrimSpace(text))
	rest, _, _ = strings.Cut(rest, " as ")
	rest, _, _ = strings.Cut(rest, "@")
	rest, _, _ = strings.Cut(rest, "+")
	rest = strings.TrimPrefix(rest, "v")
	v := composerVersion{stability: composerStable}
	rest = v.takeNumbers(rest)
	if len(v.numbers) == 0 {
		return nil, fmt.Errorf("%w: %.40q", errNoVersion, text)
	}
	if rest = v.takeStability(rest); rest != "" {
		if strings.TrimLeft(rest, ".-_") != "dev" {
			return nil, fmt.Errorf("%w: %.40q", errNoVersion, text)
		}
		v.dev = true
	}
	return v, nil
}

// takeNumbers reads the numbers; "x" of a branch is after all of them.
func (v *composerVersion) takeNumbers(text string) string {
	for text != "" {
		if text[0] == 'x' || text[0] == '*' {
			v.numbers = append(v.numbers, "9999999")
			text = text[1:]
		} else {
			end := len(text) - len(strings.TrimLeft(text, "0123456789"))
			if end == 0 {
				return text
			}
			v.numbers = append(v.numbers, strings.TrimLeft(text[:end], "0"))
			text = text[end:]
		}
		if len(text) < 2 || text[0] != '.' || !strings.ContainsRune("0123456789x*", rune(text[1])) {
			return text
		}
		text = text[1:]
	}
	return text
}

// takeStability reads "-RC2", "beta", "p1", "-dev" and what belongs to it.
func (v *composerVersion) takeStability(text string) string {
	rest := strings.TrimLeft(text, ".-_")
	for _, s := range composerStabilities() {
		after, found := strings.CutPrefix(rest, s.word)
		if !found {
			continue
		}
		v.stability = s.rank
		for {
			digits := strings.TrimLeft(after, ".-")
			end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
			if end == 0 {
				return after
			}
			v.stage = append(v.stage, strings.TrimLeft(digits[:end], "0"))
			after = digits[end:]
		}
	}
	return text
}

// Compare implements semantic.Version.
func (v composerVersion) Compare(other semantic.Version) (int, error) {
	o, ok := other.(composerVersion)
	if !ok {
		return 0, semantic.ErrNotSameEcosystem
	}
	if c := compareNumbers(v.numbers, o.numbers); c != 0 {
		return c, nil
	}
	if v.stability != o.stability {
		return 2*btoi(v.stability > o.stability) - 1, nil
	}
	if c := compareNumbers(v.stage, o.stage); c != 0 {
		return c, nil
	}
	return btoi(o.dev) - btoi(v.dev), nil
}

// CompareStr implements semantic.Version.
func (v composerVersion) CompareStr(text string) (int, error) {
	o, err := parseComposer(text)
	if err != nil {
		return 0, err
	}
	return v.Compare(o)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareNumbers orders lists of numbers without leading zeros; what is missing
// is zero.
func compareNumbers(a, b []string) int {
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if c := compareDigits(x, y); c != 0 {
			return c
		}
	}
	return 0
}

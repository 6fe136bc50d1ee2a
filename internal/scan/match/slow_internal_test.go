package match

import (
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
)

// TestLongVersionsCostLittle: a package database can hold anything.
func TestLongVersionsCostLittle(t *testing.T) {
	for _, release := range []string{
		"Debian:12", "Alpine:v3.20", "Red Hat:9", "Azure Linux:3", "npm", "PyPI", "Maven", "Go", "crates.io", "RubyGems", "Packagist", "NuGet",
	} {
		r := releaseNamed(release)
		for _, unit := range []string{"1", "1.", "1a", "a", "1-", "~", "1~", "^", "-", ".", "_", "1_alpha", "1:", "!", "+", "0", "1-rc.", "é", "1.0-0."} {
			for _, head := range []string{"", "1."} {
				text := (head + strings.Repeat(unit, maxVersion))[:maxVersion]
				start := time.Now()
				for range 20 {
					in, err := r.install(finding.Component{Release: release, Name: "p", Version: text})
					if err != nil {
						continue
					}
					v, err := r.parse("p", text[:maxVersion-1])
					if err == nil {
						_, _ = in.compare(&bound{text: text, version: v})
					}
				}
				if each := time.Since(start) / 20; each > 10*time.Millisecond {
					t.Errorf("%s: %.20q… costs %v", release, text, each)
				}
			}
		}
	}
}

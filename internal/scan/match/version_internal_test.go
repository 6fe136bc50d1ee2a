package match

import (
	"os"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/finding"
)

// sign writes a comparison as "<", "==" or ">".
func sign(c int) string { return map[int]string{-1: "<", 0: "==", 1: ">"}[c] }

func compareTexts(t *testing.T, release, pkg, a, b string) string {
	t.Helper()
	r := releaseNamed(release)
	in, err := r.install(finding.Component{Release: release, Name: pkg, Version: a})
	if err != nil {
		return "undecided"
	}
	v, err := r.parse(pkg, b)
	if err != nil {
		return "undecided"
	}
	c, err := in.compare(&bound{text: b, version: v})
	if err != nil {
		t.Fatal(err)
	}
	return sign(c)
}

func TestMavenOrdersAsMavenDoes(t *testing.T) {
	facts, err := os.ReadFile("testdata/maven-versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(facts)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "#" {
			continue
		}
		if got := compareTexts(t, "Maven", "g:a", f[0], f[2]); got != f[1] {
			t.Errorf("%s %s %s, want %s", f[0], got, f[2], f[1])
		}
	}
}

// TestInstalledVersions: the version in the image is on the left, that of the
// advisory on the right.
func TestInstalledVersions(t *testing.T) {
	for _, c := range []struct{ release, pkg, installed, want, advisory string }{
		{"npm", "x", "1.2.3-beta.2", "<", "1.2.3"},
		{"npm", "x", "1.2.3-beta.10", ">", "1.2.3-beta.9"},
		{"npm", "x", "1.2.3+build.7", "==", "1.2.3"},
		{"npm", "x", "v1.2.3", "==", "1.2.3"},
		{"npm", "x", "workspace:*", "undecided", "1.2.3"},
		{"npm", "x", "file:../x", "undecided", "1.2.3"},

		{"PyPI", "x", "1.0", "==", "1.0.0"},
		{"PyPI", "x", "2.0.1+cu118", "==", "2.0.1"},
		{"PyPI", "x", "2.0.1+cu118", "<", "2.0.1+cu119"},
		{"PyPI", "x", "1!1.0", ">", "2024.1"},
		{"PyPI", "x", "1.0.dev3", "<", "1.0a1"},
		{"PyPI", "x", "1.0.post1", ">", "1.0"},
		{"PyPI", "x", "1.0RC1", "==", "1.0.c1"},

		{"Maven", "g:a", "2.17.1", ">", "2.17.1-rc1"},
		{"Maven", "g:a", "31.1-jre", ">", "31.1"},
		{"Maven", "g:a", "9.4.51.v20230217", "<", "9.4.52"},
		{"Maven", "g:a", "1.0-SNAPSHOT", "<", "1.0"},
		{"Maven", "g:a", "4.1.100.Final", "==", "4.1.100"},

		{"Go", "golang.org/x/net", "v0.0.0-20220906165146-f3363e06e74c", "==", "0.0.0-20220906165146-f3363e06e74c"},
		{"Go", "golang.org/x/net", "v0.0.0-20210101000000-abcdefabcdef", "<", "0.0.0-20220906165146-f3363e06e74c"},
		{"Go", "golang.org/x/net", "v0.0.0-20210101000000-abcdefabcdef", "<", "0.1.0"},
		{"Go", "github.com/docker/docker", "v20.10.27+incompatible", "<", "20.10.28+incompatible"},
		{"Go", "github.com/docker/docker", "v20.10.28+incompatible", "==", "20.10.28"},
		{"Go", "a.b/c", "(devel)", "undecided", "1.0.0"},
		{"Go", "stdlib", "1.22.3", "<", "1.22.4"},
		{"Go", "stdlib", "go1.22.3", ">", "1.22.0-0"},
		{"Go", "stdlib", "1.22rc1", ">", "1.22.0-0"},
		{"Go", "stdlib", "1.22rc1", "<", "1.22.0-rc.2"},
		{"Go", "stdlib", "1.22rc10", ">", "1.22.0-rc.9"},
		{"Go", "stdlib", "1.22beta1", "<", "1.22.0-rc.1"},
		{"Go", "stdlib", "1.22", "==", "1.22.0"},
		{"Go", "stdlib", "1.21.13 X:boringcrypto", "==", "1.21.13"},
		{"Go", "stdlib", "1.22.5-fips", "==", "1.22.5"},
		{"Go", "toolchain", "1.20.12 (Red Hat 1.20.12-8.el9_3)", "==", "1.20.12"},

		{"crates.io", "x", "1.0.0-alpha.1", "<", "1.0.0"},
		{"crates.io", "x", "0.3.0+1.2", "==", "0.3.0"},

		{"RubyGems", "nokogiri", "1.15.4-x86_64-linux", "==", "1.15.4"},
		{"RubyGems", "nokogiri", "1.15.4-x86_64-linux-musl", "==", "1.15.4"},
		{"RubyGems", "jruby-openssl", "0.9.5-java", "==", "0.9.5"},
		{"RubyGems", "rails", "7.0.0.rc1", "<", "7.0.0"},
		{"RubyGems", "rails", "7.0.0.rc1", ">", "7.0.0.beta3"},
		{"RubyGems", "rails", "3.0.0-rc.1", "<", "3.0.0"},
		{"RubyGems", "rails", "5.2", "==", "5.2.0.0"},

		{"Packagist", "a/b", "v2.3.0", "==", "2.3"},
		{"Packagist", "a/b", "2.3", "==", "2.3.0"},
		{"Packagist", "a/b", "1.0.0-RC1", ">", "1.0.0-beta2"},
		{"Packagist", "a/b", "1.0.0b2", "<", "1.0.0"},
		{"Packagist", "a/b", "2.3.2-p2", ">", "2.3.2"},
		{"Packagist", "a/b", "2.x-dev", ">", "2.9.1"},
		{"Packagist", "a/b", "1.0.0-rc1-dev", "<", "1.0.0-rc1"},
		{"Packagist", "a/b", "dev-master", "undecided", "1.0.0"},

		{"NuGet", "x", "4.0.0.0", "==", "4.0.0"},
		{"NuGet", "x", "4.0.0.1", ">", "4.0.0"},
		{"NuGet", "x", "4.0.0-Beta", "==", "4.0.0-beta"},
		{"NuGet", "x", "4.0.0-rc.2", "<", "4.0.0"},
		{"NuGet", "x", "4.0.0+abc", "==", "4.0.0"},

		{"Debian:12", "x", "1:1.0-1", ">", "2.0-1"},
		{"Debian:12", "x", "1.0~rc1-1", "<", "1.0-1"},
		{"Alpine:v3.20", "x", "1.0-r0", ">", "0"},
		{"Azure Linux:3", "x", "1:9.1.0-1.azl3", ">", "9.1.0-1"},
		{"Red Hat:9", "x", "3.0.7-6.el9_2", "<", "1:3.0.7-6.el9_2"},
		{"Red Hat:9", "x", "3.0.7-6.el9_2", "==", "0:3.0.7-6.el9_2"},
	} {
		if got := compareTexts(t, c.release, c.pkg, c.installed, c.advisory); got != c.want {
			t.Errorf("%s: %s %s %s, want %s", c.release, c.installed, got, c.advisory, c.want)
		}
	}
}

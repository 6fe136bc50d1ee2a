package match

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/ecru-registry/ecru/internal/finding"
)

// maxVersion is longer than any version that a package database should hold;
// parsing costs time that grows with the length.
const maxVersion = 256

var errNoVersion = errors.New("match: not a version")

// parse reads a version of a package, from an image or from an advisory, by the
// rules of the release.
func (r *release) parse(pkg, text string) (semantic.Version, error) {
	if text == "" || len(text) > maxVersion {
		return nil, fmt.Errorf("%w: %.40q", errNoVersion, text)
	}
	switch r.scheme {
	case "Alpine":
		text = alpineVersion(text)
	case "Maven":
		return parseMaven(text), nil
	case "Packagist":
		return parseComposer(text)
	case "Go":
		if pkg == goStandardLibrary || pkg == goToolchain {
			text = goRelease(text)
		}
		return parseDigits(text, "Go")
	case "npm", "crates.io", "NuGet", "Hex", "Pub", "SwiftURL", "Hackage", "CRAN":
		return parseDigits(text, r.scheme)
	case "Bitnami":
		return parseDigits(withoutRevision(text), r.scheme)
	case "GitHub Actions":
		return parseAction(text)
	case "RubyGems":
		return parseDigits(withoutPlatform(text), r.scheme)
	}
	return semantic.Parse(text, r.scheme)
}

// alpineVersion corrects what maintainers have mistyped in Alpine's lists of
// fixes: "4.8.0.-r1", "10.2.22.r0", "4.10-1-r1", "2.7.16-33".
func alpineVersion(text string) string {
	version, revision := cutRevision(text, "-r", ".r", "-")
	version = strings.ReplaceAll(strings.TrimSuffix(version, "."), "-", ".")
	if revision == "" {
		return version
	}
	return version + "-r" + revision
}

// cutRevision cuts off a number at the end, by the first mark before one.
func cutRevision(text string, marks ...string) (version, revision string) {
	for _, mark := range marks {
		if i := strings.LastIndex(text, mark); i > 0 && isNumber(text[i+len(mark):]) {
			return text[:i], text[i+len(mark):]
		}
	}
	return text, ""
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseDigits refuses what has no digit at its beginning: "workspace:*",
// "(devel)". The library would read them as version 0 or as a word.
func parseDigits(text, scheme string) (semantic.Version, error) {
	bare := strings.TrimLeft(text, "vV= ")
	if bare == "" || bare[0] < '0' || bare[0] > '9' {
		return nil, fmt.Errorf("%w: %.40q", errNoVersion, text)
	}
	return semantic.Parse(bare, scheme)
}

// withoutRevision cuts off how often Bitnami has built a version: "7.0.11-5" is no
// candidate of 7.0.11.
func withoutRevision(text string) string {
	version, revision, found := strings.Cut(text, "-")
	if found && revision != "" && strings.Trim(revision, "0123456789") == "" {
		return version
	}
	return text
}

// parseAction refuses tags that move, such as v4, and commits: nobody can say what
// they were when the image was made. Versions are ordered as those of npm.
func parseAction(text string) (semantic.Version, error) {
	if numbers, _, _ := strings.Cut(text, "-"); strings.Count(numbers, ".") < 2 {
		return nil, fmt.Errorf("%w: %.40q", errNoVersion, text)
	}
	return parseDigits(text, "npm")
}

// Modules that are Go itself: the standard library and cmd/go.
const (
	goStandardLibrary = "stdlib"
	goToolchain       = "toolchain"
)

// goRelease writes the version of a Go toolchain as advisories do: "1.22rc1" is
// 1.22.0-rc.1 there. What builders append ("1.22.3-fips", "1.21.13 X:boringcrypto",
// "1.20.12 (Red Hat 1.20.12-8)") is a release with patches, not one before it.
func goRelease(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "go"), "v")
	end := 0
	for end < len(text) && (text[end] == '.' || text[end] >= '0' && text[end] <= '9') {
		end++
	}
	numbers, rest := strings.TrimRight(text[:end], "."), strings.TrimLeft(text[end:], "-")
	for _, stage := range []string{"rc", "beta"} {
		after, found := strings.CutPrefix(rest, stage)
		if !found {
			continue
		}
		for strings.Count(numbers, ".") < 2 {
			numbers += ".0"
		}
		n := strings.TrimPrefix(after, ".")
		return numbers + "-" + stage + "." + n[:len(n)-len(strings.TrimLeft(n, "0123456789"))]
	}
	if rest == "0" { // 1.22.0-0 in advisories: before all candidates
		return numbers + "-0"
	}
	return numbers
}

// withoutPlatform cuts what names of gem directories add: "1.15.4-x86_64-linux".
// No version has a hyphen followed by such a word.
func withoutPlatform(text string) string {
	for i := strings.IndexByte(text, '-'); i >= 0; {
		word := text[i+1:]
		for _, platform := range []string{"x86", "x64", "i386", "i486", "i586", "i686", "amd64", "arm", "aarch64", "java", "jruby", "universal", "mswin", "mingw", "darwin", "linux", "ruby", "powerpc", "ppc", "s390", "riscv", "musl"} {
			if strings.HasPrefix(word, platform) {
				return text[:i]
			}
		}
		next := strings.IndexByte(word, '-')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return text
}

// installed is a version to be judged.
type installed struct {
	text    string
	version semantic.Version
	// bare is the version without what advisories leave out: the epoch of
	// Azure Linux, the local part ("+cpu") of PyPI. It is compared with versions
	// that do not have that part (mark).
	bare    semantic.Version
	mark    string
	listed  string // as in lists of affected versions
	module  string // "nodejs:18:…"
	modular bool
}

func (r *release) install(c finding.Component) (installed, error) {
	in := installed{text: c.Version, listed: r.listed(c.Version), module: c.Module, modular: c.Module != "" || isModular(c.Version)}
	var err error
	if in.version, err = r.parse(c.Name, c.Version); err != nil {
		return in, err
	}
	switch {
	case r.epochless:
		if _, bare, found := strings.Cut(c.Version, ":"); found {
			in.mark = ":"
			in.bare, err = r.parse(c.Name, bare)
		}
	case r.scheme == "PyPI":
		if bare, _, found := strings.Cut(c.Version, "+"); found {
			in.mark, in.listed = "+", r.listed(bare)
			in.bare, err = r.parse(c.Name, bare)
		}
	}
	return in, err
}

// compare orders the installed version against an event's.
func (in *installed) compare(b *bound) (int, error) {
	if in.bare != nil && !strings.Contains(b.text, in.mark) {
		return in.bare.Compare(b.version)
	}
	return in.version.Compare(b.version)
}

// listed writes a version in the one way in which lists are searched. Those of
// languages spell a version as its author did: "v1.0", "1.0.0", "1.0.0.Final".
func (r *release) listed(text string) string {
	if !r.language {
		return text
	}
	text = strings.ToLower(strings.TrimLeft(text, "vV="))
	for strings.HasSuffix(text, ".0") {
		text = strings.TrimSuffix(text, ".0")
	}
	return text
}

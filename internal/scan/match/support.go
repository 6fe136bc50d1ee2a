package match

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// UnsupportedError is the refusal to scan an image. Its text is the one that
// ECR shows after "UnsupportedImageError: ".
type UnsupportedError struct{ Message string }

func (e *UnsupportedError) Error() string { return e.Message }

// msgNoSystem is for images without a known system or package database.
const msgNoSystem = "The operating system and/or package manager are not supported."

// Supported says whether an engine (registry.EngineClair, EngineNative) scans
// an image of the operating system: nil, or an *UnsupportedError.
func Supported(engine string, os inventory.OSRelease) error {
	if os.ID == "" {
		return &UnsupportedError{msgNoSystem}
	}
	version := shownVersion(os)
	rule, listed := supportTable(engine)[os.ID]
	if !listed || !rule(version) {
		return &UnsupportedError{fmt.Sprintf("The operating system '%s' version '%s' is not supported.", os.ID, version)}
	}
	return nil
}

// shownVersion is the version as ECR writes it: "v3.21" for Alpine, VERSION_ID
// for others.
func shownVersion(os inventory.OSRelease) string {
	switch {
	case os.ID == "alpine" && isAlpineEdge(os):
		return "edge"
	case os.ID == "alpine":
		return "v" + majorMinor(os.VersionID)
	case os.ID == "debian" && os.VersionID == "":
		return debianVersion(os)
	}
	return os.VersionID
}

// supportTable is the table of the documentation of an engine, by os-release
// ID. It is a function so that nobody can change it.
func supportTable(engine string) map[string]func(version string) bool {
	if engine == registry.EngineClair {
		return map[string]func(string) bool{
			"alpine": oneOf("v3.19", "v3.20"),
			"amzn":   oneOf("2", "2023"),
			"debian": oneOf("11", "12"),
			"ol":     majorOf("8", "9"),
			"rhel":   majorOf("8", "9"),
			"ubuntu": oneOf("16.04", "18.04", "20.04", "22.04"),
		}
	}
	// AWS_NATIVE: what was documented in late 2025 and in 2026, and all that
	// is older: "releases whose vendor support ended are still scanned".
	return map[string]func(string) bool{
		"alpine":        orRolling("edge", upTo("v3.24")),
		"amzn":          oneOf("1", "2", "2023"),
		"almalinux":     upTo("10"),
		"azurelinux":    upTo("3"),
		"mariner":       upTo("2"), // Azure Linux before 3.0
		"chainguard":    anyVersion,
		"debian":        upTo("13"),
		"echo":          anyVersion,
		"fedora":        upTo("44"),
		"minimos":       anyVersion,
		"ol":            upTo("10"),
		"opensuse-leap": upTo("15.6"),
		"photon":        upTo("5"),
		"rhel":          upTo("10"),
		"rocky":         upTo("10"),
		"sles":          upTo("16.0"),
		"ubuntu":        upTo("26.04"),
		"wolfi":         anyVersion,
	}
}

func anyVersion(string) bool { return true }

func oneOf(versions ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(versions, v) }
}

// majorOf accepts the minor releases of the major ones that are listed.
func majorOf(versions ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(versions, major(v)) }
}

func orRolling(name string, rest func(string) bool) func(string) bool {
	return func(v string) bool { return v == name || rest(v) }
}

// upTo accepts releases up to the newest listed one, compared in as many parts
// as that has: RHEL 10.2 is a 10.
func upTo(newest string) func(string) bool {
	limit, _ := numbers(newest)
	return func(v string) bool {
		have, ok := numbers(v)
		if !ok {
			return false
		}
		return slices.Compare(have[:min(len(have), len(limit))], limit) <= 0
	}
}

// numbers reads "v3.20" or "15.6"; false for what is no such version.
func numbers(version string) ([]int, bool) {
	var all []int
	for part := range strings.SplitSeq(strings.TrimPrefix(version, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

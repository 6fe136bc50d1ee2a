package match_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// ranges is one affected entry of several ranges, each "introduced fixed".
func ranges(ecosystem, pkg, extra string, all ...string) string {
	var list []string
	for _, r := range all {
		from, to, _ := strings.Cut(r, " ")
		list = append(list, fmt.Sprintf(`{"type":"ECOSYSTEM","events":[{"introduced":%q},{"fixed":%q}]}`, from, to))
	}
	return fmt.Sprintf(`{"package":{"ecosystem":%q,"name":%q},"ranges":[%s]%s}`, ecosystem, pkg, strings.Join(list, ","), extra)
}

// TestTheFixIsNotAffectedItself: records cut what is affected into branches, of
// which one begins where the other ends.
func TestTheFixIsNotAffectedItself(t *testing.T) {
	for _, c := range []struct {
		name, export, entry string
		pkg                 inventory.Package
		want                string
	}{
		// x_FOP-CVE-2022-24894 of symfony/http-kernel.
		{"branches without a fix", "Packagist", ranges("Packagist", "a/b", "", "4.2.0 4.3.0", "4.3.0 4.4.0", "4.4.0 4.4.50", "5.0.0 5.1.0", "5.4.0 5.4.20"),
			lang("composer", "a/b", "v4.2.1"), "CVE-2024-0001 a/b 4.4.50"},
		{"the last branch that has none", "Packagist", ranges("Packagist", "a/b", "", "4.2.0 4.3.0", "4.3.0 4.4.0", "5.0.0 5.4.0"),
			lang("composer", "a/b", "4.2.1"), "CVE-2024-0001 a/b 4.4.0"},
		// PYSEC-2021-114 of wagtail: two ranges of one list of events overlap.
		{"a fix that is listed as affected", "PyPI", affected("PyPI", "p", `,"versions":["2.11.3","2.11.6"]`, "2.11", "<2.11.7", "0", "<2.11.6", "2.12", "<2.12.4"),
			lang("pypi", "p", "2.11.3"), "CVE-2024-0001 p 2.11.7"},
		{"a list that contradicts the only fix", "PyPI", affected("PyPI", "p", `,"versions":["22.10.2","23.9.0"]`, "0", "<23.9.0"),
			lang("pypi", "p", "22.10.2"), "CVE-2024-0001 p 23.9.0"},
		// GO-2023-2185 of the standard library: 1.20.11 brought it back.
		{"a fix that was none", "Go", affected("Go", "stdlib", "", "0", "<1.20.11", "1.20.11", "<1.20.12"),
			lang("golang", "stdlib", "1.18.4"), "CVE-2024-0001 stdlib 1.20.12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := brief(runAll(t, storeOf(t, c.export, record("X-1", `,"aliases":["CVE-2024-0001"]`, c.entry)), c.pkg))
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestTagsThatAreNoVersionsOfModules: what is open for ever as a module has ended
// by its tags.
func TestTagsThatAreNoVersionsOfModules(t *testing.T) {
	custom := func(events string) string {
		return `,"ecosystem_specific":{"custom_ranges":[{"type":"ECOSYSTEM","events":[` + events + `]}]}`
	}
	entries := map[string]string{
		// GO-2024-2513, GO-2025-3766, GO-2024-3312, GO-2025-3380, GO-2024-2826,
		// GO-2026-4449, GO-2025-3740, GO-2024-2858.
		"open":    affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"7.2.1"}`), "0"),
		"commits": affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"11.6.2"}`), "0", "<0.0.0-20250521211231-e0ba4b480954", "0.0.1-test"),
		"past":    affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"5.21.2"}`), "0", "<0.0.0-20240708073652-5a492a3f0036"),
		"halves":  affected("Go", "a.b/c", custom(`{"introduced":"10.0.0"}`), "0", "<10.3.0+incompatible"),
		"twice":   affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"17.0.7"},{"introduced":"18.0.0"},{"fixed":"18.0.5"}`), "0", "<0.17.7", "0.18.0", "<0.18.5"),
		"later":   affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"0.13.4"}`), "0.11.19"),
		"unsaid":  affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"0.0.0-20250521183405-c7a690348df7"}`), "0.0.0-20250114093457-36d6fad421fb"),
		"large":   affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"8.5.14"},{"introduced":"9.0.0"},{"fixed":"9.1.8"}`), "5.0.0-beta1+incompatible"),
		"word":    affected("Go", "a.b/c", custom(`{"introduced":"0"},{"fixed":"edge-24.6.2"}`), "0", "<0.5.1-0.20240614165515-35fb2d6d11ef"),
	}
	for _, c := range []struct{ entry, version, want string }{
		{"open", "v7.2.0", "7.2.1"},
		{"open", "v7.2.1", "none"},
		{"open", "v10.4.1", "none"},
		{"open", "v0.0.0-20230101120000-0123456789ab", "open"},
		{"open", "v1.9.2-0.20230101120000-0123456789ab", "open"},
		{"commits", "v11.6.1", "11.6.2"},
		{"commits", "v12.0.0", "none"},
		{"commits", "v0.0.0-20250101000000-0123456789ab", "0.0.0-20250521211231-e0ba4b480954"},
		{"past", "v5.20.0", "5.21.2"},
		{"past", "v6.1.0", "none"},
		{"halves", "v10.2.0", "10.3.0+incompatible"},
		{"halves", "v10.5.0", "none"},
		{"twice", "v18.0.4", "18.0.5"},
		{"twice", "v0.18.4", "0.18.5"},
		{"twice", "v0.19.0", "none"},
		{"twice", "v19.0.0", "none"},
		{"word", "v2.14.0", "none"},
		{"later", "v0.11.0", "none"},
		{"later", "v0.13.0", "0.13.4"},
		{"later", "v0.13.4", "none"},
		{"unsaid", "v11.6.1", "open"},
		{"large", "v4.6.0", "none"},
		{"large", "v9.1.0", "9.1.8"},
		{"large", "v11.6.1", "none"},
	} {
		t.Run(c.entry+" "+c.version, func(t *testing.T) {
			got := "none"
			for _, f := range runAll(t, storeOf(t, "Go", record("GO-1", `,"aliases":["CVE-2024-0001"]`, entries[c.entry])), lang("golang", "a.b/c", c.version)) {
				if got = f.FixedVersion; got == "" {
					got = "open"
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestMistypedFixesOfAlpine are as in its lists.
func TestMistypedFixesOfAlpine(t *testing.T) {
	for _, c := range []struct{ fix, installed, want string }{
		{"4.8.0.-r1", "4.8.0-r0", "affected"},
		{"4.8.0.-r1", "4.8.0-r1", ""},
		{"10.2.22.r0", "10.2.19-r0", "affected"},
		{"10.2.22.r0", "10.2.22-r0", ""},
		{"4.10-1-r1", "4.10.1-r0", "affected"},
		{"4.10-1-r1", "4.10.1-r2", ""},
		{"2.7.16-33", "2.7.16-r1", "affected"},
		{"2.7.16-33", "2.7.18-r0", ""},
		{"1.2_rc1-r0", "1.2_beta3-r4", "affected"},
		{"20240226-r0", "20230506-r0", "affected"},
		{"6.1_p20200118-r4", "6.1_p20200118-r3", "affected"},
	} {
		store := storeOf(t, "Alpine:v3.11", record("ALPINE-CVE-2024-0001", "", affected("Alpine:v3.11", "p", "", "0", "<"+c.fix)))
		pkg := inventory.Package{Kind: inventory.KindAPK, Name: "p", Version: c.installed, SourceName: "p", SourceVersion: c.installed}
		got := ""
		if found := run(t, store, inventory.OSRelease{ID: "alpine", VersionID: "3.11.5"}, pkg); len(found) > 0 {
			got = "affected"
		}
		if got != c.want {
			t.Errorf("%s, fixed in %s: %q, want %q", c.installed, c.fix, got, c.want)
		}
	}
}

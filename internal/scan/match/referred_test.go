package match_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Kinds that are known from bills of materials only, with genuine records cut down
// to what they say of versions.
func TestKindsThatOnlyBillsTellOf(t *testing.T) {
	for _, c := range []struct {
		name, export, pkg string
		ranges            []string
		installed         inventory.Package
		want              string
	}{
		{"Hex", "Hex", "pleroma", []string{"0", "<2.5.3"}, lang(inventory.KindHex, "pleroma", "2.5.2"), "CVE-2024-0001 pleroma 2.5.3"},
		{"Hex, fixed", "Hex", "pleroma", []string{"0", "<2.5.3"}, lang(inventory.KindHex, "pleroma", "2.5.3"), ""},
		{"Hex, a candidate", "Hex", "pleroma", []string{"0", "<2.5.3"}, lang(inventory.KindHex, "pleroma", "2.5.3-rc.1"), "CVE-2024-0001 pleroma 2.5.3"},
		{"Pub", "Pub", "archive", []string{"0", "<3.3.8"}, lang(inventory.KindPub, "archive", "3.3.7"), "CVE-2024-0001 archive 3.3.8"},
		{"Swift, whose names are of GitHub", "SwiftURL", "github.com/apple/swift-nio-http2", []string{"0", "<1.28.0"}, lang(inventory.KindSwift, "github.com/Apple/Swift-NIO-HTTP2", "v1.27.0"), "CVE-2024-0001 github.com/apple/swift-nio-http2 1.28.0"},
		{"Hackage", "Hackage", "aeson", []string{"0.4.0.0", "<2.0.1.0"}, lang(inventory.KindHackage, "aeson", "1.5.6.0"), "CVE-2024-0001 aeson 2.0.1.0"},
		{"CRAN", "CRAN", "readxl", []string{"0.1.0", "<1.1.0"}, lang(inventory.KindCRAN, "readxl", "1.0-9"), "CVE-2024-0001 readxl 1.1.0"},
		{"Bitnami", "Bitnami", "zookeeper", []string{"3.6.0", "<3.8.4"}, lang(inventory.KindBitnami, "zookeeper", "3.8.3-12"), "CVE-2024-0001 zookeeper 3.8.4"},
		{"Bitnami, built again", "Bitnami", "zookeeper", []string{"3.6.0", "<3.8.4"}, lang(inventory.KindBitnami, "zookeeper", "3.8.4-2"), ""},
		{"an action", "GitHub Actions", "actions/runner", []string{"2.294.0", "<2.296.2"}, lang(inventory.KindGitHub, "Actions/Runner", "v2.295.0"), "CVE-2024-0001 actions/runner 2.296.2"},
		{"an action, by a tag that moves", "GitHub Actions", "tj-actions/changed-files", []string{"0", "<45.0.8"}, lang(inventory.KindGitHub, "tj-actions/changed-files", "v45"), ""},
		{"an action, by a commit", "GitHub Actions", "tj-actions/changed-files", []string{"0", "<45.0.8"}, lang(inventory.KindGitHub, "tj-actions/changed-files", "2f7c5bfce28377bc069a65ba478de0a74aa0ca32"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := storeOf(t, c.export, record("GHSA-aaaa", `,"aliases":["CVE-2024-0001"]`, affected(c.export, c.pkg, "", c.ranges...)))
			if got := brief(runAll(t, s, c.installed)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

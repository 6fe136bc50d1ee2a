package inventory_test

import (
	"slices"
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

func bill(digest string, os inventory.OSRelease, packages ...inventory.Package) inventory.Referred {
	return inventory.Referred{Digest: digest, Inventory: &inventory.Inventory{OS: os, Packages: packages}}
}

func TestWhatBillsOfMaterialsAddToLayers(t *testing.T) {
	alpine := inventory.OSRelease{ID: "alpine", VersionID: "3.20.3"}
	apk := inventory.Package{Kind: "apk", Name: "musl", Version: "1.2.5-r0", Path: "lib/apk/db/installed"}
	npm := inventory.Package{Kind: "npm", Name: "lodash", Version: "4.0.0", Path: "a", Layer: "sha256:11", OwnedBy: "x"}
	hex := inventory.Package{Kind: "hex", Name: "plug", Version: "1.0.0"}
	again := inventory.Package{Kind: "hex", Name: "plug", Version: "1.0.0", Path: "elsewhere"}
	repeated := inventory.Package{Kind: "hex", Name: "jason", Version: "1.0.0", Path: "referrer:sha256:99!/mix.lock"}
	all := bill("sha256:aa", alpine, apk, npm, hex, again, repeated)
	for name, test := range map[string]struct {
		found inventory.Inventory
		bills []inventory.Referred
		os    string
		want  []string // kind name path
	}{
		"nothing was found": {inventory.Inventory{}, []inventory.Referred{all}, "alpine", []string{
			"apk musl referrer:sha256:aa!/lib/apk/db/installed", "hex plug referrer:sha256:aa", "npm lodash referrer:sha256:aa!/a"}},
		"a package database is there": {inventory.Inventory{OS: alpine, Databases: []inventory.Database{{Kind: "apk", Path: "x"}}}, []inventory.Referred{all}, "alpine",
			[]string{"hex plug referrer:sha256:aa"}},
		"packages of the kind were found": {inventory.Inventory{Packages: []inventory.Package{{Kind: "npm", Name: "left-pad", Path: "b"}}}, []inventory.Referred{all}, "alpine",
			[]string{"apk musl referrer:sha256:aa!/lib/apk/db/installed", "hex plug referrer:sha256:aa", "npm left-pad b"}},
		"another system": {inventory.Inventory{OS: inventory.OSRelease{ID: "arch"}}, []inventory.Referred{bill("sha256:aa", alpine, apk, hex)}, "arch",
			[]string{"hex plug referrer:sha256:aa"}},
		"another release":       {inventory.Inventory{OS: inventory.OSRelease{ID: "alpine", VersionID: "3.19.0"}}, []inventory.Referred{bill("sha256:aa", alpine, apk)}, "alpine", nil},
		"packages of no system": {inventory.Inventory{}, []inventory.Referred{bill("sha256:aa", inventory.OSRelease{}, apk)}, "", nil},
		"bills that contradict each other": {inventory.Inventory{}, []inventory.Referred{
			bill("sha256:aa", alpine, apk), bill("sha256:bb", inventory.OSRelease{ID: "debian"}, inventory.Package{Kind: "deb", Name: "libc6", Version: "2.36"}, again)}, "alpine",
			[]string{"apk musl referrer:sha256:aa!/lib/apk/db/installed", "hex plug referrer:sha256:bb!/elsewhere"}},
		"no bills": {inventory.Inventory{OS: alpine}, nil, "alpine", nil},
	} {
		before := len(test.found.Packages)
		got, added := inventory.Complement(&test.found, test.bills)
		var have []string
		for i := range got.Packages {
			p := &got.Packages[i]
			have = append(have, p.Kind+" "+p.Name+" "+p.Path)
			if p.Referrer() != "" && (p.Layer != "" || p.OwnedBy != "") {
				t.Errorf("%s: %s is of a layer", name, p.Name)
			}
		}
		if !slices.Equal(have, test.want) || got.OS.ID != test.os || added != len(test.want)-before || len(test.found.Packages) != before {
			t.Errorf("%s: of %s, %d added: %q, want %q", name, got.OS.ID, added, have, test.want)
		}
	}
	p := inventory.Package{Path: "referrer:sha256:aa!/lib/x!/y"}
	if p.Referrer() != "sha256:aa" {
		t.Error(p.Referrer())
	}
}

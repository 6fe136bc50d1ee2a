package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const status = "var/lib/dpkg/status"

// TestMergePackages has one case for each way in which layers can hide or show a package database. The comments name
// scanners that are known to get a case wrong.
func TestMergePackages(t *testing.T) {
	base := layer(dir("var/lib/dpkg"), file(status, dpkg("a 1", "b 1")))
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"one layer", [][]entry{base}, "a 1@1, b 1@1"},
		{"replaced by a newer version (claircore)", [][]entry{base, layer(file(status, dpkg("a 2", "b 1")))}, "a 2@2, b 1@1"},
		{"replaced by one without packages", [][]entry{base, layer(file(status, ""))}, ""},
		{"deleted (claircore)", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh.status"))}, ""},
		{"directory deleted", [][]entry{base, layer(whiteout("var/lib/.wh.dpkg"))}, ""},
		{"directory above deleted", [][]entry{base, layer(whiteout(".wh.var"))}, ""},
		{"deleted and added again in one layer", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh.status"), file(status, dpkg("a 1", "c 1")))}, "a 1@1, c 1@2"},
		{"added and deleted in one layer, in this order", [][]entry{base, layer(file(status, dpkg("a 1")), whiteout("var/lib/dpkg/.wh.status"))}, "a 1@1"},
		{"deleted, added again later", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh.status")), layer(file(status, dpkg("a 1")))}, "a 1@3"},
		{"directory turned symlink (claircore, trivy)", [][]entry{base, layer(symlink("var/lib/dpkg", "/elsewhere"))}, ""},
		{"directory turned symlink higher up", [][]entry{base, layer(symlink("var", "elsewhere"))}, ""},
		{"directory turned file", [][]entry{base, layer(file("var/lib", "x"))}, ""},
		{"file turned directory", [][]entry{base, layer(dir(status))}, ""},
		{"file turned symlink", [][]entry{base, layer(symlink(status, "/other"))}, ""},
		{"directory there again", [][]entry{base, layer(dir("var"), dir("var/lib"), dir("var/lib/dpkg"))}, "a 1@1, b 1@1"},
		{"opaque directory (scalibr)", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh..wh..opq"))}, ""},
		{"opaque directory above", [][]entry{base, layer(whiteout("var/.wh..wh..opq"))}, ""},
		{"opaque root", [][]entry{base, layer(whiteout(".wh..wh..opq"))}, ""},
		{"opaque directory and added again (scalibr)", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh..wh..opq"), file(status, dpkg("c 1")))}, "c 1@2"},
		{"added, then the opaque mark in the same layer", [][]entry{base, layer(file(status, dpkg("c 1")), whiteout("var/lib/dpkg/.wh..wh..opq"))}, "c 1@2"},
		{"opaque, added again in a later layer", [][]entry{base, layer(whiteout("var/lib/.wh..wh..opq")), layer(file(status, dpkg("a 1")))}, "a 1@3"},
		{"an opaque sibling hides nothing", [][]entry{base, layer(whiteout("var/lib/dpkg/info/.wh..wh..opq"))}, "a 1@1, b 1@1"},
		{"a whiteout with a longer name hides nothing", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh.status-old"))}, "a 1@1, b 1@1"},
		{"the misspelt opaque mark with a dot at the end hides nothing", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh..wh..opq."))}, "a 1@1, b 1@1"},
		{"files of AUFS itself", [][]entry{base, layer(whiteout(".wh..wh.plnk"), whiteout("var/lib/dpkg/.wh..wh.aufs"))}, "a 1@1, b 1@1"},
		{"whiteouts without a name", [][]entry{base, layer(whiteout("var/lib/dpkg/.wh."), whiteout("var/lib/dpkg/.wh.."), whiteout("var/lib/dpkg/.wh..."))}, "a 1@1, b 1@1"},
		{"status.d, one file replaced, one deleted", [][]entry{
			layer(file(statusDir+"a", "Package: a\nVersion: 1\n"), file(statusDir+"b", "Package: b\nVersion: 1\n"), file(statusDir+"c", "Package: c\nVersion: 1\n")),
			layer(file(statusDir+"b", "Package: b\nVersion: 2\n"), whiteout(statusDir+".wh.c")),
		}, "a 1@1, b 2@2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := found(merge(t, stack(t, test.layers...)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestAttribution(t *testing.T) {
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"the base layer's packages stay its own", [][]entry{
			layer(file(status, dpkg("a 1"))), layer(file(status, dpkg("a 1", "b 1"))), layer(file("other", "")), layer(file(status, dpkg("a 1", "b 1", "c 1"))),
		}, "a 1@1, b 1@2, c 1@4"},
		{"upgraded and downgraded again", [][]entry{
			layer(file(status, dpkg("a 1"))), layer(file(status, dpkg("a 2"))), layer(file(status, dpkg("a 1"))),
		}, "a 1@3"},
		{"removed and installed again", [][]entry{
			layer(file(status, dpkg("a 1", "b 1"))), layer(file(status, dpkg("b 1"))), layer(file(status, dpkg("a 1", "b 1"))),
		}, "a 1@3, b 1@1"},
		{"database moved to a merged /usr", [][]entry{
			layer(file("lib/apk/db/installed", "P:a\nV:1-r0\n\n")),
			layer(symlink("lib", "usr/lib"), file("usr/lib/apk/db/installed", "P:a\nV:1-r0\n\nP:b\nV:1-r0\n\n")),
		}, "a 1-r0@1, b 1-r0@2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := found(merge(t, stack(t, test.layers...)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestMergeOSRelease(t *testing.T) {
	release := func(path, version string) entry { return file(path, "ID=test\nVERSION_ID="+version+"\n") }
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"none", [][]entry{layer(file("bin/sh", ""))}, ""},
		{"plain", [][]entry{layer(release("etc/os-release", "1"))}, "1"},
		{"only in /usr/lib", [][]entry{layer(release("usr/lib/os-release", "1"))}, "1"},
		{"/etc goes before /usr/lib", [][]entry{layer(release("usr/lib/os-release", "1"), release("etc/os-release", "2"))}, "2"},
		{"newer in an upper layer (trivy)", [][]entry{layer(release("etc/os-release", "1")), layer(release("etc/os-release", "2"))}, "2"},
		{"link target newer in an upper layer", [][]entry{
			layer(symlink("etc/os-release", "../usr/lib/os-release"), release("usr/lib/os-release", "1")), layer(release("usr/lib/os-release", "2")),
		}, "2"},
		{"link in an upper layer, target in a lower", [][]entry{
			layer(release("etc/os-release", "1"), release("opt/vendor-os-release", "2")), layer(symlink("etc/os-release", "/opt/vendor-os-release")),
		}, "2"},
		{"chain of links", [][]entry{
			layer(symlink("etc/os-release", "../usr/lib/os-release"), symlink("usr/lib/os-release", "os.release.d/os-release-fedora"), release("usr/lib/os.release.d/os-release-fedora", "1")),
		}, "1"},
		{"through a linked directory", [][]entry{layer(symlink("lib", "usr/lib"), symlink("etc/os-release", "../lib/os-release"), release("usr/lib/os-release", "1"))}, "1"},
		{"link out of the root stays inside", [][]entry{layer(symlink("etc/os-release", "../../../../usr/lib/os-release"), release("usr/lib/os-release", "1"))}, "1"},
		{"a linked directory replaced by a real one", [][]entry{
			layer(symlink("lib", "usr/lib"), symlink("etc/os-release", "../lib/os-release"), release("usr/lib/os-release", "1")),
			layer(dir("lib"), release("lib/os-release", "2")),
		}, "2"},
		{"cyclic links", [][]entry{layer(symlink("etc/os-release", "../usr/lib/os-release"), symlink("usr/lib/os-release", "../../etc/os-release"))}, ""},
		{"a link to itself below itself", [][]entry{layer(symlink("etc", "etc/etc"), symlink("usr", "/usr/usr/usr"))}, ""},
		{"dangling link falls back", [][]entry{layer(symlink("etc/os-release", "/nowhere"), release("usr/lib/os-release", "1"))}, "1"},
		{"deleted", [][]entry{layer(release("etc/os-release", "1")), layer(whiteout("etc/.wh.os-release"))}, ""},
		{"replaced by an empty file", [][]entry{layer(release("etc/os-release", "1")), layer(file("etc/os-release", ""))}, ""},
		{"hard link", [][]entry{layer(release("usr/lib/os-release", "1"), hardlink("etc/os-release", "usr/lib/os-release"))}, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := merge(t, stack(t, test.layers...)...).OS.VersionID; got != test.want {
				t.Errorf("version %q, want %q", got, test.want)
			}
		})
	}
}

func TestBrokenDatabaseCountsOnlyWhereInForce(t *testing.T) {
	broken := layer(file(status, "no field at all\n"))
	_, err := Merge(stack(t, broken))
	var own *Error
	if !errors.As(err, &own) || own.Reason != ReasonDatabase || own.Path != status {
		t.Errorf("got %v, want a reason and the path", err)
	}
	if got := found(merge(t, stack(t, broken, layer(file(status, dpkg("a 1"))))...)); got != "a 1@2" {
		t.Errorf("found %q in an image that replaces the broken database", got)
	}
	merge(t, stack(t, broken, layer(whiteout("var/lib/dpkg/.wh.status")))...)
}

func TestMergeWithoutRecord(t *testing.T) {
	if _, err := Merge([]Layer{{Digest: "sha256:x"}}); err == nil || !strings.Contains(err.Error(), "sha256:x") {
		t.Errorf("got %v", err)
	}
}

func TestNoDatabaseIsNotAnEmptyOne(t *testing.T) {
	if inv := merge(t); len(inv.Databases) != 0 || inv.Packages == nil || inv.Databases == nil {
		t.Errorf("scratch gives %+v", inv)
	}
	inv := merge(t, stack(t, layer(file(status, "")))...)
	if len(inv.Databases) != 1 || len(inv.Packages) != 0 {
		t.Errorf("an empty database gives %+v", inv)
	}
}

func TestIDIsAboutContentOnly(t *testing.T) {
	release := file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
	one := merge(t, stack(t, layer(release, file(status, dpkg("a 1", "b 1"))))...)
	two := merge(t, stack(t, layer(file("usr/lib/os-release", "ID=x"), file(status, dpkg("b 1"))), layer(release, file(status, dpkg("b 1", "a 1"))))...)
	if one.ID() != two.ID() {
		t.Errorf("equal content has IDs %s and %s", one.ID(), two.ID())
	}
	for name, entries := range map[string][]entry{
		"version": layer(release, file(status, dpkg("a 2", "b 1"))),
		"system":  layer(file("etc/os-release", "ID=debian\nVERSION_ID=13\n"), file(status, dpkg("a 1", "b 1"))),
		"path":    layer(release, file(statusDir+"x", dpkg("a 1", "b 1"))),
	} {
		if other := merge(t, stack(t, entries)...); other.ID() == one.ID() {
			t.Errorf("another %s has the same ID", name)
		}
	}
}

func TestInventoryJSONRoundTrip(t *testing.T) {
	inv := merge(t, stack(t, layer(file("etc/os-release", "ID=debian\nID_LIKE=\"a b\"\n"), file(status, dpkg("a 1:2-3"))))...)
	data, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	var back Inventory
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(back) != fmt.Sprint(*inv) || back.ID() != inv.ID() {
		t.Errorf("got %+v, want %+v", back, *inv)
	}
}

package inventory

import (
	"strings"
	"testing"
)

// TestMergeLanguageFiles has the mistakes of other scanners (named in brackets) for files of languages, which are many,
// and of which each stands for itself.
func TestMergeLanguageFiles(t *testing.T) {
	const modules = "app/node_modules"
	base := layer(dir("app"), dir(modules), npmFile(modules+"/a", "a", "1"), npmFile(modules+"/b", "b", "1"))
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"replaced by a newer version (claircore)", [][]entry{base, layer(npmFile(modules+"/a", "a", "2"))}, "a 2@2, b 1@1"},
		{"replaced by one without packages", [][]entry{base, layer(file(modules+"/a/package.json", "{}"))}, "b 1@1"},
		{"replaced by an empty one", [][]entry{base, layer(file(modules+"/a/package.json", ""))}, "b 1@1"},
		{"replaced by a broken one", [][]entry{base, layer(file(modules+"/a/package.json", "{"))}, "b 1@1"},
		{"replaced by the same", [][]entry{base, layer(npmFile(modules+"/a", "a", "1"))}, "a 1@1, b 1@1"},
		{"file turned directory", [][]entry{base, layer(dir(modules + "/a/package.json"))}, "b 1@1"},
		{"file turned symlink", [][]entry{base, layer(symlink(modules+"/a/package.json", "/x"))}, "b 1@1"},
		{"file turned device", [][]entry{base, layer(entry{name: modules + "/a/package.json", kind: '3'})}, "b 1@1"},
		{"directory turned symlink (claircore, trivy)", [][]entry{base, layer(symlink(modules, "/elsewhere/node_modules"))}, ""},
		{"directory turned symlink to where the same is", [][]entry{base, layer(symlink(modules, "/srv/node_modules"), npmFile("srv/node_modules/a", "a", "1"))}, "a 1@2"},
		{"package turned symlink", [][]entry{base, layer(symlink(modules+"/a", "../../packages/a"))}, "b 1@1"},
		{"directory turned file", [][]entry{base, layer(file("app", "x"))}, ""},
		{"file deleted", [][]entry{base, layer(whiteout(modules + "/a/.wh.package.json"))}, "b 1@1"},
		{"package deleted", [][]entry{base, layer(whiteout(modules + "/.wh.a"))}, "b 1@1"},
		{"node_modules deleted (claircore)", [][]entry{base, layer(whiteout("app/.wh.node_modules"))}, ""},
		{"deleted and added again in one layer", [][]entry{base, layer(whiteout("app/.wh.node_modules"), npmFile(modules+"/a", "a", "1"), npmFile(modules+"/c", "c", "1"))}, "a 1@1, c 1@2"},
		{"deleted, added again later", [][]entry{base, layer(whiteout("app/.wh.node_modules")), layer(npmFile(modules+"/a", "a", "1"))}, "a 1@3"},
		{"opaque directory (scalibr)", [][]entry{base, layer(dir(modules), whiteout(modules+"/.wh..wh..opq"))}, ""},
		{"opaque directory and added again (scalibr)", [][]entry{base, layer(whiteout(modules+"/.wh..wh..opq"), npmFile(modules+"/c", "c", "1"))}, "c 1@2"},
		{"opaque after what was added", [][]entry{base, layer(npmFile(modules+"/c", "c", "1"), whiteout("app/.wh..wh..opq"))}, "c 1@2"},
		{"opaque root", [][]entry{base, layer(whiteout(".wh..wh..opq"))}, ""},
		{"opaque sibling", [][]entry{base, layer(whiteout("srv/.wh..wh..opq"))}, "a 1@1, b 1@1"},
		{"directories there again", [][]entry{base, layer(dir("app"), dir(modules), dir(modules+"/a"))}, "a 1@1, b 1@1"},
		{"the same package at two paths", [][]entry{base, layer(npmFile("srv/node_modules/a", "a", "1"))}, "a 1@1, a 1@2, b 1@1"},
		{"moved", [][]entry{base, layer(whiteout(".wh.app"), npmFile("srv/node_modules/a", "a", "1"), npmFile("srv/node_modules/b", "b", "1"))}, "a 1@2, b 1@2"},
		{"upgraded and downgraded again", [][]entry{base, layer(npmFile(modules+"/a", "a", "2")), layer(npmFile(modules+"/a", "a", "1"))}, "a 1@3, b 1@1"},
		{"a database deleted beside it", [][]entry{
			layer(file(status, dpkg("libc 1")), npmFile(modules+"/a", "a", "1")), layer(whiteout("var/lib/.wh.dpkg")),
		}, "a 1@1"},
		{"twice in one layer, the last counts", [][]entry{layer(npmFile(modules+"/a", "a", "1"), npmFile(modules+"/a", "a", "2"))}, "a 2@1"},
		{"gone with its directory in one layer", [][]entry{layer(npmFile(modules+"/a", "a", "1"), symlink("app", "x"))}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := found(merge(t, stack(t, test.layers...)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

func TestNewerOSReleaseBesideLanguageFiles(t *testing.T) {
	inv := merge(t, stack(t,
		layer(file("etc/os-release", "ID=debian\nVERSION_ID=11"), npmFile("node_modules/a", "a", "1")), layer(file("etc/os-release", "ID=debian\nVERSION_ID=12")))...)
	if inv.OS.VersionID != "12" || found(inv) != "a 1@1" {
		t.Errorf("got %+v", inv)
	}
}

// TestPartsOfALanguageFile: in a file of many packages each keeps the layer since which it has been there.
func TestPartsOfALanguageFile(t *testing.T) {
	const list = "vendor/composer/installed.json"
	lists := func(packages ...string) []entry {
		var all []string
		for _, p := range packages {
			name, version, _ := strings.Cut(p, " ")
			all = append(all, `{"name":"`+name+`","version":"`+version+`"}`)
		}
		return layer(file(list, "["+strings.Join(all, ",")+"]"))
	}
	got := found(merge(t, stack(t, lists("v/a 1", "v/b 1"), lists("v/a 2", "v/b 1", "v/c 1"), lists("v/a 2", "v/b 1", "v/d 1"), layer(file("x", "")))...))
	if want := "v/a 2@2, v/b 1@1, v/d 1@3"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

// program is the smallest file that is taken for a program, whatever may be in it.
func program(name string) entry {
	return file(name, "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 9)+"\x02\x00>"+strings.Repeat("\x00", 100))
}

// TestProgramsAreHiddenByAnything: programs have no names of their own, so anything at their path must count, a directory
// too.
func TestProgramsAreHiddenByAnything(t *testing.T) {
	base := readLayer(t, tarOf(t, program("srv/server")))
	base.Files = []File{{Path: "srv/server", Kind: KindBinary, Packages: []Package{{Kind: KindGolang, Name: "stdlib", Version: "1.22.3", Path: "srv/server"}}}}
	for name, test := range map[string]struct {
		upper []entry
		want  string
	}{
		"something else": {layer(file("srv/other", "")), "stdlib 1.22.3@1"}, "a script": {layer(file("srv/server", "#!/bin/sh")), ""},
		"a directory": {layer(dir("srv/server")), ""}, "a link": {layer(symlink("srv/server", "x")), ""}, "a link above": {layer(symlink("srv", "x")), ""},
		"a whiteout": {layer(whiteout("srv/.wh.server")), ""}, "another program": {layer(program("srv/server")), ""},
	} {
		if got := found(merge(t, Layer{"1", base}, Layer{"2", readLayer(t, tarOf(t, test.upper...))})); got != test.want {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
	}
}

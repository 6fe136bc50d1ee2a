package inventory

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ownedBy lists language packages as "name version<owner@layer".
func ownedBy(inv *Inventory) string {
	var all []string
	for _, p := range inv.Packages {
		if isLanguage(p.Kind) {
			all = append(all, p.Name+" "+p.Version+"<"+p.OwnedBy+"@"+p.Layer)
		} else if p.OwnedBy != "" {
			all = append(all, "an OS package is owned: "+p.Name)
		}
	}
	return strings.Join(all, ", ")
}

// rpmOf is a stored header of a package with its files.
func rpmOf(name, version string, files ...string) []byte {
	var names, dirs, indexes []byte
	for i, f := range files {
		slash := strings.LastIndexByte(f, '/') + 1
		names = append(append(names, f[slash:]...), 0)
		dirs = append(append(dirs, f[:slash]...), 0)
		indexes = binary.BigEndian.AppendUint32(indexes, uint32(i))
	}
	header := rpmHeaderOf(map[uint32]string{tagName: name, tagVersion: version, tagRelease: "1", tagArch: "x86_64"}, 0)
	tags, size := binary.BigEndian.Uint32(header), binary.BigEndian.Uint32(header[4:])
	index, data := slices.Clone(header[8:8+16*tags]), slices.Clone(header[8+16*tags:])
	for len(data)%4 != 0 {
		data, size = append(data, 0), size+1
	}
	for _, part := range []struct {
		tag, kind uint32
		value     []byte
	}{{tagDirIndexes, typeInt32, indexes}, {tagBaseNames, typeStrings, names}, {tagDirNames, typeStrings, dirs}} {
		for _, v := range []uint32{part.tag, part.kind, uint32(len(data)), uint32(len(files))} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, part.value...)
	}
	out := binary.BigEndian.AppendUint32(nil, tags+3)
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return append(append(out, index...), data...)
}

// apkOf is an installed database; packages are written "name version file file…".
func apkOf(packages ...string) entry {
	var b strings.Builder
	for _, p := range packages {
		words := strings.Fields(p)
		fmt.Fprintf(&b, "P:%s\nV:%s\nA:x86_64\n", words[0], words[1])
		for _, f := range words[2:] {
			i := strings.LastIndexByte(f, '/')
			fmt.Fprintf(&b, "F:%s\nM:0:0:755\nR:%s\na:0:0:644\nZ:Q1x=\n", f[:i], f[i+1:])
		}
		b.WriteString("\n")
	}
	return file("lib/apk/db/installed", b.String())
}

func dpkgList(name string, files ...string) entry {
	return file(dpkgInfo+name+".list", "/.\n/usr\n"+strings.Join(files, "\n")+"\n")
}

const yaml = "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info"

// TestOwnership: what an OS package brought is its business, in every form in which databases list files.
func TestOwnership(t *testing.T) {
	python := pythonFile(yaml, "PyYAML", "6.0")
	files := []string{"/usr/share/doc/README", "/" + yaml, "/usr/bin/yaml.py", "/usr/bin/tool"}
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"nobody's", [][]entry{layer(python, file(status, dpkg("other 1")))}, "PyYAML 6.0<@1"},
		{"dpkg", [][]entry{layer(file(status, dpkg("python3-yaml 6.0-3")), dpkgList("python3-yaml", files...), python)}, "PyYAML 6.0<python3-yaml@1"},
		{"dpkg with an architecture", [][]entry{layer(file(status, dpkg("python3-yaml 6.0-3")), dpkgList("python3-yaml:amd64", files...), python)}, "PyYAML 6.0<python3-yaml@1"},
		{"dpkg with another architecture", [][]entry{layer(file(status, dpkg("python3-yaml 6.0-3")), dpkgList("python3-yaml:i386", files...), python)}, "PyYAML 6.0<@1"},
		{"dpkg, a list that outlived its package", [][]entry{layer(file(status, dpkg("other 1")), dpkgList("python3-yaml", files...), python)}, "PyYAML 6.0<@1"},
		{"distroless", [][]entry{layer(file(statusDir+"python3-yaml", "Package: python3-yaml\nVersion: 6.0-3\n"),
			file(statusDir+"python3-yaml.md5sums", "d41d8cd98f00b204e9800998ecf8427e  usr/bin/x\nd41d8cd98f00b204e9800998ecf8427e  "+yaml+"\n"), python)}, "PyYAML 6.0<python3-yaml@1"},
		{"distroless, in a file of another name", [][]entry{layer(file(statusDir+"cHl5YW1s", "Package: python3-yaml\nVersion: 6.0-3\n"),
			file(statusDir+"cHl5YW1s.md5sums", "d41d8cd98f00b204e9800998ecf8427e  "+yaml+"\n"), python)}, "PyYAML 6.0<python3-yaml@1"},
		{"apk", [][]entry{layer(apkOf("other 1-r0 usr/bin/x", "py3-yaml 6.0-r1 usr/bin/y "+yaml), python)}, "PyYAML 6.0<py3-yaml@1"},
		{"rpm in SQLite", [][]entry{layer(file("var/lib/rpm/rpmdb.sqlite", string(sqliteOf(rpmOf("python3-pyyaml", "6.0", files...)))), python)}, "PyYAML 6.0<python3-pyyaml@1"},
		{"rpm in NDB", [][]entry{layer(file("usr/lib/sysimage/rpm/Packages.db", string(ndbOf(rpmOf("python3-pyyaml", "6.0", files...)))), python)}, "PyYAML 6.0<python3-pyyaml@1"},
		{"rpm in Berkeley DB", [][]entry{layer(file("var/lib/rpm/Packages", string(berkeleyOf(rpmOf("python3-pyyaml", "6.0", files...), true))), python)}, "PyYAML 6.0<python3-pyyaml@1"},
		{"the same package elsewhere", [][]entry{layer(file(status, dpkg("python3-yaml 6.0-3")), dpkgList("python3-yaml", files...), python, pythonFile("usr/local/lib/PyYAML-6.0.egg-info", "PyYAML", "6.0"))},
			"PyYAML 6.0<python3-yaml@1, PyYAML 6.0<@1"},
		{"files first, the database in a later layer", [][]entry{layer(python), layer(file(status, dpkg("python3-yaml 6.0-3")), dpkgList("python3-yaml", files...))}, "PyYAML 6.0<python3-yaml@1"},
		{"another package installed later", [][]entry{
			layer(file(status, dpkg("python3-yaml 6.0-3")), dpkgList("python3-yaml", files...), python), layer(file(status, dpkg("new 1", "python3-yaml 6.0-3")), dpkgList("new", "/usr/bin/new")),
		}, "PyYAML 6.0<python3-yaml@1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ownedBy(merge(t, stack(t, test.layers...)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestOwnershipEnds: what is written over a package's file is not what the package brought. npm is the example: it is
// upgraded in place, with "npm install -g npm".
func TestOwnershipEnds(t *testing.T) {
	const path = "usr/lib/node_modules/npm"
	owned := func(version string) entry { return apkOf("npm " + version + " " + path + "/package.json") }
	base := layer(owned("8.1-r0"), npmFile(path, "npm", "8.1"))
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"as installed", [][]entry{base}, "npm 8.1<npm@1"},
		{"upgraded by itself in a later layer", [][]entry{base, layer(npmFile(path, "npm", "10.2"))}, "npm 10.2<@2"},
		{"upgraded by itself, then the database written again", [][]entry{base, layer(npmFile(path, "npm", "10.2")), layer(apkOf("curl 1-r0 usr/bin/curl", "npm 8.1-r0 "+path+"/package.json"))}, "npm 10.2<@2"},
		{"upgraded by the distribution", [][]entry{base, layer(owned("9.0-r0"), npmFile(path, "npm", "9.0"))}, "npm 9.0<npm@2"},
		{"upgraded by the distribution, in the same version of npm", [][]entry{base, layer(owned("8.1-r1"))}, "npm 8.1<npm@1"},
		{"upgraded by itself, then by the distribution", [][]entry{base, layer(npmFile(path, "npm", "10.2")), layer(owned("11.0-r0"), npmFile(path, "npm", "11.0"))}, "npm 11.0<npm@3"},
		{"copied up without a change (chmod)", [][]entry{base, layer(npmFile(path, "npm", "8.1"))}, "npm 8.1<npm@1"},
		{"copied up, then upgraded by itself", [][]entry{base, layer(npmFile(path, "npm", "8.1")), layer(npmFile(path, "npm", "10.2"))}, "npm 10.2<@3"},
		{"the package removed, its files left", [][]entry{base, layer(apkOf("curl 1-r0 usr/bin/curl"))}, "npm 8.1<@1"},
		{"the database deleted", [][]entry{base, layer(whiteout("lib/apk/db/.wh.installed"))}, "npm 8.1<@1"},
		{"moved away", [][]entry{base, layer(whiteout("usr/lib/node_modules/.wh.npm"), npmFile("opt/node_modules/npm", "npm", "8.1"))}, "npm 8.1<@2"},
		{"removed and installed again by itself", [][]entry{base, layer(apkOf("curl 1-r0 usr/bin/curl"), whiteout("usr/lib/node_modules/.wh.npm")), layer(npmFile(path, "npm", "8.1"))}, "npm 8.1<@3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ownedBy(merge(t, stack(t, test.layers...)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestOwnershipThroughMergedUsr: packages list the paths of before the merge, layers have those of after.
func TestOwnershipThroughMergedUsr(t *testing.T) {
	at := func(path string) entry { return npmFile(path+"/node_modules/x", "x", "1") }
	owner := func(path string) entry { return apkOf("x 1-r0 " + path + "/node_modules/x/package.json") }
	for _, test := range []struct {
		name   string
		layers [][]entry
		want   string
	}{
		{"merged, listed as before", [][]entry{layer(symlink("lib", "usr/lib"), owner("lib"), at("usr/lib"))}, "x 1<x@1"},
		{"merged, with an absolute link", [][]entry{layer(symlink("lib", "/usr/lib"), owner("lib"), at("usr/lib"))}, "x 1<x@1"},
		{"merged in a later layer", [][]entry{layer(owner("lib"), at("lib")), layer(symlink("lib", "usr/lib"), file("usr/lib/apk/db/installed", owner("lib").body), at("usr/lib"))}, "x 1<@2"},
		{"merged, listed as after", [][]entry{layer(symlink("lib", "usr/lib"), owner("usr/lib"), at("lib"))}, "x 1<x@1"},
		{"sbin merged into bin", [][]entry{layer(symlink("usr/sbin", "bin"), owner("usr/sbin"), at("usr/bin"))}, "x 1<x@1"},
		{"not merged", [][]entry{layer(owner("lib"), at("usr/lib"))}, "x 1<@1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ownedBy(merge(t, stack(t, test.layers...)...)); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestOwnable pins which names are kept of what packages own; a million of them is what a layer may bring.
func TestOwnable(t *testing.T) {
	o := newOwning()
	for path, want := range map[string]bool{
		"/usr/bin/dockerd": true, "/usr/bin/python3.11": true, "/usr/lib/x86_64-linux-gnu/librsvg-2.so.2.48.0": true, "/usr/lib/x.so": true,
		"/usr/lib/node_modules/x/package.json": true, "/x/METADATA": true, "/x/PKG-INFO": true, "/x/a.egg-info": true, "/x/a.gemspec": true, "/x/composer/installed.json": true,
		"/usr/share/dotnet/x.deps.json": true, "/init": true, "/usr/lib/.hidden": true, "/usr/libexec/catatonit": true,
		"/usr/share/doc/x/README": false, "/usr/include/x": false, "/x/a.py": false, "/x/a.json": false, "/x/a.h": false, "/etc/passwd": false, "/usr/share/man/man1/x": false, "/": false, "/.": true,
	} {
		o.at([]byte(path))
		o.end("p", "1", "")
		list := o.reset()
		if got := len(list) == 1; got != want {
			t.Errorf("%s: %v", path, got)
		}
		if want && path != "/." && list[0].Files[0] != hashPath(path[1:]) {
			t.Errorf("%s is not hashed as in layers", path)
		}
	}
}

// TestRealOwnership: the real databases list the programs that everybody knows.
func TestRealOwnership(t *testing.T) {
	for _, image := range images {
		if image.kind == KindDeb { // the shared ones have no lists of files
			continue
		}
		record := readLayer(t, layerFile(t, image.file))
		path := map[string]string{KindAPK: "bin/busybox", KindRPM: "usr/bin/bash"}[image.kind]
		owner := map[string]string{KindAPK: "busybox", KindRPM: "bash"}[image.kind]
		got := ""
		for _, f := range record.Files {
			for _, o := range f.Owned {
				if slices.Contains(o.Files, hashPath(path)) || slices.Contains(o.Files, hashPath("bin/bash")) {
					got = o.Package
				}
			}
		}
		if !strings.HasPrefix(got, owner) {
			t.Errorf("%s: %s is owned by %q", image.file, path, got)
		}
	}
}

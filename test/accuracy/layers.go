package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ecru-registry/ecru/test/sample"
)

// layers are those of the case, base first, as gzip-compressed archives.
func (c *testCase) layers(shared string) ([][]byte, error) {
	var all [][]byte
	if c.Image != "" {
		base, err := os.ReadFile(filepath.Join(shared, "images", c.Image))
		if err != nil {
			return nil, err
		}
		all = append(all, base)
	}
	for i, from := range append([]contents{c.contents}, c.Upper...) {
		files, err := from.files()
		if err != nil {
			return nil, err
		}
		if len(files) == 0 && i == 0 {
			continue
		}
		layer, err := sample.Layer(files)
		if err != nil {
			return nil, err
		}
		all = append(all, layer)
	}
	return all, nil
}

// files are those that a layer holds, by path.
func (c *contents) files() (map[string]string, error) {
	files := map[string]string{}
	if c.OS != nil {
		files["etc/os-release"] = c.OS.release()
	}
	if len(c.APK) > 0 {
		files["lib/apk/db/installed"] = apkDatabase(c.APK, c.Owns)
	}
	if len(c.Deb) > 0 {
		files["var/lib/dpkg/status"] = dpkgStatus(c.Deb)
		for name, owned := range c.Owns {
			files["var/lib/dpkg/info/"+name+".list"] = strings.Join(owned, "\n") + "\n"
		}
	}
	if len(c.RPMManifest) > 0 {
		files["var/lib/rpmmanifest/container-manifest-2"] = rpmManifest(c.RPMManifest)
	}
	if len(c.RPM) > 0 {
		database, err := rpmDatabase(c.RPM)
		if err != nil {
			return nil, err
		}
		files["var/lib/rpm/rpmdb.sqlite"] = database
	}
	c.languages(files)
	for _, add := range []func(map[string]string) error{c.archives, c.programs} {
		if err := add(files); err != nil {
			return nil, err
		}
	}
	for name, content := range c.Files {
		files[name] = content
	}
	return files, nil
}

func (s *system) release() string {
	text := fmt.Sprintf("ID=%s\nVERSION_ID=%q\n", s.ID, s.Version)
	if s.Codename != "" {
		text += "VERSION_CODENAME=" + s.Codename + "\n"
	}
	return text
}

// fields are the words of a line, filled up with empty ones.
func fields(line string, n int) []string {
	all := strings.Fields(line)
	for len(all) < n {
		all = append(all, "")
	}
	return all
}

func apkDatabase(packages lines, owns map[string]lines) string {
	var out strings.Builder
	for _, line := range packages {
		f := fields(line, 3)
		fmt.Fprintf(&out, "P:%s\nV:%s\nA:x86_64\n", f[0], f[1])
		if f[2] != "" {
			fmt.Fprintf(&out, "o:%s\n", f[2])
		} else {
			fmt.Fprintf(&out, "o:%s\n", f[0])
		}
		for _, file := range owns[f[0]] {
			fmt.Fprintf(&out, "F:%s\nR:%s\n", path.Dir(file), path.Base(file))
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func dpkgStatus(packages lines) string {
	var out strings.Builder
	for _, line := range packages {
		f := fields(line, 4)
		fmt.Fprintf(&out, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\n", f[0])
		switch {
		case f[3] != "":
			fmt.Fprintf(&out, "Source: %s (%s)\n", f[2], f[3])
		case f[2] != "":
			fmt.Fprintf(&out, "Source: %s\n", f[2])
		}
		fmt.Fprintf(&out, "Version: %s\n\n", f[1])
	}
	return out.String()
}

// languages adds what installers of languages leave.
func (c *contents) languages(files map[string]string) {
	for _, line := range c.NPM {
		f := fields(line, 2)
		files[free(files, "app", "node_modules/"+f[0]+"/package.json")] = fmt.Sprintf("{\"name\": %q, \"version\": %q}", f[0], f[1])
	}
	for _, line := range c.PyPI {
		f := fields(line, 2)
		dir := strings.ReplaceAll(f[0], "-", "_") + "-" + f[1] + ".dist-info"
		files["usr/local/lib/python3/site-packages/"+dir+"/METADATA"] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n\n", f[0], f[1])
	}
	for _, line := range c.Gem {
		f := fields(line, 2)
		version, platform, _ := strings.Cut(f[1], "-")
		if platform == "" {
			platform = "ruby"
		}
		files["usr/local/bundle/specifications/"+f[0]+"-"+f[1]+".gemspec"] = fmt.Sprintf(
			"# -*- encoding: utf-8 -*-\n# stub: %[1]s %[2]s %[3]s lib\n\nGem::Specification.new do |s|\n  s.name = %[1]q.freeze\n  s.version = %[2]q\nend\n", f[0], version, platform)
	}
	if len(c.Composer) > 0 {
		files["app/vendor/composer/installed.json"] = composerList(c.Composer)
	}
	if len(c.NuGet) > 0 {
		files["app/app.deps.json"] = dotNetList(c.NuGet)
	}
}

// free is a path below a directory that no file has: several versions of a
// package are installed within each other.
func free(files map[string]string, dir, name string) string {
	for {
		if _, taken := files[path.Join(dir, name)]; !taken {
			return path.Join(dir, name)
		}
		dir = path.Join(dir, "node_modules/nested")
	}
}

func composerList(packages lines) string {
	type entry struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	var list struct {
		Packages []entry `json:"packages"`
	}
	for _, line := range packages {
		f := fields(line, 2)
		list.Packages = append(list.Packages, entry{f[0], f[1]})
	}
	return marshal(list)
}

func dotNetList(packages lines) string {
	libraries := map[string]any{}
	for _, line := range packages {
		f := fields(line, 2)
		libraries[f[0]+"/"+f[1]] = map[string]any{"type": "package", "serviceable": true}
	}
	return marshal(map[string]any{"runtimeTarget": map[string]any{"name": ".NETCoreApp,Version=v6.0"}, "libraries": libraries})
}

// marshal writes what cannot fail: maps and structures of strings.
func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

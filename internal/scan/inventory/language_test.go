package inventory

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// foundAt lists packages as "kind name version path".
func foundAt(inv *Inventory) string {
	var all []string
	for _, p := range inv.Packages {
		all = append(all, p.Kind+" "+p.Name+" "+p.Version+" "+p.Path)
	}
	return strings.Join(all, "\n")
}

func npmFile(path, name, version string) entry {
	return file(path+"/package.json", fmt.Sprintf(`{"name": %q, "version": %q, "main": "index.js"}`, name, version))
}

func pythonFile(path, name, version string) entry {
	return file(path, fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: x\n\nLong text\n", name, version))
}

func TestNPM(t *testing.T) {
	for _, test := range []struct{ name, path, body, want string }{
		{"installed", "app/node_modules/lodash", `{"name":"lodash","version":"4.17.20"}`, "lodash 4.17.20"},
		{"in the root directory", "node_modules/lodash", `{"name":"lodash","version":"4.17.20"}`, "lodash 4.17.20"},
		{"scoped", "app/node_modules/@babel/core", `{"name":"@babel/core","version":"7.0.0"}`, "@babel/core 7.0.0"},
		{"a dependency of a dependency", "app/node_modules/a/node_modules/@s/b", `{"name":"@s/b","version":"1.0.0"}`, "@s/b 1.0.0"},
		{"global", "usr/local/lib/node_modules/npm", `{"name":"npm","version":"10.8.2"}`, "npm 10.8.2"},
		{"pnpm", "app/node_modules/.pnpm/lodash@4.17.20/node_modules/lodash", `{"name":"lodash","version":"4.17.20"}`, "lodash 4.17.20"},
		{"under an alias", "app/node_modules/old-lodash", `{"name":"lodash","version":"3.10.1"}`, "lodash 3.10.1"},
		{"as npm 6 wrote it", "app/node_modules/a", `{"_from":"a","_id":"a@1.2.3","author":{"name":"x","version":"9"},"name":"a","scripts":{"version":"no"},"version":"1.2.3"}`, "a 1.2.3"},
		{"escapes, white space and a byte order mark", "app/node_modules/a", "\xef\xbb\xbf {\n\t\"n\\u0061me\" : \"a\\u002db\" ,\r\n \"version\":\"1.0.0\"}", "a-b 1.0.0"},
		{"version with a v", "app/node_modules/a", `{"name":"a","version":" v1.2.3"}`, "a 1.2.3"},
		{"cut after name and version", "app/node_modules/a", `{"name":"a","version":"1.2.3","desc`, "a 1.2.3"},
		{"bundled copy with its own name", "app/node_modules/next/dist/compiled/@babel/runtime", `{"name":"@babel/runtime","version":"7.22.5"}`, "@babel/runtime 7.22.5"},
		{"release unpacked elsewhere", "opt/yarn-v1.22.22", `{"name":"yarn","version":"1.22.22"}`, "yarn 1.22.22"},
		{"corepack's", "root/.cache/node/corepack/v1/yarn/4.5.0", `{"name":"yarn","version":"4.5.0"}`, "yarn 4.5.0"},

		{"the application itself", "app", `{"name":"lodash","version":"4.17.20"}`, ""},
		{"a workspace of it", "app/packages/server", `{"name":"server","version":"1.0.0"}`, ""},
		{"a fixture with an invented name", "app/node_modules/resolve/test/multirepo", `{"name":"monorepo-test","version":"0.0.0"}`, ""},
		{"a private fixture", "app/node_modules/x/examples/demo", `{"name":"demo","version":"0.0.0","private":true}`, ""},
		{"no version", "app/node_modules/x/esm", `{"type":"module"}`, ""},
		{"no version, installed", "app/node_modules/x", `{"name":"x"}`, ""},
		{"version is no text", "app/node_modules/x", `{"name":"x","version":1}`, ""},
		{"name with blanks", "app/node_modules/x", `{"name":"x y","version":"1"}`, ""},
		{"empty", "app/node_modules/x", ``, ""},
		{"no object", "app/node_modules/x", `[1,2]`, ""},
		{"broken fixture", "app/node_modules/resolve/test/malformed", `{`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inv := merge(t, stack(t, layer(file(test.path+"/package.json", test.body)))...)
			want := test.want
			if want != "" {
				want = "npm " + want + " " + test.path + "/package.json"
			}
			if got := foundAt(inv); got != want || len(inv.Warnings) > 0 || len(inv.Databases) > 0 {
				t.Errorf("found %q, want %q; %+v", got, want, inv)
			}
		})
	}
}

func TestPython(t *testing.T) {
	head := "Metadata-Version: 2.1\nName: Flask-RESTful\nVersion: 0.3.9\n"
	const site = "usr/lib/python3/site-packages/"
	for _, test := range []struct{ name, path, body, want string }{
		{"wheel", site + "Flask_RESTful-0.3.9.dist-info/METADATA", head + "Summary: x\n\nName: no\n", "Flask-RESTful 0.3.9"},
		{"egg-info directory", "app/flask.egg-info/PKG-INFO", head, "Flask-RESTful 0.3.9"},
		{"unpacked egg", site + "flask-0.3.9-py3.8.egg/EGG-INFO/PKG-INFO", head, "Flask-RESTful 0.3.9"},
		{"file of distutils", site + "flask-0.3.9.egg-info", head, "Flask-RESTful 0.3.9"},
		{"vendored", site + "setuptools/_vendor/flask.dist-info/METADATA", head, "Flask-RESTful 0.3.9"},
		{"Windows line ends", site + "x.dist-info/METADATA", strings.ReplaceAll(head, "\n", "\r\n"), "Flask-RESTful 0.3.9"},
		{"fields in another case, with continuations", site + "x.dist-info/METADATA", "summary: a\n Name: no\nVERSION:1.0\nname:  x \n", "x 1.0"},
		{"the first counts", site + "x.dist-info/METADATA", "Name: x\nName: y\nVersion: 1\nVersion: 2\n", "x 1"},
		{"a very long line before", site + "x.dist-info/METADATA", "Summary: " + strings.Repeat("x", 1<<20) + "\nName: x\nVersion: 1\n", "x 1"},
		{"a packed wheel is not installed", "usr/share/python-wheels/pip-24.0-py3-none-any.whl", head, ""},
		{"other METADATA", "etc/METADATA", head, ""},
		{"other PKG-INFO", "src/PKG-INFO", head, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want != "" {
				want = "pypi " + want + " " + test.path
			}
			if got := foundAt(merge(t, stack(t, layer(file(test.path, test.body)))...)); got != want {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

func TestEgg(t *testing.T) {
	var egg bytes.Buffer
	w := zip.NewWriter(&egg)
	for name, body := range map[string]string{"EGG-INFO/PKG-INFO": "Name: x\nVersion: 1.0\n", "x/EGG-INFO/PKG-INFO": "Name: no\nVersion: 1\n", "x.py": "pass"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	inv := merge(t, stack(t, layer(file("lib/x-1.0-py3.12.egg", egg.String()), file("lib/y.egg", "no zip"), file("lib/z.egg", egg.String()[:100])))...)
	if got := foundAt(inv); got != "pypi x 1.0 lib/x-1.0-py3.12.egg" || len(inv.Warnings) != 2 {
		t.Errorf("found %q, %+v", got, inv.Warnings)
	}
}

func TestGem(t *testing.T) {
	const specs = "usr/local/lib/ruby/gems/3.3.0/specifications/"
	plain := "Gem::Specification.new do |s|\n  s.name = %s\n  s.version = %s\n  s.required_ruby_version = \"2.0\"\nend\n"
	for _, test := range []struct{ name, path, body, want string }{
		{"stub", specs + "rss-0.2.9.gemspec", "# -*- encoding: utf-8 -*-\n# stub: rss 0.2.9 ruby lib\n# stub: ext/conf.rb\n\nGem::Specification.new do |s|\n  s.name = \"no\".freeze\n", "rss 0.2.9"},
		{"for a platform", specs + "nokogiri-1.16.0-x86_64-linux.gemspec", "# stub: nokogiri 1.16.0 x86_64-linux lib\n", "nokogiri 1.16.0"},
		{"default gem", specs + "default/json-2.7.1.gemspec", "# stub: json 2.7.1 ruby lib\n", "json 2.7.1"},
		{"without a stub", specs + "rake-12.3.3.gemspec", fmt.Sprintf(plain, `"rake".freeze`, `"12.3.3"`), "rake 12.3.3"},
		{"version as an object", specs + "rake-12.3.3.gemspec", fmt.Sprintf(plain, `'rake'`, `Gem::Version.new("12.3.3")`), "rake 12.3.3"},
		{"sources of a gem", "usr/local/bundle/gems/rake-12.3.3/rake.gemspec", "# stub: rake 12.3.3 ruby lib\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want != "" {
				want = "gem " + want + " " + test.path
			}
			if got := foundAt(merge(t, stack(t, layer(file(test.path, test.body)))...)); got != want {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

func TestComposer(t *testing.T) {
	list := `[{"name": "symfony/http-kernel", "version": "v5.4.0", "version_normalized": "5.4.0.0", "require": {"name": "no/no", "version": "1"}}, {"version": "1"}, 7, {"name":"monolog/monolog","version":"2.9.1"}]`
	want := "composer monolog/monolog 2.9.1 app/vendor/composer/installed.json\ncomposer symfony/http-kernel v5.4.0 app/vendor/composer/installed.json"
	for name, body := range map[string]string{"1": list, "2": `{"dev": true, "packages": ` + list + `, "dev-package-names": ["x"]}`} {
		if got := foundAt(merge(t, stack(t, layer(file("app/vendor/composer/installed.json", body)))...)); got != want {
			t.Errorf("Composer %s: found %q, want %q", name, got, want)
		}
	}
	if got := foundAt(merge(t, stack(t, layer(file("app/composer.lock", list), file("x/mycomposer/installed.json", list)))...)); got != "" {
		t.Errorf("found %q in other files", got)
	}
}

func TestDotNet(t *testing.T) {
	body := `{
	"runtimeTarget": {"name": ".NETCoreApp,Version=v8.0/linux-x64", "signature": ""},
	"targets": {
		".NETCoreApp,Version=v8.0": {},
		".NETCoreApp,Version=v8.0/linux-x64": {
			"App/1.0.0": {"runtime": {"App.dll": {}}},
			"Newtonsoft.Json/12.0.1": {"runtime": {"lib/netstandard2.0/Newtonsoft.Json.dll": {}}},
			"Analyzer/3.3.4": {"dependencies": {"X": "1"}},
			"Native/1.0.0": {"native": {"x.so": {}}}
		}
	},
	"libraries": {
		"App/1.0.0": {"type": "project", "sha512": ""},
		"Lib/1.0.0": {"type": "reference"},
		"Newtonsoft.Json/12.0.1": {"type": "package", "serviceable": true},
		"Analyzer/3.3.4": {"type": "package"},
		"Native/1.0.0": {"type": "package"},
		"Unlisted/2.0.0": {"type": "package"},
		"nameless": {"type": "package"},
		"runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.0": {"type": "runtimepack"}
	}}`
	want := "nuget Microsoft.NETCore.App.Runtime.linux-x64 8.0.0 app/App.deps.json\nnuget Native 1.0.0 app/App.deps.json\n" +
		"nuget Newtonsoft.Json 12.0.1 app/App.deps.json\nnuget Unlisted 2.0.0 app/App.deps.json"
	if got := foundAt(merge(t, stack(t, layer(file("app/App.deps.json", body)))...)); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	inv := merge(t, stack(t, layer(file("a/editor.deps.json", `["react"]`), file("b/x.deps.json", `{}`), file("c/x.deps.json", "")))...)
	if len(inv.Packages)+len(inv.Warnings) > 0 {
		t.Errorf("files of others give %+v", inv)
	}
}

// TestBrokenLanguageFilesAreWarnings: unlike a package database, such a file fails no scan, and does not go unnoticed.
func TestBrokenLanguageFilesAreWarnings(t *testing.T) {
	for path, body := range map[string]string{
		"app/node_modules/x/package.json":         `{"name": "x`,
		"lib/x.dist-info/METADATA":                "Name: x\n",
		"lib/y.dist-info/METADATA":                "",
		"gems/specifications/x.gemspec":           "s.name = NAME\n",
		"app/vendor/composer/installed.json":      `{"packages": [{"name": }]}`,
		"app/x.deps.json":                         `{"libraries": {"A/1": {"type": "package"}`,
		"app/vendor/node_modules/@a/package.json": `{]`,
	} {
		layers := stack(t, layer(file(status, dpkg("a 1")), file(path, body)))
		inv := merge(t, layers...)
		broken := path != "app/vendor/node_modules/@a/package.json" // a directory of scopes is none of a package
		if got := found(inv); got != "a 1@1" || (len(inv.Warnings) == 1) != broken {
			t.Errorf("%s: found %q, warnings %+v", path, got, inv.Warnings)
		}
		if broken && (inv.Warnings[0].Path != path || inv.Warnings[0].Reason != ReasonFile || inv.Warnings[0].Message == "") {
			t.Errorf("%s: warning %+v", path, inv.Warnings[0])
		}
		upper := append(layers, Layer{"2", readLayer(t, tarOf(t, file(path, "")))})
		if path != "lib/x.dist-info/METADATA" && path != "lib/y.dist-info/METADATA" && path != "gems/specifications/x.gemspec" {
			if inv := merge(t, append(upper, Layer{"3", readLayer(t, tarOf(t, dir(path)))})...); len(inv.Warnings) > 0 {
				t.Errorf("%s: warnings %+v of a file that is gone", path, inv.Warnings)
			}
		}
	}
}

func TestManyWarningsAreCounted(t *testing.T) {
	var entries []entry
	for i := range maxProblems + 50 {
		entries = append(entries, file(fmt.Sprintf("node_modules/x%d/package.json", i), "{"))
	}
	inv := merge(t, stack(t, entries)...)
	if len(inv.Warnings) != maxWarnings+1 || !strings.Contains(inv.Warnings[maxWarnings].Message, fmt.Sprint(maxProblems+50-maxWarnings)) {
		t.Errorf("%d warnings, the last is %+v", len(inv.Warnings), inv.Warnings[len(inv.Warnings)-1])
	}
}

// TestLanguageLimits: too many language files are a warning, and take nothing from package databases.
func TestLanguageLimits(t *testing.T) {
	var entries []entry
	for i := range 60 {
		entries = append(entries, npmFile(fmt.Sprintf("node_modules/x%d", i), "x", fmt.Sprint(i)))
	}
	entries = append(entries, file(status, dpkg("a 1", "b 1")))
	for name, lim := range map[string]Limits{
		"packages and their text": {Packages: 10}, "bytes": {ArchiveBytes: 60},
	} {
		record, err := ReadLayer(t.Context(), strings.NewReader(string(tarOf(t, entries...))), lim)
		if err != nil {
			t.Fatal(err)
		}
		inv := merge(t, Layer{"1", record})
		if len(inv.Warnings) == 0 || len(inv.Packages) < 2 || len(inv.Packages) >= 62 {
			t.Errorf("%s: %d packages, %d warnings", name, len(inv.Packages), len(inv.Warnings))
		}
	}
}

// TestHardLinkedPackages: pnpm and others link what is installed to a store, which comes first or last in the layer.
func TestHardLinkedPackages(t *testing.T) {
	const store = "root/.local/share/pnpm/store/v3/files/00/abcdef"
	const installed = "srv/node_modules/.pnpm/lodash@4.17.20/node_modules/lodash/package.json"
	body := `{"name":"lodash","version":"4.17.20"}`
	for name, entries := range map[string][]entry{
		"the store first":               layer(file(store, body), file(store+"1", "{ code }"), file(store+"2", "\x00"), hardlink(installed, "/"+store)),
		"the store last":                layer(file(installed, body), hardlink(store, installed)),
		"another package.json first":    layer(file("cache/lodash@4.17.20@@1/package.json", body), hardlink(installed, "cache/lodash@4.17.20@@1/package.json")),
		"the store only":                layer(file(store, body)),
		"linked, then replaced in turn": layer(file(store, body), hardlink(installed, store), file(installed, "{}")),
	} {
		want := "npm lodash 4.17.20 " + installed
		if name == "the store only" || strings.HasPrefix(name, "linked") {
			want = ""
		}
		inv := merge(t, stack(t, entries)...)
		if got := foundAt(inv); got != want || len(inv.Warnings) > 0 {
			t.Errorf("%s: found %q, %+v", name, got, inv.Warnings)
		}
	}
	inv := merge(t, stack(t, layer(file("data", body), hardlink("node_modules/x/package.json", "data"), npmFile("x/esm", "", ""), hardlink("node_modules/y/package.json", "x/esm/package.json")))...)
	if len(inv.Warnings) != 1 || inv.Warnings[0].Path != "node_modules/x/package.json" {
		t.Errorf("a link to a body that was passed over gives %+v", inv.Warnings)
	}
}

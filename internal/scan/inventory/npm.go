package inventory

import (
	"bytes"
	"errors"
	"strings"
)

// wantsNPM takes every package.json: which of them are of installed packages is decided by installedNPM, once their
// names are known.
func wantsNPM(path string) bool { return strings.HasSuffix(path, "/package.json") }

// wantsPNPMStore takes the files in the store of pnpm, named after their content. What is installed are hard links to
// these, and they come first in a layer where the store's path does.
func wantsPNPMStore(path string) bool {
	store := strings.Index(path, "pnpm/store/v")
	if store < 0 {
		store = strings.Index(path, ".pnpm-store/v")
	}
	return store >= 0 && strings.Contains(path[store:], "/files/")
}

const nodeModules = "node_modules/"

// installedNPM says whether the package.json at path is that of an installed package.
//
//   - A directory directly in node_modules always is, whatever it is called: npm has aliases.
//   - Deeper in one, packages bring copies of others (dist/compiled/@babel/runtime) and their tests bring invented ones.
//     A directory that bears the package's full name is taken for a copy.
//   - Elsewhere, a package.json is that of the application itself or of a source tree. An application is nobody's
//     dependency, and its name says nothing: advisories about a public package of that name are not about it. An unpacked
//     release is what it says, though (opt/yarn-v1.22.22 in the official images of Node, corepack's yarn/4.5.0).
func installedNPM(path string, p *Package) bool {
	dir := strings.TrimSuffix(path, "/package.json")
	if rest, ok := belowNodeModules(dir); ok {
		return isNPMDirectory(rest) || strings.HasSuffix(dir, "/"+p.Name)
	}
	name := baseName(p.Name)
	for _, version := range [...]string{p.Version, "v" + p.Version} {
		if strings.HasSuffix("/"+dir, "/"+name+"-"+version) || strings.HasSuffix("/"+dir, "/"+name+"/"+version) {
			return true
		}
	}
	return false
}

// belowNodeModules gives the rest of a directory's path after its last node_modules.
func belowNodeModules(dir string) (rest string, ok bool) {
	i := strings.LastIndex(dir, "/"+nodeModules)
	switch {
	case i >= 0:
		return dir[i+1+len(nodeModules):], true
	case strings.HasPrefix(dir, nodeModules):
		return dir[len(nodeModules):], true
	}
	return "", false
}

// isNPMDirectory knows "name" and "@scope/name".
func isNPMDirectory(rest string) bool {
	first, second, scoped := strings.Cut(rest, "/")
	if strings.HasPrefix(first, "@") {
		return second != "" && strings.IndexByte(second, '/') < 0
	}
	return !scoped
}

// parseNPM reads name and version, and no further. Files without them ({"type": "module"} is a common one) are no
// packages, and where no package can be installed a broken file is nothing to complain about: tests have them on purpose.
func parseNPM(in *input) ([]Package, error) {
	text, err := in.whole(maxLanguageText)
	if err != nil {
		return nil, err
	}
	rest, inModules := belowNodeModules(strings.TrimSuffix(in.path, "/package.json"))
	direct := inModules && isNPMDirectory(rest)
	m, err := readPackageJSON(text, !direct)
	switch {
	case err != nil && direct && len(bytes.TrimSpace(text)) > 0:
		return nil, err
	case err != nil || m.private && !direct:
		return nil, nil
	}
	return in.one(m.name, strings.TrimLeft(strings.TrimSpace(m.version), "v="))
}

type packageJSON struct {
	name, version string
	private       bool
}

// readPackageJSON reads to the end only when it is asked whether the package is private.
func readPackageJSON(text []byte, whole bool) (m packageJSON, err error) {
	j := newJSON(text)
	err = j.object(func(key string) (err error) {
		switch key {
		case "name":
			m.name, err = j.string()
		case "version":
			m.version, err = j.string()
		case "private":
			m.private, err = j.isTrue()
		default:
			err = j.skip()
		}
		if err == nil && !whole && m.name != "" && m.version != "" {
			return errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return m, err
}

// parsePNPMStore is parseNPM for files that may be anything.
func parsePNPMStore(in *input) ([]Package, error) {
	const most = 1 << 20
	if in.size > most {
		return nil, nil
	}
	text, err := in.whole(most)
	if err != nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, err
	}
	m, err := readPackageJSON(text, false)
	if err != nil {
		return nil, nil //nolint:nilerr // a file of a package that happens to begin like JSON
	}
	return in.one(m.name, m.version)
}

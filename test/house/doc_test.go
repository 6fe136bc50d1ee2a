// Package house keeps the rules of the house that a compiler does not: which
// package may import which, and what sources look like. It holds tests alone;
// each rule is a function from what is there to complaints, and is shown to
// complain about a sample before it is let loose on the repository.
//
// It must not import internal packages: it looks at them from outside.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/test/fixture"
)

const module = "github.com/ecru-registry/ecru"

// listed is what "go list" says of a package.
type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
}

// packages lists all packages of the module.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,Imports", "./...")
	cmd.Dir = fixture.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list knows only %d packages: something is wrong with this test", len(all))
	}
	return all
}

func TestImportDirection(t *testing.T) {
	for _, complaint := range importComplaints(packages(t)) {
		t.Error(complaint)
	}
}

func TestSources(t *testing.T) {
	root := fixture.Root(t)
	for _, p := range packages(t) {
		s, err := parseDir(root, p.Dir)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, complaint := range s.complaints() {
			t.Error(complaint)
		}
	}
}

// relative makes paths in complaints short.
func relative(root, path string) string {
	if r, err := filepath.Rel(root, path); err == nil {
		return filepath.ToSlash(r)
	}
	return path
}

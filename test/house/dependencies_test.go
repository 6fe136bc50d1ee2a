package house

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/test/fixture"
)

// TestEveryDependencySaysWhy: a module that go.mod requires directly has its
// line in docs/dependencies.md, and nothing else has.
func TestEveryDependencySaysWhy(t *testing.T) {
	root := fixture.Root(t)
	required := map[string]bool{}
	eachLine(t, filepath.Join(root, "go.mod"), func(line string) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") && strings.Contains(fields[0], ".") {
			required[fields[0]] = true
		}
	})
	if len(required) == 0 {
		t.Fatal("go.mod requires nothing: it was not read")
	}
	eachLine(t, filepath.Join(root, "docs", "dependencies.md"), func(line string) {
		columns := strings.Split(line, "|")
		if len(columns) != 5 || !strings.Contains(columns[1], ".") {
			return
		}
		module := strings.TrimSpace(columns[1])
		if !required[module] {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not require", module)
		}
		delete(required, module)
	})
	for module := range required {
		t.Errorf("docs/dependencies.md does not say what %s is for", module)
	}
}

func eachLine(t *testing.T, path string, use func(string)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		use(lines.Text())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

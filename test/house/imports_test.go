package house

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// layer is where a package stands: it may import layers below its own.
type layer int

const (
	ground    layer = iota // imports nothing of ours
	port                   // pure packages and ports
	adapter                // implements a port; imported by commands and tests
	useCase                // use cases and what works beside them
	transport              // decode, call a use case, encode
	shell                  // around the transports
	command                // knows every room
	suite                  // tests of a port's implementations; imported by tests
	harness                // real parts for the tests of a layer; imported by tests
	blackBox               // tests from outside
)

// rooms assigns packages to layers, by path below the module. A package without
// a line of its own has that of its parent.
var rooms = map[string]layer{
	"internal/registry": ground,
	"internal/origin":   ground,
	"internal/reqlog":   ground,
	"internal/awscreds": ground,
	"internal/outbound": ground,

	"internal/iam":            port,
	"internal/lifecycle":      port,
	"internal/meta":           port,
	"internal/blob":           port,
	"internal/job":            port,
	"internal/seal":           port,
	"internal/event":          port,
	"internal/scan/inventory": port,
	"internal/scan/advisory":  port,
	"internal/scan/match":     port,
	"internal/finding":        port,
	"internal/vex":            port,
	"internal/sbom":           port,
	"internal/report":         port,

	"internal/meta/sql":    adapter,
	"internal/blob/disk":   adapter,
	"internal/blob/s3":     adapter,
	"internal/blob/sealed": adapter,
	"internal/oidc":        adapter,

	"internal/service":        useCase,
	"internal/scan":           useCase,
	"internal/upstream":       useCase,
	"internal/event/delivery": useCase,
	"internal/event/target":   useCase,

	"internal/oci":            transport,
	"internal/awsapi":         transport,
	"internal/advisoryserver": transport,
	"console":                 transport,

	"internal/server": shell,
	"internal/audit":  shell,

	"cmd": command,

	"internal/meta/metatest":              suite,
	"internal/blob/blobtest":              suite,
	"internal/scan/advisory/advisorytest": suite,

	"internal/awsapi/apitest": harness,

	"test": blackBox,
}

// allowed says which layers a layer may import, beside itself where that makes
// sense.
var allowed = map[layer][]layer{
	ground:    {},
	port:      {ground, port},
	adapter:   {ground, port, adapter},
	useCase:   {ground, port, useCase},
	transport: {ground, port, useCase, transport},
	shell:     {ground, shell},
	command:   {ground, port, adapter, useCase, transport, shell, command},
	suite:     {ground, port, suite, blackBox},
	harness:   {ground, port, adapter, useCase, transport},
	blackBox:  {blackBox},
}

// strangers are packages from elsewhere that a room must not know.
var strangers = map[string][]string{
	"internal/registry":        {"net", "net/http", "os", "database/sql"},
	"internal/lifecycle":       {"net", "net/http", "os", "database/sql"},
	"internal/finding":         {"net/http", "os", "database/sql"},
	"internal/vex":             {"net/http", "os", "database/sql"},
	"internal/sbom":            {"net/http", "os", "database/sql"},
	"internal/report":          {"net/http", "os", "database/sql"},
	"internal/event/pattern":   {"net/http", "os", "database/sql"},
	"internal/event/transform": {"net/http", "os", "database/sql"},
	"internal/event/delivery":  {"net/http", "database/sql"},
	"internal/scan/match":      {"net", "net/http", "os", "database/sql"},
	"internal/meta":            {"net/http"},
	"internal/job":             {"net/http", "database/sql"},
	"internal/service":         {"net/http", "database/sql", "github.com/uptrace/bun"},
	"internal/oci":             {"database/sql", "github.com/uptrace/bun"},
	"internal/awsapi":          {"database/sql", "github.com/uptrace/bun"},
}

// lookUp answers the value for a path or its nearest parent.
func lookUp[V any](table map[string]V, dir string) (value V, room string, ok bool) {
	for ; dir != "." && dir != "/" && dir != ""; dir = path.Dir(dir) {
		if v, ok := table[dir]; ok {
			return v, dir, true
		}
	}
	return value, "", false
}

func importComplaints(all []listed) []string {
	var complaints []string
	for _, p := range all {
		from := ours(p.ImportPath)
		if _, _, ok := lookUp(rooms, from); !ok {
			complaints = append(complaints, fmt.Sprintf("%s is a new room: give it a layer in test/house/imports_test.go", from))
			continue
		}
		for _, i := range p.Imports {
			if text := complainAbout(from, i); text != "" {
				complaints = append(complaints, fmt.Sprintf("%s must not import %s: %s", from, i, text))
			}
		}
	}
	return complaints
}

// ours answers a path below the module, "" for a package from elsewhere.
func ours(importPath string) string {
	rest, ok := strings.CutPrefix(importPath, module+"/")
	if !ok {
		return ""
	}
	return rest
}

// complainAbout says why one import is wrong, or "".
func complainAbout(from, imported string) string {
	to := ours(imported)
	if to == "" {
		if unwanted, room, ok := lookUp(strangers, from); ok && slices.Contains(unwanted, imported) {
			return room + " has nothing to do with it"
		}
		return ""
	}
	fromLayer, fromRoom, _ := lookUp(rooms, from)
	toLayer, toRoom, ok := lookUp(rooms, to)
	switch {
	case !ok:
		return "that room has no layer"
	case fromLayer == transport && (within(to, "internal/meta") || within(to, "internal/blob")):
		return "transports reach content and metadata through use cases"
	case fromLayer == transport && toLayer == transport && fromRoom != toRoom:
		return "transports do not know each other"
	case fromLayer == ground && fromRoom != toRoom:
		return "it stands on nothing of ours"
	case toLayer == adapter && fromRoom != toRoom && fromLayer != command && fromLayer != harness:
		return "adapters are for commands and tests"
	case fromRoom != toRoom && !slices.Contains(allowed[fromLayer], toLayer):
		return "imports go from commands to transports to use cases to ports to nouns"
	}
	return ""
}

func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}

func TestImportRulesComplain(t *testing.T) {
	for _, test := range []struct {
		from, to string
		fine     bool
	}{
		{"internal/registry", "internal/meta", false},
		{"internal/registry", "net/http", false},
		{"internal/registry", "strings", true},
		{"internal/reqlog", "internal/registry", false},
		{"internal/meta", "internal/job", true},
		{"internal/meta", "internal/meta/sql", false},
		{"internal/meta", "internal/service", false},
		{"internal/meta/sql", "internal/meta", true},
		{"internal/meta/sql", "internal/meta/sql/migrations", true},
		{"internal/meta/sql", "internal/service", false},
		{"internal/scan/match", "internal/scan", false},
		{"internal/scan/match/version", "internal/scan", false},
		{"internal/scan", "internal/scan/match", true},
		{"internal/service", "internal/blob", true},
		{"internal/service", "internal/blob/disk", false},
		{"internal/service", "internal/oci", false},
		{"internal/service", "database/sql", false},
		{"internal/oci", "internal/service", true},
		{"internal/oci", "internal/iam", true},
		{"internal/oci", "internal/awsapi", false},
		{"internal/awsapi/ecr", "internal/awsapi", true},
		{"internal/awsapi/ecr", "internal/awsapi/sts", true},
		{"internal/awsapi/ecr", "internal/blob", false},
		{"internal/awsapi/ecr", "internal/meta", false},
		{"internal/awsapi/ecr", "internal/meta/sql", false},
		{"internal/awsapi/ecr", "internal/server", false},
		{"internal/server", "internal/reqlog", true},
		{"internal/server", "internal/service", false},
		{"cmd/ecru", "internal/blob/disk", true},
		{"cmd/ecru", "internal/blob/blobtest", false},
		{"cmd/ecru", "internal/awsapi/apitest", false},
		{"internal/awsapi/ecr", "internal/awsapi/apitest", false},
		{"internal/service", "internal/awsapi/apitest", false},
		{"internal/awsapi/apitest", "internal/meta/sql", true},
		{"internal/awsapi/apitest", "internal/server", false},
		{"cmd/ecru", "test/fixture", false},
		{"test/chaos", "internal/service", false},
		{"test/chaos", "test/server", true},
	} {
		imported := test.to
		if strings.Contains(imported, "internal") || strings.HasPrefix(imported, "test/") {
			imported = module + "/" + imported
		}
		got := importComplaints([]listed{{ImportPath: module + "/" + test.from, Imports: []string{imported}}})
		if fine := len(got) == 0; fine != test.fine {
			t.Errorf("%s → %s: complaints %q", test.from, test.to, got)
		}
	}
	if got := importComplaints([]listed{{ImportPath: module + "/internal/novelty"}}); len(got) != 1 {
		t.Errorf("a package without a layer: complaints %q", got)
	}
}

package compat

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/postgres"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

var write = flag.Bool("write", false, "write docs/compatibility.md instead of comparing with it")

// databaseEnv set to postgres runs the checks on PostgreSQL.
const databaseEnv = "ECRU_TEST_DATABASE"

// Quotas that are low enough to be exceeded.
const (
	maxRepositories = 110
	maxImages       = 110
	maxTags         = 5
	maxLayerParts   = 3
	maxCacheRules   = 105
	maxEventRules   = 12
)

func operations() []*operation {
	return slices.Concat(
		repositoryRows(),
		tagRows(),
		policyRows(),
		lifecycleRows(),
		imageRows(),
		describeRows(),
		layerRows(),
		scanRows(),
		registryRows(),
		replicationRows(),
		upstreamRows(),
		templateRows(),
	)
}

func options(t *testing.T) server.Options {
	advisories := filepath.Join(t.TempDir(), "osv")
	if err := errors.Join(
		sample.WriteAdvisories(advisories), sample.Publish(advisories, sample.ApplicationAdvisories()...), sample.WriteRisks(advisories),
	); err != nil {
		t.Fatal(err)
	}
	o := server.Options{Advisories: advisories, Args: flags()}
	if os.Getenv(databaseEnv) == "postgres" {
		o.Database = postgres.New(t)
	}
	return o
}

// TestOperations runs all checks of all operations and holds what has passed
// against docs/compatibility.md.
func TestOperations(t *testing.T) {
	house := newHouse(t, options(t))
	// With what is known of vulnerabilities beside, which no scan waits for.
	for _, ecosystems := range [][]string{{"Alpine", "npm", "PyPI"}, nil} {
		house.server.Run(t, append([]string{"advisories", "update", "--data", house.server.Data}, ecosystems...)...)
	}
	rows := operations()
	results := make([]*result, len(rows))
	t.Run("ECR", func(t *testing.T) {
		for i, op := range rows {
			results[i] = &result{operation: op}
			t.Run(op.name, func(t *testing.T) {
				t.Parallel()
				results[i].run(t, house)
			})
		}
	})
	var others [][]*outcome
	for _, s := range apis() {
		others = append(others, s.run(t, house))
	}
	var shared int
	t.Run("protocol", func(t *testing.T) { shared = runProtocol(t, house) })
	for _, name := range []string{"test.run", "test.skip"} {
		if flag.Lookup(name).Value.String() == "" {
			continue
		}
		if *write {
			t.Errorf("-%s chooses some of the checks, and docs/compatibility.md is about all of them: it is not written", name)
		}
		t.Logf("-%s chooses some of the checks, so docs/compatibility.md is not compared", name)
		return
	}
	for _, r := range results {
		if len(r.operation.later) > 0 && house.told(r.operation.name) == "" {
			t.Errorf("%s has something that cannot be tried yet, and no answer says what", r.operation.name)
		}
	}
	compare(t, document(t, house, results, shared, others))
}

// result is what came out of the checks of an operation.
type result struct {
	operation   *operation
	ran, passed [columns]int
}

func (r *result) run(t *testing.T, house *house) {
	op := r.operation
	common := house.account(t)
	op.in = op.good(common)
	for _, c := range op.checks {
		t.Run(c.column.String()+"/"+c.name, func(t *testing.T) {
			defer func() {
				r.ran[c.column]++
				if !t.Failed() && !t.Skipped() {
					r.passed[c.column]++
				}
			}()
			if c.common {
				c.run(common.in(t), op)
				return
			}
			c.run(house.account(t), op)
		})
	}
}

// compare holds a document against the one that is kept, or writes it.
func compare(t *testing.T, want string) {
	t.Helper()
	file := filepath.Join(fixture.Root(t), "docs", "compatibility.md")
	if *write {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(got), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("docs/compatibility.md does not tell what has just passed; \"go test ./test/compat -write\" writes it. It has -, should have +\n%s", diff)
	}
}

package sql

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// importEnv makes this test program a process that imports until it is killed.
const importEnv = "ECRU_TEST_IMPORT_DATABASE"

const crashPackages = 1500

// TestAKilledImportLeavesTheOneBefore kills a process in the middle of imports,
// each time at another place: what is visible is all of one import, and the
// changes that are told are those of the imports that were committed.
func TestAKilledImportLeavesTheOneBefore(t *testing.T) {
	if path := os.Getenv(importEnv); path != "" {
		importUntilKilled(path)
		return
	}
	path := filepath.Join(t.TempDir(), "ecru.db")
	for round := range 4 {
		importAndKill(t, path, 5+round*7)
		s := open(t, "sqlite:"+path)
		checkImported(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func checkImported(t *testing.T, s *Store) {
	t.Helper()
	all, err := s.Sources(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	entries, err := s.Page(t.Context(), "Go", all[0].Generation, advisory.Key{}, 10*crashPackages)
	if err != nil || len(entries) != crashPackages {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	version := fmt.Sprint(all[0].Records)
	for _, e := range entries {
		if string(e.Data) != version {
			t.Fatalf("%s says %s, the import was %s", e.Package, e.Data, version)
		}
	}
	changes, err := s.Changes(t.Context(), 0, 1_000_000)
	if err != nil || int64(len(changes)) != all[0].Records*crashPackages {
		t.Errorf("%d changes of %d imports, %v", len(changes), all[0].Records, err)
	}
	for i, c := range changes {
		if c.Seq != int64(i+1) || c.Package != fmt.Sprintf("p%05d", i%crashPackages) {
			t.Fatalf("change %d is %+v", i, c)
		}
	}
	// What killed imports have left goes away.
	if err := untilDone(t.Context(), s.purgeAdvisoriesStep); err != nil {
		t.Fatal(err)
	}
	for what, question := range map[string]string{
		"entries": `SELECT count(*) FROM advisory_entries e WHERE e.generation NOT IN (SELECT generation FROM advisory_sources)`,
		"changes": `SELECT count(*) FROM advisory_changes d WHERE d.generation NOT IN (SELECT generation FROM advisory_commits)`,
	} {
		// The import that was running when the process was killed counts as
		// running until another begins.
		n, left := 0, `SELECT importing FROM advisory_sources`
		if _, err := s.read.row(t.Context(), question+` AND generation NOT IN (`+left+`)`, nil, &n); err != nil || n != 0 {
			t.Errorf("%d %s are left, %v", n, what, err)
		}
	}
}

// importAndKill runs this program until it has told of some steps.
func importAndKill(t *testing.T, path string, steps int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAKilledImportLeavesTheOneBefore$")
	child.Env = append(os.Environ(), importEnv+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n++; n == steps {
			_ = child.Process.Kill()
		}
	}
	if err := child.Wait(); err == nil || n < steps {
		t.Errorf("the process ended before it was killed, after %d steps", n)
	}
}

func importUntilKilled(path string) {
	ctx := context.Background()
	s, err := Open(ctx, Config{URL: "sqlite:" + path})
	for version := int64(1); err == nil; version++ {
		var all []advisory.Source
		if all, err = s.Sources(ctx); len(all) == 1 {
			version = all[0].Records + 1
		}
		if err == nil {
			err = importVersion(ctx, s, version)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// importVersion tells of its steps on the way.
func importVersion(ctx context.Context, s *Store, version int64) error {
	imp, err := s.BeginImport(ctx, "Go")
	if err != nil {
		return err
	}
	var batch []advisory.Entry
	for i := range crashPackages {
		e := advisory.Entry{Package: fmt.Sprintf("p%05d", i), ID: "1", Data: fmt.Append(nil, version)}
		binary.LittleEndian.PutUint64(e.Content[:], uint64(version))
		if batch = append(batch, e); len(batch) == 500 {
			if err := imp.Add(ctx, batch); err != nil {
				return err
			}
			batch = nil
			fmt.Println("added")
		}
	}
	fmt.Println("commits")
	err = imp.Commit(ctx, advisory.Source{Records: version})
	fmt.Println("committed")
	return err
}

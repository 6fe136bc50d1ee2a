package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/sample"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ecru": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestCommandLine runs the scripts of testdata, each a way to use or misuse
// the command line.
func TestCommandLine(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			return sample.WriteAdvisories(filepath.Join(env.WorkDir, "export"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor":    waitFor,
			"eventually": eventually,
			"mode":       checkMode,
			"interrupt":  func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(interrupt(ts, args[0])) },
			"newer":      makeNewer,
			"callas":     callAs,
			"idof":       idOf,
			"idin":       idIn,
			"nosecret":   noSecret,
		},
	})
}

// waitFor waits until a file is there: "waitfor FILE".
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not appear", args[0])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// checkMode compares the permissions of a file: "mode FILE OCTAL".
func checkMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// interrupt stops a background command in order: "interrupt NAME". The one that
// follows events is called follower, all others are servers.
func interrupt(ts *testscript.TestScript, name string) error {
	does := "serve"
	if name == "follower" {
		does = "--follow"
	}
	for _, command := range ts.BackgroundCmds() {
		if strings.Contains(strings.Join(command.Args, " "), does) && command.ProcessState == nil {
			return command.Process.Signal(os.Interrupt)
		}
	}
	return fmt.Errorf("no background command %s", name)
}

// makeNewer marks a database as written by a version to come: "newer FILE".
func makeNewer(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	ts.Check(errors.Join(err, db.Close()))
}

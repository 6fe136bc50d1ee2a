package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/awsmodel"
	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/server"
)

// wrapper is an aws that talks to ecru, however old the real one is: version
// 2.9 of Debian 12 does not read AWS_ENDPOINT_URL. Where a story wants to know
// which operations it called, it says how each ended.
const wrapper = `#!/bin/sh
status=0
%s --endpoint-url "$AWS_ENDPOINT_URL" "$@" || status=$?
[ -z "${CALLS:-}" ] || echo "$1 $2 $status" >>"$CALLS"
exit $status
`

// readModel reads the model of ECR once, and readInspector that of Inspector: they
// are the same for all stories.
var (
	readModel     = sync.OnceValues(func() (*awsmodel.Model, error) { return awsmodel.Read(".") })
	readInspector = sync.OnceValues(func() (*awsmodel.Model, error) { return awsmodel.ReadInspector(".") })
)

func apiModel(t *testing.T) *awsmodel.Model {
	t.Helper()
	m, err := readModel()
	must(t, err)
	return m
}

// models writes the models of what ecru serves where the AWS CLI and boto3 are to
// find them, whatever they know themselves.
func models(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, apiModel(t).Write(dir))
	inspector, err := readInspector()
	must(t, err)
	must(t, inspector.Write(dir))
	return dir
}

// commands makes a directory with the commands of this test: ecru, and the
// given AWS CLI if it is not "".
func commands(t *testing.T, cli string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Symlink(server.Binary(t), filepath.Join(dir, "ecru")))
	if cli != "" {
		must(t, os.WriteFile(filepath.Join(dir, "aws"), fmt.Appendf(nil, wrapper, cli), 0o700)) //nolint:gosec // a program
	}
	return dir
}

// awsCLIs answers the installed AWS CLIs, the one that users get first.
func awsCLIs(t *testing.T) []string {
	t.Helper()
	own := filepath.Join(fixture.Root(t), ".tools")
	return programs(t, "aws", func(path string) bool { return !strings.HasPrefix(path, own) })
}

// firstCLI answers the AWS CLI that users get, "" if none is installed.
func firstCLI(t *testing.T) string {
	t.Helper()
	if all := awsCLIs(t); len(all) > 0 {
		return all[0]
	}
	return ""
}

// pythons answers the interpreters that have boto3: a package of Debian is
// only seen by Debian's own.
func pythons(t *testing.T) []string {
	t.Helper()
	return programs(t, "python3", func(path string) bool {
		return exec.Command(path, "-c", "import boto3").Run() == nil
	})
}

// programs answers all programs of a name that are good, each once.
func programs(t *testing.T, name string, good func(path string) bool) []string {
	t.Helper()
	var all, targets []string
	for _, dir := range filepath.SplitList(toolPath(t)) {
		path, err := filepath.Abs(filepath.Join(dir, name))
		must(t, err)
		target, err := filepath.EvalSymlinks(path)
		if err != nil || slices.Contains(targets, target) || !executable(path) || !good(path) {
			continue
		}
		all, targets = append(all, path), append(targets, target)
	}
	return all
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !info.IsDir()
}

// allCalled is the script's command "all-called FILE REFUSED…": every operation
// of the API is in the file that the wrapper has written, and succeeded; but
// those named after it were called and never did. One that was not called
// fails the story, and so does one that is served now and still said to be
// refused.
func allCalled(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	operations := apiModel(t).Commands()
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) == 0 {
			ts.Fatalf("usage: all-called FILE REFUSED…")
		}
		wrong := misses(operations, ts.ReadFile(args[0]), args[1:])
		if len(wrong) > 0 {
			ts.Fatalf("%d of %d operations:\n%s", len(wrong), len(operations), strings.Join(wrong, "\n"))
		}
		ts.Logf("all %d operations were called", len(operations))
	}
}

// misses reads what the wrapper has written and says which operations did not
// end as they should.
func misses(operations []string, calls string, refused []string) []string {
	called, succeeded := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(calls) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "ecr" {
			called[f[1]] = true
			succeeded[f[1]] = succeeded[f[1]] || f[2] == "0"
		}
	}
	var wrong []string
	for _, operation := range operations {
		switch {
		case !called[operation]:
			wrong = append(wrong, operation+" was not called")
		case succeeded[operation] && slices.Contains(refused, operation):
			wrong = append(wrong, operation+" is served, and was to be refused")
		case !succeeded[operation] && !slices.Contains(refused, operation):
			wrong = append(wrong, operation+" never succeeded")
		}
	}
	return wrong
}

func TestMissesAreFound(t *testing.T) {
	calls := "ecr put-image 255\necr put-image 0\necr list-images 254\nsts get-session-token 0\necr start 0\necr stop 254\n"
	got := misses([]string{"put-image", "list-images", "get-session-token", "start", "stop"}, calls, []string{"start", "stop"})
	want := []string{"list-images never succeeded", "get-session-token was not called", "start is served, and was to be refused"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

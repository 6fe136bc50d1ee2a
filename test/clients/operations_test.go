package clients

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// TestOperations calls every operation of the API through the AWS CLI and
// through each boto3 that is installed. One server sees them all, so that each
// has to leave the registry as it found it.
func TestOperations(t *testing.T) {
	source, err := sample.Advisories(fixture.Root(t), t.TempDir())
	must(t, err)
	t.Log(source.Said)
	image := scannable(t)
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database, Advisories: source.Place})
		t.Run("aws", func(t *testing.T) {
			need(t, "jq")
			// Where there are two, as of versions 1 and 2, each database gets one:
			// what a client sends does not depend on the database.
			clis := installed(t, "aws", awsCLIs(t))
			cli := clis[0]
			if database != "" {
				cli = clis[len(clis)-1]
			}
			t.Run(title(cli), func(t *testing.T) { operate(t, "operations-aws.txtar", environment(t, s, image, cli)) })
		})
		t.Run("boto3", func(t *testing.T) {
			for _, python := range installed(t, "boto3", pythons(t)) {
				variables := append(environment(t, s, image, ""), "PYTHON="+python)
				t.Run(title(python), func(t *testing.T) { operate(t, "operations-boto3.txtar", variables) })
			}
		})
	})
}

func installed(t *testing.T, what string, found []string) []string {
	t.Helper()
	if len(found) == 0 {
		missing(t, what+" is not installed; scripts/install-test-tools.sh installs it")
	}
	return found
}

// title makes the name of a test of a path.
func title(path string) string { return strings.ReplaceAll(path[1:], "/", "-") }

func operate(t *testing.T, script string, variables []string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", script)},
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "HOME="+env.WorkDir)
			env.Vars = append(env.Vars, variables...)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"all-called": allCalled(t)},
	})
}

// scannable is an image of a released Alpine, in which something is found.
func scannable(t *testing.T) *images {
	t.Helper()
	root, source, err := sample.Rootfs(fixture.Root(t))
	must(t, err)
	t.Log(source.Said)
	image, err := sample.Image(root)
	must(t, err)
	dir := filepath.Join(t.TempDir(), "image")
	must(t, newLayout(t, dir).AppendImage(image, layout.WithAnnotations(refName("image"))))
	return &images{image: dir, imageDigest: text(t, image.Digest)}
}

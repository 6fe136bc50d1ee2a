package clients

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/postgres"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// scanningStories are the stories of enhanced scanning that the AWS CLI tells on a
// database: each call of it takes half a second, and what it sends does not depend
// on the database. boto3 calls everything on both.
func scanningStories(database string) []string {
	if database == "sqlite" {
		return []string{"inspector-aws.txtar"}
	}
	return []string{"scanning-article.txtar"}
}

// TestInspector tells the stories of enhanced scanning through the AWS CLI and
// through each boto3 that is installed. How a registry scans is one setting of it,
// so each story has a server of its own, and a feed of advisories.
func TestInspector(t *testing.T) {
	image := application(t)
	tell := func(t *testing.T, database string, makeDatabase func(testing.TB) string) {
		clis := installed(t, "aws", awsCLIs(t))
		for n, script := range scanningStories(database) {
			t.Run(strings.TrimSuffix(script, ".txtar"), func(t *testing.T) {
				t.Parallel()
				need(t, "jq")
				need(t, "skopeo")
				// Where there are two CLIs, as of versions 1 and 2, each gets a story.
				if database == "postgres" {
					n++
				}
				tellScanning(t, makeDatabase(t), script, clis[n%len(clis)], image)
			})
		}
		t.Run("inspector-boto3", func(t *testing.T) {
			t.Parallel()
			need(t, "skopeo")
			for _, python := range installed(t, "boto3", pythons(t)) {
				t.Run(title(python), func(t *testing.T) {
					tellScanning(t, makeDatabase(t), "inspector-boto3.txtar", "", image, "PYTHON="+python)
				})
			}
		})
	}
	t.Run("sqlite", func(t *testing.T) { tell(t, "sqlite", func(testing.TB) string { return "" }) })
	t.Run("postgres", func(t *testing.T) { tell(t, "postgres", postgres.New) })
}

// application is an image in whose system and packages of npm and PyPI something
// is found, in a layout.
func application(t *testing.T) *images {
	t.Helper()
	system, err := sample.Alpine("3.20.3")
	must(t, err)
	top, err := sample.Application("")
	must(t, err)
	image, err := sample.Image(system, top)
	must(t, err)
	dir := filepath.Join(t.TempDir(), "image")
	must(t, newLayout(t, dir).AppendImage(image, layout.WithAnnotations(refName("image"))))
	return &images{image: dir, imageDigest: text(t, image.Digest)}
}

func tellScanning(t *testing.T, database, script, cli string, image *images, variables ...string) {
	t.Helper()
	feed := filepath.Join(t.TempDir(), "osv")
	must(t, errors.Join(sample.WriteAdvisories(feed), sample.Publish(feed, sample.ApplicationAdvisories()...), sample.WriteRisks(feed)))
	s := server.Start(t, server.Options{Database: database, Advisories: feed})
	library, err := filepath.Abs(filepath.Join("testdata", "api.sh"))
	must(t, err)
	variables = append(variables, environment(t, s, image, cli)...)
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", script)},
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "API="+library, "RECEIVED=/dev/null", "REGISTRY_AUTH_FILE="+env.WorkDir+"/auth.json")
			env.Vars = append(env.Vars, variables...)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"succeeded": succeeded,
			"publish":   func(ts *testscript.TestScript, _ bool, args []string) { publish(ts, feed, args) },
			"publish-alpine": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 3 {
					ts.Fatalf("usage: publish-alpine CVE PACKAGE FIXED")
				}
				ts.Check(sample.WriteNewAdvisory(feed, args[0], args[1], args[2]))
			},
		},
	})
}

// publish is the script's command "publish ID CVE PACKAGE": the feed has an advisory
// for a package of npm more, of which no version is fixed.
func publish(ts *testscript.TestScript, feed string, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: publish ID CVE PACKAGE")
	}
	all := append(sample.ApplicationAdvisories(), sample.Advisory{
		ID: args[0], CVE: args[1], Ecosystem: "npm", Package: args[2], CVSS: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
		Published: "2026-08-01", Summary: "Something new in " + args[2],
	})
	ts.Check(sample.Publish(feed, all...))
}

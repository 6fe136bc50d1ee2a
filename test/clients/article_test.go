package clients

import (
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// TestArticle tells the story of a CI script whose scans failed because the
// CLAIR engine did not know Alpine 3.21, and that was moved to AWS_NATIVE
// (dev.classmethod.jp, "Next.js image scanning, moved to the new AWS Native",
// 2025-01-10), with the AWS CLI and jq as the article has them.
func TestArticle(t *testing.T) {
	need(t, "aws")
	need(t, "jq")
	source, err := sample.Advisories(fixture.Root(t), t.TempDir())
	must(t, err)
	t.Log(source.Said)
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database, Advisories: source.Place})
		testscript.Run(t, testscript.Params{
			Files: []string{filepath.Join("testdata", "article.txtar")},
			Setup: func(env *testscript.Env) error {
				env.Vars = append(env.Vars, environment(t, s, &images{}, firstCLI(t))...)
				return nil
			},
			Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
				"push-alpine": func(ts *testscript.TestScript, _ bool, args []string) {
					pushAlpine(t, ts, s, args)
				},
			},
		})
	})
}

// pushAlpine is the script's command "push-alpine VERSION REPOSITORY:TAG": it
// builds and pushes what "FROM node:20-alpine" stands for in the article.
func pushAlpine(t *testing.T, ts *testscript.TestScript, s *server.Server, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: push-alpine VERSION REPOSITORY:TAG")
	}
	layer, err := sample.Alpine(args[0])
	ts.Check(err)
	image, err := sample.Image(layer)
	ts.Check(err)
	reference, err := name.ParseReference(s.Host+"/"+args[1], name.Insecure)
	ts.Check(err)
	auth := remote.WithAuth(&authn.Basic{Username: "AWS", Password: s.Password(t)})
	ts.Check(remote.Write(reference, image, auth))
	digest, err := image.Digest()
	ts.Check(err)
	ts.Setenv("DIGEST", digest.String())
}

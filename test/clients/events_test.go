package clients

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/sample"
	"github.com/ecru-registry/ecru/test/server"
)

// cliStories are the stories of events and secrets that the AWS CLI tells on a
// database. Each call of it takes half a second, and what it sends does not
// depend on the database: boto3 calls everything on both.
func cliStories(database string) []string {
	if database == "" {
		return []string{"events-aws.txtar", "secrets-aws.txtar"}
	}
	return []string{"events-rules-aws.txtar"}
}

// TestEvents tells the stories of events and secrets through the AWS CLI and
// through each boto3 that is installed. The stories of a database run side by
// side against one server, so each names what it makes after itself.
func TestEvents(t *testing.T) {
	source, err := sample.Advisories(fixture.Root(t), t.TempDir())
	must(t, err)
	t.Log(source.Said)
	image := scannable(t)
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database, Advisories: source.Place, Args: []string{"--log-level", "debug"}})
		e := &eventStories{server: s, database: database, images: image}
		t.Run("stories", func(t *testing.T) {
			for n, script := range cliStories(database) {
				t.Run(strings.TrimSuffix(script, ".txtar"), func(t *testing.T) { e.tellCLI(t, script, n) })
			}
			for _, script := range []string{"events-boto3.txtar", "secrets-boto3.txtar"} {
				t.Run(strings.TrimSuffix(script, ".txtar"), func(t *testing.T) { e.tellPythons(t, script) })
			}
		})
	})
}

// eventStories is what stories are told with.
type eventStories struct {
	server   *server.Server
	database string
	images   *images
}

// tellCLI tells a story with one CLI. Where there are two, as of versions 1 and
// 2, the first tells the longest story and the other one the rest.
func (e *eventStories) tellCLI(t *testing.T, script string, n int) {
	t.Parallel()
	need(t, "jq")
	need(t, "skopeo")
	clis := installed(t, "aws", awsCLIs(t))
	if e.database != "" {
		n++
	}
	cli := clis[n%len(clis)]
	t.Run(title(cli), func(t *testing.T) { e.tell(t, script, environment(t, e.server, e.images, cli)) })
}

func (e *eventStories) tellPythons(t *testing.T, script string) {
	t.Parallel()
	for n, python := range installed(t, "boto3", pythons(t)) {
		variables := append(environment(t, e.server, e.images, ""), "PYTHON="+python, "STORY="+string(rune('a'+n)))
		t.Run(title(python), func(t *testing.T) { e.tell(t, script, variables) })
	}
}

func (e *eventStories) tell(t *testing.T, script string, variables []string) {
	t.Helper()
	variables = append(variables, startReceiver(t)...)
	library, err := filepath.Abs(filepath.Join("testdata", "api.sh"))
	must(t, err)
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", script)},
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "API="+library, "AWS_CONFIG_FILE="+env.WorkDir+"/config",
				"REGISTRY_AUTH_FILE="+env.WorkDir+"/auth.json")
			env.Vars = append(env.Vars, variables...)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"succeeded": succeeded,
			"kept":      e.kept,
		},
	})
}

// succeeded is the script's command "succeeded FILE SERVICE OPERATION…": by what
// the wrapper has written, each of the operations has succeeded at least once.
func succeeded(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: succeeded FILE SERVICE OPERATION…")
	}
	calls := "\n" + ts.ReadFile(args[0])
	for _, operation := range args[2:] {
		if !strings.Contains(calls, "\n"+args[1]+" "+operation+" 0\n") {
			ts.Fatalf("%s %s never succeeded", args[1], operation)
		}
	}
}

// kept is the script's command "kept TEXT…": each text is, in clear or in hex or
// base64, in a file of the data directory, in the log, or in the database.
func (e *eventStories) kept(ts *testscript.TestScript, neg bool, args []string) {
	places := e.places(ts)
	for _, text := range args {
		var found []string
		for name, content := range places {
			for _, form := range []string{text, hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text))} {
				if bytes.Contains(content, []byte(strings.TrimRight(form, "="))) {
					found = append(found, name)
				}
			}
		}
		if neg != (len(found) == 0) {
			ts.Fatalf("%q is kept in %q of %d places", text, found, len(places))
		}
	}
}

// places are all that the server has written.
func (e *eventStories) places(ts *testscript.TestScript) map[string][]byte {
	places := map[string][]byte{"log": []byte(e.server.Log())}
	ts.Check(filepath.WalkDir(e.server.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server has just done with it
		}
		places[path] = content
		return err
	}))
	if e.database != "" {
		ts.Check(readTables(e.database, places))
	}
	return places
}

// readTables reads all that a database of PostgreSQL holds.
func readTables(url string, into map[string][]byte) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	tables, err := texts(ctx, conn, "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
	if err != nil {
		return err
	}
	for _, table := range tables {
		rows, err := texts(ctx, conn, "SELECT t::text FROM "+table+" t")
		if err != nil {
			return err
		}
		into["table "+table] = []byte(strings.Join(rows, "\n"))
	}
	return nil
}

func texts(ctx context.Context, conn *pgx.Conn, query string) ([]string, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/postgres"
	"github.com/ecru-registry/ecru/test/server"
)

// stories are the scripts of testdata and the tools that each needs. The
// scripts log in as a person does, with the AWS CLI.
var stories = []struct {
	script string
	tools  []string
}{
	{"aws.txtar", []string{"aws", "jq"}},
	{"boto3.txtar", []string{"python3"}},
	{"sts.txtar", []string{"aws", "python3", "curl"}},
	{"skopeo.txtar", []string{"aws", "skopeo"}},
	{"crane.txtar", []string{"aws", "crane"}},
	{"regctl.txtar", []string{"aws", "regctl"}},
	{"buildah.txtar", []string{"aws", "buildah"}},
	{"podman.txtar", []string{"aws", "podman"}},
	{"docker.txtar", []string{"aws", "docker", "dockerd"}},
	{"access.txtar", []string{"aws", "jq", "skopeo"}},
}

func TestClients(t *testing.T) {
	images := buildImages(t)
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		t.Run("stories", func(t *testing.T) {
			for _, story := range stories {
				t.Run(strings.TrimSuffix(story.script, ".txtar"), func(t *testing.T) {
					tell(t, s, images, story.script, story.tools)
				})
			}
		})
	})
}

func tell(t *testing.T, s *server.Server, images *images, script string, tools []string) {
	for _, tool := range tools {
		need(t, tool)
	}
	variables := environment(t, s, images, firstCLI(t))
	switch script {
	case "docker.txtar":
		variables = append(variables, "DOCKER_HOST="+startDocker(t))
	case "boto3.txtar":
		variables = append(variables, "PYTHON="+installed(t, "boto3", pythons(t))[0])
	case "sts.txtar":
		variables = append(variables, "PYTHON="+installed(t, "boto3", pythons(t))[0])
		variables = append(variables, identities(t, s)...)
	case "podman.txtar", "buildah.txtar":
		needRoot(t)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", script)},
		Setup: func(env *testscript.Env) error {
			// A home of its own keeps logins and images out of the user's.
			env.Vars = append(env.Vars, "HOME="+env.WorkDir, "XDG_RUNTIME_DIR="+env.WorkDir,
				"DOCKER_CONFIG="+env.WorkDir+"/docker", "REGISTRY_AUTH_FILE="+env.WorkDir+"/auth.json")
			env.Vars = append(env.Vars, variables...)
			return nil
		},
	})
}

// environment is what stories find; cli is the AWS CLI that they get as "aws".
func environment(t *testing.T, s *server.Server, images *images, cli string) []string {
	t.Helper()
	c := s.Credentials
	return []string{
		"PATH=" + commands(t, cli) + string(filepath.ListSeparator) + toolPath(t), "ECRU_DATA=" + s.Data,
		"HOST=" + s.Host,
		"AWS_ENDPOINT_URL=" + s.URL, "AWS_REGION=" + c.Region, "AWS_DEFAULT_REGION=" + c.Region,
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
		"AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true", "AWS_DATA_PATH=" + models(t),
		"IMAGE=" + images.image, "IMAGE_DIGEST=" + images.imageDigest,
		"INDEX=" + images.index, "INDEX_DIGEST=" + images.indexDigest,
		"TARBALL=" + images.tarball, "CONFIG_DIGEST=" + images.configDigest,
	}
}

// toolPath puts the tools of the project before those of the machine; daemons
// are where users do not look.
func toolPath(t *testing.T) string {
	t.Helper()
	own := filepath.Join(fixture.Root(t), ".tools", "bin")
	return strings.Join([]string{own, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, string(filepath.ListSeparator))
}

// need skips the test without a tool.
func need(t *testing.T, tool string) {
	t.Helper()
	if find(t, tool) == "" {
		missing(t, tool+" is not installed; scripts/install-test-tools.sh installs it")
	}
}

// find returns where a tool is, or "".
func find(t *testing.T, tool string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(toolPath(t)) {
		path := filepath.Join(dir, tool)
		if executable(path) {
			return path
		}
	}
	return ""
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv(postgres.RequireToolsEnv) == "1" {
		t.Fatalf("%s (required by %s=1)", why, postgres.RequireToolsEnv)
	}
	t.Skip(why)
}

// needRoot: what podman and buildah need as another user depends on the
// machine (id maps, a session), so only root is tried.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "containers are only built as root here")
	}
}

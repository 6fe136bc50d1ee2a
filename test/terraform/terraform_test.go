package terraform

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/server"
)

// PluginsEnv names a directory with the AWS provider, laid out as "terraform
// providers mirror" leaves it.
const PluginsEnv = "ECRU_TERRAFORM_PLUGINS"

// noChanges is what "terraform plan -detailed-exitcode" ends with when there is
// nothing to do; 2 is that there is.
const noChanges = 0

func command(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not on the PATH; what it would send is replayed by the other tests")
	}
	return path
}

func TestTheConfigurationIsFormatted(t *testing.T) {
	cmd := exec.Command(command(t), "fmt", "-check", "-diff", "-recursive", filepath.Join(fixture.Root(t), "deploy", "terraform"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %v\n%s", err, out)
	}
}

func TestTerraformItselfAppliesAndDestroys(t *testing.T) {
	binary := command(t)
	plugins := os.Getenv(PluginsEnv)
	if plugins == "" {
		t.Skip(PluginsEnv + " names no directory with the AWS provider, and the registry that has it is not asked")
	}
	s := server.Start(t, server.Options{})
	r := root{binary: binary, dir: workspace(t), environment: terraformEnvironment(t, s, plugins)}
	for _, c := range []struct {
		args []string
		exit int
	}{
		{[]string{"init", "-input=false"}, 0},
		{[]string{"validate"}, 0},
		{[]string{"apply", "-auto-approve", "-input=false"}, 0},
		{[]string{"plan", "-detailed-exitcode", "-input=false"}, noChanges},
		{[]string{"apply", "-auto-approve", "-input=false", `-var=default_tags={"managed-by":"somebody"}`, `-var=scan_on_push=["app*"]`, "-var=replication_destinations=[]"}, 0},
		{[]string{"apply", "-auto-approve", "-input=false"}, 0},
		{[]string{"plan", "-detailed-exitcode", "-input=false"}, noChanges},
		{[]string{"destroy", "-auto-approve", "-input=false"}, 0},
	} {
		r.run(t, c.exit, c.args...)
	}
	p, at := configure(t, s)
	for _, b := range configuration(at) {
		if b.after == nil && b.address != "aws_ecr_signing_configuration.this" {
			chapter(t, p, "after destroy: "+b.address, b.gone)
		}
	}
}

// root is a copy of deploy/terraform that terraform works in.
type root struct {
	binary, dir string
	environment []string
}

func (r root) run(t *testing.T, exit int, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), r.binary, append(args, "-no-color")...)
	cmd.Dir, cmd.Env = r.dir, r.environment
	out, err := cmd.CombinedOutput()
	got := 0
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	if got != exit {
		t.Fatalf("terraform %s ended with %d, want %d:\n%s", strings.Join(args, " "), got, exit, out)
	}
}

func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(fixture.Root(t), "deploy", "terraform"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// terraformEnvironment is what "ecru env" prints, the endpoint, and a
// configuration that gets the provider from a directory and from nowhere else.
func terraformEnvironment(t *testing.T, s *server.Server, plugins string) []string {
	t.Helper()
	plugins, err := filepath.Abs(plugins)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "terraform.rc")
	text := "provider_installation {\n  filesystem_mirror {\n    path = \"" + filepath.ToSlash(plugins) + "\"\n  }\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "AWS_") || strings.HasPrefix(entry, "TF_")
	})
	return append(kept,
		"AWS_ENDPOINT_URL="+s.URL, "AWS_REGION="+s.Credentials.Region, "TF_VAR_endpoint="+s.URL,
		"AWS_ACCESS_KEY_ID="+s.Credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.Credentials.SecretAccessKey,
		"TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
}

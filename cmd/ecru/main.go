// Command ecru is a private container registry that speaks Amazon ECR.
//
// The package is the command line and the wiring: flags, environment and file
// become a configuration, and the configuration becomes a running server. It is
// the only place that knows every room of the house; it must not hold rules of
// its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the whole command line. Every flag is also ECRU_<FLAG> and a key of
// the file that --config names.
type cli struct {
	Config kong.ConfigFlag `help:"YAML file with flags as keys." placeholder:"FILE" type:"existingfile"`

	Serve      serveCommand      `cmd:"" help:"Run the registry."`
	Env        envCommand        `cmd:"" help:"Print what a shell needs to use the registry: eval \"$(ecru env)\"."`
	Advisories advisoriesCommand `cmd:"" help:"Load and look at vulnerability advisories."`
	Account    accountCommand    `cmd:"" help:"Manage accounts."`
	User       userCommand       `cmd:"" help:"Manage users."`
	Key        keyCommand        `cmd:"" help:"Manage access keys."`
	Role       roleCommand       `cmd:"" help:"Manage roles, which are taken on with temporary credentials."`
	OIDC       oidcCommand       `cmd:"" name:"oidc" help:"Manage OIDC issuers, whose tokens can be changed into temporary credentials."`
	Events     eventsCommand     `cmd:"" help:"Look at events, deliver them again, and look after what could not be delivered."`
	Suppress   suppressCommand   `cmd:"" help:"Say that vulnerabilities do not count: who decided so, why, and for how long."`
	VEX        vexCommand        `cmd:"" name:"vex" help:"Manage VEX documents, which say what vulnerabilities mean for images."`
	Scanner    scannerCommand    `cmd:"" help:"Manage scanners of others, which make basic scans in place of ecru's own."`
	Report     reportCommand     `cmd:"" help:"Fetch reports of findings and exports of bills of materials."`
	Scan       scanCommand       `cmd:"" help:"Scan an image without a server."`
	SBOM       sbomCommand       `cmd:"" name:"sbom" help:"Write the bill of materials of an image."`
	Explain    explainCommand    `cmd:"" help:"Say why a vulnerability is, or is not, among the findings of an image."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// dataFlags say where a registry keeps its things.
type dataFlags struct {
	Data string `help:"Directory of the registry's data." default:"./ecru-data" type:"path"`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run answers the exit code: 0, or 1 with one line on stderr that says why. Of
// scan, 1 means that something was found, and 2 what 1 means of the others.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := execute(ctx, args, stdout, stderr)
	var exit exitError
	switch {
	case err == nil, errors.As(err, &exit) && exit == 0:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintln(stderr, "ecru: "+printable(oneLine(err)))
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return 1
}

// oneLine is an error's text without line breaks.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// exitError is how kong's own exits (after --help) come back to run.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// streams is where commands write.
type streams struct {
	out io.Writer
	err io.Writer
}

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	defer func() {
		if exit, ok := recover().(exitError); ok {
			err = exit
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("ecru"),
		kong.Description("A private container registry that speaks Amazon ECR."),
		kong.DefaultEnvars("ECRU"),
		kong.Configuration(yamlFlags),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exitError(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{out: stdout, err: stderr}),
		kong.Vars{"advisories": publicAdvisories},
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return misused(fmt.Errorf("%w (see ecru --help)", err))
	}
	return parsed.Run()
}

// misused gives a mistake in the flags of scan the code that it has for what was
// not scanned.
func misused(err error) error {
	var mistake *kong.ParseError
	if errors.As(err, &mistake) && mistake.Context != nil {
		if command := mistake.Context.Selected(); command != nil && command.Name == "scan" {
			return &codedError{exitNotScanned, err}
		}
	}
	return err
}

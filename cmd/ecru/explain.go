package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/match"
)

// explainCommand says why a vulnerability is, or is not, among the findings of
// an image.
type explainCommand struct {
	imageFlags
	adviceFlags
	Format        string `help:"What to print: text for people, or JSON." enum:"text,json" default:"text"`
	Image         string `arg:"" help:"The image, named as for ecru scan."`
	Vulnerability string `arg:"" help:"A CVE, or any other id of an advisory."`
}

// Run explains.
func (c *explainCommand) Run(ctx context.Context, s streams) error {
	e, err := c.explain(ctx, s)
	if err != nil {
		return err
	}
	if c.Format == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(e)
	}
	printExplanation(plainly(s.out), c.Image, e)
	return nil
}

// explain reads the image and asks the advisories here. A server that has the
// image could be asked instead: it would answer the same type.
func (c *explainCommand) explain(ctx context.Context, s streams) (e match.Explanation, err error) {
	progress := c.newProgress(s)
	defer progress.finish()
	images, err := c.read(ctx, c.Image, false, progress)
	if err != nil {
		return e, err
	}
	err = c.withMatcher(ctx, &c.imageFlags, ecosystemsOf(images, match.AllPackages), progress, func(m *match.Matcher, notes []string) error {
		progress.finish()
		for _, note := range notes {
			fmt.Fprintf(plainly(s.err), "Note: %s.\n", note)
		}
		e, err = m.Explain(ctx, images[0].Inventory, c.Vulnerability)
		return err
	})
	return e, err
}

// printExplanation shows an explanation to people.
func printExplanation(out io.Writer, image string, e match.Explanation) {
	verdict := "does not affect"
	if e.Found {
		verdict = "affects"
	}
	fmt.Fprintf(out, "%s %s %s.\n", e.ID, verdict, image)
	if len(e.Aliases) > 0 {
		fmt.Fprintf(out, "Also known as %s.\n", strings.Join(e.Aliases, ", "))
	}
	for i := range e.Statements {
		printStatement(out, &e.Statements[i])
	}
}

func printStatement(out io.Writer, st *match.Statement) {
	fmt.Fprintf(out, "\n%s\n  %s\n", st.Outcome, st.Sentence)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-10s %s\n", name, value)
		}
	}
	line("advisory", strings.TrimSpace(st.AdvisoryID+" "+st.URL))
	if p := st.Problem; p != nil {
		line("severity", strings.TrimSpace(string(p.Severity)+" "+p.SeveritySource))
		line("fixed in", p.FixedVersion)
	}
	for _, p := range st.Packages {
		line("package", fmt.Sprintf("%s %s %s", p.Kind, p.Name, p.Version))
		line("  where", p.Path)
		line("  layer", p.Layer)
		line("  part of", p.OwnedBy)
	}
}

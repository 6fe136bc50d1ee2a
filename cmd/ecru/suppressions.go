package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/service"
)

// suppressCommand manages decisions that vulnerabilities do not count.
type suppressCommand struct {
	Add    suppressAdd    `cmd:"" help:"Decide that a vulnerability does not count."`
	List   suppressList   `cmd:"" help:"List the decisions."`
	Remove suppressRemove `cmd:"" help:"Take a decision back."`
}

// aboutFlags say what a decision or a document is for.
type aboutFlags struct {
	Repository string `help:"Only for this repository, or those that a pattern with '*' matches." placeholder:"NAME"`
	Image      string `help:"Only for the image of this digest in the repository." placeholder:"DIGEST"`
}

// until is when something ends: a time, a time from now ("90d", "36h"), or never.
type until struct {
	time.Time
	Never bool
}

// UnmarshalText is called by kong.
func (u *until) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		u.Never = true
		return nil
	}
	if at, err := time.Parse(time.RFC3339, string(text)); err == nil {
		u.Time = at
		return nil
	}
	if at, err := time.Parse(time.DateOnly, string(text)); err == nil {
		u.Time = at
		return nil
	}
	period := string(text)
	var days int
	if _, err := fmt.Sscanf(period, "%dd", &days); err == nil && fmt.Sprintf("%dd", days) == period && days < 36_500 {
		period = fmt.Sprintf("%dh", 24*days)
	}
	ahead, err := time.ParseDuration(period)
	if err != nil || ahead <= 0 {
		return fmt.Errorf("%q is neither a date, a time ahead such as 90d, nor never", text)
	}
	u.Time = time.Now().Add(ahead)
	return nil
}

func (u until) put(in input) {
	if !u.Never && !u.IsZero() {
		in["expiryDate"] = float64(u.UnixMilli()) / 1000
	}
}

type suppressAdd struct {
	manageFlags
	aboutFlags
	Vulnerability string `arg:"" help:"Id of the vulnerability, such as CVE-2024-1234."`
	Reason        string `help:"Why it does not count." required:""`
	Package       string `help:"Only where no other package has it." placeholder:"NAME"`
	Expires       until  `help:"When it counts again: a date, a time from now, or never." default:"90d" placeholder:"DATE|90d|never"`
}

// Run records a decision.
func (c *suppressAdd) Run(ctx context.Context, s streams) error {
	in := c.input(members("repository", c.Repository, "imageDigest", c.Image, "vulnerability", c.Vulnerability, "packageName", c.Package, "reason", c.Reason))
	c.Expires.put(in)
	var out admin.CreateSuppressionOutput
	if err := c.with(ctx, func(m manager) error { return m.call(ctx, "CreateSuppression", in, &out) }); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s does not count %s (%s).\n", c.Vulnerability, untilWhen(out.Suppression.ExpiryDate), deref(out.Suppression.SuppressionID))
	return nil
}

func untilWhen(t *time.Time) string {
	if t == nil {
		return "any more"
	}
	return "until " + t.UTC().Format(time.RFC3339)
}

type suppressList struct {
	manageFlags
	listFlags
}

// Run shows all decisions.
func (c *suppressList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListSuppressionsOutput
	err := c.eachPage(ctx, "ListSuppressions", c.input(input{}), &page, func() (next *string) {
		all.Suppressions, next = append(all.Suppressions, page.Suppressions...), page.NextToken
		page = admin.ListSuppressionsOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "ID\tVULNERABILITY\tPACKAGE\tFOR\tAUTHOR\tREASON\tEXPIRES")
		for _, d := range all.Suppressions {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", deref(d.SuppressionID), deref(d.Vulnerability), orAll(deref(d.PackageName)),
				about(d.Repository, d.ImageDigest), deref(d.Author), printable(deref(d.Reason)), expires(d.ExpiryDate))
		}
	})
}

func orAll(name string) string {
	if name == "" {
		return "all"
	}
	return name
}

func about(repository, digest *string) string {
	switch {
	case digest != nil:
		return deref(repository) + "@" + deref(digest)
	case repository != nil:
		return *repository
	}
	return "the registry"
}

// expires says when something ends.
func expires(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

type suppressRemove struct {
	manageFlags
	ID string `arg:"" help:"Id of the decision."`
}

// Run takes a decision back.
func (c *suppressRemove) Run(ctx context.Context, s streams) error {
	if err := c.act(ctx, "DeleteSuppression", c.input(input{"suppressionId": c.ID})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The decision %s does not hold any more.\n", c.ID)
	return nil
}

// vexCommand manages VEX documents.
type vexCommand struct {
	Add    vexAdd    `cmd:"" help:"Add a document: OpenVEX, CSAF or CycloneDX, in JSON."`
	List   vexList   `cmd:"" help:"List the documents."`
	Remove vexRemove `cmd:"" help:"Forget a document."`
}

type vexAdd struct {
	manageFlags
	aboutFlags
	Expires until  `help:"When it counts no more: a date, a time from now, or never." default:"never" placeholder:"DATE|90d|never"`
	File    string `arg:"" help:"The document; - for standard input."`
}

// Run adds a document.
func (c *vexAdd) Run(ctx context.Context, s streams) error {
	document, err := readUpTo(c.File, service.MaxStatementBytes)
	if err != nil {
		return err
	}
	in := c.input(members("repository", c.Repository, "imageDigest", c.Image, "document", document))
	c.Expires.put(in)
	var out admin.AddVexDocumentOutput
	if err := c.with(ctx, func(m manager) error { return m.call(ctx, "AddVexDocument", in, &out) }); err != nil {
		return err
	}
	d := out.VexDocument
	fmt.Fprintf(s.out, "%s document of %s with %s counts for %s (%s).\n", deref(d.Format), cmp.Or(printable(deref(d.Author)), "an unknown author"),
		statementCount(deref(d.Statements)), about(d.Repository, d.ImageDigest), deref(d.DocumentID))
	return nil
}

func statementCount(n int64) string {
	if n == 1 {
		return "1 statement"
	}
	return fmt.Sprintf("%d statements", n)
}

type vexList struct {
	manageFlags
	listFlags
}

// Run shows all documents.
func (c *vexList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListVexDocumentsOutput
	err := c.eachPage(ctx, "ListVexDocuments", c.input(input{}), &page, func() (next *string) {
		all.VexDocuments, next = append(all.VexDocuments, page.VexDocuments...), page.NextToken
		page = admin.ListVexDocumentsOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(table *tabwriter.Writer) {
		fmt.Fprintln(table, "ID\tFORMAT\tNAME\tAUTHOR\tSTATEMENTS\tFOR\tADDED BY\tEXPIRES")
		for _, d := range all.VexDocuments {
			fmt.Fprintln(table, strings.Join([]string{
				deref(d.DocumentID), deref(d.Format), printable(deref(d.Name)), printable(deref(d.Author)), strconv.FormatInt(deref(d.Statements), 10),
				about(d.Repository, d.ImageDigest), deref(d.AddedBy), expires(d.ExpiryDate),
			}, "\t"))
		}
	})
}

type vexRemove struct {
	manageFlags
	ID string `arg:"" help:"Id of the document."`
}

// Run forgets a document.
func (c *vexRemove) Run(ctx context.Context, s streams) error {
	if err := c.act(ctx, "DeleteVexDocument", c.input(input{"documentId": c.ID})); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The document %s does not count any more.\n", c.ID)
	return nil
}

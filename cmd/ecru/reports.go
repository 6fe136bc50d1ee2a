package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/registry"
)

// reportCommand looks after what Inspector's API was asked to write.
type reportCommand struct {
	List   reportList   `cmd:"" help:"List reports of findings and exports of bills of materials; they are kept for 30 days."`
	Get    reportGet    `cmd:"" help:"Fetch one."`
	Attach reportAttach `cmd:"" help:"Push the bill of materials of an image beside it, as a referrer."`
}

type reportList struct {
	manageFlags
	listFlags
}

// Run shows all reports.
func (c *reportList) Run(ctx context.Context, s streams) error {
	var all, page admin.ListReportsOutput
	err := c.eachPage(ctx, "ListReports", c.input(input{}), &page, func() (next *string) {
		all.Reports, next = append(all.Reports, page.Reports...), page.NextToken
		page = admin.ListReportsOutput{}
		return next
	})
	if err != nil {
		return err
	}
	return c.show(s, all, func(w *tabwriter.Writer) {
		fmt.Fprintln(w, "REPORT\tKIND\tFORMAT\tSTATUS\tITEMS\tBYTES\tCREATED")
		for _, r := range all.Reports {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", deref(r.ReportID), deref(r.Kind), deref(r.Format), deref(r.Status), deref(r.Items), deref(r.Size), day(r.CreateDate))
		}
	})
}

type reportGet struct {
	manageFlags
	Output string `short:"o" help:"File to write; - for standard output. Without it, the file's own name in this directory." placeholder:"FILE"`
	Report string `arg:"" help:"Id of the report."`
}

// Run fetches a report from the server that runs.
func (c *reportGet) Run(ctx context.Context, s streams) error {
	client := c.running(ctx)
	if client == nil {
		return errors.New("reports are fetched from a server that runs")
	}
	var out admin.GetReportOutput
	if err := client.call(ctx, "GetReport", c.input(input{"reportId": c.Report}), &out); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, client.access.Endpoint+deref(out.Path), http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetching the report: %s", response.Status)
	}
	return c.write(s, deref(out.Report.FileName), response.Body)
}

func (c *reportGet) write(s streams, name string, from io.Reader) error {
	if c.Output == "-" {
		_, err := io.Copy(s.out, from)
		return err
	}
	name = filepath.Base(name) // the server does not say where
	if c.Output != "" {
		name = c.Output
	}
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	size, err := io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Wrote %d bytes to %s.\n", size, name)
	return nil
}

type reportAttach struct {
	manageFlags
	Format     string `help:"What to push: cyclonedx or spdx." enum:"cyclonedx,spdx" default:"cyclonedx"`
	Repository string `arg:"" help:"Name of the repository."`
	Image      string `arg:"" help:"Tag or digest of the image."`
}

// Run pushes a bill of materials.
func (c *reportAttach) Run(ctx context.Context, s streams) error {
	in := input{"repositoryName": c.Repository, "format": map[string]string{"cyclonedx": "CYCLONEDX_1_4", "spdx": "SPDX_2_3"}[c.Format]}
	if registry.ValidDigest(c.Image) {
		in["imageDigest"] = c.Image
	} else {
		in["imageTag"] = c.Image
	}
	var out admin.AttachSbomOutput
	if err := c.with(ctx, func(m manager) error { return m.call(ctx, "AttachSbom", c.input(in), &out) }); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Pushed %s (%s, %d bytes) beside %s.\n", deref(out.ImageDigest), deref(out.ArtifactType), deref(out.Size), deref(out.SubjectImageDigest))
	return nil
}

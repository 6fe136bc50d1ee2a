package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	reporting "github.com/ecru-registry/ecru/internal/report"
	"github.com/ecru-registry/ecru/internal/sbom"
)

// sbomCommand writes the bill of materials of an image.
type sbomCommand struct {
	imageFlags
	Format string `help:"What to write: cyclonedx (1.6), cyclonedx-1.4, cyclonedx-1.5, cyclonedx-1.6 or spdx (2.3), with =FILE into a file." default:"cyclonedx" placeholder:"FORMAT[=FILE]"`
	Image  string `arg:"" help:"The image, named as for ecru scan."`
}

// Run writes it.
func (c *sbomCommand) Run(ctx context.Context, s streams) error {
	var formats []reporting.Format
	for _, f := range sbom.Formats() {
		formats = append(formats, reporting.Format(f))
	}
	o, err := parseOutput(c.Format, formats)
	if err != nil {
		return err
	}
	progress := c.newProgress(s)
	defer progress.finish()
	images, err := c.read(ctx, c.Image, false, progress)
	if err != nil {
		return err
	}
	progress.finish()
	image := images[0]
	created, err := documentTime(image.Created)
	if err != nil {
		return err
	}
	for _, note := range targetOf(image).Notes {
		fmt.Fprintf(plainly(s.err), "Note: %s.\n", note)
	}
	document := sbom.Document{Inventory: image.Inventory, Image: billImage(image), Tool: sbom.Tool{Name: "ecru", Version: currentVersion()}, Created: created}
	var out bytes.Buffer
	if err := sbom.Write(&out, document, sbom.Format(o.format)); err != nil {
		return err
	}
	if o.file == "" {
		_, err := out.WriteTo(s.out)
		return err
	}
	return os.WriteFile(o.file, out.Bytes(), 0o644) //nolint:gosec // a bill of materials is no secret
}

// documentTime makes the document of an image the same whenever it is made: the
// time is that of the image, or the one that builds are told.
func documentTime(image time.Time) (time.Time, error) {
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		return time.Unix(seconds, 0), nil
	}
	if !image.IsZero() {
		return image, nil
	}
	return time.Now(), nil
}

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/sample"
)

const (
	repository = "demo/alpine"
	tag        = "3.20.3"
)

// pushImage makes an image of a root filesystem and pushes it.
func (r *registry) pushImage(ctx context.Context, root string) (string, error) {
	rootfs, source, err := sample.Rootfs(root)
	if err != nil {
		return "", err
	}
	say("%s", source.Said)
	image, err := sample.Image(rootfs)
	if err != nil {
		return "", err
	}
	say("creating the repository %s, scanned on push", repository)
	_, err = r.api.CreateRepository(ctx, &ecr.CreateRepositoryInput{
		RepositoryName:             aws.String(repository),
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true},
	})
	if err != nil {
		return "", err
	}
	password, err := r.password(ctx)
	if err != nil {
		return "", err
	}
	endpoint, err := url.Parse(r.access.Endpoint)
	if err != nil {
		return "", err
	}
	reference, err := name.ParseReference(endpoint.Host+"/"+repository+":"+tag, name.Insecure)
	if err != nil {
		return "", err
	}
	say("pushing %s (%d KB)", reference, len(rootfs)>>10)
	auth := remote.WithAuth(&authn.Basic{Username: "AWS", Password: password})
	return reference.String(), remote.Write(reference, image, auth, remote.WithContext(ctx))
}

// password is what "aws ecr get-login-password" prints.
func (r *registry) password(ctx context.Context) (string, error) {
	out, err := r.api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return "", err
	}
	decoded, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(string(decoded), "AWS:"), nil
}

// awaitScan waits for the scan and answers its findings.
func (r *registry) awaitScan(ctx context.Context, reference string) (*ecr.DescribeImageScanFindingsOutput, error) {
	say("waiting for the scan of %s", reference)
	in := &ecr.DescribeImageScanFindingsInput{
		RepositoryName: aws.String(repository),
		ImageId:        &types.ImageIdentifier{ImageTag: aws.String(tag)},
		MaxResults:     aws.Int32(1000),
	}
	for {
		out, err := r.api.DescribeImageScanFindings(ctx, in)
		if err != nil {
			return nil, err
		}
		switch out.ImageScanStatus.Status {
		case types.ScanStatusComplete:
			return out, nil
		case types.ScanStatusFailed:
			return nil, fmt.Errorf("the scan failed: %s", aws.ToString(out.ImageScanStatus.Description))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// printFindings prints findings as a table, most severe first.
func printFindings(w io.Writer, report *ecr.DescribeImageScanFindingsOutput) {
	found := report.ImageScanFindings
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "SEVERITY\tVULNERABILITY\tPACKAGE\tVERSION\tSCORE\tMORE")
	for _, f := range found.Findings {
		a := map[string]string{}
		for _, attribute := range f.Attributes {
			a[aws.ToString(attribute.Key)] = aws.ToString(attribute.Value)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Severity, aws.ToString(f.Name), a["package_name"], a["package_version"], a["CVSS3_SCORE"], aws.ToString(f.Uri))
	}
	table.Flush()
	fmt.Fprintf(w, "\n%d findings in %s@%s", len(found.Findings), repository, aws.ToString(report.ImageId.ImageDigest))
	for _, severity := range []string{"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"} {
		if n := found.FindingSeverityCounts[severity]; n > 0 {
			fmt.Fprintf(w, ", %d %s", n, severity)
		}
	}
	fmt.Fprintln(w)
}

// printUse says how to go on from here.
func (r *registry) printUse(w io.Writer, reference string) {
	host := strings.SplitN(reference, "/", 2)[0]
	fmt.Fprintf(w, `
ecru is up. In another shell:

    eval "$(%s env --data %s)"
    aws ecr describe-repositories
    aws ecr describe-image-scan-findings --repository-name %s --image-id imageTag=%s
    aws ecr get-login-password | docker login -u AWS --password-stdin %s
    docker pull %s

Ctrl-C stops it.
`, r.binary, r.data, repository, tag, host, reference)
}

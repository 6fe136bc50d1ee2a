package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
)

// server is a running ecru.
type server struct {
	*process
	endpoint
	api *ecr.Client
	bus *eventbridge.Client
	// findings is Inspector's API.
	findings *inspector2.Client
	binary   string
	dir      string
	args     []string
}

// startEcru starts ecru with its default settings: durable writes, log on.
func (b *bench) startEcru(ctx context.Context, dir, advisories string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{binary: b.binary, dir: dir, endpoint: endpoint{name: "ecru", host: address}}
	s.args = []string{"serve", "--listen", address, "--data", filepath.Join(dir, "ecru-data"), "--advisories", advisories}
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// startEcruWith starts ecru with an empty repository that is not scanned.
func (b *bench) startEcruWith(ctx context.Context, dir, repository string) (*server, error) {
	s, err := b.startEcru(ctx, dir, "off")
	if err != nil {
		return nil, err
	}
	if err := s.createRepository(ctx, repository, false); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// start runs the binary and answers how long it took to be ready.
func (s *server) start(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	p, err := startProcess("ecru", s.dir, nil, s.binary, s.args...)
	if err != nil {
		return 0, err
	}
	s.process = p
	err = p.awaitAnswer(ctx, "http://"+s.host+"/readyz")
	return time.Since(begin), err
}

// connect fetches credentials as a user does.
func (s *server) connect(ctx context.Context) error {
	var out []byte
	// The server answers a moment before it has written what env reads.
	err := await(ctx, 10*time.Millisecond, startTimeout, "ecru env", func() (bool, error) {
		var err error
		out, err = exec.CommandContext(ctx, s.binary, "env", "--data", filepath.Join(s.dir, "ecru-data"), "--format", "json").Output()
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	var access struct {
		Endpoint string `json:"AWS_ENDPOINT_URL"`
		Region   string `json:"AWS_REGION"`
		Key      string `json:"AWS_ACCESS_KEY_ID"`
		Secret   string `json:"AWS_SECRET_ACCESS_KEY"`
	}
	if err := json.Unmarshal(out, &access); err != nil {
		return fmt.Errorf("ecru env: %w", err)
	}
	s.api = ecr.New(ecr.Options{
		BaseEndpoint: aws.String(access.Endpoint), Region: access.Region, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(access.Key, access.Secret, ""),
	})
	s.bus = eventbridge.New(eventbridge.Options{
		BaseEndpoint: aws.String(access.Endpoint), Region: access.Region, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(access.Key, access.Secret, ""),
	})
	s.findings = inspector2.New(inspector2.Options{
		BaseEndpoint: aws.String(access.Endpoint), Region: access.Region, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(access.Key, access.Secret, ""),
	})
	token, err := s.api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return err
	}
	s.auth = "Basic " + aws.ToString(token.AuthorizationData[0].AuthorizationToken)
	return nil
}

func (s *server) createRepository(ctx context.Context, name string, scanOnPush bool) error {
	_, err := s.api.CreateRepository(ctx, &ecr.CreateRepositoryInput{
		RepositoryName:             &name,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: scanOnPush},
	})
	return err
}

// scanStatus answers how far the scan of an image is.
func (s *server) scanStatus(ctx context.Context, repository, digest string) (types.ScanStatus, string, error) {
	out, err := s.api.DescribeImageScanFindings(ctx, &ecr.DescribeImageScanFindingsInput{
		RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageDigest: &digest}, MaxResults: aws.Int32(1),
	})
	if err != nil {
		return "", "", err
	}
	return out.ImageScanStatus.Status, aws.ToString(out.ImageScanStatus.Description), nil
}

// scanned says whether a scan is complete; a failed one is an error.
func (s *server) scanned(ctx context.Context, repository, digest string) (bool, error) {
	status, description, err := s.scanStatus(ctx, repository, digest)
	if err == nil && status == types.ScanStatusFailed {
		err = fmt.Errorf("the scan of %s failed: %s", digest, description)
	}
	return status == types.ScanStatusComplete, err
}

package main

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ecru-registry/ecru/test/fixture"
	"github.com/ecru-registry/ecru/test/server"
)

// TestTheRegistryFindsTheSame pushes some of the images to a registry with
// enhanced scanning and wants the vulnerabilities of the corpus.
func TestTheRegistryFindsTheSame(t *testing.T) {
	shared := fixture.Shared(t)
	s := server.Start(t, server.Options{Advisories: filepath.Join(shared, "osv")})
	api := s.ECR()
	s.CreateRepository(t, "corpus")
	rule := types.RegistryScanningRule{
		ScanFrequency:     types.ScanFrequencyContinuousScan,
		RepositoryFilters: []types.ScanningRepositoryFilter{{Filter: aws.String("*"), FilterType: types.ScanningRepositoryFilterTypeWildcard}},
	}
	if _, err := api.PutRegistryScanningConfiguration(t.Context(), &ecr.PutRegistryScanningConfigurationInput{
		ScanType: types.ScanTypeEnhanced, Rules: []types.RegistryScanningRule{rule},
	}); err != nil {
		t.Fatal(err)
	}
	chosen := []string{"alpine-3.20-npm", "debian-12-python", "almalinux-8-lamp", "maven-boot-2.3", "go-2024", "gem-rails-7"}
	cases := slices.DeleteFunc(corpus(t), func(c *testCase) bool { return !slices.Contains(chosen, c.file) })
	if len(cases) != len(chosen) {
		t.Fatalf("%d of %d cases", len(cases), len(chosen))
	}
	auth := remote.WithAuth(authn.FromConfig(authn.AuthConfig{Username: server.User, Password: s.Password(t)}))
	for _, c := range cases {
		image, err := c.build(shared)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.NewTag(s.Host+"/corpus:"+c.file, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image, auth); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			if diff := gocmp.Diff(c.ids(t), awaitFindings(t, api, c.file)); diff != "" {
				t.Errorf("-corpus +registry:\n%s", diff)
			}
		})
	}
}

// awaitFindings waits until an image is scanned and answers its vulnerabilities.
func awaitFindings(t *testing.T, api *ecr.Client, tag string) []string {
	t.Helper()
	in := &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("corpus"), ImageId: &types.ImageIdentifier{ImageTag: &tag}}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, err := api.DescribeImageScanFindings(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		status := out.ImageScanStatus
		if status.Status == types.ScanStatusActive {
			return findings(t, api, in)
		}
		if status.Status == types.ScanStatusFailed || time.Now().After(deadline) {
			t.Fatalf("%s: %s", status.Status, aws.ToString(status.Description))
		}
	}
}

func findings(t *testing.T, api *ecr.Client, in *ecr.DescribeImageScanFindingsInput) []string {
	t.Helper()
	var all []string
	for pages := ecr.NewDescribeImageScanFindingsPaginator(api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.ImageScanFindings.EnhancedFindings {
			all = append(all, aws.ToString(f.PackageVulnerabilityDetails.VulnerabilityId))
		}
	}
	slices.Sort(all)
	return all // each once: a vulnerability of an image is one finding
}

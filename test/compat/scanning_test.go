package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func scanRows() []*operation {
	return []*operation{
		startImageScan(), describeImageScanFindings(), getRegistryScanningConfiguration(),
		putRegistryScanningConfiguration(), batchGetRepositoryScanningConfiguration(),
	}
}

// scanning sets how the registry scans.
func (a *account) scanning(kind types.ScanType, rules ...types.RegistryScanningRule) {
	a.t.Helper()
	do(a, a.PutRegistryScanningConfiguration, &ecr.PutRegistryScanningConfigurationInput{ScanType: kind, Rules: rules})
}

func scanRule(frequency types.ScanFrequency, filters ...string) types.RegistryScanningRule {
	return types.RegistryScanningRule{ScanFrequency: frequency, RepositoryFilters: scanFilters(filters...)}
}

func scanFilters(filters ...string) []types.ScanningRepositoryFilter {
	all := []types.ScanningRepositoryFilter{}
	for _, f := range filters {
		all = append(all, types.ScanningRepositoryFilter{Filter: &f, FilterType: "WILDCARD"})
	}
	return all
}

// scanEnded waits for the end of a scan and answers it.
func (a *account) scanEnded(repository string, id *types.ImageIdentifier) (out *ecr.DescribeImageScanFindingsOutput) {
	a.t.Helper()
	a.eventually("the scan ends", func() bool {
		out = do(a, a.DescribeImageScanFindings, &ecr.DescribeImageScanFindingsInput{RepositoryName: &repository, ImageId: id})
		return out.ImageScanStatus.Status != types.ScanStatusInProgress && out.ImageScanStatus.Status != types.ScanStatusPending
	})
	return out
}

func noScan(digest, tag string) string {
	return "Image scan does not exist for the image with '{imageDigest:'" + digest + "', imageTag:'" + tag + "'}' in the repository with name 'team/web' in the registry with id '{account}'"
}

func notScannable(mediaType string) string {
	return "An artifact with media type '" + mediaType + "' cannot be scanned. For more information, see the Amazon ECR documentation."
}

func startImageScan() *operation {
	type in = ecr.StartImageScanInput
	good := func(a *account) *in {
		a.ready(web)
		a.alpine(web, "v1")
		return &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}
	}
	return row("StartImageScan", good, unpaged,
		shape("the scan in progress", func(a *account) {
			in := good(a)
			digest := *a.describedImage(web, byTag("v1")).ImageDigest
			a.same(do(a, a.StartImageScan, in), &ecr.StartImageScanOutput{RegistryId: &a.id, RepositoryName: aws.String(web),
				ImageId: byBoth(digest, "v1"), ImageScanStatus: &types.ImageScanStatus{Status: "IN_PROGRESS"}})
		}),
		but("a second time within a day", func(a *account, in *in) { do(a, a.StartImageScan, in) }, limitExceeded,
			"The scan quota per image has been exceeded. Wait and try again."),
		but("an index without an image", func(a *account, in *in) {
			digest := a.put(web, index())
			in.ImageId = byDigest(digest)
		}, "UnsupportedImageTypeException", notScannable(ociIndex)),
		shape("the scans of an index's images", func(a *account) {
			a.ready(web)
			a.alpine(web, "child")
			digest := a.put(web, index(*a.describedImage(web, byTag("child")).ImageDigest))
			do(a, a.StartImageScan, &in{RepositoryName: aws.String(web), ImageId: byDigest(digest)})
			out := a.scanEnded(web, byDigest(digest))
			if out.ImageScanStatus.Status != "COMPLETE" || len(out.ImageScanFindings.Findings) == 0 {
				a.t.Errorf("%+v", out.ImageScanStatus)
			}
		}),
		but("what is no image", func(a *account, in *in) {
			digest := a.put(web, referrer(nowhere, "application/x.sbom", "1"))
			in.ImageId = byDigest(digest)
		}, "UnsupportedImageTypeException", notScannable("application/x.sbom")),
		but("an archived image", func(a *account, in *in) { a.archive(web, byTag("v1")) }, "ImageArchivedException",
			"The image with imageId {imageDigest:'null', imageTag:'v1'} in the repository with name 'team/web' in the registry with id '{account}' is archived and cannot be scanned"),
		but("under enhanced scanning", func(a *account, in *in) { a.scanning("ENHANCED") }, validation, "This feature is disabled"),
		effects("findings in the end", func(a *account) {
			do(a, a.StartImageScan, good(a))
			if out := a.scanEnded(web, byTag("v1")); out.ImageScanStatus.Status != "COMPLETE" || len(out.ImageScanFindings.Findings) == 0 {
				a.t.Errorf("%+v", out.ImageScanStatus)
			}
		}),
		effects("a scan on push counts as the one of the day", func(a *account) {
			a.ready(web)
			a.scanning("BASIC", scanRule("SCAN_ON_PUSH", "*"))
			a.alpine(web, "v1")
			refuse(a, a.StartImageScan, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}, limitExceeded,
				"The scan quota per image has been exceeded. Wait and try again.")
		}),
	)
}

func describeImageScanFindings() *operation {
	type in = ecr.DescribeImageScanFindingsInput
	scanned := func(a *account) *in {
		a.ready(web)
		a.alpine(web, "v1")
		do(a, a.StartImageScan, &ecr.StartImageScanInput{RepositoryName: aws.String(web), ImageId: byTag("v1")})
		a.scanEnded(web, byTag("v1"))
		return &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}
	}
	status := func(a *account, in *in, want types.ScanStatus, description string) {
		a.t.Helper()
		out := do(a, a.DescribeImageScanFindings, in)
		a.same(out.ImageScanStatus, &types.ImageScanStatus{Status: want, Description: &description})
		if out.ImageScanFindings != nil {
			a.t.Error("there are findings")
		}
	}
	return row("DescribeImageScanFindings", scanned, readsOnly,
		shape("findings of a basic scan", func(a *account) { basicFindings(a, scanned(a)) }),
		shape("by tag, by digest and by both, with registryId", func(a *account) {
			in := scanned(a)
			digest := *a.describedImage(web, byTag("v1")).ImageDigest
			for _, c := range [][2]*types.ImageIdentifier{{byTag("v1"), byBoth(digest, "v1")}, {byDigest(digest), byDigest(digest)}, {byBoth(digest, "v1"), byBoth(digest, "v1")}} {
				in.ImageId, in.RegistryId = c[0], &a.id
				a.same(do(a, a.DescribeImageScanFindings, in).ImageId, c[1])
			}
		}),
		shape("an image that cannot be scanned: FAILED, no findings", func(a *account) {
			a.ready(web)
			a.image(web, "empty", "v1")
			do(a, a.StartImageScan, &ecr.StartImageScanInput{RepositoryName: aws.String(web), ImageId: byTag("v1")})
			a.scanEnded(web, byTag("v1"))
			status(a, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}, "FAILED",
				"UnsupportedImageError: The operating system and/or package manager are not supported.")
		}),
		shape("an archived image", func(a *account) {
			in := scanned(a)
			a.archive(web, byTag("v1"))
			status(a, in, "IMAGE_ARCHIVED", "The image is archived.")
		}),
		shape("under enhanced scanning", func(a *account) {
			in := scanned(a)
			a.scanning("ENHANCED")
			out := a.scanEnded(web, byTag("v1"))
			a.same(out.ImageScanStatus, &types.ImageScanStatus{Status: "ACTIVE", Description: aws.String("Continuous scan is selected for image.")})
			found := out.ImageScanFindings
			if found.Findings != nil || len(found.EnhancedFindings) < 20 || found.ImageScanCompletedAt == nil || found.VulnerabilitySourceUpdatedAt == nil {
				a.t.Errorf("%d enhanced findings", len(found.EnhancedFindings))
			}
			in.ImageId = byDigest(a.put(web, index(*out.ImageId.ImageDigest)))
			if of := do(a, a.DescribeImageScanFindings, in); of.ImageScanStatus.Status != "ACTIVE" || len(of.ImageScanFindings.EnhancedFindings) != len(found.EnhancedFindings) {
				a.t.Errorf("%+v", of.ImageScanStatus)
			}
			in.ImageId = byDigest(a.put(web, index()))
			status(a, in, "UNSUPPORTED_IMAGE", notScannable(ociIndex))
		}),
		shape("an image that enhanced scanning cannot scan", func(a *account) {
			a.ready(web)
			a.scanning("ENHANCED")
			a.image(web, "empty", "v1")
			a.scanEnded(web, byTag("v1"))
			status(a, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}, "UNSUPPORTED_IMAGE",
				"UnsupportedImageError: The operating system and/or package manager are not supported.")
		}),
		fails("an image that was never scanned", func(a *account) {
			a.ready(web)
			digest := a.image(web, "1", "v1")
			refuse(a, a.DescribeImageScanFindings, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}, "ScanNotFoundException", noScan(digest, "v1"))
			refuse(a, a.DescribeImageScanFindings, &in{RepositoryName: aws.String(web), ImageId: byDigest(digest)}, "ScanNotFoundException", noScan(digest, "null"))
		}),
		fails("an image that no rule of enhanced scanning covers", func(a *account) {
			a.ready(web)
			digest := a.image(web, "1", "v1")
			a.scanning("ENHANCED", scanRule("CONTINUOUS_SCAN", "other"))
			refuse(a, a.DescribeImageScanFindings, &in{RepositoryName: aws.String(web), ImageId: byTag("v1")}, "ScanNotFoundException", noScan(digest, "v1"))
		}),
		pagination("every size of pages shows every finding once, and the status on each", func(a *account) {
			in := scanned(a)
			whole := do(a, a.DescribeImageScanFindings, in)
			if len(whole.ImageScanFindings.Findings) < 20 || whole.NextToken != nil {
				a.t.Fatalf("%d findings", len(whole.ImageScanFindings.Findings))
			}
			for _, size := range []int32{1, 7, int32(len(whole.ImageScanFindings.Findings)), 1000} {
				in.MaxResults = &size
				var all []types.ImageScanFinding
				for pages := ecr.NewDescribeImageScanFindingsPaginator(a.Client, in); pages.HasMorePages(); {
					page, err := pages.NextPage(a.t.Context())
					a.must(err)
					a.same(page.ImageScanStatus, whole.ImageScanStatus)
					a.same(page.ImageScanFindings.FindingSeverityCounts, whole.ImageScanFindings.FindingSeverityCounts)
					all = append(all, page.ImageScanFindings.Findings...)
				}
				a.same(all, whole.ImageScanFindings.Findings)
			}
		}),
		pagination("a token that was changed, or of another image", func(a *account) {
			in := scanned(a)
			in.MaxResults = aws.Int32(1)
			token := *do(a, a.DescribeImageScanFindings, in).NextToken
			a.alpine(web, "v2")
			do(a, a.StartImageScan, &ecr.StartImageScanInput{RepositoryName: aws.String(web), ImageId: byTag("v2")})
			a.scanEnded(web, byTag("v2"))
			in.NextToken = aws.String(token + "A")
			refuse(a, a.DescribeImageScanFindings, in, invalidParameter, violates("nextToken", badToken))
			in.NextToken, in.ImageId = &token, byTag("v2")
			refuse(a, a.DescribeImageScanFindings, in, invalidParameter, violates("nextToken", badToken))
		}),
	)
}

// basicFindings checks a complete scan of a known system in every member.
func basicFindings(a *account, in *ecr.DescribeImageScanFindingsInput) {
	a.t.Helper()
	out := do(a, a.DescribeImageScanFindings, in)
	digest := *a.describedImage(web, byTag("v1")).ImageDigest
	found := out.ImageScanFindings.Findings
	counts := map[string]int32{}
	for _, f := range found {
		counts[string(f.Severity)]++
	}
	a.same(out, &ecr.DescribeImageScanFindingsOutput{
		RegistryId: &a.id, RepositoryName: aws.String(web), ImageId: byBoth(digest, "v1"),
		ImageScanStatus: &types.ImageScanStatus{Status: "COMPLETE", Description: aws.String("The scan was completed successfully.")},
		ImageScanFindings: &types.ImageScanFindings{ImageScanCompletedAt: now(), VulnerabilitySourceUpdatedAt: out.ImageScanFindings.VulnerabilitySourceUpdatedAt,
			FindingSeverityCounts: counts, Findings: found},
	})
	if out.ImageScanFindings.VulnerabilitySourceUpdatedAt == nil {
		a.t.Error("no vulnerabilitySourceUpdatedAt")
	}
	rank := []types.FindingSeverity{"CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"}
	if !slices.IsSortedFunc(found, func(x, y types.ImageScanFinding) int {
		return slices.Index(rank, x.Severity) - slices.Index(rank, y.Severity)
	}) {
		a.t.Error("the most severe are not first")
	}
	i := slices.IndexFunc(found, func(f types.ImageScanFinding) bool { return *f.Name == "CVE-2025-26519" })
	if i < 0 {
		a.t.Fatal("CVE-2025-26519 is not found")
	}
	attributes := []string{}
	for _, attribute := range found[i].Attributes {
		attributes = append(attributes, *attribute.Key+"="+*attribute.Value)
	}
	a.same(attributes, []string{"package_version=1.2.5-r0", "package_name=musl", "CVSS3_VECTOR=CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H", "CVSS3_SCORE=7.0"})
}

func getRegistryScanningConfiguration() *operation {
	type in = ecr.GetRegistryScanningConfigurationInput
	return row("GetRegistryScanningConfiguration", func(*account) *in { return &in{} }, unpaged, readsOnly,
		shape("the default, under scanningConfiguration", func(a *account) {
			a.same(do(a, a.GetRegistryScanningConfiguration, &in{}), &ecr.GetRegistryScanningConfigurationOutput{RegistryId: &a.id,
				ScanningConfiguration: &types.RegistryScanningConfiguration{ScanType: "BASIC", Rules: []types.RegistryScanningRule{}}})
		}),
		shape("what was put", func(a *account) {
			rules := []types.RegistryScanningRule{scanRule("SCAN_ON_PUSH", "prod", "*-x"), scanRule("CONTINUOUS_SCAN", "*")}
			a.scanning("ENHANCED", rules...)
			a.same(do(a, a.GetRegistryScanningConfiguration, &in{}).ScanningConfiguration, &types.RegistryScanningConfiguration{ScanType: "ENHANCED", Rules: rules})
		}),
	)
}

func putRegistryScanningConfiguration() *operation {
	type in = ecr.PutRegistryScanningConfigurationInput
	good := func(*account) *in {
		return &in{ScanType: "BASIC", Rules: []types.RegistryScanningRule{scanRule("SCAN_ON_PUSH", "prod")}}
	}
	const filterRule = `Member must satisfy regular expression pattern: ^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$`
	return row("PutRegistryScanningConfiguration", good, unpaged,
		shape("what was put, under registryScanningConfiguration", func(a *account) {
			in := good(a)
			a.same(do(a, a.PutRegistryScanningConfiguration, in), &ecr.PutRegistryScanningConfigurationOutput{
				RegistryScanningConfiguration: &types.RegistryScanningConfiguration{ScanType: "BASIC", Rules: in.Rules}})
		}),
		shape("nothing put is BASIC without rules", func(a *account) {
			a.same(do(a, a.PutRegistryScanningConfiguration, &in{}).RegistryScanningConfiguration, &types.RegistryScanningConfiguration{ScanType: "BASIC", Rules: []types.RegistryScanningRule{}})
		}),
		but("continuous scans that are basic", func(_ *account, in *in) { in.Rules[0].ScanFrequency = "CONTINUOUS_SCAN" }, invalidParameter,
			"Invalid parameter failed to satisfy constraint: 'Invalid scan frequency for scanType BASIC: CONTINUOUS_SCAN'"),
		but("manual scans that are enhanced", func(_ *account, in *in) { in.ScanType, in.Rules[0].ScanFrequency = "ENHANCED", "MANUAL" }, invalidParameter,
			"Invalid parameter failed to satisfy constraint: 'Invalid scan frequency for scanType ENHANCED: MANUAL'"),
		but("two rules of a frequency", func(_ *account, in *in) { in.Rules = append(in.Rules, in.Rules[0]) }, invalidParameter,
			"Invalid input. Contains duplicate scan frequencies: [SCAN_ON_PUSH]"),
		wrong("three rules", func(in *in) { in.Rules = append(in.Rules, in.Rules[0], in.Rules[0]) }, "rules", "Member must have length less than or equal to 2"),
		wrong("a hundred and one filters", func(in *in) { in.Rules[0] = scanRule("SCAN_ON_PUSH", many(101, "f%d")...) }, "rules.1.member.repositoryFilters", "Member must have length less than or equal to 100"),
		wrong("an unknown type", func(in *in) { in.ScanType = "DEEP" }, "scanType", "Member must satisfy enum value set: [BASIC, ENHANCED]"),
		wrong("an unknown frequency", func(in *in) { in.Rules[0].ScanFrequency = "DAILY" }, "rules.1.member.scanFrequency", "Member must satisfy enum value set: [SCAN_ON_PUSH, CONTINUOUS_SCAN, MANUAL]"),
		wrong("a filter in capitals", func(in *in) { in.Rules[0] = scanRule("SCAN_ON_PUSH", "Prod") }, "rules.1.member.repositoryFilters.1.member.filter", filterRule),
		effects("it replaces all rules", func(a *account) {
			do(a, a.PutRegistryScanningConfiguration, good(a))
			a.scanning("BASIC", scanRule("MANUAL", "*"))
			a.same(do(a, a.GetRegistryScanningConfiguration, &ecr.GetRegistryScanningConfigurationInput{}).ScanningConfiguration.Rules, []types.RegistryScanningRule{scanRule("MANUAL", "*")})
		}),
		effects("repositories that a filter matches are scanned on push", func(a *account) {
			a.scanning("BASIC", scanRule("SCAN_ON_PUSH", "we"))
			for _, name := range []string{web, "api"} {
				a.ready(name)
				a.image(name, "1", "v1")
			}
			a.scanEnded(web, byTag("v1"))
			_, err := a.DescribeImageScanFindings(a.t.Context(), &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("api"), ImageId: byTag("v1")})
			a.refused(err, "ScanNotFoundException", strings.ReplaceAll(noScan(digestOf(manifest("1")), "v1"), web, "api"))
		}),
		effects("enhanced scanning comes to the images that are there", func(a *account) {
			a.ready(web)
			a.alpine(web, "v1")
			a.scanning("ENHANCED", scanRule("SCAN_ON_PUSH", "we"))
			if out := a.scanEnded(web, byTag("v1")); out.ImageScanStatus.Status != "COMPLETE" || len(out.ImageScanFindings.EnhancedFindings) == 0 {
				a.t.Errorf("%+v", out.ImageScanStatus)
			}
		}),
		effects("what is refused changes nothing", func(a *account) {
			in := good(a)
			do(a, a.PutRegistryScanningConfiguration, in)
			refuse(a, a.PutRegistryScanningConfiguration, &ecr.PutRegistryScanningConfigurationInput{ScanType: "BASIC", Rules: []types.RegistryScanningRule{scanRule("CONTINUOUS_SCAN", "*")}},
				invalidParameter, "Invalid parameter failed to satisfy constraint: 'Invalid scan frequency for scanType BASIC: CONTINUOUS_SCAN'")
			a.same(do(a, a.GetRegistryScanningConfiguration, &ecr.GetRegistryScanningConfigurationInput{}).ScanningConfiguration.Rules, in.Rules)
		}),
	)
}

func batchGetRepositoryScanningConfiguration() *operation {
	type in = ecr.BatchGetRepositoryScanningConfigurationInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryNames: []string{web}}
	}
	answered := func(a *account, name string, frequency types.ScanFrequency, filters ...string) types.RepositoryScanningConfiguration {
		return types.RepositoryScanningConfiguration{RepositoryArn: aws.String(a.arn(name)), RepositoryName: &name, ScanFrequency: frequency,
			ScanOnPush: frequency != "MANUAL", AppliedScanFilters: scanFilters(filters...)}
	}
	return row("BatchGetRepositoryScanningConfiguration", good, unpaged, readsOnly, asks("", web),
		shape("unknown names are failures", func(a *account) {
			in := good(a)
			in.RepositoryNames = []string{"not/there", web}
			a.same(do(a, a.BatchGetRepositoryScanningConfiguration, in), &ecr.BatchGetRepositoryScanningConfigurationOutput{
				ScanningConfigurations: []types.RepositoryScanningConfiguration{answered(a, web, "MANUAL")},
				Failures: []types.RepositoryScanningConfigurationFailure{{RepositoryName: aws.String("not/there"),
					FailureCode: "REPOSITORY_NOT_FOUND", FailureReason: aws.String("REPOSITORY_NOT_FOUND")}},
			})
		}),
		shape("filters match as ECR's table has it", filtersThatMatch),
		shape("enhanced: continuous wins, without rules it is for all", func(a *account) {
			in := good(a)
			a.scanning("ENHANCED")
			a.same(do(a, a.BatchGetRepositoryScanningConfiguration, in).ScanningConfigurations[0], answered(a, web, "CONTINUOUS_SCAN"))
			a.scanning("ENHANCED", scanRule("SCAN_ON_PUSH", "web"), scanRule("CONTINUOUS_SCAN", "team/*", "none"))
			a.same(do(a, a.BatchGetRepositoryScanningConfiguration, in).ScanningConfigurations[0], answered(a, web, "CONTINUOUS_SCAN", "team/*"))
		}),
		shape("a repository's own scanOnPush where no rule covers it", func(a *account) {
			in := good(a)
			do(a, a.PutImageScanningConfiguration, &ecr.PutImageScanningConfigurationInput{RepositoryName: aws.String(web), ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}})
			a.same(do(a, a.BatchGetRepositoryScanningConfiguration, in).ScanningConfigurations[0], answered(a, web, "SCAN_ON_PUSH"))
		}),
		wrong("no names", func(in *in) { in.RepositoryNames = []string{} }, "repositoryNames", "Member must have length greater than or equal to 1"),
		wrong("twenty-six names", func(in *in) { in.RepositoryNames = many(26, "r%d") }, "repositoryNames", "Member must have length less than or equal to 25"),
		wrong("a name that is no repository's", func(in *in) { in.RepositoryNames = []string{"Not-A-Name"} }, "repositoryNames", "Member must satisfy constraint: ["+nameRule+"]"),
	)
}

// filtersThatMatch is the table of section "Registry scanning configuration":
// a filter without a star is looked for anywhere, one with a star is anchored.
func filtersThatMatch(a *account) {
	names := []string{"prod", "repo-prod", "prod-repo", "repo-prod-repo", "prodrepo"}
	for _, name := range names {
		a.repository(name)
	}
	for filter, want := range map[string]string{
		"prod": "YYYYY", "*prod": "YYNNN", "prod*": "YNYNY", "*prod*": "YYYYY", "prod*repo": "NNYNY", "*": "YYYYY",
	} {
		a.scanning("BASIC", scanRule("SCAN_ON_PUSH", filter))
		got := ""
		for _, c := range do(a, a.BatchGetRepositoryScanningConfiguration, &ecr.BatchGetRepositoryScanningConfigurationInput{RepositoryNames: names}).ScanningConfigurations {
			got += map[bool]string{true: "Y", false: "N"}[c.ScanOnPush]
			if c.ScanOnPush != (len(c.AppliedScanFilters) == 1) || c.ScanOnPush != (c.ScanFrequency == "SCAN_ON_PUSH") {
				a.t.Errorf("%s, %s: %s", filter, *c.RepositoryName, fmt.Sprint(c.ScanFrequency, c.AppliedScanFilters))
			}
		}
		if got != want {
			a.t.Errorf("%s matches %s of %q, want %s", filter, got, names, want)
		}
	}
}

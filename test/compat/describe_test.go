package compat

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func describeRows() []*operation {
	return []*operation{listImages(), describeImages(), listImageReferrers(), updateImageStorageClass()}
}

func (a *account) describedImage(repository string, id *types.ImageIdentifier) types.ImageDetail {
	a.t.Helper()
	return do(a, a.DescribeImages, &ecr.DescribeImagesInput{RepositoryName: &repository, ImageIds: []types.ImageIdentifier{*id}}).ImageDetails[0]
}

// archive archives an image.
func (a *account) archive(repository string, id *types.ImageIdentifier) {
	a.t.Helper()
	do(a, a.UpdateImageStorageClass, &ecr.UpdateImageStorageClassInput{RepositoryName: &repository, ImageId: id, TargetStorageClass: "ARCHIVE"})
}

// fillImages makes n images of one tag each.
func fillImages(a *account, n int) {
	for _, tag := range many(n, "v%03d") {
		a.image(web, tag, tag)
	}
}

func deleteImage(a *account, digest string) {
	do(a, a.BatchDeleteImage, &ecr.BatchDeleteImageInput{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*byDigest(digest)}})
}

const (
	tagStatuses   = "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]"
	imageStatuses = "Member must satisfy enum value set: [ACTIVE, ARCHIVED, ACTIVATING, ANY]"
)

// mixed makes a tagged, an untagged and an archived image.
func (a *account) mixed() (tagged, untagged, archived string) {
	tagged, untagged, archived = a.image(web, "1", "v1", "v2"), a.image(web, "2"), a.image(web, "3", "old")
	a.archive(web, byTag("old"))
	return tagged, untagged, archived
}

func listImages() *operation {
	type in = ecr.ListImagesInput
	good := func(a *account) *in {
		a.ready(web)
		return &in{RepositoryName: aws.String(web)}
	}
	filter := func(tags types.TagStatus, status types.ImageStatusFilter) *types.ListImagesFilter {
		return &types.ListImagesFilter{TagStatus: tags, ImageStatus: status}
	}
	return row("ListImages", good, readsOnly,
		shape("none", func(a *account) {
			a.same(do(a, a.ListImages, good(a)), &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}})
		}),
		shape("one entry of each tag, one of an untagged image, none of an archived", func(a *account) {
			in := good(a)
			tagged, untagged, _ := a.mixed()
			got := list(do(a, a.ListImages, in).ImageIds, pair)
			a.same(sorted(got...), sorted("v1 "+tagged, "v2 "+tagged, " "+untagged))
		}),
		shape("every filter", func(a *account) {
			in := good(a)
			tagged, untagged, archived := a.mixed()
			for _, c := range []struct {
				filter *types.ListImagesFilter
				want   []string
			}{
				{filter("TAGGED", ""), []string{"v1 " + tagged, "v2 " + tagged}},
				{filter("UNTAGGED", ""), []string{" " + untagged}},
				{filter("ANY", ""), []string{"v1 " + tagged, "v2 " + tagged, " " + untagged}},
				{filter("", "ACTIVE"), []string{"v1 " + tagged, "v2 " + tagged, " " + untagged}},
				{filter("", "ARCHIVED"), []string{"old " + archived}},
				{filter("", "ACTIVATING"), []string{}},
				{filter("TAGGED", "ANY"), []string{"old " + archived, "v1 " + tagged, "v2 " + tagged}},
				{filter("UNTAGGED", "ARCHIVED"), []string{}},
			} {
				in.Filter = c.filter
				a.same(sorted(list(do(a, a.ListImages, in).ImageIds, pair)...), sorted(c.want...))
			}
		}),
		wrong("an unknown tagStatus", func(in *in) { in.Filter = filter("SOME", "") }, "filter.tagStatus", tagStatuses),
		wrong("an unknown imageStatus", func(in *in) { in.Filter = filter("", "GONE") }, "filter.imageStatus", imageStatuses),
		pages(listing[in, ecr.ListImagesOutput]{
			keys: func(out *ecr.ListImagesOutput) []string { return list(out.ImageIds, pair) }, size: 100, fill: fillImages,
			come: func(a *account, name string) string { return name + " " + a.image(web, name, name) },
			goes: func(a *account, key string) { deleteImage(a, strings.Fields(key)[1]) },
			elsewhere: map[string]func(*account, *in, *string) error{
				"another repository": func(a *account, _ *in, token *string) error {
					a.repository("other")
					_, err := a.ListImages(a.t.Context(), &in{RepositoryName: aws.String("other"), NextToken: token})
					return err
				},
				"another filter": func(a *account, _ *in, token *string) error {
					_, err := a.ListImages(a.t.Context(), &in{RepositoryName: aws.String(web), NextToken: token, Filter: filter("TAGGED", "")})
					return err
				},
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.DescribeImages(a.t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String(web), NextToken: token})
					return err
				},
			},
		}),
		pagination("maxResults counts tags, and a page may end between two of an image", func(a *account) {
			in := good(a)
			digest := a.image(web, "1", "a", "b", "c")
			w := &walker[ecr.ListImagesInput, ecr.ListImagesOutput]{a: a, operation: "ListImages", in: in,
				keys: func(out *ecr.ListImagesOutput) []string { return list(out.ImageIds, pair) }}
			a.same(w.walk(2, nil), [][]string{{"a " + digest, "b " + digest}, {"c " + digest}})
		}),
	)
}

func describeImages() *operation {
	type in = ecr.DescribeImagesInput
	good := func(a *account) *in {
		a.ready(web)
		return &in{RepositoryName: aws.String(web)}
	}
	digests := func(out *ecr.DescribeImagesOutput) []string {
		return list(out.ImageDetails, func(d types.ImageDetail) string { return *d.ImageDigest })
	}
	filter := func(tags types.TagStatus, status types.ImageStatusFilter) *types.DescribeImagesFilter {
		return &types.DescribeImagesFilter{TagStatus: tags, ImageStatus: status}
	}
	return row("DescribeImages", good, readsOnly,
		shape("every member of images, indexes and referrers", allDetails),
		shape("one entry of each digest, none of archived ones", func(a *account) {
			in := good(a)
			tagged, untagged, _ := a.mixed()
			a.same(digests(do(a, a.DescribeImages, in)), sorted(tagged, untagged))
		}),
		shape("archived ones where they are named", func(a *account) {
			in := good(a)
			_, _, archived := a.mixed()
			got := a.describedImage(web, byDigest(archived))
			if got.ImageStatus != "ARCHIVED" || got.LastArchivedAt == nil || got.LastActivatedAt != nil {
				a.t.Errorf("%+v", got)
			}
			in.Filter = filter("", "ARCHIVED")
			a.same(digests(do(a, a.DescribeImages, in)), []string{archived})
		}),
		shape("filters of tags", func(a *account) {
			in := good(a)
			tagged, untagged, archived := a.mixed()
			for _, c := range []struct {
				filter *types.DescribeImagesFilter
				want   []string
			}{
				{filter("TAGGED", ""), []string{tagged}}, {filter("UNTAGGED", ""), []string{untagged}},
				{filter("TAGGED", "ANY"), sorted(tagged, archived)}, {filter("", "ACTIVATING"), []string{}},
			} {
				in.Filter = c.filter
				a.same(digests(do(a, a.DescribeImages, in)), c.want)
			}
		}),
		shape("an image that is named twice is there once", func(a *account) {
			in := good(a)
			digest := a.image(web, "1", "v1", "v2")
			in.ImageIds = []types.ImageIdentifier{*byTag("v1"), *byTag("v2"), *byDigest(digest), *byBoth(digest, "v1")}
			a.same(digests(do(a, a.DescribeImages, in)), []string{digest})
		}),
		shape("scans are told of with CLAIR alone", scansInDetails),
		but("one unknown tag fails the whole call", func(a *account, in *in) {
			a.image(web, "1", "v1")
			in.ImageIds = []types.ImageIdentifier{*byTag("v1"), *byTag("gone")}
		}, "ImageNotFoundException", "The image with imageId {imageDigest:'null', imageTag:'gone'} does not exist within the repository with name 'team/web' in the registry with id '{account}'"),
		but("a tag of another digest", func(a *account, in *in) {
			a.image(web, "1", "v1")
			in.ImageIds = []types.ImageIdentifier{*byBoth(nowhere, "v1")}
		}, "ImageNotFoundException", "The image with imageId {imageDigest:'"+nowhere+"', imageTag:'v1'} does not exist within the repository with name 'team/web' in the registry with id '{account}'"),
		but("an empty id", func(_ *account, in *in) { in.ImageIds = []types.ImageIdentifier{{}} }, invalidParameter, "Invalid request parameters: both tag and digest cannot be null"),
		wrong("no ids", func(in *in) { in.ImageIds = []types.ImageIdentifier{} }, "imageIds", "Member must have length greater than or equal to 1"),
		wrong("a hundred and one ids", func(in *in) { in.ImageIds = manyIDs(101) }, "imageIds", "Member must have length less than or equal to 100"),
		wrong("an unknown tagStatus", func(in *in) { in.Filter = filter("SOME", "") }, "filter.tagStatus", tagStatuses),
		wrong("an unknown imageStatus", func(in *in) { in.Filter = filter("", "GONE") }, "filter.imageStatus", imageStatuses),
		pages(listing[in, ecr.DescribeImagesOutput]{
			keys: digests, size: 100, fill: fillImages, member: "imageIds",
			come: func(a *account, name string) string { return a.image(web, name) },
			goes: deleteImage,
			ids:  func(in *in) { in.ImageIds = manyIDs(1) },
			elsewhere: map[string]func(*account, *in, *string) error{
				"another repository": func(a *account, _ *in, token *string) error {
					a.repository("other")
					_, err := a.DescribeImages(a.t.Context(), &in{RepositoryName: aws.String("other"), NextToken: token})
					return err
				},
				"another filter": func(a *account, _ *in, token *string) error {
					_, err := a.DescribeImages(a.t.Context(), &in{RepositoryName: aws.String(web), NextToken: token, Filter: filter("", "ANY")})
					return err
				},
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.ListImages(a.t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String(web), NextToken: token})
					return err
				},
			},
		}),
	)
}

// allDetails describes an image, an index of it and of a larger one, and a
// referrer.
func allDetails(a *account) {
	a.ready(web)
	a.layer(web, strings.Repeat("x", 1000))
	small := a.image(web, "small")
	largeText := manifest("large", map[string]any{"layers": []any{described(ociLayer, strings.Repeat("x", 1000))}})
	large := a.put(web, largeText, "b", "a")
	parent := a.put(web, index(small, large), "list")
	about := a.put(web, referrer(large, "application/x.sbom", "1"))
	detail := func(digest string, size int64, mediaType string) types.ImageDetail {
		return types.ImageDetail{RegistryId: &a.id, RepositoryName: aws.String(web), ImageDigest: &digest, ImageSizeInBytes: &size,
			ImagePushedAt: now(), ImageManifestMediaType: &mediaType, ImageStatus: "ACTIVE"}
	}
	base := int64(len(config))
	s, l, p, r := detail(small, base, ociManifest), detail(large, base+1000, ociManifest), detail(parent, base+1000, ociIndex), detail(about, base, ociManifest)
	s.ArtifactMediaType, l.ArtifactMediaType, r.ArtifactMediaType = aws.String(ociConfig), aws.String(ociConfig), aws.String("application/x.sbom")
	l.ImageTags, p.ImageTags, r.SubjectManifestDigest = []string{"a", "b"}, []string{"list"}, &large
	want := []types.ImageDetail{s, l, p, r}
	slices.SortFunc(want, func(x, y types.ImageDetail) int { return strings.Compare(*x.ImageDigest, *y.ImageDigest) })
	a.same(do(a, a.DescribeImages, &ecr.DescribeImagesInput{RepositoryName: aws.String(web)}), &ecr.DescribeImagesOutput{ImageDetails: want})
}

// scansInDetails: with AWS_NATIVE and under enhanced scanning, image details
// know nothing of scans.
func scansInDetails(a *account) {
	a.repository(web)
	a.layer(web, config)
	a.alpine(web, "native")
	scan := func(tag string) {
		do(a, a.StartImageScan, &ecr.StartImageScanInput{RepositoryName: aws.String(web), ImageId: byTag(tag)})
		a.scanEnded(web, byTag(tag))
	}
	scan("native")
	if d := a.describedImage(web, byTag("native")); d.ImageScanStatus != nil || d.ImageScanFindingsSummary != nil {
		a.t.Errorf("with AWS_NATIVE: %+v", d)
	}
	do(a, a.PutAccountSetting, &ecr.PutAccountSettingInput{Name: aws.String("BASIC_SCAN_TYPE_VERSION"), Value: aws.String("CLAIR")})
	a.alpine(web, "clair")
	scan("clair")
	found := do(a, a.DescribeImageScanFindings, &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String(web), ImageId: byTag("clair")})
	d := a.describedImage(web, byTag("clair"))
	a.same(d.ImageScanStatus, found.ImageScanStatus)
	a.same(d.ImageScanFindingsSummary, &types.ImageScanFindingsSummary{ImageScanCompletedAt: found.ImageScanFindings.ImageScanCompletedAt,
		VulnerabilitySourceUpdatedAt: found.ImageScanFindings.VulnerabilitySourceUpdatedAt, FindingSeverityCounts: found.ImageScanFindings.FindingSeverityCounts})
	a.scanning("ENHANCED")
	if d := a.describedImage(web, byTag("clair")); d.ImageScanStatus != nil || d.ImageScanFindingsSummary != nil {
		a.t.Errorf("under ENHANCED: %+v", d)
	}
}

func listImageReferrers() *operation {
	type in = ecr.ListImageReferrersInput
	good := func(a *account) *in {
		a.ready(web)
		subject := a.image(web, "subject", "v1")
		return &in{RepositoryName: aws.String(web), SubjectId: &types.SubjectIdentifier{ImageDigest: &subject}}
	}
	const sbom, signature = "application/x.sbom", "application/x.signature"
	digests := func(out *ecr.ListImageReferrersOutput) []string {
		return list(out.Referrers, func(r types.ImageReferrer) string { return *r.Digest })
	}
	filter := func(status types.ArtifactStatusFilter, kinds ...string) *types.ListImageReferrersFilter {
		return &types.ListImageReferrersFilter{ArtifactStatus: status, ArtifactTypes: kinds}
	}
	return row("ListImageReferrers", good, readsOnly, asks("ecr:BatchGetImage", ""),
		shape("every member", func(a *account) {
			in := good(a)
			text := referrer(*in.SubjectId.ImageDigest, sbom, "1")
			digest := a.put(web, text)
			a.same(do(a, a.ListImageReferrers, in), &ecr.ListImageReferrersOutput{Referrers: []types.ImageReferrer{{
				Digest: &digest, MediaType: aws.String(ociManifest), ArtifactType: aws.String(sbom), Size: aws.Int64(int64(len(text))),
				Annotations: map[string]string{"seed": "1"}, ArtifactStatus: "ACTIVE"}}})
		}),
		shape("an unknown subject has none", func(a *account) {
			in := good(a)
			in.SubjectId.ImageDigest = &nowhere
			a.same(do(a, a.ListImageReferrers, in), &ecr.ListImageReferrersOutput{Referrers: []types.ImageReferrer{}})
		}),
		shape("every filter", func(a *account) {
			in := good(a)
			one, two := a.put(web, referrer(*in.SubjectId.ImageDigest, sbom, "1")), a.put(web, referrer(*in.SubjectId.ImageDigest, signature, "1"))
			old := a.put(web, referrer(*in.SubjectId.ImageDigest, signature, "old"))
			a.archive(web, byDigest(old))
			for _, c := range []struct {
				filter *types.ListImageReferrersFilter
				want   []string
			}{
				{nil, []string{one, two}}, {filter("", sbom), []string{one}}, {filter("", signature, "application/x"), []string{two}},
				{filter("", sbom, signature), []string{one, two}}, {filter("ARCHIVED"), []string{old}}, {filter("ANY", signature), []string{two, old}},
			} {
				in.Filter = c.filter
				a.same(sorted(digests(do(a, a.ListImageReferrers, in))...), sorted(c.want...))
			}
		}),
		wrong("a subject that is no digest", func(in *in) { in.SubjectId.ImageDigest = aws.String("v1") }, "subjectId.imageDigest", "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"),
		wrong("six artifact types", func(in *in) { in.Filter = filter("", many(6, "%d")...) }, "filter.artifactTypes", "Member must have length less than or equal to 5"),
		wrong("an unknown status", func(in *in) { in.Filter = filter("GONE") }, "filter.artifactStatus", imageStatuses),
		fails("a subject without a digest", func(a *account) {
			a.ready(web)
			a.refusedRaw(a.send("ListImageReferrers", `{"repositoryName":"team/web","subjectId":{}}`), invalidParameter, violates("subjectId.imageDigest", "Member must not be null"))
		}),
		pages(listing[in, ecr.ListImageReferrersOutput]{
			keys: digests, size: 20,
			fill: func(a *account, n int) {
				for _, seed := range many(n, "%d") {
					a.put(web, referrer(digestOf(manifest("subject")), sbom, seed))
				}
			},
			come: func(a *account, name string) string {
				return a.put(web, referrer(digestOf(manifest("subject")), signature, name))
			},
			goes: deleteImage,
			elsewhere: map[string]func(*account, *in, *string) error{
				"another subject": func(a *account, in *in, token *string) error {
					in.SubjectId, in.NextToken = &types.SubjectIdentifier{ImageDigest: &nowhere}, token
					_, err := a.ListImageReferrers(a.t.Context(), in)
					return err
				},
				"another filter": func(a *account, in *in, token *string) error {
					in.Filter, in.NextToken = filter("", sbom), token
					_, err := a.ListImageReferrers(a.t.Context(), in)
					return err
				},
				"another operation": func(a *account, _ *in, token *string) error {
					_, err := a.ListImages(a.t.Context(), &ecr.ListImagesInput{RepositoryName: aws.String(web), NextToken: token})
					return err
				},
			},
		}),
	)
}

func updateImageStorageClass() *operation {
	type in = ecr.UpdateImageStorageClassInput
	good := func(a *account) *in {
		a.ready(web)
		a.image(web, "1", "v1")
		return &in{RepositoryName: aws.String(web), ImageId: byTag("v1"), TargetStorageClass: "ARCHIVE"}
	}
	one := digestOf(manifest("1"))
	answered := func(a *account, status types.ImageStatus) *ecr.UpdateImageStorageClassOutput {
		return &ecr.UpdateImageStorageClassOutput{RegistryId: &a.id, RepositoryName: aws.String(web), ImageId: byBoth(one, "v1"), ImageStatus: status}
	}
	return row("UpdateImageStorageClass", good, unpaged,
		shape("to the archive", func(a *account) {
			a.same(do(a, a.UpdateImageStorageClass, good(a)), answered(a, "ARCHIVED"))
		}),
		shape("and back", func(a *account) {
			in := good(a)
			do(a, a.UpdateImageStorageClass, in)
			in.TargetStorageClass = "STANDARD"
			a.same(do(a, a.UpdateImageStorageClass, in), answered(a, "ACTIVATING"))
		}),
		wrong("an unknown class", func(in *in) { in.TargetStorageClass = "GLACIER" }, "targetStorageClass", "Member must satisfy enum value set: [STANDARD, ARCHIVE]"),
		but("the child of an index that is not archived", func(a *account, _ *in) { a.put(web, index(one), "list") },
			"ImageStorageClassUpdateNotSupportedException", "The image with digest '"+one+"' cannot be archived because it is referenced by the active manifest list: ["+digestOf(index(one))+"]"),
		effects("archived: hidden, not pulled, not scanned, and still there", func(a *account) {
			in := good(a)
			do(a, a.UpdateImageStorageClass, in)
			a.same(do(a, a.ListImages, &ecr.ListImagesInput{RepositoryName: aws.String(web)}).ImageIds, []types.ImageIdentifier{})
			a.same(a.imageIDs(web), []string{"v1 " + one})
			a.same(len(do(a, a.BatchGetImage, &ecr.BatchGetImageInput{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*byTag("v1")}}).Images), 0)
			if at := a.describedImage(web, byTag("v1")).LastArchivedAt; at == nil {
				a.t.Error("no lastArchivedAt")
			}
		}),
		effects("restored: active in the end", func(a *account) {
			in := good(a)
			do(a, a.UpdateImageStorageClass, in)
			in.TargetStorageClass = "STANDARD"
			do(a, a.UpdateImageStorageClass, in)
			a.eventually("the image is active", func() bool { return a.describedImage(web, byTag("v1")).ImageStatus == "ACTIVE" })
			if d := a.describedImage(web, byTag("v1")); d.LastActivatedAt == nil || d.LastArchivedAt == nil {
				a.t.Errorf("%+v", d)
			}
			a.same(len(do(a, a.BatchGetImage, &ecr.BatchGetImageInput{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*byTag("v1")}}).Images), 1)
		}),
		effects("what is so already stays so", func(a *account) {
			in := good(a)
			in.TargetStorageClass = "STANDARD"
			a.same(do(a, a.UpdateImageStorageClass, in), answered(a, "ACTIVE"))
			in.TargetStorageClass = "ARCHIVE"
			do(a, a.UpdateImageStorageClass, in)
			a.same(do(a, a.UpdateImageStorageClass, in), answered(a, "ARCHIVED"))
		}),
		effects("artifacts go into the archive with the image that they refer to, and come back with it", func(a *account) {
			in := good(a)
			alone := a.put(web, referrer(one, "application/x", "archived before"))
			a.archive(web, byDigest(alone))
			a.put(web, referrer(one, "application/x", "signature"), "sig")
			status := func() types.ImageStatus { return a.describedImage(web, byTag("sig")).ImageStatus }
			do(a, a.UpdateImageStorageClass, in)
			a.eventually("the artifact is archived", func() bool { return status() == "ARCHIVED" })
			in.TargetStorageClass = "STANDARD"
			do(a, a.UpdateImageStorageClass, in)
			a.eventually("the artifact is active", func() bool { return status() == "ACTIVE" })
			a.same(a.describedImage(web, byDigest(alone)).ImageStatus, types.ImageStatusArchived)
		}),
		effects("an index, then its child", func(a *account) {
			in := good(a)
			a.put(web, index(one), "list")
			a.archive(web, byTag("list"))
			a.same(do(a, a.UpdateImageStorageClass, in), answered(a, "ARCHIVED"))
		}),
	)
}

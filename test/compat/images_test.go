package compat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func imageRows() []*operation {
	return []*operation{putImage(), batchGetImage(), batchDeleteImage()}
}

func previewFilter(status types.TagStatus) *types.LifecyclePolicyPreviewFilter {
	return &types.LifecyclePolicyPreviewFilter{TagStatus: status}
}

func manyIDs(n int) []types.ImageIdentifier {
	var all []types.ImageIdentifier
	for _, tag := range many(n, "v%d") {
		all = append(all, *byTag(tag))
	}
	return all
}

// imageIDs are all (digest, tag) pairs of a repository, as "tag digest".
func (a *account) imageIDs(repository string) []string {
	a.t.Helper()
	out := do(a, a.ListImages, &ecr.ListImagesInput{RepositoryName: &repository, Filter: &types.ListImagesFilter{ImageStatus: "ANY"}})
	all := list(out.ImageIds, pair)
	slices.Sort(all)
	return all
}

func pair(id types.ImageIdentifier) string {
	return aws.ToString(id.ImageTag) + " " + aws.ToString(id.ImageDigest)
}

func sorted(all ...string) []string {
	slices.Sort(all)
	return all
}

func alreadyThere(digest, tag string) string {
	return "Image with digest '" + digest + "' and tag '" + tag + "' already exists in the repository with name 'team/web' in registry with id '{account}'"
}

func putImage() *operation {
	type in = ecr.PutImageInput
	good := func(a *account) *in {
		a.ready(web)
		return &in{RepositoryName: aws.String(web), ImageManifest: aws.String(manifest("1")), ImageTag: aws.String("v1")}
	}
	set := func(text string) func(*account, *in) {
		return func(_ *account, in *in) { in.ImageManifest = &text }
	}
	manifestFails := func(name, text, constraint string) part {
		return but("a manifest that "+name, set(text), invalidParameter, violates("ImageManifest", constraint))
	}
	return row("PutImage", good, unpaged,
		shape("the image with its tag", func(a *account) {
			in := good(a)
			a.same(do(a, a.PutImage, in), &ecr.PutImageOutput{Image: &types.Image{
				RegistryId: &a.id, RepositoryName: aws.String(web), ImageId: byBoth(digestOf(*in.ImageManifest), "v1"),
				ImageManifest: in.ImageManifest, ImageManifestMediaType: aws.String(ociManifest)}})
		}),
		shape("the image without a tag", func(a *account) {
			in := good(a)
			in.ImageTag, in.ImageDigest = nil, aws.String(digestOf(*in.ImageManifest))
			a.same(do(a, a.PutImage, in).Image.ImageId, byDigest(*in.ImageDigest))
		}),
		shape("the digest is over the exact bytes", exactBytes),
		shape("every sort of manifest", everyManifest),
		but("the same digest with the same tag", func(a *account, in *in) { a.put(web, *in.ImageManifest, "v1") },
			"ImageAlreadyExistsException", alreadyThere(digestOf(manifest("1")), "v1")),
		but("the same digest without a tag", func(a *account, in *in) {
			a.put(web, *in.ImageManifest, "v1")
			in.ImageTag = nil
		}, "ImageAlreadyExistsException", alreadyThere(digestOf(manifest("1")), "null")),
		but("the tag of another image that is immutable", func(a *account, in *in) {
			a.image(web, "other", "v1")
			do(a, a.PutImageTagMutability, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String(web), ImageTagMutability: "IMMUTABLE"})
		}, "ImageTagAlreadyExistsException", "The image tag 'v1' already exists in the 'team/web' repository and cannot be overwritten because the tag is immutable."),
		but("the same digest with the same immutable tag", func(a *account, in *in) {
			a.put(web, *in.ImageManifest, "v1")
			do(a, a.PutImageTagMutability, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String(web), ImageTagMutability: "IMMUTABLE"})
		}, "ImageAlreadyExistsException", alreadyThere(digestOf(manifest("1")), "v1")),
		but("layers that are not there", set(manifest("1", map[string]any{"layers": []any{described(ociLayer, "a"), described(ociLayer, "b")}})),
			"LayersNotFoundException", "Layers with digests '["+digestOf("a")+", "+digestOf("b")+"]' required for pushing image into repository with name 'team/web' in the registry with id '{account}' do not exist"),
		but("children that are not there", set(index(digestOf("a"), digestOf("b"))),
			"ReferencedImagesNotFoundException", "Images with digests '["+digestOf("a")+", "+digestOf("b")+"]' required for pushing image into repository with name 'team/web' in the registry with id '{account}' do not exist"),
		but("another digest than the manifest's", func(_ *account, in *in) { in.ImageDigest = &nowhere },
			"ImageDigestDoesNotMatchException", "The calculated image digest '"+digestOf(manifest("1"))+"' does not match the provided digest '"+nowhere+"'"),
		but("a digest that is none", func(_ *account, in *in) { in.ImageDigest = aws.String("sha256:1") },
			invalidParameter, violates("imageDigest", "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")),
		but("a manifest without a media type", set(strings.Replace(manifest("1"), `"mediaType":"`+ociManifest+`",`, "", 1)),
			invalidParameter, "image manifest mediatype not provided in manifest or parameter"),
		but("another media type than the manifest's", func(_ *account, in *in) { in.ImageManifestMediaType = aws.String(ociIndex) },
			invalidParameter, violates("ImageManifest", "Media type '"+ociIndex+"' does not match the manifest's mediaType '"+ociManifest+"'")),
		manifestFails("is no JSON", "manifest", "Invalid JSON syntax"),
		manifestFails("goes on behind its end", manifest("1")+"{}", "Invalid JSON syntax"),
		manifestFails("is of an unknown type", `{"schemaVersion":2,"mediaType":"text/plain"}`, "Unsupported manifest media type"),
		wrong("a manifest of nothing", func(in *in) { in.ImageManifest = aws.String("") }, "ImageManifest", "Member must have length greater than or equal to 1"),
		wrong("a manifest above 4 MiB", func(in *in) { in.ImageManifest = aws.String(strings.Repeat(" ", 4<<20+1)) }, "ImageManifest", "Member must have length less than or equal to 4194304"),
		wrong("a tag that nobody could pull", func(in *in) { in.ImageTag = aws.String("a+b") }, "imageTag", "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'"),
		wrong("a tag of 301 characters", func(in *in) { in.ImageTag = aws.String(strings.Repeat("a", 301)) }, "imageTag", "Member must have length less than or equal to 300"),
		but("one tag too many", func(a *account, in *in) { a.put(web, *in.ImageManifest, many(maxTags, "t%d")...) }, limitExceeded, fmt.Sprintf(
			"Adding tag 'v1' to an image in the repository with name 'team/web' in registry with id '{account}' exceeds the maximum allowed number of tags per image which is '%d'", maxTags)),
		but("one image too many", func(a *account, _ *in) {
			for _, seed := range many(maxImages, "%d of many") {
				a.image(web, seed)
			}
		}, limitExceeded, fmt.Sprintf("The repository with name 'team/web' in registry with id '{account}' already has the maximum allowed number of images which is '%d'", maxImages)),
		effects("a new tag of a known image keeps the time of its push", func(a *account) {
			good(a)
			digest := a.image(web, "1", "v1")
			before := a.describedImage(web, byTag("v1"))
			a.image(web, "1", "v2")
			after := a.describedImage(web, byTag("v2"))
			if !after.ImagePushedAt.Equal(*before.ImagePushedAt) {
				a.t.Errorf("pushed at %v, then %v", before.ImagePushedAt, after.ImagePushedAt)
			}
			a.same(a.imageIDs(web), sorted("v1 "+digest, "v2 "+digest))
		}),
		effects("a tag moves; the image that it leaves stays, untagged", func(a *account) {
			good(a)
			old, other := a.image(web, "old", "v1", "kept"), a.image(web, "alone", "v2")
			fresh := a.image(web, "new", "v1", "v2")
			a.same(a.imageIDs(web), sorted("v1 "+fresh, "v2 "+fresh, "kept "+old, " "+other))
		}),
		effects("what is refused stores nothing", func(a *account) {
			in := good(a)
			in.ImageManifest = aws.String(index(nowhere))
			_, err := a.PutImage(a.t.Context(), in)
			a.refused(err, "ReferencedImagesNotFoundException", "Images with digests '["+nowhere+"]' required for pushing image into repository with name 'team/web' in the registry with id '{account}' do not exist")
			a.same(a.imageIDs(web), []string{})
		}),
		effects("pushing an archived image restores it", func(a *account) {
			in := good(a)
			a.put(web, *in.ImageManifest, "v1")
			a.archive(web, byTag("v1"))
			in.ImageTag = aws.String("v2")
			do(a, a.PutImage, in)
			a.same(a.describedImage(web, byTag("v1")).ImageStatus, types.ImageStatusActive)
		}),
		effects("a creation template makes the repository", func(a *account) {
			do(a, a.CreateRepositoryCreationTemplate, &ecr.CreateRepositoryCreationTemplateInput{Prefix: aws.String("ROOT"), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}})
			empty := `{"schemaVersion":2,"mediaType":"` + ociIndex + `","manifests":[]}`
			do(a, a.PutImage, &in{RepositoryName: aws.String("by/push"), ImageManifest: &empty})
			a.same(repositoryNames(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{})), []string{"by/push"})
		}),
	)
}

// exactBytes: white space and unknown members are part of a manifest.
func exactBytes(a *account) {
	a.ready(web)
	text := "\n " + strings.Replace(manifest("1"), `{"`, `{ "unknown":[1.50,"é\u00e9<"], "`, 1) + "\t\n"
	out := do(a, a.PutImage, &ecr.PutImageInput{RepositoryName: aws.String(web), ImageManifest: &text})
	a.same(out.Image.ImageId, byDigest(digestOf(text)))
	got := do(a, a.BatchGetImage, &ecr.BatchGetImageInput{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*out.Image.ImageId}})
	a.same(got.Images[0].ImageManifest, &text)
}

// everyManifest pushes one of each media type that is taken.
func everyManifest(a *account) {
	a.ready(web)
	child := a.image(web, "child")
	blob := described("application/octet-stream", config)
	for mediaType, m := range map[string]map[string]any{
		ociIndex: {"schemaVersion": 2, "manifests": []any{map[string]any{"mediaType": ociManifest, "digest": child, "size": 1}}},
		"application/vnd.docker.distribution.manifest.v2+json":      {"schemaVersion": 2, "config": described("application/vnd.docker.container.image.v1+json", config), "layers": []any{blob}},
		"application/vnd.docker.distribution.manifest.list.v2+json": {"schemaVersion": 2, "manifests": []any{map[string]any{"mediaType": ociManifest, "digest": child, "size": 1}}},
		"application/vnd.oci.artifact.manifest.v1+json":             {"artifactType": "application/x", "blobs": []any{blob}},
		"application/vnd.cncf.oras.artifact.manifest.v1+json":       {"artifactType": "application/x", "blobs": []any{blob}},
	} {
		m["annotations"] = map[string]string{"as": mediaType}
		text := encoded(m) // its type comes beside it
		out := do(a, a.PutImage, &ecr.PutImageInput{RepositoryName: aws.String(web), ImageManifest: &text, ImageManifestMediaType: &mediaType})
		a.same(out.Image.ImageManifestMediaType, &mediaType)
	}
}

func failure(id types.ImageIdentifier, code types.ImageFailureCode, reason string) types.ImageFailure {
	return types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: &reason}
}

// itemFailures are what the batch operations answer of ids that they cannot
// find, while the others are answered.
func itemFailures(old string) ([]types.ImageIdentifier, []types.ImageFailure) {
	ids := []types.ImageIdentifier{*byTag("gone"), *byDigest(nowhere), {}, *byDigest("none"), *byBoth(old, "v2")}
	return ids, []types.ImageFailure{
		failure(ids[0], "ImageNotFound", "Requested image not found"),
		failure(ids[1], "ImageNotFound", "Requested image not found"),
		failure(ids[2], "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"),
		failure(ids[3], "InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"),
		failure(ids[4], "ImageTagDoesNotMatchDigest", "Invalid request parameters: image tag does not match the image digest"),
	}
}

func batchGetImage() *operation {
	type in = ecr.BatchGetImageInput
	good := func(a *account) *in {
		a.ready(web)
		a.image(web, "1", "v1")
		return &in{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*byTag("v1")}}
	}
	image := func(a *account, seed string, id *types.ImageIdentifier) types.Image {
		return types.Image{RegistryId: &a.id, RepositoryName: aws.String(web), ImageId: id,
			ImageManifest: aws.String(manifest(seed)), ImageManifestMediaType: aws.String(ociManifest)}
	}
	return row("BatchGetImage", good, unpaged,
		shape("by tag, by digest and by both", func(a *account) {
			in := good(a)
			one, two := digestOf(manifest("1")), a.image(web, "2", "v2")
			in.ImageIds, in.AcceptedMediaTypes = []types.ImageIdentifier{*byTag("v1"), *byDigest(two), *byBoth(two, "v2")}, []string{ociManifest, ociIndex}
			a.same(do(a, a.BatchGetImage, in), &ecr.BatchGetImageOutput{Failures: []types.ImageFailure{}, Images: []types.Image{
				image(a, "1", byBoth(one, "v1")), image(a, "2", byDigest(two)), image(a, "2", byBoth(two, "v2"))}})
		}),
		shape("what is not there are failures", func(a *account) {
			in := good(a)
			a.image(web, "2", "v2")
			ids, failures := itemFailures(digestOf(manifest("1")))
			in.ImageIds = append(ids, *byTag("v1"))
			a.same(do(a, a.BatchGetImage, in), &ecr.BatchGetImageOutput{Failures: failures, Images: []types.Image{image(a, "1", byBoth(digestOf(manifest("1")), "v1"))}})
		}),
		wrong("no ids", func(in *in) { in.ImageIds = []types.ImageIdentifier{} }, "imageIds", "Member must have length greater than or equal to 1"),
		wrong("a hundred and one ids", func(in *in) { in.ImageIds = manyIDs(101) }, "imageIds", "Member must have length less than or equal to 100"),
		wrong("a hundred and one media types", func(in *in) { in.AcceptedMediaTypes = many(101, "%d") }, "acceptedMediaTypes", "Member must have length less than or equal to 100"),
		but("more manifests than fit into an answer", func(a *account, in *in) {
			m := manifest("large", map[string]any{"annotations": map[string]string{"long": strings.Repeat("x", 4<<20-1000)}})
			in.ImageIds = nil
			a.put(web, m, "large")
			for range 9 {
				in.ImageIds = append(in.ImageIds, *byTag("large"))
			}
		}, limitExceeded, "The manifests of the requested images exceed 33554432 bytes. Request fewer images at a time."),
		effects("it counts as a pull", func(a *account) {
			in := good(a)
			if at := a.describedImage(web, byTag("v1")).LastRecordedPullTime; at != nil {
				a.t.Errorf("pulled at %v before any pull", at)
			}
			do(a, a.BatchGetImage, in)
			a.pullRecorded(web, "v1")
		}),
		effects("archived images cannot be had", func(a *account) {
			in := good(a)
			a.archive(web, byTag("v1"))
			a.same(do(a, a.BatchGetImage, in).Failures, []types.ImageFailure{failure(*byTag("v1"), "ImageNotFound", "Requested image not found")})
		}),
	)
}

func batchDeleteImage() *operation {
	type in = ecr.BatchDeleteImageInput
	good := func(a *account) *in {
		a.ready(web)
		a.image(web, "1", "v1", "latest")
		return &in{RepositoryName: aws.String(web), ImageIds: []types.ImageIdentifier{*byTag("v1")}}
	}
	one := digestOf(manifest("1"))
	return row("BatchDeleteImage", good, unpaged,
		shape("every pair that is gone", func(a *account) {
			in := good(a)
			two := a.image(web, "2")
			in.ImageIds = []types.ImageIdentifier{*byDigest(one), *byDigest(two)}
			got := do(a, a.BatchDeleteImage, in)
			slices.SortFunc(got.ImageIds[:2], func(x, y types.ImageIdentifier) int { return strings.Compare(pair(x), pair(y)) })
			a.same(got, &ecr.BatchDeleteImageOutput{Failures: []types.ImageFailure{},
				ImageIds: []types.ImageIdentifier{*byBoth(one, "latest"), *byBoth(one, "v1"), *byDigest(two)}})
		}),
		shape("what is not there are failures", func(a *account) {
			in := good(a)
			a.image(web, "2", "v2")
			ids, failures := itemFailures(one)
			in.ImageIds = append(ids, *byTag("v1"))
			a.same(do(a, a.BatchDeleteImage, in), &ecr.BatchDeleteImageOutput{Failures: failures, ImageIds: []types.ImageIdentifier{*byBoth(one, "v1")}})
		}),
		shape("children of an index are failures", func(a *account) {
			in := good(a)
			child := a.image(web, "child", "c")
			parent := a.put(web, index(child), "list")
			in.ImageIds = []types.ImageIdentifier{*byTag("c"), *byDigest(child)}
			why := "Requested image referenced by manifest list: [" + parent + "]"
			a.same(do(a, a.BatchDeleteImage, in), &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{
				failure(*byTag("c"), "ImageReferencedByManifestList", why), failure(*byDigest(child), "ImageReferencedByManifestList", why)}})
		}),
		wrong("no ids", func(in *in) { in.ImageIds = []types.ImageIdentifier{} }, "imageIds", "Member must have length greater than or equal to 1"),
		wrong("a hundred and one ids", func(in *in) { in.ImageIds = manyIDs(101) }, "imageIds", "Member must have length less than or equal to 100"),
		effects("a tag goes alone, the last one with its image", func(a *account) {
			in := good(a)
			do(a, a.BatchDeleteImage, in)
			a.same(a.imageIDs(web), []string{"latest " + one})
			in.ImageIds = []types.ImageIdentifier{*byTag("latest")}
			do(a, a.BatchDeleteImage, in)
			a.same(a.imageIDs(web), []string{})
		}),
		effects("a digest goes with all its tags", func(a *account) {
			in := good(a)
			in.ImageIds = []types.ImageIdentifier{*byDigest(one)}
			do(a, a.BatchDeleteImage, in)
			a.same(a.imageIDs(web), []string{})
		}),
		effects("in an immutable repository, too", func(a *account) {
			in := good(a)
			do(a, a.PutImageTagMutability, &ecr.PutImageTagMutabilityInput{RepositoryName: aws.String(web), ImageTagMutability: "IMMUTABLE"})
			do(a, a.BatchDeleteImage, in)
			a.same(a.imageIDs(web), []string{"latest " + one})
		}),
		effects("an index and its children in one call, in any order", func(a *account) {
			in := good(a)
			child := a.image(web, "child")
			parent := a.put(web, index(child), "list")
			in.ImageIds = []types.ImageIdentifier{*byDigest(child), *byDigest(one), *byDigest(parent)}
			if got := do(a, a.BatchDeleteImage, in); len(got.Failures) > 0 {
				a.t.Errorf("failures %+v", got.Failures)
			}
			a.same(a.imageIDs(web), []string{})
		}),
		effects("artifacts go with the image that they refer to, and theirs with them", func(a *account) {
			in := good(a)
			kept, early := a.image(web, "kept"), a.put(web, referrer(nowhere, "application/x", "early"))
			signature := a.put(web, referrer(one, "application/x", "signature"), "sig")
			a.put(web, referrer(signature, "application/x", "signature of the signature"))
			about := a.put(web, referrer(kept, "application/x", "about another"))
			in.ImageIds = append(in.ImageIds, *byTag("latest"))
			do(a, a.BatchDeleteImage, in)
			left := sorted(" "+kept, " "+early, " "+about)
			a.eventually("the artifacts are gone", func() bool { return slices.Equal(a.imageIDs(web), left) })
		}),
		effects("an artifact that an index needs stays", func(a *account) {
			in := good(a)
			needed := a.put(web, referrer(one, "application/x", "needed"))
			free := a.put(web, referrer(one, "application/x", "free"))
			list := a.put(web, index(needed))
			in.ImageIds = []types.ImageIdentifier{*byDigest(one)}
			do(a, a.BatchDeleteImage, in)
			a.eventually("the other is gone", func() bool { return !slices.Contains(a.imageIDs(web), " "+free) })
			a.same(a.imageIDs(web), sorted(" "+needed, " "+list))
		}),
	)
}

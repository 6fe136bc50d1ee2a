package compat

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

func layerRows() []*operation {
	return []*operation{batchCheckLayerAvailability(), initiateLayerUpload(), uploadLayerPart(), completeLayerUpload(), getDownloadURLForLayer()}
}

const (
	digestRule = "Member must satisfy regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"
	uploadRule = "Member must satisfy regular expression pattern: [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

	noUpload = "00000000-0000-4000-8000-000000000000"
)

func uploadMissing(id string) string {
	return "The upload with id '" + id + "' does not exist within the repository with name 'team/web' in the registry with id '{account}'"
}

func batchCheckLayerAvailability() *operation {
	type in = ecr.BatchCheckLayerAvailabilityInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryName: aws.String(web), LayerDigests: []string{digestOf(config)}}
	}
	return row("BatchCheckLayerAvailability", good, unpaged, readsOnly,
		shape("what is there, what is not, and what is no digest", func(a *account) {
			in := good(a)
			there := a.layer(web, config)
			in.LayerDigests = []string{there, nowhere, "", "no digest", strings.Repeat("x", 1000)}
			invalid := "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
			a.same(do(a, a.BatchCheckLayerAvailability, in), &ecr.BatchCheckLayerAvailabilityOutput{
				Layers: []types.Layer{
					{LayerDigest: &there, LayerAvailability: "AVAILABLE", LayerSize: aws.Int64(int64(len(config)))},
					{LayerDigest: &nowhere, LayerAvailability: "UNAVAILABLE"},
				},
				Failures: []types.LayerFailure{
					{LayerDigest: aws.String(""), FailureCode: "MissingLayerDigest", FailureReason: aws.String("Invalid request parameters: layer digest cannot be null")},
					{LayerDigest: aws.String("no digest"), FailureCode: "InvalidLayerDigest", FailureReason: &invalid},
					{LayerDigest: &in.LayerDigests[4], FailureCode: "InvalidLayerDigest", FailureReason: &invalid},
				},
			})
		}),
		shape("what another repository has is not there", func(a *account) {
			in := good(a)
			a.ready("other")
			a.same(do(a, a.BatchCheckLayerAvailability, in).Layers[0].LayerAvailability, types.LayerAvailabilityUnavailable)
		}),
		wrong("no digests", func(in *in) { in.LayerDigests = []string{} }, "layerDigests", "Member must have length greater than or equal to 1"),
		wrong("a hundred and one digests", func(in *in) { in.LayerDigests = many(101, "sha256:%d") }, "layerDigests", "Member must have length less than or equal to 100"),
		wrong("a digest of 1,001 characters", func(in *in) { in.LayerDigests = []string{strings.Repeat("x", 1001)} },
			"layerDigests", "Member must satisfy constraint: [Member must have length less than or equal to 1000]"),
	)
}

func initiateLayerUpload() *operation {
	type in = ecr.InitiateLayerUploadInput
	good := func(a *account) *in {
		a.repository(web)
		return &in{RepositoryName: aws.String(web)}
	}
	return row("InitiateLayerUpload", good, unpaged,
		shape("an upload id and the size of parts", func(a *account) {
			got := do(a, a.InitiateLayerUpload, good(a))
			if !uuid.MatchString(aws.ToString(got.UploadId)) || *got.PartSize != 10485760 {
				a.t.Errorf("%+v", got)
			}
		}),
		effects("every upload is one of its own", func(a *account) {
			in := good(a)
			one, two := do(a, a.InitiateLayerUpload, in), do(a, a.InitiateLayerUpload, in)
			if *one.UploadId == *two.UploadId {
				a.t.Error("the same id twice")
			}
		}),
		effects("a creation template makes the repository", func(a *account) {
			do(a, a.CreateRepositoryCreationTemplate, &ecr.CreateRepositoryCreationTemplateInput{Prefix: aws.String("by"), AppliedFor: []types.RCTAppliedFor{"CREATE_ON_PUSH"}})
			do(a, a.InitiateLayerUpload, &in{RepositoryName: aws.String("by/push")})
			refuse(a, a.InitiateLayerUpload, &in{RepositoryName: aws.String("bypass/push")}, notFound, noRepository("bypass/push"))
			a.same(repositoryNames(do(a, a.DescribeRepositories, &ecr.DescribeRepositoriesInput{})), []string{"by/push"})
		}),
	)
}

// partOf is the input of a part of an upload.
func partOf(upload string, first int64, content string) *ecr.UploadLayerPartInput {
	return &ecr.UploadLayerPartInput{RepositoryName: aws.String(web), UploadId: &upload, LayerPartBlob: []byte(content),
		PartFirstByte: &first, PartLastByte: aws.Int64(first + int64(len(content)) - 1)}
}

// refusesPart checks all members of an InvalidLayerPartException.
func (a *account) refusesPart(in *ecr.UploadLayerPartInput, last int64, text string) {
	a.t.Helper()
	_, err := a.UploadLayerPart(a.t.Context(), in)
	a.refused(err, "InvalidLayerPartException", text)
	var got *types.InvalidLayerPartException
	if errors.As(err, &got) {
		a.same([]any{got.RegistryId, got.RepositoryName, got.UploadId, got.LastValidByteReceived}, []any{&a.id, in.RepositoryName, in.UploadId, &last})
	}
}

const notWhereItStands = "The chunk does not begin where the upload stands"

func uploadLayerPart() *operation {
	type in = ecr.UploadLayerPartInput
	good := func(a *account) *in {
		a.repository(web)
		return partOf(a.upload(web), 0, "part")
	}
	return row("UploadLayerPart", good, unpaged,
		shape("how far the upload is", func(a *account) {
			in := good(a)
			a.same(do(a, a.UploadLayerPart, in), &ecr.UploadLayerPartOutput{RegistryId: &a.id, RepositoryName: aws.String(web), UploadId: in.UploadId, LastByteReceived: aws.Int64(3)})
			a.same(do(a, a.UploadLayerPart, partOf(*in.UploadId, 4, "more")).LastByteReceived, aws.Int64(7))
		}),
		wrong("an upload that is not there", func(in *in) { in.UploadId = aws.String("x") }, "uploadId", uploadRule),
		but("an upload of another id", func(_ *account, in *in) { in.UploadId = aws.String(noUpload) }, "UploadNotFoundException", uploadMissing(noUpload)),
		fails("the upload of another repository", func(a *account) {
			a.repository(web)
			a.repository("other")
			id := a.upload("other")
			refuse(a, a.UploadLayerPart, partOf(id, 0, "part"), "UploadNotFoundException", uploadMissing(id))
		}),
		fails("a gap", func(a *account) {
			in := good(a)
			do(a, a.UploadLayerPart, in)
			a.refusesPart(partOf(*in.UploadId, 5, "more"), 3, notWhereItStands)
		}),
		fails("a part that was there", func(a *account) {
			in := good(a)
			do(a, a.UploadLayerPart, in)
			a.refusesPart(in, 3, notWhereItStands)
		}),
		fails("fewer bytes than are said", func(a *account) {
			in := good(a)
			in.PartLastByte = aws.Int64(4)
			a.refusesPart(in, -1, "The layer part holds 4 bytes, which does not agree with its first byte 0 and last byte 4")
		}),
		fails("no bytes", func(a *account) {
			in := good(a)
			in.LayerPartBlob, in.PartLastByte = []byte{}, aws.Int64(0)
			a.refusesPart(in, -1, "The layer part holds 0 bytes, which does not agree with its first byte 0 and last byte 0")
		}),
		wrong("a first byte below zero", func(in *in) { in.PartFirstByte = aws.Int64(-1) }, "partFirstByte", "Member must have value greater than or equal to 0"),
		wrong("a part above 20 MiB", func(in *in) { in.LayerPartBlob = make([]byte, 20<<20+1) }, "layerPartBlob", "Member must have length less than or equal to 20971520"),
		but("a part above the quota", func(_ *account, in *in) { in.LayerPartBlob, in.PartLastByte = make([]byte, 5<<20+1), aws.Int64(5<<20) },
			limitExceeded, "The layer part of 5242881 bytes exceeds the maximum allowed size of a layer part which is '5242880' bytes"),
		fails("a part too many", func(a *account) {
			in := good(a)
			for i := range maxLayerParts {
				do(a, a.UploadLayerPart, partOf(*in.UploadId, int64(i), "x"))
			}
			refuse(a, a.UploadLayerPart, partOf(*in.UploadId, maxLayerParts, "x"), limitExceeded, fmt.Sprintf(
				"The upload with id '%s' in the repository with name 'team/web' in registry with id '{account}' already has the maximum allowed number of layer parts which is '%d'", *in.UploadId, maxLayerParts))
		}),
		fails("a part that is no base64", func(a *account) {
			in := good(a)
			a.refusedRaw(a.send("UploadLayerPart", encoded(map[string]any{"repositoryName": web, "uploadId": in.UploadId, "partFirstByte": 0, "partLastByte": 3, "layerPartBlob": "***"})),
				"SerializationException", "A Blob is not valid base64")
		}),
		effects("the parts are the layer", func(a *account) {
			a.repository(web)
			large := strings.Repeat("x", 5<<20)
			id := a.upload(web, large, large, "end")
			do(a, a.CompleteLayerUpload, &ecr.CompleteLayerUploadInput{RepositoryName: aws.String(web), UploadId: &id, LayerDigests: []string{digestOf(large + large + "end")}})
		}),
		effects("what is refused adds nothing", func(a *account) {
			in := good(a)
			do(a, a.UploadLayerPart, in)
			a.refusesPart(partOf(*in.UploadId, 9, "gap"), 3, notWhereItStands)
			do(a, a.CompleteLayerUpload, &ecr.CompleteLayerUploadInput{RepositoryName: aws.String(web), UploadId: in.UploadId, LayerDigests: []string{digestOf("part")}})
		}),
	)
}

func completeLayerUpload() *operation {
	type in = ecr.CompleteLayerUploadInput
	good := func(a *account) *in {
		a.repository(web)
		id := a.upload(web, config)
		return &in{RepositoryName: aws.String(web), UploadId: &id, LayerDigests: []string{digestOf(config)}}
	}
	return row("CompleteLayerUpload", good, unpaged,
		shape("the digest", func(a *account) {
			in := good(a)
			a.same(do(a, a.CompleteLayerUpload, in), &ecr.CompleteLayerUploadOutput{RegistryId: &a.id, RepositoryName: aws.String(web), UploadId: in.UploadId, LayerDigest: aws.String(digestOf(config))})
		}),
		shape("any one of the digests is enough", func(a *account) {
			in := good(a)
			in.LayerDigests = []string{nowhere, "tarsum.v1+sha256:00", digestOf(config)}
			a.same(do(a, a.CompleteLayerUpload, in).LayerDigest, aws.String(digestOf(config)))
		}),
		shape("a digest of sha512", func(a *account) {
			in := good(a)
			sum := sha512.Sum512([]byte(config))
			in.LayerDigests = []string{"sha512:" + hex.EncodeToString(sum[:])}
			a.same(do(a, a.CompleteLayerUpload, in).LayerDigest, &in.LayerDigests[0])
		}),
		but("none of the digests", func(_ *account, in *in) { in.LayerDigests = []string{nowhere} },
			"InvalidLayerException", "None of the provided layer digests match the calculated layer digest"),
		but("a layer that is there", func(a *account, _ *in) { a.layer(web, config) },
			"LayerAlreadyExistsException", "Layer with digest '"+digestOf(config)+"' already exists in the repository with name 'team/web' in the registry with id '{account}'"),
		fails("no parts", func(a *account) {
			in := good(a)
			in.UploadId = do(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: aws.String(web)}).UploadId
			refuse(a, a.CompleteLayerUpload, in, "EmptyUploadException", "The upload with id '"+*in.UploadId+"' does not contain any layer parts")
		}),
		fails("a small part before the last", func(a *account) {
			in := good(a)
			id := a.upload(web, "sm", "all")
			in.UploadId, in.LayerDigests = &id, []string{digestOf("small")}
			refuse(a, a.CompleteLayerUpload, in, "LayerPartTooSmallException", "All layer parts except the last part should be at least 5MB")
		}),
		but("an upload that is not there", func(_ *account, in *in) { in.UploadId = aws.String(noUpload) }, "UploadNotFoundException", uploadMissing(noUpload)),
		wrong("no digests", func(in *in) { in.LayerDigests = []string{} }, "layerDigests", "Member must have length greater than or equal to 1"),
		wrong("a digest that is none", func(in *in) { in.LayerDigests = []string{"none"} }, "layerDigests", "Member must satisfy constraint: ["+digestRule+"]"),
		effects("the layer is there, in this repository alone", func(a *account) {
			do(a, a.CompleteLayerUpload, good(a))
			a.repository("other")
			for name, want := range map[string]types.LayerAvailability{web: "AVAILABLE", "other": "UNAVAILABLE"} {
				a.same(do(a, a.BatchCheckLayerAvailability, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: &name, LayerDigests: []string{digestOf(config)}}).Layers[0].LayerAvailability, want)
			}
		}),
		effects("the upload is over", func(a *account) {
			in := good(a)
			do(a, a.CompleteLayerUpload, in)
			refuse(a, a.CompleteLayerUpload, in, "UploadNotFoundException", uploadMissing(*in.UploadId))
		}),
		effects("a wrong digest ends it, too", func(a *account) {
			in := good(a)
			in.LayerDigests = []string{nowhere}
			refuse(a, a.CompleteLayerUpload, in, "InvalidLayerException", "None of the provided layer digests match the calculated layer digest")
			in.LayerDigests = []string{digestOf(config)}
			_, err := a.CompleteLayerUpload(a.t.Context(), in)
			if err == nil {
				a.t.Error("the upload goes on")
			}
		}),
	)
}

func getDownloadURLForLayer() *operation {
	type in = ecr.GetDownloadUrlForLayerInput
	good := func(a *account) *in {
		a.ready(web)
		a.image(web, "1")
		return &in{RepositoryName: aws.String(web), LayerDigest: aws.String(digestOf(config))}
	}
	return row("GetDownloadUrlForLayer", good, unpaged,
		shape("a URL that needs no credentials", func(a *account) {
			got := do(a, a.GetDownloadUrlForLayer, good(a))
			a.same(got.LayerDigest, aws.String(digestOf(config)))
			response, content := a.fetch(*got.DownloadUrl)
			if response.StatusCode != http.StatusOK || content != config {
				a.t.Errorf("status %d, content %q", response.StatusCode, content)
			}
		}),
		but("a layer that is not there", func(_ *account, in *in) { in.LayerDigest = &nowhere }, "LayersNotFoundException",
			"The layer with digest '"+nowhere+"' does not exist within the repository with name 'team/web' in the registry with id '{account}'"),
		but("a layer that no image needs", func(a *account, in *in) { in.LayerDigest = aws.String(a.layer(web, "alone")) }, "LayerInaccessibleException",
			"The layer with digest '"+digestOf("alone")+"' is not available because it is not associated with an image in the repository with name 'team/web' in the registry with id '{account}'"),
		but("a layer of another repository", func(a *account, in *in) {
			a.repository("other")
			in.RepositoryName = aws.String("other")
		}, "LayersNotFoundException", "The layer with digest '"+digestOf(config)+"' does not exist within the repository with name 'other' in the registry with id '{account}'"),
		wrong("a digest that is none", func(in *in) { in.LayerDigest = aws.String("none") }, "layerDigest", digestRule),
		fails("a URL that was changed", func(a *account) {
			in := good(a)
			a.layer(web, "secret")
			u := *do(a, a.GetDownloadUrlForLayer, in).DownloadUrl
			for _, changed := range []string{strings.Replace(u, digestOf(config), digestOf("secret"), 1), strings.Replace(u, "expires=", "expires=9", 1), u + "0"} {
				if response, content := a.fetch(changed); response.StatusCode != http.StatusForbidden {
					a.t.Errorf("status %d: %s", response.StatusCode, content)
				}
			}
		}),
		effects("it is no pull", func(a *account) {
			in := good(a)
			a.fetch(*do(a, a.GetDownloadUrlForLayer, in).DownloadUrl)
			a.image(web, "2", "v2")
			a.pull(web, "v2")
			a.pullRecorded(web, "v2") // all that came before would be, too
			if at := a.describedImage(web, byDigest(digestOf(manifest("1")))).LastRecordedPullTime; at != nil {
				a.t.Errorf("pulled at %v", at)
			}
		}),
	)
}

// fetch gets a URL of the registry without credentials. The names of
// registries are no names that a test can resolve, so it goes to the server.
func (a *account) fetch(address string) (*http.Response, string) {
	a.t.Helper()
	u, err := url.Parse(address)
	a.must(err)
	host := u.Host
	u.Host = a.house.server.Host
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, u.String(), nil)
	a.must(err)
	request.Host = host
	response, err := (&http.Client{Transport: a.house.transport}).Do(request)
	a.must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	a.must(err)
	return response, string(content)
}

package ecr_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/iam"
)

func (a *api) upload(repository string) *string {
	a.t.Helper()
	out := apitest.OK[*sdk.InitiateLayerUploadOutput](a.t)(a.InitiateLayerUpload(a.t.Context(), &sdk.InitiateLayerUploadInput{RepositoryName: &repository}))
	if *out.PartSize != 10485760 {
		a.t.Errorf("part size %d", *out.PartSize)
	}
	return out.UploadId
}

func (a *api) part(id *string, first int64, content []byte) (*sdk.UploadLayerPartOutput, error) {
	return a.UploadLayerPart(a.t.Context(), &sdk.UploadLayerPartInput{
		RepositoryName: aws.String("web"), UploadId: id, LayerPartBlob: content,
		PartFirstByte: &first, PartLastByte: aws.Int64(first + int64(len(content)) - 1),
	})
}

func (a *api) complete(id *string, digests ...string) (*sdk.CompleteLayerUploadOutput, error) {
	return a.CompleteLayerUpload(a.t.Context(), &sdk.CompleteLayerUploadInput{RepositoryName: aws.String("web"), UploadId: id, LayerDigests: digests})
}

func TestALayerInParts(t *testing.T) {
	a := start(t)
	a.repository("web")
	id := a.upload("web")
	content := bytes.Repeat([]byte("0123456789abcdef"), (11<<20)/16)
	for first := 0; first < len(content); first += 5 << 20 {
		part := content[first:min(first+5<<20, len(content))]
		out := apitest.OK[*sdk.UploadLayerPartOutput](t)(a.part(id, int64(first), part))
		if *out.LastByteReceived != int64(first+len(part)-1) || *out.UploadId != *id || *out.RegistryId != account || *out.RepositoryName != "web" {
			t.Errorf("%+v", out)
		}
	}
	wrong := "sha256:" + strings.Repeat("0", 64)
	out := apitest.OK[*sdk.CompleteLayerUploadOutput](t)(a.complete(id, wrong, digestOf(content)))
	if *out.LayerDigest != digestOf(content) || *out.UploadId != *id || *out.RegistryId != account {
		t.Errorf("%+v", out)
	}
	_, err := a.complete(id, digestOf(content))
	apitest.Want(t, err, "UploadNotFoundException", "The upload with id '"+*id+"' does not exist within the repository with name 'web' in the registry with id '123456789012'")
}

func TestPartsThatDoNotFit(t *testing.T) {
	a := start(t)
	a.repository("web")
	id := a.upload("web")
	five := bytes.Repeat([]byte("x"), 5<<20)
	apitest.OK[*sdk.UploadLayerPartOutput](t)(a.part(id, 0, five))
	check := func(err error, text string) {
		t.Helper()
		var e *types.InvalidLayerPartException
		if !errors.As(err, &e) || *e.LastValidByteReceived != 5<<20-1 || *e.RegistryId != account || *e.RepositoryName != "web" || *e.UploadId != *id || e.ErrorMessage() != text {
			t.Errorf("%v", err)
		}
	}
	_, err := a.part(id, 7, []byte("gap"))
	check(err, "The chunk does not begin where the upload stands")
	_, err = a.part(id, 0, five)
	check(err, "The chunk does not begin where the upload stands")
	_, err = a.UploadLayerPart(t.Context(), &sdk.UploadLayerPartInput{
		RepositoryName: aws.String("web"), UploadId: id, LayerPartBlob: []byte("abc"), PartFirstByte: aws.Int64(5 << 20), PartLastByte: aws.Int64(5 << 20),
	})
	check(err, "The layer part holds 3 bytes, which does not agree with its first byte 5242880 and last byte 5242880")
	_, err = a.part(id, 5<<20, []byte{})
	check(err, "The layer part holds 0 bytes, which does not agree with its first byte 5242880 and last byte 5242879")
	_, err = a.UploadLayerPart(t.Context(), &sdk.UploadLayerPartInput{
		RepositoryName: aws.String("web"), UploadId: id, LayerPartBlob: []byte("abc"), PartFirstByte: aws.Int64(-3), PartLastByte: aws.Int64(-1),
	})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'partFirstByte' failed to satisfy constraint: 'Member must have value greater than or equal to 0'")
	_, err = a.part(id, 0, make([]byte, 20<<20+1))
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'layerPartBlob' failed to satisfy constraint: 'Member must have length less than or equal to 20971520'")
}

func TestUploadsThatCannotBeCompleted(t *testing.T) {
	a := start(t)
	a.repository("web")
	abc := digestOf([]byte("abc"))
	id := a.upload("web")
	_, err := a.complete(id, abc)
	apitest.Want(t, err, "EmptyUploadException", "The upload with id '"+*id+"' does not contain any layer parts")
	apitest.OK[*sdk.UploadLayerPartOutput](t)(a.part(id, 0, []byte("a")))
	apitest.OK[*sdk.UploadLayerPartOutput](t)(a.part(id, 1, []byte("bc")))
	_, err = a.complete(id, abc)
	apitest.Want(t, err, "LayerPartTooSmallException", "All layer parts except the last part should be at least 5MB")
	id = a.upload("web")
	apitest.OK[*sdk.UploadLayerPartOutput](t)(a.part(id, 0, []byte("xyz")))
	_, err = a.complete(id, abc)
	apitest.Want(t, err, "InvalidLayerException", "None of the provided layer digests match the calculated layer digest")
	a.layer("web", []byte("abc"))
	id = a.upload("web")
	apitest.OK[*sdk.UploadLayerPartOutput](t)(a.part(id, 0, []byte("abc")))
	_, err = a.complete(id, abc)
	apitest.Want(t, err, "LayerAlreadyExistsException", "Layer with digest '"+abc+"' already exists in the repository with name 'web' in the registry with id '123456789012'")
	_, err = a.complete(aws.String("not-an-id"), abc)
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'uploadId' failed to satisfy constraint: 'Member must satisfy regular expression pattern: [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'")
	unknown := "00000000-0000-0000-0000-000000000000"
	_, err = a.part(&unknown, 0, []byte("abc"))
	apitest.Want(t, err, "UploadNotFoundException", "The upload with id '"+unknown+"' does not exist within the repository with name 'web' in the registry with id '123456789012'")
}

func TestLayerAvailability(t *testing.T) {
	a := start(t)
	a.repository("web")
	abc := a.layer("web", []byte("abc"))
	unknown := "sha256:" + strings.Repeat("0", 64)
	out := apitest.OK[*sdk.BatchCheckLayerAvailabilityOutput](t)(a.BatchCheckLayerAvailability(t.Context(), &sdk.BatchCheckLayerAvailabilityInput{
		RepositoryName: aws.String("web"), LayerDigests: []string{abc, unknown, "nonsense", ""},
	}))
	if len(out.Layers) != 2 || out.Layers[0].LayerAvailability != "AVAILABLE" || *out.Layers[0].LayerSize != 3 || *out.Layers[0].LayerDigest != abc ||
		out.Layers[1].LayerAvailability != "UNAVAILABLE" || out.Layers[1].LayerSize != nil {
		t.Errorf("%+v", out.Layers)
	}
	if len(out.Failures) != 2 || out.Failures[0].FailureCode != "InvalidLayerDigest" || *out.Failures[0].LayerDigest != "nonsense" || out.Failures[1].FailureCode != "MissingLayerDigest" {
		t.Errorf("%+v", out.Failures)
	}
	_, err := a.BatchCheckLayerAvailability(t.Context(), &sdk.BatchCheckLayerAvailabilityInput{RepositoryName: aws.String("web"), LayerDigests: make([]string, 101)})
	apitest.Want(t, err, "InvalidParameterException", "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'Member must have length less than or equal to 100'")
}

func TestADownloadURLNeedsNoCredentials(t *testing.T) {
	a := start(t)
	a.repository("team/web")
	a.image("team/web", "1", "v1")
	content := `{"seed":"1"}`
	digest := digestOf([]byte(content))
	out := apitest.OK[*sdk.GetDownloadUrlForLayerOutput](t)(a.GetDownloadUrlForLayer(t.Context(), &sdk.GetDownloadUrlForLayerInput{RepositoryName: aws.String("team/web"), LayerDigest: &digest}))
	if *out.LayerDigest != digest || !strings.HasPrefix(*out.DownloadUrl, a.url+"/layers/123456789012/team/web/sha256:") {
		t.Errorf("%s", *out.DownloadUrl)
	}
	get := func(url string) (int, string) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if status, body := get(*out.DownloadUrl); status != 200 || body != content {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(strings.Replace(*out.DownloadUrl, "team/web", "team/other", 1)); status == 200 {
		t.Error("a changed URL was served")
	}
	a.Wait(iam.LayerURLLifetime + time.Second)
	if status, _ := get(*out.DownloadUrl); status == 200 {
		t.Error("an expired URL was served")
	}
	unknown := "sha256:" + strings.Repeat("0", 64)
	_, err := a.GetDownloadUrlForLayer(t.Context(), &sdk.GetDownloadUrlForLayerInput{RepositoryName: aws.String("team/web"), LayerDigest: &unknown})
	apitest.Want(t, err, "LayersNotFoundException", "The layer with digest '"+unknown+"' does not exist within the repository with name 'team/web' in the registry with id '123456789012'")
}

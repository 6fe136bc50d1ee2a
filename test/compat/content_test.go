package compat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/test/sample"
)

// Media types of what the checks push.
const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

func byTag(tag string) *types.ImageIdentifier { return &types.ImageIdentifier{ImageTag: &tag} }

func byDigest(digest string) *types.ImageIdentifier {
	return &types.ImageIdentifier{ImageDigest: &digest}
}

func byBoth(digest, tag string) *types.ImageIdentifier {
	return &types.ImageIdentifier{ImageDigest: &digest, ImageTag: &tag}
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (a *account) arn(repository string) string {
	return "arn:aws:ecr:" + a.region + ":" + a.id + ":repository/" + repository
}

// repository creates a repository with the settings of a new one.
func (a *account) repository(name string) {
	a.t.Helper()
	do(a, a.CreateRepository, &ecr.CreateRepositoryInput{RepositoryName: &name})
}

// upload begins an upload and gives it its parts.
func (a *account) upload(repository string, parts ...string) (id string) {
	a.t.Helper()
	id = *do(a, a.InitiateLayerUpload, &ecr.InitiateLayerUploadInput{RepositoryName: &repository}).UploadId
	first := int64(0)
	for _, p := range parts {
		do(a, a.UploadLayerPart, &ecr.UploadLayerPartInput{
			RepositoryName: &repository, UploadId: &id, LayerPartBlob: []byte(p),
			PartFirstByte: aws.Int64(first), PartLastByte: aws.Int64(first + int64(len(p)) - 1),
		})
		first += int64(len(p))
	}
	return id
}

// layer pushes a layer and answers its digest.
func (a *account) layer(repository, content string) string {
	a.t.Helper()
	id := a.upload(repository, content)
	return *do(a, a.CompleteLayerUpload, &ecr.CompleteLayerUploadInput{
		RepositoryName: &repository, UploadId: &id, LayerDigests: []string{digestOf(content)},
	}).LayerDigest
}

// config is the config of all small images.
const config = `{"architecture":"amd64","os":"linux"}`

// described is a descriptor of content.
func described(mediaType, content string) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digestOf(content), "size": len(content)}
}

// manifest is that of an image that differs from others by its seed. Its parts
// must be there.
func manifest(seed string, more ...map[string]any) string {
	m := map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest, "config": described(ociConfig, config), "layers": []any{},
		"annotations": map[string]string{"seed": seed},
	}
	for _, members := range more {
		for name, value := range members {
			m[name] = value
		}
	}
	return encoded(m)
}

func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ready creates a repository with all that manifests need.
func (a *account) ready(repository string) {
	a.t.Helper()
	a.repository(repository)
	a.layer(repository, config)
}

// put puts a manifest under tags, or without any, and answers its digest.
func (a *account) put(repository, manifest string, tags ...string) string {
	a.t.Helper()
	if len(tags) == 0 {
		do(a, a.PutImage, &ecr.PutImageInput{RepositoryName: &repository, ImageManifest: &manifest})
	}
	for _, tag := range tags {
		do(a, a.PutImage, &ecr.PutImageInput{RepositoryName: &repository, ImageManifest: &manifest, ImageTag: &tag})
	}
	return digestOf(manifest)
}

// image puts an image into a repository that is ready.
func (a *account) image(repository, seed string, tags ...string) string {
	a.t.Helper()
	return a.put(repository, manifest(seed), tags...)
}

// index is the manifest of a list of images.
func index(children ...string) string {
	list := []any{}
	for _, digest := range children {
		list = append(list, map[string]any{"mediaType": ociManifest, "digest": digest, "size": 1})
	}
	return encoded(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": list})
}

// referrer is the manifest of an artifact about another manifest.
func referrer(subject, artifactType, seed string) string {
	return manifest(seed, map[string]any{
		"artifactType": artifactType,
		"subject":      map[string]any{"mediaType": ociManifest, "digest": subject, "size": 1},
	})
}

// alpine pushes an image that has findings.
func (a *account) alpine(repository, tag string) (digest string) {
	a.t.Helper()
	layer := a.system(repository)
	return a.put(repository, manifest(tag, map[string]any{"layers": []any{described(ociLayer, layer)}}), tag)
}

// system is a layer of Alpine, which is in the repository then.
func (a *account) system(repository string) (layer string) {
	a.t.Helper()
	content, err := sample.Alpine("3.20.3")
	a.must(err)
	layer = string(content)
	found := do(a, a.BatchCheckLayerAvailability, &ecr.BatchCheckLayerAvailabilityInput{RepositoryName: &repository, LayerDigests: []string{digestOf(layer)}})
	if found.Layers[0].LayerAvailability != types.LayerAvailabilityAvailable {
		a.layer(repository, layer)
	}
	return layer
}

// many are texts that differ.
func many(n int, format string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

// list maps a list, most often to texts.
func list[T, R any](all []T, of func(T) R) []R {
	out := make([]R, 0, len(all))
	for _, one := range all {
		out = append(out, of(one))
	}
	return out
}

// nowhere is a digest that nothing has.
var nowhere = "sha256:" + strings.Repeat("0", 64)

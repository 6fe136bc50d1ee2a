package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// Media types of manifests that are accepted.
const (
	MediaTypeOCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeOCIIndex       = "application/vnd.oci.image.index.v1+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeOCIArtifact    = "application/vnd.oci.artifact.manifest.v1+json"
	MediaTypeORASArtifact   = "application/vnd.cncf.oras.artifact.manifest.v1+json"

	mediaTypeDockerSchema1       = "application/vnd.docker.distribution.manifest.v1+json"
	mediaTypeDockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"
)

// Descriptor points from a manifest at content.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
}

// Platform is what an index says that an image is made for.
type Platform struct {
	OS           string `json:"os,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Variant      string `json:"variant,omitempty"`
}

// String is "linux/arm64/v8", empty when nothing is said.
func (p *Platform) String() string {
	if p == nil {
		return ""
	}
	parts := slices.DeleteFunc([]string{p.OS, p.Architecture, p.Variant}, func(s string) bool { return s == "" })
	return strings.Join(parts, "/")
}

// Manifest is what the registry reads out of a manifest's bytes.
type Manifest struct {
	MediaType    string
	ArtifactType string // artifactType, else the config's media type
	Config       *Descriptor
	Layers       []Descriptor // layers, or blobs of an artifact manifest
	Children     []Descriptor // manifests of an index
	Subject      *Descriptor
	Annotations  map[string]string
}

// IsIndex says whether the manifest lists other manifests.
func (m *Manifest) IsIndex() bool {
	return m.MediaType == MediaTypeOCIIndex || m.MediaType == MediaTypeDockerList
}

// Blobs lists the distinct digests of the blobs that must be present: config
// and layers, without those that are to be fetched from elsewhere.
func (m *Manifest) Blobs() []string {
	var all []Descriptor
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	for _, l := range m.Layers {
		if len(l.URLs) == 0 {
			all = append(all, l)
		}
	}
	return distinctDigests(all)
}

// ChildDigests lists the distinct digests of an index's manifests.
func (m *Manifest) ChildDigests() []string { return distinctDigests(m.Children) }

func distinctDigests(ds []Descriptor) []string {
	seen := make(map[string]bool, len(ds))
	out := make([]string, 0, len(ds))
	for _, d := range ds {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			out = append(out, d.Digest)
		}
	}
	return out
}

// manifestFields is the union of the members that the known manifest types use.
type manifestFields struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *Descriptor       `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Blobs         []Descriptor      `json:"blobs"`
	Manifests     []Descriptor      `json:"manifests"`
	Subject       *Descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

var errManifestSyntax = InvalidManifest("Invalid JSON syntax")

// InvalidManifest says why a manifest is refused, in ECR's words.
func InvalidManifest(constraint string) *Error {
	return Errorf(CodeManifestInvalid, "Invalid parameter at 'ImageManifest' failed to satisfy constraint: '%s'", constraint)
}

// ParseManifest reads a manifest. declared is the media type that came with it
// (a Content-Type header or an API parameter) and may be empty when the
// manifest names its own; where both are given they must agree.
//
// Errors: CodeManifestTooLarge, CodeManifestInvalid.
func ParseManifest(declared string, payload []byte) (*Manifest, error) {
	if len(payload) > MaxManifestSize {
		return nil, Errorf(CodeManifestTooLarge, "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Member must have length less than or equal to %d'", MaxManifestSize)
	}
	if !utf8.Valid(payload) {
		return nil, errManifestSyntax // JSON is UTF-8, and the API could not give other bytes back
	}
	var f manifestFields
	decoder := json.NewDecoder(bytes.NewReader(payload))
	if err := decoder.Decode(&f); err != nil {
		return nil, errManifestSyntax
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errManifestSyntax
	}
	mediaType, err := f.mediaTypeGiven(declared)
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		MediaType:    mediaType,
		ArtifactType: f.ArtifactType,
		Config:       f.Config,
		Layers:       append(f.Layers, f.Blobs...),
		Children:     f.Manifests,
		Subject:      f.Subject,
		Annotations:  f.Annotations,
	}
	if m.ArtifactType == "" && m.Config != nil {
		m.ArtifactType = m.Config.MediaType
	}
	return m, m.validate(f.SchemaVersion)
}

func (f *manifestFields) mediaTypeGiven(declared string) (string, error) {
	if declared != "" {
		if parsed, _, err := mime.ParseMediaType(declared); err == nil {
			declared = parsed
		}
	}
	switch {
	case f.MediaType == "" && declared == "":
		return "", Errorf(CodeManifestInvalid, "image manifest mediatype not provided in manifest or parameter")
	case f.MediaType == "":
		return declared, nil
	case declared == "" || declared == f.MediaType:
		return f.MediaType, nil
	}
	return "", InvalidManifest("Media type '" + declared + "' does not match the manifest's mediaType '" + f.MediaType + "'")
}

func (m *Manifest) validate(schemaVersion int) error {
	switch m.MediaType {
	case MediaTypeOCIManifest, MediaTypeDockerManifest:
		if m.Config == nil {
			return InvalidManifest("Manifest has no config")
		}
		if len(m.Children) > 0 {
			return InvalidManifest("An image manifest must not list manifests")
		}
	case MediaTypeOCIIndex, MediaTypeDockerList:
		if m.Config != nil || len(m.Layers) > 0 {
			return InvalidManifest("An index must not have a config or layers")
		}
	case MediaTypeOCIArtifact, MediaTypeORASArtifact:
		if m.ArtifactType == "" {
			return InvalidManifest("Manifest has no artifactType")
		}
		return m.validateDescriptors()
	case mediaTypeDockerSchema1, mediaTypeDockerSchema1Signed:
		return Errorf(CodeManifestInvalid, "Docker image manifest schema 1 is not supported: push schema 2 or an OCI image")
	default:
		return InvalidManifest("Unsupported manifest media type")
	}
	if schemaVersion != 2 {
		return InvalidManifest("schemaVersion must be 2")
	}
	return m.validateDescriptors()
}

func (m *Manifest) validateDescriptors() error {
	check := func(what string, d *Descriptor) error {
		switch {
		case !ValidDigest(d.Digest):
			return InvalidManifest("Invalid digest in " + what)
		case d.Size < 0:
			return InvalidManifest("Negative size in " + what)
		}
		return nil
	}
	if m.Config != nil {
		if err := check("config", m.Config); err != nil {
			return err
		}
	}
	if m.Subject != nil {
		if err := check("subject", m.Subject); err != nil {
			return err
		}
	}
	for i := range m.Layers {
		if err := check("layers", &m.Layers[i]); err != nil {
			return err
		}
	}
	for i := range m.Children {
		if err := check("manifests", &m.Children[i]); err != nil {
			return err
		}
	}
	return nil
}

// Scannable says whether the manifest is a container image that a scanner can
// look into, rather than an index or another kind of artifact.
func (m *Manifest) Scannable() bool {
	if m.MediaType != MediaTypeOCIManifest && m.MediaType != MediaTypeDockerManifest {
		return false
	}
	return ScannableArtifact(m.ArtifactType)
}

// ScannableArtifact says whether an artifact type is that of a container image.
func ScannableArtifact(artifactType string) bool {
	switch artifactType {
	case "application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json":
		return true
	}
	return false
}

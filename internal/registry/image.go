package registry

import "time"

// Limits on images, ECR's defaults.
const (
	MaxManifestSize  = 4 << 20 // bytes
	MaxTagsPerImage  = 1000
	MaxImagesPerRepo = 100_000
	MaxLayerSize     = 52_000 << 20 // bytes
)

// ImageID names an image by digest, by tag, or by both. An empty half is absent.
type ImageID struct {
	Digest string
	Tag    string
}

// Reference is what follows "manifests/" in the distribution API: a tag or a
// digest, exactly one of which is set.
type Reference = ImageID

// ImageStatus is the state of an image's storage class.
type ImageStatus string

// The image states.
const (
	ImageActive     ImageStatus = "ACTIVE"
	ImageArchived   ImageStatus = "ARCHIVED"
	ImageActivating ImageStatus = "ACTIVATING"
	// ImageAnyStatus is for filters: no image has it.
	ImageAnyStatus ImageStatus = "ANY"
)

// Image is a manifest stored in a repository, and what is known about it.
type Image struct {
	RepositoryID  int64
	Digest        string
	MediaType     string
	ArtifactType  string // the manifest's own artifactType, else its config's media type
	SubjectDigest string
	Size          int64 // bytes of compressed layers and config; of an index, of its largest child
	ManifestSize  int64
	PushedAt      time.Time
	LastPulledAt  time.Time // zero when never pulled
	Status        ImageStatus
	ArchivedAt    time.Time // the last time; zero when it never was
	ActivatedAt   time.Time // when it was last restored
	Tags          []string  // sorted
}

// Scannable says whether the image is of a kind that scanners read.
func (i *Image) Scannable() bool {
	m := Manifest{MediaType: i.MediaType, ArtifactType: i.ArtifactType}
	return m.Scannable()
}

// StoredManifest is the exact bytes of a stored manifest.
type StoredManifest struct {
	RepositoryID int64
	Digest       string
	MediaType    string
	Payload      []byte // never modified after it was read
}

// Referrer describes a manifest whose subject is another one.
type Referrer struct {
	Digest       string
	MediaType    string
	ArtifactType string
	Size         int64 // of the manifest
	Annotations  map[string]string
	Status       ImageStatus
}

// TagFilter selects images by whether they have tags.
type TagFilter string

// The tag filters.
const (
	AnyTag   TagFilter = "ANY"
	Tagged   TagFilter = "TAGGED"
	Untagged TagFilter = "UNTAGGED"
)

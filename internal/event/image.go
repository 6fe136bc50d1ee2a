package event

import (
	"time"
)

// The detail types of what happens to images. A referrer is a manifest with a
// subject: a signature, an SBOM, an attestation.
const (
	ImageAction    = "ECR Image Action"
	ReferrerAction = "ECR Referrer Action"
)

// Image is an image that something has happened to.
type Image struct {
	Repository   string
	Digest       string
	MediaType    string // of the manifest
	ArtifactType string // the manifest's own artifactType, else its config's media type
	Referrer     bool   // it has a subject
}

// ImagePushed says that an image was pushed, once for each of its tags: source
// aws.ecr, detail type ImageAction, or ReferrerAction for a referrer. Without a
// tag the event has no image-tag.
func ImagePushed(o Origin, i Image, tag string) Event {
	return i.action(o, "PUSH", tag)
}

// ImageDeleted says that a tag was removed from an image, or, without a tag,
// that the image itself was. It looks as ImagePushed does.
func ImageDeleted(o Origin, i Image, tag string) Event {
	return i.action(o, "DELETE", tag)
}

func (i Image) detailType() string {
	if i.Referrer {
		return ReferrerAction
	}
	return ImageAction
}

// action is written by hand because every push pays for it.
func (i Image) action(o Origin, action, tag string) Event {
	b := make([]byte, 0, 192+len(i.Repository)+len(i.Digest)+len(tag)+len(i.MediaType)+len(i.ArtifactType))
	b = append(b, `{"result":"SUCCESS"`...)
	b = appendMember(b, "repository-name", i.Repository)
	b = appendMember(b, "image-digest", i.Digest)
	b = appendMember(b, "action-type", action)
	if tag != "" {
		b = appendMember(b, "image-tag", tag)
	}
	b = i.appendTypes(b)
	e := from(o, SourceECR, i.detailType())
	e.Detail = append(b, '}')
	return e
}

func (i Image) appendTypes(b []byte) []byte {
	if i.MediaType != "" {
		b = appendMember(b, "manifest-media-type", i.MediaType)
	}
	if i.ArtifactType != "" {
		b = appendMember(b, "artifact-media-type", i.ArtifactType)
	}
	return b
}

// Storage classes that an image can be moved to.
const (
	ClassStandard = "STANDARD"
	ClassArchive  = "ARCHIVE"
)

// StorageClassChanged says that an image was archived (ClassArchive) or restored
// (ClassStandard): source aws.ecr, detail type ImageAction, or ReferrerAction for
// a referrer. Of a restored image activatedAt is told, in up to milliseconds; a
// zero one is left out.
func StorageClassChanged(o Origin, i Image, class string, activatedAt time.Time) Event {
	b := append(make([]byte, 0, 512), `{"action-type":"UPDATE_STORAGE_CLASS"`...)
	b = appendMember(b, "target-storage-class", class)
	b = appendMember(b, "image-digest", i.Digest)
	b = appendMember(b, "repository-name", i.Repository)
	b = append(b, `,"result":"SUCCESS"`...)
	b = i.appendTypes(b)
	if !activatedAt.IsZero() && class != ClassArchive {
		b = appendMember(b, "last-activated-at", activatedAt.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano))
	}
	e := from(o, SourceECR, i.detailType())
	e.Detail = append(b, '}')
	return e
}

package service

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"path"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
)

// ImageContents tells what images hold.
type ImageContents interface {
	// Contents answers what is to be written of an image that has coverage; false
	// when it has not been scanned.
	Contents(ctx context.Context, c *finding.Coverage) (sbom.Document, bool, error)
	// ImageContents does so of any image, looking into it if nobody has.
	// Errors: ImageNotFound, UnsupportedImageType.
	ImageContents(ctx context.Context, account, repository, digest string) (sbom.Document, error)
}

// Formats of bills of materials as Inspector calls them.
const (
	FormatCycloneDX = "CYCLONEDX_1_4"
	FormatSPDX      = "SPDX_2_3"
)

// sbomFormat is a format's name where it is written.
func sbomFormat(format string) sbom.Format {
	if format == FormatSPDX {
		return sbom.SPDX
	}
	return sbom.CycloneDX14
}

// writeSBOMs writes an archive with a document for each image, under the names
// that Inspector gives them in a bucket.
func (m *reportMaker) writeSBOMs(ctx context.Context, to io.Writer) error {
	zipped := gzip.NewWriter(to)
	archive := tar.NewWriter(zipped)
	root := path.Join(m.report.Format+"_outputs_"+m.report.ID, "account="+m.scope.Account, "resource="+finding.ImageResource)
	err := m.s.eachResource(ctx, m.scope, m.report.Criteria, func(r *finding.Resource) error {
		if r.Type != finding.ImageResource {
			return nil
		}
		return m.addSBOM(ctx, archive, root, r)
	})
	if err == nil {
		err = archive.Close()
	}
	if err == nil {
		err = zipped.Close()
	}
	return err
}

// addSBOM adds the document of an image. Only one is in memory at a time.
func (m *reportMaker) addSBOM(ctx context.Context, archive *tar.Writer, root string, r *finding.Resource) error {
	document, scanned, err := m.s.Contents.Contents(ctx, r.Coverage)
	if err != nil || !scanned {
		return err
	}
	document.Created = m.s.Now()
	var body bytes.Buffer
	if err := sbom.Write(&body, document, sbomFormat(m.report.Format)); err != nil {
		return err
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(root, r.Repository, sbomFileName(r.Digest)), Mode: 0o644,
		Size: int64(body.Len()), ModTime: m.s.Now().Truncate(time.Second),
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := archive.Write(body.Bytes()); err != nil {
		return err
	}
	m.items++
	return m.beat(ctx)
}

func sbomFileName(digest string) string {
	return registry.Algorithm(digest) + "_" + digest[len(registry.Algorithm(digest))+1:] + ".json"
}

// AttachedSBOM is a bill of materials that was pushed beside its image.
type AttachedSBOM struct {
	Digest       string // of the manifest
	Subject      string
	ArtifactType string
	Size         int64
}

// emptyConfig is the config of an artifact that has none.
const (
	emptyConfig     = "{}"
	emptyConfigType = "application/vnd.oci.empty.v1+json"
)

// AttachSBOM pushes what an image holds as an artifact that refers to it, with the
// rights of the caller. Errors: those of pushes, ImageNotFound, UnsupportedImageType.
func (s *Service) AttachSBOM(ctx context.Context, c Caller, repository string, id registry.ImageID, format string) (AttachedSBOM, error) {
	if s.Contents == nil {
		return AttachedSBOM{}, registry.Errorf(registry.CodeUnsupported, "Bills of materials are made by a server that runs.")
	}
	scope, err := s.allowOn(ctx, c, "ecr:BatchGetImage", repository)
	if err != nil {
		return AttachedSBOM{}, err
	}
	image, err := s.Store.Manifest(ctx, scope.Account, repository, id)
	if err != nil {
		return AttachedSBOM{}, err
	}
	leave, err := s.inspector.long.enter(ctx, scope.Account)
	if err != nil {
		return AttachedSBOM{}, err
	}
	defer leave()
	document, err := s.Contents.ImageContents(ctx, scope.Account, repository, image.Digest)
	if err != nil {
		return AttachedSBOM{}, err
	}
	document.Created = s.Now().Truncate(time.Second)
	var body bytes.Buffer
	if err := sbom.Write(&body, document, sbomFormat(format)); err != nil {
		return AttachedSBOM{}, err
	}
	artifactType := "application/vnd.cyclonedx+json"
	if format == FormatSPDX {
		artifactType = "application/spdx+json"
	}
	return s.pushArtifact(ctx, c, repository, image, artifactType, body.Bytes())
}

// descriptor is one of an OCI manifest.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func describe(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(content))}
}

// pushArtifact pushes an artifact of one file that refers to an image.
func (s *Service) pushArtifact(ctx context.Context, c Caller, repository string, subject *registry.StoredManifest, artifactType string, content []byte) (AttachedSBOM, error) {
	config, layer := describe(emptyConfigType, []byte(emptyConfig)), describe(artifactType, content)
	for _, part := range []struct {
		descriptor
		content []byte
	}{{config, []byte(emptyConfig)}, {layer, content}} {
		chunk := Chunk{Offset: AtEnd, Length: part.Size, Body: bytes.NewReader(part.content)}
		if _, err := s.PushBlob(ctx, c, repository, part.Digest, chunk); err != nil {
			return AttachedSBOM{}, err
		}
	}
	manifest := struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Subject       descriptor        `json:"subject"`
		Annotations   map[string]string `json:"annotations"`
	}{
		2, "application/vnd.oci.image.manifest.v1+json", artifactType, config, []descriptor{layer},
		descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: int64(len(subject.Payload))},
		map[string]string{"org.opencontainers.image.created": s.Now().UTC().Format(time.RFC3339)},
	}
	payload, err := json.Marshal(manifest)
	if err != nil {
		return AttachedSBOM{}, registry.Internal("encoding a manifest", err)
	}
	pushed := describe(manifest.MediaType, payload)
	in := PushManifest{Repository: repository, MediaType: manifest.MediaType, Payload: payload, Digest: pushed.Digest}
	if _, _, err := s.PutManifest(ctx, c, in); err != nil {
		return AttachedSBOM{}, err
	}
	return AttachedSBOM{Digest: pushed.Digest, Subject: subject.Digest, ArtifactType: artifactType, Size: layer.Size}, nil
}

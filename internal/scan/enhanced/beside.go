package enhanced

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
)

// Bounds of what is read beside one image.
const (
	maxBills      = 16
	maxReferrers  = 500 // that are looked at
	maxBillParts  = 4   // layers of one
	maxBill       = 32 << 20
	referrersPage = 100
)

// BillArtifact says whether referrers of an artifact type may be bills of
// materials. Attestations need not be; those that are something else, say nothing.
func BillArtifact(artifactType string) bool {
	for _, part := range []string{"cyclonedx", "spdx", "vnd.in-toto", "dev.cosign.artifact.sbom", "sigstore.bundle"} {
		if strings.Contains(artifactType, part) {
			return true
		}
	}
	return false
}

// beside is what bills of materials say that were pushed beside an image.
type beside struct {
	bills  []inventory.Referred // in order of their digests
	unread int
}

// notes are what people should know about it; added is how many packages are known
// from it alone.
func (b *beside) notes(added int) []string {
	var notes []string
	if added > 0 {
		notes = append(notes, fmt.Sprintf("%s known from bills of materials beside the image.", counted(added, "package is", "packages are")))
	}
	if b.unread > 0 {
		notes = append(notes, fmt.Sprintf("%s could not be read.", counted(b.unread, "bill of materials beside the image", "bills of materials beside the image")))
	}
	return notes
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// readBeside reads the bills of materials beside an image.
func (s *Scanner) readBeside(ctx context.Context, account, repository, digest string) (*beside, error) {
	b := &beside{}
	after := ""
	for looked := 0; looked < maxReferrers; looked += referrersPage {
		page, err := s.Images.Referrers(ctx, account, repository, digest, meta.ReferrerQuery{After: after, Limit: referrersPage})
		if err != nil || len(page) == 0 {
			return b, err
		}
		for _, r := range page {
			if !BillArtifact(r.ArtifactType) {
				continue
			}
			if len(b.bills) >= maxBills {
				b.unread++
				continue
			}
			if err := s.readBill(ctx, account, repository, r.Digest, b); err != nil {
				return nil, err
			}
		}
		after = page[len(page)-1].Digest
	}
	return b, nil
}

// readBill reads the first of the layers of a referrer that is a bill of materials.
func (s *Scanner) readBill(ctx context.Context, account, repository, digest string, b *beside) error {
	stored, err := s.Images.Manifest(ctx, account, repository, registry.Reference{Digest: digest})
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := registry.ParseManifest(stored.MediaType, stored.Payload)
	if err != nil {
		b.unread++
		return nil //nolint:nilerr // what cannot be read says nothing, and people are told
	}
	for _, l := range m.Layers[:min(len(m.Layers), maxBillParts)] {
		text, err := s.Content.Small(ctx, account, repository, l.Digest, maxBill)
		switch {
		case errors.Is(err, scan.ErrTooLarge):
			b.unread++
			continue
		case registry.CodeOf(err) == registry.CodeLayersNotFound:
			continue // it is gone, or elsewhere
		case err != nil:
			return err
		}
		reading, err := sbom.Parse(bytes.NewReader(text), sbom.Limits{Bytes: maxBill, Packages: maxBillPackages})
		switch {
		case errors.Is(err, sbom.ErrNotSBOM): // another kind of attestation
		case err != nil:
			s.Logger.DebugContext(ctx, "reading a bill of materials beside an image", "digest", digest, "error", err)
			b.unread++
		default:
			b.bills = append(b.bills, inventory.Referred{Digest: digest, Inventory: reading.Inventory})
			return nil
		}
	}
	return nil
}

const maxBillPackages = 100_000

// complemented adds to what the layers of an image hold what bills of materials
// beside it tell, and answers what people should know about that.
func (s *Scanner) complemented(ctx context.Context, account, repository, digest string, inv *inventory.Inventory) (*inventory.Inventory, []string, error) {
	b, err := s.readBeside(ctx, account, repository, digest)
	if err != nil {
		return nil, nil, err
	}
	inv, added := inventory.Complement(inv, b.bills)
	return inv, b.notes(added), nil
}

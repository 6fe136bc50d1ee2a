package finding

import (
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Untriaged is the severity of what nobody has scored, in enhanced findings.
const Untriaged registry.Severity = "UNTRIAGED"

// Status is the state of a finding.
type Status string

// The states of findings.
const (
	Active     Status = "ACTIVE"
	Suppressed Status = "SUPPRESSED" // somebody has said why it does not count
	Closed     Status = "CLOSED"     // it is not there any more, or nobody looks
)

// State is what is kept of one finding: one vulnerability of one image. The rest
// is composed of the problems of the image's components when it is read.
type State struct {
	ID              int64  // of the store
	UID             string // the last part of its ARN: see UID
	Coverage        int64  // of the image
	Account         string
	Repository      string
	Digest          string
	VulnerabilityID string

	Status   Status
	Severity registry.Severity
	Score    float64 // 0 to 10; -1 when nobody has scored it
	Fix      Fix
	Exploit  bool    // known to be exploited
	EPSS     float64 // -1 when not known
	Vendor   string  // the vendor's word for the severity

	FirstObservedAt time.Time
	LastObservedAt  time.Time
	UpdatedAt       time.Time
	ClosedAt        time.Time // zero unless CLOSED

	// Suppression is why a SUPPRESSED finding does not count.
	Suppression *Suppression
	// Revision is of the problems as they were when somebody was last told: with
	// others the finding has changed. The store keeps it.
	Revision string
}

// Fix says whether the packages of a finding can be updated.
type Fix string

// What Fix says.
const (
	Fixable   Fix = "YES"
	NotFixed  Fix = "NO"
	PartFixed Fix = "PARTIAL" // for some of its packages
)

// Suppression is somebody's word that a finding does not count.
type Suppression struct {
	// Kind is what said so: SuppressedByFilter, …ByStatement or …ByDecision.
	Kind string `json:"kind"`
	// ID is the ARN of the filter, the id of the VEX document or of the decision.
	ID     string `json:"id"`
	Author string `json:"author,omitempty"` // of a VEX document: as it says itself
	// AddedBy is the ARN of the principal that added a VEX document; empty for one
	// that was pushed beside the image.
	AddedBy string    `json:"addedBy,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Until   time.Time `json:"until,omitzero"` // zero: for ever
	// Statement is the VEX status and justification.
	Statement string `json:"statement,omitempty"`
}

// What can suppress findings.
const (
	SuppressedByFilter    = "FILTER"   // of Inspector's API
	SuppressedByStatement = "VEX"      // of a VEX document
	SuppressedByDecision  = "DECISION" // ecru's own, with author, reason and expiry
)

// Finding is a vulnerability of an image with all that is told of it.
type Finding struct {
	State

	Title       string // "CVE-2024-1234 - openssl, libssl3"
	Description string
	Aliases     []string
	CWEs        []string
	CVSS        []CVSS // the one that counts first
	References  []string
	Source      string // DEBIAN_CVE, …
	SourceURL   string
	CreatedAt   time.Time // by the vendor
	ChangedAt   time.Time // by the vendor
	Packages    []Package
	// MorePackages is how many packages have the vulnerability beside those that
	// are listed: see MaxPackages.
	MorePackages int
	Remediation  string // "None Provided" without a fix
	Risk         Risk
	Image        Image
	// Reasons say, for people, what was compared with what: one for each problem.
	Reasons []string
}

// Package is an installed package that has a vulnerability.
type Package struct {
	Name    string
	Source  string // the package that it was built of
	Version string // without epoch and release
	Release string
	Epoch   int
	Arch    string // in Inspector's capitals: AMD64, X86_64, ARM64, …
	Manager string // OS, NODEPKG, PYTHONPKG, JAR, GOBINARY, …
	Path    string // of the file, for language packages
	Layer   string // digest
	FixedIn string // "NotAvailable" without a fix
	PURL    string // package URL, as statements about it name it
}

// Image is what a finding tells of its image.
type Image struct {
	Repository   string
	Digest       string
	Tags         []string
	Architecture string // amd64
	Author       string
	Platform     string // DEBIAN_12
	PushedAt     time.Time
	PulledAt     time.Time // last recorded pull; zero: never
	MediaType    string
	Status       registry.ImageStatus // empty when it is gone
}

// Coverage is whether an image is looked at by enhanced scanning, and why.
type Coverage struct {
	ID           int64 // of the store; 0: not stored yet
	Account      string
	RepositoryID int64
	Frequency    registry.ScanFrequency // of the repository when it was last decided
	Code         CoverageCode
	Reason       string // SUCCESSFUL, PENDING_INITIAL_SCAN, …: of Inspector's API
	// ScanStatus and Description are what ECR tells of the scan: PENDING,
	// ACTIVE, COMPLETE, …
	ScanStatus  string
	Description string
	// InventoryID names what the image holds, empty before the first scan.
	InventoryID string
	// Layers says for each package of the inventory, in its order, which layer
	// brought it; package enhanced encodes it.
	Layers []byte

	EnrolledAt      time.Time // from when its window by push counts: its push, the next one, or its restoration
	FirstScannedAt  time.Time
	LastScannedAt   time.Time
	SourceUpdatedAt time.Time // of the oldest advisories that were used
	// DueAt is when somebody has to look at it again, such as the end of its
	// window; zero: never.
	DueAt time.Time
	// GoneAt is when the image was deleted; zero: it is there.
	GoneAt time.Time

	// Image is as it is now, or was last. Its tags, times and status are read
	// from the image; PutCoverage stores the rest.
	Image Image
}

// CoverageCode says whether an image is looked at.
type CoverageCode string

// The codes.
const (
	Covered    CoverageCode = "ACTIVE"
	NotCovered CoverageCode = "INACTIVE"
)

// Reasons of coverage, as Inspector's API names them.
const (
	ReasonSuccessful          = "SUCCESSFUL"
	ReasonPendingInitialScan  = "PENDING_INITIAL_SCAN"
	ReasonScanInProgress      = "SCAN_IN_PROGRESS"
	ReasonEligibilityExpired  = "SCAN_ELIGIBILITY_EXPIRED"
	ReasonUnsupportedOS       = "UNSUPPORTED_OS"
	ReasonUnsupportedMedia    = "UNSUPPORTED_MEDIA_TYPE"
	ReasonImageSizeExceeded   = "IMAGE_SIZE_EXCEEDED"
	ReasonFrequencyManual     = "SCAN_FREQUENCY_MANUAL"
	ReasonFrequencyScanOnPush = "SCAN_FREQUENCY_SCAN_ON_PUSH"
	ReasonInternalError       = "INTERNAL_ERROR"
	ReasonImageArchived       = "IMAGE_ARCHIVED"
	ReasonResourceTerminated  = "RESOURCE_TERMINATED"
	ReasonPendingRevivalScan  = "PENDING_REVIVAL_SCAN"
)

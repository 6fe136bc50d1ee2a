// Package meta declares what the registry needs of a metadata store, split by
// role, so that a consumer names only what it uses. Repositories, manifests,
// tags, links from repositories to blobs, upload sessions, scans and settings
// live behind these ports; the bytes of blobs do not (see package blob).
//
// The package holds no implementation and must not import one. Every
// implementation passes the suite in package metatest.
//
// All errors that a client may see are *registry.Error with the codes named at
// each method; anything else is an internal failure. Every method that writes
// is one transaction: when it returns nil the change is durable, and when it
// returns an error nothing has changed.
package meta

import (
	"context"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Store is everything that a metadata store provides.
type Store interface {
	Repositories
	ImageReader
	ImageWriter
	Blobs
	Uploads
	Garbage
	Scans
	Inventories
	Settings
	Keys
	KeyRing
	Records
	Documents
	Archive
	Followers
	Events
	Deliveries
	DeadLetters
	Leases
	Components
	Coverages
	Findings
	job.Queue

	// Ping says whether the store can be reached.
	Ping(ctx context.Context) error
	// Close ends the store after the work that it has accepted.
	Close() error
}

// Repositories keeps repositories.
type Repositories interface {
	// CreateRepository stores a new repository together with its documents and
	// sets its ID, unless the account has most already (0: unlimited).
	// Errors: RepositoryAlreadyExists, LimitExceeded.
	CreateRepository(ctx context.Context, r *registry.Repository, most int, documents ...RepositoryDocument) error
	// Repository answers one repository. Errors: RepositoryNotFound.
	Repository(ctx context.Context, account, name string) (*registry.Repository, error)
	// ListRepositories answers up to limit repositories of an account whose
	// names sort (bytewise) after after, in order of name.
	ListRepositories(ctx context.Context, account, after string, limit int) ([]registry.Repository, error)
	// UpdateRepository reads a repository, lets change modify its settings and
	// tags, and stores it, with nobody else's change in between. An error of
	// change is returned as it is. Errors: RepositoryNotFound.
	UpdateRepository(ctx context.Context, account, name string, change func(*registry.Repository) error) (*registry.Repository, error)
	// DeleteRepository removes a repository with all that it holds, and
	// answers it as it was. Without force a repository that holds an image is
	// refused. Errors: RepositoryNotFound, RepositoryNotEmpty.
	DeleteRepository(ctx context.Context, account, name string, force bool, announce Announce) (*registry.Repository, error)
}

// ImageReader answers questions about images. Methods that take a repository's
// name fail with RepositoryNotFound when it does not exist.
type ImageReader interface {
	// Manifest answers the manifest that ref names, if its image is ACTIVE. It
	// is on the hot path of pulls. Errors: RepositoryNotFound, ImageNotFound.
	Manifest(ctx context.Context, account, repository string, ref registry.Reference) (*registry.StoredManifest, error)
	// Images answers, for each id, the image that it names, or nil where there
	// is none or where tag and digest of the id disagree. Archived ones, too.
	Images(ctx context.Context, account, repository string, ids []registry.ImageID) ([]*registry.Image, error)
	// ListImages answers images in order of digest.
	ListImages(ctx context.Context, account, repository string, q ImageQuery) ([]registry.Image, error)
	// ListImageIDs answers one entry per tag, and one without a tag for each
	// untagged image, in order of (digest, tag).
	ListImageIDs(ctx context.Context, account, repository string, q ImageQuery) ([]registry.ImageID, error)
	// ListTags answers up to limit tags of ACTIVE images that sort (bytewise)
	// after after.
	ListTags(ctx context.Context, account, repository, after string, limit int) ([]string, error)
	// Referrers answers the manifests whose subject is the digest, in order of
	// digest. The subject need not exist. With artifactTypes only those.
	Referrers(ctx context.Context, account, repository, subject string, q ReferrerQuery) ([]registry.Referrer, error)
}

// ImageQuery selects a page of images.
type ImageQuery struct {
	After  registry.ImageID // exclusive; zero to start at the beginning
	Limit  int
	Tags   registry.TagFilter   // zero: any
	Status registry.ImageStatus // zero: ACTIVE; registry.ImageAnyStatus: all
}

// ReferrerQuery selects a page of referrers.
type ReferrerQuery struct {
	ArtifactTypes []string
	After         string // digest, exclusive
	Limit         int
	Status        registry.ImageStatus // zero: ACTIVE
}

// ImageWriter changes images.
type ImageWriter interface {
	// PutImage stores a manifest and its tags in one transaction: the image,
	// its references, tag moves, the scan and the jobs.
	//
	// It checks, in this order: the repository exists; every blob that the
	// manifest needs is linked in the repository; every child is there and
	// ACTIVE; no tag that names another image is immutable; limits.
	//
	// An image that is there but not ACTIVE is restored at once, whatever the
	// request says of images that are there already.
	//
	// Errors: RepositoryNotFound, LayersNotFound, ReferencedImagesNotFound,
	// ImageTagAlreadyExists, ImageAlreadyExists (only with RefuseUnchanged),
	// LimitExceeded.
	PutImage(ctx context.Context, in PutImage) (PutImageResult, error)
	// DeleteImage removes what the id names and answers the (digest, tag) pairs
	// that are gone, an untagged image as one pair without a tag. See
	// DeleteMode. Errors: RepositoryNotFound, ImageNotFound (also when tag and
	// digest disagree), ImageReferencedByManifestList.
	DeleteImage(ctx context.Context, in DeleteImage) ([]registry.ImageID, error)
	// RecordPulls notes when images were pulled; later times win and unknown
	// images are passed over.
	RecordPulls(ctx context.Context, pulls []Pull) error
}

// PutImage is a manifest on its way into a repository.
type PutImage struct {
	Account    string
	Repository string
	Manifest   *registry.Manifest
	Digest     string
	Payload    []byte
	Tags       []string
	Now        time.Time
	// RefuseUnchanged fails with ImageAlreadyExists when the image and all its
	// given tags are there already (the API's rule; the distribution API is
	// idempotent instead). Also when no tag is given and the image exists.
	RefuseUnchanged bool
	// RefuseSameImmutable fails with ImageTagAlreadyExists even when an
	// immutable tag already names this very image, as ECR's distribution
	// endpoint does.
	RefuseSameImmutable bool
	// Scan, when set, is started if the digest is new to the repository or its
	// image was restored, as Scans.StartScan does, but without any limit.
	Scan *StartScan
	// Jobs are enqueued when Scan would be started.
	Jobs []job.Job
	// Follow is for the referrers of an image that was restored.
	Follow FollowJob
	// Announce is told of the restoration, if it was one, and of the push.
	Announce Announce

	MaxTagsPerImage int // 0: unlimited
	MaxImages       int // 0: unlimited
}

// PutImageResult says what a PutImage has changed.
type PutImageResult struct {
	Image   registry.Image
	Created bool // the digest was new to the repository
	// Restored: the image was archived, or being restored, and is ACTIVE now.
	Restored bool
	Tagged   []string // tags that did not name this image before
}

// DeleteImage is the deletion of an image or a tag.
type DeleteImage struct {
	Account    string
	Repository string
	ID         registry.ImageID
	Mode       DeleteMode
	// Follow is for the referrers of an image that is gone.
	Follow   FollowJob
	Announce Announce
	// Jobs makes jobs of an image that is gone, as it was last announced; they are
	// enqueued with its deletion. It is called within the transaction, perhaps
	// twice. Nil makes none.
	Jobs func(registry.Image) []job.Job
}

// DeleteMode says what the deletion of a tag does to its image.
type DeleteMode int

const (
	// DeleteLastTagDeletesImage is the API's rule: an image goes with its last
	// tag, unless an index needs it (ImageReferencedByManifestList).
	DeleteLastTagDeletesImage DeleteMode = iota
	// DeleteTagOnly is the distribution API's rule: the image stays, untagged.
	DeleteTagOnly
)

// Pull is one recorded pull.
type Pull struct {
	RepositoryID int64
	Digest       string
	At           time.Time
}

// Blobs keeps which blobs exist, under which key of the blob store, and which
// repositories may read them.
type Blobs interface {
	// Blob answers a blob of a repository. It is on the hot path of pulls.
	// Errors: RepositoryNotFound, LayersNotFound.
	Blob(ctx context.Context, account, repository, digest string) (Blob, error)
	// BlobsPresent answers those of digests that the repository has.
	// Errors: RepositoryNotFound.
	BlobsPresent(ctx context.Context, account, repository string, digests []string) (map[string]Blob, error)
	// BlobNeeded says whether an image of the repository needs a blob.
	// Errors: RepositoryNotFound.
	BlobNeeded(ctx context.Context, account, repository, digest string) (bool, error)
	// CommitBlob records that the bytes of a digest are durable under a key,
	// links them to the repository and forgets the upload. When the digest is
	// stored already its older key is kept and answered, and the caller may
	// drop the new bytes. Errors: RepositoryNotFound.
	CommitBlob(ctx context.Context, in CommitBlob) (Blob, error)
	// MountBlob links a blob of one repository into another. It answers false
	// when the source does not have it. Errors: RepositoryNotFound (target).
	MountBlob(ctx context.Context, account, from, to, digest string, now time.Time) (Blob, bool, error)
	// UnlinkBlob takes a blob away from a repository.
	// Errors: RepositoryNotFound, LayersNotFound, ImageReferencedByManifestList
	// when a manifest of the repository needs the blob.
	UnlinkBlob(ctx context.Context, account, repository, digest string, now time.Time) error
}

// Blob is a stored blob.
type Blob struct {
	Digest string
	Size   int64
	Key    string // in the blob store
}

// CommitBlob is a finished upload.
type CommitBlob struct {
	Account    string
	Repository string
	Blob
	UploadID string // forgotten with the commit; may be unknown
	Now      time.Time
}

// Upload is an upload session that has received bytes.
type Upload struct {
	ID           string
	RepositoryID int64
	Offset       int64 // bytes received
	// HashState is the state of the hash over the bytes so far, as the caller
	// encodes it.
	HashState []byte
	// BlobState is whatever the blob store needs to go on with the upload.
	BlobState []byte
	// LastPart is the size of the part received last, and ShortPart is set once
	// a part has followed one that was too small to be followed (layer API).
	LastPart  int64
	ShortPart bool
	Parts     int // received so far
	// Cancelled marks a session that must not be used again.
	Cancelled bool
	UpdatedAt time.Time
}

// Uploads keeps upload sessions. A session has no row before its first bytes
// have been accepted.
type Uploads interface {
	// Upload answers a session and whether it has a row.
	Upload(ctx context.Context, id string) (Upload, bool, error)
	// SaveUpload stores a session if its offset is still previous (0 also when
	// there is no row); otherwise it answers false and nothing changes.
	SaveUpload(ctx context.Context, u Upload, previous int64) (bool, error)
	// DeleteUpload forgets a session.
	DeleteUpload(ctx context.Context, id string) error
	// CancelUpload leaves a mark that the session is not to be used again.
	CancelUpload(ctx context.Context, u Upload) error
}

// Garbage finds what nothing needs any more. Rows go first, bytes later.
type Garbage interface {
	// StaleUploads answers sessions untouched since before, cancelled ones too.
	StaleUploads(ctx context.Context, before time.Time, limit int) ([]Upload, error)
	// UnlinkedBlobs answers blobs that no repository has had since before.
	UnlinkedBlobs(ctx context.Context, before time.Time, limit int) ([]Blob, error)
	// UnlinkIdleBlobs takes blobs away from repositories none of whose images
	// has needed them since before, at most limit links, and answers how many.
	UnlinkIdleBlobs(ctx context.Context, before, now time.Time, limit int) (int, error)
	// ForgetBlob removes the row of a blob if still no repository has it and
	// it lies under that key, and says whether it did. Only then may its bytes
	// be removed.
	ForgetBlob(ctx context.Context, b Blob) (bool, error)
	// KnownKeys answers those of keys that a blob or an upload uses.
	KnownKeys(ctx context.Context, keys []string) (map[string]bool, error)
}

// ScanStatus is the state of a scan.
type ScanStatus string

// The states of basic scans.
const (
	ScanInProgress ScanStatus = "IN_PROGRESS"
	ScanComplete   ScanStatus = "COMPLETE"
	ScanFailed     ScanStatus = "FAILED"
)

// Scan is the newest scan of an image. While a new one runs, the snapshot of
// the one before is gone.
type Scan struct {
	RepositoryID    int64
	Digest          string
	Engine          string
	Status          ScanStatus
	Description     string
	RequestedAt     time.Time
	CompletedAt     time.Time
	SourceUpdatedAt time.Time // of the advisories that were used
	InventoryID     string
	Counts          map[registry.Severity]int
}

// StartScan asks for a scan.
type StartScan struct {
	Engine string
	Now    time.Time
}

// Scans keeps the newest basic scan of each image.
type Scans interface {
	// StartScan marks an image as being scanned and enqueues jobs. It is
	// refused with LimitExceeded when the same engine was asked less than
	// interval ago, or when the account has had perDay scans within 24 hours
	// (0: unlimited). Errors: ImageNotFound, ImageArchived (also while it is
	// being restored), LimitExceeded.
	StartScan(ctx context.Context, account string, repositoryID int64, digest string, in StartScan, interval time.Duration, perDay int, jobs []job.Job) error
	// FinishScan stores the outcome of a scan with its findings, encoded as
	// the caller likes. It does nothing when the image is gone or a newer scan
	// was started since (RequestedAt differs).
	FinishScan(ctx context.Context, s Scan, findings []byte, announce Announce) error
	// Scans answers the newest scan of each of the images that have one.
	Scans(ctx context.Context, repositoryID int64, digests []string) (map[string]Scan, error)
	// ScanFindings answers what FinishScan stored, nil when there is none.
	ScanFindings(ctx context.Context, repositoryID int64, digest string) ([]byte, error)
}

// Inventories caches what was read out of layers and merged of them.
type Inventories interface {
	// LayerRecord answers the record of a layer made by that indexer version,
	// nil when there is none.
	LayerRecord(ctx context.Context, digest string, version int) ([]byte, error)
	// PutLayerRecord stores the record of a layer.
	PutLayerRecord(ctx context.Context, digest string, version int, record []byte) error
	// PutInventory stores an inventory under its content's id; storing it again
	// changes nothing.
	PutInventory(ctx context.Context, id, ecosystem string, inventory []byte) error
	// Inventory answers an inventory, nil when there is none.
	Inventory(ctx context.Context, id string) ([]byte, error)
	// InventoryEcosystems answers the distinct ecosystems of all inventories.
	InventoryEcosystems(ctx context.Context) ([]string, error)
}

// Settings keeps named values of an account.
type Settings interface {
	// Setting answers a value and whether there is one.
	Setting(ctx context.Context, account, name string) (string, bool, error)
	// PutSetting stores a value.
	PutSetting(ctx context.Context, account, name, value string) error
	// DeleteSetting removes a value, answers it as it was and whether there
	// was one.
	DeleteSetting(ctx context.Context, account, name string) (string, bool, error)
}

// Instance is what the processes of one registry share.
type Instance struct {
	// Secret is 32 random bytes from which tokens and upload ids are signed, as
	// the caller sealed them.
	Secret    []byte
	CreatedAt time.Time
}

// AccessKey is a credential for signed API calls.
type AccessKey struct {
	ID        string
	Secret    []byte // as the caller sealed it
	Account   string
	Principal string // ARN
	UserID    string
	Active    bool
	CreatedAt time.Time
	// LastUsed is the newest use that was recorded; zero when there was none.
	LastUsed KeyUse
}

// Keys keeps credentials and the instance's secret.
type Keys interface {
	// EnsureInstance answers the instance and its root key, storing the given
	// ones first if there are none yet; created says whether it did.
	EnsureInstance(ctx context.Context, instance Instance, root AccessKey) (Instance, AccessKey, bool, error)
	// AccessKey answers a key, without LastUsed, and whether it exists. It is on
	// the hot path of signed calls; nobody modifies the secret.
	AccessKey(ctx context.Context, id string) (AccessKey, bool, error)
}

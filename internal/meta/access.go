package meta

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
)

// What Records answers; use cases turn it into their own words.
var (
	ErrNoRecord = errors.New("meta: no such record")
	ErrExists   = errors.New("meta: the name is taken")
	ErrFull     = errors.New("meta: as many as there may be")
)

// RecordKind is a sort of record.
type RecordKind string

// The sorts of records. Accounts belong to no account: theirs is "".
const (
	AccountRecord   RecordKind = "account"
	UserRecord      RecordKind = "user"
	RoleRecord      RecordKind = "role"
	ProviderRecord  RecordKind = "oidc-provider"
	TemplateRecord  RecordKind = "creation-template"
	CacheRuleRecord RecordKind = "pull-through-cache-rule"
	ExclusionRecord RecordKind = "pull-time-exclusion"

	EventRuleRecord   RecordKind = "event-rule"
	ConnectionRecord  RecordKind = "event-connection"
	DestinationRecord RecordKind = "event-destination"
	// The body of a SecretRecord is sealed as a whole, for the purpose of all
	// secrets: KeyRing.RewriteSecrets seals it anew with them.
	SecretRecord RecordKind = "secret"

	FindingFilterRecord RecordKind = "finding-filter"
	ReportRecord        RecordKind = "finding-report" // and exports of SBOMs
	SuppressionRecord   RecordKind = "suppression"
	StatementRecord     RecordKind = "vex-document"
	StatementsRecord    RecordKind = "vex-statements" // of a document, under its name
	ScannerRecord       RecordKind = "external-scanner"
)

// Record is a small document of configuration that an account has by name.
type Record struct {
	Account   string
	Kind      RecordKind
	Name      string
	Body      []byte // the use case's own encoding; never modified after it was read
	CreatedAt time.Time
	UpdatedAt time.Time // equal to CreatedAt until it is changed
}

// Records keeps what an account configures by name.
type Records interface {
	// CreateRecord stores a new record unless the account has most of its kind
	// already (0: unlimited). Errors: ErrExists, ErrFull.
	CreateRecord(ctx context.Context, r Record, most int) error
	// Record answers one. It is on the hot path of decisions.
	// Errors: ErrNoRecord.
	Record(ctx context.Context, account string, kind RecordKind, name string) (Record, error)
	// ListRecords answers up to limit records whose names sort (bytewise)
	// after after, in order of name.
	ListRecords(ctx context.Context, account string, kind RecordKind, after string, limit int) ([]Record, error)
	// UpdateRecord lets change modify the body, which is its own, and sets UpdatedAt to now, with
	// nobody else's change in between. An error of change is returned as it
	// is. Errors: ErrNoRecord.
	UpdateRecord(ctx context.Context, account string, kind RecordKind, name string, now time.Time, change func(*Record) error) (Record, error)
	// DeleteRecord removes a record and answers it as it was.
	// Errors: ErrNoRecord.
	DeleteRecord(ctx context.Context, account string, kind RecordKind, name string) (Record, error)
	// DeleteRecordIf is DeleteRecord unless may objects to the record as it is,
	// with nobody's change in between. An error of may is returned as it is.
	// Errors: ErrNoRecord.
	DeleteRecordIf(ctx context.Context, account string, kind RecordKind, name string, may func(Record) error) (Record, error)
}

// DocumentKind is a sort of document of a repository.
type DocumentKind string

// The documents that a repository may have.
const (
	PolicyDocument    DocumentKind = "policy"
	LifecycleDocument DocumentKind = "lifecycle"
)

// Document is a text that belongs to a repository.
type Document struct {
	Text      string
	UpdatedAt time.Time
	// EvaluatedAt is when a lifecycle policy was last applied; zero when never.
	EvaluatedAt time.Time
}

// RepositoryDocument is a document that a repository has from the beginning.
type RepositoryDocument struct {
	Kind DocumentKind
	Document
}

// Documents keeps the policies of repositories. They go with them.
type Documents interface {
	// PutDocument stores or replaces a document. Errors: RepositoryNotFound.
	PutDocument(ctx context.Context, account, repository string, kind DocumentKind, d Document) error
	// Document answers a document and whether there is one.
	// Errors: RepositoryNotFound.
	Document(ctx context.Context, account, repository string, kind DocumentKind) (Document, bool, error)
	// DeleteDocument removes a document, answers it as it was and whether
	// there was one. Errors: RepositoryNotFound.
	DeleteDocument(ctx context.Context, account, repository string, kind DocumentKind) (Document, bool, error)
	// AccessPolicies answers the texts that decide about a repository. It is on
	// the hot path of every request; the repository need not exist.
	AccessPolicies(ctx context.Context, account, repository string) (AccessPolicies, error)
}

// AccessPolicies are the texts that decide about a repository, empty where
// there is none.
type AccessPolicies struct {
	Repository string // the repository's policy
	Registry   string // the setting SettingRegistryPolicy of its account
	Scope      string // the setting registry.SettingPolicyScope of its account
	// Tags are the repository's resource tags, which conditions may ask for.
	// Nobody modifies them.
	Tags []registry.ResourceTag
}

// SettingRegistryPolicy is the name of the setting that holds a registry's
// policy.
const SettingRegistryPolicy = "registry-policy"

// Archive keeps the storage class of images. Archived images are hidden from
// ImageReader's answers as each method says.
type Archive interface {
	// SetStorageClass archives an image or begins or ends its restoration:
	// ACTIVE → ARCHIVED (an index before its children: an image that an index
	// of the repository needs which is not archived is refused), ARCHIVED →
	// ACTIVATING or ACTIVE, ACTIVATING → ACTIVE; ACTIVATING → ARCHIVED is
	// refused. A status that the image has already changes nothing, nor does
	// ACTIVE → ACTIVATING. Jobs are enqueued if something changed.
	//
	// Archived images do not count against the limit of images, keep their
	// tags, blobs and children, and can be deleted.
	// Errors: RepositoryNotFound, ImageNotFound, ImageStorageClassUpdateNotSupported.
	SetStorageClass(ctx context.Context, in SetStorageClass) (registry.Image, error)
}

// SetStorageClass is a change of an image's storage class.
type SetStorageClass struct {
	Account    string
	Repository string
	ID         registry.ImageID
	Status     registry.ImageStatus
	Now        time.Time
	// Jobs are enqueued in the transaction, if something changed.
	Jobs []job.Job
	// Follow is for the referrers of an image that is ARCHIVED or ACTIVE now.
	Follow   FollowJob
	Announce Announce // of an image that is ARCHIVED or ACTIVE now and was not
}

// KeyUse is when and for what a key was used.
type KeyUse struct {
	ID      string
	At      time.Time
	Service string
	Region  string
}

// KeyRing keeps the access keys of users.
type KeyRing interface {
	// CreateAccessKey stores a key unless its owner has most already.
	// Errors: ErrFull, ErrExists.
	CreateAccessKey(ctx context.Context, k AccessKey, most int) error
	// ListAccessKeys answers the keys of an account in order of id, only those
	// of a principal if one is given.
	ListAccessKeys(ctx context.Context, account, principal string) ([]AccessKey, error)
	// SetAccessKeyActive switches a key on or off. Errors: ErrNoRecord.
	SetAccessKeyActive(ctx context.Context, account, id string, active bool) error
	// DeleteAccessKey removes a key. The instance's root key cannot be removed
	// (ErrExists). Errors: ErrNoRecord.
	DeleteAccessKey(ctx context.Context, account, id string) error
	// RecordKeyUses notes when keys were used; later times win and unknown
	// keys are passed over.
	RecordKeyUses(ctx context.Context, uses []KeyUse) error
	// RewriteSecrets replaces the instance's secret, every key's and the body of
	// every SecretRecord by what rewrite makes of them, all or none.
	RewriteSecrets(ctx context.Context, rewrite func(sealed []byte) ([]byte, error)) error
}

package service

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// The store of secrets, of the shape of AWS Secrets Manager. A secret is one
// record, all of which is sealed: its name, its account and its times are all
// that the database shows.

// SecretValue is what is kept secret, a text or bytes. It does not show itself
// to whoever formats or logs it.
type SecretValue struct {
	Binary bool
	Data   []byte
}

// String hides the value.
func (SecretValue) String() string { return "***" }

// GoString hides the value.
func (SecretValue) GoString() string { return "***" }

// Secret is a secret as it is described.
type Secret struct {
	Name        string
	ARN         string
	Description string
	KMSKey      string // told as it was given; the value is sealed with our own key
	Owner       string // the service that manages it, such as "events"; empty: its user
	Tags        []registry.ResourceTag
	Versions    []SecretVersion // those with labels or all, oldest first
	CreatedAt   time.Time
	ChangedAt   time.Time
	AccessedAt  time.Time // a day; zero: never
	DeletedAt   time.Time // when it was marked for deletion
	DueAt       time.Time // when it is deleted
}

// SecretVersion is a value that a secret has, or had.
type SecretVersion struct {
	ID         string
	Labels     []string // staging labels, sorted
	CreatedAt  time.Time
	AccessedAt time.Time
	Value      SecretValue
}

// The staging labels that mean something.
const (
	labelCurrent  = "AWSCURRENT"
	labelPrevious = "AWSPREVIOUS"
)

// Limits of secrets, AWS's but for maxSecrets, which AWS has at 500,000.
const (
	maxSecrets      = 10_000 // in an account
	maxSecretBytes  = 64 << 10
	maxSecretLabels = 20 // of all versions of a secret

	// Versions without a label are kept while they are few and small.
	keptSecretVersions = 100
	keptSecretBytes    = 1 << 20

	leastSecretWindow   = 7 // days
	defaultSecretWindow = 30
	mostSecretWindow    = 30

	day = 24 * time.Hour
)

// storedSecret is the body of a record, which is sealed as a whole.
type storedSecret struct {
	// Account and Name are those of the record: a body in another one's place
	// is no secret of that name.
	Account     string                 `json:"account"`
	Name        string                 `json:"name"`
	Suffix      string                 `json:"suffix"` // the end of the ARN
	Description string                 `json:"description,omitempty"`
	KMSKey      string                 `json:"kmsKey,omitempty"`
	Owner       string                 `json:"owner,omitempty"`
	Tags        []registry.ResourceTag `json:"tags,omitempty"`
	Versions    []storedSecretVersion  `json:"versions,omitempty"` // oldest first
	CreatedAt   time.Time              `json:"createdAt"`
	ChangedAt   time.Time              `json:"changedAt"`
	AccessedAt  time.Time              `json:"accessedAt,omitzero"`
	DeletedAt   time.Time              `json:"deletedAt,omitzero"`
	DueAt       time.Time              `json:"dueAt,omitzero"`
	Removal     *secretRemoval         `json:"removal,omitempty"`
}

type storedSecretVersion struct {
	ID         string    `json:"id"`
	Labels     []string  `json:"labels,omitempty"`
	Binary     bool      `json:"binary,omitempty"`
	Data       []byte    `json:"data"`
	CreatedAt  time.Time `json:"createdAt"`
	AccessedAt time.Time `json:"accessedAt,omitzero"`
}

func (v *storedSecretVersion) value() SecretValue { return SecretValue{v.Binary, v.Data} }

// secretARN is the ARN of a secret, without its suffix if that is empty.
func secretARN(scope registry.Scope, name, suffix string) string {
	arn := "arn:aws:secretsmanager:" + scope.Region + ":" + scope.Account + ":secret:" + name
	if suffix != "" {
		arn += "-" + suffix
	}
	return arn
}

// unknownSuffix stands for the suffix of a secret that is not there, as
// policies for names write it.
const unknownSuffix = "??????"

// newSecretSuffix makes the six characters that tell a secret from the ones
// that had its name before.
func newSecretSuffix() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return randomText(6, alphabet)
}

// randomText picks characters, each as likely as any other.
func randomText(length int, alphabet string) string {
	out := make([]byte, 0, length)
	// What a byte has above a multiple of the alphabet would favour its beginning.
	most := 256 / len(alphabet) * len(alphabet)
	var random [64]byte
	for {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			if len(out) == length {
				return string(out)
			}
			if int(b) < most {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
}

var validSecretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

// secretRef is what a client calls a secret by.
type secretRef struct {
	account, region string // of an ARN; empty otherwise
	names           []secretName
}

// secretName is a name that may be meant, of the secret with that suffix if
// there is one.
type secretName struct{ name, suffix string }

// parseSecretRef reads a name, an ARN, or an ARN without its suffix.
func parseSecretRef(id string) secretRef {
	parts := strings.SplitN(id, ":", 7)
	if len(parts) != 7 || parts[0] != "arn" || parts[2] != "secretsmanager" || parts[5] != "secret" {
		return secretRef{names: []secretName{{name: id}}}
	}
	ref := secretRef{region: parts[3], account: parts[4]}
	whole := parts[6]
	if n := len(whole) - 7; n > 0 && whole[n] == '-' {
		ref.names = append(ref.names, secretName{whole[:n], whole[n+1:]})
	}
	ref.names = append(ref.names, secretName{name: whole})
	return ref
}

// foundSecret is a secret with its record.
type foundSecret struct {
	scope  registry.Scope
	record meta.Record
	*storedSecret
}

func (f *foundSecret) arn() string { return secretARN(f.scope, f.Name, f.Suffix) }

// lookSecret answers the secret that is meant, nil when there is none.
func (s *Service) lookSecret(ctx context.Context, scope registry.Scope, ref secretRef) (*foundSecret, error) {
	if ref.region != "" && ref.region != scope.Region {
		return nil, nil
	}
	for _, meant := range ref.names {
		if !validSecretName.MatchString(meant.name) {
			continue
		}
		record, err := s.Store.Record(ctx, scope.Account, meta.SecretRecord, meant.name)
		if errors.Is(err, meta.ErrNoRecord) {
			continue
		}
		if err != nil {
			return nil, err
		}
		stored, err := s.openRecord(record)
		if err != nil {
			return nil, err
		}
		if !stored.gone(s.Now()) && (meant.suffix == "" || meant.suffix == stored.Suffix) {
			return &foundSecret{scope, record, stored}, nil
		}
	}
	return nil, nil
}

// secretSubject is what a request about a secret sets and removes.
type secretSubject struct {
	tags    []registry.ResourceTag
	tagKeys []string
	keys    map[string]string // condition keys
}

// allowSecret authorises an action on a secret and answers it. Whether there is
// one is told only to who may do it, and so is the suffix of its ARN.
// Errors: AccessDenied, ResourceNotFound.
func (s *Service) allowSecret(ctx context.Context, c Caller, action, id string, about secretSubject) (*foundSecret, error) {
	found, scope, err := s.allowSecretName(ctx, c, action, id, about)
	if err == nil && found == nil {
		err = registry.SecretUnknown()
	}
	if err != nil {
		return nil, err
	}
	found.scope = scope
	return found, nil
}

// allowSecretName does the same for a secret that need not be there.
func (s *Service) allowSecretName(ctx context.Context, c Caller, action, id string, about secretSubject) (*foundSecret, registry.Scope, error) {
	ref := parseSecretRef(id)
	if registry.ValidAccount(ref.account) {
		c.Registry = ref.account
	}
	scope := s.registryOf(c)
	found, err := s.lookSecret(ctx, scope, ref)
	if err != nil {
		return nil, scope, err
	}
	q := question{action: "secretsmanager:" + action, tags: about.tags, tagKeys: about.tagKeys, keys: about.keys}
	switch {
	case found != nil:
		q.resource, q.resourceTags = found.arn(), found.Tags
	case ref.account != "":
		q.resource = id
	default:
		q.resource = secretARN(scope, id, unknownSuffix)
	}
	_, err = s.decide(ctx, c, q)
	if e := (*registry.Error)(nil); errors.As(err, &e) && e.Code == registry.CodeAccessDenied {
		err = registry.Errorf(e.Code, "%s", strings.ReplaceAll(e.Message, q.resource, id))
	}
	return found, scope, err
}

// openRecord reads the record of a secret.
func (s *Service) openRecord(r meta.Record) (*storedSecret, error) {
	if s.Keyring == nil {
		return nil, registry.Internal("opening a secret", errNoKeyring)
	}
	body, err := s.Keyring.Open(SecretPurpose, r.Body)
	if err != nil {
		return nil, registry.Internal("opening a secret", err)
	}
	stored := &storedSecret{}
	if err := json.Unmarshal(body, stored); err != nil {
		// Its text may repeat what it could not read.
		return nil, registry.Internal("opening a secret", errors.New("its record cannot be read"))
	}
	if stored.Account != r.Account || stored.Name != r.Name {
		return nil, registry.Internal("opening a secret", errors.New("its record is that of another"))
	}
	return stored, nil
}

// sealRecord makes the body of the record of a secret.
func (s *Service) sealRecord(stored *storedSecret) ([]byte, error) {
	if s.Keyring == nil {
		return nil, registry.Internal("sealing a secret", errNoKeyring)
	}
	return s.Keyring.Seal(SecretPurpose, marshalRecord(stored)), nil
}

// changeSecret changes a secret that was found, with nobody else's change in
// between. Change may be called more than once.
func (s *Service) changeSecret(ctx context.Context, found *foundSecret, change func(*storedSecret) error) (*foundSecret, error) {
	now := s.Now()
	var changed *storedSecret
	record, err := s.Store.UpdateRecord(ctx, found.scope.Account, meta.SecretRecord, found.Name, now, func(r *meta.Record) error {
		stored, err := s.openRecord(*r)
		if err != nil {
			return err
		}
		if stored.Suffix != found.Suffix || stored.gone(now) {
			return registry.SecretUnknown()
		}
		if err := change(stored); err != nil {
			return err
		}
		changed = stored
		r.Body, err = s.sealRecord(stored)
		return err
	})
	if errors.Is(err, meta.ErrNoRecord) {
		err = registry.SecretUnknown()
	}
	if err != nil {
		return nil, err
	}
	return &foundSecret{found.scope, record, changed}, nil
}

// describe is a secret as it is told.
func (f *foundSecret) describe() Secret {
	out := Secret{
		Name: f.Name, ARN: f.arn(), Description: f.Description, KMSKey: f.KMSKey, Owner: f.Owner,
		Tags: slices.Clone(f.Tags), CreatedAt: f.CreatedAt, ChangedAt: f.ChangedAt,
		AccessedAt: f.AccessedAt, DeletedAt: f.DeletedAt, DueAt: f.DueAt,
	}
	if f.Owner != "" {
		out.Tags = append(out.Tags, registry.ResourceTag{Key: "aws:secretsmanager:owningService", Value: f.Owner})
	}
	for i := range f.Versions {
		out.Versions = append(out.Versions, f.Versions[i].describe())
	}
	return out
}

// describe is a version as it is told, without its value.
func (v *storedSecretVersion) describe() SecretVersion {
	return SecretVersion{ID: v.ID, Labels: slices.Clone(v.Labels), CreatedAt: v.CreatedAt, AccessedAt: v.AccessedAt}
}

package service

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/external"
)

const (
	// maxScanners bounds the scanners of an account, and those of the instance.
	maxScanners = 50
	// scannerSetting is the name under which an account's default scanner is kept,
	// and that of accounts without one under no account at all.
	scannerSetting = "default-scanner"
	// scannerPolicy is what scanners may do where what limits them allows it.
	scannerPolicy = "AmazonEC2ContainerRegistryReadOnly"
	// scannerOwner is the service that the secrets of scanners belong to.
	scannerOwner = "ecru"
)

// What can be a default beside scanners that were added.
const (
	BuiltinScanner = "builtin" // our own
	InheritScanner = "inherit" // that of the instance
)

// Adapters asks scanners of others what they can do. An external.Client does.
type Adapters interface {
	Metadata(ctx context.Context, e external.Endpoint) (external.Metadata, error)
}

// NewScanner is a scanner to be added.
type NewScanner struct {
	Name     string
	Endpoint external.Endpoint
	// RegistryURL is where the scanner reaches this registry; empty: under the
	// URL that all reach it under.
	RegistryURL string
	// Instance says that it is for all accounts.
	Instance bool
}

// ExternalScanner is a scanner of others as it is configured, without what is
// secret.
type ExternalScanner struct {
	Name        string
	Instance    bool // for all accounts
	URL         string
	Auth        external.Auth
	RegistryURL string
	SkipVerify  bool
	// Scanner is what it said of itself when it was added.
	Scanner external.Identity
	AddedAt time.Time
	// Default says that basic scans of the account are its.
	Default bool
}

// ScannerHealth is what came of asking a scanner what it can do.
type ScannerHealth struct {
	Scanner external.Identity
	// Problem says what is wrong; empty: nothing is.
	Problem string
}

// storedScanner is the record of a scanner. Its credential is in a secret.
type storedScanner struct {
	ID          string            `json:"id"`
	URL         string            `json:"url"`
	Auth        external.Auth     `json:"auth"`
	CA          string            `json:"ca,omitempty"`
	SkipVerify  bool              `json:"skipVerify,omitempty"`
	RegistryURL string            `json:"registryUrl,omitempty"`
	Secret      string            `json:"secret,omitempty"` // its name
	Scanner     external.Identity `json:"scanner"`
}

var validScannerName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// allowScanners authorises an operation on the scanners of an account, or of the
// instance, which are the operator's. It answers whose records are meant.
func (s *Service) allowScanners(ctx context.Context, c Caller, account, operation string, instance bool) (string, error) {
	if instance {
		return "", s.allowOperating(ctx, c, operation)
	}
	return s.allowSuppressing(ctx, c, account, operation)
}

// scannerHome is the scope in which the secrets of scanners are kept.
func (s *Service) scannerHome(account string) registry.Scope {
	return registry.Scope{Account: cmp.Or(account, s.Default.Account), Region: s.Default.Region}
}

// AddScanner makes a scanner known, after it has said what it can do.
// Errors: InvalidParameter, EntityAlreadyExists, LimitExceeded, NoSuchEntity.
func (s *Service) AddScanner(ctx context.Context, c Caller, account string, in NewScanner) (ExternalScanner, error) {
	account, err := s.allowScanners(ctx, c, account, "AddScanner", in.Instance)
	if err != nil {
		return ExternalScanner{}, err
	}
	if in.Endpoint.Auth == "" {
		in.Endpoint.Auth = external.NoAuth
	}
	if err := s.checkScanner(in); err != nil {
		return ExternalScanner{}, err
	}
	if there, err := s.recordExists(ctx, account, meta.ScannerRecord, in.Name); there || err != nil {
		return ExternalScanner{}, cmp.Or(err, scannerExists(in.Name))
	}
	health, err := s.askScanner(ctx, in.Endpoint)
	if err == nil && health.Problem != "" {
		err = registry.InvalidParameter("url", "The scanner cannot be used: "+health.Problem)
	}
	if err != nil {
		return ExternalScanner{}, err
	}
	stored := &storedScanner{
		ID: uuid.NewString(), URL: in.Endpoint.URL, Auth: in.Endpoint.Auth, CA: in.Endpoint.CA, SkipVerify: in.Endpoint.SkipVerify,
		RegistryURL: in.RegistryURL, Scanner: health.Scanner,
	}
	record, err := s.createScanner(ctx, account, in.Name, in.Endpoint.Credential, stored)
	if err != nil {
		return ExternalScanner{}, err
	}
	return stored.describe(record), nil
}

// createScanner stores a scanner and its credential.
func (s *Service) createScanner(ctx context.Context, account, name, credential string, stored *storedScanner) (meta.Record, error) {
	home := s.scannerHome(account)
	if credential != "" {
		secret, _, err := s.makeSecret(ctx, home, scannerOwner, NewSecret{
			Name: "ecru!scanner/" + name + "/" + stored.ID, Token: uuid.NewString(),
			Value: &SecretValue{Data: []byte(credential)}, Description: "Managed by ecru for the scanner " + name + ".",
		})
		if err != nil {
			return meta.Record{}, err
		}
		stored.Secret = secret.Name
	}
	now := s.Now()
	record := meta.Record{Account: account, Kind: meta.ScannerRecord, Name: name, Body: marshalRecord(stored), CreatedAt: now, UpdatedAt: now}
	err := s.Store.CreateRecord(ctx, record, maxScanners)
	if err == nil {
		return record, nil
	}
	dropped := s.dropSecret(ctx, home, stored.Secret)
	switch {
	case errors.Is(err, meta.ErrExists):
		err = scannerExists(name)
	case errors.Is(err, meta.ErrFull):
		err = registry.Errorf(registry.CodeLimitExceeded, "There are %d scanners already, as many as there may be.", maxScanners)
	}
	return record, cmp.Or(dropped, err)
}

func scannerExists(name string) error {
	return registry.Errorf(registry.CodeEntityAlreadyExists, "The scanner with name %s already exists.", name)
}

func noScanner(name string) error {
	return registry.Errorf(registry.CodeNoSuchEntity, "The scanner with name %s cannot be found.", name)
}

func (s *Service) checkScanner(in NewScanner) error {
	if !validScannerName.MatchString(in.Name) || in.Name == BuiltinScanner || in.Name == InheritScanner {
		return registry.InvalidParameter("scannerName", "must be 1 to 63 lower-case letters, digits, dots, dashes and underscores, and neither builtin nor inherit")
	}
	if err := in.Endpoint.Validate(); err != nil {
		return registry.InvalidParameter("url", "The scanner cannot be used: "+err.Error())
	}
	if in.RegistryURL == "" {
		if s.RegistryURL == "" {
			return registry.InvalidParameter("registryUrl", "must be given: the server does not know the URL under which a scanner reaches it (see --public-url)")
		}
		return nil
	}
	u, err := url.Parse(in.RegistryURL)
	if err != nil || len(in.RegistryURL) > 1024 || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery+u.Fragment != "" {
		return registry.InvalidParameter("registryUrl", "must be an http or https URL without a path")
	}
	return nil
}

// askScanner asks a scanner what it can do. What is wrong with it is no error.
func (s *Service) askScanner(ctx context.Context, e external.Endpoint) (ScannerHealth, error) {
	if s.Adapters == nil {
		return ScannerHealth{}, registry.Errorf(registry.CodeUnsupported, "Scanners are asked by a server that runs.")
	}
	m, err := s.Adapters.Metadata(ctx, e)
	var fault *external.AdapterError
	if errors.As(err, &fault) {
		return ScannerHealth{Scanner: m.Scanner, Problem: fault.Message}, nil
	}
	return ScannerHealth{Scanner: m.Scanner}, err
}

func scannerIn(r meta.Record) (*storedScanner, error) {
	x := &storedScanner{}
	return x, unmarshalRecord(r, x)
}

func (x *storedScanner) describe(r meta.Record) ExternalScanner {
	return ExternalScanner{
		Name: r.Name, Instance: r.Account == "", URL: x.URL, Auth: x.Auth, RegistryURL: x.RegistryURL, SkipVerify: x.SkipVerify,
		Scanner: x.Scanner, AddedAt: r.CreatedAt,
	}
}

// Scanners answers the scanners that an account can use: its own, then those of
// the instance; each in order of name. Errors: NoSuchEntity.
func (s *Service) Scanners(ctx context.Context, c Caller, account string) ([]ExternalScanner, error) {
	account, err := s.allowScanners(ctx, c, account, "ListScanners", false)
	if err != nil {
		return nil, err
	}
	own, err := s.Store.ListRecords(ctx, account, meta.ScannerRecord, "", maxScanners)
	if err != nil {
		return nil, err
	}
	shared, err := s.Store.ListRecords(ctx, "", meta.ScannerRecord, "", maxScanners)
	if err != nil {
		return nil, err
	}
	used, err := s.defaultScanner(ctx, account)
	if err != nil {
		return nil, err
	}
	var all []ExternalScanner
	for _, r := range append(own, shared...) {
		x, err := scannerIn(r)
		if err != nil {
			return nil, err
		}
		one := x.describe(r)
		if one.Default = one.Name == used; one.Default {
			used = "" // one of the instance stands behind an account's own
		}
		all = append(all, one)
	}
	return all, nil
}

// scannerRecord finds a scanner that an account can use: one of its own first.
// Errors: NoSuchEntity.
func (s *Service) scannerRecord(ctx context.Context, account, name string) (meta.Record, error) {
	for _, of := range slices.Compact([]string{account, ""}) {
		record, err := s.Store.Record(ctx, of, meta.ScannerRecord, name)
		if !errors.Is(err, meta.ErrNoRecord) {
			return record, err
		}
	}
	return meta.Record{}, noScanner(name)
}

// TestScanner asks a scanner what it can do. Errors: NoSuchEntity.
func (s *Service) TestScanner(ctx context.Context, c Caller, account, name string) (ScannerHealth, error) {
	account, err := s.allowScanners(ctx, c, account, "TestScanner", false)
	if err != nil {
		return ScannerHealth{}, err
	}
	record, err := s.scannerRecord(ctx, account, name)
	if err != nil {
		return ScannerHealth{}, err
	}
	r, err := s.registrationOf(ctx, record)
	if err != nil {
		return ScannerHealth{}, err
	}
	return s.askScanner(ctx, r.Endpoint)
}

// SetDefaultScanner says who makes the basic scans of an account: a scanner that
// was added, BuiltinScanner, or InheritScanner; with instance, of all accounts that
// do not say so themselves. Errors: NoSuchEntity.
func (s *Service) SetDefaultScanner(ctx context.Context, c Caller, account, name string, instance bool) error {
	account, err := s.allowScanners(ctx, c, account, "SetDefaultScanner", instance)
	if err != nil {
		return err
	}
	switch name {
	case InheritScanner:
		_, _, err := s.Store.DeleteSetting(ctx, account, scannerSetting)
		return err
	case BuiltinScanner:
	default:
		if _, err := s.scannerRecord(ctx, account, name); err != nil {
			return err
		}
	}
	return s.Store.PutSetting(ctx, account, scannerSetting, name)
}

// RemoveScanner forgets a scanner, unless it is somebody's default. What it was
// given to pull images with is void at once. Errors: NoSuchEntity, InvalidState.
func (s *Service) RemoveScanner(ctx context.Context, c Caller, account, name string, instance bool) error {
	account, err := s.allowScanners(ctx, c, account, "RemoveScanner", instance)
	if err != nil {
		return err
	}
	if err := s.scannerUnused(ctx, account, name); err != nil {
		return err
	}
	record, err := s.Store.DeleteRecord(ctx, account, meta.ScannerRecord, name)
	if errors.Is(err, meta.ErrNoRecord) {
		return noScanner(name)
	}
	if err != nil {
		return err
	}
	x, err := scannerIn(record)
	if err != nil {
		return err
	}
	return s.dropSecret(ctx, s.scannerHome(account), x.Secret)
}

// scannerUnused makes sure that a scanner is nobody's default.
func (s *Service) scannerUnused(ctx context.Context, account, name string) error {
	users := []string{account}
	if account == "" {
		accounts, err := s.Store.ListRecords(ctx, "", meta.AccountRecord, "", mostRecords(meta.AccountRecord))
		if err != nil {
			return err
		}
		for _, a := range accounts {
			users = append(users, a.Name)
		}
	}
	for _, user := range users {
		used, _, err := s.Store.Setting(ctx, user, scannerSetting)
		if err != nil {
			return err
		}
		if used != name {
			continue
		}
		if own, err := s.recordExists(ctx, user, meta.ScannerRecord, name); err != nil || own && user != account {
			if err != nil {
				return err
			}
			continue // it is another that is meant
		}
		return registry.Errorf(registry.CodeInvalidState, "The scanner %s is the default of %s: choose another one first.", name, cmp.Or(user, "the instance"))
	}
	return nil
}

// defaultScanner is the scanner that was added which makes the basic scans of an
// account, "" for our own.
func (s *Service) defaultScanner(ctx context.Context, account string) (string, error) {
	for _, of := range [...]string{account, ""} {
		name, ok, err := s.Store.Setting(ctx, of, scannerSetting)
		if err != nil {
			return "", err
		}
		if ok && name == BuiltinScanner {
			return "", nil
		}
		if ok {
			return name, nil
		}
	}
	return "", nil
}

// basicEngine is what makes the basic scans of an account. CLAIR is what it was
// under ECR, whatever else there is.
func (s *Service) basicEngine(ctx context.Context, account string) (string, error) {
	engine, err := s.setting(ctx, account, registry.SettingBasicScanVersion)
	if err != nil || engine != registry.EngineNative {
		return engine, err
	}
	name, err := s.defaultScanner(ctx, account)
	if err != nil || name == "" {
		return engine, err
	}
	return external.Engine(name), nil
}

// ScannerNamed is part of external.Registrations. It asks nobody: it is for the
// jobs that scan.
func (s *Service) ScannerNamed(ctx context.Context, account, name string) (external.Registration, error) {
	record, err := s.scannerRecord(ctx, account, name)
	if registry.CodeOf(err) == registry.CodeNoSuchEntity {
		return external.Registration{}, external.ErrNoScanner
	}
	if err != nil {
		return external.Registration{}, err
	}
	return s.registrationOf(ctx, record)
}

func (s *Service) registrationOf(ctx context.Context, record meta.Record) (external.Registration, error) {
	x, err := scannerIn(record)
	if err != nil {
		return external.Registration{}, err
	}
	r := external.Registration{
		ID: x.ID, Name: record.Name, RegistryURL: cmp.Or(x.RegistryURL, s.RegistryURL),
		Endpoint: external.Endpoint{URL: x.URL, Auth: x.Auth, CA: x.CA, SkipVerify: x.SkipVerify},
	}
	if x.Secret == "" {
		return r, nil
	}
	found, err := s.lookSecret(ctx, s.scannerHome(record.Account), secretRef{names: []secretName{{name: x.Secret}}})
	if err != nil {
		return r, err
	}
	if found == nil || found.Owner != scannerOwner {
		return r, registry.Internal("opening the credential of a scanner", errors.New("its secret is gone"))
	}
	v, err := found.pick("", "")
	if err != nil {
		return r, registry.Internal("opening the credential of a scanner", err)
	}
	r.Credential = string(v.Data)
	return r, nil
}

// PullAuthorization is part of external.Registrations.
func (s *Service) PullAuthorization(account, repository string, by external.Registration, life time.Duration) (string, error) {
	scope := registry.Scope{Account: account, Region: s.Default.Region}
	p := iam.ScannerPrincipal(account, by.Name, by.ID, scope.RepositoryARN(repository))
	password, _, err := s.passwords.IssueFor(p, s.Now(), life)
	if err != nil {
		return "", registry.Internal("issuing a credential for a scanner", err)
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("AWS:"+password)), nil
}

// scannerAlive says whether a scanner is still configured, and not a namesake.
// Errors: iam.ErrUnknownKey.
func (s *Service) scannerAlive(ctx context.Context, p iam.Principal) error {
	for _, of := range [...]string{p.Account, ""} {
		record, err := s.Store.Record(ctx, of, meta.ScannerRecord, p.Name)
		if errors.Is(err, meta.ErrNoRecord) {
			continue
		}
		if err != nil {
			return err
		}
		if x, err := scannerIn(record); err != nil || x.ID == p.UserID {
			return err
		}
	}
	return iam.ErrUnknownKey
}

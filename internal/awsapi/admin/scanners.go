package admin

import (
	"context"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/scan/external"
	"github.com/ecru-registry/ecru/internal/service"
)

// Scanners is what the API needs of scanners of others.
type Scanners interface {
	AddScanner(ctx context.Context, c service.Caller, account string, in service.NewScanner) (service.ExternalScanner, error)
	Scanners(ctx context.Context, c service.Caller, account string) ([]service.ExternalScanner, error)
	TestScanner(ctx context.Context, c service.Caller, account, name string) (service.ScannerHealth, error)
	SetDefaultScanner(ctx context.Context, c service.Caller, account, name string, instance bool) error
	RemoveScanner(ctx context.Context, c service.Caller, account, name string, instance bool) error
}

// Scopes of scanners.
const (
	ScopeAccount  = "ACCOUNT"
	ScopeInstance = "INSTANCE"
)

// Scanner is a scanner of others, reached by Harbor's pluggable scanner API.
type Scanner struct {
	ScannerName *string
	Scope       *string // ACCOUNT or INSTANCE
	URL         *string
	Auth        *string // none, basic, bearer or api-key
	RegistryURL *string // where it reaches the registry; absent: where all do
	SkipVerify  *bool   // nobody vouches for its certificate
	Product     *string // what it said of itself
	Vendor      *string
	Version     *string
	Default     *bool // basic scans of the account are its
	AddDate     *time.Time
}

// AddScannerInput makes a scanner known.
type AddScannerInput struct {
	AccountID    *string
	ScannerName  *string
	Scope        *string // absent: ACCOUNT
	URL          *string
	Auth         *string // absent: none
	Credential   *string // USER:PASSWORD, a token or a key
	Certificates *string // PEM; they vouch for it
	SkipVerify   *bool
	RegistryURL  *string
}

// AddScannerOutput tells the scanner.
type AddScannerOutput struct{ Scanner *Scanner }

// ListScannersInput asks for the scanners that an account can use.
type ListScannersInput struct {
	AccountID  *string
	NextToken  *string
	MaxResults *int32
}

// ListScannersOutput is a page of them.
type ListScannersOutput struct {
	Scanners  []Scanner
	NextToken *string
}

// TestScannerInput names a scanner to be asked what it can do.
type TestScannerInput struct{ AccountID, ScannerName *string }

// TestScannerOutput says what came of it.
type TestScannerOutput struct {
	Healthy *bool
	Problem *string // absent: none
	Product *string
	Vendor  *string
	Version *string
}

// SetDefaultScannerInput says who makes basic scans: a scanner, builtin or inherit.
type SetDefaultScannerInput struct {
	AccountID   *string
	ScannerName *string
	Scope       *string // INSTANCE: of all accounts that do not say so themselves
}

// RemoveScannerInput names a scanner to be forgotten.
type RemoveScannerInput struct {
	AccountID   *string
	ScannerName *string
	Scope       *string
}

func (h handlers) scannerOperations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op(h.addScanner), awsapi.Op(h.listScanners), awsapi.Op(h.testScanner), awsapi.Op(h.setDefaultScanner), awsapi.Op(h.removeScanner),
	}
}

func (h handlers) addScanner(ctx context.Context, in *AddScannerInput) (*AddScannerOutput, error) {
	x, err := h.service.AddScanner(ctx, caller(ctx), deref(in.AccountID), service.NewScanner{
		Name: deref(in.ScannerName), RegistryURL: deref(in.RegistryURL), Instance: deref(in.Scope) == ScopeInstance,
		Endpoint: external.Endpoint{
			URL: deref(in.URL), Auth: external.Auth(deref(in.Auth)), Credential: deref(in.Credential), CA: deref(in.Certificates), SkipVerify: deref(in.SkipVerify),
		},
	})
	worded := wordScanner(x)
	return answer(AddScannerOutput{Scanner: &worded}, err)
}

// scannerKey is the place of a scanner in the list: the account's before those of
// the instance, which have their own order.
func scannerKey(x service.ExternalScanner) string {
	if x.Instance {
		return "2" + x.Name
	}
	return "1" + x.Name
}

func (h handlers) listScanners(ctx context.Context, in *ListScannersInput) (*ListScannersOutput, error) {
	p, err := h.page("ListScanners", in.NextToken, in.MaxResults, accountOf(ctx, in.AccountID))
	if err != nil {
		return nil, err
	}
	all, err := h.service.Scanners(ctx, caller(ctx), deref(in.AccountID))
	all = slices.DeleteFunc(all, func(x service.ExternalScanner) bool { return scannerKey(x) <= p.Cursor })
	var out ListScannersOutput
	out.Scanners, out.NextToken = cut(h, p, all, scannerKey, wordScanner)
	return answer(out, err)
}

func (h handlers) testScanner(ctx context.Context, in *TestScannerInput) (*TestScannerOutput, error) {
	health, err := h.service.TestScanner(ctx, caller(ctx), deref(in.AccountID), deref(in.ScannerName))
	healthy := health.Problem == ""
	return answer(TestScannerOutput{
		Healthy: &healthy, Problem: text(health.Problem), Product: text(health.Scanner.Name), Vendor: text(health.Scanner.Vendor), Version: text(health.Scanner.Version),
	}, err)
}

func (h handlers) setDefaultScanner(ctx context.Context, in *SetDefaultScannerInput) (*Done, error) {
	return done(h.service.SetDefaultScanner(ctx, caller(ctx), deref(in.AccountID), deref(in.ScannerName), deref(in.Scope) == ScopeInstance))
}

func (h handlers) removeScanner(ctx context.Context, in *RemoveScannerInput) (*Done, error) {
	return done(h.service.RemoveScanner(ctx, caller(ctx), deref(in.AccountID), deref(in.ScannerName), deref(in.Scope) == ScopeInstance))
}

func wordScanner(x service.ExternalScanner) Scanner {
	scope := ScopeAccount
	if x.Instance {
		scope = ScopeInstance
	}
	auth := string(x.Auth)
	return Scanner{
		ScannerName: text(x.Name), Scope: &scope, URL: text(x.URL), Auth: text(auth), RegistryURL: text(x.RegistryURL), SkipVerify: &x.SkipVerify,
		Product: text(x.Scanner.Name), Vendor: text(x.Scanner.Vendor), Version: text(x.Scanner.Version), Default: &x.Default, AddDate: sometime(x.AddedAt),
	}
}

// Package admin is ecru's own API, in the protocol of the AWS JSON services so
// that one signature check, one codec and one set of errors serve it too. It is
// what the command line calls on a running server, and, without a request, on
// the store of a stopped one.
//
// It must not do anything that the command line could not do on a stopped one,
// and no operation may answer a secret but those that make one.
package admin

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/service"
)

// Target is the prefix of X-Amz-Target, SigningName the service to sign for.
const (
	Target      = "Ecru_V1"
	SigningName = "ecru"
)

// Management is what the API needs of the service.
type Management interface {
	Authorizer
	Accounts
	Users
	UserPolicies
	Keys
	Roles
	RolePolicies
	Providers
	EventLog
	Reports
	Suppressions
	Explanations
	Scanners
}

// Authorizer answers whether a caller may use an operation on an account.
type Authorizer interface {
	AllowManaging(ctx context.Context, c service.Caller, account, operation string) (string, error)
}

// Config is what the API is made of.
type Config struct {
	// Account is the default account, to which what concerns the whole
	// instance belongs.
	Account    string
	Advisories Advisories
	Service    Management
	// PageKey seals page tokens.
	PageKey []byte
	// PublicURL is where clients reach the server; empty means as they did.
	PublicURL string
}

type handlers struct {
	account    string
	advisories Advisories
	service    Management
	pages      *pagetoken.Codec
	publicURL  string
}

// Service makes the table of operations.
func Service(c Config) awsapi.Service {
	h := handlers{account: c.Account, advisories: c.Advisories, service: c.Service, pages: pagetoken.New(c.PageKey), publicURL: c.PublicURL}
	return awsapi.Service{
		Target: Target, SigningName: SigningName,
		Operations:  h.operations(),
		Names:       Names,
		Constraints: constraints(),
		Violated: func(v []validate.Violation) *awsapi.Fault {
			return awsapi.Refuse("InvalidParameterException", "%s", validate.InvalidParameter(v))
		},
		Fault: fault,
	}
}

func (h handlers) operations() []awsapi.Operation {
	var all []awsapi.Operation
	for _, part := range [][]awsapi.Operation{
		h.advisoryOperations(), h.accountOperations(), h.userOperations(),
		h.keyOperations(), h.roleOperations(), h.providerOperations(), h.eventOperations(), h.reportOperations(), h.suppressionOperations(), h.explainOperations(), h.scannerOperations(),
	} {
		all = append(all, part...)
	}
	return all
}

// Names spells members as AWS does: userId, arn, clientIds.
func Names(t reflect.Type, field string) string {
	switch {
	case field == "ARN":
		return "arn"
	case strings.HasSuffix(field, "URL"):
		field = strings.TrimSuffix(field, "URL") + "Url"
	case strings.HasSuffix(field, "ID"):
		field = strings.TrimSuffix(field, "ID") + "Id"
	case strings.HasSuffix(field, "IDs"):
		field = strings.TrimSuffix(field, "IDs") + "Ids"
	}
	return wire.LowerCamel(t, field)
}

// exceptions is what the API calls each kind of failure. A code that is not
// here is a failure of ours.
func exceptions() map[registry.Code]string {
	return map[registry.Code]string{
		registry.CodeInvalidParameter:         "InvalidParameterException",
		registry.CodeAccessDenied:             "AccessDeniedException",
		registry.CodeUnsupported:              "UnsupportedOperationException",
		registry.CodeLimitExceeded:            "LimitExceededException",
		registry.CodeNoSuchEntity:             "NoSuchEntityException",
		registry.CodeEntityAlreadyExists:      "EntityAlreadyExistsException",
		registry.CodeMalformedPolicyDocument:  "MalformedPolicyDocumentException",
		registry.CodeRepositoryNotFound:       "RepositoryNotFoundException",
		registry.CodeRepositoryPolicyNotFound: "RepositoryPolicyNotFoundException",
		registry.CodeRegistryPolicyNotFound:   "RegistryPolicyNotFoundException",
		registry.CodeThrottled:                "ThrottlingException",
		registry.CodeResourceNotFound:         "ResourceNotFoundException",
		registry.CodeImageNotFound:            "ImageNotFoundException",
		registry.CodeUnsupportedImageType:     "UnsupportedImageTypeException",
		registry.CodeLayersNotFound:           "LayersNotFoundException",
		registry.CodeImageArchived:            "ImageArchivedException",
		registry.CodeInvalidEventPattern:      "InvalidEventPatternException",
		registry.CodeInvalidState:             "InvalidStateException",
	}
}

func fault(err error) *awsapi.Fault {
	if errors.Is(err, advisory.ErrOff) {
		return awsapi.Refuse("InvalidParameterException", "%s", "The server was started with --advisories off: only imports are possible.")
	}
	return awsapi.Coded(err, exceptions())
}

// caller is who asks.
func caller(ctx context.Context) service.Caller {
	call := awsapi.CallFrom(ctx)
	return service.Caller{
		Principal: call.Principal,
		SourceIP:  call.SourceIP, Secure: call.Secure, UserAgent: call.UserAgent,
	}
}

// Pages of lists.
const (
	defaultPage = 100
	maxPage     = 1000
)

// page reads the paging members of an input. The scope is all that decides what
// the list holds.
func (h handlers) page(operation string, token *string, size *int32, scope ...string) (pagetoken.Page, error) {
	p, err := h.pages.Page(pagetoken.List{Operation: SigningName + ":" + operation, Scope: scope}, token, size, defaultPage)
	if err != nil {
		err = registry.InvalidParameter("nextToken", "Invalid pagination token")
	}
	return p, err
}

// cut takes a page out of items and words them.
func cut[T, W any](h handlers, p pagetoken.Page, items []T, cursor func(T) string, word func(T) W) ([]W, *string) {
	items, token := pagetoken.Cut(h.pages, p, items, cursor)
	out := make([]W, len(items))
	for i, item := range items {
		out[i] = word(item)
	}
	return out, token
}

// Done is the answer of operations that have nothing to tell.
type Done struct{}

func done(err error) (*Done, error) {
	if err != nil {
		return nil, err
	}
	return &Done{}, nil
}

// answer answers out unless something went wrong.
func answer[T any](out T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return &out, nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// text leaves empty members out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func sometime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

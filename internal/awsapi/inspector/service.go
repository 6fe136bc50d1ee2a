// Package inspector speaks the part of Amazon Inspector's API that is about
// container images: findings of enhanced scanning, coverage, filters, reports and
// exports of bills of materials.
//
// It decodes, calls the service and encodes. It must not decide anything, nor
// reach the store.
package inspector

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/pagetoken"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

// SigningName is the service that clients sign for.
const SigningName = "inspector2"

// Inspector is what the API needs of the service.
type Inspector interface {
	Accounts
	Findings
	Coverage
	Filters
	Reports
	Vulnerabilities
}

// Config is what the API is made of.
type Config struct {
	Service Inspector
	// Region is the one that ARNs are of.
	Region string
	// PageKey seals page tokens.
	PageKey []byte
}

type handlers struct {
	service Inspector
	region  string
	pages   *pagetoken.Codec
	// unions checks the members of unions, which their type is only known of once
	// they are there.
	unions *validate.Set
}

// Service makes the table of operations.
func Service(c Config) (awsapi.Service, error) {
	unions, err := validate.NewSet(names, aggregationConstraints()...)
	if err != nil {
		return awsapi.Service{}, err
	}
	h := &handlers{service: c.Service, region: c.Region, pages: pagetoken.New(c.PageKey), unions: unions}
	return awsapi.Service{
		SigningName: SigningName, Routes: routes(),
		Operations:  h.operations(),
		Names:       names,
		Unions:      unionTypes(),
		Constraints: constraints(),
		Violated:    violated, Fault: fault,
	}, nil
}

func (h *handlers) operations() []awsapi.Operation {
	var all []awsapi.Operation
	for _, part := range [][]awsapi.Operation{
		h.accountOperations(), h.findingOperations(), h.coverageOperations(), h.filterOperations(), h.reportOperations(), h.vulnerabilityOperations(),
	} {
		all = append(all, part...)
	}
	return all
}

// names is the rule of the service, which has one exception.
func names(t reflect.Type, field string) string {
	if t == reflect.TypeFor[types.Recommendation]() && field == "Url" {
		return field
	}
	return wire.LowerCamel(t, field)
}

// violated words what is wrong of an input.
func violated(found []validate.Violation) *awsapi.Fault {
	f := awsapi.Refuse("ValidationException", "%s", validate.ValidationErrors(found))
	type field struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	}
	fields := make([]field, len(found))
	for i, v := range found {
		fields[i] = field{v.Path, v.Constraint}
	}
	body, _ := json.Marshal(fields) // texts always encode
	f.Members = []awsapi.Member{{Name: "reason", Text: string(types.ValidationExceptionReasonFieldValidationFailed)}, {Name: "fields", Raw: body}}
	return f
}

// exceptions is what the API calls each kind of failure. A code that is not
// here is a failure of ours.
func exceptions() map[registry.Code]string {
	return map[registry.Code]string{
		registry.CodeInvalidParameter:      "ValidationException",
		registry.CodeValidation:            "ValidationException",
		registry.CodeAccessDenied:          "AccessDeniedException",
		registry.CodeResourceNotFound:      "ResourceNotFoundException",
		registry.CodeResourceAlreadyExists: "BadRequestException",
		registry.CodeLimitExceeded:         "ServiceQuotaExceededException",
		registry.CodeThrottled:             "ThrottlingException",
		registry.CodeUnsupported:           "BadRequestException",
	}
}

// fault is the one place where errors of the service become those of the API.
func fault(err error) *awsapi.Fault {
	f := awsapi.Coded(err, exceptions())
	switch f.Code {
	case "ValidationException":
		f.Members = []awsapi.Member{{Name: "reason", Text: string(types.ValidationExceptionReasonOther)}, {Name: "fields", Raw: []byte("[]")}}
	case "AccessDeniedException":
		f.Status = http.StatusForbidden
	case "ResourceNotFoundException":
		f.Status = http.StatusNotFound
	case "ServiceQuotaExceededException":
		f.Status = http.StatusPaymentRequired
		f.Members = []awsapi.Member{{Name: "resourceId", Text: ""}}
	case "ThrottlingException":
		f.Status = http.StatusTooManyRequests
	}
	return f
}

// caller is who asks.
func caller(ctx context.Context) service.Caller {
	call := awsapi.CallFrom(ctx)
	return service.Caller{
		Principal: call.Principal,
		SourceIP:  call.SourceIP, Secure: call.Secure, UserAgent: call.UserAgent,
	}
}

// page reads the paging members of an input. The scope is all that decides what
// the list holds: a token is good for that list alone.
func (h *handlers) page(operation string, token *string, size *int32, most int, scope ...any) (pagetoken.Page, error) {
	parts, _ := json.Marshal(scope) // values of our own
	p, err := h.pages.Page(pagetoken.List{Operation: SigningName + ":" + operation, Scope: []string{string(parts)}}, token, size, most)
	if err != nil {
		err = registry.Errorf(registry.CodeValidation, "The pagination token is invalid.")
	}
	return p, err
}

// token is that of the page behind a place; nil when there is none.
func (h *handlers) token(p pagetoken.Page, cursor string) *string {
	if cursor == "" {
		return nil
	}
	t := h.pages.Seal(p.List, cursor)
	return &t
}

// given is nil for what is not there.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

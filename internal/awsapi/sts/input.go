package sts

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
)

// The inputs, by the names of the form.
type (
	sessionTokenInput struct {
		DurationSeconds *int32
		SerialNumber    *string
		TokenCode       *string
	}
	assumeRoleInput struct {
		RoleArn         *string
		RoleSessionName *string
		PolicyArns      []policyDescriptor
		Policy          *string
		DurationSeconds *int32
		ExternalId      *string //nolint:staticcheck // as it is on the wire
		SerialNumber    *string
		TokenCode       *string
		SourceIdentity  *string
	}
	webIdentityInput struct {
		RoleArn          *string
		RoleSessionName  *string
		WebIdentityToken *string
		ProviderId       *string //nolint:staticcheck // as it is on the wire
		PolicyArns       []policyDescriptor
		Policy           *string
		DurationSeconds  *int32
	}
	policyDescriptor struct {
		Arn *string
	}
)

// maxPolicies is how many managed policies may limit a session.
const maxPolicies = 10

// constraints are those of AWS's model of the service.
func constraints() []validate.Structure {
	arn := validate.Rule{MinLen: 20, MaxLen: 2048}
	name := validate.Rule{MinLen: 2, MaxLen: 64, Pattern: `[\w+=,.@-]*`}
	policy := validate.Rule{MinLen: 1, MaxLen: 2048}
	policies := validate.Rule{MaxLen: maxPolicies}
	duration := func(most int64) validate.Rule { return validate.Rule{Value: &validate.Range{Min: 900, Max: most}} }
	return []validate.Structure{
		validate.For[policyDescriptor](validate.Field{Name: "Arn", Rule: arn}),
		validate.For[sessionTokenInput](validate.Field{Name: "DurationSeconds", Rule: duration(129_600)}),
		validate.For[assumeRoleInput](
			validate.Field{Name: "RoleArn", Rule: arn.Must()},
			validate.Field{Name: "RoleSessionName", Rule: name.Must()},
			validate.Field{Name: "PolicyArns", Rule: policies},
			validate.Field{Name: "Policy", Rule: policy},
			validate.Field{Name: "DurationSeconds", Rule: duration(43_200)},
			validate.Field{Name: "ExternalId", Rule: validate.Rule{MinLen: 2, MaxLen: 1224, Pattern: `[\w+=,.@:\/-]*`}},
		),
		validate.For[webIdentityInput](
			validate.Field{Name: "RoleArn", Rule: arn.Must()},
			validate.Field{Name: "RoleSessionName", Rule: name.Must()},
			validate.Field{Name: "WebIdentityToken", Rule: validate.Rule{MinLen: 4, MaxLen: 20_000}.Must()},
			validate.Field{Name: "PolicyArns", Rule: policies},
			validate.Field{Name: "Policy", Rule: policy},
			validate.Field{Name: "DurationSeconds", Rule: duration(43_200)},
		),
	}
}

// decode reads a form into one of the inputs; what it does not know is ignored,
// as AWS does.
func decode(form url.Values, in any) error {
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i).Addr().Interface()
		switch field := field.(type) {
		case **string:
			*field = given(form, name)
		case **int32:
			number, err := numberOf(form, name)
			if err != nil {
				return err
			}
			*field = number
		case *[]policyDescriptor:
			list, err := descriptors(form, name)
			if err != nil {
				return err
			}
			*field = list
		}
	}
	return nil
}

func given(form url.Values, name string) *string {
	if values := form[name]; len(values) > 0 {
		return &values[0]
	}
	return nil
}

func numberOf(form url.Values, name string) (*int32, error) {
	value := given(form, name)
	if value == nil {
		return nil, nil
	}
	n, err := strconv.ParseInt(*value, 10, 32)
	if err != nil {
		return nil, awsapi.Refuse("MalformedInput", "%s must be an integer.", name)
	}
	number := int32(n)
	return &number, nil
}

// descriptors reads PolicyArns.member.1.arn and so on. They narrow a session
// down, so that one which is not understood must not be passed over.
func descriptors(form url.Values, name string) ([]policyDescriptor, error) {
	keys := 0
	for key := range form {
		// An empty list is sent as its name and nothing.
		if strings.HasPrefix(key, name+".") || key == name && form.Get(name) != "" {
			keys++
		}
	}
	var out []policyDescriptor
	for i := 1; i <= keys; i++ {
		arn := given(form, fmt.Sprintf("%s.member.%d.arn", name, i))
		if arn == nil {
			return nil, awsapi.Refuse("MalformedInput", "%s must be a list of members that have an arn, numbered from 1.", name)
		}
		out = append(out, policyDescriptor{Arn: arn})
	}
	return out, nil
}

// hasList says whether a form has elements of a list.
func hasList(form url.Values, name string) bool {
	for key := range form {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

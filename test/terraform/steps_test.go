package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/test/server"
)

// applyTimeout is for one step.
const applyTimeout = 30 * time.Second

// object is a structure of the API, its members by the names on the wire.
type object map[string]any

// list is a list of the API, the order of which counts.
type list []any

// set is a list that the provider keeps as a set: any order is the same.
type set []any

// document is JSON in a string: it is sent as the provider normalises it, with
// sorted keys, and an answer may write the same JSON in another way.
type document object

// nothing is what an attribute without a value must be answered as: absent or
// empty. The provider would see a change in anything else.
type nothing struct{}

// something is an attribute that the registry chooses.
type something struct{}

// step is one request of the provider and what it needs of the answer.
type step struct {
	call    string
	with    object
	answers object // members that must be so; others may be there
	fails   string // the exception that the provider tells apart, by its type
	says    string // what its message must contain
}

// with returns an object that has the members of others too, the last first.
func (o object) with(others ...object) object {
	all := maps.Clone(o)
	if all == nil {
		all = object{}
	}
	for _, other := range others {
		maps.Copy(all, other)
	}
	return all
}

// place is the registry that the provider talks to.
type place struct{ account, region, host string }

func (p place) arn(repository string) string {
	return "arn:aws:ecr:" + p.region + ":" + p.account + ":repository/" + repository
}

func (p place) role(name string) string { return "arn:aws:iam::" + p.account + ":role/" + name }

func (p place) secret(name string) string {
	return "arn:aws:secretsmanager:" + p.region + ":" + p.account + ":secret:ecr-pullthroughcache/" + name
}

// provider calls operations by their names.
type provider struct {
	ecr *ecr.Client
	sts *sts.Client
}

// configure is what the provider does before anything else: it asks who it is,
// because the account is the id of resources that a registry has one of.
func configure(t *testing.T, s *server.Server) (provider, place) {
	t.Helper()
	c := s.Credentials
	p := provider{ecr: s.ECR(), sts: sts.New(sts.Options{
		BaseEndpoint: &s.URL, Region: c.Region, Retryer: aws.NopRetryer{}, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
	})}
	answer, err := p.request(t.Context(), "GetCallerIdentity", nil)
	if err != nil {
		t.Fatal(err)
	}
	account, _ := answer["account"].(string)
	arn, _ := answer["arn"].(string)
	if parts := strings.Split(arn, ":"); len(parts) != 6 || parts[1] != "aws" || parts[4] != account {
		t.Fatalf("the provider takes account and partition from the ARN of the caller: %v", answer)
	}
	return p, place{account: account, region: c.Region, host: s.Host}
}

// perform does steps in their order and tells what the first unexpected
// answer was.
func (p provider) perform(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := p.do(ctx, s); err != nil {
			request, _ := json.Marshal(s.with)
			return fmt.Errorf("%s %s: %w", s.call, request, err)
		}
	}
	return nil
}

func (p provider) do(ctx context.Context, s step) error {
	answer, err := p.request(ctx, s.call, s.with)
	if s.fails == "" {
		if err != nil {
			return err
		}
		return errors.Join(differences("", s.answers, map[string]any(answer))...)
	}
	var failure smithy.APIError
	switch {
	case err == nil:
		return fmt.Errorf("it succeeded with %v, want %s", answer, s.fails)
	case !errors.As(err, &failure) || reflect.TypeOf(failure).Elem().Name() != s.fails:
		return fmt.Errorf("%w, want %s", err, s.fails)
	case !strings.Contains(failure.ErrorMessage(), s.says):
		return fmt.Errorf("%w, want it to say %q", err, s.says)
	}
	return nil
}

// request calls one operation.
func (p provider) request(ctx context.Context, operation string, with object) (object, error) {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	method := reflect.ValueOf(p.ecr).MethodByName(operation)
	if !method.IsValid() {
		method = reflect.ValueOf(p.sts).MethodByName(operation)
	}
	if !method.IsValid() {
		return nil, errors.New("the SDK has no such operation")
	}
	input, err := encode(method.Type().In(1), with)
	if err != nil {
		return nil, err
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(ctx), input})
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	return decode(results[0].Interface())
}

// encode makes an input of the SDK. A member that it does not know is an error.
func encode(input reflect.Type, with object) (reflect.Value, error) {
	body, err := json.Marshal(with)
	if err != nil {
		return reflect.Value{}, err
	}
	value := reflect.New(input.Elem())
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if with == nil {
		return value, nil
	}
	return value, decoder.Decode(value.Interface())
}

// decode makes members of an output of the SDK, by the names on the wire.
func decode(output any) (object, error) {
	body, err := json.Marshal(output)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	delete(members, "ResultMetadata")
	return object(asOnWire(members).(map[string]any)), nil
}

func asOnWire(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[strings.ToLower(name[:1])+name[1:]] = asOnWire(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = asOnWire(v[i])
		}
	}
	return value
}

// MarshalJSON writes the document as the string that the provider sends.
func (d document) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(object(d))
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

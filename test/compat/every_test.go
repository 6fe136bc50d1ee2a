package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
)

// everyOperation are the checks that follow from the members of an operation's
// input and output.
func everyOperation(op *operation) []check {
	all := []check{{column: inErrors, name: "somebody whom no policy allows it", run: nobody, common: true}}
	if !op.refuses {
		all = append(all, check{column: inShape, name: "on the wire", run: onTheWire})
	}
	for _, member := range required(op.name) {
		all = append(all, check{column: inErrors, name: "without " + member, common: true, run: func(a *account, op *operation) {
			without(a, op, member)
		}})
	}
	for _, of := range []struct {
		member string
		checks []check
	}{
		{"RegistryId", registryChecks()},
		{"RepositoryName", repositoryChecks(op.creates)},
		{"ResourceArn", arnChecks()},
		{"MaxResults", maxResultsChecks()},
	} {
		if hasMember(op.name, of.member) {
			all = append(all, of.checks...)
		}
	}
	if f, has := inputOf(op.name).FieldByName("ImageId"); has && f.Type == reflect.TypeFor[*types.ImageIdentifier]() {
		all = append(all, imageChecks()...)
	}
	return all
}

// changed is the good input with another value of a member.
func (op *operation) changed(member string, value any) any {
	in := reflect.New(inputOf(op.name))
	in.Elem().Set(reflect.ValueOf(op.in).Elem())
	in.Elem().FieldByName(member).Set(reflect.ValueOf(value))
	return in.Interface()
}

// with is a check that a value of a member is refused.
func with(c column, name, member string, value any, code, text string) check {
	return check{column: c, name: name, common: true, run: func(a *account, op *operation) {
		_, err := a.call(op.name, op.changed(member, value))
		a.refused(err, code, text)
	}}
}

const nameRule = "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'"

func repositoryChecks(creates bool) []check {
	all := []check{with(inErrors, "a name that is no repository's", "RepositoryName", aws.String("Not-A-Name"), invalidParameter, violates("repositoryName", nameRule))}
	if !creates {
		all = append(all, with(inErrors, "a repository that is not there", "RepositoryName", aws.String("not/there"), notFound, noRepository("not/there")))
	}
	return all
}

func registryChecks() []check {
	return []check{
		with(inErrors, "a registryId of eleven digits", "RegistryId", aws.String("12345678901"), invalidParameter,
			violates("registryId", "Member must satisfy regular expression pattern: [0-9]{12}")),
		{column: inErrors, name: "the registry of somebody else", common: true, run: func(a *account, op *operation) {
			other := a.house.root.id
			_, err := a.call(op.name, op.changed("RegistryId", &other))
			a.refused(err, accessDenied, "User: arn:aws:iam::{account}:root is not authorized to perform: "+op.action()+
				" on resource: "+op.resource(a, other)+" because no resource-based policy allows the "+op.action()+" action")
		}},
	}
}

func arnChecks() []check {
	all := []check{{column: inErrors, name: "the ARN of a repository that is not there", common: true, run: func(a *account, op *operation) {
		_, err := a.call(op.name, op.changed("ResourceArn", aws.String(a.arn("not/there"))))
		a.refused(err, notFound, noRepository("not/there"))
	}}}
	for name, arn := range map[string]string{
		"no ARN at all":             "web",
		"the ARN of a bucket":       "arn:aws:s3:::web",
		"the ARN of a registry":     "arn:aws:ecr:{region}:{account}:registry",
		"the ARN of another region": "arn:aws:ecr:mars-north-1:{account}:repository/web",
		"the ARN of no account":     "arn:aws:ecr:{region}:1:repository/web",
		"the ARN of no name":        "arn:aws:ecr:{region}:{account}:repository/",
	} {
		all = append(all, check{column: inErrors, name: name, common: true, run: func(a *account, op *operation) {
			_, err := a.call(op.name, op.changed("ResourceArn", aws.String(a.fill(arn))))
			a.refused(err, invalidParameter, violates("resourceArn", "Invalid ARN"))
		}})
	}
	slices.SortFunc(all, func(x, y check) int { return strings.Compare(x.name, y.name) })
	return all
}

func imageChecks() []check {
	gone := "sha256:" + strings.Repeat("0", 64)
	missing := func(digest, tag string) string {
		return "The image with imageId {imageDigest:'" + digest + "', imageTag:'" + tag + "'} does not exist within the repository with name 'team/web' in the registry with id '{account}'"
	}
	return []check{
		with(inErrors, "a digest that is not there", "ImageId", byDigest(gone), "ImageNotFoundException", missing(gone, "null")),
		with(inErrors, "a tag that is not there", "ImageId", byTag("gone"), "ImageNotFoundException", missing("null", "gone")),
		with(inErrors, "an empty imageId", "ImageId", &types.ImageIdentifier{}, invalidParameter, "Invalid request parameters: both tag and digest cannot be null"),
		with(inErrors, "a digest that is none", "ImageId", byDigest("digest"), invalidParameter,
			violates("imageDigest", "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")),
	}
}

func maxResultsChecks() []check {
	return []check{
		with(inPagination, "no page of nothing", "MaxResults", aws.Int32(0), invalidParameter,
			violates("maxResults", "Member must have value greater than or equal to 1")),
		{column: inPagination, name: "no page above the limit", common: true, run: func(a *account, op *operation) {
			most := largestPage(op.name)
			_, err := a.call(op.name, op.changed("MaxResults", aws.Int32(most+1)))
			a.refused(err, invalidParameter, violates("maxResults", fmt.Sprintf("Member must have value less than or equal to %d", most)))
		}},
	}
}

// largestPage is the limit of maxResults.
func largestPage(operation string) int32 {
	switch operation {
	case "GetLifecyclePolicyPreview":
		return 100
	case "ListImageReferrers", "ListReplicationBackfills":
		return 50
	}
	return 1000
}

func (op *operation) action() string {
	if op.as != "" {
		return op.as
	}
	return "ecr:" + op.name
}

// resource is what an operation needs permission for.
func (op *operation) resource(a *account, registry string) string {
	in := reflect.ValueOf(op.in).Elem()
	if f := in.FieldByName("RepositoryName"); f.IsValid() {
		return "arn:aws:ecr:" + a.region + ":" + registry + ":repository/" + f.Elem().String()
	}
	if f := in.FieldByName("ResourceArn"); f.IsValid() {
		return f.Elem().String()
	}
	if op.on != "" {
		return "arn:aws:ecr:" + a.region + ":" + registry + ":repository/" + op.on
	}
	return "*"
}

// nobody is a user without policies.
func nobody(a *account, op *operation) {
	u := a.user("nobody", "")
	_, err := u.call(op.name, op.in)
	u.refused(err, accessDenied, "User: arn:aws:iam::{account}:user/nobody is not authorized to perform: "+op.action()+
		" on resource: "+op.resource(a, a.id)+" because no identity-based policy allows the "+op.action()+" action")
}

// required are the members without which the SDK does not even ask.
func required(operation string) []string {
	in := reflect.New(inputOf(operation))
	client := reflect.ValueOf(ecr.New(ecr.Options{Region: "us-east-1"}))
	results := client.MethodByName(operation).Call([]reflect.Value{reflect.ValueOf(context.Background()), in, reflect.ValueOf(notSent)})
	var invalid smithy.InvalidParamsError
	if err, _ := results[1].Interface().(error); !errors.As(err, &invalid) {
		return nil
	}
	var members []string
	for _, e := range invalid.Errs() {
		var missing smithy.InvalidParamError
		if errors.As(e, &missing) {
			members = append(members, missing.Field()[strings.LastIndex(missing.Field(), ".")+1:])
		}
	}
	return members
}

// errNotSent ends a call that is only to be encoded.
var errNotSent = errors.New("not sent")

func notSent(o *ecr.Options) {
	o.Retryer = aws.NopRetryer{}
	o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "none", SecretAccessKey: "none"}, nil
	})
	o.HTTPClient = senderFunc(func(*http.Request) (*http.Response, error) { return nil, errNotSent })
}

type senderFunc func(*http.Request) (*http.Response, error)

func (f senderFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// encode is the body that the SDK sends for an input.
func (a *account) encode(operation string, in any) map[string]json.RawMessage {
	a.t.Helper()
	var body map[string]json.RawMessage
	capture := func(o *ecr.Options) {
		o.HTTPClient = senderFunc(func(r *http.Request) (*http.Response, error) {
			content, err := io.ReadAll(r.Body)
			return nil, errors.Join(errNotSent, err, json.Unmarshal(content, &body))
		})
	}
	method := reflect.ValueOf(a.Client).MethodByName(operation)
	results := method.Call([]reflect.Value{reflect.ValueOf(a.t.Context()), reflect.ValueOf(in), reflect.ValueOf(capture)})
	if err, _ := results[1].Interface().(error); body == nil {
		a.t.Fatalf("%s is not encoded: %v", operation, err)
	}
	return body
}

// without leaves a required member out, which the SDK itself would not send.
func without(a *account, op *operation, member string) {
	a.t.Helper()
	body := a.encode(op.name, op.in)
	name := wireName(member)
	if body[name] == nil {
		a.t.Fatalf("the good input has no %s", name)
	}
	delete(body, name)
	content, err := json.Marshal(body)
	a.must(err)
	constraint := "Member must not be null"
	switch name {
	case "repositoryName":
		constraint = "must not be null"
	case "policyText", "imageManifest", "lifecyclePolicyText":
		name = member // these alone are spelled with a capital
	}
	a.refusedRaw(a.send(op.name, string(content)), invalidParameter, violates(name, constraint))
}

// refusedRaw is refused for a request that the SDK does not make.
func (a *account) refusedRaw(e exchange, code, text string) {
	a.t.Helper()
	var got struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(e.body, &got); err != nil {
		a.t.Fatalf("%v: %s", err, e.body)
	}
	if text = a.fill(text); got.Type != code || got.Message != text || e.status != http.StatusBadRequest {
		a.t.Errorf("got  %d %s: %s\nwant 400 %s: %s", e.status, got.Type, got.Message, code, text)
	}
	if header := e.header.Get("X-Amzn-Errortype"); header != code {
		a.t.Errorf("the header X-Amzn-ErrorType is %q, want %s", header, code)
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// onTheWire checks what the SDK does not show: the headers, members that it
// does not know, nulls, and how times are written.
func onTheWire(a *account, op *operation) {
	out, err := a.call(op.name, op.good(a))
	a.must(err)
	a.wellFormed(op.name, out, jsonContent, members{spelling: spelled})
}

const jsonContent = "application/x-amz-json-1.1"

// wellFormed checks the last exchange, which the SDK has made an output of.
func (a *account) wellFormed(operation string, out any, contentType string, m members) {
	a.t.Helper()
	e := a.lastExchange()
	if got := e.header.Get("Content-Type"); got != contentType {
		a.t.Errorf("Content-Type is %q", got)
	}
	if got := e.header.Get("X-Amzn-Requestid"); !uuid.MatchString(got) {
		a.t.Errorf("x-amzn-RequestId is %q, no UUID", got)
	}
	var body any
	a.must(json.Unmarshal(e.body, &body))
	for _, complaint := range m.complaints(operation, body, reflect.TypeOf(out)) {
		a.t.Errorf("%s in %s", complaint, e.body)
	}
}

// members is how those of a service are called.
type members struct {
	// spelling is how the members of a type are written.
	spelling func(t reflect.Type, field string) string
	// variants are the types of what is one of several.
	variants func(union reflect.Type, member string) reflect.Type
}

// complaints are what is wrong of an answer for a type of the SDK.
func (m members) complaints(path string, value any, t reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var all []string
	switch v := value.(type) {
	case nil:
		return []string{path + " is null"}
	case float64:
		return nil
	case []any:
		for i, one := range v {
			all = append(all, m.complaints(fmt.Sprintf("%s[%d]", path, i), one, t.Elem())...)
		}
	case map[string]any:
		if t.Kind() == reflect.Map {
			return nil
		}
		for name, one := range v {
			if t.Kind() == reflect.Interface {
				of := m.variants(t, name)
				if of == nil {
					return append(all, path+"."+name+" is no variant")
				}
				all = append(all, m.complaints(path+"."+name, one, of)...)
				continue
			}
			f, known := t.FieldByName(strings.ToUpper(name[:1]) + name[1:])
			if !known || name != m.spelling(t, f.Name) {
				all = append(all, path+"."+name+" is no member")
				continue
			}
			all = append(all, m.complaints(path+"."+name, one, f.Type)...)
		}
	case string:
		if t == reflect.TypeFor[time.Time]() {
			return []string{path + " is a time that is no number"}
		}
	}
	return all
}

// spelled is the name of a member: only those of tags begin with a capital.
func spelled(t reflect.Type, field string) string {
	if t == reflect.TypeFor[types.Tag]() {
		return field
	}
	return wireName(field)
}

func wireName(member string) string { return strings.ToLower(member[:1]) + member[1:] }

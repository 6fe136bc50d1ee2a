package compat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// api is a service beside ECR: ecru serves a part of it, and refuses the rest.
type api struct {
	name   string
	action string // what the IAM actions of its operations begin with
	// client is the SDK's own in the hands of an account.
	client func(a *account, more ...func(*middleware.Stack) error) any
	// size is the member that says how large a page is to be, and badToken what
	// is said of a token that is none.
	size     string
	badToken refusal
	rows     []*served
	// What differs from the JSON protocol: the content type, the statuses of
	// errors that are not 400, the member that is in the path and cannot be left
	// out, and the types of members that are one of several.
	contentType string
	statuses    map[string]int
	inPath      string
	variants    func(union reflect.Type, member string) reflect.Type
	spelling    func(t reflect.Type, member string) string
}

// asJSON is what a service of the JSON protocol has.
func asJSON(s *api) *api {
	s.contentType = jsonContent
	s.spelling = func(_ reflect.Type, member string) string { return member }
	return s
}

func (s *api) status(code string) int {
	if status, other := s.statuses[code]; other {
		return status
	}
	return http.StatusBadRequest
}

// refusal is an error as a client sees it.
type refusal struct{ code, text string }

// served is the row of an operation that is served.
type served struct {
	api  *api
	name string
	// good makes an input that works, and what it needs, in a new account.
	good func(a *account) any
	// on is the resource that permission is asked for; {Member} stands for a
	// member of the input.
	on             string
	works, refused []probe
	// races says that a good input may be too late.
	races bool
}

func races(op *served) { op.races = true }

// probe is one thing that is true of an operation. It has an account of its own.
type probe struct {
	name string
	run  func(a *account, op *served)
	// common probes are those of every operation: they are counted and not named.
	common bool
}

func serves[I any](name, on string, good func(a *account) *I, parts ...func(*served)) *served {
	op := &served{name: name, on: on, good: func(a *account) any { return good(a) }}
	for _, p := range parts {
		p(op)
	}
	return op
}

// works is something that the operation does.
func works(name string, run func(a *account)) func(*served) {
	return func(op *served) {
		op.works = append(op.works, probe{name: name, run: func(a *account, _ *served) { run(a) }})
	}
}

// declines is something that the operation refuses.
func declines(name string, run func(a *account)) func(*served) {
	return func(op *served) {
		op.refused = append(op.refused, probe{name: name, run: func(a *account, _ *served) { run(a) }})
	}
}

// refuses is a refusal of the good input but for one thing.
func refuses[I any](name string, change func(a *account, in *I), code, text string) func(*served) {
	return func(op *served) {
		op.refused = append(op.refused, probe{name: name, run: func(a *account, op *served) {
			in := op.good(a).(*I)
			change(a, in)
			_, err := op.api.call(a, op.name, in)
			op.api.refused(a, err, refusal{code, text})
		}})
	}
}

// lists makes the probes of an operation that answers pages of up to so many
// items; its good input lists the n items that fill makes.
func lists[O any](most int32, fill func(a *account, n int), keys func(out *O) []string) func(*served) {
	return func(op *served) {
		page := func(a *account, op *served, in any, size int32, token *string) (found []string, next *string, err error) {
			out, err := op.api.call(a, op.name, changed(changed(in, op.api.size, &size), "NextToken", token))
			if err != nil {
				return nil, nil, err
			}
			return keys(out.(*O)), reflect.ValueOf(out).Elem().FieldByName("NextToken").Interface().(*string), nil
		}
		op.works = append(op.works, probe{name: "pages of every size", run: func(a *account, op *served) {
			in := op.good(a)
			fill(a, 5)
			want, _, err := page(a, op, in, most, nil)
			a.must(err)
			for size := int32(1); size <= int32(len(want))+1; size++ {
				var got []string
				var token *string
				for range len(want) + 1 {
					found, next, err := page(a, op, in, size, token)
					a.must(err)
					if got, token = append(got, found...), next; len(found) > int(size) || token == nil {
						break
					}
				}
				if a.same(got, want); len(want) < 5 || token != nil {
					a.t.Fatalf("pages of %d of %q have a token left: %v", size, want, token != nil)
				}
			}
		}})
		op.refused = append(op.refused,
			probe{name: "tokens that were made up, changed, or are another account's", run: func(a *account, op *served) {
				in := op.good(a)
				fill(a, 2)
				_, token, err := page(a, op, in, 1, nil)
				a.must(err)
				other := a.house.account(a.t)
				theirs := op.good(other)
				for _, wrong := range []string{"bm8gdG9rZW4", *token + "A", (*token)[1:]} {
					_, _, err = page(a, op, in, 1, &wrong)
					op.api.refused(a, err, op.api.badToken)
				}
				_, _, err = page(other, op, theirs, 1, token)
				op.api.refused(other, err, op.api.badToken)
			}},
			probe{name: fmt.Sprintf("pages of 0 or %d", most+1), run: func(a *account, op *served) {
				in, member := op.good(a), wireName(op.api.size)
				_, _, err := page(a, op, in, 0, nil)
				op.api.refused(a, err, refusal{validation, invalid("0", member, "Member must have value greater than or equal to 1")})
				_, _, err = page(a, op, in, most+1, nil)
				op.api.refused(a, err, refusal{validation, invalid(fmt.Sprint(most+1), member, fmt.Sprintf("Member must have value less than or equal to %d", most))})
			}},
		)
	}
}

// invalid is the text of the validation that most services of AWS share.
func invalid(value, member, constraint string) string {
	return "1 validation error detected: Value '" + value + "' at '" + member + "' failed to satisfy constraint: " + constraint
}

// changed is an input with another value of a member.
func changed(in any, member string, value any) any {
	out := reflect.New(reflect.TypeOf(in).Elem())
	out.Elem().Set(reflect.ValueOf(in).Elem())
	if f := out.Elem().FieldByName(member); value == nil {
		f.SetZero()
	} else {
		f.Set(reflect.ValueOf(value))
	}
	return out.Interface()
}

// call calls an operation by its name.
func (s *api) call(a *account, operation string, in any, more ...func(*middleware.Stack) error) (any, error) {
	method := reflect.ValueOf(s.client(a, more...)).MethodByName(operation)
	results := method.Call([]reflect.Value{reflect.ValueOf(a.t.Context()), reflect.ValueOf(in)})
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	return results[0].Interface(), nil
}

// unchecked lets the SDK send what it knows to be incomplete.
func unchecked(stack *middleware.Stack) error {
	if _, has := stack.Initialize.Get("OperationInputValidation"); has {
		_, err := stack.Initialize.Remove("OperationInputValidation")
		return err
	}
	return nil
}

// refused checks the code and the text of an error, and its type where the SDK
// has one.
func (s *api) refused(a *account, err error, want refusal) {
	a.t.Helper()
	var got smithy.APIError
	if !errors.As(err, &got) {
		a.t.Errorf("got %v, want %+v", err, want)
		return
	}
	if want.text = a.fill(want.text); got.ErrorCode() != want.code || got.ErrorMessage() != want.text {
		a.t.Errorf("got  %s: %s\nwant %s: %s", got.ErrorCode(), got.ErrorMessage(), want.code, want.text)
	}
	if want := s.status(want.code); a.lastExchange().status != want {
		a.t.Errorf("status %d, want %d", a.lastExchange().status, want)
	}
	if _, generic := got.(*smithy.GenericAPIError); generic && want.code != validation && !unmodelled(want.code) {
		a.t.Errorf("the SDK has no type for %s", want.code)
	}
}

// everyProbe adds what follows from the members of the input.
func (op *served) everyProbe() {
	op.works = append(op.works, probe{name: "on the wire", common: true, run: func(a *account, op *served) {
		out, err := op.api.call(a, op.name, op.good(a))
		for tries := 0; op.races && err != nil && tries < 200; tries++ {
			out, err = op.api.call(a, op.name, op.good(a))
		}
		a.must(err)
		a.wellFormed(op.name, out, op.api.contentType, members{op.api.spelling, op.api.variants})
	}})
	op.refused = append(op.refused, probe{name: "nobody", common: true, run: func(a *account, op *served) {
		in := op.good(a)
		u := a.user("nobody", "")
		_, err := op.api.call(u, op.name, in)
		op.api.refused(u, err, refusal{accessDenied, "User: arn:aws:iam::{account}:user/nobody is not authorized to perform: " + op.api.action + op.name +
			" on resource: " + op.resource(in) + " because no identity-based policy allows the " + op.api.action + op.name + " action"})
	}})
	for _, member := range op.required() {
		if member == op.api.inPath {
			continue
		}
		op.refused = append(op.refused, probe{name: "without " + member, common: true, run: func(a *account, op *served) {
			_, err := op.api.call(a, op.name, changed(op.good(a), member, nil), unchecked)
			op.api.refused(a, err, refusal{validation, "1 validation error detected: Value null at '" + wireName(member) + "' failed to satisfy constraint: Member must not be null"})
		}})
	}
}

// resource is what an operation needs permission for.
func (op *served) resource(in any) string {
	member, of := strings.CutPrefix(op.on, "{")
	if f := reflect.ValueOf(in).Elem().FieldByName(strings.TrimSuffix(member, "}")); of && f.IsValid() {
		return f.Elem().String()
	}
	return op.on
}

// input is the type of an operation's input.
func (s *api) input(operation string) reflect.Type {
	m, _ := reflect.TypeOf(s.client(nowhereNear())).MethodByName(operation)
	return m.Type.In(2).Elem()
}

// nowhereNear is an account that calls nobody.
func nowhereNear() *account {
	return &account{region: "us-east-1", key: aws.Credentials{AccessKeyID: "none", SecretAccessKey: "none"}}
}

// sender is what its requests are sent with.
func (a *account) sender() aws.HTTPClient {
	if a.house == nil {
		return senderFunc(func(*http.Request) (*http.Response, error) { return nil, errNotSent })
	}
	return &http.Client{Transport: a.wire}
}

// required are the members without which the SDK does not even ask.
func (op *served) required() (members []string) {
	in := reflect.New(op.api.input(op.name))
	client := reflect.ValueOf(op.api.client(nowhereNear()))
	results := client.MethodByName(op.name).Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	var all smithy.InvalidParamsError
	if err, _ := results[1].Interface().(error); !errors.As(err, &all) {
		return nil
	}
	for _, e := range all.Errs() {
		var missing smithy.InvalidParamError
		if errors.As(e, &missing) {
			members = append(members, missing.Field()[strings.LastIndex(missing.Field(), ".")+1:])
		}
	}
	return members
}

// operations are all that the SDK's client has.
func (s *api) operations() []string { return operationsOf(reflect.TypeOf(s.client(nowhereNear()))) }

// row answers the row of an operation, nil if it is not served.
func (s *api) row(operation string) *served {
	if i := slices.IndexFunc(s.rows, func(op *served) bool { return op.name == operation }); i >= 0 {
		return s.rows[i]
	}
	return nil
}

// unserved refuses an operation, whatever its input.
func (s *api) unserved(operation string) *served {
	return &served{api: s, name: operation, refused: []probe{{name: unsupported, run: func(a *account, _ *served) {
		_, err := s.call(a, operation, reflect.New(s.input(operation)).Interface(), unchecked)
		s.refused(a, err, refusal{unsupported, "The operation " + operation + " is not supported by this version of ecru yet."})
	}}}}
}

// outcome is what came out of the probes of an operation.
type outcome struct {
	op             *served
	works, refused score
}

type score struct {
	of          []probe
	ran, passed int
}

func (s *score) run(t *testing.T, name string, house *house, op *served) {
	for _, p := range s.of {
		t.Run(name+"/"+p.name, func(t *testing.T) {
			defer func() {
				s.ran++
				if !t.Failed() && !t.Skipped() {
					s.passed++
				}
			}()
			p.run(house.account(t), op)
		})
	}
}

// cell is green only where all probes ran and passed, and names what they are
// about.
func (s *score) cell() string {
	n := len(s.of)
	switch {
	case s.ran != n || s.passed != n:
		return fmt.Sprintf("✗ %d of %d", s.passed, n)
	case n == 0:
		return "–"
	}
	var names []string
	for _, p := range s.of {
		if !p.common {
			names = append(names, p.name)
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("✓ %d: %s", n, strings.Join(names, "; ")), ": ")
}

// run runs the probes of all operations.
func (s *api) run(t *testing.T, house *house) []*outcome {
	names := s.operations()
	all := make([]*outcome, len(names))
	t.Run(s.name, func(t *testing.T) {
		for i, name := range names {
			op := s.row(name)
			if op == nil {
				op = s.unserved(name)
			}
			all[i] = &outcome{op, score{of: op.works}, score{of: op.refused}}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				all[i].works.run(t, "works", house, op)
				all[i].refused.run(t, "refused", house, op)
			})
		}
	})
	return all
}

// tableOf writes what came out, served operations first.
func tableOf(all []*outcome) (table string, checks int) {
	var served, rest strings.Builder
	for _, o := range all {
		checks += o.works.passed + o.refused.passed
		to := &served
		if len(o.works.of) == 0 {
			to = &rest
		}
		fmt.Fprintf(to, "| %s | %s | %s |\n", o.op.name, o.works.cell(), o.refused.cell())
	}
	return "| operation | works | refused |\n|---|---|---|\n" + strings.TrimSuffix(served.String()+rest.String(), "\n"), checks
}

// apis are the services beside ECR, in the order of the document.
func apis() []*api {
	all := []*api{asJSON(eventBridge()), asJSON(secretsManager()), inspector()}
	for _, s := range all {
		for _, op := range s.rows {
			op.api = s
			op.everyProbe()
		}
	}
	return all
}

// TestRowsOfOtherAPIs holds the rows against the SDK's clients.
func TestRowsOfOtherAPIs(t *testing.T) {
	for _, s := range apis() {
		names := s.operations()
		seen := map[string]bool{}
		for _, op := range s.rows {
			if !slices.Contains(names, op.name) || seen[op.name] {
				t.Errorf("%s: %s is there twice, or no operation", s.name, op.name)
			}
			seen[op.name] = true
			named := map[string]bool{}
			for _, p := range slices.Concat(op.works, op.refused) {
				if named[p.name] {
					t.Errorf("%s: there are two checks %q", op.name, p.name)
				}
				named[p.name] = true
			}
		}
		if len(names) < 20 {
			t.Errorf("%s: the SDK's client has %d operations", s.name, len(names))
		}
	}
}

// TestScoresAreGreenForWhatPassed: as in the table of ECR.
func TestScoresAreGreenForWhatPassed(t *testing.T) {
	two := []probe{{name: "this"}, {name: "that", common: true}}
	for want, s := range map[string]score{
		"✓ 2: this": {of: two, ran: 2, passed: 2},
		"✓ 1":       {of: two[1:], ran: 1, passed: 1},
		"✗ 1 of 2":  {of: two, ran: 2, passed: 1},
		"✗ 0 of 2":  {of: two},
		"–":         {},
	} {
		if got := s.cell(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package compat

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// column is one of the aspects of an operation.
type column int

const (
	inShape column = iota
	inErrors
	inPagination
	inEffects
	columns
)

func (c column) String() string {
	return [...]string{"shape", "errors", "pagination", "side effects"}[c]
}

// check is one thing that is true of an operation. It has an account of its
// own unless it is a common one.
type check struct {
	column column
	name   string
	run    func(a *account, op *operation)
	// common checks change nothing and share an account that the good input
	// was made in.
	common bool
}

// operation is a row of the table.
type operation struct {
	name string
	// good makes an input that works, and what it needs, in a new account.
	good   func(a *account) any
	checks []check
	// none are the columns that have nothing to be checked.
	none map[column]bool
	// later are the columns of which something cannot be tried before an
	// engine runs that this version does not have.
	later map[column]bool
	// as is the IAM action where it is not the operation's name, and on is the
	// resource where it does not follow from the input.
	as, on string
	// creates says that a repository that is not there is no failure.
	creates bool
	// refuses says that even the good input is refused yet.
	refuses bool
	// in is the good input of the account that common checks share.
	in any
}

// part is one thing that a row is made of.
type part func(*operation)

func row[I any](name string, good func(a *account) *I, parts ...part) *operation {
	op := &operation{
		name: name, good: func(a *account) any { return good(a) },
		none: map[column]bool{}, later: map[column]bool{},
	}
	for _, p := range parts {
		p(op)
	}
	op.checks = append(op.checks, everyOperation(op)...)
	return op
}

func checked(c column, name string, run func(a *account)) part {
	return func(op *operation) {
		op.checks = append(op.checks, check{column: c, name: name, run: func(a *account, _ *operation) { run(a) }})
	}
}

func shape(name string, run func(a *account)) part      { return checked(inShape, name, run) }
func fails(name string, run func(a *account)) part      { return checked(inErrors, name, run) }
func pagination(name string, run func(a *account)) part { return checked(inPagination, name, run) }
func effects(name string, run func(a *account)) part    { return checked(inEffects, name, run) }

// but is a refusal: the good input but for one thing. In the text, {account}
// and {region} stand for those of the check.
func but[I any](name string, change func(a *account, in *I), code, text string) part {
	return func(op *operation) {
		op.checks = append(op.checks, check{column: inErrors, name: name, run: func(a *account, op *operation) {
			in := op.good(a).(*I)
			change(a, in)
			_, err := a.call(op.name, in)
			a.refused(err, code, text)
		}})
	}
}

// wrong is a refusal of a value by ECR's own sort of validation.
func wrong[I any](name string, change func(in *I), member, constraint string) part {
	return but(name, func(_ *account, in *I) { change(in) }, invalidParameter, violates(member, constraint))
}

// readsOnly declares that there are no side effects to check.
func readsOnly(op *operation) { op.none[inEffects] = true }

// unpaged declares that the operation answers no pages.
func unpaged(op *operation) { op.none[inPagination] = true }

// later declares columns of which something cannot be tried yet.
func later(some ...column) part {
	return func(op *operation) {
		for _, c := range some {
			op.later[c] = true
		}
	}
}

// refusesYet declares that no input has an answer before the engine runs.
func refusesYet(op *operation) { op.refuses, op.later[inShape] = true, true }

// asks declares the IAM action, and the resource, that the operation asks for.
func asks(action, resource string) part {
	return func(op *operation) { op.as, op.on = action, resource }
}

// sdkOperations are the operations of the SDK's client, by reflection: those
// of its methods that take a context, an input and options.
func sdkOperations() []string { return operationsOf(reflect.TypeFor[*ecr.Client]()) }

func operationsOf(client reflect.Type) []string {
	var names []string
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.IsVariadic() && m.Type.NumIn() == 4 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			names = append(names, m.Name)
		}
	}
	return names
}

// call calls an operation by its name.
func (a *account) call(name string, in any) (out any, err error) {
	method := reflect.ValueOf(a.Client).MethodByName(name)
	results := method.Call([]reflect.Value{reflect.ValueOf(a.t.Context()), reflect.ValueOf(in)})
	if err, failed := results[1].Interface().(error); failed {
		return nil, err
	}
	return results[0].Interface(), nil
}

// inputOf is the type of an operation's input.
func inputOf(name string) reflect.Type {
	m, _ := reflect.TypeFor[*ecr.Client]().MethodByName(name)
	return m.Type.In(2).Elem()
}

func hasMember(name, member string) bool {
	_, has := inputOf(name).FieldByName(member)
	return has
}

// complaints are what is missing in a row before anything is run.
func (op *operation) complaints() []string {
	var all []string
	for c := range columns {
		n := op.count(c)
		switch {
		case op.none[c] && n > 0:
			all = append(all, op.name+": "+c.String()+" has checks and is declared to have none")
		case op.none[c] && c == inPagination && hasMember(op.name, "NextToken"):
			all = append(all, op.name+": has a nextToken and no check of its pages")
		case !op.none[c] && !op.later[c] && n == 0:
			all = append(all, op.name+": no check of "+c.String())
		}
	}
	return all
}

func (op *operation) count(c column) (n int) {
	for _, check := range op.checks {
		if check.column == c {
			n++
		}
	}
	return n
}

// TestEveryOperationHasARow holds the rows against the SDK's client.
func TestEveryOperationHasARow(t *testing.T) {
	var rows []string
	for _, op := range operations() {
		rows = append(rows, op.name)
		for _, complaint := range op.complaints() {
			t.Error(complaint)
		}
		names := map[string]bool{}
		for _, c := range op.checks {
			if names[c.column.String()+c.name] {
				t.Errorf("%s: there are two checks %q of %s", op.name, c.name, c.column)
			}
			names[c.column.String()+c.name] = true
		}
	}
	slices.Sort(rows)
	want := sdkOperations()
	if len(want) < 62 {
		t.Errorf("the SDK's client has %d operations, 62 are known", len(want))
	}
	for _, name := range want {
		if !slices.Contains(rows, name) {
			t.Errorf("%s is an operation of the SDK without a row", name)
		}
	}
	if len(slices.Compact(rows)) != len(want) {
		t.Errorf("%d rows for %d operations: %s", len(rows), len(want), strings.Join(rows, " "))
	}
}

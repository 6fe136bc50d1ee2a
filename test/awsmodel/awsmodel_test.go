package awsmodel_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/test/awsmodel"
	"github.com/ecru-registry/ecru/test/fixture"
)

// service is an API that there is a model of.
type service struct {
	data   string // where botocore has its own
	read   func(dir string) (*awsmodel.Model, error)
	client reflect.Type
	size   int // how many operations it has at least
	// grown is how many operations it had when the rest of it was as it is now:
	// what older clients know has since been told more precisely.
	grown  int
	extras []string
	// sorted says that members are in an order of the SDK's.
	sorted bool
}

func services() []service {
	return []service{
		{
			data: "ecr/2015-09-21", read: awsmodel.Read, client: reflect.TypeFor[*ecr.Client](), size: 62, grown: 58,
			extras: []string{"paginators-1.json", "waiters-2.json"},
		},
		{
			data: "inspector2/2020-06-08", read: awsmodel.ReadInspector, client: reflect.TypeFor[*inspector2.Client](), size: 75, grown: 75,
			extras: []string{"paginators-1.json"}, sorted: true,
		},
	}
}

func (s service) model(t *testing.T) *awsmodel.Model {
	t.Helper()
	m, err := s.read(fixture.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestModelHasEveryOperation holds the models against the SDK's clients as they
// are compiled in.
func TestModelHasEveryOperation(t *testing.T) {
	for _, s := range services() {
		var want []string
		for i := range s.client.NumMethod() {
			if m := s.client.Method(i); m.Type.NumIn() == 4 && strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
				want = append(want, m.Name)
			}
		}
		var got []string
		for name := range s.model(t).Operations {
			got = append(got, name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || len(got) < s.size {
			t.Errorf("%s: %d operations (-SDK +model):\n%s", s.data, len(got), diff)
		}
	}
}

// TestModelAgreesWithBotocore compares the model with those that installed
// clients have themselves. They are older: what they know must be the same, and
// what they do not know is what AWS has added.
func TestModelAgreesWithBotocore(t *testing.T) {
	for _, s := range services() {
		model := s.model(t)
		installed := botocores(t, s.data)
		if len(installed) == 0 {
			t.Skip("no botocore is installed; scripts/install-test-tools.sh installs one")
		}
		for _, dir := range installed {
			t.Run(dir[1:], func(t *testing.T) {
				var theirs awsmodel.Model
				readData(t, filepath.Join(dir, "service-2.json"), &theirs)
				c := comparison{t: t, service: s, ours: model, theirs: &theirs, done: map[string]bool{}}
				c.operations()
				c.metadata()
				c.exceptions()
				t.Logf("%d operations and %d types are the same; the model has %d members more", len(theirs.Operations), len(c.done), c.added)
			})
			for _, file := range s.extras {
				t.Run(filepath.Join(dir[1:], file), func(t *testing.T) { compareExtras(t, s, model, dir, file) })
			}
		}
	}
}

// botocores finds the data of a service in all installed clients.
func botocores(t *testing.T, data string) []string {
	t.Helper()
	const script = `
import importlib, os
for name in "botocore", "awscli.botocore":
    try:
        print(os.path.dirname(importlib.import_module(name).__file__))
    except ImportError:
        pass
`
	found := map[string]bool{}
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(python, "-c", script).Output()
		if err != nil {
			t.Logf("%s: %v", python, err)
			continue
		}
		for _, dir := range strings.Fields(string(out)) {
			dir = filepath.Join(dir, "data", data)
			if target, err := filepath.EvalSymlinks(dir); err == nil {
				found[target] = true
			}
		}
	}
	var all []string
	for dir := range found {
		all = append(all, dir)
	}
	slices.Sort(all)
	return all
}

// readData reads a file of botocore, which may be compressed.
func readData(t *testing.T, path string, into any) {
	t.Helper()
	file, err := os.Open(path)
	var content io.Reader = file
	if errors.Is(err, fs.ErrNotExist) {
		if file, err = os.Open(path + ".gz"); err == nil {
			content, err = gzip.NewReader(file)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := json.NewDecoder(content).Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

type comparison struct {
	t *testing.T
	service
	ours, theirs *awsmodel.Model
	done         map[string]bool
	added        int
}

func (c *comparison) operations() {
	for name, theirs := range c.theirs.Operations {
		ours, ok := c.ours.Operations[name]
		if !ok {
			c.t.Errorf("the model lacks %s", name)
			continue
		}
		if ours.Name != theirs.Name || ours.HTTP != theirs.HTTP {
			c.t.Errorf("%s is sent as %s %v, botocore sends %s %v", name, ours.Name, ours.HTTP, theirs.Name, theirs.HTTP)
		}
		c.shapes(name, ours.Input, theirs.Input, true)
		c.shapes(name, ours.Output, theirs.Output, false)
	}
}

// shapes compares types, which may be called otherwise. Nothing checks what
// answers must have.
func (c *comparison) shapes(at string, a, b awsmodel.Ref, request bool) {
	key := fmt.Sprint(a.Shape, b.Shape, request)
	if c.done[key] {
		return
	}
	c.done[key] = true
	ours, theirs := c.ours.Shapes[a.Shape], c.theirs.Shapes[b.Shape]
	if ours == nil || theirs == nil || ours.Type != theirs.Type {
		c.t.Errorf("%s: %s is %+v, in botocore %s is %+v", at, a.Shape, ours, b.Shape, theirs)
		return
	}
	for _, value := range theirs.Enum {
		if !slices.Contains(ours.Enum, value) {
			c.t.Errorf("%s: %s lacks the value %s", at, a.Shape, value)
		}
	}
	switch ours.Type {
	case "list":
		c.shapes(at+"[]", *ours.Member, *theirs.Member, request)
	case "map":
		c.shapes(at+" key", *ours.Key, *theirs.Key, request)
		c.shapes(at+"{}", *ours.Value, *theirs.Value, request)
	case "structure":
		c.members(at, ours, theirs, request)
	}
}

func (c *comparison) members(at string, ours, theirs *awsmodel.Shape, request bool) {
	for _, m := range theirs.Members {
		if member, ok := ours.Members.Named(m.Name); ok {
			c.shapes(at+"."+m.Name, member.Ref, m.Ref, request)
			if request && (member.Location != m.Location || member.LocationName != m.LocationName) {
				c.t.Errorf("%s.%s is sent in %q, botocore sends it in %q", at, m.Name, member.Location, m.Location)
			}
		} else {
			c.t.Errorf("%s: %s is missing", at, m.Name)
		}
	}
	var shared []awsmodel.Member
	for _, m := range ours.Members {
		if _, ok := theirs.Members.Named(m.Name); ok {
			shared = append(shared, m)
		} else {
			c.added++
		}
	}
	sameName := func(a, b awsmodel.Member) bool { return a.Name == b.Name }
	if !c.old() && !c.sorted && !slices.EqualFunc(shared, theirs.Members, sameName) {
		c.t.Errorf("%s: the members are in another order: %v, in botocore %v", at, shared, theirs.Members)
	}
	if !request {
		return
	}
	for _, name := range theirs.Required {
		if !slices.Contains(ours.Required, name) && at+"."+name != noLongerRequired {
			c.t.Errorf("%s does not require %s as botocore does", at, name)
		}
	}
	if !c.old() && len(ours.Required) != len(theirs.Required) {
		c.t.Errorf("%s requires %q, in botocore %q", at, ours.Required, theirs.Required)
	}
}

// noLongerRequired is what a later version of an API can do without.
const noLongerRequired = "UpdateConfiguration.ecrConfiguration"

func (c *comparison) old() bool { return len(c.theirs.Operations) < c.grown }

func (c *comparison) metadata() {
	for key, theirs := range c.theirs.Metadata {
		if c.old() && (key == "serviceFullName" || key == "jsonVersion") {
			continue
		}
		if ours := c.ours.Metadata[key]; fmt.Sprint(ours) != fmt.Sprint(theirs) {
			c.t.Errorf("%s is %v, in botocore %v", key, ours, theirs)
		}
	}
}

func (c *comparison) exceptions() {
	for name, theirs := range c.theirs.Shapes {
		if !theirs.Exception {
			continue
		}
		ours := c.ours.Shapes[name]
		if ours == nil || !ours.Exception || ours.Fault != theirs.Fault {
			c.t.Errorf("the exception %s is %+v, in botocore %+v", name, ours, theirs)
			continue
		}
		c.members(name, ours, theirs, false)
	}
}

// compareExtras compares what is built on operations: all that we have and
// that a client knows is the same there.
func compareExtras(t *testing.T, s service, m *awsmodel.Model, dir, file string) {
	written := t.TempDir()
	if err := m.Write(written); err != nil {
		t.Fatal(err)
	}
	var ours, theirs struct {
		Pagination map[string]map[string]any `json:"pagination"`
		Waiters    map[string]map[string]any `json:"waiters"`
	}
	readData(t, filepath.Join(written, s.data, file), &ours)
	readData(t, filepath.Join(dir, file), &theirs)
	for name, waiter := range theirs.Waiters {
		delete(waiter, "description")
		if diff := cmp.Diff(waiter, ours.Waiters[name]); diff != "" {
			t.Errorf("%s (-botocore +ours):\n%s", name, diff)
		}
	}
	for name, paginator := range theirs.Pagination {
		// Newer models also say which members are of the answer as a whole.
		if paginator["non_aggregate_keys"] == nil {
			delete(ours.Pagination[name], "non_aggregate_keys")
		}
		if diff := cmp.Diff(paginator, ours.Pagination[name]); diff != "" {
			t.Errorf("%s (-botocore +ours):\n%s", name, diff)
		}
	}
}

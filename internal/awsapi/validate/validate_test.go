package validate_test

import (
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

type colour string

type inner struct {
	Name *string
	Note *string
}

type input struct {
	Name   *string
	Colour colour
	Count  *int32
	Size   *int64
	Ids    []string
	Inner  *inner
	Many   []inner
	Loose  []inner
	Blob   []byte
	Token  *string
	Upper  *string
	Labels map[string]string
}

func ptr[T any](v T) *T { return &v }

func set(t *testing.T) *validate.Set {
	t.Helper()
	id := validate.Rule{Pattern: `[0-9]{12}`}
	s, err := validate.NewSet(wire.LowerCamel,
		validate.For[inner](validate.Field{Name: "Name", Rule: validate.Rule{MinLen: 2, MaxLen: 4}.Must()}),
		validate.For[input](
			validate.Field{Name: "Name", Rule: validate.Rule{MinLen: 2, MaxLen: 8, Pattern: `[a-z]+`, Quoted: `[a-z]{2,8}`, Terse: true}.Must()},
			validate.Field{Name: "Colour", Rule: validate.Rule{Enum: []string{"RED", "BLUE"}}},
			validate.Field{Name: "Count", Rule: validate.Rule{Value: &validate.Range{Min: 1, Max: 1000}}},
			validate.Field{Name: "Size", Rule: validate.Rule{Value: &validate.Range{Min: 0, Max: 1 << 62}}},
			validate.Field{Name: "Ids", Rule: validate.Rule{MinLen: 1, MaxLen: 3, Each: &id}},
			validate.Field{Name: "Inner"},
			validate.Field{Name: "Many", Rule: validate.Rule{MaxLen: 20}},
			validate.Field{Name: "Loose", Rule: validate.Rule{Opaque: true}},
			validate.Field{Name: "Blob", Rule: validate.Rule{MaxLen: 4}},
			validate.Field{Name: "Labels", Rule: validate.Rule{MaxLen: 2, Keys: &validate.Rule{Pattern: `[a-z]+`}, Each: &validate.Rule{MaxLen: 3}}},
			validate.Field{Name: "Upper", Rule: validate.Rule{MinLen: 1}.Named("PolicyText")},
		).NotBoth("Token", "Ids"),
	)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestECRsTexts(t *testing.T) {
	ok := func() input { return input{Name: ptr("web")} }
	cases := []struct {
		name   string
		change func(in *input)
		want   string
	}{
		{"all well", func(in *input) {
			*in = input{Name: ptr("web"), Colour: "RED", Count: ptr(int32(1000)), Size: ptr(int64(0)), Ids: []string{"123456789012"},
				Inner: &inner{Name: ptr("ab")}, Many: []inner{{Name: ptr("éèê")}}, Loose: []inner{{}}, Blob: []byte("1234"), Upper: ptr("x"), Labels: map[string]string{"a": "x", "b": ""}}
		}, ""},
		{"missing", func(in *input) { in.Name = nil }, "Invalid parameter at 'name' failed to satisfy constraint: 'must not be null'"},
		{"short", func(in *input) { in.Name = ptr("a") }, "Invalid parameter at 'name' failed to satisfy constraint: 'must have length greater than or equal to 2'"},
		{"long", func(in *input) { in.Name = ptr("abcdefghi") }, "Invalid parameter at 'name' failed to satisfy constraint: 'must have length less than or equal to 8'"},
		{"pattern", func(in *input) { in.Name = ptr("WEB") }, "Invalid parameter at 'name' failed to satisfy constraint: 'must satisfy regular expression '[a-z]{2,8}''"},
		{"the pattern is for the whole text", func(in *input) { in.Name = ptr("web\n") }, "Invalid parameter at 'name' failed to satisfy constraint: 'must satisfy regular expression '[a-z]{2,8}''"},
		{"enum", func(in *input) { in.Colour = "GREEN" }, "Invalid parameter at 'colour' failed to satisfy constraint: 'Member must satisfy enum value set: [RED, BLUE]'"},
		{"small", func(in *input) { in.Count = ptr(int32(0)) }, "Invalid parameter at 'count' failed to satisfy constraint: 'Member must have value greater than or equal to 1'"},
		{"big", func(in *input) { in.Count = ptr(int32(1001)) }, "Invalid parameter at 'count' failed to satisfy constraint: 'Member must have value less than or equal to 1000'"},
		{"negative", func(in *input) { in.Size = ptr(int64(-1)) }, "Invalid parameter at 'size' failed to satisfy constraint: 'Member must have value greater than or equal to 0'"},
		{"empty list", func(in *input) { in.Ids = []string{} }, "Invalid parameter at 'ids' failed to satisfy constraint: 'Member must have length greater than or equal to 1'"},
		{"element", func(in *input) { in.Ids = []string{"123456789012", "x"} }, "Invalid parameter at 'ids' failed to satisfy constraint: 'Member must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]{12}]'"},
		{"below", func(in *input) { in.Inner = &inner{} }, "Invalid parameter at 'inner.name' failed to satisfy constraint: 'Member must not be null'"},
		{"in a list", func(in *input) { in.Many = []inner{{Name: ptr("ok")}, {Name: ptr("toolong")}} }, "Invalid parameter at 'many.2.member.name' failed to satisfy constraint: 'Member must have length less than or equal to 4'"},
		{"blob", func(in *input) { in.Blob = []byte("12345") }, "Invalid parameter at 'blob' failed to satisfy constraint: 'Member must have length less than or equal to 4'"},
		{"another name", func(in *input) { in.Upper = ptr("") }, "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Member must have length greater than or equal to 1'"},
		{"keys", func(in *input) { in.Labels = map[string]string{"a": "x", "B": "y"} }, "Invalid parameter at 'labels' failed to satisfy constraint: 'Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+]'"},
		{"values", func(in *input) { in.Labels = map[string]string{"a": "x", "b": "yyyy"} }, "Invalid parameter at 'labels' failed to satisfy constraint: 'Map value must satisfy constraint: [Member must have length less than or equal to 3]'"},
		{"a large map", func(in *input) { in.Labels = map[string]string{"a": "x", "b": "y", "c": "z"} }, "Invalid parameter at 'labels' failed to satisfy constraint: 'Member must have length less than or equal to 2'"},
		{"not both", func(in *input) { in.Token, in.Ids = ptr("t"), []string{"123456789012"} }, "Invalid parameter at 'token' failed to satisfy constraint: 'token cannot be specified together with ids'"},
	}
	s := set(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := ok()
			c.change(&in)
			got := ""
			if found := s.Check(&in); len(found) > 0 {
				got = validate.InvalidParameter(found)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheOtherFamilyNamesAllAndRepeatsValues(t *testing.T) {
	s := set(t)
	one := validate.ValidationErrors(s.Check(&input{Name: ptr("web"), Colour: "GREEN"}))
	if want := "1 validation error detected: Value 'GREEN' at 'colour' failed to satisfy constraint: Member must satisfy enum value set: [RED, BLUE]"; one != want {
		t.Errorf("got %s", one)
	}
	two := validate.ValidationErrors(s.Check(&input{Count: ptr(int32(0))}))
	if want := "2 validation errors detected: Value null at 'name' failed to satisfy constraint: must not be null; Value '0' at 'count' failed to satisfy constraint: Member must have value greater than or equal to 1"; two != want {
		t.Errorf("got %s", two)
	}
}

func TestHostileInputHasAShortAnswer(t *testing.T) {
	s := set(t)
	in := input{Name: ptr(strings.Repeat("é", 1<<20)), Many: make([]inner, 20)}
	found := s.Check(&in)
	if len(found) != 10 || len(validate.ValidationErrors(found)) > 4096 {
		t.Errorf("%d violations, %d bytes", len(found), len(validate.ValidationErrors(found)))
	}
	if found := s.Check(&input{Name: ptr("web"), Many: make([]inner, 1<<20)}); len(found) != 1 {
		t.Errorf("%d violations", len(found))
	}
}

func TestConstraintsThatCannotWorkShowAtStart(t *testing.T) {
	for name, st := range map[string]validate.Structure{
		"no such member": validate.For[input](validate.Field{Name: "Nothing"}),
		"bad pattern":    validate.For[input](validate.Field{Name: "Name", Rule: validate.Rule{Pattern: "("}}),
		"no such pair":   validate.For[input]().NotBoth("Name", "Nothing"),
	} {
		if _, err := validate.NewSet(wire.LowerCamel, st); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWithoutConstraintsAllIsWell(t *testing.T) {
	if found := set(t).Check(&struct{ A *string }{}); found != nil {
		t.Errorf("%v", found)
	}
	if found := set(t).Check((*input)(nil)); found != nil {
		t.Errorf("%v", found)
	}
}

func BenchmarkCheck(b *testing.B) {
	s, err := validate.NewSet(wire.LowerCamel, validate.For[input](
		validate.Field{Name: "Name", Rule: validate.Rule{MinLen: 2, MaxLen: 256, Pattern: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`}.Must()},
		validate.Field{Name: "Count", Rule: validate.Rule{Value: &validate.Range{Min: 1, Max: 1000}}},
	))
	if err != nil {
		b.Fatal(err)
	}
	in := &input{Name: ptr("platform/team-a/service_one"), Count: ptr(int32(100))}
	b.ReportAllocs()
	for b.Loop() {
		if found := s.Check(in); found != nil {
			b.Fatal(found)
		}
	}
}

// Package validate checks the members of an input against constraints that are
// data: required, lengths, ranges, patterns, enumerations. It also words what
// is wrong, in the two families of texts that AWS services use.
//
// The constraints are worked out once per type; a request only runs them. The
// package must not know any operation, and must not look anything up: what
// needs the state of the registry is the business of the service.
package validate

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

// Rule constrains one member.
type Rule struct {
	Required bool
	// MinLen and MaxLen bound the characters of a text, the elements of a list
	// or a map, or the bytes of a blob. Zero is no bound.
	MinLen, MaxLen int
	// Value bounds a number.
	Value *Range
	// Pattern is what the whole text must match, Quoted what the message says
	// it must match where that differs.
	Pattern, Quoted string
	// Enum lists the values of an enumeration in the order that messages use.
	Enum []string
	// Each constrains the elements of a list or the values of a map, Keys the
	// keys of a map.
	Each, Keys *Rule
	// Opaque leaves structures below this member to the operation, which
	// reports them one by one as failures.
	Opaque bool
	// Name is how messages spell the member where that is not its wire name.
	Name string
	// Terse texts begin with "must …" instead of "Member must …".
	Terse bool
	// Sensitive values are never repeated.
	Sensitive bool
}

// Range bounds a number on both sides.
type Range struct{ Min, Max int64 }

// Must makes a rule required.
func (r Rule) Must() Rule { r.Required = true; return r }

// Secret keeps the value out of all texts.
func (r Rule) Secret() Rule { r.Sensitive = true; return r }

// Named spells the member in another way.
func (r Rule) Named(name string) Rule { r.Name = name; return r }

// Structure is the constraints of one struct type.
type Structure struct {
	Type   reflect.Type
	Fields []Field
	// Exclusive lists pairs of members that must not be given together; the
	// first of a pair is the one that the message blames.
	Exclusive [][2]string
}

// Field is the constraint of the member with the given Go name.
type Field struct {
	Name string
	Rule Rule
}

// For starts the constraints of a type.
func For[T any](fields ...Field) Structure {
	return Structure{Type: reflect.TypeFor[T](), Fields: fields}
}

// NotBoth adds a pair of members that must not be given together.
func (s Structure) NotBoth(blamed, other string) Structure {
	s.Exclusive = append(s.Exclusive[:len(s.Exclusive):len(s.Exclusive)], [2]string{blamed, other})
	return s
}

// Violation is one constraint that a member fails.
type Violation struct {
	Path       string // imageIds.1.member.imageTag
	Value      string // what was given, for texts that repeat it
	Given      bool   // false when the member is absent
	Sensitive  bool   // Value is left out
	Constraint string // Member must not be null
}

// maxViolations bounds the work and the answer for an input that is all wrong.
const maxViolations = 10

type report struct{ found []Violation }

func (r *report) full() bool { return len(r.found) >= maxViolations }

func (r *report) add(path string, v reflect.Value, rule *Rule, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !rule.Terse {
		text = "Member " + text
	}
	found := Violation{Path: path, Given: v.IsValid(), Sensitive: rule.Sensitive, Constraint: text}
	if !rule.Sensitive {
		found.Value = shown(v)
	}
	r.found = append(r.found, found)
}

// shown is how a text repeats a value; long ones are cut, they came from outside.
func shown(v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	var s string
	switch v.Kind() {
	case reflect.String:
		s = v.String()
	case reflect.Int32, reflect.Int64:
		s = strconv.FormatInt(v.Int(), 10)
	case reflect.Slice:
		s = fmt.Sprintf("[%d members]", v.Len())
	case reflect.Map:
		s = fmt.Sprintf("{%d members}", v.Len())
	default:
		s = v.Kind().String()
	}
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "") + "..."
	}
	return s
}

// check is a constraint ready to run: v is the value of the member at path.
type check func(v reflect.Value, path string, r *report)

// Set is the constraints of a service.
type Set struct {
	names  wire.Names
	byType map[reflect.Type]Structure
	checks map[reflect.Type]check
}

// NewSet prepares constraints. It fails on what could never work: a field that
// is not there, a pattern that does not compile.
func NewSet(names wire.Names, structures ...Structure) (*Set, error) {
	s := &Set{names: names, byType: map[reflect.Type]Structure{}, checks: map[reflect.Type]check{}}
	for _, st := range structures {
		if _, twice := s.byType[st.Type]; twice {
			return nil, fmt.Errorf("validate: the constraints of %s are given twice", st.Type)
		}
		s.byType[st.Type] = st
	}
	for _, st := range structures {
		if _, err := s.structure(st.Type); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Check answers what is wrong with v, a struct or a pointer to one, in the
// order in which the constraints are written. A type without constraints has
// nothing wrong.
func (s *Set) Check(v any) []Violation {
	rv := reflect.Indirect(reflect.ValueOf(v))
	if !rv.IsValid() {
		return nil
	}
	c := s.checks[rv.Type()]
	if c == nil {
		return nil
	}
	r := &report{}
	c(rv, "", r)
	return r.found
}

func (s *Set) structure(t reflect.Type) (check, error) {
	if c, ok := s.checks[t]; ok {
		return c, nil
	}
	st := s.byType[t]
	s.checks[t] = func(reflect.Value, string, *report) {} // ends a type that contains itself
	var parts []check
	for _, f := range st.Fields {
		sf, ok := t.FieldByName(f.Name)
		if !ok {
			return nil, fmt.Errorf("validate: %s has no member %s", t, f.Name)
		}
		c, err := s.member(t, sf, f.Rule)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		parts = append(parts, c)
	}
	for _, pair := range st.Exclusive {
		c, err := s.exclusive(t, pair)
		if err != nil {
			return nil, err
		}
		parts = append(parts, c)
	}
	all := func(v reflect.Value, path string, r *report) {
		for _, c := range parts {
			if r.full() {
				return
			}
			c(v, path, r)
		}
	}
	s.checks[t] = all
	return all, nil
}

func (s *Set) exclusive(t reflect.Type, pair [2]string) (check, error) {
	a, okA := t.FieldByName(pair[0])
	b, okB := t.FieldByName(pair[1])
	if !okA || !okB {
		return nil, fmt.Errorf("validate: %s has no members %v", t, pair)
	}
	blamed, other := s.names(t, pair[0]), s.names(t, pair[1])
	return func(v reflect.Value, path string, r *report) {
		if fa, fb := v.FieldByIndex(a.Index), v.FieldByIndex(b.Index); !fa.IsZero() && !fb.IsZero() {
			r.add(path+blamed, reflect.Indirect(fa), &Rule{Terse: true}, "%s cannot be specified together with %s", blamed, other)
		}
	}, nil
}

// member checks one field of the structure that it gets.
func (s *Set) member(t reflect.Type, f reflect.StructField, rule Rule) (check, error) {
	value, err := s.value(f.Type, &rule)
	if err != nil {
		return nil, err
	}
	name := rule.Name
	if name == "" {
		name = s.names(t, f.Name)
	}
	index := f.Index
	return func(v reflect.Value, path string, r *report) {
		field := v.FieldByIndex(index)
		if absent(field) {
			if rule.Required {
				r.add(path+name, reflect.Value{}, &rule, "must not be null")
			}
			return
		}
		value(reflect.Indirect(field), path+name, r)
	}, nil
}

// absent goes by the SDK's types: nil, or the empty value of an enumeration.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	default:
		return false
	}
}

// value checks what is there. The type decides what a rule can mean.
func (s *Set) value(t reflect.Type, rule *Rule) (check, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.String:
		return textCheck(rule)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return s.list(t, rule)
	case t.Kind() == reflect.Slice:
		return func(v reflect.Value, path string, r *report) { lengthCheck(v, v.Len(), path, rule, r) }, nil
	case t.Kind() == reflect.Map:
		return s.mapping(t, rule)
	case t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64:
		return func(v reflect.Value, path string, r *report) { rangeCheck(v, path, rule, r) }, nil
	case t.Kind() == reflect.Struct && !rule.Opaque:
		inner, err := s.structure(t)
		if err != nil {
			return nil, err
		}
		return func(v reflect.Value, path string, r *report) { inner(v, path+".", r) }, nil
	}
	return func(reflect.Value, string, *report) {}, nil
}

func (s *Set) list(t reflect.Type, rule *Rule) (check, error) {
	each := rule.Each
	if each == nil {
		each = &Rule{Opaque: rule.Opaque}
	}
	inner, err := s.value(t.Elem(), each)
	if err != nil {
		return nil, err
	}
	simple := t.Elem().Kind() == reflect.String
	return func(v reflect.Value, path string, r *report) {
		if !lengthCheck(v, v.Len(), path, rule, r) {
			return // its elements are not looked at: there may be very many
		}
		for i := range v.Len() {
			if r.full() {
				return
			}
			if simple {
				eachSimple(inner, v.Index(i), path, r)
				continue
			}
			inner(v.Index(i), fmt.Sprintf("%s.%d.member", path, i+1), r)
		}
	}, nil
}

// mapping checks a map of texts to texts.
func (s *Set) mapping(t reflect.Type, rule *Rule) (check, error) {
	keys, values := rule.Keys, rule.Each
	if keys == nil {
		keys = &Rule{}
	}
	if values == nil {
		values = &Rule{}
	}
	if rule.Sensitive {
		k, v := keys.Secret(), values.Secret()
		keys, values = &k, &v
	}
	ofKeys, err := s.value(t.Key(), keys)
	if err != nil {
		return nil, err
	}
	ofValues, err := s.value(t.Elem(), values)
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value, path string, r *report) {
		if !lengthCheck(v, v.Len(), path, rule, r) {
			return
		}
		for _, key := range sortedKeys(v) {
			if r.full() {
				return
			}
			within(ofKeys, key, path, r, "Map keys must satisfy constraint: [")
			within(ofValues, v.MapIndex(key), path, r, "Map value must satisfy constraint: [")
		}
	}, nil
}

// sortedKeys are in order, so that equal inputs have equal answers.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// within words what is wrong of something as wrong of what it is part of.
func within(inner check, v reflect.Value, path string, r *report, as string) {
	before := len(r.found)
	inner(v, path, r)
	if len(r.found) > before {
		r.found = r.found[:before+1]
		r.found[before].Constraint = as + r.found[before].Constraint + "]"
	}
}

// eachSimple words a wrong element of a list of texts as wrong of the list.
func eachSimple(inner check, v reflect.Value, path string, r *report) {
	within(inner, v, path, r, "Member must satisfy constraint: [")
}

// lengthCheck answers whether n is in the bounds.
func lengthCheck(v reflect.Value, n int, path string, rule *Rule, r *report) bool {
	switch {
	case rule.MinLen > 0 && n < rule.MinLen:
		r.add(path, v, rule, "must have length greater than or equal to %d", rule.MinLen)
	case rule.MaxLen > 0 && n > rule.MaxLen:
		r.add(path, v, rule, "must have length less than or equal to %d", rule.MaxLen)
	default:
		return true
	}
	return false
}

func rangeCheck(v reflect.Value, path string, rule *Rule, r *report) {
	switch n := v.Int(); {
	case rule.Value == nil:
	case n < rule.Value.Min:
		r.add(path, v, rule, "must have value greater than or equal to %d", rule.Value.Min)
	case n > rule.Value.Max:
		r.add(path, v, rule, "must have value less than or equal to %d", rule.Value.Max)
	}
}

func textCheck(rule *Rule) (check, error) {
	pattern, err := regexp.Compile(`\A(?:` + rule.Pattern + `)\z`)
	if err != nil {
		return nil, err
	}
	quoted := rule.Quoted
	if quoted == "" {
		quoted = rule.Pattern
	}
	text := "must satisfy regular expression pattern: " + quoted
	if rule.Terse {
		text = "must satisfy regular expression '" + quoted + "'"
	}
	return func(v reflect.Value, path string, r *report) {
		s := v.String()
		switch {
		case !lengthCheck(v, utf8.RuneCountInString(s), path, rule, r):
		case rule.Pattern != "" && !pattern.MatchString(s):
			r.add(path, v, rule, "%s", text)
		case len(rule.Enum) > 0 && !slices.Contains(rule.Enum, s):
			r.add(path, v, rule, "must satisfy enum value set: [%s]", strings.Join(rule.Enum, ", "))
		}
	}, nil
}

// InvalidParameter words the first violation as ECR does.
func InvalidParameter(found []Violation) string {
	return fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", found[0].Path, found[0].Constraint)
}

// ValidationErrors words all violations as most AWS services do.
func ValidationErrors(found []Violation) string {
	parts := make([]string, len(found))
	for i, v := range found {
		value := "null "
		switch {
		case v.Given && v.Sensitive:
			value = ""
		case v.Given:
			value = "'" + v.Value + "' "
		}
		parts[i] = fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: %s", value, v.Path, v.Constraint)
	}
	noun := "errors"
	if len(found) == 1 {
		noun = "error"
	}
	return fmt.Sprintf("%d validation %s detected: %s", len(found), noun, strings.Join(parts, "; "))
}

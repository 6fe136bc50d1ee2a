package pattern

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// The oracle is a second matcher, slow and obvious, that shares nothing with
// the first: it flattens the event into fields, each with the array elements
// that it is in, and tries all values for all fields of all combinations.

// slowMatch matches a pattern that is known to be valid.
func slowMatch(t testing.TB, pattern, event string) bool {
	t.Helper()
	combinations, ok := slowCombinations(orderedJSON(t, pattern), "", false)
	if !ok {
		combinations, ok = slowCombinations(orderedJSON(t, pattern), "", true)
	}
	if !ok {
		t.Fatal(pattern)
	}
	var fields []slowField
	arrays := 0
	flatten(orderedJSON(t, event), "", map[int]int{}, &arrays, &fields)
	for _, c := range combinations {
		var paths []string
		for path := range c {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		if slowTry(c, paths, fields, map[int]int{}) {
			return true
		}
	}
	return false
}

type member struct {
	key   string
	value any
}

// orderedJSON decodes with the standard library, objects into lists of members.
func orderedJSON(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return orderedValue(t, d)
}

func orderedValue(t testing.TB, d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token {
	case json.Delim('{'):
		object := []member{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			object = append(object, member{key.(string), orderedValue(t, d)})
		}
		_, err = d.Token()
		if err != nil {
			t.Fatal(err)
		}
		return object
	case json.Delim('['):
		array := []any{}
		for d.More() {
			array = append(array, orderedValue(t, d))
		}
		_, err = d.Token()
		if err != nil {
			t.Fatal(err)
		}
		return array
	default:
		return token
	}
}

// slowField is a value of the event.
type slowField struct {
	path  string
	value any
	in    map[int]int // the element by array
}

func flatten(value any, path string, in map[int]int, arrays *int, fields *[]slowField) {
	switch value := value.(type) {
	case []member:
		for _, m := range value {
			flatten(m.value, path+"."+m.key, in, arrays, fields)
		}
	case []any:
		id := *arrays
		*arrays++
		for i, element := range value {
			inside := map[int]int{}
			for k, v := range in {
				inside[k] = v
			}
			switch element.(type) {
			case []member, []any:
				inside[id] = i
			}
			flatten(element, path, inside, arrays, fields)
		}
	default:
		*fields = append(*fields, slowField{path, value, in})
	}
}

func agree(a, b map[int]int) bool {
	for array, element := range a {
		if other, ok := b[array]; ok && other != element {
			return false
		}
	}
	return true
}

// slowTry goes through the paths in their order.
func slowTry(c map[string][]any, paths []string, fields []slowField, in map[int]int) bool {
	if len(paths) == 0 {
		return true
	}
	there := false
	for _, f := range fields {
		if f.path != paths[0] || !agree(f.in, in) {
			continue
		}
		there = true
		if !slices.ContainsFunc(c[paths[0]], func(a any) bool { return slowAccepts(a, f.value) }) {
			continue
		}
		both := map[int]int{}
		for k, v := range in {
			both[k] = v
		}
		for k, v := range f.in {
			both[k] = v
		}
		if slowTry(c, paths[1:], fields, both) {
			return true
		}
	}
	mayLack := slices.ContainsFunc(c[paths[0]], func(a any) bool {
		o, ok := a.([]member)
		return ok && o[0].key == "exists" && o[0].value == false
	})
	return !there && mayLack && slowTry(c, paths[1:], fields, in)
}

// slowCombinations expands $or.
func slowCombinations(pattern any, path string, plain bool) ([]map[string][]any, bool) {
	all := []map[string][]any{{}}
	for _, m := range pattern.([]member) {
		var more []map[string][]any
		var ok bool
		at := path + "." + m.key
		switch value := m.value.(type) {
		case []member:
			if m.key == "$or" && !plain {
				return nil, false
			}
			more, ok = slowCombinations(value, at, plain)
		case []any:
			if m.key == "$or" && !plain {
				more, ok = slowOr(value, path)
			} else {
				more, ok = []map[string][]any{{at: value}}, true
			}
		}
		if !ok {
			return nil, false
		}
		all = slowProduct(all, more)
	}
	return all, true
}

func slowOr(objects []any, path string) ([]map[string][]any, bool) {
	var all []map[string][]any
	for _, o := range objects {
		object, ok := o.([]member)
		if !ok || mentionsOperator(object) {
			return nil, false
		}
		more, ok := slowCombinations(object, path, false)
		if !ok {
			return nil, false
		}
		all = append(all, more...)
	}
	return all, len(objects) > 1
}

func mentionsOperator(object []member) bool {
	operators := "exactly prefix suffix equals-ignore-case anything-but wildcard numeric cidr exists = < <= > >= regex"
	for _, m := range object {
		inner, ok := m.value.([]member)
		if slices.Contains(strings.Fields(operators), m.key) || (ok && mentionsOperator(inner)) {
			return true
		}
	}
	return false
}

// slowProduct combines each with each; of the same path the later counts.
func slowProduct(some, others []map[string][]any) []map[string][]any {
	var all []map[string][]any
	for _, a := range some {
		for _, b := range others {
			both := map[string][]any{}
			for k, v := range a {
				both[k] = v
			}
			for k, v := range b {
				both[k] = v
			}
			all = append(all, both)
		}
	}
	return all
}

func slowAccepts(alternative, value any) bool {
	expression, ok := alternative.([]member)
	if !ok {
		return slowEqual(alternative, value)
	}
	operator, operand := expression[0].key, expression[0].value
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch operator {
	case "exists":
		return operand == true
	case "anything-but":
		return slowAnythingBut(operand, value)
	case "numeric":
		return isNumber && slowNumeric(operand.([]any), number)
	case "cidr":
		return isText && slowCIDR(operand.(string), text)
	case "exactly":
		return value == operand
	default:
		return isText && slowText(operator, operand, text)
	}
}

func slowText(operator string, operand any, text string) bool {
	fold := func(s string) string { return s }
	if inner, ok := operand.([]member); ok {
		operand, fold = inner[0].value, slowFold
	}
	wanted := operand.(string)
	switch operator {
	case "prefix":
		return strings.HasPrefix(fold(text), fold(wanted))
	case "suffix":
		return strings.HasSuffix(fold(text), fold(wanted))
	case "equals-ignore-case":
		return slowFold(text) == slowFold(wanted)
	case "wildcard":
		expression := "(?s)^"
		for i := 0; i < len(wanted); i++ {
			switch wanted[i] {
			case '*':
				expression += ".*"
			case '\\':
				i++
				expression += regexp.QuoteMeta(wanted[i : i+1])
			default:
				expression += regexp.QuoteMeta(wanted[i : i+1])
			}
		}
		return regexp.MustCompile(expression + "$").MatchString(text)
	default:
		panic(operator)
	}
}

func slowFold(s string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(r) }, s)
}

func slowAnythingBut(operand, value any) bool {
	operator := ""
	if o, ok := operand.([]member); ok {
		operator, operand = o[0].key, o[0].value
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	return !slices.ContainsFunc(list, func(not any) bool {
		if operator == "" {
			return slowEqual(not, value)
		}
		text, ok := value.(string)
		return ok && slowText(operator, not, text)
	})
}

func slowEqual(a, b any) bool {
	x, ok := a.(json.Number)
	y, also := b.(json.Number)
	if ok && also {
		return rational(x).Cmp(rational(y)) == 0
	}
	return a == b
}

// rational is exact, but for exponents that nobody could write out.
func rational(n json.Number) *big.Rat {
	if i := strings.IndexAny(string(n), "eE"); i >= 0 && len(n)-i > 6 {
		n = json.Number(string(n)[:i] + string(n)[i:i+2] + "9999")
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		panic(n)
	}
	return r
}

func slowNumeric(terms []any, value json.Number) bool {
	for i := 0; i < len(terms); i += 2 {
		by := rational(value).Cmp(rational(terms[i+1].(json.Number)))
		if !map[string]bool{"=": by == 0, "<": by < 0, "<=": by <= 0, ">": by > 0, ">=": by >= 0}[terms[i].(string)] {
			return false
		}
	}
	return true
}

func slowCIDR(network, text string) bool {
	prefix := netip.MustParsePrefix(network)
	if quad := regexp.MustCompile(`^0*(\d+)\.0*(\d+)\.0*(\d+)\.0*(\d+)$`).FindStringSubmatch(text); quad != nil {
		text = strings.Join(quad[1:], ".")
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" || (strings.Contains(text, ":") && strings.Contains(text, ".")) {
		return false
	}
	return prefix.Contains(ip.Unmap())
}

// TestOracleIsSlowButRight keeps the oracle honest about itself.
func TestOracleIsSlowButRight(t *testing.T) {
	for i, event := range []string{`{"a":1}`, `{"a":[2,1.0]}`, `{"a":"1"}`, `{}`} {
		if got := slowMatch(t, `{"a":[1]}`, event); got != (i < 2) {
			t.Error(event, got)
		}
	}
}

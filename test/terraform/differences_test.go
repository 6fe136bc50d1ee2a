package terraform

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

// differences are where an answer is not what the provider needs.
func differences(at string, want, got any) []error {
	switch w := want.(type) {
	case nothing:
		if !hasNothing(got) {
			return differ(at, "nothing", got)
		}
	case something:
		if hasNothing(got) {
			return differ(at, "something", got)
		}
	case object:
		return differentMembers(at, w, got)
	case document:
		return differentDocument(at, w, got)
	case list:
		return differentElements(at, w, got)
	case set:
		return differentSet(at, w, got)
	default:
		if !reflect.DeepEqual(plain(want), got) {
			return differ(at, want, got)
		}
	}
	return nil
}

func differ(at string, want, got any) []error {
	return []error{fmt.Errorf("%s is %v, want %v", at, got, want)}
}

func hasNothing(got any) bool {
	switch g := got.(type) {
	case nil:
		return true
	case string:
		return g == ""
	case []any:
		return len(g) == 0
	case map[string]any:
		return len(g) == 0
	}
	return false
}

// plain is a value as JSON gives it back.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		return err
	}
	return out
}

func differentMembers(at string, want object, got any) []error {
	if len(want) == 0 {
		return nil
	}
	members, ok := got.(map[string]any)
	if !ok {
		return differ(at, want, got)
	}
	var all []error
	for name, member := range want {
		all = append(all, differences(at+"."+name, member, members[name])...)
	}
	return all
}

func differentDocument(at string, want document, got any) []error {
	text, _ := got.(string)
	var parsed any
	if json.Unmarshal([]byte(text), &parsed) != nil || !reflect.DeepEqual(plain(object(want)), parsed) {
		return differ(at, object(want), got)
	}
	return nil
}

func differentElements(at string, want list, got any) []error {
	elements, _ := got.([]any)
	if len(elements) != len(want) {
		return differ(at, want, got)
	}
	var all []error
	for i := range want {
		all = append(all, differences(at+"["+strconv.Itoa(i)+"]", want[i], elements[i])...)
	}
	return all
}

func differentSet(at string, want set, got any) []error {
	elements, _ := got.([]any)
	if len(elements) != len(want) {
		return differ(at, want, got)
	}
	left := slices.Clone(elements)
	for _, w := range want {
		i := slices.IndexFunc(left, func(e any) bool { return len(differences(at, w, e)) == 0 })
		if i < 0 {
			return differ(at, want, got)
		}
		left = slices.Delete(left, i, i+1)
	}
	return nil
}

func TestDifferencesAreSeen(t *testing.T) {
	for name, c := range map[string]struct {
		want any
		got  any
		same bool
	}{
		"value":                     {"a", "a", true},
		"other value":               {"a", "b", false},
		"number":                    {1, float64(1), true},
		"other type":                {1, "1", false},
		"absent":                    {nothing{}, nil, true},
		"empty":                     {nothing{}, []any{}, true},
		"false is a value":          {nothing{}, false, false},
		"not absent":                {nothing{}, "ROOT", false},
		"chosen":                    {something{}, "key", true},
		"not chosen":                {something{}, "", false},
		"members":                   {object{"a": 1}, map[string]any{"a": 1.0, "b": 2.0}, true},
		"member absent":             {object{"a": 1}, map[string]any{"b": 2.0}, false},
		"no members at all":         {object{"a": 1}, nil, false},
		"list":                      {list{1, 2}, []any{1.0, 2.0}, true},
		"list in another order":     {list{1, 2}, []any{2.0, 1.0}, false},
		"longer list":               {list{1}, []any{1.0, 2.0}, false},
		"set":                       {set{1, 2}, []any{2.0, 1.0}, true},
		"set with one twice":        {set{1, 2}, []any{1.0, 1.0}, false},
		"smaller set":               {set{1, 2}, []any{1.0}, false},
		"document":                  {document{"a": list{1}, "b": 2}, `{ "b" : 2, "a" : [ 1 ] }`, true},
		"other document":            {document{"a": 1}, `{"a":1,"b":2}`, false},
		"document that is not JSON": {document{"a": 1}, `{`, false},
		"document that is not text": {document{"a": 1}, map[string]any{"a": 1.0}, false},
	} {
		if got := differences("answer", c.want, c.got); (len(got) == 0) != c.same {
			t.Errorf("%s: %v", name, got)
		}
	}
}

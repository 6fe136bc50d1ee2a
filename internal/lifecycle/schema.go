package lifecycle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ECR reads a policy in three steps, and so do the texts of its refusals: the
// text is mapped into objects of the right types (this file's first half), the
// objects are held against a schema (its second), and the rules against each
// other (rules.go).

// fields are the members of a JSON object. Their names are looked up as they
// are spelled; decoding into a struct would not tell "Rules" from "rules".
type fields map[string]json.RawMessage

// document is a policy whose members have the right types.
type document struct {
	fields
	rules []mappedRule
}

// mappedRule is a rule, and the members that it was read from.
type mappedRule struct {
	Rule
	fields
	selection fields
	action    fields
	unit      string
}

// mapDocument answers false where the text is not JSON, where a member has
// another type than it must, or where a transition does not say where to.
func mapDocument(text string) (document, bool) {
	var d document
	if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &d.fields) != nil || d.fields == nil {
		return d, false
	}
	var rules []json.RawMessage
	if !d.read("rules", &rules) {
		return d, false
	}
	for _, raw := range rules {
		r, ok := mapRule(raw)
		if !ok {
			return d, false
		}
		d.rules = append(d.rules, r)
	}
	return d, true
}

func mapRule(raw json.RawMessage) (mappedRule, bool) {
	var r mappedRule
	if json.Unmarshal(raw, &r.fields) != nil || r.fields == nil {
		return r, false
	}
	ok := r.readInteger("rulePriority", &r.Priority) && r.read("description", &r.Description) &&
		r.read("selection", &r.selection) && r.read("action", &r.action) &&
		r.mapSelection() && r.mapAction()
	return r, ok
}

// mapSelection passes over optional members that are null: the schema, which
// does not, has words for them.
func (r *mappedRule) mapSelection() bool {
	s := &r.Selection
	s.Storage = Standard
	return r.selection.read("tagStatus", &s.TagStatus) && r.selection.read("countType", &s.Count) &&
		r.selection.readInteger("countNumber", &s.Number) &&
		r.selection.readUnlessNull("countUnit", &r.unit) &&
		r.selection.readUnlessNull("storageClass", &s.Storage) &&
		r.selection.readStrings("tagPatternList", &s.Patterns) &&
		r.selection.readStrings("tagPrefixList", &s.Prefixes)
}

func (r *mappedRule) mapAction() bool {
	a := &r.Action
	if !r.action.read("type", &a.Type) || !r.action.readUnlessNull("targetStorageClass", &a.Target) {
		return false
	}
	return a.Type != Transition || a.Target != ""
}

// read decodes a member if it is there. null is of no type.
func (f fields) read(name string, into any) bool {
	raw, there := f[name]
	return !there || !isNull(raw) && json.Unmarshal(raw, into) == nil
}

// readInteger decodes a number as large as ECR has them.
func (f fields) readInteger(name string, into *int) bool {
	n := int32(*into)
	ok := f.read(name, &n)
	*into = int(n)
	return ok
}

func (f fields) readUnlessNull(name string, into any) bool {
	return f.isNull(name) || f.read(name, into)
}

// readStrings decodes a list; of one that is there but empty something is left.
func (f fields) readStrings(name string, into *[]string) bool {
	var list []*string
	if !f.readUnlessNull(name, &list) || slices.Contains(list, nil) {
		return false
	}
	if list == nil {
		return true
	}
	*into = make([]string, len(list))
	for i, s := range list {
		(*into)[i] = *s
	}
	return true
}

func (f fields) isNull(name string) bool {
	raw, there := f[name]
	return there && isNull(raw)
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// failure holds a document against the schema, from its beginning to its end.
func (d *document) failure(most int) string {
	if failure := d.wrongMembers([]string{"rules"}); failure != "" {
		return failure
	}
	switch n := len(d.rules); {
	case n > most:
		return fmt.Sprintf("array is too long: must have at most %d elements but instance has %d elements", most, n)
	case n == 0:
		return "array is too short: must have at least 1 elements but instance has 0 elements"
	}
	for i := range d.rules {
		if failure := d.rules[i].failure(); failure != "" {
			return failure
		}
	}
	return ""
}

func (r *mappedRule) failure() string {
	return first(
		r.wrongMembers([]string{"action", "rulePriority", "selection"}, "description"),
		tooSmall(r.Priority, 1),
		r.selectionFailure(),
		r.actionFailure(),
	)
}

func (r *mappedRule) selectionFailure() string {
	s := r.Selection
	if failure := r.selection.wrongMembers([]string{"countNumber", "countType", "tagStatus"},
		"countUnit", "storageClass", "tagPatternList", "tagPrefixList"); failure != "" {
		return failure
	}
	if failure := first(
		notOneOf(s.TagStatus, Tagged, Untagged, Any),
		notOneOf(s.Storage, Standard, Archive),
	); failure != "" {
		return failure
	}
	if _, there := r.selection["countUnit"]; there && !r.selection.isNull("countUnit") {
		if failure := notOneOf(r.unit, "days"); failure != "" {
			return failure
		}
	}
	if failure := tooSmall(s.Number, 1); failure != "" {
		return failure
	}
	if !r.combines() {
		return "instance failed to match exactly one schema (matched 0 out of 4)"
	}
	return ""
}

// combines says whether a selection is one of the four kinds that there are, by
// what they count.
func (r *mappedRule) combines() bool {
	for _, name := range []string{"countUnit", "storageClass", "tagPatternList", "tagPrefixList"} {
		if r.selection.isNull(name) {
			return false
		}
	}
	_, unit := r.selection["countUnit"]
	switch r.Selection.Count {
	case ImageCountMoreThan:
		return !unit
	case SinceImagePushed, SinceImagePulled:
		return unit
	case SinceImageTransitioned:
		return unit && r.Selection.Storage == Archive
	}
	return false
}

func (r *mappedRule) actionFailure() string {
	a := r.Action
	if failure := first(
		r.action.wrongMembers([]string{"type"}, "targetStorageClass"),
		notOneOf(a.Type, Expire, Transition),
	); failure != "" {
		return failure
	}
	_, targeted := r.action["targetStorageClass"]
	if a.Type == Expire && targeted {
		return "instance failed to match exactly one schema (matched 0 out of 2)"
	}
	if targeted {
		return notOneOf(a.Target, Archive)
	}
	return ""
}

// wrongMembers finds members that are missing, or that the schema does not
// know. Both lists are sorted.
func (f fields) wrongMembers(required []string, optional ...string) string {
	var missing, unknown []string
	for _, name := range required {
		if _, there := f[name]; !there {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return "object has missing required properties (" + quoted(missing) + ")"
	}
	for name := range f {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			unknown = append(unknown, name)
		}
	}
	if unknown != nil {
		slices.Sort(unknown)
		return "object instance has properties which are not allowed by the schema: (" + quoted(unknown) + ")"
	}
	return ""
}

func notOneOf[T ~string](value T, possible ...T) string {
	if slices.Contains(possible, value) {
		return ""
	}
	names := make([]string, len(possible))
	for i, p := range possible {
		names[i] = string(p)
	}
	return "instance value (" + string(value) + ") not found in enum :(possible values: " + quoted(names) + ")"
}

func tooSmall(n, least int) string {
	if n >= least {
		return ""
	}
	return fmt.Sprintf("numeric instance is lower than the required minimum (minimum: %d, found: %d)", least, n)
}

// first is the first failure of some.
func first(failures ...string) string {
	for _, f := range failures {
		if f != "" {
			return f
		}
	}
	return ""
}

// quoted writes names as a list in JSON.
func quoted(names []string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(names) // strings into a buffer: nothing can fail
	return strings.TrimSuffix(b.String(), "\n")
}

package lifecycle

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rule writes a rule; selection and action are the members of theirs.
func rule(priority int, selection, action string) string {
	return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{%s}}`, priority, selection, action)
}

func policy(rules ...string) string { return `{"rules":[` + strings.Join(rules, ",") + `]}` }

const (
	expire     = `"type":"expire"`
	transition = `"type":"transition","targetStorageClass":"archive"`
	count      = `"countType":"imageCountMoreThan","countNumber":5`
	pushed     = `"countType":"sinceImagePushed","countUnit":"days","countNumber":5`
	pulled     = `"countType":"sinceImagePulled","countUnit":"days","countNumber":5`
	archived   = `"storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`
	untagged   = `"tagStatus":"untagged",`
	anyTag     = `"tagStatus":"any",`
	prefix     = `"tagStatus":"tagged","tagPrefixList":["v"],`
	pattern    = `"tagStatus":"tagged","tagPatternList":["v*"],`
)

func one(selection, action string) string { return policy(rule(1, selection, action)) }

func TestEveryFaultHasItsText(t *testing.T) {
	const (
		unmapped = "Lifecycle policy parsing failure: Could not map policyString into LifecyclePolicy."
		none     = "instance failed to match exactly one schema (matched 0 out of 4)"
		noAction = "instance failed to match exactly one schema (matched 0 out of 2)"
		class    = "SINCE_IMAGE_PUSHED, SINCE_IMAGE_PULLED and IMAGE_COUNT_MORE_THAN support the STANDARD storage class only"
		needList = "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."
	)
	for _, c := range []struct{ name, policy, text string }{
		// The mapping.
		{"nothing", ``, unmapped},
		{"not JSON", `rules: []`, unmapped},
		{"cut off", `{"rules":[`, unmapped},
		{"more behind", `{"rules":[]} {}`, unmapped},
		{"not UTF-8", "{\"rules\":[\"\xff\"]}", unmapped},
		{"null", `null`, unmapped},
		{"a list", `[]`, unmapped},
		{"rules are an object", `{"rules":{}}`, unmapped},
		{"rules are null", `{"rules":null}`, unmapped},
		{"a rule is a text", `{"rules":["expire"]}`, unmapped},
		{"a rule is null", `{"rules":[null]}`, unmapped},
		{"priority is a text", `{"rules":[{"rulePriority":"1"}]}`, unmapped},
		{"priority is a fraction", `{"rules":[{"rulePriority":1.5}]}`, unmapped},
		{"priority is huge", `{"rules":[{"rulePriority":2147483648}]}`, unmapped},
		{"description is a number", `{"rules":[{"description":1}]}`, unmapped},
		{"selection is a list", `{"rules":[{"selection":[]}]}`, unmapped},
		{"action is a text", `{"rules":[{"action":"expire"}]}`, unmapped},
		{"tagStatus is null", one(`"tagStatus":null,`+count, expire), unmapped},
		{"countNumber is a text", one(untagged+`"countType":"imageCountMoreThan","countNumber":"5"`, expire), unmapped},
		{"a prefix is a number", one(`"tagStatus":"tagged","tagPrefixList":[1],`+count, expire), unmapped},
		{"a prefix is null", one(`"tagStatus":"tagged","tagPrefixList":[null],`+count, expire), unmapped},
		{"patterns are a text", one(`"tagStatus":"tagged","tagPatternList":"v*",`+count, expire), unmapped},
		{"transition to nowhere", one(anyTag+pushed, `"type":"transition"`), unmapped},
		{"transition to null", one(anyTag+pushed, `"type":"transition","targetStorageClass":null`), unmapped},

		// The schema.
		{"no rules", `{}`, `object has missing required properties (["rules"])`},
		{"rules in capitals", `{"Rules":[]}`, `object has missing required properties (["rules"])`},
		{"zero rules", `{"rules":[]}`, "array is too short: must have at least 1 elements but instance has 0 elements"},
		{"too many rules", policy(many(51)...), "array is too long: must have at most 50 elements but instance has 51 elements"},
		{"beside rules", `{"rules":[` + rule(1, untagged+count, expire) + `],"x":1}`, `object instance has properties which are not allowed by the schema: (["x"])`},
		{"empty rule", `{"rules":[{}]}`, `object has missing required properties (["action","rulePriority","selection"])`},
		{"rule without priority", `{"rules":[{"selection":{},"action":{}}]}`, `object has missing required properties (["rulePriority"])`},
		{"member of a rule", `{"rules":[{"rulePriority":1,"selection":{},"action":{},"y<":1,"x":2}]}`, `object instance has properties which are not allowed by the schema: (["x","y<"])`},
		{"priority zero", policy(rule(0, untagged+count, expire)), "numeric instance is lower than the required minimum (minimum: 1, found: 0)"},
		{"empty selection", one(``, expire), `object has missing required properties (["countNumber","countType","tagStatus"])`},
		{"selection without number", one(untagged+`"countType":"imageCountMoreThan"`, expire), `object has missing required properties (["countNumber"])`},
		{"member of a selection", one(untagged+`"tagList":[],`+count, expire), `object instance has properties which are not allowed by the schema: (["tagList"])`},
		{"tagStatus", one(`"tagStatus":"TAGGED",`+count, expire), `instance value (TAGGED) not found in enum :(possible values: ["tagged","untagged","any"])`},
		{"storageClass", one(untagged+`"storageClass":"glacier",`+count, expire), `instance value (glacier) not found in enum :(possible values: ["standard","archive"])`},
		{"countUnit", one(untagged+`"countType":"sinceImagePushed","countUnit":"hours","countNumber":5`, expire), `instance value (hours) not found in enum :(possible values: ["days"])`},
		{"countNumber zero", one(untagged+`"countType":"imageCountMoreThan","countNumber":0`, expire), "numeric instance is lower than the required minimum (minimum: 1, found: 0)"},
		{"countNumber below", one(untagged+`"countType":"imageCountMoreThan","countNumber":-7`, expire), "numeric instance is lower than the required minimum (minimum: 1, found: -7)"},
		{"countType", one(untagged+`"countType":"imagesMoreThan","countNumber":5`, expire), none},
		{"unit of a count", one(untagged+`"countUnit":"days",`+count, expire), none},
		{"null unit of a count", one(untagged+`"countUnit":null,`+count, expire), none},
		{"null prefixes", one(untagged+`"tagPrefixList":null,`+count, expire), none},
		{"no unit of days", one(untagged+`"countType":"sinceImagePushed","countNumber":5`, expire), none},
		{"transitioned without class", one(untagged+`"countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`, expire), none},
		{"transitioned in standard", one(untagged+`"storageClass":"standard","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90`, expire), none},
		{"empty action", one(untagged+count, ``), `object has missing required properties (["type"])`},
		{"member of an action", one(untagged+count, expire+`,"when":"now"`), `object instance has properties which are not allowed by the schema: (["when"])`},
		{"action type", one(untagged+count, `"type":"delete"`), `instance value (delete) not found in enum :(possible values: ["expire","transition"])`},
		{"target", one(untagged+count, `"type":"transition","targetStorageClass":"glacier"`), `instance value (glacier) not found in enum :(possible values: ["archive"])`},
		{"expire to somewhere", one(untagged+count, expire+`,"targetStorageClass":"archive"`), noAction},
		{"expire to null", one(untagged+count, expire+`,"targetStorageClass":null`), noAction},

		// The rules.
		{"tagged without list", one(`"tagStatus":"tagged",`+count, expire), needList},
		{"tagged with an empty list", one(`"tagStatus":"tagged","tagPrefixList":[],`+count, expire), needList},
		{"both lists", one(pattern+`"tagPrefixList":["v"],`+count, expire), "If policy has a tagged rule, it must specify only one of tagPrefixList or tagPatternList"},
		{"prefixes of any", one(anyTag+`"tagPrefixList":["v"],`+count, expire), "Cannot specify tagPrefixList with tagStatus ANY"},
		{"patterns of untagged", one(untagged+`"tagPatternList":[],`+count, expire), "Cannot specify tagPatternList with tagStatus UNTAGGED"},
		{"wildcards", one(`"tagStatus":"tagged","tagPatternList":["a*","test*1*2*3*4*5*6"],`+count, expire), "Invalid tag pattern provided. Total number of * must not exceed 4"},
		{"count in the archive", one(anyTag+`"storageClass":"archive",`+count, expire), class},
		{"pushed in the archive", one(anyTag+`"storageClass":"archive",`+pushed, expire), class},
		{"pulled in the archive", one(anyTag+`"storageClass":"archive",`+pulled, transition), class},
		{"transition out of the archive", one(anyTag+archived, transition), "SINCE_IMAGE_TRANSITIONED supports the EXPIRE action only"},
		{"too early out of the archive", one(anyTag+strings.Replace(archived, "90", "89", 1), expire), "numeric instance is lower than the required minimum (minimum: 90, found: 89)"},
		{"priorities", policy(rule(3, untagged+count, expire), rule(3, prefix+count, expire)), "Duplicate priority in multiple rules"},
		{"two untagged", policy(rule(1, untagged+count, expire), rule(2, untagged+pushed, expire)), "Only one rule can select Untagged images per storage class."},
		{"two any", policy(rule(1, anyTag+count, expire), rule(2, anyTag+pushed, expire)), "Only one rule can specify tagStatus=ANY"},
		{"any is not last", policy(rule(1, anyTag+count, expire), rule(2, prefix+pushed, expire)), "Rule for tagStatus=ANY must have the lowest priority per storage class"},
		{"prefixes again", policy(rule(1, `"tagStatus":"tagged","tagPrefixList":["a","b"],`+count, expire), rule(2, `"tagStatus":"tagged","tagPrefixList":["b","a","b"],`+pushed, expire)), "Duplicate tagPrefixList in multiple rules"},
	} {
		want := c.text
		if want != unmapped {
			want = "Lifecycle policy validation failure: " + want
		}
		if p, err := Parse(c.policy); err == nil || err.Error() != want {
			t.Errorf("%s: %s\ngot  %+v, %v\nwant %s", c.name, c.policy, p, err, want)
		}
	}
}

// many makes rules that get along with each other.
func many(n int) (rules []string) {
	for i := range n {
		rules = append(rules, rule(i+1, fmt.Sprintf(`"tagStatus":"tagged","tagPrefixList":["%d"],`, i)+count, expire))
	}
	return rules
}

func TestWhatIsAllowedIsAllowed(t *testing.T) {
	for name, text := range map[string]string{
		"fifty rules":                      policy(many(50)...),
		"patterns":                         one(pattern+count, expire),
		"four wildcards":                   one(`"tagStatus":"tagged","tagPatternList":["*test*1*2*3"],`+pushed, expire),
		"the same patterns again":          policy(rule(1, pattern+count, expire), rule(2, pattern+pushed, expire)),
		"standard by its name":             one(anyTag+`"storageClass":"standard",`+count, expire),
		"archived by age, by pull":         policy(rule(1, prefix+pushed, transition), rule(2, anyTag+pulled, transition)),
		"out of the archive":               one(anyTag+archived, expire),
		"any and untagged of each class":   policy(rule(4, anyTag+count, expire), rule(3, untagged+pushed, expire), rule(2, anyTag+archived, expire), rule(1, untagged+archived, expire)),
		"any of the archive is not last":   policy(rule(1, anyTag+archived, expire), rule(2, prefix+count, expire)),
		"expires what nobody pulls (ours)": one(anyTag+pulled, expire),
		"white space and a description":    "\n{ \"rules\" : [ {\"description\":\"\", \"rulePriority\":2147483647, \"selection\":{" + untagged + count + "},\"action\":{" + expire + "}} ] }\n",
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRulesAreInOrderOfPriority(t *testing.T) {
	got, err := Parse(policy(
		rule(20, anyTag+archived, expire),
		`{"rulePriority":10,"description":"old","selection":{`+prefix+pulled+`},"action":{`+transition+`}}`,
		rule(1, `"tagStatus":"tagged","tagPatternList":["a*","b"],`+count, expire),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := &Policy{Rules: []Rule{
		{Priority: 1, Selection: Selection{TagStatus: Tagged, Patterns: []string{"a*", "b"}, Storage: Standard, Count: ImageCountMoreThan, Number: 5}, Action: Action{Type: Expire}},
		{Priority: 10, Description: "old", Selection: Selection{TagStatus: Tagged, Prefixes: []string{"v"}, Storage: Standard, Count: SinceImagePulled, Number: 5}, Action: Action{Type: Transition, Target: Archive}},
		{Priority: 20, Selection: Selection{TagStatus: Any, Storage: Archive, Count: SinceImageTransitioned, Number: 90}, Action: Action{Type: Expire}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// FuzzParse looks for policies that are accepted although an evaluator could
// not run them, and for texts that are none of ECR's two kinds.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"rules":[]}`, one(untagged+count, expire), one(anyTag+archived, expire), one(prefix+pulled, transition),
		policy(rule(2, anyTag+count, expire), rule(1, pattern+pushed, expire)), policy(many(51)...), strings.Repeat("[", 30720),
		one(untagged+`"countUnit":null,`+count, expire+`,"targetStorageClass":null`), `{"rules":[{"rulePriority":1e2}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, parsingFailure) && !strings.HasPrefix(s, validationFailure) || strings.HasSuffix(s, ": ") {
				t.Errorf("%q", s)
			}
			return
		}
		if !json.Valid([]byte(text)) || len(p.Rules) < 1 || len(p.Rules) > MaxRules {
			t.Fatalf("%d rules of %q", len(p.Rules), text)
		}
		for i, r := range p.Rules {
			if err := runnable(r); err != "" || i > 0 && r.Priority <= p.Rules[i-1].Priority {
				t.Errorf("%s in %+v", err, p.Rules)
			}
		}
	})
}

// runnable says why a rule could not be evaluated.
func runnable(r Rule) string {
	s := r.Selection
	switch {
	case r.Priority < 1 || s.Number < 1:
		return "number"
	case !slices.Contains([]TagStatus{Tagged, Untagged, Any}, s.TagStatus):
		return "tag status"
	case (s.TagStatus == Tagged) != (len(s.Patterns)+len(s.Prefixes) > 0), s.Patterns != nil && s.Prefixes != nil:
		return "lists"
	case (s.Storage == Archive) != (s.Count == SinceImageTransitioned), s.Storage != Archive && s.Storage != Standard:
		return "storage class"
	case !slices.Contains([]CountType{ImageCountMoreThan, SinceImagePushed, SinceImagePulled, SinceImageTransitioned}, s.Count):
		return "count type"
	case s.Storage == Archive && (s.Number < MinArchiveDays || r.Action.Type != Expire):
		return "archive"
	case r.Action != Action{Type: Expire} && r.Action != Action{Type: Transition, Target: Archive}:
		return "action"
	}
	return ""
}

// BenchmarkParse reads the largest policy that there may be.
func BenchmarkParse(b *testing.B) {
	text := policy(many(50)...)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

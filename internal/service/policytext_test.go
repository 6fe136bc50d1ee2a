package service

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestAPolicyIsWrittenAnewAsECRDoes(t *testing.T) {
	for given, want := range map[string]string{
		`{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["123456789012","*"]},"Action":"ecr:*","Condition":{}},{"Effect":"Deny","Action":[],"X":[1,-2.50,true,null]}]}`: `{
  "Version" : "2012-10-17",
  "Statement" : [ {
    "Sid" : "a",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : [ "123456789012", "*" ]
    },
    "Action" : "ecr:*",
    "Condition" : { }
  }, {
    "Effect" : "Deny",
    "Action" : [ ],
    "X" : [ 1, -2.50, true, null ]
  } ]
}`,
		"\n { \"Statement\" :{\"Sid\":\"\\u003cé\\u00e9\\\"\\\\\\/\\n\\u0001\\u2028>\"} } ": `{
  "Version" : "2008-10-17",
  "Statement" : {
    "Sid" : "<éé\"\\/\n\u0001` + "\u2028" + `>"
  }
}`,
		`{}`: "{\n  \"Version\" : \"2008-10-17\"\n}",
	} {
		got, err := rewritePolicy(given)
		if err != nil || got != want {
			t.Errorf("%s\ngot  %s (%v)\nwant %s", given, got, err, want)
		}
		if again, err := rewritePolicy(got); err != nil || again != got {
			t.Errorf("again: %s (%v)", again, err)
		}
	}
}

func TestWhatIsNoObjectIsNotWritten(t *testing.T) {
	for _, given := range []string{"", "null", "[]", `"x"`, "{", "{}{}", `{"a":1,}`, `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}"} {
		if got, err := rewritePolicy(given); err == nil {
			t.Errorf("%s became %s", given, got)
		}
	}
}

// FuzzRewritePolicy holds that only the layout changes.
func FuzzRewritePolicy(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"Version":null}`, `{"Statement":[{"Action":["ecr:*"]},{}]}`, `{"a":"\ud800","\u0000":{"b":[[],[{}]]}}`,
		`{"n":[1e400,-0,0.10,12345678901234567890]}`, "{\"x\":\"\xff\"}", `{"a":1,"a":2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		got, err := rewritePolicy(given)
		if err != nil {
			return
		}
		if len(got) > 10*maxPolicyDepth*(len(given)+10) {
			t.Errorf("%d bytes became %d", len(given), len(got))
		}
		want := parsed(t, given)
		if _, named := want["Version"]; !named {
			want["Version"] = defaultPolicyVersion
		}
		if !reflect.DeepEqual(parsed(t, got), want) {
			t.Errorf("%s\nbecame\n%s", given, got)
		}
	})
}

func parsed(t *testing.T, text string) (value map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return value
}

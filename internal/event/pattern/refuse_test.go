package pattern

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
)

// refusal is a pattern, and why it is refused at which column of the first
// line; column 0 is for errors that do not say where.
type refusal struct {
	pattern string
	column  int
	reason  string
}

// checkRefused compares the whole text of an error.
func checkRefused(t *testing.T, pattern, want string) {
	t.Helper()
	p, err := Compile(pattern)
	var coded *registry.Error
	if p != nil || !errors.As(err, &coded) || coded.Code != registry.CodeInvalidEventPattern {
		t.Errorf("%s: %v, %v", pattern, p, err)
		return
	}
	if got, want := coded.Message, "Event pattern is not valid. Reason: "+want; got != want {
		t.Errorf("%s is refused with\n%s\nin place of\n%s", pattern, got, want)
	}
}

func (r refusal) text() string {
	if r.column == 0 {
		return r.reason
	}
	return r.reason + "\n at " + r.place()
}

func (r refusal) place() string {
	return fmt.Sprintf("[Source: (String)%q; line: 1, column: %d]", unquoted(r.pattern), r.column)
}

// unquoted makes %q leave the text as it is.
type unquoted string

func (u unquoted) Format(f fmt.State, _ rune) { fmt.Fprintf(f, `"%s"`, string(u)) }

// TestRefusedAsEventBridgeDoes: answers of EventBridge itself.
func TestRefusedAsEventBridgeDoes(t *testing.T) {
	for _, r := range []refusal{
		{`{"int": 42}`, 11, `"int" must be an object or an array`},
		{`{"string": "my-value"}`, 13, `"string" must be an object or an array`},
		{`{"source":["test.event-pattern"],"detail":{"lenderId":"LenderA"}}`, 56, `"lenderId" must be an object or an array`},
		{`{"resources": []}`, 17, `Empty arrays are not allowed`},
		{`{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}`, 36, `Unrecognized match type NUMERIC`},
		{`{"my_key": [{"EXISTS": true}]}`, 28, `Unrecognized match type EXISTS`},
		{`{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}`, 49, `Bad numeric range operator: >`},
		{`{"detail": {"c-count": [{"numeric": [">", 0, "<"]}]}}`, 50, `Value of < must be numeric`},
		{`{"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}`, 0, `Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character`},
		{`{"EventBusArn": [{"wildcard": "arn:aws:events:us-east-1:**:event-bus/*"}]}`, 72, `Consecutive wildcard characters at pos 26`},
		{`{"detail-type": [{"equals-ignore-case": ["ec2 instance state-change notification"]}]}`, 42, `equals-ignore-case match pattern must be a string`},
		{`{"detail-type": [{"equals-ignore-case": {"prefix": "ec2"}}]}`, 42, `equals-ignore-case match pattern must be a string`},
		{`{"detail": {"sourceIPAddress": [{"cidr": "bad-filter"}]}}`, 0, `Malformed CIDR, one '/' required`},
		{`{"detail": {"sourceIPAddress": [{"cidr": "xx.11.xx/8"}]}}`, 0, `Nonstandard IP address: xx.11.xx`},
		{`{"detail": {"sourceIPAddress": [{"cidr": "10.0.0.0/xx"}]}}`, 0, `Malformed CIDR, mask bits must be an integer`},
		{`{"detail": {"sourceIPAddress": [{"cidr": "xxxx:db8:1234:1a00::/64"}]}}`, 0, `Nonstandard IP address: xxxx:db8:1234:1a00::`},
		{`{"detail": {"sourceIPAddress": [{"cidr": ["bad-type"]}]}}`, 43, `prefix match pattern must be a string`},
		{`{"detail": {"state": [{"anything-but": {"equals-ignore-case": 123}}]}}`, 66, `Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.`},
		{`{"EventBusArn": [{"wildcard": 123}]}`, 34, `wildcard match pattern must be a string`},
		{`{"detail": {"FilePath": [{"anything-but": {"wildcard": 123}}]}}`, 59, `wildcard match pattern must be a string`},
		{`{"detail": {"FileName": [{"anything-but": {"suffix": 123}}]}}`, 57, `prefix/suffix match pattern must be a string`},
		{`{"detail": {"state": [{"anything-but": {"prefix": 123}}]}}`, 54, `prefix/suffix match pattern must be a string`},
		{`{"time": [{"prefix": ["2022-07-13"]}]}`, 23, `prefix match pattern must be a string`},
		{`{"time": [{"prefix": 123}]}`, 25, `prefix match pattern must be a string`},
		{`{"FileName": [{"suffix": 123}]}`, 29, `suffix match pattern must be a string`},
		{`{"FileName": [{"suffix": [".png"]}]}`, 27, `suffix match pattern must be a string`},
		{`{"detail": {"FileName": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]}}`, 55, `Value of anything-but must be an array or single string/number value.`},
		{`{"detail": {"FileName": [{"anything-but": {"suffix": {"equals-ignore-case": ".png"}}}]}}`, 55, `Value of anything-but must be an array or single string/number value.`},
		{`this is valid json but not a dict`, 5, `Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')`},
		{`{'bad': 'quotation'}`, 2, `Unexpected character (''' (code 39)): was expecting double-quote to start field name`},
		{`{"not": closed mark"`, 15, `Unrecognized token 'closed': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')`},
		{`["not", "a", "dict", "but valid json"]`, 2, `Filter is not an object`},
	} {
		checkRefused(t, r.pattern, r.text())
	}
	// Errors within lists say twice where they are.
	for _, r := range []refusal{
		{`{"detail": {"state": [{"anything-but": {"equals-ignore-case": [123, 456]}}]}}`, 67, `Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.`},
		{`{"detail": {"state": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}}`, 57, `wildcard match pattern must be a string`},
		{`{"detail": {"FileName": [{"anything-but": {"suffix": [123, ".txt"]}}]}}`, 58, `prefix/suffix match pattern must be a string`},
		{`{"detail": {"state": [{"anything-but": {"prefix": [123, "test"]}}]}}`, 55, `prefix/suffix match pattern must be a string`},
	} {
		checkRefused(t, r.pattern, r.text()+"\n at "+r.place())
	}
}

// TestRefused: the rest of the language.
func TestRefused(t *testing.T) {
	for _, r := range []refusal{
		// structure
		{``, 1, `Filter is not an object`},
		{`  `, 3, `Filter is not an object`},
		{`null`, 5, `Filter is not an object`},
		{`"x"`, 2, `Filter is not an object`},
		{`7`, 2, `Filter is not an object`},
		{`{}`, 3, `Empty objects are not allowed`},
		{`{"a":{}}`, 8, `Empty objects are not allowed`},
		{`{"a":[1],"b":{}}`, 16, `Empty objects are not allowed`},
		{`{"a":null}`, 10, `"a" must be an object or an array`},
		{`{"a":true}`, 10, `"a" must be an object or an array`},
		{`{"é😀":1}`, 9, `"é😀" must be an object or an array`},
		{`{"a":[[1]]}`, 8, `Match value must be String, number, true, false, or null`},
		{`{"a":[{}]}`, 9, `Match expression name not found`},
		{`{"a":[{"b":1}]}`, 13, `Unrecognized match type b`},
		{`{"a":[{"b":{}}]}`, 13, `Unrecognized match type b`},
		{`{"a":[{"":1}]}`, 12, `Unrecognized match type `},

		// exactly, prefix, suffix, equals-ignore-case, wildcard
		{`{"a":[{"exactly":5}]}`, 19, `exact match pattern must be a string`},
		{`{"a":[{"exactly":"x","y":1}]}`, 27, onlyOneKey},
		{`{"a":[{"prefix":"x","suffix":"y"}]}`, 31, onlyOneKey},
		{`{"a":[{"prefix":null}]}`, 21, `prefix match pattern must be a string`},
		{`{"a":[{"prefix":{}}]}`, 19, `Prefix expression name not found`},
		{`{"a":[{"suffix":{}}]}`, 19, `Suffix expression name not found`},
		{`{"a":[{"prefix":{"suffix":"x"}}]}`, 28, `Unsupported prefix pattern: suffix`},
		{`{"a":[{"suffix":{"wildcard":"x"}}]}`, 30, `Unsupported suffix pattern: wildcard`},
		{`{"a":[{"prefix":{"equals-ignore-case":5}}]}`, 40, `equals-ignore-case match pattern must be a string`},
		{`{"a":[{"suffix":{"equals-ignore-case":["x"]}}]}`, 40, `equals-ignore-case match pattern must be a string`},
		{`{"a":[{"prefix":{"equals-ignore-case":"x","y":1}}]}`, 48, onlyOneKey},
		{`{"a":[{"prefix":{"equals-ignore-case":"x"},"y":1}]}`, 49, onlyOneKey},
		{`{"a":[{"suffix":"x","y":1}]}`, 26, onlyOneKey},
		{`{"a":[{"equals-ignore-case":"x","y":1}]}`, 38, onlyOneKey},
		{`{"a":[{"wildcard":"x","y":1}]}`, 28, onlyOneKey},
		{`{"a":[{"wildcard":"**"}]}`, 23, `Consecutive wildcard characters at pos 1`},
		{`{"a":[{"wildcard":"é**"}]}`, 24, `Consecutive wildcard characters at pos 3`},
		{`{"a":[{"wildcard":"a\\b"}]}`, 25, `Invalid escape character at pos 2`},
		{`{"a":[{"wildcard":"a\\"}]}`, 24, `Invalid escape character at pos 2`},
		{`{"a":[{"wildcard":"\\***"}]}`, 26, `Consecutive wildcard characters at pos 3`},

		// exists
		{`{"a":[{"exists":"true"}]}`, 18, `exists match pattern must be either true or false.`},
		{`{"a":[{"exists":1}]}`, 18, `exists match pattern must be either true or false.`},
		{`{"a":[{"exists":[true]}]}`, 18, `exists match pattern must be either true or false.`},
		{`{"a":[{"exists":true,"x":1}]}`, 27, onlyOneKey},

		// cidr
		{`{"a":[{"cidr":5}]}`, 16, `prefix match pattern must be a string`},
		{`{"a":[{"cidr":"10.0.0.0"}]}`, 0, `Malformed CIDR, one '/' required`},
		{`{"a":[{"cidr":"10.0.0.0/"}]}`, 0, `Malformed CIDR, one '/' required`},
		{`{"a":[{"cidr":"a/b/c"}]}`, 0, `Malformed CIDR, one '/' required`},
		{`{"a":[{"cidr":"10.0.0.0/x"}]}`, 0, `Malformed CIDR, mask bits must be an integer`},
		{`{"a":[{"cidr":"10.0.0.0/99999999999"}]}`, 0, `Malformed CIDR, mask bits must be an integer`},
		{`{"a":[{"cidr":"10.0.0.0/-1"}]}`, 0, `Malformed CIDR, mask bits must not be negative`},
		{`{"a":[{"cidr":"10.0.0.0/32"}]}`, 0, `IPv4 mask bits must be < 32`},
		{`{"a":[{"cidr":"::/128"}]}`, 0, `IPv6 mask bits must be < 128`},
		{`{"a":[{"cidr":"/24"}]}`, 0, `Nonstandard IP address: `},
		{`{"a":[{"cidr":"10.0.0.0.0/8"}]}`, 0, `Nonstandard IP address: 10.0.0.0.0`},
		{`{"a":[{"cidr":"10..0.0/8"}]}`, 0, `Nonstandard IP address: 10..0.0`},
		{`{"a":[{"cidr":"10.0.0.256/8"}]}`, 0, `Invalid IP address: 10.0.0.256`},
		{`{"a":[{"cidr":"1:2/8"}]}`, 0, `Invalid IP address: 1:2`},
		{`{"a":[{"cidr":"10.0.0.0/8","x":1}]}`, 33, onlyOneKey},

		// numeric
		{`{"a":[{"numeric":5}]}`, 19, `Value of numeric must be an array.`},
		{`{"a":[{"numeric":[]}]}`, 20, `Invalid member in numeric match: ]`},
		{`{"a":[{"numeric":[5]}]}`, 20, `Invalid member in numeric match: 5`},
		{`{"a":[{"numeric":["="]}]}`, 23, `Value of equals must be numeric`},
		{`{"a":[{"numeric":["=","5"]}]}`, 24, `Value of equals must be numeric`},
		{`{"a":[{"numeric":["=",5,6]}]}`, 26, tooManyElements},
		{`{"a":[{"numeric":["=",5,"<",6]}]}`, 26, tooManyElements},
		{`{"a":[{"numeric":["<",true]}]}`, 27, `Value of < must be numeric`},
		{`{"a":[{"numeric":["<=",null]}]}`, 28, `Value of <= must be numeric`},
		{`{"a":[{"numeric":[">",[]]}]}`, 24, `Value of > must be numeric`},
		{`{"a":[{"numeric":[">=",{}]}]}`, 25, `Value of >= must be numeric`},
		{`{"a":[{"numeric":["<",1,">",0]}]}`, 26, tooManyElements},
		{`{"a":[{"numeric":["==",1]}]}`, 25, `Unrecognized numeric range operator: ==`},
		{`{"a":[{"numeric":["!=",1]}]}`, 25, `Unrecognized numeric range operator: !=`},
		{`{"a":[{"numeric":[">",1,2]}]}`, 26, `Bad value in numeric range: 2`},
		{`{"a":[{"numeric":[">",1,"=",2]}]}`, 28, `Bad numeric range operator: =`},
		{`{"a":[{"numeric":[">",1,"<=","2"]}]}`, 31, `Value of <= must be numeric`},
		{`{"a":[{"numeric":[">",1,"<",30,false]}]}`, 37, `Too many terms in numeric range expression`},
		{`{"a":[{"numeric":[">",1,"<",1]}]}`, 31, `Bottom must be less than top`},
		{`{"a":[{"numeric":[">=",30,"<=",1]}]}`, 34, `Bottom must be less than top`},
		{`{"a":[{"numeric":["=",5000000001]}]}`, 34, outOfBounds},
		{`{"a":[{"numeric":["<",2.0e22]}]}`, 30, outOfBounds},
		{`{"a":[{"numeric":[">",-5000000000.1]}]}`, 37, outOfBounds},
		{`{"a":[{"numeric":[">",0,"<",6e9]}]}`, 33, outOfBounds},
		{`{"a":[{"numeric":["=",5],"x":1}]}`, 31, tooManyElements},

		// anything-but
		{`{"a":[{"anything-but":null}]}`, 27, `Value of anything-but must be an array or single string/number value.`},
		{`{"a":[{"anything-but":true}]}`, 27, `Value of anything-but must be an array or single string/number value.`},
		{`{"a":[{"anything-but":[]}]}`, 25, `Inside anything but list, either all values are number or string, mixed type is not supported`},
		{`{"a":[{"anything-but":["x",1]}]}`, 30, `Inside anything but list, either all values are number or string, mixed type is not supported`},
		{`{"a":[{"anything-but":6000000000}]}`, 0, outOfBounds},
		{`{"a":[{"anything-but":"x","y":1}]}`, 32, tooManyElements},
		{`{"a":[{"anything-but":{}}]}`, 25, `Anything-But expression name not found`},
		{`{"a":[{"anything-but":{"numeric":["=",1]}}]}`, 35, `Unsupported anything-but pattern: numeric`},
		{`{"a":[{"anything-but":{"prefix":""}}]}`, 35, `Null prefix/suffix not allowed`},
		{`{"a":[{"anything-but":{"suffix":""}}]}`, 35, `Null prefix/suffix not allowed`},
		{`{"a":[{"anything-but":{"prefix":null}}]}`, 37, `Value of anything-but must be an array or single string/number value.`},
		{`{"a":[{"anything-but":{"prefix":"x","y":1}}]}`, 42, tooManyElements},
		{`{"a":[{"anything-but":{"prefix":"x"},"y":1}]}`, 43, tooManyElements},
		{`{"a":[{"anything-but":{"wildcard":"a**"}}]}`, 40, `Consecutive wildcard characters at pos 2`},

		// $or, where it reads as a field neither
		{`{"$or":1}`, 9, `It must be an Array followed with $or.`},
		{`{"$or":{}}`, 9, `It must be an Array followed with $or.`},
		{`{"$or":[]}`, 10, `There must have at least 2 Objects in $or relationship.`},
		{`{"$or":[{"a":[1]}]}`, 19, `There must have at least 2 Objects in $or relationship.`},
		{`{"$or":[{"a":[1]},1]}`, 20, `Only JSON object is allowed in array of $or relationship.`},
		{`{"$or":[{"a":[1]},[{"b":[1]}]]}`, 20, `Only JSON object is allowed in array of $or relationship.`},
		{`{"$or":[{"a":[1]},{}]}`, 21, `Empty objects are not allowed`},
		{`{"$or":[{"a":[1]},{"b":1}]}`, 25, `"b" must be an object or an array`},
		{`{"$or":[{"a":[1]},{"b":[]}]}`, 26, `Empty arrays are not allowed`},
		{`{"$or":[{"a":[1]},{"prefix":["x"]}]}`, 30, `prefix is Ruler reserved fieldName which cannot be used inside $or.`},
		{`{"$or":[{"a":{"numeric":[1]}},{"b":[1]}]}`, 26, `numeric is Ruler reserved fieldName which cannot be used inside $or.`},
		{`{"$or":[{"a":[1]},{"b":{"$or":[{"c":[1]},{"in-date-range":[1]}]}}]}`, 60, `in-date-range is Ruler reserved fieldName which cannot be used inside $or.`},
		{`{"$or":[{"a":[1]},{"b":[1]}],"c":2}`, 35, `"c" must be an object or an array`},
	} {
		checkRefused(t, r.pattern, r.text())
	}
}

// TestRefusedInLists: what is wrong within the lists of anything-but.
func TestRefusedInLists(t *testing.T) {
	for _, r := range []refusal{
		{`{"a":[{"anything-but":[null]}]}`, 28, `Inside anything but list, start|null|boolean is not supported.`},
		{`{"a":[{"anything-but":[{"prefix":"x"}]}]}`, 25, `Inside anything but list, start|null|boolean is not supported.`},
		{`{"a":[{"anything-but":{"prefix":["x",""]}}]}`, 40, `Null prefix/suffix not allowed`},
	} {
		checkRefused(t, r.pattern, r.text()+"\n at "+r.place())
	}
	r := refusal{`{"a":[{"anything-but":[1,6e9]}]}`, 29, outOfBounds}
	checkRefused(t, r.pattern, r.text())
	// The second time it is where the parser stands, past the character.
	r = refusal{`{"a":[{"anything-but":[1, 2 3]}]}`, 29, `Unexpected character ('3' (code 51)): was expecting comma to separate Array entries`}
	checkRefused(t, r.pattern, r.text()+"\n at "+refusal{r.pattern, 30, ""}.place())
}

// TestRefusedJSON: what is no JSON.
func TestRefusedJSON(t *testing.T) {
	at := func(pattern string, column int) string { return refusal{pattern, column, ""}.place() }
	for _, r := range []refusal{
		{`{"a":[1]`, 9, "Unexpected end-of-input: expected close marker for Object (start marker at " + at(`{"a":[1]`, 1) + ")"},
		{`{"a":[1`, 8, "Unexpected end-of-input: expected close marker for Array (start marker at " + at(`{"a":[1`, 6) + ")"},
		{`{`, 2, "Unexpected end-of-input: expected close marker for Object (start marker at " + at(`{`, 1) + ")"},
		{`{"a":[1],`, 10, `Unexpected end-of-input within/between Object entries`},
		{`{"a"`, 5, `Unexpected end-of-input within/between Object entries`},
		{`{"a":`, 6, `Unexpected end-of-input within/between Object entries`},
		{`{"a":[1,`, 9, `Unexpected end-of-input within/between Array entries`},
		{`{"a`, 4, `Unexpected end-of-input in field name`},
		{`{"a":["x`, 9, `Unexpected end-of-input: was expecting closing quote for a string value`},
		{`{"a":["x\`, 10, `Unexpected end-of-input in character escape sequence`},
		{`{"a":["\u12`, 12, `Unexpected end-of-input in character escape sequence`},
		{`{"a":[1]]`, 10, "Unexpected close marker ']': expected '}' (for Object starting at " + at(`{"a":[1]]`, 1) + ")"},
		{`{"a":[1}`, 9, "Unexpected close marker '}': expected ']' (for Array starting at " + at(`{"a":[1}`, 6) + ")"},
		{`}`, 2, "Unexpected close marker '}': expected ']' (for root starting at " + at(`}`, 0) + ")"},
		{`]`, 2, "Unexpected close marker ']': expected '}' (for root starting at " + at(`]`, 0) + ")"},
		{`{"a":[1],}`, 10, `Unexpected character ('}' (code 125)): was expecting double-quote to start field name`},
		{`{"a":[1,]}`, 9, `Unexpected character (']' (code 93)): expected a valid value ` + validValues},
		{`{"a":[1,}`, 9, `Unexpected character ('}' (code 125)): expected a value`},
		{`{"a":[,1]}`, 7, `Unexpected character (',' (code 44)): expected a valid value ` + validValues},
		{`{"a" [1]}`, 6, `Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value`},
		{`{"a":[1]"b":[1]}`, 9, `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries`},
		{`{"a":[1 2]}`, 9, `Unexpected character ('2' (code 50)): was expecting comma to separate Array entries`},
		{`{a:[1]}`, 2, `Unexpected character ('a' (code 97)): was expecting double-quote to start field name`},
		{`{"a":[tru]}`, 10, `Unrecognized token 'tru': was expecting ` + validValues},
		{`{"a":[True]}`, 11, `Unrecognized token 'True': was expecting ` + validValues},
		{`{"a":[nulll]}`, 12, `Unrecognized token 'nulll': was expecting ` + validValues},
		{`{"a":[é]}`, 8, `Unrecognized token 'é': was expecting ` + validValues},
		{`{"a":[€]}`, 7, `Unexpected character ('€' (code 8364 / 0x20ac)): expected a valid value ` + validValues},
		{`{"a":['x']}`, 7, `Unexpected character (''' (code 39)): expected a valid value ` + validValues},
		{`{"a":[01]}`, 8, `Invalid numeric value: Leading zeroes not allowed`},
		{`{"a":[-]}`, 8, `Unexpected character (']' (code 93)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value`},
		{`{"a":[1.]}`, 9, `Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit`},
		{`{"a":[1e+]}`, 10, `Unexpected character (']' (code 93)) in numeric value: Exponent indicator not followed by a digit`},
		{`{"a":[1.5.5]}`, 10, `Unexpected character ('.' (code 46)): was expecting comma to separate Array entries`},
		{`{"a":[-`, 8, `Unexpected end-of-input: expected digit (0-9) to follow minus sign, for valid numeric value`},
		{`{"a":["\x"]}`, 9, `Unrecognized character escape 'x' (code 120)`},
		{`{"a":["\u12g4"]}`, 12, `Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence`},
		{`{"a":["\u00` + "\x10" + `0"]}`, 0, "Unexpected character ((CTRL-CHAR, code 16)): expected a hex-digit for character escape sequence\n at [Source: (String)\"{\"a\":[\"\\u00\\u00100\"]}\"; line: 1, column: 12]"},
		{`{"a":["\uD83D\u"]}`, 16, `Unexpected character ('"' (code 34)): expected a hex-digit for character escape sequence`},
		{`{"\q":["x"]}`, 4, `Unrecognized character escape 'q' (code 113)`},
		{`{"a":["x"]} x`, 13, `Unexpected character ('x' (code 120)): expected end of input`},
		{`{"a":["x"]},"b":["y"]}`, 12, `Unexpected character (',' (code 44)): expected end of input`},
		{`{"a":["x"]}}`, 12, `Unexpected character ('}' (code 125)): expected end of input`},
		{`{"a":[1 /* one */]}`, 9, `Unexpected character ('/' (code 47)): maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)`},
		{"{\"a\":[\"x\ty\"]}", 0, "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in string value\n at [Source: (String)\"{\"a\":[\"x\\u0009y\"]}\"; line: 1, column: 9]"},
		{"{\"a\x01\":[1]}", 0, "Illegal unquoted character ((CTRL-CHAR, code 1)): has to be escaped using backslash to be included in name\n at [Source: (String)\"{\"a\\u0001\":[1]}\"; line: 1, column: 4]"},
		{"{\x02}", 0, "Illegal character ((CTRL-CHAR, code 2)): only regular white space (\\r, \\n, \\t) is allowed between tokens\n at [Source: (String)\"{\\u0002}\"; line: 1, column: 3]"},
	} {
		checkRefused(t, r.pattern, r.text())
	}
	checkRefused(t, "{\n  \"a\": [\n\t\"x\",\r\n  {} ]}",
		"Match expression name not found\n at [Source: (String)\"{\n  \"a\": [\n\\u0009\"x\",\r\n  {} ]}\"; line: 4, column: 5]")
	checkRefused(t, "{\r\r\"a\":1}", "\"a\" must be an object or an array\n at [Source: (String)\"{\r\r\"a\":1}\"; line: 3, column: 6]")
	checkRefused(t, "{\"a\":[\"\xff\"]}", "Event pattern is not valid UTF-8")
}

// TestRefusedForSize: every bound, and what is just within.
func TestRefusedForSize(t *testing.T) {
	fill := func(n int) string { return `{"a":["` + strings.Repeat("é", n-9) + `"]}` }
	compiled(t, fill(MaxLength-1))
	checkRefused(t, fill(MaxLength+1), "Event pattern is longer than 4096 characters")

	fields := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"%x":[1]`, i))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	compiled(t, fields(256))
	checkRefused(t, fields(257), "Rule is too complex - there must not be more than 256 fields")

	or := func(n, width int) string {
		var all []string
		for i := range n {
			var objects []string
			for j := range width {
				objects = append(objects, fmt.Sprintf(`{"%c%c":[1]}`, 'a'+i, 'a'+j))
			}
			all = append(all, `"$or":[`+strings.Join(objects, ",")+`]`)
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	const combinations = "Rule is too complex - $or must not result in more than 1000 combinations or 32768 fields in all"
	compiled(t, or(3, 10))
	checkRefused(t, or(2, 32), combinations)
	checkRefused(t, or(20, 5), combinations)
	wide := strings.TrimSuffix(or(3, 10), "}") + "," + strings.TrimPrefix(fields(40), "{")
	checkRefused(t, wide, combinations)

	deep := strings.Repeat(`{"":`, 1000) + `[1]` + strings.Repeat("}", 1000)
	checkRefused(t, deep, "Event pattern is longer than 4096 characters")
	compiled(t, strings.Repeat(`{"":`, 800)+`[1]`+strings.Repeat("}", 800))

	long := `{"a":` + strings.Repeat(" ", 600) + `1}`
	checkRefused(t, long, `"a" must be an object or an array`+"\n at [Source: (String)\"{\"a\":"+strings.Repeat(" ", 495)+"\"[truncated 107 chars]; line: 1, column: 607]")
	word := strings.Repeat("x", 300)
	checkRefused(t, word, "Unrecognized token '"+word[:256]+"...': was expecting "+validValues+"\n at [Source: (String)\""+word+"\"; line: 1, column: 301]")
}

// TestWildcardComplexity: what may be half-way through at once.
func TestWildcardComplexity(t *testing.T) {
	list := func(texts ...string) string {
		var all []string
		for _, text := range texts {
			all = append(all, fmt.Sprintf(`{"wildcard":"%s"}`, text))
		}
		return `{"a":[` + strings.Join(all, ",") + `]}`
	}
	many := func(n int, format string) []string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, 'a'+i))
		}
		return all
	}
	for _, text := range []string{
		list("*:*:*:*:event-bus/*"),
		list("arn:aws:*:*:*:repository/team-*/*"),
		list("*/dir/*/file*.txt", "*.png"),
		list("*aaaaaaa"),
		list(many(10, "%c*")...),
		list(strings.Repeat("x", 3000) + "*"),
		`{"a":[{"anything-but":{"wildcard":["*/a/*","*/b/*","*/c/*"]}}]}`,
		`{"a":[{"wildcard":"*:*:*:*:x*"}],"b":[{"wildcard":"*:*:*:*:x*"}]}`,
		`{"a":[{"wildcard":"\u0000*\u0000*"}]}`,
	} {
		compiled(t, text)
	}
	for _, text := range []string{
		list("*:*:*:*:*:event-bus/*"),
		list("*a*b*c*d*e*f*g*h*i*j*"),
		list("*aaaaaaaaaaaa"),
		list(many(11, "%c*")...),
		list("*:*:*:*:x*", "*:*:*"),
		`{"a":[{"anything-but":{"wildcard":"*:*:*:*:*:event-bus/*"}}]}`,
		`{"a":[{"anything-but":{"wildcard":["*:*:*:*:x*","x*:*:*:*"]}},{"wildcard":"*:*:*"}]}`,
		`{"$or":[{"a":[1]},{"b":[{"wildcard":"*:*:*:*:*:x*"}]}]}`,
		list(strings.Repeat("*ab", 1000)),
		`{"a":[{"anything-but":{"wildcard":["*a*","*b*","*c*","*d*","*e*","*f*","*g*","*h*","*i*","*j*"]}}]}`,
		// not too many places, but too many sets of them
		list(unlike(1), unlike(2), unlike(3)),
	} {
		checkRefused(t, text, tooComplex)
	}
}

// unlike is a long wildcard that has little in common with those of other
// numbers.
func unlike(number uint64) string {
	d := dice{rand.New(rand.NewPCG(number, 1))}
	letter := func() string { return string(rune('a' + d.IntN(26))) }
	return "*" + d.several(640, 640, "", letter) + "*" + d.several(640, 640, "", letter)
}

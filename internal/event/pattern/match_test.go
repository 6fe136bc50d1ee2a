package pattern

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// absentField stands for an event without the field.
const absentField = "-"

// TestAlternatives: what the one field of a pattern accepts and what it does
// not.
func TestAlternatives(t *testing.T) {
	for _, c := range []struct{ alternatives, yes, no string }{
		// strings
		{`["x"]`, `"x"|["x"]|["y","x"]|[["x"]]|["y",["z",["x"]]]`, `"X"|"xx"|""|1|null|true|{}|[]|-|{"x":1}|["y"]|[{"a":"x"}]`},
		{`["x","y"]`, `"x"|"y"|["z","y"]`, `"z"|"xy"|-`},
		{`[""]`, `""|["",1]`, `" "|null|-|0|[]|[{}]`},
		{`["\u0041\n\"\\\/"]`, `"A\n\"\\/"|"\u0041\u000a\u0022\u005c\u002F"`, `"a\n\"\\/"|"A"`},
		{`["é"]`, `"é"|"\u00e9"|"\u00E9"`, `"e\u0301"|"É"`},
		{`["😀"]`, `"😀"|"\ud83d\ude00"|"\uD83D\uDE00"`, `"\ud83d"|"\ude00\ud83d"`},
		{`["\ufffdA"]`, `"\ud83d\u0041"|"\ufffdA"|"\udc00A"`, `"A"|"\ufffd"|"\ud83d\ude00A"`},
		{`["1"]`, `"1"`, `1|"01"|"1.0"`},
		{`["true"]`, `"true"`, `true`},
		{`["null"]`, `"null"`, `null`},
		{`["10.0.0.1"]`, `"10.0.0.1"`, `"10.0.0.01"|"10.0.0.2"`},
		{`["*"]`, `"*"`, `"x"|""`},
		{`["1","2","3","4","5","6","7","8","9"]`, `"1"|"9"|["x","5"]`, `"0"|""|9|"99"`},
		{`[{"exactly":"x"}]`, `"x"`, `"X"|"xx"|-`},

		// literals
		{`[null]`, `null|[null]|[1,null]`, `"null"|""|0|false|{}|[]|-`},
		{`[true]`, `true|[false,true]`, `false|"true"|1|-`},
		{`[false]`, `false`, `true|"false"|0|null|-`},
		{`[null,"x",2]`, `null|"x"|2`, `-|"2"|3|true`},

		// numbers
		{`[300]`, `300|300.0|3.0e2|3E+2|3e2|30000e-2|0.3e3|[1,300]`, `301|-300|30|3000|"300"|300.0000001|null|-`},
		{`[0]`, `0|-0|0.0|0e5|-0.000|0E-10`, `0.1|1|-1|"0"|false|null|1e-300`},
		{`[-1.5]`, `-1.5|-15e-1|-1.50`, `1.5|-1.05|-15`},
		{`[0.001]`, `0.001|1e-3|0.0010|10.0E-4`, `0.01|0.0001|-0.001`},
		{`[123456789012]`, `123456789012|123456789012.0|1.23456789012e11`, `123456789013|12345678901|"123456789012"`},
		{`[9007199254740993]`, `9007199254740993|9007199254740993.0`, `9007199254740992|9007199254740994`},
		{`[12345678901234567890123]`, `12345678901234567890123|12345678901234567890123.000|1234567890123456789012.3e1`, `12345678901234567890124|1234567890123456789012|12345678901234567890123.1`},
		{`[0.1]`, `0.1|1e-1`, `0.10000000000000000001|0.1000000001`},
		{`[1e400]`, `1e400|10e399`, `1e401|1e399|-1e400`},
		{`[1e99999999999999999999]`, `1e99999999999999999999`, `1e5|1e-99999999999999999999|1e400`},

		// prefix and suffix
		{`[{"prefix":"ab"}]`, `"ab"|"abc"|["x","abx"]`, `"a"|"xab"|"AB"|""|1|null|-|{}`},
		{`[{"prefix":""}]`, `""|"x"|["",1]`, `1|null|true|-|{}|[]`},
		{`[{"prefix":{"equals-ignore-case":"aB"}}]`, `"ab"|"AB"|"Abc"|"aBX"`, `"a"|"xab"|""|1|-`},
		{`[{"prefix":{"equals-ignore-case":""}}]`, `""|"x"`, `1|-`},
		{`[{"prefix":{"equals-ignore-case":"É"}}]`, `"éa"|"Éa"`, `"e"|"ea"`},
		{`[{"suffix":".png"}]`, `".png"|"a.png"|"a.png.png"`, `"a.pnG"|"png"|"a.png "|1|-|""`},
		{`[{"suffix":""}]`, `""|"x"`, `1|null|-`},
		{`[{"suffix":{"equals-ignore-case":".PnG"}}]`, `".png"|"a.PNG"|"é.pNg"`, `"png"|"a.png "|""|null|-`},
		{`[{"suffix":{"equals-ignore-case":"éß"}}]`, `"xÉß"|"éß"`, `"xeß"|"ß"`},
		{`[{"prefix":"x"},{"suffix":"y"}]`, `"xa"|"ay"|"x"|"y"`, `"ax"|"ya"|""`},

		// equals-ignore-case
		{`[{"equals-ignore-case":"aB1"}]`, `"ab1"|"AB1"|"Ab1"|["x","aB1"]`, `"ab"|"ab12"|""|1|null|-|"xab1"`},
		{`[{"equals-ignore-case":""}]`, `""`, `"x"|null|-`},
		{`[{"equals-ignore-case":"straße Ω"}]`, `"STRAßE ω"|"straße Ω"`, `"STRASSE Ω"`},
		{`[{"equals-ignore-case":"ǅ"}]`, `"ǅ"|"ǆ"|"Ǆ"`, `"dž"`},
		{`[{"equals-ignore-case":"ⱥ"}]`, `"Ⱥ"|"ⱥ"`, `"a"|"A"`},
		{`[{"equals-ignore-case":"_[` + "`" + `"}]`, `"_[` + "`" + `"`, `"_{` + "`" + `"|"_[@"`},

		// wildcard
		{`[{"wildcard":"*"}]`, `""|"x"|"a\nb"`, `1|null|true|-|{}`},
		{`[{"wildcard":""}]`, `""`, `"x"|-`},
		{`[{"wildcard":"abc"}]`, `"abc"`, `"abcd"|"ab"|"*"`},
		{`[{"wildcard":"a*"}]`, `"a"|"ab"|"a*"|"aa"`, `"ba"|""|"A"`},
		{`[{"wildcard":"*a"}]`, `"a"|"ba"|"aa"`, `"ab"|""`},
		{`[{"wildcard":"a*a"}]`, `"aa"|"aba"|"aaa"`, `"a"|"ab"|"baa"`},
		{`[{"wildcard":"*a*"}]`, `"a"|"bab"|"aa"`, `"b"|""`},
		{`[{"wildcard":"a*b*c"}]`, `"abc"|"axbxc"|"abbcc"|"abcbc"`, `"acb"|"abcx"|"ac"|"xabc"`},
		{`[{"wildcard":"*ab*ab*"}]`, `"abab"|"xabxabx"|"ababab"`, `"ab"|"aab"|"aba"`},
		{`[{"wildcard":"*b*ab"}]`, `"bab"|"bxab"`, `"ab"|"aab"`},
		{`[{"wildcard":"ab*bc"}]`, `"abbc"|"abxbc"`, `"abc"`},
		{`[{"wildcard":"\\*"}]`, `"*"`, `"x"|""|"\\*"|"**"`},
		{`[{"wildcard":"\\\\"}]`, `"\\"`, `"\\\\"|"x"`},
		{`[{"wildcard":"a\\**"}]`, `"a*"|"a*b"`, `"a"|"ab"`},
		{`[{"wildcard":"\\\\*"}]`, `"\\"|"\\x"`, `"*"|"x"`},
		{`[{"wildcard":"*\\*"}]`, `"*"|"x*"`, `"x"|"*x"`},
		{`[{"wildcard":"é*😀"}]`, `"é😀"|"éx😀"`, `"e😀"|"é"`},
		{`[{"wildcard":"/Users/*/dir/dir/doc.txt"}]`, `"/Users/me/dir/dir/dir/doc.txt"`, `"/Users/me/dir/doc.txt"`},

		// exists
		{`[{"exists":true}]`, `1|"x"|""|null|false|[1]|[[null]]|[{},"x"]`, `-|{}|[]|{"x":1}|[{}]|[[]]|[{"x":1}]`},
		{`[{"exists":false}]`, `-|{}|[]|{"x":1}|[{}]|[[]]|[{"x":1}]`, `1|"x"|""|null|false|[1]|[[null]]|[{},"x"]`},
		{`[{"exists":false},"x"]`, `-|"x"|{}|["y","x"]`, `"y"|null|["y"]`},
		{`[{"exists":true},{"exists":false}]`, `-|1|{}|[]`, ``},
		{`["x",{"exists":true}]`, `"x"|1`, `-|{}`},

		// anything-but
		{`[{"anything-but":"x"}]`, `"y"|""|"X"|1|null|true|["x","y"]|[["y"]]`, `"x"|["x"]|["x","x"]|-|{}|[]|{"b":1}`},
		{`[{"anything-but":["x","y"]}]`, `"z"|1|null|["x","z"]`, `"x"|"y"|["x","y"]|-`},
		{`[{"anything-but":""}]`, `"x"|null|0`, `""|-`},
		{`[{"anything-but":5}]`, `6|"5"|null|true|5.1`, `5|5.0|0.5e1|-|{}`},
		{`[{"anything-but":[1,2.50]}]`, `3|2|"1"|25`, `1|2.5|1.0|25e-1`},
		{`[{"anything-but":{"prefix":"ab"}}]`, `"a"|"xab"|"AB"|1|null|""`, `"ab"|"abc"|-|{}`},
		{`[{"anything-but":{"prefix":["ab","x"]}}]`, `"a"|"yx"|1|["ab","c"]`, `"abc"|"x"|["ab","x"]|-`},
		{`[{"anything-but":{"prefix":[]}}]`, `"a"|1|null`, `-|{}`},
		{`[{"anything-but":{"suffix":".png"}}]`, `"a.jpg"|1|".png "|null`, `"a.png"|".png"|-`},
		{`[{"anything-but":{"suffix":[".png",".jpg"]}}]`, `"a.gif"|true`, `"a.png"|"b.jpg"|-`},
		{`[{"anything-but":{"equals-ignore-case":"ab"}}]`, `"abc"|"a"|1|null|""`, `"AB"|"ab"|"Ab"|-`},
		{`[{"anything-but":{"equals-ignore-case":["ab","C"]}}]`, `"d"|false`, `"AB"|"c"|"C"|-`},
		{`[{"anything-but":{"wildcard":"a*c"}}]`, `"ab"|"c"|1|null|""`, `"ac"|"abc"|-`},
		{`[{"anything-but":{"wildcard":["a*c","*/x/*"]}}]`, `"ab"|"/x"|2`, `"abc"|"/x/"|-`},
		{`[{"anything-but":"x"},{"anything-but":"y"}]`, `"x"|"y"|1`, `-`},

		// numeric
		{`[{"numeric":["=",3.018e2]}]`, `301.8|3018e-1|301.80`, `301.81|"301.8"|null|-|301`},
		{`[{"numeric":["<",10]}]`, `9|9.999999999|-1e9|0|-5000000001`, `10|10.0|11|1e2|"9"|null|true|-|{}`},
		{`[{"numeric":["<=",10]}]`, `10|1e1|9|-10`, `10.000001|11|"10"`},
		{`[{"numeric":[">",10]}]`, `10.1|11|6000000000|1e300`, `10|9|-11|"11"|null`},
		{`[{"numeric":[">=",-0.5]}]`, `-0.5|0|1|-0.49`, `-0.51|-1|"0"`},
		{`[{"numeric":[">",0,"<=",5]}]`, `1|5|0.001|5.0|["x",3]`, `0|-0|5.1|-1|6|"1"`},
		{`[{"numeric":[">=",0,"<",5]}]`, `0|4.9|-0.0`, `5|-0.1`},
		{`[{"numeric":[">",-10,"<",-5]}]`, `-6|-9.99|-5.01`, `-5|-10|-11|5|6|0`},
		{`[{"numeric":["<",1]},{"numeric":[">",5]}]`, `0|6`, `1|5|3`},
		{`[{"numeric":["=",5000000000]}]`, `5000000000|5e9`, `5000000001`},
		{`[{"numeric":[">=",-5.0E9,"<=",5.0E9]}]`, `-5e9|5e9|0`, `5000000000.1|-5000000000.1`},
		{`[{"numeric":["=",0]}]`, `0|-0|0.0`, `0.1|-0.1`},

		// cidr
		{`[{"cidr":"10.0.0.0/24"}]`, `"10.0.0.0"|"10.0.0.255"|"010.0.0.7"|"::ffff:a00:7"|["x","10.0.0.9"]`, `"10.0.1.0"|"9.255.255.255"|"10.0.0"|"10.0.0.256"|"10.0.0.1/24"|"10.0.0.1 "|"x"|""|10|null|-|"::1"|"1.0.0.0.0"|"10.0.0.+1"|"10..0.1"`},
		{`[{"cidr":"10.0.0.77/24"}]`, `"10.0.0.0"|"10.0.0.255"`, `"10.0.1.77"`},
		{`[{"cidr":"0.0.0.0/0"}]`, `"1.2.3.4"|"255.255.255.255"`, `"::1"|"x"`},
		{`[{"cidr":"10.0.0.2/31"}]`, `"10.0.0.2"|"10.0.0.3"`, `"10.0.0.1"|"10.0.0.4"`},
		{`[{"cidr":"10.128.0.0/9"}]`, `"10.128.0.0"|"10.255.1.2"`, `"10.127.255.255"|"11.128.0.0"`},
		{`[{"cidr":"2001:db8:1234:1a00::/64"}]`, `"2001:0db8:1234:1a00:0000:0000:0000:0000"|"2001:DB8:1234:1A00::ffff"`, `"2001:db8:1234:1a01::"|"2001:db8:1234:1a00::%eth0"|"10.0.0.1"|"2001:db8"|":"`},
		{`[{"cidr":"::/0"}]`, `"::1"|"2001:db8::"`, `"1.2.3.4"`},
		{`[{"cidr":"2001:db8::/127"}]`, `"2001:db8::"|"2001:db8::1"`, `"2001:db8::2"`},

		// several
		{`["x",{"prefix":"y"},{"numeric":["<",0]},null]`, `"x"|"yy"|-1|null`, `"z"|0|true|-`},
		{`[{"wildcard":"a*"},{"suffix":"b"},{"equals-ignore-case":"C"},{"cidr":"10.0.0.0/8"}]`, `"ax"|"xb"|"c"|"10.9.9.9"`, `"x"|"11.0.0.0"|-`},
	} {
		text := `{"a":` + c.alternatives + `}`
		p := compiled(t, text)
		for want, list := range map[bool]string{true: c.yes, false: c.no} {
			for event := range strings.SplitSeq(list, "|") {
				if list == "" {
					continue
				}
				if event == absentField {
					event = `{"b":1}`
				} else {
					event = `{"a":` + event + `}`
				}
				got, err := p.Matches([]byte(event))
				if err != nil {
					t.Fatal(event, err)
				}
				compare(t, text, event, got, want)
			}
		}
	}
}

func compiled(t testing.TB, text string) *Pattern {
	t.Helper()
	p, err := Compile(text)
	if err != nil {
		t.Fatal(text, err)
	}
	return p
}

// compare checks what the matcher says, and that the oracle agrees.
func compare(t *testing.T, pattern, event string, got, want bool) {
	t.Helper()
	if got != want {
		t.Errorf("%s and %s: %v", pattern, event, got)
	}
	if slow := slowMatch(t, pattern, event); slow != want {
		t.Errorf("the oracle about %s and %s: %v", pattern, event, slow)
	}
}

type structureCase struct {
	pattern, event string
	want           bool
}

// TestStructure: how fields go together, within objects, arrays and $or.
func TestStructure(t *testing.T) {
	for _, c := range structureCases() {
		got, err := compiled(t, c.pattern).Matches([]byte(c.event))
		if err != nil {
			t.Fatal(c.event, err)
		}
		compare(t, c.pattern, c.event, got, c.want)
	}
}

func structureCases() []structureCase {
	const (
		ab        = `{"d":{"a":["x"],"b":["y"]}}`
		bNotA     = `{"d":{"a":[{"exists":false}],"b":["y"]}}`
		aNotB     = `{"d":{"a":["x"],"b":[{"exists":false}]}}`
		someOr    = `{"s":["1"],"$or":[{"a":["x"]},{"b":["y"],"c":["z"]}]}`
		inner     = `{"d":{"$or":[{"a":["x"]},{"b":{"$or":[{"p":[1]},{"q":[2]}]}}]}}`
		noneOrOne = `{"a":{"b":[1,{"exists":false}],"c":[{"exists":false}]}}`
		doubled   = `{"$or":[{"a":[1]},{"b":[1]}],"d":{"$or":[{"a":[1]},{"b":[1]}]}}`
	)
	return []structureCase{
		// all fields have to match; others do not count
		{`{"a":[1],"b":[2]}`, `{"a":1,"b":2}`, true},
		{`{"a":[1],"b":[2]}`, `{"b":2,"c":3,"a":1}`, true},
		{`{"a":[1],"b":[2]}`, `{"a":1}`, false},
		{`{"a":[1],"b":[2]}`, `{"a":1,"b":3}`, false},
		{`{"a":[1]}`, `{}`, false},
		{`{"a":[1]}`, ` { "a" : 1 } `, true},
		{`{"a":[1]}`, `{"A":1}`, false},
		{`{"a":[1]}`, `{"b":{"a":1}}`, false},
		{`{"a":{"b":[1]}}`, `{"a":{"b":1}}`, true},
		{`{"a":{"b":[1]}}`, `{"a":{"c":1}}`, false},
		{`{"a":{"b":[1]}}`, `{"a":1}`, false},
		{`{"a":{"b":[1]}}`, `{"b":1}`, false},
		{`{"a":{"b":[1]}}`, `{"a":"{\"b\":1}"}`, false},
		{`{"a":{"b":{"c":{"d":[1]}}}}`, `{"a":{"b":{"c":{"d":1}}}}`, true},
		{`{"\u0061":[1]}`, `{"a":1}`, true},
		{`{"a":[1]}`, `{"\u0061":1}`, true},
		{`{"a\nb":[1]}`, `{"a\u000ab":1}`, true},
		{`{"":[1]}`, `{"":1}`, true},
		{`{"":[1]}`, `{"a":1}`, false},
		{`{"":{"":[1]}}`, `{"":{"":1}}`, true},
		{`{"":{"":[1]}}`, `{"":1}`, false},

		// a key that is there twice: the last counts in patterns
		{`{"a":[1],"a":[2]}`, `{"a":2}`, true},
		{`{"a":[1],"a":[2]}`, `{"a":1}`, false},
		{`{"a":{"b":[1]},"a":{"b":[2]}}`, `{"a":{"b":2}}`, true},
		{`{"a":{"b":[1]},"a":{"b":[2]}}`, `{"a":{"b":1}}`, false},
		{`{"a":{"b":[1]},"a":{"c":[2]}}`, `{"a":{"b":1,"c":2}}`, true},
		{`{"a":{"b":[1]},"a":{"c":[2]}}`, `{"a":{"c":2}}`, false},
		{`{"d":{"l":[{"prefix":"us-"}],"l":[{"anything-but":"us-east"}]}}`, `{"d":{"l":"eu-central-1"}}`, true},
		// in events all do
		{`{"a":[1]}`, `{"a":1,"a":2}`, true},
		{`{"a":[2]}`, `{"a":1,"a":2}`, true},
		{`{"a":[3]}`, `{"a":1,"a":2}`, false},
		{`{"a":{"b":[1],"c":[2]}}`, `{"a":{"b":1},"a":{"c":2}}`, true},
		{`{"a":{"b":[1],"c":[2]}}`, `{"a":[{"b":1}],"a":[{"c":2}]}`, true},
		{`{"a":{"b":[1],"c":[2],"e":[3]}}`, `{"a":[{"b":1},{"e":3}],"a":[{"c":2},{"b":1,"e":4}]}`, false},
		{`{"a":{"b":[1],"c":[2],"e":[3]}}`, `{"a":[{"b":1},{"e":3}],"a":[{"c":2,"b":1},{"e":4}]}`, true},
		{`{"a":{"b":[{"exists":false}],"c":[2]}}`, `{"a":{"b":1},"a":{"c":2}}`, false},
		{`{"a":{"c":[{"exists":false}],"b":[2]}}`, `{"a":[{"b":2},{"c":1}],"a":7}`, true},
		{`{"a":{"c":[{"exists":false}],"b":[2]}}`, `{"a":[{"b":2},{"c":1}],"a":{"c":1}}`, false},
		{noneOrOne, `{"a":[{"b":1},{"c":1}]}`, true},
		{noneOrOne, `{"a":[{"b":1},{"c":1}],"a":[{"b":1},{"c":1}]}`, false},
		{noneOrOne, `{"a":[{"b":1},{"c":1}],"a":[{"b":1},{"d":1}]}`, true},
		{`{"a":{"b":{"c":[1,{"exists":false}],"d":[{"exists":false}]}}}`, `{"a":{"b":[{"c":1},{"d":1}],"b":7},"a":{"b":[{"c":1},{"d":1}],"b":7}}`, false},
		{`{"a":{"b":{"c":[1,{"exists":false}]}}}`, `{"a":{"b":{"x":1},"b":{"x":2}},"a":{"b":{"c":2}}}`, false},
		{`{"a":{"b":[1,{"exists":false}],"z":["q"]}}`, `{"a":[{"b":2,"b":3,"z":"q"},{"z":"q"}]}`, false},
		{`{"a":{"b":[1,{"exists":false}],"z":["q"]}}`, `{"a":[{"b":2,"b":1,"z":"q"},{"z":"q"}]}`, true},

		// dots are names within names
		{`{"d":{"s.t":[1]}}`, `{"d":{"s":{"t":1}}}`, true},
		{`{"d":{"s":{"t":[1]}}}`, `{"d":{"s.t":1}}`, true},
		{`{"d.s":{"t":[1]}}`, `{"d":{"s.t":1}}`, true},
		{`{"d":{"s":{"t":[1]}}}`, `{"d.s.t":1}`, true},
		{`{"d":{"s":{"t":[1]}}}`, `{"d.s":{"t":1}}`, true},
		{`{"d":{"s":{"t":[1]}}}`, `{"d":{"s.t":{"t":1}}}`, false},
		{`{"d":{"s":{"t":[1]}}}`, `{"d":{"s.t.u":1}}`, false},
		{`{"d":{"s":[1]}}`, `{"d":{"st":1,"s.":1,".s":1}}`, false},
		{`{"d":{"s":{"t":[1]}}}`, `{"d":{"sxt":1,"s":{"txt":1}}}`, false},
		{`{"d":{"s":{"":[1]}}}`, `{"d":{"s.":1}}`, true},
		{`{"d":{"":{"s":[1]}}}`, `{"d":{".s":1}}`, true},
		{`{"a.b":[1],"a":{"b":[2]}}`, `{"a":{"b":2}}`, true},
		{`{"a.b":[1],"a":{"b":[2]}}`, `{"a":{"b":1}}`, false},
		{`{"a":{"b":[1],"c":[2]}}`, `{"a":{"b":1},"a.c":2}`, true},
		{`{"a":{"b":[1],"c":[2]}}`, `{"a":[{"b":1},{"c":2}],"a.c":2}`, true},
		{`{"a":{"b":[1],"c":[2]}}`, `{"a":[{"b":1},{"c":2}],"a.d":2}`, false},
		{`{"d":{"org.opencontainers.image.title":["t"]}}`, `{"d":{"org.opencontainers.image.title":"t","org.opencontainers.image.url":"u"}}`, true},
		{`{"a":["x"],"a.b":[1]}`, `{"a":["x",{"b":1}]}`, true},
		{`{"a":["x"],"a.b":[1]}`, `{"a":[["x"],{"b":1}]}`, false},
		{`{"a":["x"],"a.b":[1]}`, `{"a":[["x",{"b":1}]]}`, true},
		{`{"a":["x"],"a.b":[{"exists":false}]}`, `{"a":["x",["x"],{"b":1}]}`, true},
		{`{"a":["x"],"a.b":[{"exists":false}]}`, `{"a":["x",{"b":1}]}`, false},
		{`{"a":[{"exists":false}],"a.b":[1]}`, `{"a":["x",{"b":1}]}`, false},
		{`{"a":[{"exists":false}],"a.b":[1]}`, `{"a":[{"b":1}]}`, true},
		{`{"a":[{"exists":false},"y"],"a.b":[1]}`, `{"a":["x",["y",{"b":1}]]}`, true},

		// arrays: any value
		{`{"r":["b","z"]}`, `{"r":["a","b"]}`, true},
		{`{"r":["c"]}`, `{"r":["a","b"]}`, false},
		{`{"r":["c"]}`, `{"r":[]}`, false},
		{`{"r":["c"],"s":["e"]}`, `{"r":["a","c"],"s":["e","f"]}`, true},
		// members of one object of the pattern match in one element
		{ab, `{"d":[{"a":"x","b":"y"}]}`, true},
		{ab, `{"d":[{"a":"x"},{"b":"y"}]}`, false},
		{ab, `{"d":[{"a":"x"},{"b":"y"},{"a":"x","b":"y"}]}`, true},
		{ab, `{"d":[[{"a":"x"}],[{"b":"y"}]]}`, false},
		{ab, `{"d":[[{"a":"x"},{"b":"y"}]]}`, false},
		{ab, `{"d":[[{"z":1}],[{"a":"x","b":"y"}]]}`, true},
		{ab, `{"d":[1,"x",null,{"a":["x"],"b":["z","y"]}]}`, true},
		{ab, `{"d":[]}`, false},
		{ab, `{"d":{"a":["x"],"b":["y"]}}`, true},
		{`{"d":{"e":{"a":["x"]},"b":["y"]}}`, `{"d":[{"e":[{"a":"x"}]},{"b":"y"}]}`, false},
		{`{"d":{"e":{"a":["x"]},"b":["y"]}}`, `{"d":[{"e":[{"a":"z"},{"a":"x"}],"b":"y"}]}`, true},
		{`{"d":{"e":{"a":["x"],"b":["y"]}}}`, `{"d":[{"e":[{"a":"x"},{"b":"y"}]}]}`, false},
		{`{"d":{"e":{"a":["x"]},"f":{"b":["y"]}}}`, `{"d":[{"e":[{"a":"x"}],"f":[{"a":1},{"b":"y"}]}]}`, true},
		{`{"a":{"x":[1]},"b":{"x":[2]}}`, `{"a":[{"x":0},{"x":1}],"b":[{"x":2},{"x":3}]}`, true},
		// an absent field, as EventBridge has it: names that sort before decide
		{aNotB, `{"d":[{"a":"x","b":"y"},{"a":"x"}]}`, true},
		{aNotB, `{"d":[{"a":"x","b":"y"}]}`, false},
		{aNotB, `{"d":[{"a":"x"},{"b":"y"}]}`, true},
		{bNotA, `{"d":[{"b":"y"}]}`, true},
		{bNotA, `{"d":[{"a":"x"},{"b":"y"}]}`, false},
		{bNotA, `{"d":{"b":"y"}}`, true},
		{`{"d":{"a":[{"exists":false}]}}`, `{"d":[{"a":1},{"b":1}]}`, false},
		{`{"d":{"a":[{"exists":false}]}}`, `{"d":[{"b":1}]}`, true},
		{`{"d":{"a":[{"exists":false}]}}`, `{"d":[]}`, true},
		{`{"d":{"a":[{"exists":false}]}}`, `{"d":"x"}`, true},
		{`{"d":{"a":[{"exists":false}]}}`, `{}`, true},
		{`{"d":{"a":[{"exists":false}]}}`, `{"d":[[[{"a":{}}]]]}`, true},
		{`{"d":{"a":[{"exists":false}]}}`, `{"d":[[[{"a":[1]}]]]}`, false},
		{`{"d":{"a":["x"],"e":{"b":[{"exists":false}]}}}`, `{"d":[{"a":"x","e":[{"b":1}]},{"a":"x","e":[{"c":1}]}]}`, true},
		{`{"d":{"a":["x"],"e":{"b":[{"exists":false}],"c":[1]}}}`, `{"d":[{"a":"x","e":[{"b":1},{"c":1}]}]}`, false},
		{`{"d":{"a":["x"],"e":{"b":[1],"c":[{"exists":false}]}}}`, `{"d":[{"a":"x","e":[{"b":1},{"c":1}]}]}`, true},
		{`{"d":{"h":{"S":[{"anything-but":["roses"]},{"exists":false}]}}}`, `{"d":{"p":{"N":"789"}}}`, true},
		{`{"d":{"h":{"S":[{"anything-but":["roses"]},{"exists":false}]}}}`, `{"d":{"h":{"S":"roses"}}}`, false},

		// $or
		{someOr, `{"s":"1","a":"x"}`, true},
		{someOr, `{"s":"1","b":"y","c":"z"}`, true},
		{someOr, `{"s":"1","b":"y"}`, false},
		{someOr, `{"s":"1"}`, false},
		{someOr, `{"s":"2","a":"x"}`, false},
		{someOr, `{"s":"1","$or":[{"a":"x"}]}`, false},
		{inner, `{"d":{"a":"x"}}`, true},
		{inner, `{"d":{"b":{"p":1}}}`, true},
		{inner, `{"d":{"b":{"q":2}}}`, true},
		{inner, `{"d":{"b":{"p":2,"q":1}}}`, false},
		{inner, `{"a":"x"}`, false},
		{doubled, `{"a":1,"d":{"b":1}}`, true},
		{doubled, `{"b":1,"d":{"a":1}}`, true},
		{doubled, `{"a":1,"b":1}`, false},
		{doubled, `{"d":{"a":1}}`, false},
		{`{"$or":[{"a":[1]},{"b":[1]}],"$or":[{"c":[1]},{"d":[1]}]}`, `{"a":1,"d":1}`, true},
		{`{"$or":[{"a":[1]},{"b":[1]}],"$or":[{"c":[1]},{"d":[1]}]}`, `{"a":1,"b":1}`, false},
		{`{"$or":[{"$or":[{"a":[1]},{"b":[1]}]},{"c":[1]}]}`, `{"b":1}`, true},
		{`{"$or":[{"$or":[{"a":[1]},{"b":[1]}]},{"c":[1]}]}`, `{"c":1}`, true},
		{`{"$or":[{"$or":[{"a":[1]},{"b":[1]}]},{"c":[1]}]}`, `{"d":1}`, false},
		{`{"d":{"x":[1],"$or":[{"a":[1]},{"b":[1]}]}}`, `{"d":[{"x":1},{"a":1}]}`, false},
		{`{"d":{"x":[1],"$or":[{"a":[1]},{"b":[1]}]}}`, `{"d":[{"x":1},{"x":1,"b":1}]}`, true},
		// a branch says again what a field may be
		{`{"a":["x"],"$or":[{"a":["y"]},{"b":["z"]}]}`, `{"a":"y"}`, true},
		{`{"a":["x"],"$or":[{"a":["y"]},{"b":["z"]}]}`, `{"a":"x"}`, false},
		{`{"a":["x"],"$or":[{"a":["y"]},{"b":["z"]}]}`, `{"a":"x","b":"z"}`, true},
		{`{"$or":[{"a":["y"]},{"b":["z"]}],"a":["x"]}`, `{"a":"x"}`, true},
		{`{"$or":[{"a":["y"]},{"b":["z"]}],"a":["x"]}`, `{"a":"y"}`, false},
		{`{"$or":[{"a":[{"exists":false}]},{"a":[{"numeric":[">",5]}]}]}`, `{"a":6}`, true},
		{`{"$or":[{"a":[{"exists":false}]},{"a":[{"numeric":[">",5]}]}]}`, `{"a":5}`, false},
		{`{"$or":[{"a":[{"exists":false}]},{"a":[{"numeric":[">",5]}]}]}`, `{}`, true},
		// $or as the name of a field
		{`{"$or":{"a":[1]}}`, `{"$or":{"a":1}}`, true},
		{`{"$or":{"a":[1]}}`, `{"a":1}`, false},
		{`{"$or":["x","y"]}`, `{"$or":"y"}`, true},
		{`{"$or":["x","y"]}`, `{"$or":"z"}`, false},
		{`{"$or":[{"prefix":"x"}]}`, `{"$or":"xy"}`, true},
		{`{"$or":[{"numeric":["=",5]},{"prefix":"abc"}]}`, `{"$or":["abcd"]}`, true},
		{`{"$or":[{"numeric":["=",5]},{"prefix":"abc"}]}`, `{"$or":5.0}`, true},
		{`{"$or":[{"numeric":["=",5]},{"prefix":"abc"}]}`, `{"numeric":5}`, false},
		{`{"d":{"$or":{"a":[1]},"b":[2]}}`, `{"d":{"$or":{"a":1},"b":2}}`, true},
		{`{"$OR":["x"]}`, `{"$OR":"x"}`, true},
		{`{"$or.a":["x"]}`, `{"$or":{"a":"x"}}`, true},
		// operators' names outside $or
		{`{"prefix":["x"],"numeric":{"=":[1]}}`, `{"prefix":"x","numeric":{"=":1}}`, true},
	}
}

// TestECRPatterns: rules as users of ECR write them.
func TestECRPatterns(t *testing.T) {
	event, err := Decode([]byte(imageAction))
	if err != nil {
		t.Fatal(err)
	}
	var matched []int
	for i, text := range realisticPatterns() {
		got := compiled(t, text).Match(event)
		compare(t, text, imageAction, got, got)
		if got {
			matched = append(matched, i)
		}
	}
	if want := []int{0, 1, 2, 3, 5, 6, 8, 9, 10, 12, 14, 15, 16, 18}; !slices.Equal(matched, want) {
		t.Error(matched)
	}
}

// TestOnePatternServesMany: patterns and events are shared by goroutines.
func TestOnePatternServesMany(t *testing.T) {
	p := compiled(t, `{"d":{"a":["x",{"exists":false}],"b":[{"wildcard":"*y*"}]}}`)
	event, err := Decode([]byte(`{"d":[{"a":"z"},{"b":"xyz"},{"a":"x","b":"y"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 1000 {
				ok = ok && p.Match(event)
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("it did not match each time")
		}
	}
}

// TestNothingMatchesNoEvent: the zero Value is no event.
func TestNothingMatchesNoEvent(t *testing.T) {
	if compiled(t, `{"a":[{"exists":false}]}`).Match(Value{}) {
		t.Error("it matches")
	}
}

// TestMatchIsBounded: what is made to take for ever ends soon, and what is
// large but honest is decided rightly.
func TestMatchIsBounded(t *testing.T) {
	var or []string
	for i := range 9 {
		or = append(or, fmt.Sprintf(`"$or":[{"x%d":[1]},{"y%d":[1]}]`, i, i))
	}
	hostile := compiled(t, `{"d":{`+strings.Join(or, ",")+`,"z":["no"]}}`)
	element := `{"x0":1,"x1":1,"x2":1,"x3":1,"x4":1,"x5":1,"x6":1,"x7":1,"x8":1,"y0":1,"y1":1,"y2":1,"y3":1,"y4":1,"y5":1,"y6":1,"y7":1,"y8":1}`
	got, err := hostile.Matches([]byte(`{"d":[` + strings.Repeat(element+",", 2000) + `1]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got {
		t.Error("a hostile event matches")
	}

	names := `{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1],"g":[1],"h":[1],"i":[1],"j":[1],"k":[2]}`
	doubled := compiled(t, `{"d":`+names+`}`)
	all := strings.NewReplacer("[1]", "1", "[2]", "1").Replace(names)
	got, err = doubled.Matches([]byte(`{` + strings.Repeat(`"d":[`+all+`],`, 50) + `"d":[{"k":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !got {
		t.Error("doubled keys do not match")
	}

	// More fields than members that have one each: no way to give them out.
	got, err = doubled.Matches([]byte(`{` + strings.Repeat(`"d":[{"a":1},{"b":1},{"c":1},{"d":1},{"e":1},{"f":1},{"g":1},{"h":1},{"i":1},{"j":1},{"k":2}],`, 10) + `"x":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got {
		t.Error("fields of several elements match")
	}

	honest := compiled(t, `{"d":{"a":["x"],"b":[{"exists":false}],"c":["z"]}}`)
	large := `{"d":[` + strings.Repeat(`{"a":"x","b":"y","c":"z"},{"a":"x","c":"y"},`, 5000) + `{"a":"x","c":"z"}]}`
	got, err = honest.Matches([]byte(large))
	if err != nil {
		t.Fatal(err)
	}
	if !got {
		t.Error("a large event does not match")
	}
}

// TestLongValuesCostMore: a step is worth a bounded number of bytes.
func TestLongValuesCostMore(t *testing.T) {
	p := compiled(t, `{"a":[{"wildcard":"*x*"},{"suffix":"y"}]}`)
	spent := func(text string) int {
		v, err := Decode([]byte(`{"a":"` + text + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		m := matcher{nodes: v.nodes, fields: p.combinations[0].fields, steps: maxSteps}
		m.match(p.combinations[0].root, position{})
		return maxSteps - m.steps
	}
	m := matcher{nodes: []node{{end: 1, kind: objectKind}}, fields: []*field{{absent: true}}}
	if m.match(newCombination(branch{{path: ".a", names: []string{"a"}, absent: true}}).root, position{}) {
		t.Error("it goes on without steps")
	}
	if short, long := spent("z"), spent(strings.Repeat("z", 64_000)); short > 10 || long < 2000 {
		t.Error(short, long)
	}
}

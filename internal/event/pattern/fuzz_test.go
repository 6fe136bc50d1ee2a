package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/registry"
)

// FuzzCompile: no text upsets the compiler, errors are coded and short, and
// what is accepted is JSON.
func FuzzCompile(f *testing.F) {
	seedPatterns(func(text string) { f.Add(text) })
	event, err := Decode([]byte(imageAction))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		begin := time.Now()
		p, err := Compile(text)
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("it took %v", took)
		}
		if err != nil {
			var coded *registry.Error
			if p != nil || !errors.As(err, &coded) || coded.Code != registry.CodeInvalidEventPattern || len(coded.Message) > 32<<10 {
				t.Fatalf("%v, %v", p, err)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s is no JSON", text)
		}
		if len(p.combinations) == 0 || len(p.combinations[0].fields) == 0 {
			t.Fatal("nothing has to match")
		}
		again, err := Compile(" " + text + "\n")
		if err == nil && again.Match(event) != p.Match(event) {
			t.Fatal("white space decides")
		}
	})
}

// FuzzMatch: events are decoded exactly if they are JSON objects, and the
// oracle agrees where it knows.
func FuzzMatch(f *testing.F) {
	for _, c := range structureCases() {
		f.Add(c.pattern, []byte(c.event))
	}
	for seed := range uint64(100) {
		d := dice{rand.New(rand.NewPCG(seed, 3))}
		f.Add(d.pattern(1), []byte(d.event(3)))
	}
	f.Add(`{"a":[1]}`, []byte(strings.Repeat(`{"a":`, 1100)))
	f.Add(`{"a":[1]}`, []byte(`{"a":`+strings.Repeat(`[`, 999)+`1`+strings.Repeat(`]`, 999)+`}`))
	f.Fuzz(func(t *testing.T, text string, event []byte) {
		v, err := Decode(event)
		checkDecoded(t, event, err)
		p, refused := Compile(text)
		if err != nil || refused != nil {
			return
		}
		begin := time.Now()
		got := p.Match(v)
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("it took %v", took)
		}
		if oracleKnows(text, event) {
			if slow := slowMatch(t, text, string(event)); got != slow {
				t.Fatalf("%s and %s: %v, the oracle says %v", text, event, got, slow)
			}
		}
	})
}

// checkDecoded compares with the standard library.
func checkDecoded(t *testing.T, event []byte, err error) {
	t.Helper()
	if err != nil && registry.CodeOf(err) != registry.CodeValidation {
		t.Fatal(err)
	}
	object := bytes.HasPrefix(bytes.TrimLeft(event, " \t\r\n"), []byte("{"))
	wanted := object && json.Valid(event) && utf8.Valid(event) && len(event) <= maxEvent
	if wanted != (err == nil) && !errors.Is(err, errTooDeep) {
		t.Fatalf("%s: %v", event, err)
	}
}

// oracleKnows leaves out what takes the oracle for ever, and where its idea of
// letters, addresses and large exponents is another one.
func oracleKnows(text string, event []byte) bool {
	all := text + string(event)
	strange := regexp.MustCompile(`cidr|[eE][+-]?[0-9]{4}|not-|date|ip-address`)
	letters := regexp.MustCompile(`(?s)ignore-case.*(\\u|[^\x00-\x7f])`)
	return len(text) < 400 && len(event) < 400 && strings.Count(all, "[")+strings.Count(all, "{") < 60 &&
		!strange.MatchString(all) && !letters.MatchString(all)
}

// seedPatterns are valid ones and refused ones.
func seedPatterns(add func(string)) {
	for _, text := range realisticPatterns() {
		add(text)
	}
	for seed := range uint64(50) {
		d := dice{rand.New(rand.NewPCG(seed, 5))}
		text := d.pattern(2)
		add(text)
		add(text[:d.IntN(len(text))])
	}
	for _, c := range structureCases() {
		add(c.pattern)
	}
	for _, text := range []string{
		`{"a":[{"anything-but":{"wildcard":["*a*","\\*"]}}]}`,
		`{"a":[{"numeric":[">",-5e9,"<=",5000000000]}]}`,
		`{"$or":[{"a":[1]},{"prefix":["x"]}]}`,
		`{"\ud83d\ude00":["\u0000"],"b":[-0.0e-0]}`,
		"{\r\n\t\"a\" : [ \"\u2028\" ] /* c */ }",
		`{"a":[{"wildcard":"` + strings.Repeat("*ab", 300) + `"}]}`,
	} {
		add(text)
	}
}

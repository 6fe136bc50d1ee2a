package pattern

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
)

// TestDecodeRefuses: what is no event.
func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		event string
		err   error
	}{
		{``, errNotObject},
		{`  `, errNotObject},
		{`[]`, errNotObject},
		{`"{}"`, errNotObject},
		{`null`, errNotObject},
		{`7`, errNotObject},
		{`{`, errNotJSON},
		{`{}}`, errNotJSON},
		{`{} {}`, errNotJSON},
		{`{}x`, errNotJSON},
		{`{"a"}`, errNotJSON},
		{`{"a":}`, errNotJSON},
		{`{"a":1,}`, errNotJSON},
		{`{,"a":1}`, errNotJSON},
		{`{"a":1 "b":2}`, errNotJSON},
		{`{"a" 1}`, errNotJSON},
		{`{a:1}`, errNotJSON},
		{`{'a':1}`, errNotJSON},
		{`{"a":[1,]}`, errNotJSON},
		{`{"a":[1 2]}`, errNotJSON},
		{`{"a":[1}`, errNotJSON},
		{`{"a":nul}`, errNotJSON},
		{`{"a":nulll}`, errNotJSON},
		{`{"a":tru}`, errNotJSON},
		{`{"a":fals}`, errNotJSON},
		{`{"a":NaN}`, errNotJSON},
		{`{"a":01}`, errNotJSON},
		{`{"a":-}`, errNotJSON},
		{`{"a":1.}`, errNotJSON},
		{`{"a":.5}`, errNotJSON},
		{`{"a":1e}`, errNotJSON},
		{`{"a":1e+}`, errNotJSON},
		{`{"a":+1}`, errNotJSON},
		{`{"a":0x1}`, errNotJSON},
		{`{"a":"x}`, errNotJSON},
		{`{"a":"\q"}`, errNotJSON},
		{`{"a":"\u12"}`, errNotJSON},
		{`{"a":"\u12G4"}`, errNotJSON},
		{`{"a":"\`, errNotJSON},
		{`{"a":"\u1`, errNotJSON},
		{`{"a":"\ud83d\u12"}`, errNotJSON},
		{"{\"a\":\"\n\"}", errNotJSON},
		{"{\"a\\n\n\":1}", errNotJSON},
		{"{\"a\":\v1}", errNotJSON},
		{"{\"a\":\"\xff\"}", errNotUTF8},
		{`{"a":` + strings.Repeat(`[`, maxEventDepth) + strings.Repeat(`]`, maxEventDepth) + `}`, errTooDeep},
		{strings.Repeat(`{"a":`, 1<<17), errTooDeep},
		{`{"a":"` + strings.Repeat("x", maxEvent) + `"}`, errTooLarge},
	} {
		v, err := Decode([]byte(c.event))
		var coded *registry.Error
		if !errors.As(err, &coded) || coded.Code != registry.CodeValidation || coded.Message != "Parameter Event is not valid." {
			t.Errorf("%.60s: %v", c.event, err)
		}
		if !errors.Is(err, c.err) || len(v.nodes) != 0 {
			t.Errorf("%.60s: %v in place of %v", c.event, err, c.err)
		}
		if got, err := compiled(t, `{"a":[{"exists":false}]}`).Matches([]byte(c.event)); got || err == nil {
			t.Errorf("%.60s matches", c.event)
		}
	}
}

// TestDecodeTakesLargeEvents: up to the bounds.
func TestDecodeTakesLargeEvents(t *testing.T) {
	deep := `{"a":` + strings.Repeat(`[`, maxEventDepth-1) + `"x"` + strings.Repeat(`]`, maxEventDepth-1) + `}`
	long := `{"a":["` + strings.Repeat("y", maxEvent-14) + `","x"]}`
	wide := `{"a":[` + strings.Repeat(`1,`, 120_000) + `"x"]}`
	dots := `{"` + strings.Repeat(".", 250_000) + `":1,"a":"x"}`
	for _, event := range []string{deep, long, wide, dots} {
		for pattern, want := range map[string]bool{`{"a":["x"]}`: true, `{"a":["z"]}`: false} {
			if got, err := compiled(t, pattern).Matches([]byte(event)); err != nil || got != want {
				t.Errorf("%s and %.60s of %d: %v, %v", pattern, event, len(event), got, err)
			}
		}
	}
}

// TestNumbersCompareByValue: against arithmetic without bounds.
func TestNumbersCompareByValue(t *testing.T) {
	var texts []string
	for _, digits := range []string{
		"0", "1", "9", "10", "100", "12", "120", "0.1", "0.10", "0.01", "1.5", "15", "150", "9.99", "1.0000000001",
		"1234567890123456789", "12345678901234567890", "12345678901234567891", "123456789012345678900", "1234567890123456789012345.5",
		"0.1234567890123456789", "0.12345678901234567891", "0.00000000000000000000000001", "5000000000", "5000000000.000001",
	} {
		for _, exponent := range []string{"", "e0", "E+1", "e-1", "e2", "e-20", "e20"} {
			texts = append(texts, digits+exponent, "-"+digits+exponent)
		}
	}
	value := func(text string) *big.Rat {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		return r
	}
	limit := value("5e9")
	for _, a := range texts {
		x, n := value(a), parseNumber(a)
		if got, want := n.comparable(), new(big.Rat).Abs(x).Cmp(limit) <= 0; got != want {
			t.Errorf("%s is within the bounds: %v", a, got)
		}
		for _, b := range texts {
			if got, want := n.compare(parseNumber(b)), x.Cmp(value(b)); got != want {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	// Far out they are still on their side.
	farOut := []string{"-1e99999999999999", "-1e400", "0e99999999999999", "1e-18446744073709551616", "1e-400", "1e400", "1e18446744073709551616"}
	for i, text := range farOut {
		for j, other := range farOut {
			if got := parseNumber(text).compare(parseNumber(other)); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Error(fmt.Sprint(text, " and ", other, ": ", got))
			}
		}
	}
}

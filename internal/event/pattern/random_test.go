package pattern

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// dice throws patterns and events of a small world, so that they often match.
type dice struct {
	*rand.Rand
}

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) likely(percent int) bool { return d.IntN(100) < percent }

func (d dice) several(least, most int, separator string, one func() string) string {
	var all []string
	for range least + d.IntN(most-least+1) {
		all = append(all, one())
	}
	return strings.Join(all, separator)
}

func (d dice) name() string {
	if d.likely(8) {
		return d.one("a.b", "b.a", "a.b.c", "a.", ".a", "", "$or", "c.a", "a-")
	}
	return d.one("a", "b", "c", "d")
}

func (d dice) text() string {
	return d.one("", "x", "y", "xy", "yx", "X", "xyx", "Xy", "10.0.0.1", "10.0.1.1", "::1", "*", `\\`, "é", "É", "1", "xx")
}

func (d dice) number() string {
	return d.one("0", "1", "-1", "1.0", "2", "1e1", "10", "0.5", "5e-1", "-0.0", "-1.5", "100e-2", "123456789012345678901", "12345678901234567890.1e1")
}

func (d dice) scalar() string {
	switch d.IntN(6) {
	case 0:
		return d.one("null", "true", "false")
	case 1, 2:
		return d.number()
	default:
		return `"` + d.text() + `"`
	}
}

// event is an object.
func (d dice) event(depth int) string {
	member := func() string { return strconv.Quote(d.name()) + ":" + d.value(depth) }
	return "{" + d.several(0, 4, ",", member) + "}"
}

func (d dice) value(depth int) string {
	if depth == 0 {
		return d.scalar()
	}
	switch n := d.IntN(10); {
	case n < 3:
		return d.event(depth - 1)
	case n < 6:
		return "[" + d.several(0, 3, ",", func() string { return d.value(depth - 1) }) + "]"
	default:
		return d.scalar()
	}
}

// pattern is the object of a pattern. Within $or the operators' names are not
// thrown, so that all of them are valid but for wildcards and lone $or.
func (d dice) pattern(depth int) string {
	return "{" + d.several(1, 4, ",", func() string {
		switch n := d.IntN(10); {
		case n < 2 && depth > 0:
			return `"$or":[` + d.several(2, 3, ",", func() string { return d.pattern(depth - 1) }) + `]`
		case n < 5 && depth > 0:
			return strconv.Quote(d.plainName()) + ":" + d.pattern(depth-1)
		default:
			return strconv.Quote(d.plainName()) + ":[" + d.several(1, 3, ",", d.alternative) + "]"
		}
	}) + "}"
}

func (d dice) plainName() string {
	for {
		if name := d.name(); name != "$or" {
			return name
		}
	}
}

func (d dice) wildcard() string {
	return d.one("*", "x*", "*x", "*x*", "x*y", "*y*x*", `\\*`, `\\\\*`, "", "x", "10.*.1", "*é")
}

func (d dice) operand(operator string) string {
	if operator == "wildcard" {
		return `"` + d.wildcard() + `"`
	}
	for {
		if text := d.text(); text != "" || operator == "equals-ignore-case" {
			return `"` + text + `"`
		}
	}
}

func (d dice) alternative() string {
	switch d.IntN(12) {
	case 0:
		return `{"exists":true}`
	case 1, 2:
		return `{"exists":false}`
	case 3:
		return d.numeric()
	case 4:
		return `{"cidr":"` + d.one("10.0.0.0/8", "10.0.0.0/24", "0.0.0.0/0", "::/64", "10.0.0.1/31") + `"}`
	case 5:
		return d.anythingBut()
	case 6:
		operator := d.one("prefix", "suffix")
		if d.likely(40) {
			return `{"` + operator + `":{"equals-ignore-case":"` + d.text() + `"}}`
		}
		return `{"` + operator + `":"` + d.text() + `"}`
	case 7:
		operator := d.one("wildcard", "equals-ignore-case")
		return `{"` + operator + `":` + d.operand(operator) + `}`
	default:
		return d.scalar()
	}
}

func (d dice) anythingBut() string {
	switch d.IntN(4) {
	case 0:
		return `{"anything-but":[` + d.several(1, 3, ",", d.number) + `]}`
	case 1:
		return `{"anything-but":[` + d.several(1, 3, ",", func() string { return `"` + d.text() + `"` }) + `]}`
	default:
		operator := d.one("prefix", "suffix", "equals-ignore-case", "wildcard")
		operand := d.operand(operator)
		if d.likely(50) {
			operand = "[" + d.several(0, 2, ",", func() string { return d.operand(operator) }) + "]"
		}
		return `{"anything-but":{"` + operator + `":` + operand + `}}`
	}
}

func (d dice) numeric() string {
	if d.likely(50) {
		return fmt.Sprintf(`{"numeric":["%s",%s]}`, d.one("=", "<", "<=", ">", ">="), d.one("0", "1", "0.5", "10", "-1"))
	}
	return fmt.Sprintf(`{"numeric":["%s",%s,"%s",%s]}`, d.one(">", ">="), d.one("-1", "0", "0.5"), d.one("<", "<="), d.one("1", "10", "2e0"))
}

// TestAgainstOracle: the matcher and the oracle agree on whatever the dice
// throw.
func TestAgainstOracle(t *testing.T) {
	rounds := 8000
	if testing.Short() {
		rounds = 1000
	}
	matched, refused := 0, 0
	for seed := range uint64(rounds) {
		d := dice{rand.New(rand.NewPCG(seed, 7))}
		text := d.pattern(d.IntN(3))
		p, err := Compile(text)
		if err != nil {
			if !strings.Contains(err.Error(), "too complex") && !strings.Contains(err.Error(), "between -5.0E9") && !strings.Contains(err.Error(), "longer than") {
				t.Fatal(text, err)
			}
			refused++
			continue
		}
		for range 6 {
			event := d.event(d.IntN(5))
			got, err := p.Matches([]byte(event))
			if err != nil {
				t.Fatal(event, err)
			}
			if slow := slowMatch(t, text, event); got != slow {
				t.Fatalf("seed %d: %s and %s: %v, the oracle says %v", seed, text, event, got, slow)
			}
			if got {
				matched++
			}
		}
	}
	t.Logf("%d of %d matched, %d patterns refused", matched, 6*(rounds-refused), refused)
	if matched < rounds/2 || refused > rounds/10 {
		t.Errorf("the dice are loaded: %d matched, %d refused", matched, refused)
	}
}

// TestArraysAgainstOracle: deep arrays and few names, where it matters which
// element a value is in.
func TestArraysAgainstOracle(t *testing.T) {
	rounds := 8000
	if testing.Short() {
		rounds = 1000
	}
	matched := 0
	for seed := range uint64(rounds) {
		d := dice{rand.New(rand.NewPCG(seed, 11))}
		var value func(depth int) string
		value = func(depth int) string {
			switch n := d.IntN(8); {
			case depth == 0 || n == 0:
				return d.one("1", "2")
			case n < 4:
				return "[" + d.several(0, 3, ",", func() string { return value(depth - 1) }) + "]"
			default:
				return "{" + d.several(1, 3, ",", func() string {
					return d.one(`"a"`, `"b"`, `"c"`, `"a"`, `"b"`, `"c"`, `"a.b"`) + ":" + value(depth-1)
				}) + "}"
			}
		}
		var pattern func(depth int) string
		pattern = func(depth int) string {
			return "{" + d.several(1, 3, ",", func() string {
				name := d.one(`"a"`, `"b"`, `"c"`, `"a.b"`)
				if depth > 0 && d.likely(60) {
					return name + ":" + pattern(depth-1)
				}
				return name + ":" + d.one(`[1]`, `[2]`, `[{"exists":true}]`, `[{"exists":false}]`, `[{"exists":false},1]`, `[1,2]`)
			}) + "}"
		}
		text := pattern(2)
		event := `{"a":` + value(5) + `,"b":` + value(4) + `}`
		got, err := compiled(t, text).Matches([]byte(event))
		if err != nil {
			t.Fatal(err)
		}
		if slow := slowMatch(t, text, event); got != slow {
			t.Fatalf("seed %d: %s and %s: %v, the oracle says %v", seed, text, event, got, slow)
		}
		if got {
			matched++
		}
	}
	t.Logf("%d of %d matched", matched, rounds)
	if matched < rounds/20 {
		t.Errorf("only %d matched", matched)
	}
}

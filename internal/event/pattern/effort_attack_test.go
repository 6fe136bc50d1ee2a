package pattern

import (
	"fmt"
	"strings"
	"testing"
)

// The rules of one account are matched before the events of others are: many
// that were made for it must not take long over one event.
func TestManyPatternsTakeBoundedWorkTogether(t *testing.T) {
	event := `{"detail":{` + strings.Repeat(`"x":{"a":1},`, 20000) + `"z":1}}`
	v, err := Decode([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	effort := NewEffort()
	given := effort.left
	taken := 0
	for i := range 300 {
		p, err := Compile(fmt.Sprintf(`{"$or":[%s]}`, strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"detail":{"x":{"a":[1],"b":[%d]}}},`, i), 90), ",")))
		if err != nil {
			t.Fatal(err)
		}
		before := effort.left
		if p.MatchWithin(v, effort) {
			t.Fatal("it matches")
		}
		taken += ownSteps + 2*len(v.nodes) + before - effort.left
	}
	if effort.left != 0 {
		t.Errorf("%d of %d are left: the test tests nothing", effort.left, given)
	}
	if most := given + 300*(ownSteps+2*len(v.nodes)); taken > most {
		t.Errorf("they took %d steps and more, at most %d", taken, most)
	}
	// One that is not made for it matches all the same.
	honest, err := Compile(`{"detail":{"z":[1]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if !honest.MatchWithin(v, effort) {
		t.Error("another pattern does not match any more")
	}
}

// What one pattern may take alone does not grow.
func TestMatchWithinAgreesWithMatch(t *testing.T) {
	v, err := Decode([]byte(imageAction))
	if err != nil {
		t.Fatal(err)
	}
	effort := NewEffort()
	for range 100 {
		for _, text := range realisticPatterns() {
			p, err := Compile(text)
			if err != nil {
				t.Fatal(err)
			}
			if p.Match(v) != p.MatchWithin(v, effort) {
				t.Errorf("%s", text)
			}
		}
	}
	if effort.left != NewEffort().left {
		t.Errorf("realistic patterns took %d steps beyond their own", NewEffort().left-effort.left)
	}
}

package service_test

import (
	"fmt"
	"testing"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/service"
)

// BenchmarkEventRules is what the rules of an account cost those who match
// events with them.
func BenchmarkEventRules(b *testing.B) {
	for _, n := range []int{1, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newHouse(b)
			for i := range n {
				name := fmt.Sprintf("rule-%d", i)
				_, err := h.PutEventRule(b.Context(), h.owner, service.PutEventRule{Name: name, Pattern: `{"source":["aws.ecr"],"detail":{"image-tag":[{"prefix":"v"}]}}`})
				if err == nil {
					err = h.PutEventTargets(b.Context(), h.owner, "", name, []event.Target{{ID: "1", ARN: "arn:ecru:stdout"}})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				rules, err := h.EventRules(b.Context(), account)
				if err != nil || len(rules) != n {
					b.Fatal(len(rules), err)
				}
			}
		})
	}
}

// BenchmarkPutEvents is what ten events that a client puts cost, the store's
// disk included.
func BenchmarkPutEvents(b *testing.B) {
	h := newHouse(b)
	entries := make([]service.NewEvent, 10)
	for i := range entries {
		entries[i] = service.NewEvent{Source: "my.app", DetailType: "Build", Detail: `{"repository":"web","tag":"v1.2.3","ok":true}`}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.PutEvents(b.Context(), h.owner, entries); err != nil {
			b.Fatal(err)
		}
	}
}

package service_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/service"
)

// BenchmarkCredentials measures what every signed request and every request of
// the distribution API asks.
func BenchmarkCredentials(b *testing.B) {
	h := identities(b)
	h.role(trusts(`"*"`))
	ci, key := h.login(account, "ci")
	temporary, err := h.AssumeRole(b.Context(), ci, service.AssumeRole{RoleARN: deployARN, Session: "job-1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("long-lived key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := h.Secret(b.Context(), key.ID, ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("session of a role", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := h.Secret(b.Context(), temporary.AccessKeyID, temporary.Token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("alive", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := h.Alive(b.Context(), temporary.Principal); err != nil {
				b.Fatal(err)
			}
		}
	})
}

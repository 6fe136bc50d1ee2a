package service

import (
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
)

// FuzzSecretRef reads what clients call secrets by: a secret is found by its own
// name and ARNs, and what is no ARN is a name.
func FuzzSecretRef(f *testing.F) {
	home := registry.Scope{Account: "000000000000", Region: "us-east-1"}
	for _, id := range []string{"", "name", "a/b-AbCdEf", "-AbCdEf", "arn:", "arn:aws:secretsmanager:us-east-1:000000000000:secret:", strings.Repeat(":", 100), secretARN(home, "n", "AbCdEf")} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		ref := parseSecretRef(id)
		if len(ref.names) == 0 || len(ref.names) > 2 {
			t.Fatalf("%q may mean %d secrets", id, len(ref.names))
		}
		if !validSecretName.MatchString(id) {
			return
		}
		means := func(id string, expected secretName) {
			for _, meant := range parseSecretRef(id).names {
				if meant == expected {
					return
				}
			}
			t.Errorf("%q does not mean %+v", id, expected)
		}
		means(id, secretName{name: id})
		means(secretARN(home, id, ""), secretName{name: id})
		means(secretARN(home, id, "AbCdEf"), secretName{id, "AbCdEf"})
	})
}

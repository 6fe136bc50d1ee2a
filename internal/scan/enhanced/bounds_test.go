package enhanced_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/registry"
)

// TestNobodyHidesWhatIsInAnImageBesideIt: who may push beside an image must not
// make it one that nobody looks at.
func TestNobodyHidesWhatIsInAnImageBesideIt(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	image := l.push("app", "v1", node(map[string]string{"lodash": "4.17.20"}))
	l.run()
	l.want("app", "v1", "ACTIVE", "CVE-3 ACTIVE")
	var components strings.Builder
	for n := range 50_001 {
		fmt.Fprintf(&components, `,{"type":"library","name":"p%d","version":"1","purl":"pkg:hex/p%d@1"}`, n, n)
	}
	l.refer("app", image, cycloneDX, `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[`+components.String()[1:]+`]}`)
	l.run()
	got := l.want("app", "v1", "ACTIVE", "CVE-3 ACTIVE")
	if !strings.Contains(got.description, "were left out: they name more than an image can hold") {
		t.Errorf("described as %q", got.description)
	}
}

// TestAnImageOfTooManyPackagesIsRefused: what nobody could read the findings of must
// not keep everybody else from writing.
func TestAnImageOfTooManyPackagesIsRefused(t *testing.T) {
	l := openBeside(t, registry.ScanContinuous)
	var packages strings.Builder
	for n := range 50_001 {
		fmt.Fprintf(&packages, `,{"name":"vendor/p%d","version":"1.0.0"}`, n)
	}
	l.push("app", "v1", layer(map[string]string{"app/vendor/composer/installed.json": `{"packages":[` + packages.String()[1:] + `]}`}))
	l.run()
	if got := l.want("app", "v1", "UNSUPPORTED_IMAGE"); !strings.Contains(got.description, "more than 50000 different packages") {
		t.Errorf("described as %q", got.description)
	}
}

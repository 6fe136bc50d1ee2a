package match_test

import (
	"fmt"
	"testing"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// benchmarkJudge asks about the same components again and again.
func benchmarkJudge(b *testing.B, release string, components []finding.Component, exports ...string) {
	b.Helper()
	m := match.New(loadReal(b, exports...), match.Options{})
	var problems int
	b.ReportAllocs()
	for b.Loop() {
		got, _, err := m.Judge(b.Context(), release, components)
		if err != nil {
			b.Fatal(err)
		}
		problems = 0
		for _, list := range got {
			problems += len(list)
		}
	}
	b.ReportMetric(float64(problems), "problems")
	b.ReportMetric(float64(b.N*len(components))/b.Elapsed().Seconds(), "components/s")
}

// BenchmarkJudgeDebian100 is 100 components with warm rules.
func BenchmarkJudgeDebian100(b *testing.B) {
	var components []finding.Component
	for _, s := range match.Components(realInventory(b, "debian-12-slim-dpkg.tar.gz"), match.OSPackages) {
		components = append(components, s.Component)
	}
	for i := 0; len(components) < 100; i++ {
		c := components[i]
		c.Version += fmt.Sprintf("+b%d", i)
		components = append(components, c)
	}
	benchmarkJudge(b, "Debian:12", components[:100], "Debian:12")
}

// BenchmarkJudgeNPM100 is what a web application has.
func BenchmarkJudgeNPM100(b *testing.B) {
	var components []finding.Component
	for i, name := range []string{"lodash", "minimist", "express", "axios", "semver", "ws", "qs", "node-fetch", "follow-redirects", "handlebars"} {
		for j := range 10 {
			components = append(components, finding.Component{Release: "npm", Name: name, Version: fmt.Sprintf("%d.%d.%d", 1+j%5, i, j)})
		}
	}
	benchmarkJudge(b, "npm", components, "npm")
}

// BenchmarkComponents groups the packages of a large image.
func BenchmarkComponents(b *testing.B) {
	inv := &inventory.Inventory{OS: debianOS()}
	for i := range 2000 {
		inv.Packages = append(inv.Packages, lang("npm", fmt.Sprintf("p%d", i/3), fmt.Sprintf("1.0.%d", i%2)))
	}
	b.ReportAllocs()
	for b.Loop() {
		match.Components(inv, match.AllPackages)
	}
}

package enhanced

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

// rate writes into a state what its problems come to.
func rate(s *finding.State, problems []meta.StoredProblem) {
	plain := make([]finding.Problem, len(problems))
	for i, p := range problems {
		plain[i] = p.Problem
	}
	finding.Rate(plain).Apply(s)
}

// revisionOf tells apart what a finding says: whoever was told of one revision
// needs not be told of it again. When an advisory was last touched, and how likely
// exploitation is today, is nothing to be told of.
func revisionOf(problems []meta.StoredProblem, risk finding.Risk) string {
	all := make([][]byte, len(problems))
	for i, p := range problems {
		p.Problem.Modified = time.Time{}
		// Encoding a plain struct cannot fail.
		all[i], _ = json.Marshal(struct {
			Of finding.Component
			finding.Problem
		}{p.Of, p.Problem})
	}
	slices.SortFunc(all, func(a, b []byte) int { return slices.Compare(a, b) })
	sum := fnv.New64a()
	for _, b := range all {
		_, _ = sum.Write(b) // never fails
	}
	if risk.KnownExploited {
		_, _ = sum.Write([]byte("exploited"))
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}

package sql

import (
	"context"
	"errors"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

var errPending = errors.New("findings are not stored yet")

// IndexInventory is part of meta.Components.
func (s *Store) IndexInventory(context.Context, string, []finding.Component) ([]meta.IndexedComponent, error) {
	return nil, errPending
}

// ComponentsNamed is part of meta.Components.
func (s *Store) ComponentsNamed(context.Context, []string, string, int64, int) ([]meta.IndexedComponent, error) {
	return nil, errPending
}

// Releases is part of meta.Components.
func (s *Store) Releases(context.Context) ([]string, error) { return nil, errPending }

// PutProblems is part of meta.Components.
func (s *Store) PutProblems(context.Context, []meta.ComponentProblems) (int, error) {
	return 0, errPending
}

// InventoryProblems is part of meta.Components.
func (s *Store) InventoryProblems(context.Context, string) ([]meta.StoredProblem, error) {
	return nil, errPending
}

// ProblemChanges is part of meta.Components.
func (s *Store) ProblemChanges(context.Context, int) ([]meta.ProblemChange, error) {
	return nil, errPending
}

// SettleProblemChanges is part of meta.Components.
func (s *Store) SettleProblemChanges(context.Context, []meta.ProblemChange) error { return errPending }

// PutCoverage is part of meta.Coverages.
func (s *Store) PutCoverage(context.Context, *finding.Coverage, []meta.Event) (bool, error) {
	return false, errPending
}

// Coverage is part of meta.Coverages.
func (s *Store) Coverage(context.Context, int64, []string) (map[string]finding.Coverage, error) {
	return nil, errPending
}

// CoverageByID is part of meta.Coverages.
func (s *Store) CoverageByID(context.Context, []int64) (map[int64]finding.Coverage, error) {
	return nil, errPending
}

// ListCoverage is part of meta.Coverages.
func (s *Store) ListCoverage(context.Context, string, meta.CoverageQuery) ([]finding.Coverage, error) {
	return nil, errPending
}

// CountAffected is part of meta.Coverages.
func (s *Store) CountAffected(context.Context, []int64) (int, error) { return 0, errPending }

// PurgeCoverage is part of meta.Coverages.
func (s *Store) PurgeCoverage(context.Context, time.Time, time.Time, int) (int, error) {
	return 0, errPending
}

// SettleFindings is part of meta.Findings.
func (s *Store) SettleFindings(context.Context, []int64, []string, func(meta.Settling) (meta.Settled, error)) error {
	return errPending
}

// ListFindings is part of meta.Findings.
func (s *Store) ListFindings(context.Context, string, meta.FindingQuery) ([]finding.State, error) {
	return nil, errPending
}

// CountFindings is part of meta.Findings.
func (s *Store) CountFindings(context.Context, string, meta.FindingQuery, meta.FindingGroup) ([]meta.FindingCount, error) {
	return nil, errPending
}

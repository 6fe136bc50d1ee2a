package advisorytest_test

import (
	"testing"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
)

func TestMemoryKeepsThePromises(t *testing.T) {
	advisorytest.Run(t, func(*testing.T) advisory.Store { return advisorytest.NewMemory() })
}

package advisory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
)

// What is known about vulnerabilities beside their advisories is kept as
// advisories are, so that it is replaced, watched and told of like them: in
// ecosystems of these names, with the id of the vulnerability as package.
const (
	// KEV is CISA's catalogue of known exploited vulnerabilities.
	KEV = "_kev"
	// EPSS is FIRST's estimate of how likely exploitation is.
	EPSS = "_epss"
)

// IsRisk says whether an ecosystem is about vulnerabilities and not packages.
func IsRisk(ecosystem string) bool { return strings.HasPrefix(ecosystem, "_") }

// Lookup is the part of a Store that answers entries.
type Lookup interface {
	Advisories(ctx context.Context, ecosystem string, packages []string) (Batch, error)
}

// ReadRisks answers what is known about vulnerabilities; those about which
// nothing is known are left out.
func ReadRisks(ctx context.Context, from Lookup, ids []string) (map[string]finding.Risk, error) {
	out := map[string]finding.Risk{}
	for _, feed := range []string{KEV, EPSS} {
		batch, err := from.Advisories(ctx, feed, ids)
		if err != nil {
			return nil, err
		}
		for _, e := range batch.Entries {
			r := out[e.Package]
			if err := e.addTo(&r); err != nil {
				return nil, fmt.Errorf("advisory: stored risk of %s: %w", e.Package, err)
			}
			out[e.Package] = r
		}
	}
	return out, nil
}

// risk is the Data of an entry of KEV or EPSS.
type risk struct {
	Added      string  `json:"a,omitempty"` // the day on which it came into the catalogue
	EPSS       float64 `json:"e,omitempty"`
	Percentile float64 `json:"p,omitempty"`
}

func (e Entry) addTo(r *finding.Risk) error {
	var data risk
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return err
	}
	if e.ID == EPSS {
		r.EPSS, r.Percentile, r.HasEPSS = data.EPSS, data.Percentile, true
		return nil
	}
	r.KnownExploited = true
	r.ExploitedAt, _ = time.Parse(time.DateOnly, data.Added)
	return nil
}

// kevEntry is a vulnerability that came into the catalogue on a day.
func kevEntry(id, day string) (Entry, error) {
	data, err := json.Marshal(risk{Added: day})
	return Entry{Package: id, ID: KEV, Data: data, Content: contentOf(data)}, err
}

// epssEntry is a vulnerability with its estimate. Estimates change every day for
// nearly all; only one that leaves its range is a Change.
func epssEntry(id string, probability, percentile float64) (Entry, error) {
	data, err := json.Marshal(risk{EPSS: probability, Percentile: percentile})
	return Entry{Package: id, ID: EPSS, Data: data, Content: Content{epssRange(probability)}}, err
}

// epssRange is the number of the range that a probability lies in: tenths, and
// more narrow where most lie.
func epssRange(p float64) byte {
	n := byte(1)
	for _, bound := range []float64{0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9} {
		if p >= bound {
			n++
		}
	}
	return n
}

package match

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// pager is the part of advisory.Store that goes through everything.
type pager interface {
	Page(ctx context.Context, ecosystem string, generation int64, after advisory.Key, limit int) ([]advisory.Entry, error)
}

// Bounds of what Explain looks at when no installed package has the id.
const (
	pageSize     = 2000
	maxElsewhere = 20 // statements
	maxSimilar   = 5  // names in one
)

// elsewhere looks for advisories with the id that are about other packages than
// the installed ones.
func (e *explainer) elsewhere(ctx context.Context, m *Matcher) error {
	store, ok := m.lookup.(pager)
	if !ok {
		return nil
	}
	for _, l := range e.looked {
		var after advisory.Key
		for {
			page, err := store.Page(ctx, l.source.Ecosystem, l.source.Generation, after, pageSize)
			if errors.Is(err, advisory.ErrReplaced) {
				break // the next question gets the new ones
			}
			if err != nil {
				return fmt.Errorf("match: read advisories: %w", err)
			}
			if err := e.scanPage(&l, page); err != nil {
				return err
			}
			if len(page) < pageSize || len(e.out) >= maxElsewhere {
				break
			}
			last := page[len(page)-1]
			after = advisory.Key{Package: last.Package, ID: last.ID}
		}
	}
	return nil
}

func (e *explainer) scanPage(l *look, page []advisory.Entry) error {
	for i := range page {
		entry := &page[i]
		if len(e.out) >= maxElsewhere || entry.Package == advisory.Contents || !bytes.Contains(entry.Data, []byte(e.id)) {
			continue
		}
		record, err := entry.Record()
		if err != nil {
			return fmt.Errorf("match: stored advisory %s of %s: %w", entry.ID, entry.Package, err)
		}
		if e.about(record) {
			e.say(l.notInstalled(e.id, entry.Package, record))
		}
	}
	return nil
}

// notInstalled is about a record of a package that no component has.
func (l *look) notInstalled(id, pkg string, record *advisory.Record) Statement {
	s := Statement{Outcome: NotInstalled, Release: l.release.name, AdvisoryID: record.ID, URL: l.release.page(id, record)}
	for _, a := range record.Affected {
		if !slices.Contains(s.Ecosystems, a.Package.Ecosystem) {
			s.Ecosystems = append(s.Ecosystems, a.Package.Ecosystem)
		}
	}
	var similar []string
	for _, name := range l.names {
		if alike(name, pkg) && !slices.Contains(similar, name) && len(similar) < maxSimilar {
			similar = append(similar, name)
		}
	}
	s.Sentence = fmt.Sprintf("%s is about %s, which is not installed.", record.ID, pkg)
	if len(similar) > 0 {
		slices.Sort(similar)
		s.Sentence = fmt.Sprintf("%s is about %s, which is not installed; what is installed is %s.", record.ID, pkg, strings.Join(similar, ", "))
	}
	return s
}

// alike: one name holds the other, or they have the same last part.
func alike(a, b string) bool {
	short, long := a, b
	if len(short) > len(long) {
		short, long = long, short
	}
	last := short[strings.LastIndexAny(short, "/:")+1:]
	return len(short) >= 3 && strings.Contains(long, short) || len(last) >= 3 && strings.HasSuffix(long, last)
}

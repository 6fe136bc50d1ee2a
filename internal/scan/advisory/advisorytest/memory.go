package advisorytest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Memory is a store that forgets, for tests.
type Memory struct {
	mu         sync.Mutex
	ecosystems map[string]*ecosystem
	next       int64
	changes    []advisory.Change
	seq        int64
}

type ecosystem struct {
	source  advisory.Source
	entries map[string]map[string]advisory.Entry // package → id → entry
	open    *memoryImport
}

// NewMemory gives an empty store.
func NewMemory() *Memory { return &Memory{ecosystems: map[string]*ecosystem{}} }

// at returns the ecosystem, made when it is new. The lock is held.
func (m *Memory) at(name string) *ecosystem {
	e := m.ecosystems[name]
	if e == nil {
		e = &ecosystem{source: advisory.Source{Ecosystem: name}}
		m.ecosystems[name] = e
	}
	return e
}

// BeginImport is part of advisory.Store.
func (m *Memory) BeginImport(ctx context.Context, name string) (advisory.Import, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	imp := &memoryImport{store: m, at: m.at(name), generation: m.next, entries: map[string]map[string]advisory.Entry{}}
	imp.at.open = imp
	return imp, nil
}

// Advisories is part of advisory.Store.
func (m *Memory) Advisories(ctx context.Context, name string, packages []string) (advisory.Batch, error) {
	if err := ctx.Err(); err != nil {
		return advisory.Batch{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.ecosystems[name]
	if e == nil {
		return advisory.Batch{}, nil
	}
	b := advisory.Batch{Generation: e.source.Generation}
	packages = slices.Compact(slices.Sorted(slices.Values(packages)))
	for _, p := range packages {
		start := len(b.Entries)
		for _, en := range e.entries[p] {
			b.Entries = append(b.Entries, shown(en))
		}
		slices.SortFunc(b.Entries[start:], func(x, y advisory.Entry) int { return strings.Compare(x.ID, y.ID) })
	}
	return b, nil
}

// Sources is part of advisory.Store. Ecosystems that were only begun are left out.
func (m *Memory) Sources(ctx context.Context) ([]advisory.Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []advisory.Source
	for _, e := range m.ecosystems {
		if e.source.Loaded() || !e.source.LastAttempt.IsZero() {
			all = append(all, e.source)
		}
	}
	slices.SortFunc(all, func(x, y advisory.Source) int { return strings.Compare(x.Ecosystem, y.Ecosystem) })
	return all, ctx.Err()
}

// RecordAttempt is part of advisory.Store.
func (m *Memory) RecordAttempt(ctx context.Context, name string, at time.Time, problem string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.at(name)
	e.source.LastAttempt, e.source.LastError = at, problem
	return nil
}

// Changes is part of advisory.Store.
func (m *Memory) Changes(ctx context.Context, after int64, limit int) ([]advisory.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []advisory.Change
	for _, c := range m.changes {
		if c.Seq > after && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, ctx.Err()
}

// DropChanges is part of advisory.Store.
func (m *Memory) DropChanges(ctx context.Context, upTo int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = slices.DeleteFunc(m.changes, func(c advisory.Change) bool { return c.Seq <= upTo })
	return ctx.Err()
}

// Page is part of advisory.Store.
func (m *Memory) Page(ctx context.Context, name string, generation int64, after advisory.Key, limit int) ([]advisory.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.ecosystems[name]
	if e == nil || e.source.Generation != generation {
		return nil, advisory.ErrReplaced
	}
	var out []advisory.Entry
	for _, p := range slices.Sorted(maps.Keys(e.entries)) {
		if p < after.Package || len(out) == limit {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(e.entries[p])) {
			if later := p > after.Package || p == after.Package && id > after.ID; later && len(out) < limit {
				out = append(out, shown(e.entries[p][id]))
			}
		}
	}
	return out, ctx.Err()
}

// Risks answers what is known about vulnerabilities.
func (m *Memory) Risks(ctx context.Context, ids []string) (map[string]finding.Risk, error) {
	return advisory.ReadRisks(ctx, m, ids)
}

// shown is an entry as it is answered.
func shown(e advisory.Entry) advisory.Entry {
	e.Content = advisory.Content{}
	return e
}

// tell notes what is different about the packages of an ecosystem. The lock is held.
func (m *Memory) tell(name string, before, after map[string]map[string]advisory.Entry) {
	packages := map[string]bool{}
	for p := range before {
		packages[p] = true
	}
	for p := range after {
		packages[p] = true
	}
	same := func(x, y advisory.Entry) bool { return x.Content == y.Content }
	for _, p := range slices.Sorted(maps.Keys(packages)) {
		if !maps.EqualFunc(before[p], after[p], same) {
			m.seq++
			m.changes = append(m.changes, advisory.Change{Seq: m.seq, Ecosystem: name, Package: p})
		}
	}
}

type memoryImport struct {
	store      *Memory
	at         *ecosystem
	generation int64
	entries    map[string]map[string]advisory.Entry
	closed     bool
}

// usable says why the import cannot go on. The lock is held.
func (i *memoryImport) usable(ctx context.Context) error {
	switch {
	case i.closed:
		return advisory.ErrImportClosed
	case i.at.open != i:
		return advisory.ErrSuperseded
	}
	return ctx.Err()
}

func (i *memoryImport) Add(ctx context.Context, batch []advisory.Entry) error {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	if err := i.usable(ctx); err != nil {
		return err
	}
	for _, e := range batch {
		e.Data = bytes.Clone(e.Data)
		if i.entries[e.Package] == nil {
			i.entries[e.Package] = map[string]advisory.Entry{}
		}
		i.entries[e.Package][e.ID] = e
	}
	return nil
}

func (i *memoryImport) Commit(ctx context.Context, src advisory.Source) error {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	if err := i.usable(ctx); err != nil {
		return err
	}
	i.closed, i.at.open = true, nil
	i.store.tell(i.at.source.Ecosystem, i.at.entries, i.entries)
	src.Ecosystem, src.Generation = i.at.source.Ecosystem, i.generation
	i.at.source, i.at.entries = src, i.entries
	return nil
}

func (i *memoryImport) Abort(context.Context) error {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	i.closed = true
	if i.at.open == i {
		i.at.open = nil
	}
	return nil
}

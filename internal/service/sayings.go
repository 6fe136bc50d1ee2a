package service

import (
	"context"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/vex"
)

// settingSuppressions changes with whatever an account says of its findings, so
// that nobody goes on with what was said before.
const settingSuppressions = "suppressions-version"

// How much of what accounts say is kept in memory, in bytes.
const (
	keptSayings   = 64 << 20
	keptDocuments = 160 << 20
)

// saying is all that an account says of its findings, but for what lies beside
// images and what its documents say. Nobody modifies it.
type saying struct {
	version   string
	decisions map[string][]*finding.Decision // by vulnerability, in small letters
	documents []VexDocument                  // without their statements
	filters   []FindingFilter                // that suppress
	weight    int
}

// sayings keeps what was asked for last.
type sayings struct {
	accounts  weighted[*saying]
	documents weighted[*compiledDocument]
}

// compiledDocument is what VEX documents say: one that was uploaded, or all that
// are the layers of one referrer.
type compiledDocument struct{ parts []*vex.Compiled }

func (c *compiledDocument) weight() int {
	n := 64
	for _, p := range c.parts {
		n += p.Weight()
	}
	return n
}

// weighted keeps values that were used last, as many as weigh no more than most
// together, but never fewer than one. Its zero value keeps nothing: see newSayings.
type weighted[V any] struct {
	mu     sync.Mutex
	kept   *simplelru.LRU[string, weighed[V]]
	weight int
	most   int
}

type weighed[V any] struct {
	value  V
	weight int
}

func newWeighted[V any](most int) weighted[V] {
	const entries = 1 << 20 // the weight is what bounds
	// A positive size cannot fail.
	kept, _ := simplelru.NewLRU[string, weighed[V]](entries, nil)
	return weighted[V]{kept: kept, most: most}
}

func newSayings() *sayings {
	return &sayings{accounts: newWeighted[*saying](keptSayings), documents: newWeighted[*compiledDocument](keptDocuments)}
}

func (w *weighted[V]) get(key string) (V, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.kept.Get(key)
	return v.value, ok
}

func (w *weighted[V]) put(key string, value V, weight int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.kept.Peek(key); ok {
		w.weight -= before.weight
	}
	w.kept.Add(key, weighed[V]{value, weight})
	for w.weight += weight; w.weight > w.most && w.kept.Len() > 1; {
		_, oldest, _ := w.kept.RemoveOldest()
		w.weight -= oldest.weight
	}
}

// saying reads what an account says, unless it is known already.
func (s *Service) saying(ctx context.Context, account string) (*saying, error) {
	// The version comes first: what is read after it is no older.
	version, _, err := s.Store.Setting(ctx, account, settingSuppressions)
	if err != nil {
		return nil, err
	}
	if known, ok := s.said.accounts.get(account); ok && known.version == version {
		return known, nil
	}
	fresh := &saying{version: version, decisions: map[string][]*finding.Decision{}, weight: 256}
	all, err := s.decisionsInForce(ctx, account, s.Now())
	if err != nil {
		return nil, err
	}
	for i := range all {
		d := &all[i]
		id := strings.ToLower(d.Vulnerability)
		fresh.decisions[id] = append(fresh.decisions[id], d)
		fresh.weight += 300 + len(d.Repository) + len(d.Digest) + 2*len(id) + len(d.Package) + len(d.Author) + len(d.Reason)
	}
	if fresh.filters, err = s.suppressingFilters(ctx, account); err != nil {
		return nil, err
	}
	fresh.weight += 4096 * len(fresh.filters)
	err = s.eachVexDocument(ctx, account, "", func(d VexDocument) bool {
		fresh.documents = append(fresh.documents, d)
		fresh.weight += 400 + len(d.Document.ID) + len(d.Document.Author) + len(d.Document.Version)
		return true
	})
	if err != nil {
		return nil, err
	}
	fresh.documents = newestEditions(fresh.documents)
	s.said.accounts.put(account, fresh, fresh.weight)
	return fresh, nil
}

// newestEditions leaves out documents of which there is a newer edition for the
// same images: what that does not say any more, is said no more.
func newestEditions(all []VexDocument) []VexDocument {
	type edition struct{ repository, digest, format, id string }
	newest := map[edition]*VexDocument{}
	of := func(d *VexDocument) edition {
		return edition{d.Repository, d.Digest, d.Document.Format, d.Document.ID}
	}
	for i := range all {
		d := &all[i]
		if before := newest[of(d)]; before == nil || before.olderThan(d) {
			newest[of(d)] = d
		}
	}
	out := make([]VexDocument, 0, len(all))
	for i := range all {
		if d := &all[i]; d.Document.ID == "" || newest[of(d)] == d {
			out = append(out, *d)
		}
	}
	return out
}

// olderThan says whether the other is a newer edition of the same document.
func (d *VexDocument) olderThan(other *VexDocument) bool {
	if c := d.Document.IssuedAt.Compare(other.Document.IssuedAt); c != 0 {
		return c < 0
	}
	return d.AddedAt.Before(other.AddedAt)
}

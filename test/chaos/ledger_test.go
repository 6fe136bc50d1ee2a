package chaos

import (
	"maps"
	"slices"
	"sync"
)

// place is a blob, manifest or tag of a repository.
type place struct{ repo, name string }

// neverAcknowledged is the index of the acknowledged move of a tag that has none.
const neverAcknowledged = -1

// moves are the digests that were pushed to a tag, in order, and the index of
// the last that was acknowledged. The tag may name that one or a later one: of
// an unanswered push nobody knows whether it was done.
type moves struct {
	digests      []string
	acknowledged int
}

// ledger holds what the server has acknowledged.
type ledger struct {
	mu        sync.Mutex
	blobs     map[place]bool
	manifests map[place]bool
	tags      map[place]moves
}

func newLedger() *ledger {
	return &ledger{blobs: map[place]bool{}, manifests: map[place]bool{}, tags: map[place]moves{}}
}

func (l *ledger) blob(repo, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blobs[place{repo, digest}] = true
}

// moving notes that a tag is about to be pushed.
func (l *ledger) moving(repo, tag, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{repo, tag}
	m, known := l.tags[at]
	if !known {
		m.acknowledged = neverAcknowledged
	}
	m.digests = append(m.digests, digest)
	l.tags[at] = m
}

// moved notes that the last push of a tag was acknowledged.
func (l *ledger) moved(repo, tag, digest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{repo, tag}
	m := l.tags[at]
	m.acknowledged = len(m.digests) - 1
	l.tags[at] = m
	l.manifests[place{repo, digest}] = true
}

// snapshot is what was acknowledged at a moment: all of it has to be there at
// any later one.
type snapshot struct {
	ledger           *ledger
	blobs, manifests map[place]bool
	tags             map[place]int // the index of the acknowledged move
}

func (l *ledger) snapshot() *snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &snapshot{ledger: l, blobs: maps.Clone(l.blobs), manifests: maps.Clone(l.manifests), tags: map[place]int{}}
	for at, m := range l.tags {
		s.tags[at] = m.acknowledged
	}
	return s
}

func (s *snapshot) acknowledged(at place) bool { return s.tags[at] != neverAcknowledged }

// mayName tells whether a tag may name a digest now: the one that was
// acknowledged by the moment of the snapshot, or any that was pushed after it.
func (s *snapshot) mayName(at place, digest string) bool {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return slices.Contains(s.ledger.tags[at].digests[max(s.tags[at], 0):], digest)
}

// acknowledgedTags counts the tags that were acknowledged at least once.
func (s *snapshot) acknowledgedTags() int {
	n := 0
	for at := range s.tags {
		if s.acknowledged(at) {
			n++
		}
	}
	return n
}

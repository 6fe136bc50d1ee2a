package delivery

import "github.com/ecru-registry/ecru/internal/meta"

// item is a delivery in memory. It stays there until the store has noted how it
// ended, so that it is not taken for a new one.
type item struct {
	meta.Delivery
	size int
	lane *lane
	// shared is where Body is from; nil for a small one.
	shared *body
	// probe: the target was not known to work when this one was sent.
	probe bool
}

// itemOverhead is about what a delivery takes besides its body.
const itemOverhead = 512

// lane is what is to be sent one after the other.
type lane struct {
	name  string
	queue []*item
	busy  bool // the one before the first of the queue is under way
	// held: that one has failed, which the store does not know yet. Until then
	// it may answer what comes after it.
	held bool
}

// lanes holds the deliveries of one target that wait for their turn.
type lanes struct {
	byName  map[string]*lane // those that have a name
	ready   []*lane          // not busy, with something in their queue; longest first
	waiting int              // items in all queues
}

// add queues an item behind those of its lane. It answers false when nothing of
// the lane may be sent.
func (l *lanes) add(it *item) bool {
	la := l.byName[it.Lane]
	switch {
	case la == nil:
		la = &lane{name: it.Lane}
		if it.Lane != "" {
			l.byName[it.Lane] = la
		}
	case la.held:
		return false
	}
	it.lane = la
	la.queue = append(la.queue, it)
	l.waiting++
	if !la.busy && len(la.queue) == 1 {
		l.ready = append(l.ready, la)
	}
	return true
}

// next takes an item that may be sent.
func (l *lanes) next() *item {
	if len(l.ready) == 0 {
		return nil
	}
	la := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	it := la.queue[0]
	la.queue[0] = nil
	la.queue = la.queue[1:]
	la.busy = true
	l.waiting--
	return it
}

// done lets the lane of an item go on.
func (l *lanes) done(it *item) {
	la := it.lane
	la.busy = false
	if len(la.queue) > 0 {
		l.ready = append(l.ready, la)
	} else {
		l.forget(la)
	}
}

// hold stops the lane of an item that was under way and answers what waited
// behind it, which is forgotten.
func (l *lanes) hold(it *item) []*item {
	la := it.lane
	la.busy, la.held = false, true
	dropped := la.queue
	la.queue = nil
	l.waiting -= len(dropped)
	return dropped
}

// release ends the hold that an item has caused.
func (l *lanes) release(it *item) {
	if it.lane != nil {
		l.forget(it.lane)
	}
}

func (l *lanes) forget(la *lane) {
	if l.byName[la.name] == la {
		delete(l.byName, la.name)
	}
}

// clear forgets all that waits, and answers it. What is under way goes on.
func (l *lanes) clear() []*item {
	dropped := make([]*item, 0, l.waiting)
	for _, la := range l.ready { // lanes without a name are nowhere else
		dropped = append(dropped, la.queue...)
		la.queue = nil
		l.forget(la)
	}
	for _, la := range l.byName {
		dropped = append(dropped, la.queue...)
		la.queue = nil
	}
	l.ready, l.waiting = nil, 0
	return dropped
}

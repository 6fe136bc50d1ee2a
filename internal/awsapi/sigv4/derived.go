package sigv4

import "sync"

// maxDerived bounds each of the two generations of derived keys.
const maxDerived = 512

// derivedKeys remembers signing keys, which take four HMACs to derive and stay
// the same for a day. It keeps two generations: when the young one is full it
// becomes the old one, and what nobody asked for in between is forgotten.
type derivedKeys struct {
	mu         sync.Mutex
	young, old map[derivedID][32]byte
}

// derivedID holds the secret too, so that a key whose secret was changed can
// never be served from memory.
type derivedID struct{ secret, date, region, service string }

func (d *derivedKeys) get(secret string, s scope) [32]byte {
	id := derivedID{secret, s.date, s.region, s.service}
	d.mu.Lock()
	defer d.mu.Unlock()
	if key, ok := d.young[id]; ok {
		return key
	}
	key, ok := d.old[id]
	if !ok {
		key = derive(id)
	}
	if d.young == nil || len(d.young) >= maxDerived {
		d.young, d.old = make(map[derivedID][32]byte), d.young
	}
	d.young[id] = key
	return key
}

func derive(id derivedID) [32]byte {
	key := sum([]byte("AWS4"+id.secret), id.date)
	key = sum(key, id.region)
	key = sum(key, id.service)
	return [32]byte(sum(key, terminator))
}

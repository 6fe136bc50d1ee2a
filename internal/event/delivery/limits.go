package delivery

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits holds what goes to one place to its rate, whichever targets send it.
type limits struct {
	mu    sync.Mutex
	byKey map[string]*limit
}

type limit struct {
	limiter *rate.Limiter
	rate    float64
}

// reserve answers when the next message of a key may be sent, and counts it.
func (l *limits) reserve(key string, perSecond float64, now time.Time) time.Time {
	if perSecond <= 0 {
		return now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// A burst of a twentieth of a second makes up for what timers are late.
	burst := int(math.Max(1, perSecond/20))
	lim, ok := l.byKey[key]
	if !ok {
		lim = &limit{limiter: rate.NewLimiter(rate.Limit(perSecond), burst), rate: perSecond}
		l.byKey[key] = lim
	}
	if lim.rate != perSecond {
		lim.rate = perSecond
		lim.limiter.SetLimitAt(now, rate.Limit(perSecond))
		lim.limiter.SetBurstAt(now, burst)
	}
	return now.Add(lim.limiter.ReserveN(now, 1).DelayFrom(now))
}

// prune forgets limits that are as good as new.
func (l *limits) prune(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, lim := range l.byKey {
		if lim.limiter.TokensAt(now) >= float64(lim.limiter.Burst()) {
			delete(l.byKey, key)
		}
	}
}

package service

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/ecru-registry/ecru/internal/registry"
)

// maxThrottled is how many pairs of action and principal are watched at once;
// the one that was idle longest makes room, with its allowance full again.
const maxThrottled = 16 << 10

// throttle holds principals to configured rates, per action. A principal may
// save up one second's calls.
type throttle struct {
	rates map[string]float64
	now   func() time.Time

	mu      sync.Mutex
	buckets *simplelru.LRU[throttled, *rate.Limiter]
}

type throttled struct{ action, principal string }

// newThrottle makes one of rates by action ("ecr:PutImage"), nil without any.
func newThrottle(rates map[string]float64, now func() time.Time) *throttle {
	if len(rates) == 0 {
		return nil
	}
	// NewLRU fails for a size below one only.
	buckets, err := simplelru.NewLRU[throttled, *rate.Limiter](maxThrottled, nil)
	if err != nil {
		panic(err)
	}
	return &throttle{rates: rates, now: now, buckets: buckets}
}

// take uses one call of an action up. Errors: Throttling.
func (t *throttle) take(action, principal string) error {
	if t == nil {
		return nil
	}
	most, limited := t.rates[action]
	if !limited {
		return nil
	}
	key := throttled{action, principal}
	t.mu.Lock()
	defer t.mu.Unlock()
	bucket, ok := t.buckets.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(most), int(math.Max(1, math.Ceil(most))))
		t.buckets.Add(key, bucket)
	}
	if !bucket.AllowN(t.now(), 1) {
		return registry.Errorf(registry.CodeThrottled, "Rate exceeded")
	}
	return nil
}

// ECRRates are the calls a second that ECR allows an account by default.
func ECRRates() map[string]float64 {
	return map[string]float64{
		"ecr:BatchCheckLayerAvailability": 1000,
		"ecr:BatchGetImage":               2000,
		"ecr:GetDownloadUrlForLayer":      3000,
		"ecr:GetAuthorizationToken":       500,
		"ecr:UploadLayerPart":             500,
		"ecr:InitiateLayerUpload":         100,
		"ecr:CompleteLayerUpload":         100,
		"ecr:PutImage":                    10,
	}
}

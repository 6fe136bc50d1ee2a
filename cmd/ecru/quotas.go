package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/service"
)

// quota is a limit that may be configured.
type quota struct {
	name string
	set  func(text string) error
}

// quotasOf are the quotas by which limits can be changed, by name.
func quotasOf(l *service.Limits) []quota {
	return []quota{
		{"event-rules", count(&l.EventRules)},
		{"event-targets", count(&l.EventTargets)},
		{"images-per-repository", count(&l.ImagesPerRepository)},
		{"layer-part-size-mib", mebibytes(&l.LayerPartSize, 5, 20)},
		{"layer-parts", count(&l.LayerParts)},
		{"layer-size-mib", mebibytes(&l.LayerSize, 1, math.MaxInt32)},
		{"lifecycle-rules", count(&l.LifecycleRules)},
		{"pull-through-cache-rules", count(&l.PullThroughCacheRules)},
		{"replication-destinations", count(&l.ReplicationDestinations)},
		{"replication-rules", count(&l.ReplicationRules)},
		{"repositories", count(&l.Repositories)},
		{"scan-interval", interval(&l.ScanInterval)},
		{"scans-per-day", count(&l.ScansPerDay)},
		{"tags-per-image", count(&l.TagsPerImage)},
	}
}

func count(into *int) func(string) error {
	return func(text string) error {
		n, err := wholeNumber(text, 1, math.MaxInt32)
		*into = int(n)
		return err
	}
}

func mebibytes(into *int64, least, most int64) func(string) error {
	return func(text string) error {
		n, err := wholeNumber(text, least, most)
		*into = n << 20
		return err
	}
}

func wholeNumber(text string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a whole number from %d to %d", text, least, most)
	}
	return n, nil
}

func interval(into *time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is not a duration such as 24h or 10m", text)
		}
		*into = d
		return nil
	}
}

// limitsOf reads --quota: the quota of each name, later ones over earlier ones,
// ECR's where there is none.
func limitsOf(settings []string) (service.Limits, error) {
	limits := service.DefaultLimits()
	for _, one := range settings {
		name, text, ok := strings.Cut(one, "=")
		if !ok {
			return limits, fmt.Errorf("--quota: %q is not NAME=VALUE", one)
		}
		if err := setQuota(&limits, strings.TrimSpace(name), strings.TrimSpace(text)); err != nil {
			return limits, err
		}
	}
	return limits, nil
}

func setQuota(limits *service.Limits, name, text string) error {
	var names []string
	for _, q := range quotasOf(limits) {
		if q.name == name {
			if err := q.set(text); err != nil {
				return fmt.Errorf("--quota: %s: %w", name, err)
			}
			return nil
		}
		names = append(names, q.name)
	}
	return fmt.Errorf("--quota: there is no quota %q; there are: %s", name, strings.Join(names, ", "))
}

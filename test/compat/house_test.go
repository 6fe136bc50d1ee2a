package compat

import "fmt"

// quotas are those of the registry under test, which has much to refuse and
// nothing to say about it.
func flags() []string {
	args := []string{
		"--log-level", "error", "--follow-after", "0s",
		"--aws-targets", "arn:aws:*:us-east-1:123456789012:allowed*,arn:aws:events:us-east-1:123456789012:event-bus/allowed",
	}
	for _, q := range []struct {
		name string
		n    int
	}{
		{"repositories", maxRepositories},
		{"images-per-repository", maxImages},
		{"tags-per-image", maxTags},
		{"layer-parts", maxLayerParts},
		{"layer-part-size-mib", 5},
		{"pull-through-cache-rules", maxCacheRules},
		{"event-rules", maxEventRules},
	} {
		args = append(args, "--quota", fmt.Sprintf("%s=%d", q.name, q.n))
	}
	return args
}

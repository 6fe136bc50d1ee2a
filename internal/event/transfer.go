package event

// The detail types of images that come from elsewhere.
const (
	PullThroughCacheAction = "ECR Pull Through Cache Action"
	ReplicationAction      = "ECR Replication Action"
)

// CacheSync is an attempt to bring an image from an upstream registry.
type CacheSync struct {
	Prefix      string // of the repositories of the rule
	Repository  string
	UpstreamURL string // of the rule, such as public.ecr.aws
	Tag         string // empty when the image was asked for by digest
	Digest      string // empty when it never became known
	// FailureCode says that the attempt failed, and FailureReason why in words.
	FailureCode   string
	FailureReason string
}

type cacheDetail struct {
	RuleVersion   string `json:"rule-version"`
	Status        string `json:"sync-status"`
	Prefix        string `json:"ecr-repository-prefix"`
	Repository    string `json:"repository-name"`
	UpstreamURL   string `json:"upstream-registry-url"`
	Tag           string `json:"image-tag,omitempty"`
	Digest        string `json:"image-digest,omitempty"`
	FailureCode   string `json:"failure-code,omitempty"`
	FailureReason string `json:"failure-reason,omitempty"`
}

// PullThroughCached says how an attempt to bring an image from upstream has
// ended: source aws.ecr, detail type PullThroughCacheAction, with the repository
// as resource.
func PullThroughCached(o Origin, s CacheSync) Event {
	d := cacheDetail{
		RuleVersion: "1", Status: "SUCCESS", Prefix: s.Prefix, Repository: s.Repository,
		UpstreamURL: s.UpstreamURL, Tag: s.Tag, Digest: s.Digest,
	}
	if s.FailureCode != "" {
		d.Status, d.FailureCode, d.FailureReason = "FAILED", s.FailureCode, s.FailureReason
	}
	return saying(d, o, SourceECR, PullThroughCacheAction, o.Scope.RepositoryARN(s.Repository))
}

// Replication is an attempt to copy an image from another registry.
type Replication struct {
	Repository    string
	Digest        string
	Tag           string // empty for an image without
	SourceAccount string
	SourceRegion  string
	Failed        bool
}

type replicationDetail struct {
	Result        string `json:"result"`
	Repository    string `json:"repository-name"`
	Digest        string `json:"image-digest"`
	SourceAccount string `json:"source-account"`
	Action        string `json:"action-type"`
	SourceRegion  string `json:"source-region"`
	Tag           string `json:"image-tag,omitempty"`
}

// Replicated says how an attempt to copy an image has ended. Its origin is the
// registry that the image was copied to: source aws.ecr, detail type
// ReplicationAction, with the repository there as resource.
func Replicated(o Origin, r Replication) Event {
	d := replicationDetail{
		Result: "SUCCESS", Repository: r.Repository, Digest: r.Digest, SourceAccount: r.SourceAccount,
		Action: "REPLICATE", SourceRegion: r.SourceRegion, Tag: r.Tag,
	}
	if r.Failed {
		d.Result = "FAILED"
	}
	return saying(d, o, SourceECR, ReplicationAction, o.Scope.RepositoryARN(r.Repository))
}

package ecr

import (
	"cmp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/service"
)

// suppressionOf says why a finding of a snapshot does not count any more. ECR has
// no member for it: a finding of basic scanning stays what it was.
func suppressionOf(f service.ScanFinding) []types.Attribute {
	s := f.Suppression
	if s == nil {
		return nil
	}
	out := []types.Attribute{attribute("suppressed_by", s.Kind+" "+s.ID), attribute("suppression_reason", cmp.Or(s.Reason, s.Statement))}
	for _, more := range [][2]string{{"suppression_author", s.Author}, {"suppression_added_by", s.AddedBy}, {"suppression_statement", s.Statement}} {
		if more[1] != "" {
			out = append(out, attribute(more[0], more[1]))
		}
	}
	if !s.Until.IsZero() {
		out = append(out, attribute("suppression_expires", s.Until.UTC().Format(time.RFC3339)))
	}
	return out
}

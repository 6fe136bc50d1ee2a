package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/ecru-registry/ecru/internal/registry"
)

// UID names a finding for ever: the same vulnerability of the same image has the
// same one, also when it was closed and comes again.
func UID(repositoryID int64, digest, vulnerability string) string {
	sum := sha256.Sum256([]byte(strconv.FormatInt(repositoryID, 10) + "\x00" + digest + "\x00" + vulnerability))
	return hex.EncodeToString(sum[:16])
}

// ARN is the resource name of a finding.
func ARN(scope registry.Scope, uid string) string {
	return "arn:aws:inspector2:" + scope.Region + ":" + scope.Account + ":finding/" + uid
}

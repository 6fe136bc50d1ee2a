package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// UID names a finding for ever: the same vulnerability of the same image has the
// same one, also when it was closed and comes again.
func UID(repositoryID int64, digest, vulnerability string) string {
	sum := sha256.Sum256([]byte(strconv.FormatInt(repositoryID, 10) + "\x00" + digest + "\x00" + vulnerability))
	return hex.EncodeToString(sum[:16])
}

package iam

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// LayerURLLifetime is how long the URL of GetDownloadUrlForLayer is good.
const LayerURLLifetime = time.Hour

// LayerGrant lets its bearer read one blob without credentials.
type LayerGrant struct {
	Account    string
	Repository string
	Digest     string
	Expires    time.Time // to the second
}

// SignLayer makes the signature that goes with a grant.
func SignLayer(key []byte, g LayerGrant) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{g.Account, g.Repository, g.Digest, strconv.FormatInt(g.Expires.Unix(), 10)} {
		mac.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// VerifyLayer says whether a grant is signed by us and has not expired.
func VerifyLayer(key []byte, g LayerGrant, signature string, now time.Time) bool {
	return hmac.Equal([]byte(SignLayer(key, g)), []byte(signature)) && now.Before(g.Expires)
}

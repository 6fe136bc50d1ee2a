package target

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signature is a header that is computed: its value in the connection is the
// secret that signs, and is never sent.
type signature struct{ name, secret string }

// Headers that are signatures: of Standard Webhooks, of GitHub's kind, and the
// same under our own name.
const (
	standardSignature = "webhook-signature"
	hubSignature      = "x-hub-signature-256"
	ownSignature      = "x-ecru-signature-256"
)

func isSignature(name string) bool {
	switch strings.ToLower(name) {
	case standardSignature, hubSignature, ownSignature:
		return true
	}
	return false
}

// sign adds the signature of a body.
func (s signature) sign(header http.Header, id string, now time.Time, body []byte) {
	if !strings.EqualFold(s.name, standardSignature) {
		header.Set(s.name, "sha256="+hex.EncodeToString(mac([]byte(s.secret), body)))
		return
	}
	at := strconv.FormatInt(now.Unix(), 10)
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", at)
	header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac(webhookKey(s.secret), []byte(id+"."+at+"."), body)))
}

// webhookKey is the key of Standard Webhooks: whsec_ and base64, or any text.
func webhookKey(secret string) []byte {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return []byte(secret)
	}
	if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
		return key
	}
	return []byte(secret)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

package iam

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// ErrUnknownKey says that credentials do not exist, or not any more.
var ErrUnknownKey = errors.New("iam: unknown access key")

// temporaryPrefix begins the ids of temporary access keys, as AWS has it.
const temporaryPrefix = "ASIA"

// MaxSessionToken is the longest session token. A session policy, the longest
// part of one, is far shorter.
const MaxSessionToken = 16 << 10

// sessionVersion is the first byte of every token: what follows is a nonce and
// the sealed JSON of sealedSession.
const sessionVersion = 1

// TemporaryKey says whether the id of an access key is that of temporary
// credentials, which work with their session token only.
func TemporaryKey(id string) bool { return strings.HasPrefix(id, temporaryPrefix) }

// Session is what temporary credentials are and whose.
type Session struct {
	// Principal is who they speak for; its AccessKeyID is theirs.
	Principal Principal
	Secret    string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Sessions issues and opens session tokens. A token is the whole session,
// sealed: nothing about it is stored, and any process with the key can open it.
type Sessions struct{ aead cipher.AEAD }

// sealedSession is a session as it is sealed. Names are short because clients
// send them with every request.
type sealedSession struct {
	sealedPrincipal
	Secret    string `json:"sec"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}

// sealedPrincipal is how tokens carry a principal.
type sealedPrincipal struct {
	Account       string `json:"acc"`
	UserID        string `json:"uid"`
	AccessKeyID   string `json:"kid"`
	ARN           string `json:"arn,omitempty"`
	Kind          Kind   `json:"knd,omitempty"`
	Name          string `json:"nam,omitempty"`
	Session       string `json:"ses,omitempty"`
	SessionPolicy string `json:"pol,omitempty"`
	SourceKeyID   string `json:"src,omitempty"`
}

func seal(p Principal) sealedPrincipal {
	return sealedPrincipal{
		Account: p.Account, UserID: p.UserID, AccessKeyID: p.AccessKeyID, ARN: p.ARN, Kind: p.Kind, Name: p.Name,
		Session: p.Session, SessionPolicy: p.SessionPolicy, SourceKeyID: p.SourceKeyID,
	}
}

func (p sealedPrincipal) open() Principal {
	return Principal{
		Account: p.Account, UserID: p.UserID, AccessKeyID: p.AccessKeyID, ARN: p.ARN, Kind: p.Kind, Name: p.Name,
		Session: p.Session, SessionPolicy: p.SessionPolicy, SourceKeyID: p.SourceKeyID,
	}
}

// NewSessions makes an issuer of session tokens; key has 32 bytes.
func NewSessions(key []byte) (*Sessions, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	// Nonces are random: fine for 2³² tokens of a key, a hundred a second for
	// a year and more.
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Sessions{aead: aead}, nil
}

// Issue makes temporary credentials of a principal: a key pair of its own and
// the token that goes with it.
func (s *Sessions) Issue(p Principal, now time.Time, life time.Duration) (Session, string, error) {
	raw := make([]byte, 40)
	_, _ = rand.Read(raw) // never fails
	p.AccessKeyID = temporaryPrefix + base32.StdEncoding.EncodeToString(raw[:10])
	out := Session{
		Principal: p, Secret: base64.RawStdEncoding.EncodeToString(raw[10:]),
		IssuedAt: now.Truncate(time.Second), ExpiresAt: now.Add(life).Truncate(time.Second),
	}
	content, err := json.Marshal(sealedSession{
		sealedPrincipal: seal(p), Secret: out.Secret, IssuedAt: out.IssuedAt.Unix(), ExpiresAt: out.ExpiresAt.Unix(),
	})
	if err != nil {
		return Session{}, "", err
	}
	token := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(content)+s.aead.Overhead())
	token[0] = sessionVersion
	_, _ = rand.Read(token[1:]) // never fails
	token = s.aead.Seal(token, token[1:], content, token[:1])
	if base64.RawURLEncoding.EncodedLen(len(token)) > MaxSessionToken {
		return Session{}, "", errors.New("iam: the session is too large for a token")
	}
	return out, base64.RawURLEncoding.EncodeToString(token), nil
}

// Open answers the session of a token that was sent with an access key.
// Errors: ErrTokenExpired, ErrTokenInvalid.
func (s *Sessions) Open(accessKeyID, token string, now time.Time) (Session, error) {
	// The decoder passes over line breaks; a token has one form only.
	if len(token) > MaxSessionToken || strings.ContainsAny(token, "\r\n") {
		return Session{}, ErrTokenInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	head := 1 + s.aead.NonceSize()
	if err != nil || len(raw) < head || raw[0] != sessionVersion {
		return Session{}, ErrTokenInvalid
	}
	content, err := s.aead.Open(nil, raw[1:head], raw[head:], raw[:1])
	if err != nil {
		return Session{}, ErrTokenInvalid
	}
	var sealed sealedSession
	if err := json.Unmarshal(content, &sealed); err != nil || sealed.AccessKeyID != accessKeyID || sealed.Secret == "" {
		return Session{}, ErrTokenInvalid
	}
	out := Session{
		Principal: sealed.sealedPrincipal.open(), Secret: sealed.Secret,
		IssuedAt: time.Unix(sealed.IssuedAt, 0), ExpiresAt: time.Unix(sealed.ExpiresAt, 0),
	}
	if !now.Before(out.ExpiresAt) {
		return Session{}, ErrTokenExpired
	}
	return out, nil
}

// KeyOwner is whom a long-lived key speaks for, by the ARN that is stored with
// it.
func KeyOwner(account, arn, userID, accessKeyID string) Principal {
	if name, ok := strings.CutPrefix(arn, UserARN(account, "")); ok && name != "" {
		return UserPrincipal(account, name, userID, accessKeyID)
	}
	p := Principal{Account: account, ARN: arn, UserID: userID, AccessKeyID: accessKeyID}
	if arn == RootARN(account) {
		p.Kind = Root
	}
	return p
}

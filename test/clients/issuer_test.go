package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ecru-registry/ecru/test/server"
)

// issuer is an OIDC issuer like that of a CI service.
type issuer struct {
	url string
	key *ecdsa.PrivateKey
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		coordinate := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
			"x": coordinate(key.X.FillBytes(make([]byte, 32))), "y": coordinate(key.Y.FillBytes(make([]byte, 32))),
		}}})
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	i.url = s.URL
	return i
}

// token writes a token into a file and answers its path.
func (i *issuer) token(t *testing.T, subject, audience string, life time.Duration) string {
	t.Helper()
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": i.url, "sub": subject, "aud": audience, "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(life).Unix(),
	})
	token.Header["kid"] = "1"
	text, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// identities is what the story of temporary credentials needs: the command
// line, and tokens of an issuer.
func identities(t *testing.T, s *server.Server) []string {
	t.Helper()
	i := startIssuer(t)
	const subject = "project_path:team/app:ref_type:branch:ref:main"
	return []string{
		"ECRU=" + server.Binary(t), "ECRU_DATA=" + s.Data, "ISSUER=" + i.url,
		"TOKEN=" + i.token(t, subject, "ecru", time.Hour),
		"TOKEN_EXPIRED=" + i.token(t, subject, "ecru", -5*time.Minute),
		"TOKEN_FOR_OTHERS=" + i.token(t, subject, "others", time.Hour),
		"TOKEN_OF_OTHERS=" + i.token(t, "project_path:team/other:ref_type:branch:ref:main", "ecru", time.Hour),
	}
}

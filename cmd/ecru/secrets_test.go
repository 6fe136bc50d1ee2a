package main

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
	"github.com/ecru-registry/ecru/test/postgres"
)

// secretStore is the service over a store, with the keys of a start.
func secretStore(store *sql.Store, keys secretKeys) (*service.Service, service.Caller) {
	s := service.New(service.Config{
		Default: registry.Scope{Account: testAccount, Region: "us-east-1"}, Store: store, Secret: []byte("secret"), Keyring: keys.Keyring, Limits: service.DefaultLimits(),
	})
	return s, service.Caller{Principal: iam.RootPrincipal(testAccount, "AKIAROOT")}
}

func TestSecretsStayReadableWhenTheKeyChanges(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		data := t.TempDir()
		changeKeysUnderSecrets(t, openTestStore(t, data, "sqlite"), data)
		unreadable(t, data, "the-value-of-a-secret", "team/unlisted-description")
	})
	t.Run("postgres", func(t *testing.T) {
		data := t.TempDir()
		changeKeysUnderSecrets(t, openTestStore(t, data, postgres.New(t)), data)
	})
}

func changeKeysUnderSecrets(t *testing.T, store *sql.Store, data string) {
	ctx, file := t.Context(), filepath.Join(data, secretKeyFile)
	writeKeys(t, file, 1)
	s, owner := secretStore(store, mustBegin(t, store, data, "").secrets)
	_, _, err := s.CreateSecret(ctx, owner, service.NewSecret{
		Name: "team/db", Token: strings.Repeat("1", 32), Value: &service.SecretValue{Data: []byte("the-value-of-a-secret")}, Description: "team/unlisted-description",
	})
	if err != nil {
		t.Fatal(err)
	}
	readable := func(s *service.Service) {
		t.Helper()
		secret, version, err := s.SecretValueOf(ctx, owner, "team/db", "", "")
		if err != nil || string(version.Value.Data) != "the-value-of-a-secret" || secret.Description != "team/unlisted-description" {
			t.Errorf("the secret is %v, %v", secret.Name, err)
		}
	}
	readable(s)
	writeKeys(t, file, 2, 1) // the new one first
	s, _ = secretStore(store, mustBegin(t, store, data, "").secrets)
	readable(s)
	writeKeys(t, file, 2) // the old one is gone
	s, _ = secretStore(store, mustBegin(t, store, data, "").secrets)
	readable(s)
}

// lockedBuffer is a log that may be written by many.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// TestSecretsAreInNoLog sends secrets in all places that take them, well and
// badly, and looks for them in the audit log, the log of the server at its
// fullest, and the refusals.
func TestSecretsAreInNoLog(t *testing.T) {
	const marker = "S3CR3T-marker"
	binary := base64.StdEncoding.EncodeToString([]byte(marker))
	log, audit := new(lockedBuffer), filepath.Join(t.TempDir(), "audit.jsonl")
	w := newLoggedWalk(t, audit, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	const (
		token = `"ClientRequestToken":"01234567-89ab-cdef-0123-456789abcde`
		http  = `"HeaderParameters":[{"Key":"h","Value":"` + marker + `","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","Value":"` + marker + `"}],"BodyParameters":[{"Key":"b","Value":"` + marker + `"}]`
		oauth = `"OAuthParameters":{"ClientParameters":{"ClientID":"audited-id","ClientSecret":"` + marker + `"},"AuthorizationEndpoint":"https://id.example.com/","HttpMethod":"POST","OAuthHttpParameters":{` + http + `}}`
	)
	long := strings.Repeat(marker, 6000)
	var answers []string
	send := func(operation, body string) {
		answers = append(answers, w.call(w.root, walked{name: operation, body: body}).String())
		answers = append(answers, w.call(w.poor, walked{name: operation, body: body}).String())
	}
	good := len(answers)
	for operation, body := range map[string]string{
		"secretsmanager:CreateSecret": `{"Name":"audited-secret",` + token + `1","SecretString":"` + marker + `"}`,
		"events:CreateConnection":     `{"Name":"audited-connection","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{` + oauth + `,"InvocationHttpParameters":{` + http + `}}}`,
		"events:PutRule":              `{"Name":"audited-rule","EventPattern":"{\"source\":[\"a\"]}"}`,
	} {
		w.do("", "", body, operation)
		send(operation, body)
	}
	for _, c := range [][2]string{
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `2","SecretString":"` + marker + `"}`},
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `2","SecretString":"` + marker + `-other"}`}, // the token is used
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `3","SecretBinary":"` + binary + `"}`},
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `3","SecretBinary":"` + binary + `","SecretString":"` + marker + `"}`},
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `4","SecretString":"` + long + `"}`},
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `4","SecretString":"x","RotationToken":"` + marker + `"}`},
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `5","SecretString":{"a":"` + marker + `"}}`}, // malformed
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret",` + token + `5","SecretBinary":"` + marker + `!"}`},
		{"secretsmanager:PutSecretValue", `{"SecretId":"audited-secret","SecretString":"` + marker},
		{"secretsmanager:UpdateSecret", `{"SecretId":"audited-secret",` + token + `6","SecretString":"` + marker + `","Description":"audited"}`},
		{"secretsmanager:GetSecretValue", `{"SecretId":"audited-secret"}`},
		{"events:CreateConnection", `{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"` + marker + `\n"}}}`},
		{"events:CreateConnection", `{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"` + long + `"}}}`},
		{"events:CreateConnection", `{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"u","ApiKeyValue":"` + marker + `"}}}`},
		{"events:CreateConnection", `{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":["` + marker + `"]}}}`},
		{"events:UpdateConnection", `{"Name":"audited-connection","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"u","ApiKeyValue":"` + marker + `"}}}`},
		{"events:UpdateConnection", `{"Name":"audited-connection","AuthParameters":{"InvocationHttpParameters":{"HeaderParameters":[{"Key":"h","Value":"` + marker + `ä"}]}}}`},
		{"events:PutTargets", `{"Rule":"audited-rule","Targets":[{"Id":"1","Arn":"arn:ecru:stdout","HttpParameters":{"HeaderParameters":{"Authorization":"` + marker + `"},"QueryStringParameters":{"key":"` + marker + `"}}}]}`},
		{"events:PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"{\"a\":\"` + marker + `\"}"}]}`},
	} {
		send(c[0], c[1])
	}
	for i, text := range answers[good:] {
		if strings.Contains(text, marker) && !strings.Contains(text, `"SecretString":"`+marker) && !strings.Contains(text, `"SecretBinary":"`+binary) {
			t.Errorf("answer %d repeats a secret: %.300s", i, text)
		}
	}
	written := audited(t, audit)
	for what, text := range map[string]string{"audit log": written, "log": log.String()} {
		for _, secret := range []string{marker, binary} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("the %s has a secret in it: …%s…", what, text[max(0, at-300):min(len(text), at+100)])
			}
		}
	}
	// What is not secret is there.
	for _, expected := range []string{"audited-secret", "audited-connection", "audited-rule", `"OAUTH_CLIENT_CREDENTIALS"`, "arn:ecru:stdout"} {
		if !strings.Contains(written, expected) {
			t.Errorf("the audit log does not say %s", expected)
		}
	}
}

// audited waits until the audit log has its last record, and answers all of it.
func audited(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		text, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Count(string(text), "PutEvents") >= 2 {
			return string(text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the audit log has no end:\n%.2000s", text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

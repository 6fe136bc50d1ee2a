package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
	"github.com/ecru-registry/ecru/internal/awsapi/ecr"
	"github.com/ecru-registry/ecru/internal/awsapi/eventbridge"
	"github.com/ecru-registry/ecru/internal/awsapi/secretsmanager"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/service"
)

// The walk asks a whole registry for everything that it has, as everybody who
// may not: nobody at all, a user who may only read, one who may nothing, a user
// of another account who may do anything there, and one whose credentials have
// expired. What the
// registry has comes from its own tables, so that nothing can be added without
// saying here who may use it.

// walker is a caller of the walk.
type walker struct {
	name     string
	key      aws.Credentials // zero: nobody
	password string          // of the distribution API
}

// walk is a registry with an image in it and the callers around it.
type walk struct {
	t      testing.TB
	app    *app
	url    string
	http   http.Client
	digest string
	layer  string
	upload string

	root, reader, poor, stranger, expired, nobody walker
}

func TestNobodyCanDoWhatNoPolicyAllows(t *testing.T) {
	w := newWalk(t, "off")
	operations := w.operationsToWalk()
	routes := w.routesToWalk()
	t.Run("refused", func(t *testing.T) {
		for _, row := range operations {
			t.Run(row.name, func(t *testing.T) { w.refuseOperation(t, row) })
		}
		for _, row := range routes {
			t.Run(row.method+" "+row.kind, func(t *testing.T) { w.refuseRoute(t, row) })
		}
	})
	// What was refused was refused for who asked: the owner gets further.
	t.Run("owner", func(t *testing.T) {
		for _, row := range operations {
			t.Run(row.name, func(t *testing.T) { w.admitOperation(t, row) })
		}
		for _, row := range routes {
			t.Run(row.method+" "+row.kind, func(t *testing.T) { w.admitRoute(t, row) })
		}
	})
}

// operationsToWalk are the rows of all that the APIs serve.
func (w *walk) operationsToWalk() []walked {
	rows := slices.Concat(operationRows(), stsRows(), adminRows(), eventLogRows(), suppressionRows(), scannerRows(), eventRows(), secretRows(), inspectorRows())
	var named []string
	for _, row := range rows {
		named = append(named, row.name)
	}
	slices.Sort(named)
	w.compare("operation", named, w.app.apis.Operations())
	return rows
}

func (w *walk) routesToWalk() []walkedRoute {
	rows := routeRows()
	var named, there []string
	for _, row := range rows {
		named = append(named, row.method+" "+row.kind)
	}
	for _, r := range w.app.distribution.Routes() {
		there = append(there, r.Method+" "+r.Kind)
	}
	slices.Sort(named)
	slices.Sort(there)
	w.compare("route", named, there)
	return rows
}

// compare fails for what has no row and for rows of what is not there.
func (w *walk) compare(what string, named, there []string) {
	w.t.Helper()
	for _, name := range there {
		if !slices.Contains(named, name) {
			w.t.Errorf("the %s %s has no row in access_rows_test.go: who may use it?", what, name)
		}
	}
	for _, name := range named {
		if !slices.Contains(there, name) {
			w.t.Errorf("the row of %s %s is about nothing", what, name)
		}
	}
}

// answer is what a caller got.
type answer struct {
	status int
	code   string
	text   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s %s", a.status, a.code, a.text) }

// refused says whether access control or the check of credentials ended a call.
func (a answer) refused() bool {
	switch a.code {
	case "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException", "ExpiredToken",
		"MissingAuthenticationTokenException", "MissingAuthenticationToken", "InvalidSignatureException", "SignatureDoesNotMatch", "DENIED", "UNAUTHORIZED":
		return true
	}
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

func (w *walk) refuseOperation(t *testing.T, row walked) {
	want := func(who walker, codes ...string) {
		t.Helper()
		got := w.call(who, row)
		if !got.refused() || !slices.Contains(codes, got.code) {
			t.Errorf("%s got %v, want one of %v", who.name, got, codes)
		}
	}
	if row.open {
		return
	}
	want(w.nobody, "MissingAuthenticationTokenException", "MissingAuthenticationToken")
	want(w.expired, "ExpiredTokenException", "ExpiredToken")
	w.refusedAs(t, w.call(w.poor, row), row.free, cmp.Or(row.action, row.name))
	if row.reader {
		if got := w.call(w.reader, row); got.refused() {
			t.Errorf("%s was refused what its policy allows: %v", w.reader.name, got)
		}
	} else {
		want(w.reader, "AccessDeniedException", "AccessDenied")
	}
	if !row.self {
		want(w.stranger, "AccessDeniedException", "AccessDenied")
	}
}

// refusedAs wants the refusal of an action in AWS's words, which name it.
func (w *walk) refusedAs(t *testing.T, got answer, free bool, action string) {
	t.Helper()
	if free {
		if got.refused() {
			t.Errorf("%s was refused what needs no permission: %v", w.poor.name, got)
		}
		return
	}
	if !strings.Contains(got.text, "User: arn:aws:iam::000000000000:user/poor is not authorized to perform: "+action+" on resource: ") {
		t.Errorf("%s got %v, want the refusal of %s", w.poor.name, got, action)
	}
}

func (w *walk) admitOperation(t *testing.T, row walked) {
	if got := w.call(w.root, row); got.refused() {
		t.Errorf("the owner was refused: %v", got)
	} else if got.code == "SerializationException" || strings.Contains(got.text, "failed to satisfy constraint: 'Member must") || strings.Contains(got.text, " validation error") {
		t.Errorf("the row's request is not in order, so that its refusals say nothing: %v", got)
	}
}

func (w *walk) refuseRoute(t *testing.T, row walkedRoute) {
	want := func(who walker, status int) {
		t.Helper()
		if got := w.route(who, row); got.status != status {
			t.Errorf("%s got %v, want %d", who.name, got, status)
		}
	}
	if row.granted {
		for _, who := range []walker{w.nobody, w.reader, w.root} {
			want(who, http.StatusForbidden)
		}
		return
	}
	want(w.nobody, http.StatusUnauthorized)
	want(w.expired, http.StatusForbidden)
	if got := w.route(w.poor, row); row.method != http.MethodHead {
		w.refusedAs(t, got, row.action == "", row.action)
	}
	if row.reader {
		if got := w.route(w.reader, row); got.refused() {
			t.Errorf("%s was refused what its policy allows: %v", w.reader.name, got)
		}
	} else {
		want(w.reader, http.StatusForbidden)
	}
	if !row.self {
		want(w.stranger, http.StatusForbidden)
	}
}

func (w *walk) admitRoute(t *testing.T, row walkedRoute) {
	if got := w.route(w.root, row); got.refused() && !row.granted {
		t.Errorf("the owner was refused: %v", got)
	}
}

// walkedHost names the walked registry whoever asks: another account's user would
// otherwise address its own.
const walkedHost = "000000000000.dkr.ecr.us-east-1.localhost"

// call sends an operation of an API.
func (w *walk) call(who walker, row walked) answer {
	service, operation, _ := strings.Cut(row.name, ":")
	target := map[string]string{"ecr": ecr.Target, "ecru": admin.Target, "events": eventbridge.Target, "secretsmanager": secretsmanager.Target}[service]
	body, contentType := w.fill(row.body), "application/x-amz-json-1.1"
	if service == "sts" {
		body, contentType = "Action="+operation+"&Version=2011-06-15&"+body, "application/x-www-form-urlencoded"
	}
	method, path := cmp.Or(row.method, http.MethodPost), cmp.Or(row.path, "/")
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = walkedHost
	r.Header.Set("Content-Type", contentType)
	if target != "" {
		r.Header.Set("X-Amz-Target", target+"."+operation)
	}
	if who.key.AccessKeyID != "" {
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(w.t.Context(), who.key, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.send(r)
}

// route sends a request of the distribution API.
func (w *walk) route(who walker, row walkedRoute) answer {
	r, err := http.NewRequestWithContext(w.t.Context(), row.method, w.url+w.fill(row.path), http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = walkedHost
	if who.password != "" {
		r.SetBasicAuth("AWS", who.password)
	}
	return w.send(r)
}

func (w *walk) fill(s string) string {
	return strings.NewReplacer("{digest}", w.digest, "{layer}", w.layer, "{upload}", w.upload).Replace(s)
}

// send reads the error of an answer, whichever protocol's it is.
func (w *walk) send(r *http.Request) answer {
	response, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := answer{status: response.StatusCode, text: string(body)}
	var document struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Errors  []struct{ Code, Message string }
		Error   struct{ Code, Message string }
	}
	_ = json.Unmarshal(body, &document) // of other answers there is no code to read
	switch {
	case response.Header.Get("X-Amzn-Errortype") != "":
		out.code, out.text = response.Header.Get("X-Amzn-Errortype"), document.Message
	case document.Type != "":
		out.code, out.text = document.Type, document.Message
	case len(document.Errors) > 0:
		out.code, out.text = document.Errors[0].Code, document.Errors[0].Message
	case strings.Contains(out.text, "<Code>"):
		_, rest, _ := strings.Cut(out.text, "<Code>")
		out.code, _, _ = strings.Cut(rest, "</Code>")
	}
	return out
}

// newWalk starts a registry with an image and makes the callers.
func newWalk(t testing.TB, audit string) *walk {
	return newLoggedWalk(t, audit, slog.New(slog.DiscardHandler))
}

func newLoggedWalk(t testing.TB, audit string, log *slog.Logger) *walk {
	w := &walk{t: t}
	command := serveCommand{
		storeFlags: storeFlags{dataFlags: dataFlags{Data: t.TempDir()}, Database: "sqlite"},
		Listen:     "127.0.0.1:0", Blobs: "disk", Advisories: "off", Account: "000000000000", Region: "us-east-1",
		ScanWorkers: 1, StopTimeout: 10 * time.Second,
		auditFlags: auditFlags{AuditLog: audit, AuditMaxSize: 100, AuditKeep: 1},
	}
	var err error
	if w.app, err = command.assemble(t.Context(), streams{out: io.Discard, err: io.Discard}, log); err != nil {
		t.Fatal(err)
	}
	w.app.audit.start()
	if err := w.app.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.app.stop(10 * time.Second); err != nil {
			t.Error(err)
		}
		if err := errors.Join(w.app.audit.stop(), w.app.store.Close()); err != nil {
			t.Error(err)
		}
	})
	w.url = localURL(w.app.server, false)
	w.people()
	w.image()
	return w
}

// image pushes what the rows are about.
func (w *walk) image() {
	w.do(http.MethodPost, "/", `{"repositoryName":"walk"}`, "ecr:CreateRepository")
	content := make([]byte, 100)
	_, _ = rand.Read(content)
	w.layer = w.blob(content)
	config := []byte(`{"architecture":"amd64","os":"linux"}`)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
		"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},
		"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}`, w.blob(config), len(config), w.layer, len(content))
	w.digest = digestOf([]byte(manifest))
	w.push(http.MethodPut, "/v2/walk/manifests/1", "application/vnd.oci.image.manifest.v1+json", []byte(manifest))
	w.upload = w.push(http.MethodPost, "/v2/walk/blobs/uploads/", "", nil).Get("Docker-Upload-Uuid")
}

func (w *walk) blob(content []byte) string {
	digest := digestOf(content)
	w.push(http.MethodPost, "/v2/walk/blobs/uploads/?digest="+url.QueryEscape(digest), "application/octet-stream", content)
	return digest
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// push sends a request of the distribution API that must go well.
func (w *walk) push(method, path, contentType string, body []byte) http.Header {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = walkedHost
	r.Header.Set("Content-Type", contentType)
	r.SetBasicAuth("AWS", w.root.password)
	response, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		text, _ := io.ReadAll(response.Body)
		w.t.Fatalf("%s %s: %s %s", method, path, response.Status, text)
	}
	return response.Header
}

// do calls an operation as the owner; it must go well.
func (w *walk) do(_, _, body, operation string) answer {
	w.t.Helper()
	got := w.call(w.root, walked{name: operation, body: body})
	if got.status != http.StatusOK {
		w.t.Fatalf("%s: %v", operation, got)
	}
	return got
}

// passwordOf asks for a password of the distribution API.
func (w *walk) passwordOf(who walker) string {
	w.t.Helper()
	got := w.call(who, walked{name: "ecr:GetAuthorizationToken", body: `{}`})
	var out struct {
		AuthorizationData []struct{ AuthorizationToken string }
	}
	if err := json.Unmarshal([]byte(got.text), &out); err != nil || len(out.AuthorizationData) == 0 {
		w.t.Fatalf("%s: %v", who.name, got)
	}
	pair, err := base64.StdEncoding.DecodeString(out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		w.t.Fatal(err)
	}
	_, password, _ := strings.Cut(string(pair), ":")
	return password
}

// people makes the callers: a user with the managed policy for readers, one of
// another account who may do anything there, and credentials of the owner that
// have expired.
func (w *walk) people() {
	const home, abroad = "000000000000", "111111111111"
	s, root := w.app.service, w.app.rootKey
	w.root = walker{name: "the owner", key: aws.Credentials{AccessKeyID: root.ID, SecretAccessKey: string(root.Secret)}}
	w.root.password = w.passwordOf(w.root)
	w.nobody.name = "nobody"

	owner := service.Caller{Principal: iam.RootPrincipal(home, root.ID)}
	if _, _, err := s.CreateAccount(w.t.Context(), owner, abroad, "abroad"); err != nil {
		w.t.Fatal(err)
	}
	w.reader = w.user(owner, home, "reader", "AmazonEC2ContainerRegistryReadOnly")
	w.poor = w.user(owner, home, "poor", "")
	w.stranger = w.user(owner, abroad, "stranger", "AdministratorAccess")

	// The role trusts its account, whose owner may pass that on and has not.
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}]}`
	if _, err := s.CreateRole(w.t.Context(), owner, service.CreateRole{Name: "deploy", Trust: trust}); err != nil {
		w.t.Fatal(err)
	}

	yesterday := time.Now().Add(-24 * time.Hour)
	sessions, err := iam.NewSessions(service.DeriveKey(s.Config.Secret, "session tokens"))
	if err != nil {
		w.t.Fatal(err)
	}
	session, token, err := sessions.Issue(owner.Principal, yesterday, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	password, _, err := w.tokens().Issue(owner.Principal, yesterday)
	if err != nil {
		w.t.Fatal(err)
	}
	w.expired = walker{
		name: "the owner with expired credentials", password: password,
		key: aws.Credentials{AccessKeyID: session.Principal.AccessKeyID, SecretAccessKey: session.Secret, SessionToken: token},
	}
}

func (w *walk) user(owner service.Caller, account, name, policy string) walker {
	w.t.Helper()
	create := service.CreateUser{Account: account, Name: name}
	if policy != "" {
		create.Managed = []string{policy}
	}
	user, err := w.app.service.CreateUser(w.t.Context(), owner, create)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := w.app.service.CreateKey(w.t.Context(), owner, account, name)
	if err != nil {
		w.t.Fatal(err)
	}
	out := walker{name: name, key: aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}}
	// Made as GetAuthorizationToken makes it, which not all of them may call.
	out.password, _, err = w.tokens().Issue(iam.UserPrincipal(account, name, user.ID, key.ID), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *walk) tokens() *iam.Tokens {
	return iam.NewTokens(service.DeriveKey(w.app.service.Config.Secret, "registry tokens"), "us-east-1")
}

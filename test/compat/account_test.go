package compat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	target      = "AmazonEC2ContainerRegistry_V20150921"
	adminTarget = "Ecru_V1"

	noticeHeader = "X-Ecru-Notice"
)

// house is the registry under test and what it has told.
type house struct {
	server    *server.Server
	transport *http.Transport
	root      *account // of the default account
	accounts  atomic.Int64

	mu      sync.Mutex
	notices map[string][]string // by operation
}

func newHouse(t testing.TB, options server.Options) *house {
	s := server.Start(t, options)
	h := &house{server: s, transport: &http.Transport{MaxIdleConnsPerHost: 64}, notices: map[string][]string{}}
	t.Cleanup(h.transport.CloseIdleConnections)
	h.root = h.as(t, "", s.Credentials.AccessKeyID, s.Credentials.SecretAccessKey)
	h.root.id = *do(h.root, h.root.DescribeRegistry, &ecr.DescribeRegistryInput{}).RegistryId
	return h
}

// account is a registry and its owner, or somebody else in it.
type account struct {
	*ecr.Client
	t      testing.TB
	house  *house
	id     string
	region string
	key    aws.Credentials
	wire   *wire
}

func (h *house) as(t testing.TB, id, key, secret string) *account {
	region := h.server.Credentials.Region
	w := &wire{house: h}
	return &account{
		t: t, house: h, id: id, region: region, wire: w,
		key: aws.Credentials{AccessKeyID: key, SecretAccessKey: secret},
		Client: ecr.New(ecr.Options{
			BaseEndpoint: &h.server.URL, Region: region, Retryer: aws.NopRetryer{}, HTTPClient: &http.Client{Transport: w},
			Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
		}),
	}
}

type newKey struct {
	AccessKey struct{ AccessKeyID, SecretAccessKey string }
}

// account makes an account that nobody else uses.
func (h *house) account(t testing.TB) *account {
	t.Helper()
	id := fmt.Sprintf("%012d", 100_000_000_000+h.accounts.Add(1))
	var made newKey
	h.root.in(t).manage("CreateAccount", map[string]any{"accountId": id}, &made)
	return h.as(t, id, made.AccessKey.AccessKeyID, made.AccessKey.SecretAccessKey)
}

// user makes a user of the account, with a policy or, for "", without any.
func (a *account) user(name, policy string) *account {
	a.t.Helper()
	in := map[string]any{"accountId": a.id, "userName": name}
	if policy != "" {
		in["inlinePolicies"] = map[string]string{"inline": policy}
	}
	a.house.root.in(a.t).manage("CreateUser", in, nil)
	var made newKey
	a.house.root.in(a.t).manage("CreateAccessKey", map[string]any{"accountId": a.id, "userName": name}, &made)
	return a.house.as(a.t, a.id, made.AccessKey.AccessKeyID, made.AccessKey.SecretAccessKey)
}

// in is the account in the hands of another test.
func (a *account) in(t testing.TB) *account {
	copied := *a
	copied.t = t
	return &copied
}

// manage calls ecru's own API.
func (a *account) manage(operation string, in map[string]any, out any) {
	a.t.Helper()
	body, err := json.Marshal(in)
	a.must(err)
	answer := a.post(adminTarget+"."+operation, "ecru", body)
	if answer.status != http.StatusOK {
		a.t.Fatalf("%s: %s", operation, answer.body)
	}
	if out != nil {
		a.must(json.Unmarshal(answer.body, out))
	}
}

// exchange is a request and its answer as they went over the wire.
type exchange struct {
	request []byte
	status  int
	header  http.Header
	body    []byte
}

// send signs a body for an operation of the API and sends it as it is.
func (a *account) send(operation, body string) exchange {
	a.t.Helper()
	return a.post(target+"."+operation, "ecr", []byte(body))
}

func (a *account) post(target, service string, body []byte) exchange {
	a.t.Helper()
	e := a.exchange(a.request(target, service, body))
	e.request = body
	return e
}

// exchange sends a request of one's own making.
func (a *account) exchange(request *http.Request) exchange {
	a.t.Helper()
	response, err := (&http.Client{Transport: a.house.transport}).Do(request)
	a.must(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	a.must(err)
	return exchange{status: response.StatusCode, header: response.Header, body: answer}
}

// request is a signed request to the server, requestTo to a name of its.
func (a *account) request(target, service string, body []byte) *http.Request {
	a.t.Helper()
	return a.requestTo(a.house.server.Host, target, service, body)
}

func (a *account) requestTo(host, target, service string, body []byte) *http.Request {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.house.server.URL+"/", bytes.NewReader(body))
	a.must(err)
	request.Host = host
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	if a.key.AccessKeyID != "" {
		a.must(v4.NewSigner().SignHTTP(a.t.Context(), a.key, request, hex.EncodeToString(sum[:]), service, a.region, time.Now()))
	}
	return request
}

// wire keeps the last exchange and the notices of all answers.
type wire struct {
	house *house
	mu    sync.Mutex
	last  exchange
}

// RoundTrip holds bodies while they are written: the SDK closes its own as
// soon as an answer begins.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var content []byte
	if r.Body != nil {
		var err error
		if content, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(content))
	}
	response, err := w.house.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	// Operations of other services keep their prefix: some have names of ECR's.
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), target+".")
	w.house.noticed(operation, response.Header.Get(noticeHeader))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = exchange{content, response.StatusCode, response.Header, body}
	return response, nil
}

// noticed keeps every sentence of a notice once.
func (h *house) noticed(operation, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for sentence := range strings.SplitSeq(text, ". ") {
		if sentence = strings.TrimSuffix(sentence, "."); sentence != "" {
			h.notices[operation] = append(h.notices[operation], sentence+".")
		}
	}
}

func (a *account) lastExchange() exchange {
	a.wire.mu.Lock()
	defer a.wire.mu.Unlock()
	return a.wire.last
}

func (a *account) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// do calls an operation that must work.
func do[I, O, P any](a *account, call func(context.Context, *I, ...func(*P)) (*O, error), in *I) *O {
	a.t.Helper()
	out, err := call(a.t.Context(), in)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// refuse calls an operation that must be refused.
func refuse[I, O, P any](a *account, call func(context.Context, *I, ...func(*P)) (*O, error), in *I, code, text string) {
	a.t.Helper()
	_, err := call(a.t.Context(), in)
	a.refused(err, code, text)
}

// Codes of errors that are written often.
const (
	invalidParameter = "InvalidParameterException"
	validation       = "ValidationException"
	accessDenied     = "AccessDeniedException"
	notFound         = "RepositoryNotFoundException"
	limitExceeded    = "LimitExceededException"
	unsupported      = "UnsupportedOperationException"
)

// violates is the text of ECR's own sort of validation.
func violates(member, constraint string) string {
	return "Invalid parameter at '" + member + "' failed to satisfy constraint: '" + constraint + "'"
}

// noRepository is the text about a repository that is not there.
func noRepository(name string) string {
	return "The repository with name '" + name + "' does not exist in the registry with id '{account}'"
}

// refused checks that an error is of the type of the SDK that its code has, and
// holds its text against the one that is wanted.
func (a *account) refused(err error, code, text string) {
	a.t.Helper()
	text = a.fill(text)
	var got smithy.APIError
	if !errors.As(err, &got) {
		a.t.Errorf("got %v, want %s: %s", err, code, text)
		return
	}
	if got.ErrorCode() != code || got.ErrorMessage() != text {
		a.t.Errorf("got  %s: %s\nwant %s: %s", got.ErrorCode(), got.ErrorMessage(), code, text)
	}
	if a.lastExchange().status != http.StatusBadRequest {
		a.t.Errorf("status %d, want 400", a.lastExchange().status)
	}
	if want := "*types." + code; !unmodelled(code) && reflect.TypeOf(got).String() != want {
		a.t.Errorf("the SDK makes a %T of it, want %s", got, want)
	}
}

// unmodelled are the errors that all services of AWS have, and that of ecru.
func unmodelled(code string) bool {
	switch code {
	case accessDenied, unsupported, "SerializationException":
		return true
	}
	return false
}

// fill puts the account and the region of a check into a text.
func (a *account) fill(text string) string {
	return strings.NewReplacer("{account}", a.id, "{region}", a.region, "{other}", a.house.root.id).Replace(text)
}

// same compares exactly, but for times, which are near enough within two
// minutes, and what the SDK keeps beside an answer.
func (a *account) same(got, want any) {
	a.t.Helper()
	if diff := cmp.Diff(want, got, nearTimes(), withoutMetadata()); diff != "" {
		a.t.Errorf("want -, got +\n%s", diff)
	}
}

func nearTimes() cmp.Option {
	return cmp.Comparer(func(x, y time.Time) bool { return x.Sub(y).Abs() < 2*time.Minute })
}

func withoutMetadata() cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool {
		name := p.Last().String()
		return name == ".ResultMetadata" || name == ".noSmithyDocumentSerde"
	}, cmp.Ignore())
}

// now is for answers that hold the time of what has just been done.
func now() *time.Time { return aws.Time(time.Now()) }

// eventually asks again until something is true.
func (a *account) eventually(what string, done func() bool) {
	a.t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			a.t.Fatalf("not in 30 seconds: %s", what)
		}
	}
}

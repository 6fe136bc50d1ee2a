package awsapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/awsapi/sigv4"
	"github.com/ecru-registry/ecru/internal/awsapi/sts"
	"github.com/ecru-registry/ecru/internal/awsapi/validate"
	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/iam"
)

const target = "AmazonEC2ContainerRegistry_V20150921"

type oneKey struct{}

func (oneKey) Secret(_ context.Context, id, _ string) (string, iam.Principal, error) {
	if id != "AKIDEXAMPLE" {
		return "", iam.Principal{}, iam.ErrUnknownKey
	}
	return "secret", iam.RootPrincipal("123456789012", id), nil
}

// handlers stand in for the real operations; each shows one way to end.
type handlers struct{ calls []awsapi.Call }

func (h *handlers) create(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	h.calls = append(h.calls, awsapi.CallFrom(ctx))
	switch *in.RepositoryName {
	case "taken":
		return nil, awsapi.Refuse("RepositoryAlreadyExistsException", "The repository with name 'taken' already exists in the registry with id '123456789012'")
	case "broken":
		return nil, errors.New("disk full of secrets")
	case "panics":
		panic("a bug")
	case "void":
		return nil, nil
	}
	return &ecr.CreateRepositoryOutput{Repository: &types.Repository{RepositoryName: in.RepositoryName}}, nil
}

func (h *handlers) part(_ context.Context, in *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	n := int64(len(in.LayerPartBlob))
	if n == 0 {
		last := int64(5242879)
		return nil, &awsapi.Fault{Status: 400, Code: "InvalidLayerPartException", Message: "no",
			Members: []awsapi.Member{{Name: "uploadId", Text: "u"}, {Name: "lastValidByteReceived", Int: &last}}}
	}
	return &ecr.UploadLayerPartOutput{LastByteReceived: &n}, nil
}

func service(h *handlers) awsapi.Service {
	return awsapi.Service{
		Target: target, SigningName: "ecr", Names: wire.LowerCamel,
		Operations: []awsapi.Operation{awsapi.Op(h.create), awsapi.Op(h.part).UpTo(30 << 20)},
		Known:      []string{"GetLifecyclePolicy"},
		Constraints: []validate.Structure{
			validate.For[ecr.CreateRepositoryInput](validate.Field{Name: "RepositoryName", Rule: validate.Rule{MinLen: 2}.Must()}),
		},
		Violated: func(v []validate.Violation) *awsapi.Fault {
			return awsapi.Refuse("InvalidParameterException", "%s", validate.InvalidParameter(v))
		},
		Fault: awsapi.Internal,
	}
}

type harness struct {
	*handlers
	server *httptest.Server
	log    *syncBuffer
	client *ecr.Client

	mu       sync.Mutex
	observed []string
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t testing.TB) *harness {
	t.Helper()
	h := &harness{handlers: &handlers{}, log: &syncBuffer{}}
	query, err := sts.New(nil) // GetCallerIdentity asks no use case
	if err != nil {
		t.Fatal(err)
	}
	api, err := awsapi.New(awsapi.Config{
		Services: []awsapi.Service{service(h.handlers)}, Query: query,
		Verifier: sigv4.New(oneKey{}, sigv4.Options{}),
		Logger:   slog.New(slog.NewTextHandler(h.log, nil)),
		Observe: func(_ context.Context, c awsapi.Call, f *awsapi.Fault, _ time.Duration) {
			h.mu.Lock()
			defer h.mu.Unlock()
			code := ""
			if f != nil {
				code = f.Code
			}
			h.observed = append(h.observed, c.Operation+":"+code)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(api)
	t.Cleanup(h.server.Close)
	h.client = ecr.New(ecr.Options{
		BaseEndpoint: aws.String(h.server.URL), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
	return h
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) fault(t *testing.T) (code, message string) {
	t.Helper()
	var v struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	if a.header.Get("x-amzn-ErrorType") != v.Type || a.header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("headers %v", a.header)
	}
	return v.Type, v.Message
}

// send signs and sends a request; change may spoil it after it was signed.
func (h *harness) send(t testing.TB, method, op, body string, change func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.server.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if op != "" {
		r.Header.Set("X-Amz-Target", op)
	}
	sign(t, r, body, "ecr")
	if change != nil {
		change(r)
	}
	return do(t, r)
}

func sign(t testing.TB, r *http.Request, body, service string) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	cred := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	if err := v4.NewSigner().SignHTTP(t.Context(), cred, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
}

func do(t testing.TB, r *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func TestACallReachesItsHandler(t *testing.T) {
	h := start(t)
	a := h.send(t, "POST", target+".CreateRepository", `{"repositoryName":"web"}`, nil)
	if a.status != 200 || a.body != `{"repository":{"repositoryName":"web"}}` || a.header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("%+v", a)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	c := h.calls[0]
	if !uuid.MatchString(a.header.Get("x-amzn-RequestId")) || c.RequestID != a.header.Get("x-amzn-RequestId") {
		t.Errorf("request id %q", a.header.Get("x-amzn-RequestId"))
	}
	if c.Principal.Account != "123456789012" || c.Operation != "CreateRepository" || c.Service != "ecr" || c.Region != "us-east-1" || c.Scheme != "http" || c.SourceIP != "127.0.0.1" {
		t.Errorf("%+v", c)
	}
	if a := h.send(t, "POST", target+".CreateRepository", `{"repositoryName":"void"}`, nil); a.status != 200 || a.body != `{}` {
		t.Errorf("%+v", a)
	}
}

func TestFaults(t *testing.T) {
	h := start(t)
	create := target + ".CreateRepository"
	cases := []struct {
		name, method, op, body string
		change                 func(*http.Request)
		status                 int
		code, message          string
	}{
		{"the handler refuses", "POST", create, `{"repositoryName":"taken"}`, nil, 400, "RepositoryAlreadyExistsException", "already exists in the registry"},
		{"the handler fails", "POST", create, `{"repositoryName":"broken"}`, nil, 500, "ServerException", "An internal error occurred."},
		{"the handler panics", "POST", create, `{"repositoryName":"panics"}`, nil, 500, "ServerException", "An internal error occurred."},
		{"a constraint", "POST", create, `{"repositoryName":"a"}`, nil, 400, "InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: "},
		{"nothing given", "POST", create, ``, nil, 400, "InvalidParameterException", "'Member must not be null'"},
		{"no JSON", "POST", create, `{"repositoryName"`, nil, 400, "SerializationException", "Unexpected end of input"},
		{"wrong JSON type", "POST", create, `{"repositoryName":7}`, nil, 400, "SerializationException", "NUMBER_VALUE can not be converted to a String"},
		{"not served yet", "POST", target + ".GetLifecyclePolicy", `{}`, nil, 400, "UnsupportedOperationException", "The operation GetLifecyclePolicy is not supported by this version of ecru yet."},
		{"no such operation", "POST", target + ".DropTables", `{}`, nil, 400, "UnknownOperationException", ""},
		{"no operation", "POST", target, `{}`, nil, 400, "UnknownOperationException", ""},
		{"no such service", "POST", "Nobody.CreateRepository", `{}`, nil, 400, "UnknownOperationException", ""},
		{"no target", "POST", "", `{}`, nil, 400, "UnknownOperationException", ""},
		{"wrong method", "PUT", create, `{}`, nil, 400, "UnknownOperationException", ""},
		{"unsigned", "POST", create, `{"repositoryName":"web"}`, func(r *http.Request) { r.Header.Del("Authorization") }, 400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"unsigned and unknown", "POST", target + ".DropTables", `{}`, func(r *http.Request) { r.Header.Del("Authorization") }, 400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"unknown key", "POST", create, `{}`, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "AKIDEXAMPLE", "AKIDOTHER", 1))
		}, 400, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"another operation than signed", "POST", create, `{}`, func(r *http.Request) { r.Header.Set("X-Amz-Target", target+".UploadLayerPart") }, 400, "InvalidSignatureException", "The request signature we calculated does not match"},
		{"not a signature", "POST", create, `{}`, func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }, 400, "IncompleteSignatureException", "Invalid key=value pair"},
		{"too large", "POST", create, `{"repositoryName":"` + strings.Repeat("a", awsapi.DefaultLimit) + `"}`, nil, 413, "RequestEntityTooLargeException", "Request must be smaller than 1048577 bytes for the CreateRepository operation"},
		{"too large without a length", "POST", create, strings.Repeat(" ", awsapi.DefaultLimit+1), func(r *http.Request) { r.ContentLength = -1 }, 413, "RequestEntityTooLargeException", "Request must be smaller than"},
		{"deep", "POST", create, `{"x":` + strings.Repeat("[", 500000), nil, 400, "SerializationException", "Nesting is deeper than 64 levels"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := h.send(t, c.method, c.op, c.body, c.change)
			code, message := a.fault(t)
			if a.status != c.status || code != c.code || !strings.Contains(message, c.message) || c.message == "" && message != "" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if strings.Contains(a.body, "secrets") || strings.Contains(a.body, "bug") {
				t.Errorf("the inside shows: %s", a.body)
			}
		})
	}
	if log := h.log.String(); !strings.Contains(log, "disk full of secrets") || !strings.Contains(log, "a bug") {
		t.Errorf("the log does not say what failed: %s", log)
	}
}

func TestErrorsCarryTheirMembers(t *testing.T) {
	h := start(t)
	_, err := h.client.UploadLayerPart(t.Context(), &ecr.UploadLayerPartInput{
		RepositoryName: aws.String("web"), UploadId: aws.String("u"), PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(0), LayerPartBlob: []byte{},
	})
	var e *types.InvalidLayerPartException
	if !errors.As(err, &e) || aws.ToInt64(e.LastValidByteReceived) != 5242879 || aws.ToString(e.UploadId) != "u" {
		t.Errorf("%v", err)
	}
}

func TestLargeBodiesWithinTheLimitOfTheirOperation(t *testing.T) {
	h := start(t)
	blob := bytes.Repeat([]byte("layer..."), 20<<20/8)
	out, err := h.client.UploadLayerPart(t.Context(), &ecr.UploadLayerPartInput{
		RepositoryName: aws.String("web"), UploadId: aws.String("u"), PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(1), LayerPartBlob: blob,
	})
	if err != nil || *out.LastByteReceived != 20<<20 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestManyLargeBodiesShareABudget(t *testing.T) {
	h := start(t)
	blob := make([]byte, 12<<20) // 16 MiB each in base64, six fit
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			_, err := h.client.UploadLayerPart(t.Context(), &ecr.UploadLayerPartInput{
				RepositoryName: aws.String("web"), UploadId: aws.String("u"), PartFirstByte: aws.Int64(0), PartLastByte: aws.Int64(1), LayerPartBlob: blob,
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestTheSDKReadsOurErrors(t *testing.T) {
	h := start(t)
	_, err := h.client.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("taken")})
	var exists *types.RepositoryAlreadyExistsException
	if !errors.As(err, &exists) || !strings.HasPrefix(exists.ErrorMessage(), "The repository with name 'taken'") {
		t.Errorf("%v", err)
	}
	_, err = h.client.GetLifecyclePolicy(t.Context(), &ecr.GetLifecyclePolicyInput{RepositoryName: aws.String("web")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "UnsupportedOperationException" {
		t.Errorf("%v", err)
	}
}

func TestTheClaimedHashOfTheBodyMustBeRight(t *testing.T) {
	h := start(t)
	a := h.send(t, "POST", target+".CreateRepository", `{"repositoryName":"web"}`, func(r *http.Request) {
		r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64))
	})
	if code, _ := a.fault(t); code != "InvalidSignatureException" {
		t.Errorf("%s", a.body)
	}
}

func TestCallsAreObserved(t *testing.T) {
	h := start(t)
	h.send(t, "POST", target+".CreateRepository", `{"repositoryName":"web"}`, nil)
	h.send(t, "POST", target+".CreateRepository", `{"repositoryName":"taken"}`, nil)
	h.send(t, "POST", target+".DropTables", `{}`, nil)
	h.mu.Lock()
	defer h.mu.Unlock()
	want := "CreateRepository: CreateRepository:RepositoryAlreadyExistsException :UnknownOperationException"
	if got := strings.Join(h.observed, " "); got != want {
		t.Errorf("got %s", got)
	}
}

func TestTablesThatCannotWork(t *testing.T) {
	h := &handlers{}
	for name, change := range map[string]func(*awsapi.Service){
		"twice":      func(s *awsapi.Service) { s.Operations = append(s.Operations, awsapi.Op(h.create)) },
		"limitless":  func(s *awsapi.Service) { s.Operations[0] = awsapi.Op(h.create).UpTo(1 << 40) },
		"constraint": func(s *awsapi.Service) { s.Constraints[0].Fields[0].Name = "Nothing" },
	} {
		s := service(h)
		change(&s)
		if _, err := awsapi.New(awsapi.Config{Services: []awsapi.Service{s}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := awsapi.New(awsapi.Config{Services: []awsapi.Service{service(h), service(h)}}); err == nil {
		t.Error("a service that is there twice: no error")
	}
}

func BenchmarkServe(b *testing.B) {
	h := &handlers{}
	api, err := awsapi.New(awsapi.Config{Services: []awsapi.Service{service(h)}, Verifier: sigv4.New(oneKey{}, sigv4.Options{})})
	if err != nil {
		b.Fatal(err)
	}
	const body = `{"repositoryName":"web"}`
	r := httptest.NewRequest("POST", "http://ecru.example/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", target+".CreateRepository")
	sign(b, r, body, "ecr")
	b.ReportAllocs()
	for b.Loop() {
		h.calls = h.calls[:0]
		r.Body = io.NopCloser(strings.NewReader(body))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

package wire_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

// ecrNames is the rule of ECR: small first letters, but in tags.
func ecrNames(t reflect.Type, field string) string {
	if t == reflect.TypeFor[types.Tag]() {
		return field
	}
	return wire.LowerCamel(t, field)
}

// filler sets every member of a value to something that is its own.
type filler struct{ n int }

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.String:
		v.SetString(fmt.Sprintf("text \"%d\"\n\\ü\u2028\U0001F433\x01</x>", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.25)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(k)
			f.fill(e)
			v.SetMapIndex(k, e)
		}
	case reflect.Uint8:
		v.SetUint(uint64(f.n % 256))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(1767268800123 + int64(f.n)*1001).UTC()))
			return
		}
		for i := range v.NumField() {
			if sf := v.Type().Field(i); sf.IsExported() && sf.Name != "ResultMetadata" {
				f.fill(v.Field(i))
			}
		}
	default:
		panic("filler: " + v.Type().String())
	}
}

// echo is a server that reads every request as a given type and answers with
// a given value.
type echo struct {
	mu    sync.Mutex
	codec *wire.Codec
	in    any // what came
	out   any // what to answer
	body  string
	err   error
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err == nil {
		e.body = string(body)
		err = e.codec.Decode(body, e.in)
	}
	e.err = err
	answer, err := e.codec.Append(nil, e.out)
	if err != nil {
		e.err = err
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = w.Write(answer)
}

func ignoreSDKFields() cmp.Options {
	return cmp.Options{
		cmp.Exporter(func(reflect.Type) bool { return false }),
		cmp.FilterPath(func(p cmp.Path) bool {
			f, ok := p.Last().(cmp.StructField)
			return ok && (f.Name() == "noSmithyDocumentSerde" || f.Name() == "ResultMetadata")
		}, cmp.Ignore()),
		cmpopts.EquateApproxTime(0),
	}
}

func newClient(t *testing.T, h http.Handler) *ecr.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return ecr.New(ecr.Options{
		BaseEndpoint: aws.String(srv.URL),
		Region:       "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}, nil
		}),
		RetryMaxAttempts: 1,
	})
}

// operations lists the operations of the SDK's client.
func operations() map[string]reflect.Method {
	ops := map[string]reflect.Method{}
	client := reflect.TypeFor[*ecr.Client]()
	for m := range client.Methods() {
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
			ops[m.Name] = m
		}
	}
	return ops
}

func TestEveryOperationRoundTripsThroughTheSDKsClient(t *testing.T) {
	ops := operations()
	if len(ops) != 62 {
		t.Errorf("the SDK has %d operations, the design counts 62", len(ops))
	}
	srv := &echo{codec: wire.New(ecrNames)}
	client := newClient(t, srv)
	for name, m := range ops {
		for _, empty := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/empty=%t", name, empty), func(t *testing.T) {
				in, out := reflect.New(m.Type.In(2).Elem()), reflect.New(m.Type.Out(0).Elem())
				f := &filler{}
				f.fill(in.Elem()) // the client refuses inputs without what is required
				if !empty {
					f.fill(out.Elem())
				}
				srv.in, srv.out = reflect.New(in.Type().Elem()).Interface(), out.Interface()
				res := m.Func.Call([]reflect.Value{reflect.ValueOf(client), reflect.ValueOf(t.Context()), in})
				if err, _ := res[1].Interface().(error); err != nil {
					t.Fatal(err)
				}
				if srv.err != nil {
					t.Fatal(srv.err)
				}
				if diff := cmp.Diff(in.Interface(), srv.in, ignoreSDKFields()); diff != "" {
					t.Errorf("what the server read differs from what was sent (-sent +read):\n%s\n%s", diff, srv.body)
				}
				if diff := cmp.Diff(out.Interface(), res[0].Interface(), ignoreSDKFields()); diff != "" {
					t.Errorf("what the client read differs from what was answered (-answered +read):\n%s", diff)
				}
			})
		}
	}
}

func TestWhatWeEncodeWeDecode(t *testing.T) {
	codec := wire.New(ecrNames)
	for name, m := range operations() {
		for _, typ := range []reflect.Type{m.Type.In(2).Elem(), m.Type.Out(0).Elem()} {
			v, back := reflect.New(typ), reflect.New(typ)
			(&filler{}).fill(v.Elem())
			data, err := codec.Append(nil, v.Interface())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := codec.Decode(data, back.Interface()); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, data)
			}
			if diff := cmp.Diff(v.Interface(), back.Interface(), ignoreSDKFields()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

var _ middleware.Metadata // the type whose members must never be encoded

package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecru-registry/ecru/internal/awsapi/wire"
)

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := wire.New(ecrNames).Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEncodedForm(t *testing.T) {
	at := func(ms int64) *time.Time { return aws.Time(time.UnixMilli(ms)) }
	cases := []struct {
		name string
		v    any
		want string
	}{
		{"a void answer", &ecr.TagResourceOutput{}, `{}`},
		{"a nil answer", (*ecr.TagResourceOutput)(nil), `{}`},
		{"absent members are left out", &ecr.DescribeRepositoriesOutput{}, `{}`},
		{"empty lists stay", &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}}, `{"imageIds":[]}`},
		{"empty maps stay", &types.ImageScanFindings{FindingSeverityCounts: map[string]int32{}}, `{"findingSeverityCounts":{}}`},
		{"false is said", &types.ImageScanningConfiguration{}, `{"scanOnPush":false}`},
		{"tags have big letters", &ecr.ListTagsForResourceOutput{Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("")}}}, `{"tags":[{"Key":"k","Value":""}]}`},
		{"finding attributes have small ones", &types.Attribute{Key: aws.String("k"), Value: aws.String("v")}, `{"key":"k","value":"v"}`},
		{"maps are sorted", &types.ImageScanFindings{FindingSeverityCounts: map[string]int32{"LOW": 2, "HIGH": 1}}, `{"findingSeverityCounts":{"HIGH":1,"LOW":2}}`},
		{"whole seconds", &types.Repository{CreatedAt: at(1579839105000)}, `{"createdAt":1579839105.0}`},
		{"milliseconds", &types.Repository{CreatedAt: at(1767268800123)}, `{"createdAt":1767268800.123}`},
		{"tenths", &types.Repository{CreatedAt: at(1767268800100)}, `{"createdAt":1767268800.1}`},
		{"the epoch itself", &types.Repository{CreatedAt: at(0)}, `{"createdAt":0.0}`},
		{"before the epoch", &types.Repository{CreatedAt: at(-1500)}, `{"createdAt":-1.5}`},
		{"floats look like floats", &types.CvssScore{BaseScore: 8}, `{"baseScore":8.0}`},
		{"not a number", &types.CvssScore{BaseScore: math.NaN()}, `{"baseScore":"NaN"}`},
		{"blobs", &ecr.UploadLayerPartInput{LayerPartBlob: []byte{0xff, 0xfe}}, `{"layerPartBlob":"//4="}`},
		{"an empty blob", &ecr.UploadLayerPartInput{LayerPartBlob: []byte{}}, `{"layerPartBlob":""}`},
		{"broken UTF-8 is replaced", &types.Attribute{Key: aws.String("a\xffb")}, "{\"key\":\"a\ufffdb\"}"},
		{"control characters", &types.Attribute{Key: aws.String("\x00\x1f\n\t\"\\")}, `{"key":"\u0000\u001f\n\t\"\\"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := encode(t, c.v); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func decode[T any](body string) (*T, error) {
	v := new(T)
	return v, wire.New(ecrNames).Decode([]byte(body), v)
}

func TestWhatIsAccepted(t *testing.T) {
	for _, body := range []string{
		``, ` `, `{}`, "\n{ }\r\n", `{"unknown":{"a":[1,-2.5e+3,true,false,null,"x",{}]}}`,
		`{"repositoryName":null,"tags":null,"imageScanningConfiguration":null}`,
	} {
		if in, err := decode[ecr.CreateRepositoryInput](body); err != nil || in.RepositoryName != nil || in.Tags != nil {
			t.Errorf("%q: %+v, %v", body, in, err)
		}
	}
	in, err := decode[ecr.UploadLayerPartInput](`{"partFirstByte":1.0,"partLastByte":1e3,"layerPartBlob":"\/\/4\u003d"}`)
	if err != nil || *in.PartFirstByte != 1 || *in.PartLastByte != 1000 || !bytes.Equal(in.LayerPartBlob, []byte{0xff, 0xfe}) {
		t.Errorf("%+v, %v", in, err)
	}
	text, err := decode[ecr.CreateRepositoryInput](`{"repositoryName":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\udc33é"}`)
	if want := "a\"\\/\b\f\n\r\té\U0001F433é"; err != nil || *text.RepositoryName != want {
		t.Errorf("%q, %v", aws.ToString(text.RepositoryName), err)
	}
	twice, err := decode[ecr.DescribeRepositoriesInput](`{"repositoryNames":["a","b"],"repositoryNames":["c"]}`)
	if err != nil || len(twice.RepositoryNames) != 1 || twice.RepositoryNames[0] != "c" {
		t.Errorf("of two members of a name the last counts: %+v, %v", twice, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	cases := map[string]string{
		`{"repositoryName":5}`:                                 "NUMBER_VALUE can not be converted to a String",
		`{"repositoryName":true}`:                              "TRUE_VALUE can not be converted to a String",
		`{"repositoryName":{}}`:                                "Start of structure or map found where not expected.",
		`{"repositoryName":["a"]}`:                             "Start of list found where not expected",
		`{"tags":"a"}`:                                         "Expected list or null",
		`{"tags":[null]}`:                                      "A list must not hold null",
		`{"imageScanningConfiguration":"x"}`:                   "Expected a structure or null",
		`{"imageScanningConfiguration":{"scanOnPush":"true"}}`: "STRING_VALUE can not be converted to a Boolean",
		`[]`:                                "Start of list found where not expected",
		`null`:                              "Expected a structure or null",
		`"x"`:                               "Expected a structure or null",
		`{"repositoryName":"a"`:             "Unexpected end of input",
		`{"repositoryName":"a`:              "Unexpected end of input",
		`{"repositoryName":"a\"}`:           "Unexpected end of input",
		`{"repositoryName" "a"}`:            "Unexpected character at position 18",
		`{"a":1,}`:                          "Unexpected character at position 7",
		`{,"a":1}`:                          "Unexpected character at position 1",
		`{"a":1 "b":2}`:                     "Unexpected character at position 7",
		`{"a":[1,]}`:                        "Unexpected character at position 8",
		`{"a":01}`:                          "Unexpected character at position 7",
		`{"a":1.}`:                          "Unexpected character at position 7",
		`{"a":-}`:                           "Unexpected character at position 6",
		`{"a":tru}`:                         "Unexpected character at position 5",
		`{a:1}`:                             "Unexpected character at position 1",
		`{} {}`:                             "Unexpected character at position 3",
		`{"repositoryName":"\x"}`:           "Invalid escape in the string at position 18",
		`{"repositoryName":"\u12"}`:         "Invalid escape in the string at position 18",
		`{"repositoryName":"\ud83d"}`:       "Invalid escape in the string at position 18",
		`{"repositoryName":"\ud83d\u0041"}`: "Invalid escape in the string at position 18",
		`{"repositoryName":"\udc33"}`:       "Invalid escape in the string at position 18",
		"{\"repositoryName\":\"a\xff\"}":    "Invalid UTF-8 in the string at position 18",
		"{\"repositoryName\":\"a\nb\"}":     "Control character in a string at position 20",
		"\x00":                              "Unexpected character at position 0",
	}
	for body, want := range cases {
		_, err := decode[ecr.CreateRepositoryInput](body)
		var we *wire.Error
		if !errors.As(err, &we) || we.Message != want {
			t.Errorf("%q: got %v, want %s", body, err, want)
		}
	}
}

func TestNumbersThatDoNotFit(t *testing.T) {
	for _, n := range []string{`2147483648`, `-2147483649`, `1.5`, `1e100`, `1e400`, `9223372036854775808`, `"5"`, `99999999999999999999999`} {
		if in, err := decode[ecr.ListImagesInput](`{"maxResults":` + n + `}`); err == nil {
			t.Errorf("%s was read as %d", n, *in.MaxResults)
		}
	}
	for _, b := range []string{`"%"`, `"YQ"`, `"YQ==YQ=="`, `5`} {
		if _, err := decode[ecr.UploadLayerPartInput](`{"layerPartBlob":` + b + `}`); err == nil {
			t.Errorf("the blob %s was accepted", b)
		}
	}
	for _, s := range []string{`1e300`, `"2020-01-01T00:00:00Z"`} {
		if _, err := decode[types.Repository](`{"createdAt":` + s + `}`); err == nil {
			t.Errorf("the time %s was accepted", s)
		}
	}
}

func TestDeepNestingEndsAtOnce(t *testing.T) {
	for _, open := range []string{`[`, `{"a":`, `[{"a":`} {
		body := []byte(`{"unknown":` + strings.Repeat(open, 10<<20/len(open)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := wire.New(ecrNames).Decode(body, &ecr.ListImagesInput{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "Nesting") {
			t.Errorf("%s: %v", open, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s: took %d bytes", open, grown)
		}
	}
}

func TestUnknownTypesShowBeforeTheFirstRequest(t *testing.T) {
	type odd struct{ F func() }
	if err := wire.New(wire.LowerCamel).Decode([]byte(`{}`), &odd{}); err == nil {
		t.Error("a function has no JSON form")
	}
	type tree struct {
		Name     *string
		Children []tree
	}
	v := &tree{}
	codec := wire.New(wire.LowerCamel)
	body := `{"name":"a","children":[{"name":"b","children":[]}]}`
	if err := codec.Decode([]byte(body), v); err != nil {
		t.Fatal(err)
	}
	if got, _ := codec.Append(nil, v); string(got) != body {
		t.Errorf("got %s", got)
	}
}

// FuzzDecode holds the decoder against the one of the standard library: what
// we accept must be JSON, and text and blobs must come out the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"repositoryName":"a","layerPartBlob":"YWJj","partFirstByte":3}`, `{"x":[[{"y":null}]]}`,
		`{"repositoryName":"\ud83d\udc33\u0000"}`, `{"layerPartBlob":"\/w=="}`, `{"partLastByte":-0.0}`, "{\"\u00e9\":1e5}",
		`{"layerPartBlob":"YWJj\nYWJjYWJjYWJjYWJjYWJj"}`,
	} {
		f.Add([]byte(s))
	}
	codec := wire.New(ecrNames)
	f.Fuzz(func(t *testing.T, body []byte) {
		var want map[string]any
		jsonErr := json.Unmarshal(body, &want)
		in := &ecr.UploadLayerPartInput{}
		if err := codec.Decode(bytes.Clone(body), in); err != nil {
			return
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return
		}
		if jsonErr != nil {
			t.Fatalf("accepted what is no JSON: %v", jsonErr)
		}
		if s, ok := want["repositoryName"].(string); ok != (in.RepositoryName != nil) || ok && s != *in.RepositoryName {
			t.Fatalf("text: %q, %v", s, in.RepositoryName)
		}
		if s, ok := want["layerPartBlob"].(string); ok {
			if b, err := base64.StdEncoding.DecodeString(s); err != nil || !bytes.Equal(b, in.LayerPartBlob) {
				t.Fatalf("blob: %q, %v, %q", b, err, in.LayerPartBlob)
			}
		}
		out, err := codec.Append(nil, in)
		if err != nil || !json.Valid(out) {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

func BenchmarkDecodeSmall(b *testing.B) {
	codec := wire.New(ecrNames)
	body := []byte(`{"repositoryName":"team/web","imageIds":[{"imageTag":"1.0"},{"imageDigest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}],"maxResults":100}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := codec.Decode(body, &ecr.DescribeImagesInput{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeLayerPart(b *testing.B) {
	codec := wire.New(ecrNames)
	blob := bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16)
	body := []byte(`{"repositoryName":"web","uploadId":"x","partFirstByte":0,"partLastByte":10485759,"layerPartBlob":"` + base64.StdEncoding.EncodeToString(blob) + `"}`)
	scratch := make([]byte, len(body))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		copy(scratch, body) // decoding writes over its input
		if err := codec.Decode(scratch, &ecr.UploadLayerPartInput{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeFindings(b *testing.B) {
	out := &ecr.DescribeImageScanFindingsOutput{ImageScanFindings: &types.ImageScanFindings{}}
	for range 100 {
		out.ImageScanFindings.Findings = append(out.ImageScanFindings.Findings, types.ImageScanFinding{
			Name: aws.String("CVE-2024-0001"), Severity: types.FindingSeverityHigh, Uri: aws.String("https://security.example.org/CVE-2024-0001"),
			Description: aws.String(strings.Repeat("A buffer is read behind its end. ", 10)),
			Attributes: []types.Attribute{
				{Key: aws.String("package_name"), Value: aws.String("openssl")},
				{Key: aws.String("package_version"), Value: aws.String("3.0.1-r0")},
			},
		})
	}
	codec := wire.New(ecrNames)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = codec.Append(buf[:0], out); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

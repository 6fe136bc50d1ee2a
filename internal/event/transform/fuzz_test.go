package transform_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/transform"
)

// What is made of an event is JSON, or lines of JSON strings, whatever the
// template and the event.
func FuzzTemplate(f *testing.F) {
	f.Add(`{"a":<v>,"b":"<w> <v>"}`, "$.detail.text", "$.detail.o", rich)
	f.Add("\"<v>\"\n \"<w>\"", "$.detail.o", "$.detail.items[*].tags[*]", rich)
	f.Add(`[<v>,<w>,<aws.events.event>,<aws.events.rule-arn>]`, "$", "$.detail.*", instance)
	f.Add(`{"e":<aws.events.event.json>,"f":"<aws.events.event.json>"}`, "$.a", "$.b", instance)
	f.Add(`<v>`, "$.a", "$.b", `{"a":"\u00e9\\\"\/","b":{"\"":"\\"}}`)
	f.Add(`"\\<v>\"<w>"`, "$.a[0]", "$[*]", ` [ {"a":1} , 2 ] `)
	f.Fuzz(func(t *testing.T, template, v, w, body string) {
		in, err := transform.Compile(event.Target{ID: "t1", Transformer: &event.Transformer{Paths: map[string]string{"v": v, "w": w}, Template: template}})
		if err != nil {
			return
		}
		made, err := in.Apply([]byte(body), variables)
		if len(made) > transform.MaxResult {
			t.Fatalf("%d bytes", len(made))
		}
		if err != nil || !json.Valid([]byte(body)) {
			return
		}
		d := json.NewDecoder(bytes.NewReader(made))
		values := 0
		for d.More() {
			var value any
			if err := d.Decode(&value); err != nil {
				t.Fatalf("%v in %q", err, made)
			}
			if values++; values > 1 {
				if _, ok := value.(string); !ok {
					t.Fatalf("%q is no line", made)
				}
			}
		}
		if values == 0 {
			t.Fatalf("nothing in %q", made)
		}
		if !strings.HasPrefix(strings.TrimSpace(template), `"`) && bytes.ContainsAny(made, "\r\n") {
			t.Fatalf("more than one line: %q", made)
		}
	})
}

// Paths without wildcards select what encoding/json finds.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"$", "$.id", "$.detail.o.b[1].c", "$.detail.l[1]", "$.detail.twice", "$.detail.escaped", "$.detail.ünï", "$.detail.items[*].name"} {
		f.Add(path, rich)
	}
	f.Add("$.a[0][1].b", `{"a":[[0,{"b":"\ud83d\ude00"}]],"a ":1}`)
	f.Add("$.a", "{\"a\" : \"\xff\"}")
	f.Fuzz(func(t *testing.T, path, body string) {
		in, err := transform.Compile(event.Target{ID: "t1", InputPath: path})
		if err != nil || path == "" {
			return
		}
		made, err := in.Apply([]byte(body), variables)
		if err != nil {
			t.Fatal(err)
		}
		transform.NewExpander([]byte(body)).Expand(path)
		var doc any
		if !utf8.ValidString(body) || json.Unmarshal([]byte(body), &doc) != nil {
			return
		}
		var got any
		if err := json.Unmarshal(made, &got); err != nil {
			t.Fatalf("%v in %q", err, made)
		}
		if strings.Contains(path, "*") {
			if _, ok := got.([]any); !ok {
				t.Fatalf("%q is no list", made)
			}
			return
		}
		if diff := cmp.Diff(selected(doc, path), got); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", path, body, diff)
		}
	})
}

func selected(doc any, path string) any {
	for _, name := range strings.FieldsFunc(path[1:], func(c rune) bool { return c == '.' || c == '[' }) {
		if index, ok := strings.CutSuffix(name, "]"); ok {
			list, _ := doc.([]any)
			n, err := strconv.Atoi(index)
			if err != nil || n >= len(list) {
				return nil
			}
			doc = list[n]
			continue
		}
		object, _ := doc.(map[string]any)
		doc = object[name]
	}
	return doc
}

func FuzzInput(f *testing.F) {
	f.Add("env:dev")
	f.Add("{\"a\":\"\n\"}")
	f.Add("")
	f.Fuzz(func(t *testing.T, input string) {
		_, err := transform.Compile(event.Target{ID: "t1", Input: input})
		if valid := json.Valid([]byte(input)) && utf8.RuneCountInString(input) <= 8192; input != "" && valid != (err == nil) {
			t.Errorf("%q: %v", input, err)
		}
	})
}

func pushedBody() []byte {
	return []byte(`{"version":"0","id":"13cde686-328b-6117-af20-0e5566167482","detail-type":"ECR Image Action","source":"aws.ecr","account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],"detail":{"result":"SUCCESS","repository-name":"team/my-repository-name","image-digest":"sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12340000","action-type":"PUSH","image-tag":"1.2.3","manifest-media-type":"application/vnd.oci.image.manifest.v1+json","artifact-media-type":"application/vnd.oci.image.config.v1+json"}}`)
}

func benchmark(b *testing.B, target event.Target, body []byte) {
	in, err := transform.Compile(target)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := in.Apply(body, variables); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	benchmark(b, event.Target{Transformer: &event.Transformer{
		Paths:    map[string]string{"repository": "$.detail.repository-name", "tag": "$.detail.image-tag", "digest": "$.detail.image-digest", "when": "$.time"},
		Template: `{"text": "<repository>:<tag> was pushed at <when>", "digest": <digest>, "rule": <aws.events.rule-name>}`,
	}}, pushedBody())
}

func BenchmarkInputPath(b *testing.B) {
	benchmark(b, event.Target{InputPath: "$.detail"}, pushedBody())
}

// A hundred paths to the end of the largest event.
func BenchmarkHostileTemplate(b *testing.B) {
	paths := map[string]string{}
	var template strings.Builder
	for i := range 100 {
		name := "v" + strconv.Itoa(i)
		paths[name] = "$.detail.z." + name
		template.WriteString("<" + name + ">")
	}
	body := []byte(`{"detail":{"a":[` + strings.Repeat(`"\"",`, 50_000) + `0],"z":{}}}`)
	benchmark(b, event.Target{Transformer: &event.Transformer{Paths: paths, Template: `"` + template.String() + `"`}}, body)
}

func BenchmarkExpand(b *testing.B) {
	body := pushedBody()
	b.ReportAllocs()
	for b.Loop() {
		if text, ok := transform.NewExpander(body).Expand("$.detail.image-tag"); !ok || text != "1.2.3" {
			b.Fatal("not the tag")
		}
	}
}

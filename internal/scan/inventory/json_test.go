package inventory

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// valueOf builds what a jsonText is about to read, with its own methods.
func valueOf(j *jsonText) (any, error) {
	switch j.next() {
	case '{':
		all := map[string]any{}
		err := j.object(func(key string) (err error) {
			all[key], err = valueOf(j)
			return err
		})
		return all, err
	case '[':
		all := []any{}
		err := j.array(func() error {
			v, err := valueOf(j)
			all = append(all, v)
			return err
		})
		return all, err
	case '"':
		return j.string()
	}
	start := j.at
	if err := j.skip(); err != nil {
		return nil, err
	}
	var v any
	err := json.Unmarshal(j.text[start:j.at], &v)
	return v, err
}

func TestJSON(t *testing.T) {
	for _, text := range []string{
		`{}`, ` [ ] `, `"x"`, `12`, `null`, `{"a":{"b":[1,2,{"c":"d"}]},"e":true}`, `["\"","\\","\\\"","a\u00e9\n"]`, "{\"a\" :\t1 ,\r\n\"b\": -1.5e7}", `{"a":1,"a":2}`, "[\"\xff\xfe\"]", `{"":""}`,
	} {
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got, err := valueOf(newJSON([]byte(text))); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{`, `[`, `"`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[1,]`, `[1 2]`, `{1:2}`, `{"a" 1}`, `"\`, `"\"`, `["\x"]`, `{"a":}`, `[,]`, `]`} {
		if got, err := valueOf(newJSON([]byte(text))); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// TestJSONSkipsWithoutMemory: what nobody asked for is passed over, however deep it is.
func TestJSONSkipsWithoutMemory(t *testing.T) {
	deep := `{"x":` + strings.Repeat(`[{"a":`, 1<<20) + `1` + strings.Repeat(`}]`, 1<<20) + `,"name":"n","version":"1"}`
	m, err := readPackageJSON([]byte(deep), true)
	if err != nil || m.name != "n" || m.version != "1" {
		t.Errorf("got %+v, %v", m, err)
	}
	stop := newJSON([]byte(`{"a":1,"b":`))
	if err := stop.object(func(string) error { return errEnough }); !errors.Is(err, errEnough) {
		t.Errorf("got %v", err)
	}
}

// FuzzJSON compares with encoding/json where that accepts the text.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"name":"a","version":"1.0.0","x":[{"y":null}]}`, "\xef\xbb\xbf{\"\\u0061\":\"\\\"\"}", `[1,2.5,"\\"]`, `{"a":`, "[\"\xc3\x28\"]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := valueOf(newJSON(text))
		var want any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, %v, want %#v", got, err, want)
		}
		if err := newJSON(text).skip(); err != nil {
			t.Fatalf("skipping it: %v", err)
		}
	})
}

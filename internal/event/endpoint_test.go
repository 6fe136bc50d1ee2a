package event_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/event"
)

func TestEndpoints(t *testing.T) {
	for text, want := range map[string]event.Endpoint{
		"https://example.com":                       {Scheme: "https", Host: "example.com", Path: "/"},
		"http://[::1]:8080/a/*/b?x=*&y":             {Scheme: "http", Host: "[::1]:8080", Path: "/a/*/b", Query: "x=*&y"},
		"https://example.com/a%2Fb/%2A":             {Scheme: "https", Host: "example.com", Path: "/a%2Fb/%2A"},
		"nats://nats.example.com:4222/ecr.events":   {Scheme: "nats", Host: "nats.example.com:4222", Subject: "ecr.events"},
		"tls://10.0.0.1/ecr.*.x?format=cloudevents": {Scheme: "tls", Host: "10.0.0.1", Subject: "ecr.*.x", CloudEvents: true},
	} {
		if got, err := event.ParseEndpoint(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	if e, _ := event.ParseEndpoint("https://example.com/*/x/*"); e.PathValues() != 2 || e.NATS() {
		t.Errorf("%+v", e)
	}
}

func TestEndpointsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "must begin with https://",
		"example.com/x":                   "must begin with https://",
		"ftp://example.com":               "must begin with https://",
		"file:///etc/passwd":              "must begin with https://",
		"unix:/run/docker.sock":           "must begin with https://",
		"https://":                        "names no host",
		"https:///x":                      "names no host",
		"https://:443/x":                  "names no host",
		"https://user:secret@example.com": "must not hold credentials",
		"nats://token@example.com/x":      "must not hold credentials",
		"https://example.com/#x":          "fragment",
		"https://example.com/#":           "fragment",
		"https://example.com:0/":          "is not a port",
		"https://example.com:65536/":      "is not a port",
		"https://example.com:/":           "port is missing",
		"https://*.example.com/":          "host is not a name",
		"https://ex%41mple.com/":          "",
		"https://[fe80::1%25eth0]/":       "not an IPv6 address",
		"https://[x]/":                    "",
		"https://example.com/a b":         "ASCII without spaces",
		"https://example.com/\r\nX:1":     "ASCII without spaces",
		"https://bücher.example/":         "ASCII without spaces",
		"https://example.com/%zz":         "is not a URL",
		"https://example.com/" + strings.Repeat("x", 2048): "longer than 2048",
		"nats://example.com":            "names no subject",
		"nats://example.com/":           "names no subject",
		"nats://example.com/a..b":       "part of its subject is empty",
		"nats://example.com/.a":         "part of its subject is empty",
		"nats://example.com/a.>":        "must not begin with $ nor hold",
		"nats://example.com/$JS.API.x":  "must not begin with $ nor hold",
		"nats://example.com/a%20b":      "must not begin with $ nor hold",
		"nats://example.com/a?x=1":      "only parameter is format=cloudevents",
		"nats://example.com/a?format=x": "only parameter is format=cloudevents",
	} {
		if e, err := event.ParseEndpoint(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v %v", text, e, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, seed := range []string{"https://example.com/a/*?x=1", "nats://h:4222/a.b?format=cloudevents", "tls://[::1]:1/*", "http://h/%2F", "https://a@b/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := event.ParseEndpoint(text)
		if err != nil {
			return
		}
		if e.Host == "" || strings.ContainsAny(e.Host, "/@?#* ") || strings.ContainsAny(e.Subject, " \r\n>") {
			t.Errorf("%q: %+v", text, e)
		}
		if e.NATS() {
			if e.Subject == "" || e.Path+e.Query != "" {
				t.Errorf("%q: %+v", text, e)
			}
			return
		}
		u, err := url.Parse(e.Scheme + "://" + e.Host + e.Path + "?" + e.Query)
		if err != nil || u.Host != e.Host || u.EscapedPath() != e.Path || u.RawQuery != e.Query || !strings.HasPrefix(e.Path, "/") {
			t.Errorf("%q: %+v: %v", text, e, err)
		}
	})
}

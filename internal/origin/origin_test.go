package origin

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

func request(remote string, secure bool, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	if secure {
		r.TLS = &tls.ConnectionState{}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestOnlyTrustedProxiesSayWhereARequestComesFrom(t *testing.T) {
	proxies, err := Parse([]string{"10.0.0.0/8", "fd00::/8", "192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	const from, proto = "X-Forwarded-For", "X-Forwarded-Proto"
	for _, test := range []struct {
		name string
		r    *http.Request
		want Origin
	}{
		{"a client that says so itself", request("203.0.113.9:1", false, from, "10.1.1.1", proto, "https"), Origin{"203.0.113.9", false}},
		{"a client with TLS that denies it", request("203.0.113.9:1", true, proto, "http"), Origin{"203.0.113.9", true}},
		{"a proxy", request("10.1.1.1:1", false, from, "203.0.113.9", proto, "https"), Origin{"203.0.113.9", true}},
		{"a proxy by its address", request("192.0.2.7:1", false, from, "203.0.113.9"), Origin{"203.0.113.9", false}},
		{"a proxy on IPv4 in IPv6", request("[::ffff:10.1.1.1]:1", false, from, "203.0.113.9"), Origin{"203.0.113.9", false}},
		{"a proxy on IPv6", request("[fd00::1]:1", false, from, "2001:db8::1", proto, "HTTPS"), Origin{"2001:db8::1", true}},
		{"a client that adds hops before the proxy's", request("10.1.1.1:1", false, from, "127.0.0.1, 203.0.113.9"), Origin{"203.0.113.9", false}},
		{"a client that adds a header before the proxy's", request("10.1.1.1:1", false, from, "127.0.0.1", from, "203.0.113.9", proto, "https", proto, "http"), Origin{"203.0.113.9", false}},
		{"a client that adds a scheme before the proxy's", request("10.1.1.1:1", false, from, "203.0.113.9", proto, "https, http"), Origin{"203.0.113.9", false}},
		{"two proxies", request("10.1.1.1:1", false, from, "1.1.1.1, 203.0.113.9, 10.2.2.2"), Origin{"203.0.113.9", false}},
		{"proxies alone", request("10.1.1.1:1", false, from, "10.3.3.3, 10.2.2.2"), Origin{"10.3.3.3", false}},
		{"a hop with a port", request("10.1.1.1:1", false, from, "203.0.113.9:4711"), Origin{"203.0.113.9", false}},
		{"a hop on IPv6 with a port", request("10.1.1.1:1", false, from, "[2001:db8::1]:4711"), Origin{"2001:db8::1", false}},
		{"a hop that is no address", request("10.1.1.1:1", false, from, "203.0.113.9, unknown"), Origin{"10.1.1.1", false}},
		{"a proxy that says nothing", request("10.1.1.1:1", true), Origin{"10.1.1.1", true}},
		{"a connection without an address", request("@", false, from, "1.1.1.1"), Origin{"@", false}},
	} {
		if got := Of(proxies.Note(test.r)); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := Of(Proxies(nil).Note(request("10.1.1.1:1", false, from, "1.1.1.1", proto, "https"))); got != (Origin{"10.1.1.1", false}) {
		t.Errorf("without trusted proxies: %+v", got)
	}
}

func TestNetworksOfProxiesAreChecked(t *testing.T) {
	for _, text := range []string{"", "x", "10.0.0.0/33", "10.0.0", "all"} {
		if _, err := Parse([]string{text}); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

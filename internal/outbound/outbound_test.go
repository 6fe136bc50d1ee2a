package outbound_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/internal/outbound"
)

func guard(t testing.TB, words ...string) *outbound.Guard {
	t.Helper()
	deny, err := outbound.Parse(words)
	if err != nil {
		t.Fatal(err)
	}
	return outbound.New(outbound.Options{Deny: deny})
}

func denied(err error) bool {
	var e *outbound.DeniedError
	return errors.As(err, &e)
}

func TestWhichAddressesAreOffLimitsByDefault(t *testing.T) {
	open := outbound.New(outbound.Options{Deny: outbound.Default(true)})
	closed := outbound.New(outbound.Options{Deny: outbound.Default(false)})
	for text, want := range map[string]struct{ loopbackOnly, otherwise bool }{
		"203.0.113.1": {true, true}, "10.1.2.3": {true, true}, "192.168.1.1": {true, true}, "2001:db8::1": {true, true}, "fd00::1": {true, true},
		// this machine, however it is written
		"127.0.0.1": {true, false}, "127.9.9.9": {true, false}, "::1": {true, false}, "::ffff:127.0.0.1": {true, false},
		"0.0.0.0": {true, false}, "0.1.2.3": {true, false}, "::": {true, false}, "::ffff:0.0.0.0": {true, false},
		"64:ff9b::127.0.0.1": {true, false}, "2002:7f00:1::": {true, false}, "::127.0.0.1": {true, false},
		"64:ff9b:1::7f00:1": {true, false}, "64:ff9b:1:7f00:0:100::": {true, false},
		"2001:0:cb00:7101::80ff:fffe": {true, false}, "2001:0:7f00:1::3fff:fdd2": {true, false}, "2001:db8::5efe:127.0.0.1": {true, false},
		// the wire and the cloud
		"169.254.169.254": {false, false}, "::ffff:169.254.169.254": {false, false}, "::ffff:0:169.254.169.254": {false, false}, "169.254.1.1": {false, false},
		"fe80::1": {false, false}, "fe80::1%eth0": {false, false}, "fd00:ec2::254": {false, false}, "fd00:ec2::255": {true, true},
		"100.100.100.200": {false, false}, "192.0.0.192": {false, false}, "168.63.129.16": {false, false}, "168.63.129.17": {true, true},
		"64:ff9b::a9fe:a9fe": {false, false}, "2002:a9fe:a9fe::1": {false, false}, "64:ff9b::8.8.8.8": {true, true},
		// no hosts
		"224.0.0.1": {false, false}, "ff02::1": {false, false}, "255.255.255.255": {false, false}, "::ffff:224.0.0.1": {false, false},
	} {
		address := netip.MustParseAddr(text)
		if got := open.Check(address) == nil; got != want.loopbackOnly {
			t.Errorf("%s, listening on loopback only: %v", text, open.Check(address))
		}
		if got := closed.Check(address) == nil; got != want.otherwise {
			t.Errorf("%s: %v", text, closed.Check(address))
		}
	}
	if !denied(open.Check(netip.Addr{})) {
		t.Error("no address at all may be called")
	}
}

func TestTheErrorNamesTheNetworkAndNotTheAddress(t *testing.T) {
	err := guard(t, "10.0.0.0/8").Check(netip.MustParseAddr("10.1.2.3"))
	var e *outbound.DeniedError
	if !errors.As(err, &e) || e.Network != netip.MustParsePrefix("10.0.0.0/8") || e.Address != netip.MustParseAddr("10.1.2.3") {
		t.Fatalf("%#v", err)
	}
	if text := err.Error(); text != "the address is in 10.0.0.0/8, which the operator has put off limits" {
		t.Error(text)
	}
}

func TestWordsOfTheFlag(t *testing.T) {
	for _, test := range []struct {
		words          []string
		allowed, other string
	}{
		{[]string{"none"}, "169.254.169.254", ""},
		{[]string{"10.0.0.0/8", "192.0.2.1"}, "127.0.0.1", "10.9.9.9"},
		{[]string{"192.0.2.1"}, "192.0.2.2", "192.0.2.1"},
		{[]string{" loopback"}, "169.254.169.254", "127.0.0.1"},
		{[]string{"metadata"}, "169.254.1.1", "169.254.169.254"},
		{[]string{"link-local", "loopback"}, "100.100.100.200", "169.254.1.1"},
		{[]string{"::ffff:10.0.0.0/104"}, "11.0.0.1", "10.1.1.1"},
		{[]string{"10.1.2.3/8"}, "11.0.0.1", "10.200.1.1"},
		{[]string{"2001:db8::/32"}, "2001:db9::1", "2001:db8::1"},
	} {
		g := guard(t, test.words...)
		if err := g.Check(netip.MustParseAddr(test.allowed)); err != nil {
			t.Errorf("%q: %s: %v", test.words, test.allowed, err)
		}
		if test.other != "" && !denied(g.Check(netip.MustParseAddr(test.other))) {
			t.Errorf("%q: %s may be called", test.words, test.other)
		}
	}
	for _, bad := range [][]string{{"x"}, {""}, {"10.0.0.0/33"}, {"none", "loopback"}, {"localhost"}, {"fe80::1%eth0/64"}} {
		if all, err := outbound.Parse(bad); err == nil {
			t.Errorf("%q is read as %v", bad, all)
		}
	}
}

func TestWhatIsLoopbackOnly(t *testing.T) {
	for listen, want := range map[string]bool{
		"127.0.0.1:5000": true, "127.0.0.2:0": true, "[::1]:5000": true, "localhost:5000": true, "[::ffff:127.0.0.1]:1": true,
		":5000": false, "0.0.0.0:5000": false, "[::]:5000": false, "192.0.2.1:5000": false, "no-such-host.invalid:1": false, "5000": false, "": false,
	} {
		if got := outbound.LoopbackOnly(t.Context(), listen); got != want {
			t.Errorf("%q: %v", listen, got)
		}
	}
}

// A name that resolves to what is off limits, and a redirect there, lead
// nowhere: the address is looked at when it is dialled.
func TestNamesAndRedirectsLeadToNothingOffLimits(t *testing.T) {
	asked := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer inside.Close()
	port := inside.Listener.Addr().(*net.TCPAddr).Port
	redirecting := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	defer redirecting.Close()

	ask := func(g *outbound.Guard, to string) error {
		transport := g.Transport()
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]"} {
		to := "http://" + host + ":" + strconv.Itoa(port)
		if err := ask(guard(t, "loopback"), to); !denied(err) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if asked != 0 {
		t.Fatalf("it was asked %d times", asked)
	}
	if err := ask(guard(t, "metadata"), redirecting.URL); err != nil || asked != 1 {
		t.Errorf("an allowed redirect: %v, asked %d times", err, asked)
	}
}

func TestAContextMayForbidMore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	g := guard(t, "metadata")
	if conn, err := g.DialContext(t.Context(), "tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	} else {
		conn.Close()
	}
	ctx := outbound.WithDenied(t.Context(), outbound.LinkLocal()...)
	ctx = outbound.WithDenied(ctx, outbound.Loopback()...)
	if _, err := g.DialContext(ctx, "tcp", listener.Addr().String()); !denied(err) {
		t.Error(err)
	}
}

func TestNothingButTCPIsDialled(t *testing.T) {
	for _, network := range []string{"unix", "udp", "ip", ""} {
		if conn, err := guard(t, "none").DialContext(t.Context(), network, "127.0.0.1:1"); err == nil {
			conn.Close()
			t.Errorf("%q is dialled", network)
		}
	}
}

// Proxies of the environment would be called in place of what is checked.
func TestTheTransportKnowsNoProxy(t *testing.T) {
	if guard(t, "none").Transport().Proxy != nil {
		t.Error("it has a proxy")
	}
}

func TestDeniedAnswersACopy(t *testing.T) {
	g := guard(t, "10.0.0.0/8")
	g.Denied()[0] = netip.Prefix{}
	if !slices.Equal(g.Denied(), []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}) {
		t.Error(g.Denied())
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "none", "loopback,metadata", "::ffff:10.0.0.0/104", "fe80::1%x", "::/0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		deny, err := outbound.Parse(strings.Split(text, ","))
		if err != nil {
			return
		}
		g := outbound.New(outbound.Options{Deny: deny})
		for _, network := range deny {
			a := network.Addr()
			if !denied(g.Check(a)) {
				t.Errorf("%s does not forbid %s", network, a)
			}
			if a.Is4() && !denied(g.Check(netip.AddrFrom16(a.As16()))) {
				t.Errorf("%s does not forbid %s in IPv6", network, a)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	g := outbound.New(outbound.Options{Deny: outbound.Default(false)})
	a := netip.MustParseAddr("2001:db8::1")
	for b.Loop() {
		if err := g.Check(a); err != nil {
			b.Fatal(err)
		}
	}
}

package main

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// The server may call this machine for its users if it is reached from this
// machine only, or if the operator says so.
func TestWhatTheServerCallsForItsUsers(t *testing.T) {
	for _, test := range []struct {
		listen              string
		deny                []string
		loopback, metadata  bool
		private, documented bool
	}{
		{listen: "127.0.0.1:5000", loopback: true, private: true, documented: true},
		{listen: "localhost:5000", loopback: true, private: true, documented: true},
		{listen: ":5000", private: true, documented: true},
		{listen: "0.0.0.0:5000", private: true, documented: true},
		{listen: ":5000", deny: []string{"none"}, loopback: true, metadata: true, private: true, documented: true},
		{listen: ":5000", deny: []string{"metadata", "10.0.0.0/8"}, loopback: true, documented: true},
		{listen: "127.0.0.1:5000", deny: []string{"loopback", "link-local"}, private: true, documented: true},
	} {
		flags := outboundFlags{OutboundDeny: test.deny}
		if err := flags.validate(); err != nil {
			t.Fatal(err)
		}
		guard, err := flags.guard(t.Context(), test.listen, false)
		if err != nil {
			t.Fatal(err)
		}
		for address, want := range map[string]bool{
			"127.0.0.1": test.loopback, "169.254.169.254": test.metadata, "10.1.2.3": test.private, "192.0.2.1": test.documented,
		} {
			if err := guard.Check(netip.MustParseAddr(address)); (err == nil) != want {
				t.Errorf("%s %v: %s: %v", test.listen, test.deny, address, err)
			}
		}
	}
}

// Behind a proxy a server listens on loopback and is reached from everywhere.
func TestAServerBehindAProxyDoesNotCallThisMachine(t *testing.T) {
	for _, test := range []struct {
		publicURL string
		proxies   []string
		want      bool
	}{
		{want: true},
		{publicURL: "http://localhost:5000", want: true},
		{publicURL: "https://127.0.0.1", want: true},
		{publicURL: "https://registry.example"},
		{proxies: []string{"127.0.0.1"}},
	} {
		c := serveCommand{PublicURL: test.publicURL, TrustedProxies: test.proxies}
		guard, err := c.guard(t.Context(), "127.0.0.1:5000", c.fronted(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if err := guard.Check(netip.MustParseAddr("127.0.0.1")); (err == nil) != test.want {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestFlagsOfWhatIsCalledThatMakeNoSense(t *testing.T) {
	for _, flags := range []outboundFlags{
		{OutboundDeny: []string{"everything"}}, {OutboundDeny: []string{"none", "loopback"}}, {OutboundDeny: []string{"10.0.0.0/99"}},
		{AWSTargets: []string{"my-queue"}}, {AWSTargets: []string{""}},
	} {
		if err := flags.validate(); err == nil || !strings.Contains(err.Error(), "--") {
			t.Errorf("%+v: %v", flags, err)
		}
	}
	if err := (&outboundFlags{AWSTargets: []string{"*", "arn:aws:sqs:*:123456789012:ecr-*"}}).validate(); err != nil {
		t.Error(err)
	}
}

func TestLinesOfSeveralWritersStayWhole(t *testing.T) {
	var out bytes.Buffer
	shared := &sharedWriter{to: &out}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if _, err := shared.Write([]byte("one line\n")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if strings.ReplaceAll(out.String(), "one line\n", "") != "" {
		t.Error("lines are mixed up")
	}
}

package target_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Three hundred parameters, each of which is the whole event, are no request of
// 77 MB but a refusal.
func TestParametersMadeOfAnEventAreBounded(t *testing.T) {
	at := newReceiver(t, nil)
	all := newTargets(t, target.Options{Destinations: to(at.URL, apiKey())})
	m := pushed()
	m.Event = fmt.Appendf(nil, `{"id":"%s","detail":{"x":"%s"}}`, eventID, strings.Repeat("x", 200<<10))
	for what, http := range map[string]func(n string) *event.HTTPParameters{
		"headers": func(n string) *event.HTTPParameters {
			return &event.HTTPParameters{Header: map[string]string{"X-" + n: "$.detail.x"}}
		},
		"query": func(n string) *event.HTTPParameters { return &event.HTTPParameters{Query: map[string]string{n: "$"}} },
		"work": func(string) *event.HTTPParameters {
			h := &event.HTTPParameters{Header: map[string]string{}}
			for i := range 100 {
				h.Header[fmt.Sprint("x", i)] = fmt.Sprintf("$.*.*.*.%d", i)
				h.Header[fmt.Sprint("y", i)] = fmt.Sprintf("$.detail.y%d", i)
			}
			return h
		},
	} {
		err := send(t, all, event.Target{HTTP: http("a")}, m)
		if got := fateOf(t, err); !got.permanent || !strings.Contains(err.Error(), "too large: at most 65536 bytes") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(at.got()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	small := event.HTTPParameters{Header: map[string]string{}, Query: map[string]string{}}
	for i := range 100 {
		small.Header[fmt.Sprint("x", i)], small.Query[fmt.Sprint("x", i)] = "$.detail.repository-name", "$.detail.image-digest"
	}
	if err := send(t, all, event.Target{HTTP: &small}, pushed()); err != nil {
		t.Errorf("many small ones: %v", err)
	}
}

// Whoever puts targets with ever new names of files does not use up the
// descriptors of the server.
func TestFilesThatAreNotWrittenToAreNotKeptOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc tells about descriptors on Linux")
	}
	open := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	dir := filepath.Join(t.TempDir(), "events")
	all := newTargets(t, target.Options{Dir: dir})
	before := open()
	const files = 500
	for round := range 2 {
		for i := range files {
			if err := send(t, all, event.Target{ARN: fmt.Sprintf("arn:ecru:file/f%d.jsonl", i)}, numbered(round)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if more := open() - before; more > 200 {
		t.Errorf("%d descriptors are open for %d files", more, files)
	}
	for i := range files {
		if got := strings.Join(lines(t, filepath.Join(dir, fmt.Sprintf("f%d.jsonl", i))), ""); got != "{\"n\":0}\n{\"n\":1}\n" {
			t.Fatalf("file %d has %q", i, got)
		}
	}
}

// Lines may say anything, so that those of one account are not among those of
// another, nor in the audit log.
func TestAccountsDoNotShareFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	all := newTargets(t, target.Options{Dir: dir, Account: account})
	for n, owner := range []string{account, "210987654321"} {
		route, err := all.Route(t.Context(), owner, event.Target{ID: "t", ARN: fileARN})
		if err == nil {
			err = route.Sender.Send(t.Context(), numbered(n))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"pushes.jsonl": "{\"n\":0}\n", "210987654321/pushes.jsonl": "{\"n\":1}\n"} {
		if got := strings.Join(lines(t, filepath.Join(dir, path)), ""); got != want {
			t.Errorf("%s has %q", path, got)
		}
	}
}

func TestNothingIsSentToStdoutThatIsForSomethingElse(t *testing.T) {
	var out strings.Builder
	all := newTargets(t, target.Options{Stdout: &out, NoStdout: "it is taken"})
	stdout := event.Target{ID: "t", ARN: "arn:ecru:stdout?format=cloudevents"}
	if err := all.Validate(registry.Scope{Account: account, Region: "us-east-1"}, stdout); err == nil || !strings.Contains(err.Error(), "Reason: it is taken.") {
		t.Error(err)
	}
	if got := fateOf(t, send(t, all, stdout, pushed())); !got.permanent || out.String() != "" {
		t.Errorf("%+v, %q was printed", got, out.String())
	}
}

// Subjects that begin with $ manage the NATS server and its streams: who puts a
// target does not get there by a path value.
func TestPathValuesDoNotLeadToTheSubjectsOfTheServer(t *testing.T) {
	all := newTargets(t, target.Options{Destinations: to("nats://127.0.0.1:1/*.*.*.*.*", apiKey())})
	at := event.Target{HTTP: &event.HTTPParameters{PathValues: []string{"$JS", "API", "STREAM", "DELETE", "pushes"}}}
	err := send(t, all, at, pushed())
	if got := fateOf(t, err); !got.permanent || !strings.Contains(err.Error(), "begins with $") {
		t.Error(err)
	}
}

// However many hang on one path of a host, another path of it is reached: both
// may be of different rules, and of different accounts.
func TestTargetsThatHangDoNotKeepOthersFromTheirHost(t *testing.T) {
	const hanging = 300
	here, end := make(chan struct{}, hanging), make(chan struct{})
	at := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			here <- struct{}{}
			<-end
		}
	})
	slow := newTargets(t, target.Options{Destinations: to(at.URL+"/hang", apiKey())})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(end)
	hang, err := slow.Route(t.Context(), account, event.Target{ID: "slow", ARN: destinationARN})
	if err != nil {
		t.Fatal(err)
	}
	for range hanging {
		all.Go(func() {
			if err := hang.Sender.Send(t.Context(), pushed()); err != nil {
				t.Error(err)
			}
		})
	}
	for range hanging {
		select {
		case <-here:
		case <-time.After(5 * time.Second):
			t.Fatal("those who hang keep others from their host")
		}
	}
}

// Whoever gives a name does not learn from failures what it resolves to, nor
// which name server says so.
func TestFailuresTellNoAddresses(t *testing.T) {
	resets := rawServer(t, func(c net.Conn) {
		if tcp, ok := c.(*net.TCPConn); ok {
			if err := tcp.SetLinger(0); err != nil {
				t.Error(err)
			}
		}
	})
	_, port, err := net.SplitHostPort(resets)
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{"http://localhost:1/", "http://no-such-host.invalid/", "http://localhost:" + port + "/"} {
		for _, auth := range []event.Authorization{
			apiKey(), {Kind: event.OAuthAuthorization, Name: "id", Secret: "key-secret-1", Endpoint: endpoint, Method: "POST"},
		} {
			err := send(t, newTargets(t, target.Options{Destinations: to(endpoint, auth)}), event.Target{}, pushed())
			if err == nil {
				t.Fatal("it has arrived")
			}
			if text := err.Error(); strings.Contains(text, "127.0.0.1") || strings.Contains(text, "[::1]") || strings.Contains(text, ":53") {
				t.Errorf("%s: %s", endpoint, text)
			}
		}
	}
}

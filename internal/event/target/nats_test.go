package target_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/test/natsserver"
)

// stream makes a stream of JetStream and answers what reads it.
func stream(t testing.TB, url string, subjects ...string) jetstream.Stream {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ECR", Subjects: subjects})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stored answers the messages of a stream.
func stored(t testing.TB, s jetstream.Stream) []*jetstream.RawStreamMsg {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for n := info.State.FirstSeq; n <= info.State.LastSeq && info.State.Msgs > 0; n++ {
		m, err := s.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// unauthorized is a connection that has nothing that NATS would ask for.
func unauthorized() event.Authorization {
	return event.Authorization{Kind: event.APIKeyAuthorization, Name: "X-Ecru-Signature-256", Secret: "signing-secret"}
}

func TestEventsGoIntoAStreamOfNATS(t *testing.T) {
	server := natsserver.Start(t, "")
	s := stream(t, "nats://"+server.Address, "ecr.>")
	all := newTargets(t, target.Options{Destinations: to("nats://"+server.Address+"/ecr.*.pushed", unauthorized())})
	at := event.Target{HTTP: &event.HTTPParameters{PathValues: []string{"$.detail.repository-name"}, Header: map[string]string{"X-Tag": "$.detail.image-tag"}}}
	m := pushed()
	m.Event = []byte(strings.ReplaceAll(string(m.Event), "team/web", "team/web.v1 *>"))
	for range 3 { // the second and third are attempts of the first
		if err := send(t, all, at, m); err != nil {
			t.Fatal(err)
		}
	}
	got := stored(t, s)
	if len(got) != 1 {
		t.Fatalf("%d messages are stored", len(got))
	}
	if got[0].Subject != "ecr.team/web_v1___.pushed" || string(got[0].Data) != string(m.Body) {
		t.Errorf("%s %s", got[0].Subject, got[0].Data)
	}
	if h := got[0].Header; h.Get("X-Tag") != "1.0" || !strings.HasPrefix(h.Get("X-Ecru-Signature-256"), "sha256=") || h.Get("Content-Type") == "" || !strings.Contains(h.Get("Nats-Msg-Id"), eventID) {
		t.Errorf("%v", h)
	}
	m.Event = []byte(strings.Replace(string(m.Event), "{", `{"replay-name":"again",`, 1))
	if err := send(t, all, at, m); err != nil {
		t.Fatal(err)
	}
	if n := len(stored(t, s)); n != 2 {
		t.Errorf("a replay is not stored: %d messages", n)
	}
}

func TestCloudEventsInNATS(t *testing.T) {
	server := natsserver.Start(t, "")
	s := stream(t, "nats://"+server.Address, "ecr")
	known := to("nats://"+server.Address+"/ecr?format=cloudevents", unauthorized())
	all := newTargets(t, target.Options{Destinations: known})
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Fatal(err)
	}
	known.change(func() { known.known.Endpoint, known.revision = "nats://"+server.Address+"/ecr", "2" })
	m := pushed()
	m.ID = "another"
	if err := send(t, all, event.Target{HTTP: &event.HTTPParameters{Header: map[string]string{"ce-specversion": "1.0"}}}, m); err != nil {
		t.Fatal(err)
	}
	got := stored(t, s)
	if e := object(t, got[0].Data); e["specversion"] != "1.0" || e["id"] != eventID || got[0].Header.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("%v %v", e, got[0].Header)
	}
	if h := got[1].Header; h["ce-id"] == nil || h["ce-type"][0] != "com.amazonaws.ecr.ECRImageAction" || string(got[1].Data) != string(pushed().Body) {
		t.Errorf("%v", h)
	}
}

func TestAuthorizationOfNATS(t *testing.T) {
	basic := event.Authorization{Kind: event.BasicAuthorization, Name: "me", Secret: "pass-word"}
	token := event.Authorization{Kind: event.APIKeyAuthorization, Name: "token", Secret: "the-token"}
	for name, test := range map[string]struct {
		config string
		auth   event.Authorization
		admin  string
	}{
		"user and password": {`authorization { user: me, password: "pass-word" }`, basic, "me:pass-word@"},
		"token":             {`authorization { token: "the-token" }`, token, "the-token@"},
	} {
		t.Run(name, func(t *testing.T) {
			server := natsserver.Start(t, test.config)
			s := stream(t, "nats://"+test.admin+server.Address, "ecr")
			all := newTargets(t, target.Options{Destinations: to("nats://"+server.Address+"/ecr", test.auth)})
			if err := send(t, all, event.Target{}, pushed()); err != nil {
				t.Fatal(err)
			}
			if got := stored(t, s); got[0].Header.Get("Authorization") != "" || got[0].Header.Get("token") != "" {
				t.Errorf("the message tells the secret: %v", got[0].Header)
			}
			wrong := test.auth
			wrong.Secret = "wrong-secret"
			err := send(t, newTargets(t, target.Options{Destinations: to("nats://"+server.Address+"/ecr", wrong)}), event.Target{}, pushed())
			if got := fateOf(t, err); got.permanent || !strings.Contains(err.Error(), "Authorization Violation") {
				t.Errorf("%+v %v", got, err)
			}
			noSecrets(t, err, "wrong-secret")
		})
	}
	err := send(t, newTargets(t, target.Options{Destinations: to("nats://127.0.0.1:1/ecr", oauth("http://127.0.0.1:1"))}), event.Target{}, pushed())
	if !fateOf(t, err).permanent {
		t.Error(err)
	}
}

func TestNATSOverTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	dir := t.TempDir()
	pair := web.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := natsserver.Start(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q }", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	conn, err := nats.Connect("tls://"+server.Address, func(o *nats.Options) error {
		o.TLSConfig = web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ECR", Subjects: []string{"ecr"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, scheme := range []string{"tls", "nats"} { // a server may ask for TLS by itself
		all := newTargets(t, target.Options{Destinations: to(scheme+"://"+server.Address+"/ecr", unauthorized()), Roots: roots(web)})
		m := pushed()
		m.ID = scheme
		if err := send(t, all, event.Target{}, m); err != nil || len(stored(t, s)) != i+1 {
			t.Errorf("%s: %v", scheme, err)
		}
		distrusting := newTargets(t, target.Options{Destinations: to(scheme+"://"+server.Address+"/ecr", unauthorized())})
		if err := send(t, distrusting, event.Target{}, pushed()); fateOf(t, err).permanent || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", scheme, err)
		}
	}
	plain := natsserver.Start(t, "")
	all := newTargets(t, target.Options{Destinations: to("tls://"+plain.Address+"/ecr", unauthorized()), Roots: roots(web)})
	if err := send(t, all, event.Target{}, pushed()); fateOf(t, err).permanent {
		t.Error(err)
	}
}

func TestASubjectThatNoStreamTakes(t *testing.T) {
	server := natsserver.Start(t, "")
	all := newTargets(t, target.Options{Destinations: to("nats://"+server.Address+"/nobody.listens", unauthorized())})
	err := send(t, all, event.Target{}, pushed())
	if got := fateOf(t, err); got != (fate{status: "no stream"}) || err.Error() != "no stream: no JetStream stream takes the subject nobody.listens" {
		t.Errorf("%+v %v", got, err)
	}
	stream(t, "nats://"+server.Address, "nobody.>")
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Errorf("once there is one: %v", err)
	}
}

// The server goes away under many senders and comes back: what was told to be
// stored is there.
func TestANATSServerThatIsKilledAndComesBack(t *testing.T) {
	server := natsserver.Start(t, "")
	stream(t, "nats://"+server.Address, "ecr")
	all := newTargets(t, target.Options{Destinations: to("nats://"+server.Address+"/ecr", unauthorized())})
	var mu sync.Mutex
	acknowledged, failures := map[string]bool{}, 0
	var senders sync.WaitGroup
	stop, half := make(chan struct{}), make(chan struct{})
	var once sync.Once
	for w := range 8 {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				m := numbered(w*1_000_000 + n)
				m.ID = fmt.Sprint(w, "-", n)
				err := send(t, all, event.Target{}, m)
				mu.Lock()
				if err == nil {
					acknowledged[string(m.Body)] = true
				} else {
					failures++
				}
				if len(acknowledged) > 200 {
					once.Do(func() { close(half) })
				}
				mu.Unlock()
			}
		})
	}
	<-half
	server.Stop()
	begin := time.Now()
	for count := 0; count < 8 && time.Since(begin) < 30*time.Second; time.Sleep(time.Millisecond) {
		mu.Lock()
		count = failures
		mu.Unlock()
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("senders noticed after %v only", took)
	}
	server.Restart()
	mu.Lock()
	before := len(acknowledged)
	mu.Unlock()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		done := len(acknowledged) > before+200
		mu.Unlock()
		if done {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing arrives after the restart")
		}
	}
	close(stop)
	senders.Wait()
	conn, err := nats.Connect("nats://" + server.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, _ := jetstream.New(conn)
	s, err := js.Stream(t.Context(), "ECR")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range stored(t, s) {
		found[string(m.Data)] = true
	}
	for body := range acknowledged {
		if !found[body] {
			t.Errorf("lost: %s", body)
		}
	}
}

// modestInfo is what a server says of itself that then does no good.
const modestInfo = `INFO {"proto":1,"headers":true,"max_payload":1048576}` + "\r\n"

func TestNATSServersThatAreNone(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"hangs":        func(c net.Conn) { io.Copy(io.Discard, c) },
		"closes":       func(net.Conn) {},
		"garbage":      func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"broken info":  func(c net.Conn) { io.WriteString(c, "INFO {broken\r\n") },
		"endless info": func(c net.Conn) { io.WriteString(c, "INFO {\"x\":\""); endless(c) },
		"endless line": func(c net.Conn) { io.WriteString(c, modestInfo+"-ERR '"); endless(c) },
		"a huge message": func(c net.Conn) {
			io.WriteString(c, modestInfo)
			answerPing(c)
			io.WriteString(c, "MSG a 1 9000000000000000000\r\nx")
			endless(c)
		},
		"a huge header": func(c net.Conn) {
			io.WriteString(c, modestInfo)
			answerPing(c)
			io.WriteString(c, "HMSG a 1 2 4611686018427387904\r\nx")
			endless(c)
		},
		"only says info": func(c net.Conn) { io.WriteString(c, modestInfo); io.Copy(io.Discard, c) },
	} {
		all := newTargets(t, target.Options{Destinations: to("nats://"+rawServer(t, handle)+"/ecr", apiKey()), Timeout: 500 * time.Millisecond})
		err := send(t, all, event.Target{}, pushed())
		if got := fateOf(t, err); got.permanent {
			t.Errorf("%s: %v", name, err)
		}
		noSecrets(t, err, "key-secret-1")
	}
	all := newTargets(t, target.Options{Destinations: to("nats://127.0.0.1:1/ecr", apiKey())})
	if got := fateOf(t, send(t, all, event.Target{}, pushed())); got.permanent {
		t.Errorf("away: %+v", got)
	}
}

// answerPing is how a server says that it takes a connection.
func answerPing(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "PING") {
			io.WriteString(c, "PONG\r\n")
			return
		}
	}
}

func TestOneConnectionIsSharedAndEndsWithItsAuthorization(t *testing.T) {
	server := natsserver.Start(t, "authorization { token: \"key-secret-1\" }")
	stream(t, "nats://key-secret-1@"+server.Address, "ecr.>")
	known := to("nats://"+server.Address+"/ecr.a", apiKey())
	all := newTargets(t, target.Options{Destinations: known})
	var senders sync.WaitGroup
	for range 30 {
		senders.Go(func() {
			if err := send(t, all, event.Target{}, pushed()); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	known.change(func() { known.auth.Secret, known.revision = "revoked", "2" })
	if err := send(t, all, event.Target{}, pushed()); err == nil {
		t.Error("it is sent with an authorisation that the connection has no more")
	}
	known.change(func() { known.auth.Secret, known.revision = "key-secret-1", "3" })
	if err := send(t, all, event.Target{}, pushed()); err != nil {
		t.Error(err)
	}
}

func TestSendingToNATSEndsWithItsContext(t *testing.T) {
	address := rawServer(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	all := newTargets(t, target.Options{Destinations: to("nats://"+address+"/ecr", apiKey()), Timeout: time.Second})
	route, err := all.Route(t.Context(), account, event.Target{ARN: destinationARN})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := route.Sender.Send(ctx, pushed()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func BenchmarkNATS(b *testing.B) {
	server := natsserver.Start(b, "")
	stream(b, "nats://"+server.Address, "ecr")
	all := newTargets(b, target.Options{Destinations: to("nats://"+server.Address+"/ecr", unauthorized())})
	var work sync.WaitGroup
	queue := make(chan delivery.Message, 64)
	for range 64 {
		work.Go(func() {
			for m := range queue {
				if err := send(b, all, event.Target{}, m); err != nil {
					b.Error(err)
				}
			}
		})
	}
	n := 0
	for b.Loop() {
		m := pushed()
		m.ID = fmt.Sprint(n)
		n++
		queue <- m
	}
	close(queue)
	work.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}

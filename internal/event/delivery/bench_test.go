package delivery_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/meta"
)

// poster posts to a URL.
type poster struct {
	client *http.Client
	url    string
}

func (p poster) Route(context.Context, string, event.Target) (delivery.Route, error) {
	return delivery.Route{Sender: p}, nil
}

func (p poster) Send(ctx context.Context, m delivery.Message) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(m.Body))
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	return nil
}

// benchEvents are different events of a repository each.
func benchEvents(n, repositories int) []meta.Event {
	all := make([]meta.Event, n)
	for i := range all {
		digest := fmt.Sprintf("sha256:%064x", i)
		repository := fmt.Sprintf("team/service-%d", i%repositories)
		o := event.Origin{At: time.Now()}
		o.Scope.Account, o.Scope.Region = account, "eu-west-1"
		e := event.ImagePushed(o, event.Image{Repository: repository, Digest: digest, MediaType: "application/vnd.oci.image.manifest.v1+json"}, fmt.Sprint("v", i))
		all[i] = meta.Event{Account: account, Lane: event.Lane(repository, digest), At: o.At, Body: e.Encode()}
	}
	return all
}

// BenchmarkEventsToAnEndpoint is the time of an event from before it is stored,
// by one of 16 who store at a time, to its arrival at an HTTP endpoint, in one
// process with it and on a real store.
func BenchmarkEventsToAnEndpoint(b *testing.B) {
	for _, rules := range []int{1, 20} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) { benchmarkEndpoint(b, rules) })
	}
}

func benchmarkEndpoint(b *testing.B, count int) {
	var received atomic.Int64
	all := make(chan struct{})
	events := benchEvents(2000, count)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
		if received.Add(1) == int64(b.N*len(events)) {
			close(all)
		}
	}))
	defer server.Close()
	known := &rules{}
	var bus []event.Rule
	for n := range count {
		r := rule(fmt.Sprint("rule-", n), fmt.Sprint("target-", n))
		r.Pattern = fmt.Sprintf(`{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],"result":["SUCCESS"],"repository-name":["team/service-%d"]}}`, n)
		bus = append(bus, r)
	}
	known.set(account, bus...)
	db := openSQLite(b)
	e := delivery.New(delivery.Config{
		Store: db, Rules: known, Region: "eu-west-1", Logger: slog.New(slog.DiscardHandler),
		Routes: poster{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}, server.URL},
	})
	e.Start(b.Context())
	defer func() {
		if err := e.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	b.ResetTimer()
	for range b.N {
		storeBeside(b, 16, events, db, e)
	}
	<-all
	b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
}

// storeBeside stores events one by one, several at a time.
func storeBeside(b *testing.B, writers int, events []meta.Event, db delivery.Store, e *delivery.Engine) {
	b.Helper()
	store, ok := db.(meta.Events)
	if !ok {
		b.Fatal("the store keeps no events")
	}
	next := atomic.Int64{}
	var storing sync.WaitGroup
	for range writers {
		storing.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(events)); n = next.Add(1) - 1 {
				if err := store.AppendEvents(context.Background(), events[n:n+1]); err != nil {
					b.Error(err)
				}
				e.Wake()
			}
		})
	}
	storing.Wait()
}

package sql

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/meta/metatest"
)

// benchEvent is about what the event of a push looks like.
var benchEvent = []byte(`{"version":"0","id":"13cde686-328b-6117-af20-0e5566167482","detail-type":"ECR Image Action","source":"aws.ecr","account":"000000000000",` +
	`"time":"2026-11-16T01:54:34Z","region":"eu-central-1","resources":[],"detail":{"result":"SUCCESS","repository-name":"team/service",` +
	`"image-digest":"sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234abcd","action-type":"PUSH","image-tag":"latest",` +
	`"artifact-media-type":"application/vnd.docker.container.image.v1+json","manifest-media-type":"application/vnd.docker.distribution.manifest.v2+json"}}` + strings.Repeat(" ", 100))

func tellBench(c meta.Change) []meta.Event {
	return []meta.Event{{Account: c.Account, Lane: c.Repository + "@" + c.Image.Digest, At: time.Now(), Body: benchEvent}}
}

// BenchmarkPutImageAnnounced is BenchmarkPutImage with and without an event,
// turn and turn about.
func BenchmarkPutImageAnnounced(b *testing.B) {
	for _, goroutines := range []int{1, 16} {
		b.Run(fmt.Sprint(goroutines), func(b *testing.B) {
			onBoth(b, func(b *testing.B, s *Store) {
				metatest.Repo(b, s, "bench")
				all := pushes(b, s, "bench", b.N)
				const turn = 200
				var took [2]time.Duration
				b.ResetTimer()
				for from := 0; from < b.N; from += turn {
					part := all[from:min(from+turn, b.N)]
					told := from / turn % 2
					for i := range part {
						if told == 1 {
							part[i].Announce = tellBench
						}
					}
					began := time.Now()
					parallel(len(part), goroutines, func(i int) {
						if _, err := s.PutImage(context.Background(), part[i]); err != nil {
							b.Error(err)
						}
					})
					took[told] += time.Since(began)
				}
				b.ReportMetric(float64(took[0].Microseconds())/float64(b.N/2+1), "µs/quiet")
				b.ReportMetric(float64(took[1].Microseconds())/float64(b.N/2+1), "µs/told")
			})
		})
	}
}

// backlog queues n deliveries for a target, in lanes of an image each or all in
// one.
func backlog(b *testing.B, s *Store, target string, n int, lane func(i int) string) {
	b.Helper()
	ctx := context.Background()
	const step = 1000
	for from := 0; from < n; from += step {
		events := make([]meta.Event, min(step, n-from))
		for i := range events {
			events[i] = meta.Event{Account: benchAccount, Lane: lane(from + i), At: time.Now(), Body: benchEvent}
		}
		check(b, s.AppendEvents(ctx, events))
		pending, err := s.PendingEvents(ctx, step, 1<<30)
		check(b, err)
		check(b, s.FanOut(ctx, idsOf(pending), deliveriesOf(pending, target)))
	}
}

func idsOf(events []meta.Event) []int64 {
	ids := make([]int64, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

func deliveriesOf(events []meta.Event, targets ...string) (all []meta.NewDelivery) {
	for _, e := range events {
		for _, t := range targets {
			all = append(all, meta.NewDelivery{Event: e.ID, Account: e.Account, Rule: "everything", TargetID: "target-1", Target: t, Lane: e.Lane, QueuedAt: e.At})
		}
	}
	return all
}

func lanes(i int) string { return fmt.Sprintf("team/service@sha256:%064x", i/2) }

// BenchmarkEvents is what each step costs an event, a hundred at a time, alone
// and beside what waits for a target that is dead.
func BenchmarkEvents(b *testing.B) {
	cases := []struct {
		name    string
		waiting int
		lane    func(int) string
		fail    bool
	}{
		{"Empty", 0, lanes, false},
		{"MillionWait", 1_000_000, lanes, false},
		{"MillionWaitInOneLane", 1_000_000, func(int) string { return "lane" }, false},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			onBoth(b, func(b *testing.B, s *Store) {
				dead := "0dead0"
				backlog(b, s, dead, c.waiting, c.lane)
				benchSteps(b, s, dead, c.waiting)
			})
		})
	}
}

func benchSteps(b *testing.B, s *Store, dead string, waiting int) {
	ctx := context.Background()
	const step = 100
	per := func(b *testing.B, n int) {
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/event")
	}
	b.Run("Append", func(b *testing.B) {
		events := make([]meta.Event, step)
		for i := range b.N {
			for k := range events {
				events[k] = meta.Event{Account: benchAccount, Lane: fmt.Sprint("bench@", i, k/2), At: time.Now(), Body: benchEvent}
			}
			check(b, s.AppendEvents(ctx, events))
		}
		per(b, step)
	})
	b.Run("AppendOne", func(b *testing.B) {
		for i := range b.N {
			check(b, s.AppendEvents(ctx, []meta.Event{{Account: benchAccount, Lane: fmt.Sprint("one@", i), At: time.Now(), Body: benchEvent}}))
		}
	})
	for pending := 1; pending > 0; {
		events, err := s.PendingEvents(ctx, 1000, 1<<30)
		check(b, err)
		check(b, s.FanOut(ctx, idsOf(events), nil))
		pending = len(events)
	}
	b.Run("IdlePending", func(b *testing.B) {
		for range b.N {
			_, err := s.PendingEvents(ctx, 500, 4<<20)
			check(b, err)
		}
	})
	b.Run("PendingAndFanOut", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			events := make([]meta.Event, step)
			for k := range events {
				events[k] = meta.Event{Account: benchAccount, Lane: fmt.Sprint("fan@", i, k/2), At: time.Now(), Body: benchEvent}
			}
			check(b, s.AppendEvents(ctx, events))
			b.StartTimer()
			pending, err := s.PendingEvents(ctx, 500, 4<<20)
			check(b, err)
			check(b, s.FanOut(ctx, idsOf(pending), deliveriesOf(pending, "live")))
		}
		per(b, step)
	})
	serve := func(b *testing.B, target string, now time.Time, o meta.Outcome, want bool) {
		served := 0
		for range b.N {
			due, _, err := s.DueDeliveries(ctx, target, now, step, 4<<20)
			check(b, err)
			all := make([]meta.Settlement, len(due))
			for i, d := range due {
				all[i] = meta.Settlement{ID: d.ID, Outcome: o, Attempts: 1, DueAt: now.Add(time.Hour), At: now}
			}
			check(b, s.Settle(ctx, all))
			served += len(due)
		}
		if served > 0 {
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(served), "µs/event")
		}
	}
	b.Run("DueAndSettle", func(b *testing.B) {
		b.StopTimer()
		backlog(b, s, "settle", b.N*step, func(i int) string { return fmt.Sprintf("settle@%d", i/2) })
		b.StartTimer()
		serve(b, "settle", time.Now(), meta.Delivered, true)
	})
	b.Run("DueAndTryAgain", func(b *testing.B) {
		b.StopTimer()
		backlog(b, s, "again", b.N*step, func(i int) string { return fmt.Sprintf("again@%d", i/2) })
		b.StartTimer()
		serve(b, "again", time.Now(), meta.TryAgain, true)
	})
	b.Run("IdleDue", func(b *testing.B) {
		for range b.N {
			_, _, err := s.DueDeliveries(ctx, "live", time.Time{}, 500, 4<<20)
			check(b, err)
		}
	})
	b.Run("WaitingTargets", func(b *testing.B) {
		for range b.N {
			_, err := s.WaitingTargets(ctx)
			check(b, err)
		}
	})
	if waiting == 0 {
		return
	}
	b.Run("DeadTargetFails", func(b *testing.B) { serve(b, dead, time.Now(), meta.TryAgain, false) })
	b.Run("DeadTargetIdle", func(b *testing.B) {
		for range b.N {
			_, _, err := s.DueDeliveries(ctx, dead, time.Time{}, 500, 4<<20)
			check(b, err)
		}
	})
	b.Run("GiveUp", func(b *testing.B) { serve(b, dead, time.Now().Add(2*time.Hour), meta.GivenUp, false) })
	metatest.Repo(b, s, "push")
	b.Run("PutImage16", func(b *testing.B) {
		b.StopTimer()
		all := pushes(b, s, "push", b.N)
		b.StartTimer()
		parallel(b.N, 16, func(i int) {
			all[i].Tags = []string{fmt.Sprint(all[i].Digest[7:20])}
			all[i].Announce = tellBench
			if _, err := s.PutImage(ctx, all[i]); err != nil {
				b.Error(err)
			}
		})
	})
}

// BenchmarkDeleteRepository deletes a repository whose images are announced, and
// one of which nothing is told. Its own time is how long nobody else can write
// to SQLite.
func BenchmarkDeleteRepository(b *testing.B) {
	for _, images := range []int{10_000, 100_000} {
		for name, announce := range map[string]meta.Announce{"Quiet": nil, "Told": tellBench} {
			b.Run(fmt.Sprint(images, name), func(b *testing.B) {
				onBoth(b, func(b *testing.B, s *Store) {
					for range b.N {
						b.StopTimer()
						largeRepository(b, s, images)
						b.StartTimer()
						_, err := s.DeleteRepository(context.Background(), benchAccount, "large", true, announce)
						check(b, err)
					}
				})
			})
		}
	}
}

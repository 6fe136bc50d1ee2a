package metatest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
)

func jobCases() []testCase {
	return []testCase{
		{"due jobs are claimed, oldest first", jobOrder},
		{"a claimed job is hidden for its lease", jobLease},
		{"a lease is extended while the job runs", jobExtend},
		{"a job is one until claimed", jobOnce},
		{"a waiting job becomes due when a newer one would", jobEarlier},
		{"retry", jobRetry},
		{"a retried job gives way to one that waits", jobRetryGivesWay},
		{"a buried job is not claimed again", jobBury},
		{"ids are not used twice", jobIDs},
		{"two workers never claim the same job", jobWorkers},
	}
}

func claim(t *testing.T, s meta.Store, now time.Time, n int) []job.Job {
	t.Helper()
	return value(s.ClaimJobs(t.Context(), now, time.Minute, n))(t)
}

func keysOf(jobs []job.Job) (keys []string) {
	for _, j := range jobs {
		keys = append(keys, j.Key)
	}
	return keys
}

func jobOrder(t *testing.T, s meta.Store) {
	must(t, s.Enqueue(t.Context()))
	for n, key := range []string{"c", "a", "d", "b"} {
		must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: key, Payload: []byte(key), RunAt: base.Add(time.Duration([]int{2, 0, 9, 1}[n]) * time.Second)}))
	}
	if got := claim(t, s, base.Add(-time.Second), 9); len(got) != 0 {
		t.Errorf("claimed before their time: %v", got)
	}
	got := claim(t, s, base.Add(5*time.Second), 2)
	wantSame(t, "first two", []string{"a", "b"}, keysOf(got))
	if got[0].Attempts != 1 || string(got[0].Payload) != "a" || got[0].Kind != "k" || got[0].ID == 0 {
		t.Errorf("got %+v", got[0])
	}
	wantSame(t, "the rest", []string{"c"}, keysOf(claim(t, s, base.Add(5*time.Second), 9)))
	wantSame(t, "none wanted", []string(nil), keysOf(claim(t, s, base.Add(5*time.Hour), 0)))
}

func jobExtend(t *testing.T, s meta.Store) {
	ctx := t.Context()
	must(t, s.Enqueue(ctx, job.Job{Kind: "k", Key: "a", RunAt: base}))
	if err := s.ExtendLease(ctx, 1_000_000, base); err == nil {
		t.Error("the lease of a job that does not exist was extended")
	}
	first := claim(t, s, base, 1)[0]
	must(t, s.ExtendLease(ctx, first.ID, base.Add(time.Hour)))
	wantSame(t, "during the longer lease", []string(nil), keysOf(claim(t, s, base.Add(59*time.Minute), 9)))
	wantSame(t, "after it", []string{"a"}, keysOf(claim(t, s, base.Add(time.Hour), 9)))
	must(t, s.CompleteJob(ctx, first.ID))
	if err := s.ExtendLease(ctx, first.ID, base); err == nil {
		t.Error("the lease of a finished job was extended")
	}
}

func jobLease(t *testing.T, s meta.Store) {
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base}))
	first := claim(t, s, base, 1)
	wantSame(t, "during the lease", []string(nil), keysOf(claim(t, s, base.Add(59*time.Second), 9)))
	again := claim(t, s, base.Add(time.Minute), 9)
	if len(again) != 1 || again[0].ID != first[0].ID || again[0].Attempts != 2 {
		t.Fatalf("after the lease: %+v", again)
	}
	must(t, s.CompleteJob(t.Context(), first[0].ID))
	must(t, s.CompleteJob(t.Context(), first[0].ID))
	wantSame(t, "after completion", []string(nil), keysOf(claim(t, s, base.Add(time.Hour), 9)))
}

func jobOnce(t *testing.T, s meta.Store) {
	enqueue := func(kind, key, payload string) {
		t.Helper()
		must(t, s.Enqueue(t.Context(), job.Job{Kind: kind, Key: key, Payload: []byte(payload), RunAt: base}))
	}
	enqueue("k", "a", "first")
	enqueue("k", "a", "dropped")
	enqueue("k", "b", "")
	enqueue("l", "a", "")
	got := claim(t, s, base, 9)
	wantSame(t, "claimed", []string{"a", "b", "a"}, keysOf(got))
	if string(got[0].Payload) != "first" {
		t.Errorf("payload %q", got[0].Payload)
	}
	enqueue("k", "a", "second") // claimed jobs do not wait
	if got := claim(t, s, base, 9); len(got) != 1 || string(got[0].Payload) != "second" {
		t.Errorf("got %+v", got)
	}
}

func jobEarlier(t *testing.T, s meta.Store) {
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base.Add(time.Hour)}))
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base.Add(2 * time.Hour)}))
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base}))
	wantSame(t, "due", []string{"a"}, keysOf(claim(t, s, base, 9)))
}

func jobRetry(t *testing.T, s meta.Store) {
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", Payload: []byte("p"), RunAt: base}))
	id := claim(t, s, base, 1)[0].ID
	must(t, s.RetryJob(t.Context(), id, base.Add(10*time.Second), "why \x00\xff"))
	wantSame(t, "too early", []string(nil), keysOf(claim(t, s, base.Add(9*time.Second), 9)))
	got := claim(t, s, base.Add(10*time.Second), 9)
	if len(got) != 1 || got[0].ID != id || got[0].Attempts != 2 || string(got[0].Payload) != "p" {
		t.Errorf("got %+v", got)
	}
	must(t, s.RetryJob(t.Context(), 4711, base, "unknown"))
}

func jobRetryGivesWay(t *testing.T, s meta.Store) {
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base}))
	old := claim(t, s, base, 1)[0].ID
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base}))
	must(t, s.RetryJob(t.Context(), old, base, "again"))
	got := claim(t, s, base, 9)
	if len(got) != 1 || got[0].ID == old {
		t.Errorf("got %+v, want the newer job only", got)
	}
}

func jobBury(t *testing.T, s meta.Store) {
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base}))
	id := claim(t, s, base, 1)[0].ID
	must(t, s.BuryJob(t.Context(), id, "hopeless"))
	wantSame(t, "claimed", []string(nil), keysOf(claim(t, s, base.Add(time.Hour), 9)))
	must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base})) // a buried one does not wait
	wantSame(t, "claimed", []string{"a"}, keysOf(claim(t, s, base, 9)))
}

func jobIDs(t *testing.T, s meta.Store) {
	seen := map[int64]bool{}
	for range 5 {
		must(t, s.Enqueue(t.Context(), job.Job{Kind: "k", Key: "a", RunAt: base}))
		id := claim(t, s, base, 1)[0].ID
		if seen[id] {
			t.Fatalf("id %d again: whoever lost its lease would complete another's job", id)
		}
		seen[id] = true
		must(t, s.CompleteJob(t.Context(), id))
	}
}

func jobWorkers(t *testing.T, s meta.Store) {
	const n = 60
	var jobs []job.Job
	for i := range n {
		jobs = append(jobs, job.Job{Kind: "k", Key: fmt.Sprint(i), RunAt: base})
	}
	must(t, s.Enqueue(t.Context(), jobs...))
	var all sync.WaitGroup
	var mu sync.Mutex
	claimed := map[int64]int{}
	for range 6 {
		all.Go(func() {
			for {
				got, err := s.ClaimJobs(t.Context(), base, time.Minute, 3)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, j := range got {
					claimed[j.ID]++
				}
				left := n - len(claimed)
				mu.Unlock()
				if err != nil || left == 0 {
					return
				}
			}
		})
	}
	all.Wait()
	for id, times := range claimed {
		if times != 1 {
			t.Errorf("job %d was claimed %d times", id, times)
		}
	}
}

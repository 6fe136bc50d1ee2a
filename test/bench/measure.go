package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// measurement runs once and answers one figure.
type measurement func(ctx context.Context) (float64, error)

// pair is what two sides reached, round by round.
type pair struct{ ours, theirs []float64 }

// alternate measures two sides by turns, each round beginning with the other
// one. The first round warms up and does not count.
func alternate(ctx context.Context, rounds int, ours, theirs measurement) (pair, error) {
	var p pair
	for round := range rounds + 1 {
		first, second := &p.ours, &p.theirs
		runFirst, runSecond := ours, theirs
		if round%2 == 1 {
			first, second, runFirst, runSecond = second, first, runSecond, runFirst
		}
		for _, turn := range []struct {
			into *[]float64
			run  measurement
		}{{first, runFirst}, {second, runSecond}} {
			value, err := turn.run(ctx)
			if err != nil {
				return p, err
			}
			if round > 0 {
				*turn.into = append(*turn.into, value)
			}
		}
	}
	return p, nil
}

// repeat measures one side that has no reference.
func repeat(ctx context.Context, rounds int, run measurement) ([]float64, error) {
	var values []float64
	for round := range rounds + 1 {
		value, err := run(ctx)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			values = append(values, value)
		}
	}
	return values, nil
}

func median(values []float64) float64 { return percentile(values, 50) }

// percentile is the nearest-rank one.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// rate keeps some clients busy for a while and answers how often work was done
// in a second by all of them together.
func rate(ctx context.Context, e endpoint, clients int, length time.Duration, work func(c *conn, client, n int) error) (float64, error) {
	conns, err := dialAll(ctx, e, clients)
	defer closeAll(conns)
	if err != nil {
		return 0, err
	}
	var done atomic.Int64
	begin := time.Now()
	err = eachConn(conns, func(client int, c *conn) error {
		for n := 0; time.Since(begin) < length; n++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := work(c, client, n); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}

// withCPU also prints the server's processor time for each piece of work of a
// rate: other work on the machine changes it less than the rate.
func withCPU(p *process, m measurement) measurement {
	return func(ctx context.Context) (float64, error) {
		begin := time.Now()
		before, err := p.cpu()
		if err != nil {
			return 0, err
		}
		perSecond, err := m(ctx)
		if err != nil {
			return 0, err
		}
		after, err := p.cpu()
		done := perSecond * time.Since(begin).Seconds()
		say("    %s: %.0f/s, %.1f µs of processor time each", p.name, perSecond, float64((after-before).Microseconds())/done)
		return perSecond, err
	}
}

// share lets some clients do n pieces of work and answers how long it took.
func share(ctx context.Context, e endpoint, clients, n int, work func(c *conn, i int) error) (time.Duration, error) {
	conns, err := dialAll(ctx, e, clients)
	defer closeAll(conns)
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	begin := time.Now()
	err = eachConn(conns, func(_ int, c *conn) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := work(c, i); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(begin), err
}

func dialAll(ctx context.Context, e endpoint, n int) ([]*conn, error) {
	var conns []*conn
	for range n {
		c, err := e.dial(ctx)
		if err != nil {
			return conns, fmt.Errorf("%s: %w", e.name, err)
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.Close()
	}
}

func eachConn(conns []*conn, work func(i int, c *conn) error) error {
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() { errs[i] = work(i, c) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the others say the same
		}
	}
	return nil
}

// await asks until the answer is yes.
func await(ctx context.Context, every, patience time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(every):
		}
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// eventsCommand looks at events and at what became of them.
type eventsCommand struct {
	Tail        eventsTail        `cmd:"" help:"Print the events of the last minutes, and go on with --follow."`
	Replay      eventsReplay      `cmd:"" help:"Deliver events of a time again, to the targets of rules as they are now."`
	DeadLetters eventsDeadLetters `cmd:"" help:"Show, retry or delete deliveries that were given up."`
}

// moment is a time on the command line: RFC 3339, or how long ago.
type moment struct{ time.Time }

// UnmarshalText is called by kong.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err == nil {
		return nil
	}
	ago, err := time.ParseDuration(string(text))
	if err != nil || ago < 0 {
		return fmt.Errorf("%q is neither a time such as 2006-01-02T15:04:05Z nor how long ago, such as 90m", text)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// put sets a member of an input to the moment, if there is one.
func (m moment) put(in input, member string) {
	if !m.IsZero() {
		in[member] = float64(m.UnixMilli()) / 1000
	}
}

type eventsTail struct {
	manageFlags
	Follow  bool   `help:"Go on with events as they come; the server must run."`
	Since   moment `help:"Begin so long ago, or at a time." default:"10m" placeholder:"AGO|TIME"`
	Pattern string `help:"Only events that match an event pattern." placeholder:"JSON"`
	JSON    bool   `help:"Print every event whole, as a line of JSON."`
}

// followPoll is how often a server is asked for new events.
const followPoll = time.Second

// Run prints events until there are no more or, following, until it is
// interrupted.
func (c *eventsTail) Run(ctx context.Context, s streams) error {
	if !c.Follow {
		return c.with(ctx, func(m manager) error { return c.tail(ctx, m, s.out) })
	}
	client := c.running(ctx)
	if client == nil {
		return errors.New("no server runs with this data directory: there is nothing to follow")
	}
	if err := c.tail(ctx, client, s.out); ctx.Err() == nil {
		return err
	}
	return nil // interrupted, as it should be
}

func (c *eventsTail) tail(ctx context.Context, m manager, out io.Writer) error {
	w := bufio.NewWriter(out)
	in := c.input(input{"settled": c.Follow, "maxResults": 1000})
	c.Since.put(in, "from")
	if c.Pattern != "" {
		in["eventPattern"] = c.Pattern
	}
	for {
		var page admin.ListEventsOutput
		if err := m.call(ctx, "ListEvents", in, &page); err != nil {
			return err
		}
		for _, e := range page.Events {
			fmt.Fprintln(w, c.word(deref(e.Event)))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		in["after"] = deref(page.Next)
		switch {
		case deref(page.More):
		case !c.Follow:
			return nil
		default:
			if err := pause(ctx, followPoll); err != nil {
				return err
			}
		}
	}
}

func (c *eventsTail) word(body string) string {
	if c.JSON {
		return string(onOneLine(body))
	}
	return eventLine(body)
}

// pause waits, no longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type eventsReplay struct {
	manageFlags
	From moment `help:"Begin so long ago, or at a time." required:"" placeholder:"AGO|TIME"`
	To   moment `help:"End so long ago, or at a time; without it, now." placeholder:"AGO|TIME"`
	Rule string `help:"Only to the targets of this rule." placeholder:"NAME"`
	Name string `help:"What the replay is called, in dead letters too." placeholder:"NAME"`
}

// Run queues the deliveries.
func (c *eventsReplay) Run(ctx context.Context, s streams) error {
	in := c.input(members("ruleName", c.Rule, "replayName", c.Name))
	c.From.put(in, "from")
	c.To.put(in, "to")
	return c.with(ctx, func(m manager) error {
		var out admin.ReplayEventsOutput
		if err := m.call(ctx, "ReplayEvents", in, &out); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Replay %s: %s.\n", deref(out.ReplayName), queued(m, deref(out.Deliveries), "delivery is", "deliveries are"))
		return nil
	})
}

// members are pairs of names and texts, without those that are empty.
func members(pairs ...string) input {
	in := input{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			in[pairs[i]] = pairs[i+1]
		}
	}
	return in
}

// queued says how much waits to be delivered, and until when.
func queued(m manager, n int64, one, more string) string {
	if n != 1 {
		one = more
	}
	text := fmt.Sprintf("%d %s queued", n, one)
	if _, stopped := m.(*localManager); stopped && n > 0 {
		text += " until the server runs"
	}
	return text
}

type eventsDeadLetters struct {
	manageFlags
	Rule   string  `help:"Only those of this rule." placeholder:"NAME"`
	JSON   bool    `help:"Print each as a line of JSON, with the event."`
	Retry  bool    `help:"Deliver them again, as if they had never been tried." xor:"what"`
	Delete bool    `help:"Forget them." xor:"what"`
	IDs    []int64 `arg:"" optional:"" name:"id" help:"Ids of dead letters; without any, all."`
}

// Run shows them or does what the flags say.
func (c *eventsDeadLetters) Run(ctx context.Context, s streams) error {
	return c.with(ctx, func(m manager) error {
		switch {
		case c.Retry:
			n, err := c.retry(ctx, m)
			if n > 0 || err == nil {
				fmt.Fprintf(s.out, "%s.\n", queued(m, n, "dead letter is", "dead letters are"))
			}
			return errors.Join(err, c.missing(n, err))
		case c.Delete:
			n, err := c.delete(ctx, m)
			if n > 0 || err == nil {
				fmt.Fprintf(s.out, "%d deleted.\n", n)
			}
			return errors.Join(err, c.missing(n, err))
		case c.JSON:
			return c.each(ctx, m, func(l admin.DeadLetter) error { return json.NewEncoder(s.out).Encode(jsonLetter(l)) })
		}
		return c.table(ctx, m, s.out)
	})
}

// missing complains about ids that were named and are not there.
func (c *eventsDeadLetters) missing(n int64, err error) error {
	if named := int64(len(slices.Compact(slices.Sorted(slices.Values(c.IDs))))); err == nil && n < named {
		return fmt.Errorf("%d of the %d dead letters that were named are not there", named-n, named)
	}
	return nil
}

func (c *eventsDeadLetters) selection() input {
	in := c.input(members("ruleName", c.Rule))
	if len(c.IDs) > 0 {
		in["ids"] = c.IDs
	}
	return in
}

func (c *eventsDeadLetters) retry(ctx context.Context, m manager) (n int64, err error) {
	in := c.selection()
	moment{time.Now()}.put(in, "before") // what dies again meanwhile stays
	for {
		var out admin.RetryDeadLettersOutput
		if err := m.call(ctx, "RetryDeadLetters", in, &out); err != nil {
			return n, err
		}
		if n += deref(out.Count); !deref(out.More) {
			return n, nil
		}
		in["after"] = deref(out.After)
	}
}

func (c *eventsDeadLetters) delete(ctx context.Context, m manager) (n int64, err error) {
	in := c.selection()
	for {
		var out admin.DeleteDeadLettersOutput
		if err := m.call(ctx, "DeleteDeadLetters", in, &out); err != nil {
			return n, err
		}
		if n += deref(out.Count); !deref(out.More) {
			return n, nil
		}
	}
}

// each calls show for all that are selected, in the order of their ids.
func (c *eventsDeadLetters) each(ctx context.Context, m manager, show func(admin.DeadLetter) error) error {
	in := c.selection()
	in["maxResults"] = 1000
	for {
		var page admin.ListDeadLettersOutput
		if err := m.call(ctx, "ListDeadLetters", in, &page); err != nil {
			return err
		}
		for _, l := range page.DeadLetters {
			if err := show(l); err != nil {
				return err
			}
		}
		if page.NextToken == nil {
			return nil
		}
		in["nextToken"] = *page.NextToken
	}
}

func (c *eventsDeadLetters) table(ctx context.Context, m manager, out io.Writer) error {
	table := tabwriter.NewWriter(plainly(out), 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tRULE\tTARGET\tGIVEN UP\tATTEMPTS\tEVENT\tREASON")
	err := c.each(ctx, m, func(l admin.DeadLetter) error {
		_, err := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%d\t%s\t%s\n", deref(l.ID), deref(l.RuleName), deref(l.TargetID),
			deref(l.DeathTime).UTC().Format(time.RFC3339), deref(l.Attempts), eventSubject(deref(l.Event)), printable(deref(l.Reason)))
		return err
	})
	return errors.Join(err, table.Flush())
}

// shownLetter is a dead letter as a line of JSON.
type shownLetter struct {
	ID       int64           `json:"id"`
	Rule     string          `json:"ruleName"`
	Target   string          `json:"targetId"`
	Replay   string          `json:"replayName,omitempty"`
	Attempts int64           `json:"attempts"`
	Reason   string          `json:"reason"`
	QueuedAt *time.Time      `json:"queuedAt,omitempty"`
	DiedAt   *time.Time      `json:"givenUpAt,omitempty"`
	Event    json.RawMessage `json:"event"`
}

func jsonLetter(l admin.DeadLetter) shownLetter {
	return shownLetter{
		ID: deref(l.ID), Rule: deref(l.RuleName), Target: deref(l.TargetID), Replay: deref(l.ReplayName), Attempts: deref(l.Attempts),
		Reason: deref(l.Reason), QueuedAt: l.QueueTime, DiedAt: l.DeathTime, Event: onOneLine(deref(l.Event)),
	}
}

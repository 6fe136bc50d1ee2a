package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/meta/sql"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/service"
)

// eventFlags say how long events are kept, and how they are delivered.
type eventFlags struct {
	EventsKeep        time.Duration `name:"events-keep" help:"How long events are kept to be read and replayed." default:"24h"`
	DeadLettersKeep   time.Duration `name:"dead-letters-keep" help:"How long events that could not be delivered are kept." default:"336h"`
	EventsConcurrency int           `name:"events-concurrency" help:"Messages under way to one HTTP target at a time." default:"8"`
}

// maxEventsConcurrency is as many as all targets together may have.
const maxEventsConcurrency = 512

func (f *eventFlags) validate() error {
	switch {
	case f.EventsKeep < time.Minute:
		return fmt.Errorf("--events-keep: %v is less than 1m", f.EventsKeep)
	case f.DeadLettersKeep < time.Minute:
		return fmt.Errorf("--dead-letters-keep: %v is less than 1m", f.DeadLettersKeep)
	case f.EventsConcurrency < 1 || f.EventsConcurrency > maxEventsConcurrency:
		return fmt.Errorf("--events-concurrency: %d is not from 1 to %d", f.EventsConcurrency, maxEventsConcurrency)
	}
	return nil
}

// ruleBook is what carries events knows of rules and destinations. The service
// is put in once it is there; it needs what carries events before.
type ruleBook struct{ *service.Service }

// onlyOwner is the name under which a process delivers events that has the
// database to itself: one that was killed before holds nothing from it.
const onlyOwner = "the only process"

// carrier brings events to their targets.
type carrier struct {
	*delivery.Engine
	targets *target.Targets
	rules   *ruleBook
}

// newCarrier makes what brings events to their targets. Nothing of it runs yet.
func (c *serveCommand) newCarrier(store *sql.Store, guard *outbound.Guard, stdout io.Writer, metrics prometheus.Registerer, log *slog.Logger) *carrier {
	rules := &ruleBook{}
	targets := c.newTargets(rules, guard, stdout, log)
	owner := "" // any that nobody else has
	if !strings.HasPrefix(c.Database, "postgres") {
		owner = onlyOwner
	}
	m := newEventMetrics()
	engine := delivery.New(delivery.Config{
		Store: store, Rules: rules, Routes: targets, Region: c.Region,
		EventsKeep: c.EventsKeep, DeadLettersKeep: c.DeadLettersKeep, Owner: owner, Concurrency: c.EventsConcurrency,
		Logger: log, Observe: m.observer(),
	})
	m.register(metrics, engine)
	return &carrier{Engine: engine, targets: targets, rules: rules}
}

// Stop ends deliveries, and then what they are made with.
func (c *carrier) Stop(ctx context.Context) error {
	return errors.Join(c.Engine.Stop(ctx), c.targets.Close())
}

// eventMetrics count events and what becomes of them.
type eventMetrics struct {
	events, queued, oldEvents, oldLetters prometheus.Counter
	deliveries                            map[delivery.Result]prometheus.Counter
	took                                  prometheus.Histogram
}

func newEventMetrics() *eventMetrics {
	count := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
	}
	m := &eventMetrics{
		events:     count("ecru_events_total", "Events that were handed to the rules.", nil),
		queued:     count("ecru_event_deliveries_queued_total", "Deliveries that the rules have asked for.", nil),
		oldEvents:  count("ecru_events_removed_total", "Events that were removed for their age.", nil),
		oldLetters: count("ecru_event_dead_letters_removed_total", "Dead letters that were removed for their age.", nil),
		deliveries: map[delivery.Result]prometheus.Counter{},
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ecru_event_attempt_duration_seconds", Help: "How long attempts to deliver an event took.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10},
		}),
	}
	for _, r := range delivery.Results() {
		m.deliveries[r] = count("ecru_event_deliveries_total", "How deliveries, or attempts at them, ended.", prometheus.Labels{"result": string(r)})
	}
	return m
}

func (m *eventMetrics) observer() delivery.Observer {
	return delivery.Observer{
		Events: func(events, deliveries int) {
			m.events.Add(float64(events))
			m.queued.Add(float64(deliveries))
		},
		Ended: func(r delivery.Result, n int) { m.deliveries[r].Add(float64(n)) },
		Took:  func(d time.Duration) { m.took.Observe(d.Seconds()) },
		Purged: func(events, letters int) {
			m.oldEvents.Add(float64(events))
			m.oldLetters.Add(float64(letters))
		},
	}
}

// register makes the counts visible, and how the engine is doing whenever
// somebody looks.
func (m *eventMetrics) register(to prometheus.Registerer, engine *delivery.Engine) {
	to.MustRegister(m.events, m.queued, m.oldEvents, m.oldLetters, m.took)
	for _, c := range m.deliveries {
		to.MustRegister(c)
	}
	gauge := func(name, help string, value func(delivery.Load) float64) {
		to.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(engine.Load()) }))
	}
	gauge("ecru_event_delivery_leading", "Whether this process is the one that delivers events.", func(l delivery.Load) float64 {
		if l.Leading {
			return 1
		}
		return 0
	})
	gauge("ecru_event_targets_waiting", "Targets for which events wait.", func(l delivery.Load) float64 { return float64(l.Targets) })
	gauge("ecru_event_targets_held", "Targets that are left alone for a while because they fail.", func(l delivery.Load) float64 { return float64(l.Held) })
	gauge("ecru_event_attempts_under_way", "Events that are being sent.", func(l delivery.Load) float64 { return float64(l.Sending) })
	gauge("ecru_event_oldest_waiting_seconds", "Age of the oldest event that is known to wait.", func(l delivery.Load) float64 { return l.Oldest.Seconds() })
}

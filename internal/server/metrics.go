package server

import (
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// noOperation counts the requests that no transport has given a name.
const noOperation = "other"

// Metrics is what /metrics shows. Other parts of the program add their own to
// its Registry.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	received prometheus.Counter
	sent     prometheus.Counter
	// known holds the series of each kind of answer: to find them by their
	// labels costs more than to count.
	known sync.Map // kind → series
}

type kind struct {
	operation string
	status    int
}

type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// NewMetrics makes the metrics of a server of a version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ecru_requests_total", Help: "Finished requests.",
		}, []string{"operation", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ecru_request_duration_seconds", Help: "How long requests took, bodies included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600},
		}, []string{"operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ecru_requests_in_flight", Help: "Requests being served.",
		}),
		received: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ecru_received_bytes_total", Help: "Bytes of request bodies.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ecru_sent_bytes_total", Help: "Bytes of response bodies.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ecru_build_info", Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.received, m.sent, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry is where the rest of the program registers its metrics.
func (m *Metrics) Registry() prometheus.Registerer { return m.registry }

func (m *Metrics) observe(operation string, status int, took time.Duration, in, out int64) {
	if operation == "" {
		operation = noOperation
	}
	s := m.seriesOf(kind{operation, status})
	s.requests.Inc()
	s.duration.Observe(took.Seconds())
	m.received.Add(float64(in))
	m.sent.Add(float64(out))
}

func (m *Metrics) seriesOf(k kind) series {
	if s, ok := m.known.Load(k); ok {
		return s.(series)
	}
	s := series{
		requests: m.requests.WithLabelValues(k.operation, strconv.Itoa(k.status)),
		duration: m.duration.WithLabelValues(k.operation),
	}
	m.known.Store(k, s)
	return s
}

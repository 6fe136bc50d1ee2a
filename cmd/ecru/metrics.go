package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// scrapeTimeout bounds what one look at /metrics may ask of the store.
const scrapeTimeout = 5 * time.Second

// holdings tells how much the registry holds and how old its advisories are,
// when somebody looks.
type holdings struct {
	store      meta.Statistics
	advisories advisory.Store

	repositories, images, blobs, bytes, age, failed *prometheus.Desc
}

func newHoldings(store meta.Statistics, advisories advisory.Store) *holdings {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &holdings{
		store: store, advisories: advisories,
		repositories: describe("ecru_repositories", "Repositories."),
		images:       describe("ecru_images", "Images."),
		blobs:        describe("ecru_blobs", "Blobs, each counted once."),
		bytes:        describe("ecru_blob_bytes", "Bytes of all blobs, each counted once."),
		age:          describe("ecru_advisories_age_seconds", "Time since the advisories of an ecosystem were last known to be what the feed has.", "ecosystem"),
		failed:       describe("ecru_advisories_failed", "Whether the last look at the source of an ecosystem's advisories failed.", "ecosystem"),
	}
}

// Describe is part of prometheus.Collector.
func (h *holdings) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{h.repositories, h.images, h.blobs, h.bytes, h.age, h.failed} {
		to <- d
	}
}

// Collect is part of prometheus.Collector. What cannot be read is left out.
func (h *holdings) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if s, err := h.store.Stats(ctx); err == nil {
		gauge(h.repositories, float64(s.Repositories))
		gauge(h.images, float64(s.Images))
		gauge(h.blobs, float64(s.Blobs))
		gauge(h.bytes, float64(s.Bytes))
	}
	sources, err := h.advisories.Sources(ctx)
	if err != nil {
		return
	}
	for _, s := range sources {
		failed := 0.0
		if s.LastError != "" {
			failed = 1
		}
		gauge(h.failed, failed, s.Ecosystem)
		if s.Loaded() {
			gauge(h.age, time.Since(s.Checked()).Seconds(), s.Ecosystem)
		}
	}
}

// jobMetrics counts how jobs end.
type jobMetrics struct {
	jobs *prometheus.HistogramVec
}

func newJobMetrics(registry prometheus.Registerer) *jobMetrics {
	m := &jobMetrics{jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "ecru_job_duration_seconds", Help: "How long jobs ran, by kind and how they ended.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30, 120, 600},
	}, []string{"kind", "outcome"})}
	registry.MustRegister(m.jobs)
	return m
}

func (m *jobMetrics) observe(r job.Result) {
	m.jobs.WithLabelValues(r.Job.Kind, string(r.Outcome)).Observe(r.Took.Seconds())
}

package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/ecru-registry/ecru/internal/audit"
	"github.com/ecru-registry/ecru/internal/origin"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// auditFlags say where the record of every call goes.
type auditFlags struct {
	AuditLog     string `help:"Where the record of every call goes, a line of JSON each: a file, stdout or off; without it audit/audit.jsonl in the data directory." placeholder:"FILE"`
	AuditMaxSize int    `help:"MiB after which a new audit file is begun." default:"100"`
	AuditKeep    int    `help:"Audit files that are kept beside the newest; 0 keeps all." default:"10"`
	// Off by default: the processor time of a busy registry is dearer.
	AuditCompress bool `help:"Compress audit files that are full with gzip."`
	AuditMaxAge   int  `help:"Days that audit files are kept; 0 keeps them for ever." default:"0"`
}

func (f *auditFlags) validate() error {
	if f.AuditMaxSize < 1 || f.AuditKeep < 0 || f.AuditMaxAge < 0 {
		return errors.New("--audit-max-size must be at least 1, --audit-keep and --audit-max-age at least 0")
	}
	return nil
}

// auditLog is an open audit log; its zero value records nothing.
type auditLog struct {
	log *audit.Log
	out io.Closer
}

// openAudit opens the audit log. A file that cannot be written is found out
// now and not with the first call.
func (f *auditFlags) openAudit(data, region string, stdout io.Writer, log *slog.Logger) (auditLog, error) {
	switch f.AuditLog {
	case "off":
		return auditLog{}, nil
	case "stdout", "-":
		return auditLog{log: audit.New(stdout, region, log)}, nil
	}
	path := f.AuditLog
	if path == "" {
		path = filepath.Join(data, "audit", "audit.jsonl")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return auditLog{}, fmt.Errorf("--audit-log: %w", err)
	}
	probe, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return auditLog{}, fmt.Errorf("--audit-log: %w", err)
	}
	if err := probe.Close(); err != nil {
		return auditLog{}, err
	}
	file := &lumberjack.Logger{Filename: path, MaxSize: f.AuditMaxSize, MaxBackups: f.AuditKeep, MaxAge: f.AuditMaxAge, Compress: f.AuditCompress}
	return auditLog{log: audit.New(file, region, log), out: file}, nil
}

// observe is told of requests by the server; nil when nothing is recorded.
func (a auditLog) observe() func(*http.Request, *reqlog.Note, time.Time, int) {
	if a.log == nil {
		return nil
	}
	return func(r *http.Request, n *reqlog.Note, began time.Time, status int) {
		a.log.Record(audit.Request{
			Note: n, At: began, Method: r.Method, Path: r.URL.Path, Status: status, SourceIP: origin.Of(r).IP, UserAgent: r.UserAgent(),
		})
	}
}

// metrics tells of records that could not be written.
func (a auditLog) metrics(to prometheus.Registerer) {
	if a.log == nil {
		return
	}
	to.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "ecru_audit_failures_total", Help: "Writes of audit records that went wrong.",
	}, func() float64 { return float64(a.log.Failed()) }))
}

func (a auditLog) start() {
	if a.log != nil {
		a.log.Start()
	}
}

func (a auditLog) stop() error {
	if a.log == nil {
		return nil
	}
	a.log.Stop()
	if a.out == nil {
		return nil
	}
	return a.out.Close()
}

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ecru-registry/ecru/internal/event/target"
	"github.com/ecru-registry/ecru/internal/outbound"
)

// outboundFlags say what the server may call for those who use it.
type outboundFlags struct {
	OutboundDeny []string `help:"Networks that the server does not call for its users (targets of events, issuers of tokens): CIDRs, link-local, metadata, loopback, or none. Without it link-local and metadata, and loopback unless the server listens on loopback only and has no proxy in front." placeholder:"CIDR"`
	AWSTargets   []string `name:"aws-targets" help:"ARNs of queues, topics and event buses of AWS that events may be sent to with the server's own credentials; * stands for anything. None without it." placeholder:"ARN"`
}

func (f *outboundFlags) validate() error {
	if _, err := outbound.Parse(f.OutboundDeny); err != nil {
		return fmt.Errorf("--outbound-deny: %w", err)
	}
	for _, pattern := range f.AWSTargets {
		if !strings.HasPrefix(pattern, "arn:") && pattern != "*" {
			return fmt.Errorf("--aws-targets: %q is not an ARN such as arn:aws:sqs:us-east-1:123456789012:ecr-*", pattern)
		}
	}
	return nil
}

// guard makes the one way out of a server that listens on an address. One that
// has something in front of it is reached from elsewhere whatever it listens on.
func (f *outboundFlags) guard(ctx context.Context, listen string, fronted bool) (*outbound.Guard, error) {
	if len(f.OutboundDeny) == 0 {
		return outbound.New(outbound.Options{Deny: outbound.Default(!fronted && outbound.LoopbackOnly(ctx, listen))}), nil
	}
	deny, err := outbound.Parse(f.OutboundDeny)
	if err != nil {
		return nil, fmt.Errorf("--outbound-deny: %w", err)
	}
	return outbound.New(outbound.Options{Deny: deny}), nil
}

// fronted says whether the flags tell that a proxy brings clients from elsewhere.
func (c *serveCommand) fronted(ctx context.Context) bool {
	if len(c.TrustedProxies) > 0 {
		return true
	}
	public, err := url.Parse(c.PublicURL)
	return c.PublicURL != "" && (err != nil || !outbound.LoopbackOnly(ctx, net.JoinHostPort(public.Hostname(), "0")))
}

// newTargets makes what events are sent with. Stdout must be safe to share.
func (c *serveCommand) newTargets(known target.Destinations, guard *outbound.Guard, stdout io.Writer, log *slog.Logger) *target.Targets {
	noStdout := ""
	if c.AuditLog == "stdout" || c.AuditLog == "-" {
		noStdout = "the audit log of this registry is on its standard output, where targets could forge it"
	}
	return target.New(target.Options{
		Guard: guard, Destinations: known, Dir: filepath.Join(c.Data, "events"), Account: c.Account, Stdout: stdout, NoStdout: noStdout,
		AWS: c.AWSTargets, Version: currentVersion(), Logger: log,
	})
}

// sharedWriter lets several write to one place, each write whole.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

// Write is io.Writer.
func (w *sharedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

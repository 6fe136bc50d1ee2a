package main

import (
	"net"
	"net/netip"
	"time"

	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/external"
)

// newAdapters calls scanners of others, through the one way out.
func newAdapters(guard *outbound.Guard) *external.Client {
	return &external.Client{Guard: guard, UserAgent: "ecru/" + currentVersion()}
}

// handleExternal says who does the jobs of scans by scanners of others.
func (a *app) handleExternal(adapters *external.Client) {
	scanner := &external.Scanner{
		Registrations: a.service, Adapters: adapters, Manifests: a.store, Queue: a.store, Now: time.Now, Logger: a.log,
		Finisher: scan.Finisher{Outcomes: a.store, Announce: a.service.Announce, EventsStored: a.service.EventsStored, Now: time.Now},
	}
	a.jobs.Handle(external.JobKind, scanner.Handle)
}

// registryURL is where scanners reach the registry: under its public URL, or where
// it listens if that is one address.
func (c *serveCommand) registryURL() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || host == "" || port == "0" {
		return ""
	}
	if address, err := netip.ParseAddr(host); err == nil && address.IsUnspecified() {
		return ""
	}
	scheme := "http://"
	if c.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + c.Listen
}

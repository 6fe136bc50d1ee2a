package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecru-registry/ecru/internal/awscreds"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/origin"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/server"
)

// publicAdvisories is where OSV publishes its exports.
const publicAdvisories = advisory.PublicBucket

// serveCommand runs the registry.
type serveCommand struct {
	storeFlags
	secretFlags
	blobFlags
	Listen     string `help:"Address to listen on." default:"127.0.0.1:5000" placeholder:"HOST:PORT"`
	Blobs      string `help:"Where content lives: disk (in the data directory)." default:"disk"`
	Advisories string `help:"Vulnerability advisories: a URL or directory laid out like the OSV bucket, or off." default:"${advisories}"`
	companionFlags
	AdvisoriesMaxAge time.Duration `help:"Warn in the log when advisories that are needed were last known to be what their source has longer ago than this; 0 for never." default:"48h"`
	ServeAdvisories  bool          `help:"Serve the loaded advisories to others, to anybody who asks, below /advisories/."`
	Ecosystems       []string      `help:"Ecosystems whose advisories are loaded before an image needs them, such as Alpine or Debian:12." placeholder:"NAME"`
	PublicURL        string        `name:"public-url" help:"URL under which clients reach the registry; without it, whatever they used." placeholder:"URL"`
	Account          string        `help:"Registry id of the default account." default:"000000000000"`
	Region           string        `help:"Region that the registry says it is in." default:"us-east-1"`
	TLSCert          string        `name:"tls-cert" help:"PEM file of the certificate; with it the registry speaks TLS." type:"existingfile" placeholder:"FILE"`
	TLSKey           string        `name:"tls-key" help:"PEM file of the certificate's key." type:"existingfile" placeholder:"FILE"`

	TrustedProxies []string `help:"Networks of the proxies in front that are believed where a request comes from (X-Forwarded-For, X-Forwarded-Proto); nobody else is." placeholder:"CIDR"`

	LogLevel    string        `help:"Least level that is logged: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	LogFormat   string        `help:"Format of the log: text or json." enum:"text,json" default:"text"`
	StopTimeout time.Duration `help:"How long a stop waits for running requests and scans." default:"30s"`
	auditFlags
	outboundFlags
	eventFlags
	Throttle    []string      `help:"Hold each principal to so many calls a second: ecr for ECR's own rates, and NAME=RATE for an operation, such as PutImage=10." placeholder:"NAME=RATE"`
	Quota       []string      `help:"Change a quota, such as repositories=500 or scan-interval=1h; an unknown name is answered with all." placeholder:"NAME=VALUE"`
	FollowAfter time.Duration `help:"How long signatures and other reference artifacts outlive the image that they refer to, up to 24h." default:"1h"`
	ScanWorkers int           `help:"Scans that run at a time." default:"2"`
}

// Validate is called by kong before Run.
func (c *serveCommand) Validate() error {
	switch {
	case !registry.ValidAccount(c.Account):
		return fmt.Errorf("--account: %q is not an account of 12 digits", c.Account)
	case c.Region == "" || strings.ContainsAny(c.Region, ":/ "):
		return fmt.Errorf("--region: %q is not the name of a region", c.Region)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case strings.HasPrefix(c.Blobs, "s3://"):
		return errors.New("--blobs: S3 storage is not supported by this version of ecru yet")
	case c.Blobs != "disk":
		return fmt.Errorf("--blobs: %q is not a blob store; there is: disk", c.Blobs)
	case c.ScanWorkers < 1:
		return errors.New("--scan-workers: must be at least 1")
	case c.FollowAfter < 0 || c.FollowAfter > 24*time.Hour:
		return fmt.Errorf("--follow-after: %v is not from 0s to 24h", c.FollowAfter)
	}
	if _, err := throttleRates(c.Throttle); err != nil {
		return err
	}
	if _, err := limitsOf(c.Quota); err != nil {
		return err
	}
	if _, err := origin.Parse(c.TrustedProxies); err != nil {
		return fmt.Errorf("--trusted-proxies: %w", err)
	}
	if err := errors.Join(c.auditFlags.validate(), c.outboundFlags.validate(), c.eventFlags.validate()); err != nil {
		return err
	}
	return validPublicURL(c.PublicURL)
}

// Run serves until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, s streams) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return err
	}
	log, flush, err := reqlog.NewLogger(s.err, c.LogFormat, level)
	if err != nil {
		return err
	}
	defer flush()
	if err := c.checkAddress(ctx); err != nil {
		return err
	}
	tuneMemory()
	s.out = &sharedWriter{to: s.out}
	a, err := c.assemble(ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.audit.stop(), a.store.Close()) }()
	a.audit.start()
	if err := a.start(); err != nil {
		return errors.Join(err, a.stop(c.StopTimeout))
	}
	if err := c.announce(ctx, s, a, log); err != nil {
		return errors.Join(err, a.stop(c.StopTimeout))
	}
	select {
	case <-ctx.Done():
		log.Info("stopping", "waiting at most", c.StopTimeout)
	case err = <-a.server.Failed():
	}
	return errors.Join(err, a.stop(c.StopTimeout))
}

// checkAddress fails early, before anything is created, when the address
// cannot be used.
func (c *serveCommand) checkAddress(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: the address is in use already", c.Listen)
	case err != nil:
		return fmt.Errorf("cannot listen on %s: %w", c.Listen, err)
	}
	return listener.Close()
}

// announce tells people and other commands where the registry is, and of its
// root key the first time.
func (c *serveCommand) announce(ctx context.Context, s streams, a *app, log *slog.Logger) error {
	url := c.PublicURL
	if url == "" {
		url = localURL(a.server, c.TLSCert != "")
	}
	path := filepath.Join(c.Data, credentialsFile)
	if a.firstStart || !a.ownerKeyIn(ctx, path) {
		if err := writeCredentials(path, a.rootKey, c.Region); err != nil {
			return err
		}
	}
	if err := writeEndpoint(c.Data, endpointInfo{URL: url, Region: c.Region, Account: c.Account}); err != nil {
		return err
	}
	a.announced.Store(true)
	if a.firstStart {
		printRootKey(s, a.rootKey, path)
	}
	fmt.Fprintf(s.out, "ecru %s serves registry %s (%s) on %s\n", currentVersion(), c.Account, c.Region, url)
	fmt.Fprintf(s.out, "To use it: eval \"$(%s env --data %s)\"\n", os.Args[0], c.Data)
	log.Info("serving", "url", url, "account", c.Account, "region", c.Region, "data", c.Data, "version", currentVersion())
	return nil
}

func writeCredentials(path string, key meta.AccessKey, region string) error {
	return awscreds.Write(path, awscreds.Profile{AccessKeyID: key.ID, SecretAccessKey: string(key.Secret), Region: region})
}

func printRootKey(s streams, key meta.AccessKey, path string) {
	fmt.Fprintf(s.out, `A root access key was made. It is shown this once, and kept in %s (mode 0600):
  AWS_ACCESS_KEY_ID=%s
  AWS_SECRET_ACCESS_KEY=%s
`, path, key.ID, string(key.Secret))
}

// localURL is a URL under which this machine reaches the server.
func localURL(s *server.Server, tls bool) string {
	scheme := "http://"
	if tls {
		scheme = "https://"
	}
	address := s.Addresses()[0].(*net.TCPAddr)
	if address.IP.IsUnspecified() {
		return fmt.Sprintf("%slocalhost:%d", scheme, address.Port)
	}
	return scheme + address.String()
}

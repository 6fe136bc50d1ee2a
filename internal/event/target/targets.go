package target

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
)

const (
	// attemptTimeout is how long a target may take to answer.
	attemptTimeout = 10 * time.Second
	// keptDestinations is of how many API destinations tokens are kept.
	keptDestinations = 4096
	// Lines are written together, so that many may wait at a time.
	lineConcurrency = 128
	natsConcurrency = 64
	awsConcurrency  = 16
)

// Options are what Targets are made of.
type Options struct {
	Guard        *outbound.Guard
	Destinations Destinations
	// Dir is the directory of file targets, made when it is needed. The files of
	// accounts other than Account are in directories of their own below it.
	Dir, Account string
	// Stdout is for whole lines, each in one Write.
	Stdout io.Writer
	// NoStdout says why nothing is sent to the standard output; empty: it is.
	NoStdout string
	// AWS are the patterns of ARNs that the server's own credentials may be used
	// for; * stands for anything.
	AWS     []string
	Version string
	Logger  *slog.Logger
	// Roots are the certificates that are trusted; the machine's if nil.
	Roots *x509.CertPool
	// Timeout is how long a target may take to answer; 0: ten seconds.
	Timeout time.Duration
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Targets finds the way to targets: it is delivery.Routes.
type Targets struct {
	options   Options
	transport *http.Transport
	preparing sync.Mutex
	known     *lru.Cache[destinationKey, *destination]
	lines     *lineFiles
	stdout    *lines
	nats      *natsPool
	cloud     *cloud
}

// New makes Targets. They hold connections and files once they are used, until
// they are closed.
func New(o Options) *Targets {
	if o.Guard == nil {
		o.Guard = outbound.New(outbound.Options{Deny: outbound.Default(false)})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = attemptTimeout
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	// New fails for a size below one only.
	known, err := lru.New[destinationKey, *destination](keptDestinations)
	if err != nil {
		panic(err)
	}
	transport := newTransport(o)
	return &Targets{
		options: o, transport: transport, known: known,
		lines:  newLineFiles(o.Dir, o.Logger),
		stdout: newLines(writerSink{o.Stdout}),
		nats:   newNATSPool(o),
		cloud:  newCloud(transport, o),
	}
}

// newTransport is tuned for many small requests to few hosts. It speaks HTTP/1.1:
// a connection that hangs holds up one request and not all of them.
func newTransport(o Options) *http.Transport {
	transport := o.Guard.Transport()
	transport.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	transport.MaxIdleConns = 1024
	transport.MaxIdleConnsPerHost = 128
	transport.MaxConnsPerHost = 0 // the engine bounds what is under way; at a host those who hang must not keep others out
	transport.ResponseHeaderTimeout = o.Timeout
	transport.DisableCompression = true
	transport.WriteBufferSize, transport.ReadBufferSize = 8<<10, 4<<10
	return transport
}

// Close ends connections and closes files. Nothing may be sent any more.
func (t *Targets) Close() error {
	t.nats.close()
	err := t.lines.close()
	t.transport.CloseIdleConnections()
	return err
}

// Validate says whether a rule of home may have such a target. Error: Validation.
func (t *Targets) Validate(home registry.Scope, target event.Target) error {
	if err := event.ValidateTarget(home, target); err != nil {
		return err
	}
	if a, err := event.ParseTargetARN(target.ARN); err == nil && a.Kind == event.StdoutTarget && t.options.NoStdout != "" {
		return registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: %s.", target.ARN, t.options.NoStdout)
	}
	for _, arn := range []string{target.ARN, target.DeadLetterARN} {
		if a, err := event.ParseTargetARN(arn); err == nil && a.OfAWS() && !t.cloud.allows(arn) {
			return registry.Errorf(registry.CodeValidation, "Parameter %s is not valid. Reason: %s.", arn, notAllowed)
		}
	}
	return nil
}

// notAllowed is why a resource of AWS is not called.
const notAllowed = "this registry does not send to that resource of AWS; its operator must allow the ARN with --aws-targets"

// Route is delivery.Routes.
func (t *Targets) Route(ctx context.Context, account string, target event.Target) (delivery.Route, error) {
	a, err := event.ParseTargetARN(target.ARN)
	if err != nil {
		return delivery.Route{}, never(err)
	}
	switch a.Kind {
	case event.DestinationTarget:
		return t.toDestination(ctx, account, a, target)
	case event.StdoutTarget:
		if t.options.NoStdout != "" {
			return delivery.Route{}, never(errors.New(t.options.NoStdout))
		}
		return delivery.Route{Sender: &lineSender{to: t.stdout, cloudEvents: a.CloudEvents}, Concurrency: lineConcurrency}, nil
	case event.FileTarget:
		return delivery.Route{Sender: &lineSender{to: t.lines.of(t.fileOf(account, a.Name)), cloudEvents: a.CloudEvents}, Concurrency: lineConcurrency}, nil
	default:
		return t.toAWS(a, target)
	}
}

// fileOf is the path of an account's file below the directory. Targets make
// lines of any content: what one account says is not to be found among what
// another one does.
func (t *Targets) fileOf(account, name string) string {
	if t.options.Account == "" || account == t.options.Account || !registry.ValidAccount(account) {
		return name
	}
	return filepath.Join(account, name)
}

// toAWS makes the sender to a resource of AWS, if it may be used.
func (t *Targets) toAWS(a event.TargetARN, target event.Target) (delivery.Route, error) {
	if !t.cloud.allows(a.ARN) {
		return delivery.Route{}, never(errors.New(notAllowed))
	}
	return delivery.Route{Sender: t.cloud.sender(a, target), Concurrency: awsConcurrency}, nil
}

// toDestination makes the sender to an API destination.
func (t *Targets) toDestination(ctx context.Context, account string, a event.TargetARN, target event.Target) (delivery.Route, error) {
	if a.Account != account {
		return delivery.Route{}, never(errors.New("the API destination belongs to another account"))
	}
	d, err := t.destination(ctx, account, a.ARN)
	if err != nil {
		return delivery.Route{}, err
	}
	r := delivery.Route{Rate: float64(d.rate)}
	if d.rate > 0 {
		r.RateKey = a.ARN
	}
	if d.endpoint.NATS() {
		r.Sender, r.Concurrency = &natsSender{pool: t.nats, to: d, target: target, options: &t.options}, natsConcurrency
	} else {
		r.Sender = &httpSender{to: d, target: target, transport: t.transport, options: &t.options}
	}
	return r, nil
}

// never is a failure that no other attempt mends.
func never(err error) *delivery.Error { return &delivery.Error{Permanent: true, Err: err} }

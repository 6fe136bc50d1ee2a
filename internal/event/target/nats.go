package target

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
)

// natsIdle is how long a connection stays that nobody uses.
const natsIdle = 2 * time.Minute

// natsSender publishes to a stream of JetStream.
type natsSender struct {
	pool    *natsPool
	to      *destination
	target  event.Target
	options *Options
}

// Send is delivery.Sender.
func (s *natsSender) Send(ctx context.Context, m delivery.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	message, err := s.message(m)
	if err != nil {
		return err
	}
	c, release, err := s.pool.use(ctx, s.to)
	if err != nil {
		return s.failure(ctx, message.Subject, err)
	}
	defer release()
	return s.failure(ctx, message.Subject, s.publish(ctx, c, message, m))
}

// publish answers once the stream has the message, or the connection is gone.
// The same message from the same target is stored once, however often it is
// tried within the stream's window.
func (s *natsSender) publish(ctx context.Context, c *natsConnection, message *nats.Msg, m delivery.Message) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	_, err := c.stream.PublishMsg(inner, message, jetstream.WithMsgID(messageID(m)), jetstream.WithRetryAttempts(0))
	if err != nil && c.life.Err() != nil && ctx.Err() == nil {
		return errors.New("the connection to the NATS server broke")
	}
	return err
}

func (s *natsSender) message(m delivery.Message) (*nats.Msg, error) {
	c := &composer{to: s.to, target: s.target, m: m, now: s.options.Now(), cloudEvents: s.to.endpoint.CloudEvents}
	out, err := c.compose()
	if err != nil {
		return nil, err
	}
	subject, err := c.path(s.to.endpoint.Subject, subjectToken)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(subject, "$") { // what an endpoint must not say a target must not, either
		return nil, never(errors.New("a path value makes a subject that begins with $, which belongs to the NATS server itself"))
	}
	out.header.Del("Authorization") // the connection is what is authorised
	header := nats.Header{}
	for name, values := range out.header {
		if strings.HasPrefix(name, "Ce-") {
			name = strings.ToLower(name) // as CloudEvents has them; NATS minds
		}
		header[name] = values
	}
	return &nats.Msg{Subject: subject, Header: header, Data: out.body}, nil
}

// subjectToken is a value as one part of a subject.
func subjectToken(value string) (string, error) {
	if value == "" {
		return "", never(errors.New("a path value is empty, which no part of a subject may be"))
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '.' || r == '*' || r == '>' || r == 0x7f {
			return '_'
		}
		return r
	}, value), nil
}

func (s *natsSender) failure(ctx context.Context, subject string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return &delivery.Error{Status: "no stream", Err: fmt.Errorf("no JetStream stream takes the subject %s", subject)}
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject):
		return never(err)
	case errors.Is(err, nats.ErrTimeout):
		return noAnswer()
	}
	return s.to.failure(ctx, err)
}

// natsPool keeps a connection for each server and authorisation that is used.
type natsPool struct {
	options Options

	mu     sync.Mutex
	all    map[string]*natsConnection
	closed bool
}

// natsConnection is shared by all who send with the same authorisation.
type natsConnection struct {
	ready  chan struct{} // closed when the rest is set
	conn   *nats.Conn
	stream jetstream.JetStream
	err    error
	life   context.Context // ends with the connection
	died   context.CancelFunc

	users int // guarded by the pool
	idle  *time.Timer
}

func newNATSPool(o Options) *natsPool {
	return &natsPool{options: o, all: map[string]*natsConnection{}}
}

// natsKey tells connections apart without holding a secret.
func natsKey(d *destination) string {
	h := sha256.New()
	for _, part := range []string{d.endpoint.Scheme, d.endpoint.Host, string(d.auth.Kind), d.auth.Name, d.auth.Secret} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// use answers the connection to a destination until it is released. One caller
// connects, and others wait for it.
func (p *natsPool) use(ctx context.Context, d *destination) (*natsConnection, func(), error) {
	key := natsKey(d)
	c, err := p.take(key, d)
	if err != nil {
		return nil, nil, err
	}
	release := func() { p.release(key, c) }
	select {
	case <-c.ready:
	case <-ctx.Done():
		release()
		return nil, nil, ctx.Err()
	}
	if c.err != nil {
		release()
		return nil, nil, c.err
	}
	return c, release, nil
}

// take answers the connection of a key, and begins to connect if there is none
// that lives.
func (p *natsPool) take(key string, d *destination) (*natsConnection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("closed")
	}
	c, ok := p.all[key]
	if !ok || c.dead() {
		c = &natsConnection{ready: make(chan struct{})}
		c.life, c.died = context.WithCancel(context.Background())
		p.all[key] = c
		go func() {
			defer close(c.ready)
			c.conn, c.stream, c.err = p.connect(d, c.died)
		}()
	}
	c.users++
	if c.idle != nil {
		c.idle.Stop()
		c.idle = nil
	}
	return c, nil
}

// dead says whether a connection has failed or was closed.
func (c *natsConnection) dead() bool {
	select {
	case <-c.ready:
		return c.err != nil || c.conn.IsClosed()
	default:
		return false
	}
}

// release gives a connection back; the last one to do so starts its clock.
func (p *natsPool) release(key string, c *natsConnection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.users--; c.users > 0 {
		return
	}
	if p.closed || p.all[key] != c {
		c.end()
		return
	}
	c.idle = time.AfterFunc(natsIdle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.users == 0 && p.all[key] == c {
			delete(p.all, key)
			c.end()
		}
	})
}

// end closes a connection once it is there.
func (c *natsConnection) end() {
	go func() {
		<-c.ready
		if c.conn != nil {
			c.conn.Close()
		}
	}()
}

// close ends all connections, those in use, too.
func (p *natsPool) close() {
	p.mu.Lock()
	p.closed = true
	all := p.all
	p.all = map[string]*natsConnection{}
	p.mu.Unlock()
	for _, c := range all {
		<-c.ready
		if c.idle != nil {
			c.idle.Stop()
		}
		if c.conn != nil {
			c.conn.Close()
		}
	}
}

// connect connects once. A connection that breaks is not mended but made anew by
// the next who sends: with the authorisation of that time, after a new check of
// the address.
func (p *natsPool) connect(d *destination, died func()) (*nats.Conn, jetstream.JetStream, error) {
	o := nats.GetDefaultOptions()
	o.Url = d.endpoint.Scheme + "://" + d.endpoint.Host
	o.Name = "ecru/" + p.options.Version
	o.Timeout = p.options.Timeout / 2
	o.AllowReconnect = false
	o.IgnoreDiscoveredServers = true
	o.SkipHostLookup = true
	o.NoEcho = true
	o.CustomDialer = natsDialer{options: &p.options, secure: d.endpoint.Scheme == "tls"}
	o.Secure = d.endpoint.Scheme == "tls"
	o.ClosedCB = func(*nats.Conn) { died() }
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) {
		p.options.Logger.Debug("NATS connection", "server", d.endpoint.Host, "error", d.hide.Replace(err.Error()))
	}
	switch {
	case d.auth.Kind == event.BasicAuthorization:
		o.User, o.Password = d.auth.Name, d.auth.Secret
	case d.auth.Kind == event.APIKeyAuthorization && !isSignature(d.auth.Name):
		o.Token = d.auth.Secret
	}
	conn, err := o.Connect()
	if err != nil {
		return nil, nil, err
	}
	stream, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, stream, nil
}

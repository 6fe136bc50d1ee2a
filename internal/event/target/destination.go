package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/outbound"
	"github.com/ecru-registry/ecru/internal/registry"
)

type destinationKey struct{ account, arn string }

// destination is an API destination made ready: it is kept until it changes.
type destination struct {
	revision string
	endpoint event.Endpoint
	method   string
	rate     int
	auth     event.Authorization
	tokens   *tokens // of OAuth; nil otherwise
	hide     *strings.Replacer
}

// destination answers what an ARN stands for now.
func (t *Targets) destination(ctx context.Context, account, arn string) (*destination, error) {
	found, auth, revision, err := t.options.Destinations.EventDestination(ctx, account, arn)
	var e *registry.Error
	switch {
	case errors.As(err, &e) && e.Code == registry.CodeResourceNotFound:
		return nil, never(errors.New(e.Message))
	case err != nil:
		return nil, err
	}
	key := destinationKey{account, arn}
	t.preparing.Lock() // two would have a token each
	defer t.preparing.Unlock()
	if d, ok := t.known.Get(key); ok && d.revision == revision {
		return d, nil
	}
	d, err := t.prepare(found, auth, revision)
	if err != nil {
		return nil, never(err)
	}
	t.known.Add(key, d)
	return d, nil
}

func (t *Targets) prepare(found event.Destination, auth event.Authorization, revision string) (*destination, error) {
	endpoint, err := event.ParseEndpoint(found.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint cannot be used: %w", err)
	}
	d := &destination{
		revision: revision, endpoint: endpoint, method: found.Method, rate: found.Rate, auth: auth,
		hide: newHider(endpoint, auth),
	}
	if d.method == "" {
		d.method = "POST"
	}
	if auth.Kind == event.OAuthAuthorization {
		if endpoint.NATS() {
			return nil, errors.New("NATS takes a connection of BASIC or API_KEY, not of OAUTH_CLIENT_CREDENTIALS")
		}
		if d.tokens, err = newTokens(auth, t.transport, &t.options); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// newHider makes what takes secrets out of error texts. An endpoint's path and
// query are secrets, too: many webhooks have their key there.
func newHider(endpoint event.Endpoint, auth event.Authorization) *strings.Replacer {
	var pairs []string
	add := func(secret string) {
		if len(secret) < 4 {
			return // nobody's secret, and part of too many words
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			pairs = append(pairs, form, "[hidden]")
		}
	}
	add(auth.Secret)
	add(endpoint.Query)
	if len(endpoint.Path) > 8 {
		add(endpoint.Path)
	}
	for _, all := range []event.Parameters{auth.Invocation, auth.Token} {
		for _, list := range [][]event.Parameter{all.Header, all.Query, all.Body} {
			for _, p := range list {
				add(p.Value)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// hidden is an error whose text holds no secret.
type hidden struct {
	text string
	err  error
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }

// failure is what an attempt that got no answer has come to.
func (d *destination) failure(ctx context.Context, err error) error {
	var known *delivery.Error
	var denied *outbound.DeniedError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &denied):
		return never(denied)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) || isTimeout(err):
		return noAnswer()
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &delivery.Error{Err: &hidden{text: d.hide.Replace(withoutAddresses(err)), err: err}}
}

// withoutAddresses is the text of an error without the addresses of both sides
// and of the name server: whoever gave a name must not learn what it resolves to.
func withoutAddresses(err error) string {
	text := err.Error()
	var op *net.OpError
	if !errors.As(err, &op) || op.Err == nil {
		return text
	}
	why := op.Err.Error()
	if dns := (*net.DNSError)(nil); errors.As(op.Err, &dns) {
		why = dns.Err
	}
	return strings.ReplaceAll(text, op.Error(), op.Op+": "+why)
}

// noAnswer is the failure of a target that took too long.
func noAnswer() error {
	return &hidden{text: "the target did not answer in time", err: context.DeadlineExceeded}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

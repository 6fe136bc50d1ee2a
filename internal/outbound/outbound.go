// Package outbound is the one way out of the server: every address that is
// called because somebody has configured or sent it is dialled here, after it
// was resolved and checked against the networks that are off limits.
//
// It must not know who is called or why.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options are what a Guard is made of.
type Options struct {
	// Deny are the networks that are off limits; empty: none is.
	Deny []netip.Prefix
	// Timeout is how long a connection may take; 0: five seconds.
	Timeout time.Duration
}

// Guard decides which addresses may be called. It is safe for concurrent use.
type Guard struct {
	deny    []netip.Prefix
	timeout time.Duration
}

// New makes a Guard.
func New(o Options) *Guard {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	g := &Guard{timeout: o.Timeout}
	for _, network := range o.Deny {
		g.deny = append(g.deny, plainPrefix(network))
	}
	return g
}

// Denied is what the Guard forbids.
func (g *Guard) Denied() []netip.Prefix { return slices.Clone(g.deny) }

// DeniedError says that an address is off limits. Its text names the network
// and not the address: whoever gave a name must not learn what it resolves to.
type DeniedError struct {
	Address netip.Addr
	// Network is the one that forbids it; zero when it is no address of a host.
	Network netip.Prefix
}

func (e *DeniedError) Error() string {
	if !e.Network.IsValid() {
		return "the address is not that of a host, and must not be called"
	}
	return "the address is in " + e.Network.String() + ", which the operator has put off limits"
}

// Check answers a *DeniedError for an address that must not be called.
func (g *Guard) Check(a netip.Addr) error { return check(a, g.deny) }

func check(a netip.Addr, deny []netip.Prefix) error {
	if plain := a.Unmap(); !a.IsValid() || plain.IsMulticast() || plain == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return &DeniedError{Address: a}
	}
	for _, real := range meanings(a) {
		for _, network := range deny {
			if network.Contains(real) {
				return &DeniedError{Address: a, Network: network}
			}
		}
	}
	return nil
}

type alsoDenied struct{}

// WithDenied puts further networks off limits for what is dialled in a context.
func WithDenied(ctx context.Context, networks ...netip.Prefix) context.Context {
	before, _ := ctx.Value(alsoDenied{}).([]netip.Prefix)
	return context.WithValue(ctx, alsoDenied{}, append(slices.Clip(before), networks...))
}

// DialContext connects to host:port by TCP. Every address that the host has is
// checked right before it is connected to, and so after every redirect and every
// change of a name.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, fmt.Errorf("calls go by TCP, not by %s", network)
	}
	dialer := net.Dialer{Timeout: g.timeout, KeepAlive: 30 * time.Second, ControlContext: g.control}
	return dialer.DialContext(ctx, network, address)
}

// control is called with the resolved address before a socket is connected.
func (g *Guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("the address cannot be checked, and must not be called")
	}
	if err := g.Check(to.Addr()); err != nil {
		return err
	}
	more, _ := ctx.Value(alsoDenied{}).([]netip.Prefix)
	return check(to.Addr(), more)
}

// Transport makes an HTTP transport whose connections leave through the Guard.
// It knows no proxy: one would be called in place of the address that is checked.
func (g *Guard) Transport() *http.Transport {
	return &http.Transport{
		DialContext:            g.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    16,
		MaxConnsPerHost:        256,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

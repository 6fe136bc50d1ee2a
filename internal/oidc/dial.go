package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ecru-registry/ecru/internal/outbound"
)

// reach is how far the requests to an issuer may go.
type reach int

const (
	outside  reach = iota // not to this machine
	anywhere              // the issuer is on this machine, if that may be called at all
	proxied               // a proxy that the operator has named is dialled instead
)

type reachKey struct{}

// reachOf answers how far a request of an issuer may go.
func reachOf(issuer *url.URL, r *http.Request) reach {
	if proxy, err := http.ProxyFromEnvironment(r); err == nil && proxy != nil {
		return proxied
	}
	if host := issuer.Hostname(); host == "localhost" || net.ParseIP(host).IsLoopback() {
		return anywhere
	}
	return outside
}

// GuardedTransport makes transports to issuers that connect through a guard, so
// that no name, redirect or document of an issuer leads to where accounts must
// not look around. An issuer elsewhere does not lead to this machine even if
// that may be called. A nil pool trusts what the machine trusts.
func GuardedTransport(guard *outbound.Guard) func(roots *x509.CertPool) http.RoundTripper {
	return func(roots *x509.CertPool) http.RoundTripper {
		transport := guard.Transport()
		transport.Proxy = http.ProxyFromEnvironment
		transport.DialContext = dialThrough(guard)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		transport.ResponseHeaderTimeout = 5 * time.Second
		transport.MaxIdleConns = 2
		transport.IdleConnTimeout = 30 * time.Second
		transport.ForceAttemptHTTP2 = true
		return transport
	}
}

func dialThrough(guard *outbound.Guard) func(ctx context.Context, network, address string) (net.Conn, error) {
	proxy := net.Dialer{Timeout: 5 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		switch far, _ := ctx.Value(reachKey{}).(reach); far {
		case proxied:
			return proxy.DialContext(ctx, network, address)
		case anywhere:
			return guard.DialContext(ctx, network, address)
		default:
			return guard.DialContext(outbound.WithDenied(ctx, outbound.Loopback()...), network, address)
		}
	}
}

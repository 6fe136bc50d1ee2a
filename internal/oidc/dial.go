package oidc

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// reach is how far the requests to an issuer may go.
type reach int

const (
	outside  reach = iota // not to this machine
	anywhere              // the issuer is on this machine
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

// dialer connects to issuers. It looks at the address that is dialled, so that
// no name, redirect or document of an issuer leads to where accounts must not
// look around: this machine, and what a cloud tells its machines.
func dialer() *net.Dialer {
	return &net.Dialer{
		Timeout: 5 * time.Second,
		ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
			far, _ := ctx.Value(reachKey{}).(reach)
			to, err := netip.ParseAddrPort(address)
			if far == proxied || err == nil && reachable(to.Addr(), far == anywhere) {
				return nil
			}
			return fmt.Errorf("%s must not be asked for an issuer", address)
		},
	}
}

// metadata is where Amazon's machines learn their credentials by IPv6; by IPv4
// it is link-local.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// reachable says whether an issuer may have an address; local, whether it may be
// on this machine.
func reachable(a netip.Addr, local bool) bool {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsLoopback():
		return local
	case a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast(), a == metadata:
		return false
	}
	return true
}

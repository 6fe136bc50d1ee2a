// Package origin says where a request comes from when proxies stand in between:
// the address of the client and whether it spoke TLS. Policies have conditions
// on both and the audit log has a record of them, so a client must not be able
// to say them itself: what headers say is believed of proxies only that the
// operator has named.
//
// It must not know what requests mean, nor import any other package of ours.
package origin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Origin is where a request comes from.
type Origin struct {
	// IP is the address of the client, without a port.
	IP string
	// Secure says that the client spoke TLS, to us or to a trusted proxy.
	Secure bool
}

// Proxies are the networks whose word is taken for where a request comes from.
type Proxies []netip.Prefix

// Parse reads networks, or single addresses.
func Parse(networks []string) (Proxies, error) {
	var all Proxies
	for _, text := range networks {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", text)
		}
		all = append(all, network)
	}
	return all, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	address = address.Unmap().WithZone("")
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func (p Proxies) trust(address netip.Addr) bool {
	for _, network := range p {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

type key struct{}

// Note puts on a request what a trusted proxy says of it; a request that comes
// from anywhere else is answered as it is.
func (p Proxies) Note(r *http.Request) *http.Request {
	if len(p) == 0 {
		return r
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !p.trust(plain(peer.Addr())) {
		return r
	}
	o := Origin{IP: p.client(r, plain(peer.Addr())).String(), Secure: r.TLS != nil}
	if scheme := last(r.Header["X-Forwarded-Proto"]); scheme != "" {
		o.Secure = strings.EqualFold(scheme, "https")
	}
	return r.WithContext(context.WithValue(r.Context(), key{}, o))
}

// client is the address that the outermost trusted proxy was called from. What
// stands before that in the header is whatever that caller has made up.
func (p Proxies) client(r *http.Request, peer netip.Addr) netip.Addr {
	client := peer
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		address, ok := hop(strings.TrimSpace(hops[i]))
		if !ok {
			return client
		}
		if client = address; !p.trust(client) {
			return client
		}
	}
	return client
}

// hop reads an address, which some proxies write with its port.
func hop(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return plain(withPort.Addr()), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return plain(address), err == nil
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// last is the last entry of a header, which the nearest proxy has written.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	list := values[len(values)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// Of answers where a request comes from: what was noted, else what its
// connection shows.
func Of(r *http.Request) Origin {
	if o, ok := r.Context().Value(key{}).(Origin); ok {
		return o
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return Origin{IP: host, Secure: r.TLS != nil}
}

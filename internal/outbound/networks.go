package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// LinkLocal are the networks of the wire that the machine is on; clouds tell
// their machines about themselves there.
func LinkLocal() []netip.Prefix { return prefixes("169.254.0.0/16", "fe80::/10") }

// Loopback is this machine.
func Loopback() []netip.Prefix { return prefixes("127.0.0.0/8", "::1/128", "0.0.0.0/8", "::/128") }

// Metadata are the addresses at which clouds tell their machines about
// themselves, credentials included.
func Metadata() []netip.Prefix {
	return prefixes(
		"169.254.169.254/32",     // Amazon, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner
		"169.254.170.2/32",       // Amazon ECS
		"169.254.170.23/32",      // Amazon EKS
		"fd00:ec2::254/128",      // Amazon
		"fd00:ec2::23/128",       // Amazon EKS
		"fd20:ce::254/128",       // Google
		"fd00:c1::a9fe:a9fe/128", // Oracle
		"169.254.42.42/32",       // Scaleway
		"fd00:42::42/128",        // Scaleway
		"168.63.129.16/32",       // Azure's WireServer
		"100.100.100.200/32",     // Alibaba
		"192.0.0.192/32",         // Oracle Classic
		"169.254.0.23/32",        // Tencent
	)
}

// Default is what is off limits unless the operator says otherwise.
// loopbackOnly says that the server itself is reached from this machine alone:
// whoever calls it could call the rest of the machine without its help.
func Default(loopbackOnly bool) []netip.Prefix {
	all := append(LinkLocal(), Metadata()...)
	if !loopbackOnly {
		all = append(all, Loopback()...)
	}
	return all
}

// Parse reads networks, single addresses and the words link-local, metadata,
// loopback and none, which stands alone.
func Parse(words []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, word := range words {
		switch word = strings.TrimSpace(word); word {
		case "link-local":
			all = append(all, LinkLocal()...)
		case "metadata":
			all = append(all, Metadata()...)
		case "loopback":
			all = append(all, Loopback()...)
		case "none":
			if len(words) > 1 {
				return nil, errors.New("none stands alone")
			}
		default:
			network, err := parseNetwork(word)
			if err != nil {
				return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor one of link-local, metadata, loopback, none", word)
			}
			all = append(all, network)
		}
	}
	return all, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		network, err := netip.ParsePrefix(text)
		return plainPrefix(network), err
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	address = address.Unmap().WithZone("")
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// plainPrefix turns a network of IPv4-mapped addresses into one of IPv4.
func plainPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// LoopbackOnly says whether an address to listen on, such as localhost:5000, is
// reached from this machine alone. A name is if all of its addresses are, no
// host at all stands for every address of the machine.
func LoopbackOnly(ctx context.Context, listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "" {
		return false
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addresses) == 0 {
		return false
	}
	for _, address := range addresses {
		if !address.Unmap().IsLoopback() {
			return false
		}
	}
	return true
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

package outbound

import "net/netip"

// meanings are the addresses that a packet to a may reach: the address itself,
// and the IPv4 address that translators, tunnels or the system take out of it.
func meanings(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	all := []netip.Addr{a}
	if a.IsUnspecified() { // the system connects to itself
		return append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	}
	if a.Is4() || a.IsLoopback() {
		return all
	}
	return append(all, embedded(a.As16())...)
}

// embedded are the IPv4 addresses that an IPv6 address may stand for. It is
// generous: an address that only looks like one is off limits, too.
func embedded(b [16]byte) []netip.Addr {
	four := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	begins := func(prefix ...byte) bool { return string(b[:len(prefix)]) == string(prefix) }
	switch {
	case begins(0x00, 0x64, 0xff, 0x9b, 0x00, 0x01): // NAT64 of a site, 64:ff9b:1::/48: /96, /64, /56 or /48
		return []netip.Addr{four(12, 13, 14, 15), four(9, 10, 11, 12), four(7, 9, 10, 11), four(6, 7, 9, 10)}
	case begins(0x00, 0x64, 0xff, 0x9b): // NAT64, 64:ff9b::/96
		return []netip.Addr{four(12, 13, 14, 15)}
	case begins(0x20, 0x02): // 6to4, 2002::/16
		return []netip.Addr{four(2, 3, 4, 5)}
	case begins(0x20, 0x01, 0x00, 0x00): // Teredo: the server, and the client inverted
		return []netip.Addr{four(4, 5, 6, 7), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	case begins(0, 0, 0, 0, 0, 0, 0, 0): // IPv4-compatible, ::/96, and translated, ::ffff:0:0:0/96
		return []netip.Addr{four(12, 13, 14, 15)}
	case b[8]&^0x03 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP
		return []netip.Addr{four(12, 13, 14, 15)}
	}
	return nil
}

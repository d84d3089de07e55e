package ratelimit

import "net/netip"

// Key names a bucket. Making and using one allocates nothing.
type Key struct {
	space string
	name  string
	addr  netip.Addr
}

// NameKey is the bucket of a name, such as a principal's subject. The space
// keeps limits of different purpose apart ("principal", "login") and holds no
// colon.
func NameKey(space, name string) Key { return Key{space: space, name: name} }

// AddrKey is the bucket of a client's address: an IPv4 address as it is, also
// when written as IPv6, and an IPv6 address by its /64, which is what one
// customer holds (RFC 6177), without a zone.
func AddrKey(space string, addr netip.Addr) Key {
	addr = addr.Unmap()
	if addr.Is6() {
		prefix, _ := addr.WithZone("").Prefix(64) // an IPv6 address has one
		addr = prefix.Addr()
	}
	return Key{space: space, addr: addr}
}

// String returns the key as text for backends that store text: the space, a
// colon and the name or address.
func (k Key) String() string {
	if k.addr.IsValid() {
		return k.space + ":" + k.addr.String()
	}
	return k.space + ":" + k.name
}

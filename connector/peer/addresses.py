"""Which addresses are public: the table behind the guard.

Written out instead of asking `ipaddress.is_global`, whose answer changes between
Python releases. An address is public if it could be anybody's machine on the
internet; everything that leads back to us, into a plant, to a cloud's metadata
service, or to many machines at once is not.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

# IANA IPv4 special-purpose registry, multicast, reserved; and one host address of
# a cloud (168.63.129.16) that answers only from inside and lies in public space.
_REFUSED_4: Final = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Unicast space is 2000::/3; out of it: protocol assignments and Teredo, documentation, 6to4.
_UNICAST_6: Final = IPv6Network("2000::/3")
_REFUSED_6: Final = tuple(IPv6Network(n) for n in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
# NAT64 carries the IPv4 address that is meant in its last four bytes (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address belongs to the public internet; IPv4 inside IPv6 is judged as IPv4."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_6 and not any(address in network for network in _REFUSED_6)

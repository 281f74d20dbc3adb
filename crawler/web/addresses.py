"""Which network addresses may be connected to: public ones, unless the operator says otherwise.

The check stands where a socket is made, so it sees the address that is really connected to:
neither a name that resolves differently the second time nor a redirect goes around it.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays, retired
        "168.63.129.16/32",  # a cloud's metadata service on a public address
        "64:ff9b:1::/48",  # local-use translation, RFC 8215
        "fec0::/10",  # site-local, retired
    )
]
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 inside IPv6, RFC 6052


class PrivateAddressError(OSError):
    """The host's address is not public."""


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is one that anyone on the Internet may connect to.

    Addresses that carry an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) are judged by
    that one too. Raises ValueError for what is not an IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if any(ip in network for network in _NETWORKS if network.version == ip.version):
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = _embedded(ip)
    if any(not is_public(str(v4)) for v4 in inner):
        return False
    return bool(ip.ipv4_mapped) or ip in _TRANSLATED or (ip.is_global and not ip.is_multicast)


def _embedded(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _TRANSLATED or int(ip) >> 32 == 0:  # the last are IPv4-compatible, retired
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [v4 for v4 in found if v4 is not None]


def socket_factory(*, allow_private: bool) -> Callable[[Any], socket.socket]:
    """Makes the sockets of a connector; raises PrivateAddressError instead of a forbidden one."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        if not allow_private and not is_public(address[0]):
            raise PrivateAddressError(f"{address[0]} is not a public address")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    return make

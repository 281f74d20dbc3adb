import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.web.addresses import PrivateAddressError, is_public, socket_factory

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "192.88.99.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "100::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "223.255.255.255",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_no_more_public(v4: ipaddress.IPv4Address) -> None:
    inside = int(v4)
    for base in ("::ffff:0:0", "64:ff9b::", "::"):
        outer = str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(base)) | inside))
        assert is_public(outer) <= is_public(str(v4))


@settings(deadline=None)
@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_public(address: Any) -> None:
    if is_public(str(address)):
        mapped = getattr(address, "ipv4_mapped", None) or address
        for kind in ("private", "loopback", "link_local", "multicast", "unspecified"):
            assert not getattr(mapped, f"is_{kind}")


def test_a_socket_is_made_for_public_addresses_only() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))
    with pytest.raises(PrivateAddressError, match=r"127\.0\.0\.1"):
        socket_factory(allow_private=False)(info)
    with socket_factory(allow_private=True)(info) as made:
        assert made.getblocking() is False

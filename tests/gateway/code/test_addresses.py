"""What the gateway connects to: by examples, by the properties of Python's own tables, and through tunnels."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from funclet.gateway.code.addresses import EVERYWHERE, address_of, is_never_reached, may_connect

ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)
INSIDE = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)
PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "52.218.0.1",
    "223.255.255.254",
)
PUBLIC_6 = (
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a05:d07a:a000::1",
    "64:ff9b::8.8.8.8",
    "::ffff:8.8.8.8",
)


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_of_the_inside_is_refused(text: str) -> None:
    assert not may_connect(ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, *PUBLIC_6])
def test_a_public_address_is_taken(text: str) -> None:
    assert may_connect(ip_address(text))


@given(ADDRESSES)
@example(IPv6Address("2002:a00:1::"))
@example(IPv4Address("192.0.0.9"))
def test_an_address_that_python_knows_as_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or not address.is_global
    )
    # What stands for an IPv4 address is judged as that.
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    translated = address in ip_network("64:ff9b::/96")
    assert not (special and may_connect(address)) or mapped or translated


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
@example(IPv4Address("169.254.169.254"), "64:ff9b::")
def test_a_tunnel_is_judged_by_its_end(address: IPv4Address, prefix: str) -> None:
    through = IPv6Address(int(IPv6Address(prefix)) | int(address))
    assert may_connect(through) == may_connect(address)


@given(st.ip_addresses(v=4))
def test_6to4_and_teredo_are_refused_wherever_they_lead(address: IPv4Address) -> None:
    six_to_four = IPv6Address((0x2002 << 112) | (int(address) << 80))
    teredo = IPv6Address((0x20010000 << 96) | (int(address) ^ 0xFFFFFFFF))
    assert not may_connect(six_to_four)
    assert not may_connect(teredo)


@given(st.ip_addresses(network="10.1.0.0/16"))
def test_an_allowed_network_is_taken_and_its_neighbours_are_not(
    address: IPv4Address | IPv6Address,
) -> None:
    allowed = (ip_network("10.1.0.0/16"),)
    assert may_connect(address, allowed)
    assert not may_connect(address, (ip_network("10.2.0.0/16"),))


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:42::42",
        "fd00:100::100:200",
        "fd00:a9fe:a9fe::1",
        "fd00:c1::a9fe:a9fe",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
    ],
)
def test_a_metadata_service_is_refused_even_where_everything_is_allowed(text: str) -> None:
    assert not may_connect(ip_address(text), EVERYWHERE)


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("169.254.169.254/32", True),
        ("169.254.0.0/16", True),
        ("169.0.0.0/8", False),
        ("fe80::/64", True),
        ("fd00:ec2::/64", True),
        ("fd00::/8", False),
        ("10.0.0.0/8", False),
        ("0.0.0.0/0", False),
        ("::/0", False),
    ],
)
def test_a_network_of_metadata_services_alone_is_one_that_is_never_reached(
    text: str,
    nothing: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert is_never_reached(ip_network(text)) is nothing


@pytest.mark.parametrize("text", ["localhost", "2130706433", "0x7f.1", "127.1", "010.0.0.1", "", "1.2.3.4.5"])
def test_what_only_a_resolver_would_take_for_an_address_is_none(text: str) -> None:
    assert address_of(text) is None

"""Which addresses the gateway connects to for somebody who only wrote a URL: never one that is on the inside."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: for an address that an administrator wrote: all but what is never reached
EVERYWHERE: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))

# Written out, because what `ipaddress` calls private differs between Python's releases.
_INSIDE_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
#: the only part of IPv6 that is given to the public, and what is set apart in it: tunnels, tests, documents
_PUBLIC_6 = IPv6Network("2000::/3")
_INSIDE_6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
#: a translator's addresses, which end in the IPv4 address that they lead to
_NAT64 = IPv6Network("64:ff9b::/96")
#: not to be had even where an administrator allows 0.0.0.0/0: no store of code, but clouds' metadata and host services
_NEVER = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.192/32",
        "224.0.0.0/3",
        "::/128",
        "fd00:42::42/128",
        "fd00:100::100:200/128",
        "fd00:a9fe:a9fe::1/128",
        "fd00:c1::a9fe:a9fe/128",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "fe80::/10",
        "ff00::/8",
    )
)


def address_of(text: str) -> Address | None:
    """Read an address; None for what is a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def may_connect(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether the address is public, or in a network that the administrator allowed."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    address = _led_to(address)
    if _in_one_of(address, _NEVER):
        return False
    return _in_one_of(address, allowed) or _is_public(address)


def is_never_reached(network: Network) -> bool:
    """Whether to allow the network would allow nothing."""
    ends = (network.network_address, network.broadcast_address)
    return any(all(end in never for end in ends) for never in _NEVER)


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return not _in_one_of(address, _INSIDE_4)
    return address in _PUBLIC_6 and not _in_one_of(address, _INSIDE_6)


def _led_to(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 address stands for, if it stands for one in a way that is in use."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address


def _in_one_of(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)

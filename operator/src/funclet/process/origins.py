"""Where code may come from, as an administrator writes it: networks, and an S3 of one's own."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_NETWORK = re.compile(r"[0-9A-Fa-f.:]+/[0-9]{1,3}")
_ENDPOINT = re.compile(r"https?://(?P<host>\[[^/?#\]]*\]|[^/?#:]*)(?P<port>:[^/?#]*)?(?P<rest>.*)", re.DOTALL)
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: the last label has a letter: what is made of digits is an address, or would be taken for one
_NAME = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)*(?=[^.]*[A-Za-z]){_LABEL}\.?")
_PORTS = range(1, 65536)


def network(text: str) -> Network:
    """Read ADDRESS/PREFIX. Raises ValueError, which tells the rule."""
    wide = _network(text) if _NETWORK.fullmatch(text) else None
    if wide is None:
        raise ValueError(f"{text[:64]!r} must be a network as ADDRESS/PREFIX, such as 10.96.0.0/16")
    if wide.network_address != ip_address(text.partition("/")[0]):
        raise ValueError(f"{text} must begin where its network does: write {wide}")
    return wide


def endpoint(text: str) -> str:
    """Read http(s)://HOST[:PORT]. Raises ValueError, which tells the rule, and never a password in the text."""
    if "@" in text:
        raise ValueError("must hold no user and no password: gateways have credentials of their own")
    found = _ENDPOINT.fullmatch(text)
    if found is None:
        raise ValueError("must be http://HOST or https://HOST, with :PORT where it has one of its own")
    if not _is_host(found["host"]):
        raise ValueError("must have a host's name or address after http:// or https://")
    if found["port"] is not None and not _is_port(found["port"].removeprefix(":")):
        raise ValueError("must have a port from 1 to 65535 after the colon")
    if found["rest"] not in {"", "/"}:
        raise ValueError("must end after host and port: bucket and key are the function's to say")
    return text.removesuffix("/")


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _is_host(text: str) -> bool:
    if _NAME.fullmatch(text):
        return True
    in_brackets = text.startswith("[") and text.endswith("]")
    bare = text[1:-1] if in_brackets else text
    try:
        # In brackets, and there alone, are addresses of IPv6.
        return isinstance(ip_address(bare), IPv6Address) == in_brackets and "%" not in bare
    except ValueError:
        return False


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,4}", text) is not None and int(text) in _PORTS

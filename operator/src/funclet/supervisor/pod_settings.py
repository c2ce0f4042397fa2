"""The settings that only a pod has: where its code is, whom it tells that it listens, whom it believes."""

from __future__ import annotations

from funclet.supervisor.settings_error import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_HEX = "0123456789abcdef"
_SHA256_LENGTH = 64
_KEY_BITS_LEAST, _KEY_BITS_MOST = 2048, 8192
_EXPONENT_MOST = 1 << 32
_KEYS_MOST = 8
_ID_LENGTH = 64
_PORT_MOST = 65_535
_URL_LENGTH = 2048


class Url:
    """An address within the cluster: plain HTTP, nothing of it left open. What is here raises SettingsError."""

    __slots__ = ("authority", "host", "port", "target")

    def __init__(self, text: object, key: str) -> None:
        scheme, mark, rest = text.partition("://") if isinstance(text, str) else ("", "", "")
        authority, slash, path = rest.partition("/")
        host, colon, port = authority.rpartition(":")
        if not colon or "]" in port:
            host, port = authority, "80"
        host = host.removeprefix("[").removesuffix("]")
        if (
            (scheme, mark) != ("http", "://")
            or not rest.isascii()
            or not rest.isprintable()
            or len(rest) > _URL_LENGTH
            or any(mark in rest for mark in " @#\\")
            or not host
            or not port.isdecimal()
            or not 0 < int(port) <= _PORT_MOST
        ):
            raise SettingsError(f"{key} must be http://HOST[:PORT]/PATH")
        self.authority = authority
        self.host = host
        self.port = int(port)
        self.target = slash + path or "/"


class CodeSource:
    """Where the function's code is, what it must be, and where it goes."""

    __slots__ = ("capability", "folder", "sha256", "url")

    def __init__(self, given: object) -> None:
        told = _object(given, "code", {"url", "sha256", "capability", "folder"})
        self.url = Url(told["url"], "code.url")
        self.sha256 = _hex(told["sha256"], "code.sha256")
        if len(self.sha256) != _SHA256_LENGTH:
            raise SettingsError("code.sha256 must be 64 hex digits")
        self.capability = _hex(told["capability"], "code.capability")
        self.folder = _folder(told["folder"])


class Announcement:
    """Whom to tell that this pod listens."""

    __slots__ = ("capability", "url")

    def __init__(self, given: object) -> None:
        told = _object(given, "announce", {"url", "capability"})
        self.url = Url(told["url"], "announce.url")
        self.capability = _hex(told["capability"], "announce.capability")


class Key:
    """An RSA public key of the gateways; `length` is that of its signatures, in bytes."""

    __slots__ = ("e", "id", "length", "n")

    def __init__(self, given: object) -> None:
        told = _object(given, "keys", {"id", "n", "e"})
        self.id = told["id"]
        if not isinstance(self.id, str) or not 0 < len(self.id) <= _ID_LENGTH or not _is_word(self.id):
            raise SettingsError("keys.id must be letters, digits, dots, dashes and underscores")
        self.n = int(_hex(told["n"], "keys.n"), 16)
        self.e = int(_hex(told["e"], "keys.e"), 16)
        self.length = (self.n.bit_length() + 7) // 8
        if not _KEY_BITS_LEAST <= self.n.bit_length() <= _KEY_BITS_MOST or not self.n & 1:
            raise SettingsError(f"keys.n must be odd, of {_KEY_BITS_LEAST} to {_KEY_BITS_MOST} bits")
        if not 1 < self.e < _EXPONENT_MOST or not self.e & 1:
            raise SettingsError("keys.e must be odd, from 3 to less than 2^32")


def keys(given: object) -> tuple[Key, ...]:
    """Check the gateways' keys: at least one, no id twice."""
    if not isinstance(given, list) or not 0 < len(given) <= _KEYS_MOST:
        raise SettingsError(f"keys must be a list of 1 to {_KEYS_MOST} keys")
    found = tuple(map(Key, given))
    if len({key.id for key in found}) != len(found):
        raise SettingsError("keys must not have an id twice")
    return found


def _object(given: object, key: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, dict) or set(given) != names:
        raise SettingsError(f"{key} must be an object with {', '.join(sorted(names))}")
    return given


def _hex(value: object, key: str) -> str:
    if not isinstance(value, str) or not value or value.lower().strip(_HEX):
        raise SettingsError(f"{key} must be hex digits")
    return value.lower()


def _folder(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise SettingsError("code.folder must be an absolute path")
    return value


def _is_word(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum()

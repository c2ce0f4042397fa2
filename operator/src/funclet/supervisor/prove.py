"""Who may ask: a gateway proves itself by a signature, the supervisor by its pod's UID (contract 2).

A connection is greeted with a challenge that was never used before, so a signature that was overheard proves
nothing on another one, and one made for another pod proves nothing here.
"""

from __future__ import annotations

import os
from _operator import _compare_digest
from binascii import Error as Base64Error
from binascii import a2b_base64

from funclet.supervisor.digest import hmac_sha256, sha256
from funclet.supervisor.wire import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.pod_settings import Key
    from funclet.supervisor.wire import Head

_HEX = b"0123456789abcdefABCDEF"
_CHALLENGE_BYTES = 16
_NONCE_LENGTH = 32
_LONGEST_SIGNATURE = 2048
#: DER of the DigestInfo that says SHA-256 (RFC 8017, 9.2)
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def encoded(message: bytes, length: int) -> bytes:
    """Return EMSA-PKCS1-v1_5 of a message with SHA-256: all the bytes that a signature must come to."""
    info = _SHA256_INFO + sha256(message).digest()
    return b"\x00\x01" + b"\xff" * (length - len(info) - 3) + b"\x00" + info


def verify(key: Key, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is RSASSA-PKCS1-v1_5 with SHA-256 over the message.

    The whole encoding is compared and never parsed, so there is nothing in it that could be forged.
    """
    if len(signature) != key.length:
        return False
    number = int.from_bytes(signature, "big")
    if number >= key.n:
        return False
    opened = pow(number, key.e, key.n).to_bytes(key.length, "big")
    return _compare_digest(opened, encoded(message, key.length))


class Trust:
    """The gateways' public keys, by id, and the pod that speaks."""

    def __init__(self, keys: tuple[Key, ...], pod_uid: str) -> None:
        self.keys = {key.id.encode(): key for key in keys}
        self.uid = pod_uid.encode()
        self.names = ",".join(key.id for key in keys).encode()

    def demand(self) -> Proof:
        """Return what a new connection has to prove."""
        return Proof(self)


class Proof:
    """What one connection still owes; it is settled by one request or not at all."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._challenge = os.urandom(_CHALLENGE_BYTES).hex().encode()

    @property
    def words(self) -> bytes:
        """What the greeting says of it."""
        return b" challenge=%b keys=%b" % (self._challenge, self._trust.names)

    def answer(self, head: Head) -> bytes:
        """Return the supervisor's own proof, in hex. Raises WireError, after which the connection ends."""
        if head.method != b"POST" or head.target != b"/prove" or head.length:
            raise WireError("the gateway has not proved itself", 401)
        key = self._trust.keys.get(head.headers.get(b"x-funclet-key", b""))
        nonce = head.headers.get(b"x-funclet-nonce", b"")
        if key is None or len(nonce) != _NONCE_LENGTH or nonce.translate(None, _HEX):
            raise WireError("the proof is not one", 401)
        message = b"funclet-gateway\n%b\n%b" % (self._challenge, self._trust.uid)
        if not verify(key, _signature(head), message):
            raise WireError("the proof is not one", 401)
        return hmac_sha256(self._trust.uid, b"funclet-supervisor\n" + nonce).hex().encode()


def _signature(head: Head) -> bytes:
    told = head.headers.get(b"x-funclet-signature", b"")
    try:
        return a2b_base64(told, strict_mode=True) if len(told) <= _LONGEST_SIGNATURE else b""
    except Base64Error:
        return b""

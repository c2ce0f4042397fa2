"""Mutual proof between a gateway and a pod's supervisor, contract 2: once for each connection."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from funclet.gateway.greeting import Greeting
from funclet.process.keys import key_id


class ProofError(Exception):
    """The other side cannot be proved to be who it should be."""


class Prover(Protocol):
    """Proves this gateway to supervisors."""

    def prove(self, greeting: Greeting, pod_uid: str) -> "Proof":
        """Answer a supervisor's challenge. Raises ProofError where it makes none that we have a key for."""
        ...


#: whoever is dialled has to be this pod, and is shown that we are a gateway; None: a socket of our own
Trust = tuple[Prover, str] | None


@dataclass(frozen=True, slots=True)
class Proof:
    """The request that answers a supervisor's challenge, and what it must say to be believed."""

    request: bytes
    expected: str

    def check(self, head: bytes) -> None:
        """Take the supervisor's answer, a head without its last line. Raises ProofError where it is not this pod."""
        status, *lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines if b": " in line)
        told = fields.get(b"x-funclet-proof", b"")
        if not status.startswith(b"HTTP/1.1 200") or fields.get(b"content-length", b"0") != b"0":
            raise ProofError("the supervisor does not take this gateway for one")
        if not hmac.compare_digest(told, self.expected.encode()):
            raise ProofError("another pod has this address now")


def proof_for(greeting: Greeting, trust: Trust) -> Proof | None:
    """Give what a connection begins with; None where it needs no proof. Raises ProofError."""
    if trust is not None:
        prover, pod_uid = trust
        return prover.prove(greeting, pod_uid)
    if greeting.challenge is not None:
        raise ProofError("the supervisor wants a proof, and there is no key here")
    return None


class Signer:
    """A gateway's private keys, by id; two during a rotation."""

    def __init__(self, keys: Mapping[str, RSAPrivateKey]) -> None:
        """Raises ValueError without a key: nothing could ever be proved."""
        if not keys:
            raise ValueError("a gateway needs a private key to prove itself to pods")
        self._keys = dict(keys)

    def prove(self, greeting: Greeting, pod_uid: str) -> Proof:
        """See Prover."""
        known = next((key for key in greeting.keys if key in self._keys), None)
        if greeting.challenge is None or known is None:
            raise ProofError("the supervisor knows no key of this gateway")
        message = f"funclet-gateway\n{greeting.challenge}\n{pod_uid}".encode()
        signature = self._keys[known].sign(message, padding.PKCS1v15(), hashes.SHA256())
        nonce = secrets.token_hex(16)
        request = (
            f"POST /prove HTTP/1.1\r\nhost: funclet\r\ncontent-length: 0\r\nx-funclet-key: {known}\r\n"
            f"x-funclet-signature: {base64.b64encode(signature).decode()}\r\nx-funclet-nonce: {nonce}\r\n\r\n"
        )
        proof = hmac.new(pod_uid.encode(), f"funclet-supervisor\n{nonce}".encode(), hashlib.sha256)
        return Proof(request.encode(), proof.hexdigest())


def load_signer(pems: Iterable[bytes]) -> Signer:
    """Read RSA private keys. Raises ValueError for what is none."""
    keys: dict[str, RSAPrivateKey] = {}
    for pem in pems:
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("a gateway's key must be an RSA key")  # noqa: TRY004 - wrong content, not a wrong argument
        keys[key_id(key.public_key())] = key
    return Signer(keys)

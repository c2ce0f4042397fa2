"""What a pod is given instead of a secret: the right to one thing, worthless for any other.

A capability is an HMAC under a key that only the operator and the gateways have, so that whoever holds one, or
all of a namespace's, can make no other.
"""

import hashlib
import hmac


def announce_capability(key: bytes, namespace: str, revision: str) -> str:
    """Let pods of one revision say that they are there; in hex."""
    return _capability(key, f"announce\n{namespace}\n{revision}")


def code_capability(key: bytes, namespace: str, sha256: str) -> str:
    """Let pods of a namespace read the one archive of this SHA-256 that is there; in hex."""
    return _capability(key, f"code\n{namespace}\n{sha256}")


def is_capability(given: str, expected: str) -> bool:
    """Compare what somebody shows with what it must be, in a time that tells nothing."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _capability(key: bytes, what: str) -> str:
    if not key:
        raise ValueError("the capability key is empty: everybody could make capabilities")
    return hmac.new(key, what.encode(), hashlib.sha256).hexdigest()

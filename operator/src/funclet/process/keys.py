"""Keys as files, mounted from a Secret: a missing or empty one is never taken for no protection."""

import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from funclet.process.settings import SettingsError

CAPABILITY = "capability.key"
CERTIFICATE = "tls.crt"
PRIVATE = "tls.key"
RELAY = "relay.key"
TOKEN = "api.token"  # noqa: S105 - a file's name
_LEAST = 16


def read_key(folder: Path, name: str) -> bytes:
    """Read a secret. Raises SettingsError for one that is not there or too short to be one."""
    try:
        content = (folder / name).read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"FUNCLET_KEYS: {folder / name}: {error.strerror}") from error
    if len(content) < _LEAST:
        raise SettingsError(f"FUNCLET_KEYS: {folder / name} has less than {_LEAST} bytes")
    return content


def read_public_key(folder: Path) -> RSAPublicKey:
    """Read the gateways' public key out of their certificate. Raises SettingsError."""
    content = read_key(folder, CERTIFICATE)
    try:
        key = x509.load_pem_x509_certificate(content).public_key()
    except ValueError as error:
        raise SettingsError(f"FUNCLET_KEYS: {folder / CERTIFICATE}: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise SettingsError(f"FUNCLET_KEYS: {folder / CERTIFICATE}: not the certificate of an RSA key")
    return key


def key_id(key: RSAPublicKey) -> str:
    """Name a public key: the first 16 hex digits of the hash of its modulus."""
    modulus = key.public_numbers().n
    return hashlib.sha256(modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")).hexdigest()[:16]

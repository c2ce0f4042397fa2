"""The certificates of a cluster."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from cluster.pki import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.pki import Pair


def test_a_certificate_names_its_user_and_groups_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = _read(authority.issue("kubelet", user="system:node:one", groups=["system:nodes"]))
    issued.verify_directly_issued_by(_read(authority.pair))
    assert _values(issued, NameOID.COMMON_NAME) == ["system:node:one"]
    assert _values(issued, NameOID.ORGANIZATION_NAME) == ["system:nodes"]


def test_a_server_is_known_by_names_and_addresses(tmp_path: Path) -> None:
    issued = _read(Authority(tmp_path).issue("server", hosts=["kubernetes.default", "10.96.0.1"]))
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes.default"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.96.0.1"]


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    Authority(tmp_path).issue("admin")
    Authority(tmp_path).signing_key("tokens")
    keys = list(tmp_path.glob("*.key"))
    assert len(keys) == 3
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def _read(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def _values(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> list[str | bytes]:
    return [attribute.value for attribute in certificate.subject.get_attributes_for_oid(kind)]

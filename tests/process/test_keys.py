"""Keys as files: one that is missing or empty is never taken for no protection."""

from pathlib import Path

import pytest

from cluster.pki import Authority
from funclet.process.keys import CAPABILITY, CERTIFICATE, key_id, read_key, read_public_key
from funclet.process.settings import SettingsError
from support.operators import certificate, write_files


def test_a_key_is_read_without_the_line_that_an_editor_adds(tmp_path: Path) -> None:
    (tmp_path / CAPABILITY).write_bytes(b"0123456789abcdef0123456789abcdef\n")
    assert read_key(tmp_path, CAPABILITY) == b"0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b" " * 64, b"0123456789abcde\n"])
def test_a_key_that_is_empty_or_short_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CAPABILITY).write_bytes(content)
    with pytest.raises(SettingsError, match="less than 16 bytes"):
        read_key(tmp_path, CAPABILITY)


def test_a_key_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"FUNCLET_KEYS: .*/capability\.key: No such file"):
        read_key(tmp_path, CAPABILITY)


def test_a_folder_in_place_of_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / CAPABILITY).mkdir()
    with pytest.raises(SettingsError, match=r"FUNCLET_KEYS: .*/capability\.key: Is a directory"):
        read_key(tmp_path, CAPABILITY)


def test_the_public_key_of_a_certificate_has_a_name_of_its_own(tmp_path: Path) -> None:
    folder = Path(write_files(tmp_path)["FUNCLET_KEYS"])
    name = key_id(read_public_key(folder))
    assert len(name) == 16
    assert key_id(read_public_key(folder)) == name


@pytest.mark.parametrize(
    "content", [b"x" * 64, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CERTIFICATE).write_bytes(content)
    with pytest.raises(SettingsError, match=r"tls\.crt"):
        read_public_key(tmp_path)


def test_a_certificate_of_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / CERTIFICATE).write_bytes(Authority(tmp_path / "pki").pair.certificate.read_bytes())
    with pytest.raises(SettingsError, match="not the certificate of an RSA key"):
        read_public_key(tmp_path)


def test_half_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / CERTIFICATE).write_bytes(certificate()[:200])
    with pytest.raises(SettingsError, match=r"tls\.crt"):
        read_public_key(tmp_path)

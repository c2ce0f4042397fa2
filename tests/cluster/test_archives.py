"""Images as archives, and what containerd makes of them."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from cluster import archives, containerd
from cluster.containerd import Loaded

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """\
REF                        TYPE                                       DIGEST        SIZE     PLATFORMS   LABELS
localhost/web:1            application/vnd.oci.image.manifest.v1+json sha256:aaaa   1.2 MiB  linux/amd64 -
localhost/web@sha256:aaaa  application/vnd.oci.image.manifest.v1+json sha256:aaaa   1.2 MiB  linux/amd64 -
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "pause"
    path.write_bytes(b"\x7fELF")
    return path


def test_an_image_of_a_program_starts_it_as_nobody(program: Path, tmp_path: Path) -> None:
    file = archives.write_program_image(tmp_path / "image.tar", name="localhost/pause:1", program=program)
    with tarfile.open(file) as tar:
        config = json.loads(_content(tar, "config.json"))
    assert config["config"] == {"Entrypoint": ["/pause"], "User": "65535:65535", "WorkingDir": "/"}


def test_the_same_program_gives_the_same_bytes(program: Path, tmp_path: Path) -> None:
    files = [
        archives.write_program_image(tmp_path / name, name="localhost/pause:1", program=program)
        for name in "ab"
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_archive_tells_its_names(program: Path, tmp_path: Path) -> None:
    file = archives.write_program_image(tmp_path / "image.tar", name="localhost/pause:1", program=program)
    assert archives.names_in(file) == ["localhost/pause:1"]


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no archive", "utf-8")
    with pytest.raises(ValueError, match=r"notes.txt is not an image archive"):
        archives.names_in(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("name", "full", "repository"),
    [
        ("localhost/web:1", "localhost/web:1", "localhost/web"),
        ("web:1", "docker.io/library/web:1", "docker.io/library/web"),
        ("team/web:1", "docker.io/team/web:1", "docker.io/team/web"),
        ("registry:5000/web", "registry:5000/web", "registry:5000/web"),
        ("ghcr.io/team/web:1.2", "ghcr.io/team/web:1.2", "ghcr.io/team/web"),
    ],
)
def test_names_are_completed_as_containerd_does(name: str, full: str, repository: str) -> None:
    assert containerd.full_name(name) == full
    assert containerd.repository(full) == repository


def test_digests_are_read_from_the_list_of_images() -> None:
    assert containerd.listed(TABLE)["localhost/web:1"] == "sha256:aaaa"
    assert Loaded("localhost/web:1", "sha256:aaaa").by_digest == "localhost/web@sha256:aaaa"


def test_an_archive_is_imported_and_its_image_named_by_digest(program: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    ctr = tmp_path / "ctr"
    ctr.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n[ "$2" != ls ] || cat <<EOF\n{TABLE}EOF\n', "utf-8")
    ctr.chmod(0o755)
    file = archives.write_program_image(tmp_path / "image.tar", name="localhost/web:1", program=program)
    assert containerd.load([str(ctr)], file) == [Loaded("localhost/web:1", "sha256:aaaa")]
    assert calls.read_text("utf-8").splitlines() == [
        f"images import {file}",
        "images ls",
        "images tag --force localhost/web:1 localhost/web@sha256:aaaa",
    ]


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert member
    return member.read()

"""Why a container ended is left where Kubernetes keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from funclet.supervisor.termination import tell

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"errorType": "E", "errorMessage": "no"}', "E: no"),
        (b'{"errorMessage": "no", "stackTrace": []}', "no"),
        (b"not JSON", "not JSON"),
        (b"[1]", "[1]"),
        (b'{"errorType": "E", "errorMessage": "' + "é".encode() * 2000 + b'"}', "E: " + "é" * 1022),
        (b"x" * 5000, "x" * 2048),
    ],
)
def test_the_error_is_told_in_one_line(tmp_path: Path, payload: bytes, said: str) -> None:
    file = tmp_path / "log"
    file.write_text("what was there before")
    tell(payload, str(file))
    assert file.read_text() == said


def test_where_nobody_made_a_place_for_it_nothing_is_written(tmp_path: Path) -> None:
    tell(b"{}", str(tmp_path / "log"))
    assert not (tmp_path / "log").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "log").symlink_to("target")
    tell(b"error", str(tmp_path / "log"))
    assert (tmp_path / "target").read_text() == ""

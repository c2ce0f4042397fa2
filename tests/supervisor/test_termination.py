"""Why a container ended is left where Kubernetes keeps it."""

from __future__ import annotations

import json
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


CANARY = "s3cret/canary"
KEY = "-----BEGIN KEY-----\nMIIcanary'1\nMIIcanary\"2é\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"no such password: {CANARY}", "E: no such password: ***"),
        (f"{CANARY}{CANARY}", "E: ******"),
        (repr({"DB_PASSWORD": CANARY}), "E: {'DB_PASSWORD': '***'}"),
        (f"Could not parse {KEY}", "E: Could not parse ***"),
        (repr(KEY), "E: '***'"),
        (json.dumps(KEY), 'E: "***"'),
        ("at MIIcanary'1", "E: at ***"),
        ("\ud800", "E: ?"),
        ("short and /tmp", "E: short and /tmp"),
    ],
)
def test_what_the_function_was_given_by_reference_is_masked(tmp_path: Path, message: str, said: str) -> None:
    file = tmp_path / "log"
    file.touch()
    payload = json.dumps({"errorType": "E", "errorMessage": message}).encode()
    tell(payload, str(file), [CANARY, KEY, "/tmp", "", "canary"])  # noqa: S108 - a value that is no secret
    assert file.read_text() == said
    tell(message.encode(errors="replace"), str(file), [CANARY, KEY])
    assert "canary" not in file.read_text()


def test_a_secret_that_the_limit_cuts_is_masked_before(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.touch()
    tell(b"x" * 2040 + CANARY.encode(), str(file), [CANARY])
    assert file.read_text() == "x" * 2040 + "***"

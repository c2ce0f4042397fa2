"""Settings are taken whole or refused with the key that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.supervisor.settings import SettingsError, parse

LEAST: dict[str, Any] = {
    "revision": "r",
    "listen": "fd:3",
    "command": ["x"],
    "working_directory": "/",
    "function_name": "f",
}


def test_what_is_not_told_has_the_contracts_default() -> None:
    settings = parse(json.dumps(LEAST))
    assert (settings.memory_mb, settings.timeout, settings.init_timeout, settings.quiet) == (
        128,
        3.0,
        10.0,
        5.0,
    )
    assert (settings.version, settings.parent_death, settings.log_json, settings.environment) == (
        "$LATEST",
        False,
        False,
        {},
    )


@pytest.mark.parametrize("listen", ["fd:0", "tcp:127.0.0.1:80", "tcp:[::1]:0", "unix:/a b"])
def test_each_way_to_listen_is_taken(listen: str) -> None:
    assert parse(json.dumps({**LEAST, "listen": listen})).listen == listen


@pytest.mark.parametrize("key", sorted(LEAST))
def test_what_must_be_told_is_missed_by_name(key: str) -> None:
    given_ = {name: value for name, value in LEAST.items() if name != key}
    with pytest.raises(SettingsError, match=key):
        parse(json.dumps(given_))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("revision", "a b"),
        ("revision", "a\r\nb"),
        ("revision", ""),
        ("revision", 5),
        ("listen", "port:5"),
        ("listen", "tcp:80"),
        ("listen", "tcp:x:70000"),
        ("listen", "fd:x"),
        ("command", []),
        ("command", "x"),
        ("command", [1]),
        ("command", ["a\0"]),
        ("environment", {"A=B": "c"}),
        ("environment", {"": "c"}),
        ("environment", {"A": 5}),
        ("environment", {"A": "\0"}),
        ("environment", []),
        ("memory_mb", 0),
        ("memory_mb", 1.5),
        ("memory_mb", True),
        ("timeout_ms", 0),
        ("timeout_ms", "3"),
        ("init_timeout_ms", -1),
        ("quiet_ms", -1),
        ("parent_death", 1),
        ("log_format", "json"),
        ("runtime", "python"),
        ("colour", "red"),
    ],
)
def test_what_cannot_be_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=key):
        parse(json.dumps({**LEAST, key: value}))


@given(st.text(max_size=40))
def test_whatever_is_given_is_settings_or_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3),
    )
)
def test_json_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(SettingsError):
        parse(json.dumps(value))

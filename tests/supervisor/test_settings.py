"""Settings are taken whole or refused with the key that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.supervisor.settings import parse
from funclet.supervisor.settings_error import SettingsError

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


CODE = {"url": "http://g:8702/code/x", "sha256": "0" * 64, "capability": "ab", "folder": "/var/task"}
ANNOUNCE = {"url": "http://g.svc:8702/announce", "capability": "ab"}
KEY = {"id": "one", "n": f"{(1 << 2047) + 1:x}", "e": "10001"}
POD = {
    **LEAST,
    "listen": "tcp:0.0.0.0:8901",
    "health": "tcp:[::]:8902",
    "inherit_environment": True,
    "code": CODE,
    "announce": ANNOUNCE,
    "keys": [KEY, {**KEY, "id": "two"}],
}


def test_the_settings_of_a_pod_are_taken() -> None:
    settings = parse(json.dumps(POD))
    assert settings.in_pod
    assert (settings.health, settings.inherit_environment) == ("tcp:[::]:8902", True)
    assert settings.code is not None
    assert (settings.code.url.host, settings.code.url.port, settings.code.url.target) == (
        "g",
        8702,
        "/code/x",
    )
    assert settings.announce is not None
    assert settings.announce.url.authority == "g.svc:8702"
    assert [(key.id, key.length, key.e) for key in settings.keys] == [
        ("one", 256, 65537),
        ("two", 256, 65537),
    ]


def test_a_laptop_has_none_of_them() -> None:
    settings = parse(json.dumps(LEAST))
    assert not settings.in_pod
    assert (settings.health, settings.code, settings.announce, settings.keys) == ("", None, None, ())


@pytest.mark.parametrize("url", ["http://h", "http://h/a?b=c", "http://10.0.0.1:80/", "http://[::1]:8702/a"])
def test_an_address_in_the_cluster_is_taken(url: str) -> None:
    assert parse(json.dumps({**POD, "announce": {**ANNOUNCE, "url": url}})).announce is not None


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("health", 5),
        ("health", "8902"),
        ("health", "unix:/x"),
        ("health", "tcp:x:99999"),
        ("inherit_environment", "yes"),
        ("code", "http://g"),
        ("code", {}),
        ("code", {**CODE, "colour": "red"}),
        ("code.url", {**CODE, "url": "https://g/code"}),
        ("code.url", {**CODE, "url": "http://u:p@g/code"}),
        ("code.url", {**CODE, "url": "http://g:0/code"}),
        ("code.url", {**CODE, "url": "http:///code"}),
        ("code.url", {**CODE, "url": "http://g/a b"}),
        ("code.url", {**CODE, "url": "http://g/a\r\nb: c"}),
        ("code.url", {**CODE, "url": "http://é/"}),
        ("code.url", {**CODE, "url": None}),
        ("code.sha256", {**CODE, "sha256": "0" * 63}),
        ("code.sha256", {**CODE, "sha256": "x" * 64}),
        ("code.capability", {**CODE, "capability": ""}),
        ("code.capability", {**CODE, "capability": "a\r\nb"}),
        ("code.folder", {**CODE, "folder": "task"}),
        ("announce", {"url": "http://g"}),
        ("announce.url", {**ANNOUNCE, "url": "gateway"}),
        ("keys", {}),
        ("keys", []),
        ("keys", [KEY] * 9),
        ("keys", [KEY, KEY]),
        ("keys", ["one"]),
        ("keys.id", [{**KEY, "id": "a,b"}]),
        ("keys.id", [{**KEY, "id": ""}]),
        ("keys.id", [{**KEY, "id": 5}]),
        ("keys.n", [{**KEY, "n": "zz"}]),
        ("keys.n", [{**KEY, "n": f"{1 << 2047:x}"}]),
        ("keys.n", [{**KEY, "n": "f" * 256}]),
        ("keys.n", [{**KEY, "n": "f" * 4000}]),
        ("keys.e", [{**KEY, "e": "1"}]),
        ("keys.e", [{**KEY, "e": "10000"}]),
        ("keys.e", [{**KEY, "e": "f" * 9}]),
    ],
)
def test_what_a_pod_cannot_be_told_is_refused_by_name(key: str, change: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^{key} "):
        parse(json.dumps({**POD, key.partition(".")[0]: change}))


def test_what_is_not_dialled_cannot_be_announced() -> None:
    with pytest.raises(SettingsError, match="announce needs listen"):
        parse(json.dumps({**POD, "listen": "unix:/s"}))


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

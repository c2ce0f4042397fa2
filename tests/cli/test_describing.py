from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.cli.describing import Surroundings, describe
from support.objects import version_manifest
from support.rest import alias, function

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
MESSAGE = (
    "revision greet-latest-ab cannot start: the handler app.handler is not there:"
    " module app has no attribute handler; greet-latest-cd goes on serving"
)


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, str]:
    since = "2026-01-02T11:55:00Z"
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }


def dated(found: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {**found["metadata"], "creationTimestamp": "2026-01-01T12:00:00Z"}
    return {**found, "metadata": metadata, "status": status}


def event(minute: int, reason: str, message: str, type_: str = "Normal") -> dict[str, str]:
    return {
        "type": type_,
        "reason": reason,
        "message": message,
        "lastTimestamp": f"2026-01-02T11:{minute}:00Z",
    }


GREET = dated(
    function(
        "greet-me-x", functionName="Greet_Me", environment={"STAGE": "prod-secret"}, description="Greets."
    ),
    functionArn="arn:aws:lambda:us-east-1:123456789012:function:Greet_Me",
    runtimeDigest="local:1111",
    lastVersion=1,
    instances=2,
    conditions=[
        condition("Ready", "False", "HandlerNotFound", MESSAGE),
        condition("Reconciling", "False", "HandlerNotFound", MESSAGE),
        condition("Stalled", "True", "HandlerNotFound", "as above"),
        condition("Active", "True", "InstancesRunning", "2 running"),
    ],
)
AROUND = Surroundings(
    versions=[dated(version_manifest(1, "greet-me-x"), conditions=[condition("Ready", "True", "Ready", "")])],
    aliases=[dated(alias(version="1", routingConfig={"additionalVersionWeights": {"2": 0.1}}))],
    events=[event(50, "Published", "published version 1"), event(55, "HandlerNotFound", MESSAGE, "Warning")],
)

DESCRIBED = """\
Function greet-me-x
  ARN           arn:aws:lambda:us-east-1:123456789012:function:Greet_Me
  Lambda name   Greet_Me
  Description   Greets.
  Runtime       python3.11
  Handler       app.handler
  Code          inline: app.py
  Memory        128Mi
  Timeout       3s
  Environment   STAGE
  Runs on       local:1111
  Last version  1
  Instances     2
  Age           1d

Conditions
  Ready: False for 5m, HandlerNotFound: revision greet-latest-ab cannot start:
    the handler app.handler is not there: module app has no attribute handler;
    greet-latest-cd goes on serving
  Stalled: True for 5m, HandlerNotFound: as above
  Active: True for 5m, InstancesRunning: 2 running

Versions
  VERSION  READY  CODE          AGE
  1        True   aaaaaaaaaaaa  1d

Aliases
  ALIAS  READY    VERSIONS      AGE
  live   Unknown  1 90%, 2 10%  1d

Events
   10m ago  Published: published version 1
    5m ago  Warning HandlerNotFound: revision greet-latest-ab cannot start: the
            handler app.handler is not there: module app has no attribute
            handler; greet-latest-cd goes on serving
"""


def test_a_function_is_told_with_all_that_belongs_to_it() -> None:
    assert describe(GREET, AROUND, NOW) == DESCRIBED


def test_a_digest_is_cut_short_as_in_a_table() -> None:
    digest = "sha256:" + 64 * "a"
    told = describe({**GREET, "status": {"runtimeDigest": digest}}, Surroundings(), NOW)
    assert f"  Runs on       sha256:{12 * 'a'}\n" in told


def test_an_event_of_a_series_says_when_it_was_last_and_how_often() -> None:
    series = {"count": 3, "lastObservedTime": "2026-01-02T11:59:00.000000Z"}
    again = {**event(10, "NoNode", "no node has room", "Warning"), "lastTimestamp": None, "series": series}
    told = describe(GREET, Surroundings(events=[again]), NOW)
    assert "    1m ago  Warning NoNode: no node has room (3 times)\n" in told


def test_what_nothing_has_looked_at_says_so() -> None:
    told = describe({**function(), "metadata": {"name": "greet"}}, Surroundings(), NOW)
    assert "none yet: nothing has looked at it" in told
    assert told.count("\n  none\n") == 3


def test_an_alias_tells_where_calls_go_and_has_no_versions_of_its_own() -> None:
    told = describe(AROUND.aliases[0], Surroundings(), NOW)
    assert "  Calls go to   1 90%, 2 10%\n" in told
    assert "Versions" not in told


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ({"zip": {"blob": "ab", "sha256": "ab"}}, "zip blob ab"),
        ({"zip": {"url": "https://example.com/a.zip"}}, "zip url https://example.com/a.zip"),
        ({"image": {"ref": "registry/name:tag"}}, "image registry/name:tag"),
    ],
)
def test_code_is_told_by_where_it_lies(code: dict[str, Any], line: str) -> None:
    assert f"  Code          {line}\n" in describe(function(code=code), Surroundings(), NOW)


@given(st.text(max_size=300))
def test_whatever_a_message_holds_no_terminal_obeys_it_and_words_stay_within_80_columns(text: str) -> None:
    found = dated(function(), conditions=[condition("Ready", "False", "X", text)])
    told = describe(found, Surroundings(events=[event(50, "X", text)]), NOW)
    assert "\x1b" not in told
    assert "\r" not in told
    for line in told.splitlines():
        assert len(line) <= 80 or len(max(line.split(), key=len)) > 50

"""Events about objects, on a real API server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection, open_connection
from funclet.kube.port import Object
from funclet.kube.recorder import LONGEST_NOTE, Recorder
from funclet.plan.plan import Event, Key
from support.api_server import Server, away
from support.cluster_objects import function_in

FAILED = Event("Warning", "ImagePullFailed", "there is no such image")


class Now:
    """Wall clock of a test."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def kube(connection: Connection, namespace: str, now: Now) -> ClusterKube:
    recorder = Recorder("funclet.dev/operator", "operator-1")
    return ClusterKube(connection, namespaces=[namespace], recorder=recorder, now=now)


@pytest.fixture
async def greet(kube: ClusterKube, namespace: str) -> Key:
    await kube.apply(function_in(namespace), manager="user")
    return Key("Function", namespace, "greet")


async def recorded(kube: ClusterKube) -> list[Object]:
    return sorted(await kube.list("Event"), key=lambda event: event["eventTime"])


async def test_an_event_is_shown_by_whoever_describes_the_object(
    kube: ClusterKube, greet: Key, api_server: Server
) -> None:
    await kube.record(greet, FAILED)
    said = api_server.plane.kubectl("describe", "function", greet.name, f"--namespace={greet.namespace}")
    assert "ImagePullFailed" in said
    assert "there is no such image" in said
    assert "funclet.dev/operator" in said


async def test_what_is_said_again_is_counted(kube: ClusterKube, greet: Key, now: Now) -> None:
    for _ in range(3):
        await kube.record(greet, FAILED)
        now.moment += timedelta(minutes=1)
    (event,) = await recorded(kube)
    assert event["series"]["count"] == 3
    assert event["series"]["lastObservedTime"] == "2026-01-02T03:06:05.000000Z"


async def test_what_is_said_again_much_later_or_in_other_words_is_told_anew(
    kube: ClusterKube, greet: Key, now: Now
) -> None:
    await kube.record(greet, FAILED)
    now.moment += timedelta(hours=1)
    await kube.record(greet, FAILED)
    now.moment += timedelta(seconds=1)
    await kube.record(greet, Event("Normal", "Started", "it runs"))
    assert [event["reason"] for event in await recorded(kube)] == [
        "ImagePullFailed",
        "ImagePullFailed",
        "Started",
    ]


async def test_a_series_whose_object_the_server_has_dropped_begins_anew(
    kube: ClusterKube, greet: Key
) -> None:
    await kube.record(greet, FAILED)
    (event,) = await recorded(kube)
    await kube.delete(Key("Event", greet.namespace, event["metadata"]["name"]))
    await kube.record(greet, FAILED)
    (event,) = await recorded(kube)
    assert "series" not in event


async def test_a_message_is_cut_to_what_kubernetes_allows_in_bytes(kube: ClusterKube, greet: Key) -> None:
    await kube.record(greet, Event("Warning", "Long", "\u00e9" * LONGEST_NOTE))
    (event,) = await recorded(kube)
    assert event["note"] == "\u00e9" * (LONGEST_NOTE // 2)


async def test_an_object_with_the_longest_name_has_events_too(kube: ClusterKube, namespace: str) -> None:
    name = ".".join(["a" * 63] * 3 + ["b" * 61])
    await kube.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}},
        manager="user",
    )
    await kube.record(Key("ConfigMap", namespace, name), FAILED)
    assert len(await recorded(kube)) == 1


async def test_an_event_about_what_is_not_there_is_dropped(kube: ClusterKube, namespace: str) -> None:
    await kube.record(Key("Function", namespace, "none"), FAILED)
    assert await recorded(kube) == []


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[ClusterKube]:
    opened = ClusterKube(await open_connection(away(tmp_path)))
    yield opened
    await opened.close()


async def test_an_event_that_cannot_be_recorded_fails_nobody(nobody: ClusterKube) -> None:
    await nobody.record(Key("Function", "default", "greet"), FAILED)

"""What the client lists and watches, on a real API server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import pytest

from funclet.kube import watching
from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection
from funclet.kube.port import Change
from funclet.plan.plan import Key
from support.api_server import make_namespace
from support.cluster_objects import config_map_in, deployment_in, function_in, pod_in
from support.kubes import until

Told = tuple[str, str]


@asynccontextmanager
async def watch(kube: ClusterKube, *kinds: str) -> AsyncIterator[AsyncGenerator[Change]]:
    async with aclosing(cast("AsyncGenerator[Change]", kube.watch(*kinds))) as changes:
        yield changes


async def until_synced(changes: AsyncGenerator[Change]) -> list[Told]:
    told = []
    async with asyncio.timeout(10):
        async for change in changes:
            if change.type == "SYNCED":
                break
            told.append(brief(change))
    return told


async def take(changes: AsyncGenerator[Change], count: int) -> list[Told]:
    async with asyncio.timeout(10):
        return [brief(await anext(changes)) for _ in range(count)]


def brief(change: Change) -> Told:
    assert change.key is not None
    return change.type, change.key.name


async def test_objects_are_listed_by_namespace_and_name(connection: Connection, namespace: str) -> None:
    second = f"{namespace}-a"
    await make_namespace(connection, second)
    kube = ClusterKube(connection, namespaces=[second, namespace])
    for where, name in ((second, "a"), (namespace, "c"), (namespace, "b")):
        await kube.apply(function_in(where, name), manager="user")
    listed = await kube.list("Function")
    assert [each["metadata"]["name"] for each in listed] == ["b", "c", "a"]
    assert [each["metadata"]["name"] for each in await kube.list("Function", second)] == ["a"]
    assert {each["kind"] for each in listed} == {"Function"}
    assert {each["apiVersion"] for each in listed} == {"funclet.dev/v1alpha1"}


async def test_a_long_list_is_read_in_pieces(
    kube: ClusterKube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHUNK", 3)
    for number in range(8):
        await kube.create(config_map_in(namespace, f"c{number}"), manager="user")
    assert [each["metadata"]["name"] for each in await kube.list("ConfigMap")] == [f"c{n}" for n in range(8)]
    async with watch(kube, "ConfigMap") as changes:
        assert sorted(await until_synced(changes)) == [("ADDED", f"c{number}") for number in range(8)]


async def test_only_what_funclet_made_is_seen_of_kinds_that_others_make_too(
    kube: ClusterKube, namespace: str
) -> None:
    foreign = deployment_in(namespace, "foreign")
    foreign["metadata"]["labels"] = {}
    await kube.create(foreign, manager="somebody")
    await kube.create(deployment_in(namespace, "ours"), manager="funclet")
    assert [each["metadata"]["name"] for each in await kube.list("Deployment")] == ["ours"]
    async with watch(kube, "Deployment") as changes:
        assert await until_synced(changes) == [("ADDED", "ours")]
        await kube.scale(Key("Deployment", namespace, "foreign"), 2, manager="somebody")
        await kube.scale(Key("Deployment", namespace, "ours"), 2, manager="funclet-gateway")
        assert await take(changes, 1) == [("MODIFIED", "ours")]


async def test_what_loses_our_label_is_gone_for_a_watch(kube: ClusterKube, namespace: str) -> None:
    await kube.create(deployment_in(namespace, "d"), manager="funclet")
    async with watch(kube, "Deployment") as changes:
        await until_synced(changes)
        bare = deployment_in(namespace, "d")
        del bare["metadata"]["labels"]
        await kube.apply(bare, manager="funclet")
        unlabelled = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/d"
        await kube._connection.call(
            "PATCH", path, body=unlabelled, content_type="application/merge-patch+json"
        )
        told = await take(changes, 1)
        while told[-1][0] == "MODIFIED":
            told = await take(changes, 1)
        assert told == [("DELETED", "d")]


async def test_a_pod_is_kept_without_what_it_was_told(kube: ClusterKube, namespace: str) -> None:
    created = await kube.create(pod_in(namespace, "p"), manager="funclet")
    key = Key("Pod", namespace, "p")
    async with watch(kube, "Pod") as changes:
        seen = (await anext(changes)).object
    for kept in (created, seen, await kube.get(key), (await kube.list("Pod"))[0]):
        assert kept is not None
        assert "containers" not in kept["spec"]
        assert kept["status"]["phase"] == "Pending"
        assert "managedFields" not in kept["metadata"]


async def test_a_watch_of_many_kinds_is_synced_once_when_all_have_listed(
    kube: ClusterKube, namespace: str
) -> None:
    await kube.apply(function_in(namespace), manager="user")
    await kube.create(config_map_in(namespace, "c"), manager="user")
    async with watch(kube, "Function", "ConfigMap", "Pod") as changes:
        assert sorted(await until_synced(changes)) == [("ADDED", "c"), ("ADDED", "greet")]
        await kube.apply(function_in(namespace, memory="1Gi"), manager="user")
        await kube.delete(Key("Function", namespace, "greet"))
        assert await take(changes, 2) == [("MODIFIED", "greet"), ("DELETED", "greet")]


async def test_a_watch_sees_all_namespaces_unless_it_is_given_some(
    connection: Connection, namespace: str
) -> None:
    other = f"{namespace}-b"
    await make_namespace(connection, other)
    everywhere = ClusterKube(connection)
    here = ClusterKube(connection, namespaces=[namespace])
    await everywhere.apply(function_in(other, "there"), manager="user")
    await everywhere.apply(function_in(namespace, "here"), manager="user")
    async with watch(everywhere, "Function") as changes:
        assert {("ADDED", "here"), ("ADDED", "there")} <= set(await until_synced(changes))
    async with watch(here, "Function") as changes:
        assert await until_synced(changes) == [("ADDED", "here")]


async def test_a_watch_that_ended_goes_on_where_it_was(
    kube: ClusterKube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_WATCH_SECONDS", 1)
    monkeypatch.setattr(watching, "_PAUSE", 0.01)
    begun: list[str] = []
    follow = watching.Reflector._follow

    async def counted(self: watching.Reflector, version: str) -> str:
        begun.append(version)
        return await follow(self, version)

    monkeypatch.setattr(watching.Reflector, "_follow", counted)
    async with watch(kube, "ConfigMap") as changes:
        await until_synced(changes)
        for name in ("a", "b"):
            lives = len(begun)
            await until(lambda lives=lives: len(begun) > lives)  # type: ignore[misc]  # a default binds the loop's value
            await kube.create(config_map_in(namespace, name), manager="user")
            assert await take(changes, 1) == [("ADDED", name)]


async def test_a_watch_of_a_version_that_is_forgotten_lists_again_and_tells_what_changed(
    kube: ClusterKube, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(name: str) -> Key:
        return Key("Function", namespace, name)

    for name in ("kept", "changed", "gone", "replaced"):
        await kube.apply(function_in(namespace, name), manager="user")
    forgotten: list[str] = []
    follow = watching.Reflector._follow

    async def first_of_a_forgotten_version(self: watching.Reflector, version: str) -> str:
        if not forgotten:
            for name in ("gone", "replaced"):
                await kube.delete(key(name))
            await kube.apply(function_in(namespace, "replaced"), manager="user")
            await kube.apply(function_in(namespace, "changed", memory="1Gi"), manager="user")
            forgotten.append(version)
            # The server began with a later one.
            return await follow(self, "1")
        return await follow(self, version)

    monkeypatch.setattr(watching.Reflector, "_follow", first_of_a_forgotten_version)
    async with watch(kube, "Function") as changes:
        await until_synced(changes)
        told = await take(changes, 4)
    assert sorted(told) == [
        ("ADDED", "replaced"),
        ("DELETED", "gone"),
        ("DELETED", "replaced"),
        ("MODIFIED", "changed"),
    ]
    assert told.index(("DELETED", "replaced")) < told.index(("ADDED", "replaced"))

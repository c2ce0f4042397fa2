"""Kopf's watches, beside the loop that everything else runs in."""

import asyncio
import gc
import signal
import threading
from typing import Any

import kopf
import pytest

from funclet.controllers import feed as module
from funclet.controllers.feed import KopfFeed
from funclet.kube.connection import Connection
from funclet.kube.informer import Informer
from funclet.plan.plan import Key
from support.api_server import Server
from support.cluster_objects import deployment_in, pod_in
from support.kubes import until
from support.operators import Seen

# Kopf closes its connections over TLS without waiting until they are.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def cluster(api_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Kopf finds its cluster."""
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))


@pytest.fixture
async def seen(connection: Connection, namespace: str) -> Seen:
    """A namespace of a test's own."""
    return Seen(connection, namespace)


def feed_of(seen: Seen, *kinds: str, listed: Any = lambda: None) -> tuple[Informer, KopfFeed]:
    informer = Informer(seen.kube, kinds)
    return informer, KopfFeed(informer, kinds, [seen.namespace], on_listed=listed)


@pytest.mark.usefixtures("cluster")
async def test_a_word_of_each_kind_is_heard(seen: Seen) -> None:
    heard: list[str] = []
    informer = Informer(seen.kube, ("Function", "Alias"))
    feed = KopfFeed(informer, informer.kinds, [seen.namespace], on_listed=lambda: None, on_heard=heard.append)
    running = asyncio.create_task(feed.run())
    await seen.apply(seen.function("greet"))
    await until(lambda: "Function" in heard)
    assert "Alias" not in heard
    await seen.apply(seen.alias("live", "1", "greet"))
    await until(lambda: "Alias" in heard)
    await stopped(feed, running)


async def stopped(feed: KopfFeed, running: asyncio.Task[None]) -> None:
    """Stop it, and let go of what it left open here."""
    feed.stop()
    async with asyncio.timeout(10):
        await running
    await until(lambda: all(each.name != "watches" for each in threading.enumerate()))
    gc.collect()


@pytest.mark.usefixtures("cluster")
async def test_what_is_there_and_what_changes_and_goes_reaches_the_informer(seen: Seen) -> None:
    await seen.apply(seen.function("there"))
    lists: list[None] = []
    informer, feed = feed_of(seen, "Function", listed=lambda: lists.append(None))
    running = asyncio.create_task(feed.run())
    await until(lambda: informer.get(seen.key("there")) is not None)
    await until(lambda: lists == [None])
    await seen.apply(seen.function("later"))
    await until(lambda: informer.get(seen.key("later")) is not None)
    await until(lambda: lists == [None])
    await seen.kube.delete(seen.key("there"))
    await until(lambda: informer.get(seen.key("there")) is None)
    await stopped(feed, running)


@pytest.mark.usefixtures("cluster")
async def test_everything_but_functions_is_seen_only_with_funclets_label(seen: Seen) -> None:
    informer, feed = feed_of(seen, "Deployment")
    running = asyncio.create_task(feed.run())

    foreign = deployment_in(seen.namespace, "foreign", replicas=0)
    foreign["metadata"].pop("labels")
    await seen.kube.create(foreign, manager="user")
    await seen.kube.create(deployment_in(seen.namespace, "ours", replicas=0), manager="user")
    await until(lambda: informer.get(seen.key("ours", "Deployment")) is not None)
    assert informer.get(seen.key("foreign", "Deployment")) is None
    await stopped(feed, running)


@pytest.mark.usefixtures("cluster")
async def test_signals_and_tasks_of_the_process_are_left_alone(seen: Seen) -> None:
    before = signal.getsignal(signal.SIGTERM)
    informer, feed = feed_of(seen, "Function")
    running = asyncio.create_task(feed.run())
    await seen.apply(seen.function("there"))
    await until(lambda: informer.get(seen.key("there")) is not None)
    bystander = asyncio.create_task(asyncio.Event().wait())
    await stopped(feed, running)
    assert signal.getsignal(signal.SIGTERM) is before
    assert not bystander.done()
    bystander.cancel()


@pytest.mark.usefixtures("cluster")
async def test_watches_that_fail_begin_again(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = kopf.operator, [RuntimeError("the watch broke"), kopf.LoginError("no credentials")]

    async def failing(**given: Any) -> None:
        if failures:
            raise failures.pop()
        await real(**given)

    monkeypatch.setattr(kopf, "operator", failing)
    monkeypatch.setattr(module, "_AGAIN", 0.01)
    informer, feed = feed_of(seen, "Function")
    running = asyncio.create_task(feed.run())
    await seen.apply(seen.function("there"))
    await until(lambda: informer.get(seen.key("there")) is not None)
    assert not failures
    await stopped(feed, running)


async def test_a_feed_that_is_stopped_before_it_began_ends(seen: Seen) -> None:
    _, feed = feed_of(seen, "Function")
    feed.stop()
    async with asyncio.timeout(10):
        await feed.run()


@pytest.mark.usefixtures("cluster")
async def test_pods_are_trimmed(seen: Seen) -> None:
    informer, feed = feed_of(seen, "Pod")
    running = asyncio.create_task(feed.run())

    await seen.kube.create(pod_in(seen.namespace, "one"), manager="user")
    await until(lambda: informer.get(Key("Pod", seen.namespace, "one")) is not None)
    assert "containers" not in (informer.get(Key("Pod", seen.namespace, "one")) or {})["spec"]
    await stopped(feed, running)

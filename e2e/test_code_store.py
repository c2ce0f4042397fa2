"""Code from a store inside the cluster: fetched where the administrator allows it, and refused with its reason elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cluster.current import Current
from code_store.store import put_up, sha256
from faults.waiting import until
from load.asking import answer_of, ask
from release import release
from release.namespace import own_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kubectl import Kubectl
    from cluster.provider import Provider
    from code_store.store import Store
    from release.release import Release

pytestmark = pytest.mark.timeout(300)
SECONDS = 60.0
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
ARCHIVES = ("by-url", "from-s3")
NOT_PUBLIC = "the host has no public address"


@pytest.fixture(scope="module")
def namespace(funclet: Release) -> Iterator[str]:
    """One for all of these tests: to clear away a namespace takes longer than each of them."""
    with own_namespace(funclet.kubectl) as name:
        yield name


@pytest.fixture(scope="module")
def store(funclet: Release, namespace: str) -> Store:
    return put_up(funclet, namespace, *ARCHIVES)


@pytest.fixture(scope="module")
def opened(provider: Provider, store: Store, pytestconfig: pytest.Config) -> Iterator[Release]:
    """The release, for as long as these tests run, with values that let code come from the store."""
    if pytestconfig.getoption("as_installed") or isinstance(provider, Current):
        pytest.skip("the release is to stay as it is")
    yield release.change(provider, store.values)
    release.change(provider)


# Functions of one namespace that name the same archive share it: here each has an archive of its own.
async def test_a_store_inside_is_not_asked_unless_it_is_allowed(
    funclet: Release, namespace: str, store: Store
) -> None:
    urls = {
        "plain": store.url("plain"),
        "named": store.url("named").replace("http://", "https://"),
        "numbered": f"https://{store.address}/numbered.zip",
    }
    for name, url in urls.items():
        funclet.kubectl.apply(function(namespace, name, url=url))
    plain, named, numbered = await asyncio.gather(*(refusal(funclet, namespace, name) for name in urls))
    assert "plain http is not allowed on this platform; use https or s3" in plain
    assert NOT_PUBLIC in named
    assert NOT_PUBLIC in numbered


async def test_code_comes_from_a_store_that_is_allowed(opened: Release, namespace: str, store: Store) -> None:
    opened.kubectl.apply(
        function(namespace, "by-url", url=store.url("by-url")),
        function(namespace, "from-s3", s3=store.s3("from-s3")),
    )
    for name in ARCHIVES:
        opened.kubectl(
            "wait", f"fn/{name}", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70
        )
        answer = await answer_of(opened.target(name, namespace), {"name": "Ada"}, SECONDS)
        assert answer == {"archive": name, "event": {"name": "Ada"}}


async def test_an_archive_has_to_be_the_one_that_was_asked_for_and_metadata_is_never_asked(
    opened: Release, namespace: str, store: Store
) -> None:
    sources = {
        "altered": {"url": store.url("by-url")},
        "altered-s3": {"s3": store.s3("from-s3")},
        "metadata": {"url": METADATA},
    }
    for name, source in sources.items():
        opened.kubectl.apply(function(namespace, name, **source))
    by_url, from_s3, metadata = await asyncio.gather(*(refusal(opened, namespace, name) for name in sources))
    for name, said in {"altered": by_url, "altered-s3": from_s3}.items():
        assert f"what came for {sha256(name)} is something else: its SHA-256 does not match" in said
    assert NOT_PUBLIC in metadata


def function(namespace: str, name: str, **source: str) -> dict[str, Any]:
    """A Function whose code is the archive of its name, and is said to be there."""
    code = {"zip": {**source, "sha256": sha256(name)}}
    spec = {"runtime": "python", "handler": "app.handler", "timeout": "5s", "code": code}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "metadata": metadata, "spec": spec}


async def refusal(funclet: Release, namespace: str, name: str) -> str:
    """What the status of a Function says after a call that failed, which the caller is told too."""
    kubectl = funclet.kubectl
    await until(lambda: status(kubectl, namespace, name).get("functionArn"), f"{name} was seen")
    target = await asyncio.to_thread(funclet.target, name, namespace)
    calling = asyncio.create_task(ask(target, {}, 2 * SECONDS))
    message = await until(lambda: why_not_ready(kubectl, namespace, name), f"{name} says why", SECONDS)
    answer = await asyncio.wait_for(calling, SECONDS)
    assert answer.status >= 400 or answer.function_error, answer.text
    assert answer.json["errorType"] == "CodeUnavailable", answer.text
    # Lambda puts the request's id before it.
    assert answer.json["errorMessage"].partition(" Error: ")[2] in message, answer.text
    return message


def status(kubectl: Kubectl, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get("fn", name, "-n", namespace).get("status") or {}
    return found


def why_not_ready(kubectl: Kubectl, namespace: str, name: str) -> str:
    """The message of the condition Ready, where code could not be had; else nothing."""
    conditions = status(kubectl, namespace, name).get("conditions", [])
    found = [each for each in conditions if each["type"] == "Ready" and each["status"] == "False"]
    return str(found[0]["message"]) if found and "CodeUnavailable" in found[0]["message"] else ""

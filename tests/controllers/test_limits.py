"""What a namespace's own limits do to functions, on a control plane with controllers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from funclet.kube.port import Object
from support.api_server import Server, make_namespace
from support.operators import Seen, condition, running

LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "memory of a container": ({"type": "Container", "max": {"memory": "64Mi"}}, "spec.memory"),
    "memory of a pod": ({"type": "Pod", "max": {"memory": "64Mi"}}, "spec.memory"),
    "at least so much CPU": ({"type": "Container", "min": {"cpu": "4"}}, "pods.cpuLimit"),
    "at most so much CPU": ({"type": "Container", "max": {"cpu": "4"}}, ""),
    "a ratio": ({"type": "Container", "maxLimitRequestRatio": {"memory": "1"}}, "spec.ephemeralStorage"),
    "disk": ({"type": "Container", "max": {"ephemeral-storage": "1Mi"}}, "spec.ephemeralStorage"),
    "a default below the request": (
        {"type": "Container", "default": {"cpu": "10m"}, "defaultRequest": {"cpu": "10m"}},
        "pods.cpuLimit",
    ),
}


@pytest.fixture
async def seen(whole: Server) -> AsyncIterator[Seen]:
    """A namespace of the test's own."""
    connection = await whole.connect()
    found = Seen(connection, Seen.new())
    await make_namespace(connection, found.namespace)
    yield found
    await connection.close()


async def scaled(seen: Seen, name: str, replicas: int) -> Object:
    """Ask for instances of a function as a gateway does; gives its Deployment."""
    deployment = await seen.deployed(name)
    key = seen.key(deployment["metadata"]["name"], "Deployment")
    await seen.kube.scale(key, replicas, manager="funclet-gateway")
    return deployment


@pytest.mark.parametrize("case", LIMITS)
async def test_a_limit_range_that_refuses_pods_is_told_with_what_to_do(
    whole: Server, seen: Seen, case: str
) -> None:
    limits, words = LIMITS[case]
    body = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits"},
        "spec": {"limits": [limits]},
    }
    await seen.connection.call("POST", f"/api/v1/namespaces/{seen.namespace}/limitranges", body=body)
    with running(whole.kubeconfig, seen.namespace):
        await seen.apply(seen.function("greet"))
        await scaled(seen, "greet", 1)
        if not words:
            # The limit is taken for the one that the function does not have.
            await seen.until("greet", lambda found: found["status"]["instances"] == 1)
            return
        told = condition(await seen.said("greet", "QuotaExceeded"))["message"]
    assert words in told
    assert "LimitRange" in told


async def test_a_quota_is_forgotten_once_it_stands_in_the_way_no_more(whole: Server, seen: Seen) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": seen.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    await seen.kube.create(quota, manager="kubectl")
    with running(whole.kubeconfig, seen.namespace):
        await seen.apply(seen.function("greet"))
        deployment = await scaled(seen, "greet", 1)
        await seen.said("greet", "QuotaExceeded")
        await seen.kube.delete(seen.key("q", "ResourceQuota"))
        await seen.kube.scale(
            seen.key(deployment["metadata"]["name"], "Deployment"), 0, manager="funclet-gateway"
        )
        await seen.ready("greet")

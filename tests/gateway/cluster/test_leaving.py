"""A gateway that leaves stays away, although its look at the others goes on."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from funclet.kube.membership import Membership
from funclet.kube.port import NotFoundError
from funclet.plan.plan import Key

if TYPE_CHECKING:
    from funclet.kube.cluster_port import ClusterPort


class Leases:
    """The Leases of an API server."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.slow: asyncio.Event | None = None

    async def apply(self, manifest: dict[str, Any], *, manager: str) -> dict[str, Any]:
        assert manager
        if self.slow is not None:
            await self.slow.wait()
        metadata = {**manifest["metadata"], "uid": "u", "resourceVersion": "1"}
        stored = {**manifest, "metadata": metadata}
        self.objects[Key("Lease", metadata["namespace"], metadata["name"])] = stored
        return stored

    async def list(self, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        assert (kind, namespace) == ("Lease", "system")
        return list(self.objects.values())

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        assert uid in {None, "u"}
        if self.objects.pop(key, None) is None:
            raise NotFoundError("gone")


def member(leases: Leases, name: str) -> Membership:
    kube = cast("ClusterPort", leases)
    return Membership(kube, namespace="system", identity=name, address=f"10.0.0.1:{ord(name)}")


async def test_a_gateway_that_left_does_not_come_back_and_still_sees_the_others() -> None:
    leases = Leases()
    one, two = member(leases, "a"), member(leases, "b")
    await one.attempt()
    await one.leave()
    await one.attempt()
    assert leases.objects == {}
    await two.attempt()
    await one.attempt()
    assert set(one.peers) == {"a", "b"}
    assert set(two.peers) == {"b"}
    assert not one.renewed(10.0)


async def test_a_renewal_that_was_under_way_when_a_gateway_left_is_taken_back() -> None:
    leases = Leases()
    one = member(leases, "a")
    leases.slow = asyncio.Event()
    renewing = asyncio.create_task(one.attempt())
    await asyncio.sleep(0)
    await one.leave()
    leases.slow.set()
    await renewing
    assert leases.objects == {}
    assert not one.renewed(10.0)

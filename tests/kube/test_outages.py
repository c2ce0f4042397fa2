"""What an informer of a real API server knows while the server ends and comes back."""

import asyncio
import json

from funclet.kube.client import ClusterKube
from funclet.kube.cluster_port import UnreachableError
from funclet.kube.informer import Informer
from funclet.plan.plan import Key
from support.api_server import Server
from support.cluster_objects import function_in
from support.kubes import until

A, B = Key("Function", "default", "a"), Key("Function", "default", "b")


async def test_an_informer_keeps_what_it_knows_while_the_server_is_away_and_learns_what_changed(
    own_api_server: Server,
) -> None:
    connection = await own_api_server.connect()
    kube = ClusterKube(connection)
    for key in (A, B):
        await kube.apply(function_in("default", key.name), manager="user")
    informer = Informer(kube, ("Function", "Pod"))
    running = asyncio.create_task(informer.run())
    try:
        await informer.synced.wait()
        plane = own_api_server.plane
        plane.stop("kube-apiserver")
        try:
            await kube.get(A)
        except UnreachableError:
            pass
        else:
            raise AssertionError("it still answers")
        assert informer.get(A) is not None
        snapshot = json.loads(json.dumps(informer.dump()))

        heir = Informer(kube, ("Function", "Pod"))
        heir.restore(snapshot)
        assert heir.get(B) == informer.get(B)
        assert not heir.synced.is_set()

        await asyncio.to_thread(plane.start, "kube-apiserver")
        await kube.delete(B)
        await kube.apply(function_in("default", "a", memory="1Gi"), manager="user")
        await until(lambda: informer.get(B) is None and (informer.get(A) or {})["spec"]["memory"] == "1Gi")
        await heir.resync()
        assert heir.dump() == informer.dump()
        assert heir.synced.is_set()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await connection.close()

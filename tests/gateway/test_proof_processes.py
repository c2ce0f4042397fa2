"""Contract 2 between the gateway and the supervisor as it is: a process, with its own check of the signature."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funclet.gateway.ask import AskError, ask, fence, is_ready
from funclet.gateway.cluster.contact import PodContact
from funclet.gateway.deployments.ports import Reached
from funclet.gateway.gateway import Gateway
from funclet.gateway.ports import Instance, UnixAddress
from funclet.gateway.proof import Prover, Signer, Trust
from funclet.gateway.resend import Fence
from funclet.gateway.settings import GatewaySettings
from funclet.plan.revision import Revision
from support.gateway import HttpAnswer, exchange, invoke_bytes, revision, route, table
from support.pod import KEY, OTHER_KEY, POD, UID
from support.supervisor import Supervisor, python_command, settings_for

pytestmark = pytest.mark.processes

HELLO = revision()
BOTH = [KEY.setting, OTHER_KEY.setting]
ONE, TWO = Signer({"one": KEY.private}), Signer({"two": OTHER_KEY.private})
FORGED = Signer({"one": OTHER_KEY.private})
STRANGER = Signer({"three": OTHER_KEY.private})
OTHER_UID = "00000000-93a5-4f4d-9a53-0d1c5a4f2f11"
READY = b"GET /ready HTTP/1.1\r\nhost: funclet\r\nconnection: close\r\n\r\n"
#: an init that takes a while
SLOW = "import time; time.sleep(0.4)\n"
ECHO = "def handler(event, context): return event"
#: writes down each event that reaches it
LEDGER = """
import json
def handler(event, context):
    with open("ledger", "a") as file:
        file.write(json.dumps(event) + "\\n")
    return event
"""


class Pods:
    """Supervisors as processes; each is as good as a pod."""

    def __init__(self) -> None:
        self._open: list[Supervisor] = []

    def start(self, code: str = ECHO, **changes: Any) -> Supervisor:
        """Run one that wants a proof."""
        folder = Path(tempfile.mkdtemp(prefix="funclet-"))
        (folder / "app.py").write_text(code)
        settings = settings_for(folder, python_command(), **{"revision": HELLO.key, "keys": BOTH, **changes})
        told = {name: value for name, value in settings.items() if value is not None}
        pod = Supervisor(folder, told, variables=POD).__enter__()
        self._open.append(pod)
        pod.gateway().socket.close()
        return pod

    def close(self) -> None:
        """End them."""
        for pod in self._open:
            pod.__exit__(None, None, None)
            shutil.rmtree(pod.folder)


@pytest.fixture
def pods() -> Iterator[Pods]:
    """Give a factory of supervisors."""
    made = Pods()
    try:
        yield made
    finally:
        made.close()


def instance(pod: Supervisor, uid: str = UID, of: Revision = HELLO) -> Instance:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return Instance("p", of, UnixAddress(pod.address), ended, pod_uid=uid)


class OnePod:
    """A starter that has this pod, and no other."""

    def __init__(self, pod: Supervisor, uid: str = UID) -> None:
        self._pod = pod
        self._uid = uid

    async def start(self, revision: Revision) -> Instance:
        return instance(self._pod, self._uid, revision)

    async def stop(self, instance: Instance) -> None:
        if not instance.ended.done():
            instance.ended.set_result("It was stopped.")


async def call(pod: Supervisor, prover: Prover | None, body: bytes = b"1", *, uid: str = UID) -> HttpAnswer:
    """One call through a gateway of its own."""
    settings = replace(GatewaySettings(init_seconds=2.0), port=0)
    gateway = Gateway(OnePod(pod, uid), settings, prover=prover)
    await gateway.start()
    gateway.update_routes(table(route()))
    try:
        return await exchange(gateway.port, invoke_bytes(body=body))
    finally:
        await gateway.stop(0.1)


@pytest.mark.parametrize("prover", [ONE, TWO, Signer({"zero": KEY.private, "two": OTHER_KEY.private})])
async def test_a_gateway_with_any_key_of_the_rotation_is_served(pods: Pods, prover: Prover) -> None:
    pod = pods.start()
    assert (await call(pod, prover, b'{"a": 1}')).json() == {"a": 1}
    assert (await ask(UnixAddress(pod.address), READY, (prover, UID))).status in {200, 503}


async def test_a_call_that_comes_while_init_runs_waits_for_it(pods: Pods) -> None:
    pod = pods.start(SLOW + ECHO)
    assert not await is_ready(UnixAddress(pod.address), HELLO.key, (ONE, UID))
    assert (await call(pod, ONE, b"2")).json() == 2
    assert await is_ready(UnixAddress(pod.address), HELLO.key, (ONE, UID))


@pytest.mark.parametrize(
    ("prover", "uid", "changes"),
    [
        (FORGED, UID, {}),
        (STRANGER, UID, {}),
        (None, UID, {}),
        (ONE, OTHER_UID, {}),
        (ONE, UID, {"keys": [OTHER_KEY.setting]}),
        # a supervisor of contract 1 proves nothing, so it is sent nothing
        (ONE, UID, {"keys": None}),
    ],
)
async def test_where_either_side_is_not_who_it_should_be_no_call_runs(
    pods: Pods, prover: Prover | None, uid: str, changes: dict[str, Any]
) -> None:
    pod = pods.start(LEDGER, **changes)
    answer = await call(pod, prover, b'"not for you"', uid=uid)
    assert answer.status >= 400
    trust: Trust = (prover, uid) if prover is not None else None
    with pytest.raises(AskError):
        await ask(UnixAddress(pod.address), READY, trust)
    assert not (pod.folder / "ledger").exists()


async def test_many_calls_over_one_proved_connection_each_run_once(pods: Pods) -> None:
    pod = pods.start(LEDGER)
    settings = replace(GatewaySettings(), port=0)
    gateway = Gateway(OnePod(pod), settings, prover=ONE)
    await gateway.start()
    gateway.update_routes(table(route(reserved=1)))
    for number in range(50):
        assert (await exchange(gateway.port, invoke_bytes(body=b"%d" % number))).json() == number
    await gateway.stop(1.0)
    assert [json.loads(line) for line in (pod.folder / "ledger").read_text().split()] == list(range(50))


@pytest.mark.parametrize("size", [64 * 1024 - 2, 64 * 1024 - 1, 3 * 1024 * 1024])
async def test_small_and_large_events_arrive_whole(pods: Pods, size: int) -> None:
    pod = pods.start("def handler(event, context): return len(event)")
    assert (await call(pod, ONE, b'"' + b"a" * size + b'"')).json() == size


async def test_the_fence_is_asked_for_over_a_proved_connection(pods: Pods) -> None:
    pod = pods.start()
    with pod.gateway() as dialled:
        boot = dict(word.split("=", 1) for word in dialled.greeting[1:])["boot"]
    address = UnixAddress(pod.address)
    assert await fence(address, boot, "0" * 32, (ONE, UID)) == (True, Fence.REFUSED)
    assert await fence(address, boot, "0" * 32, (ONE, OTHER_UID)) == (False, Fence.UNREACHABLE)


# -- contact


@pytest.fixture
async def contact() -> PodContact:
    """Short questions of a gateway."""
    return PodContact(ONE)


async def test_a_pod_is_reached_only_as_itself_and_with_its_revision(pods: Pods, contact: PodContact) -> None:
    address = UnixAddress(pods.start(SLOW + ECHO).address)
    reach = contact.reach
    assert await reach(address, UID, HELLO.key) is not Reached.NOT  # type: ignore[arg-type]  # a pod's is TCP
    assert await reach(address, OTHER_UID, HELLO.key) is Reached.NOT  # type: ignore[arg-type]  # the same
    assert await reach(address, UID, "another") is Reached.NOT  # type: ignore[arg-type]  # the same
    assert await reach(UnixAddress("/nowhere"), UID, HELLO.key) is Reached.NOT  # type: ignore[arg-type]  # the same


async def test_a_pod_that_retires_takes_no_call_and_says_so(pods: Pods, contact: PodContact) -> None:
    pod = pods.start(LEDGER)
    assert not await contact.retire(instance(pod, OTHER_UID))
    assert await contact.retire(instance(pod))
    assert not await is_ready(UnixAddress(pod.address), HELLO.key, (ONE, UID))
    assert (await call(pod, ONE)).status == 503
    assert not (pod.folder / "ledger").exists()
    assert not await contact.retire(replace(instance(pod), address=UnixAddress("/nowhere")))

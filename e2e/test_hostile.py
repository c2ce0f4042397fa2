"""Functions that do their worst meet the limits of their own pod; neighbours and the node go on (bad inputs 65, 66, 73, 74)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hostile
from faults.pods import delete, is_ready, of_function
from faults.waiting import until
from ledger.records import OK
from load.asking import Answer, answer_of, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cluster.kubectl import Kubectl
    from release.release import Release

pytestmark = pytest.mark.timeout(600)
CODE = Path(hostile.__file__).with_name("deeds.py")
# Seconds: the function's timeout, and what a caller waits for beyond it: a start, and a reply.
TIMEOUT, BEYOND = 60, 45
# Processes that a pod may have on the clusters that these tests make, and some.
PROCESSES = 300
# Of memory for all of these: the limit of this may not be met first.
ROOM = "512Mi"
# Both ports of a supervisor, and the requests that would matter if they were heeded.
INVOKE, HEALTH = 8901, 8902
REQUESTS = [
    "GET /ready HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /invoke HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
    "POST /retire HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    "POST /fence HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    f"POST /prove HTTP/1.1\r\nhost: x\r\nx-funclet-key: a\r\nx-funclet-signature: AAAA\r\nx-funclet-nonce: {'0' * 32}\r\n\r\n",
]


@pytest.fixture
def apply(funclet: Release, namespace: str) -> Callable[..., None]:
    """Applies a Function of this code and waits until it is Ready."""

    def applied(name: str, **spec: Any) -> None:
        body = {
            "runtime": "python",
            "handler": "app.handler",
            "timeout": f"{TIMEOUT}s",
            "code": {"inline": {"app.py": CODE.read_text("utf-8")}},
            **spec,
        }
        metadata = {"name": name, "namespace": namespace}
        api = "funclet.dev/v1alpha1"
        funclet.kubectl.apply({"apiVersion": api, "kind": "Function", "metadata": metadata, "spec": body})
        funclet.kubectl(
            "wait", f"fn/{name}", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70
        )

    return applied


async def test_forks_run_into_the_pods_own_limit(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile", memory=ROOM)
    async with undisturbed(funclet, namespace, apply):
        answer = await asked(funclet, namespace, "forks")
    assert answer["errno"] == errno.EAGAIN
    assert 0 < answer["made"] < PROCESSES
    await still_serves(funclet, namespace)


async def test_a_fork_bomb_ends_with_its_timeout(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile", timeout="5s", memory=ROOM)
    async with undisturbed(funclet, namespace, apply):
        answer = await told(funclet, namespace, "bomb", 5 + BEYOND)
    assert answer.function_error
    assert "Task timed out after 5.00 seconds" in answer.text
    await still_serves(funclet, namespace)


async def test_threads_run_into_the_pods_own_limit(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile")
    async with undisturbed(funclet, namespace, apply):
        answer = await asked(funclet, namespace, "threads")
    assert "can't start new thread" in answer["said"]
    assert 0 < answer["made"] < PROCESSES
    await still_serves(funclet, namespace)


async def test_a_full_tmp_is_an_error_of_the_function_alone(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile", ephemeralStorage="512Mi")
    async with undisturbed(funclet, namespace, apply):
        answer = await asked(funclet, namespace, "fill")
    assert answer["errno"] == errno.ENOSPC
    assert answer["bytes"] <= 512 << 20
    await still_serves(funclet, namespace)
    [pod] = of_function(funclet.kubectl, namespace, "hostile")
    assert restarts(pod)[1] == 0


async def test_a_million_files_in_tmp_cost_the_function_alone(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    """Names take memory of the pod, so that either the files or the process come to an end."""
    apply("hostile", ephemeralStorage="512Mi")
    async with undisturbed(funclet, namespace, apply):
        answer = await told(funclet, namespace, "litter", TIMEOUT + BEYOND)
    # Files, or an error of the function or of its instance; never silence.
    if answer.status == OK and not answer.function_error:
        assert answer.json["made"] > 0
    else:
        assert answer.function_error or answer.status >= 500, answer.text
    await still_serves(funclet, namespace)


async def test_control_ports_heed_nobody_without_proof(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile")
    apply("neighbour")
    for name in ("hostile", "neighbour"):
        await asked(funclet, namespace, "nothing", name)
    own = await addressed(funclet.kubectl, namespace, "hostile")
    other = await addressed(funclet.kubectl, namespace, "neighbour")
    for host in ("127.0.0.1", own["status"]["podIP"], other["status"]["podIP"]):
        said = await asked(funclet, namespace, "talk", host=host, port=INVOKE, lines=REQUESTS)
        assert statuses(said) <= {"401"}, said
        learnt = [secret for secret in secrets_of(own) + secrets_of(other) if secret in said]
        assert learnt == []
        said = await asked(funclet, namespace, "talk", host=host, port=HEALTH, lines=REQUESTS[1:])
        assert statuses(said) <= {"400", "404"}, said
    await still_serves(funclet, namespace)
    await still_serves(funclet, namespace, "neighbour")


async def test_gateways_tell_nothing_without_a_capability(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile")
    sha256 = funclet.kubectl.get("fn", "hostile", "-n", namespace)["status"]["codeSha256"]
    lines = [
        f"GET /code/{namespace}/{sha256} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {'0' * 64}\r\nconnection: close\r\n\r\n",
        "POST /announce HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        "POST /relay HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    ]
    for pod in funclet.pods("gateway"):
        address = pod["status"]["podIP"]
        said = await asked(funclet, namespace, "talk", host=address, port=8702, lines=lines)
        assert statuses(said) <= {"400", "401", "403"}, said


async def test_the_api_server_is_closed_to_functions(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile")
    address = funclet.kubectl.get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    paths = [
        "/api/v1/secrets",
        f"/api/v1/namespaces/{namespace}/pods",
        "/apis/funclet.dev/v1alpha1/functions",
    ]
    answer = await asked(funclet, namespace, "api_server", host=address, paths=paths)
    assert answer["token"] is False
    # Where policies are enforced it is not even reached.
    assert set(answer["statuses"].values()) <= {0, 401, 403}


async def test_variables_have_no_effect_on_the_supervisor(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    """A loader that cannot preload a library says so: in JSON where the function's says it, else in plain text."""
    variables = {
        "LD_PRELOAD": "/nowhere/evil.so",
        "TZ": "Asia/Tokyo",
        "GLIBC_TUNABLES": "glibc.malloc.check=3",
    }
    metadata = {"name": "variables", "namespace": namespace}
    funclet.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": variables})
    # By the pod's environment, and by the function's own.
    references = {name: name for name in ("LD_PRELOAD", "GLIBC_TUNABLES")}
    apply(
        "hostile",
        configMaps=[{"name": "variables", "variables": references}],
        environment={"TZ": variables["TZ"]},
        logging={"format": "JSON"},
    )
    answer = await asked(funclet, namespace, "look", names=list(variables))
    assert answer == {"variables": variables, "of the first process": []}
    pods = await until(lambda: ready_pods(funclet.kubectl, namespace), "a pod is ready")
    pod = pods[0]
    log = funclet.kubectl("logs", pod["metadata"]["name"], "-n", namespace, "-c", "function")
    records = [json.loads(line) for line in log.splitlines()]
    assert any(each["type"] == "platform.initStart" for each in records)
    for each in records:
        age = datetime.now(UTC) - datetime.fromisoformat(each["time"])
        assert timedelta() <= age + timedelta(seconds=5) < timedelta(minutes=30)


async def test_the_root_file_system_and_the_code_are_not_written_to(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    apply("hostile")
    paths = ["/x", "/usr/x", "/etc/passwd", "/funclet/bin/supervisor", "/funclet/x", "/var/task/app.py"]
    answer = await asked(funclet, namespace, "places", paths=paths)
    assert answer["read-only"] is True
    assert set(answer["errno"].values()) <= {errno.EROFS, errno.EACCES}


async def test_code_that_was_replaced_reaches_no_other_instance(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    """A function owns its code's files, and may undo that they are read-only; every pod fetches its own."""
    apply("hostile")
    await asked(funclet, namespace, "replace")
    [pod] = of_function(funclet.kubectl, namespace, "hostile")
    delete(funclet.kubectl, pod)
    await until(lambda: pod["metadata"]["uid"] not in uids(funclet.kubectl, namespace), "the pod is going")
    await still_serves(funclet, namespace)


@contextlib.asynccontextmanager
async def undisturbed(funclet: Release, namespace: str, apply: Callable[..., None]) -> AsyncIterator[None]:
    """Sees that a neighbour answers all the while, and that the node is ready at the end."""
    await asyncio.to_thread(apply, "neighbour")
    await still_serves(funclet, namespace, "neighbour")
    ended = asyncio.Event()

    async def calls() -> int:
        number = 0
        while not ended.is_set():
            assert await asked(funclet, namespace, "nothing", "neighbour") == "there"
            number += 1
            await asyncio.sleep(0.5)
        return number

    calling = asyncio.create_task(calls())
    try:
        yield
    finally:
        ended.set()
        number = await calling
    assert number > 0
    assert all(is_ready(node) for node in funclet.kubectl.get("nodes")["items"])


async def told(
    funclet: Release, namespace: str, deed: str, seconds: float, function: str = "hostile", **given: Any
) -> Answer:
    """What comes of a deed. Raises TimeoutError where nothing does within so many seconds."""
    target = await asyncio.to_thread(funclet.target, function, namespace)
    return await ask(target, {"deed": deed, "with": given}, seconds)


async def asked(funclet: Release, namespace: str, deed: str, function: str = "hostile", **given: Any) -> Any:
    """What the function answers after a deed."""
    target = await asyncio.to_thread(funclet.target, function, namespace)
    return await answer_of(target, {"deed": deed, "with": given}, TIMEOUT + BEYOND)


async def still_serves(funclet: Release, namespace: str, function: str = "hostile") -> None:
    """Wait until the function does again what it should: a runtime that ended is started anew."""
    latest = asyncio.get_running_loop().time() + 120
    while True:
        answer = await told(funclet, namespace, "nothing", TIMEOUT + BEYOND, function)
        if (answer.status, answer.function_error) == (OK, "") and answer.json == "there":
            return
        assert asyncio.get_running_loop().time() < latest, answer.text
        await asyncio.sleep(1)


def ready_pods(kubectl: Kubectl, namespace: str) -> list[dict[str, Any]]:
    """The function's pods that take calls."""
    return [pod for pod in of_function(kubectl, namespace, "hostile") if is_ready(pod)]


async def addressed(kubectl: Kubectl, namespace: str, function: str) -> dict[str, Any]:
    """The function's pod, once the kubelet has said its address: it is called before that."""
    found = await until(
        lambda: [pod for pod in of_function(kubectl, namespace, function) if pod["status"].get("podIP")],
        f"{function} has an address",
    )
    [pod] = found
    return pod


def restarts(pod: dict[str, Any]) -> tuple[str, int]:
    """Which pod it is, and how often its container was restarted."""
    [container] = pod["status"]["containerStatuses"]
    return pod["metadata"]["uid"], container["restartCount"]


def uids(kubectl: Kubectl, namespace: str) -> set[str]:
    """The function's pods that are not going."""
    return {pod["metadata"]["uid"] for pod in of_function(kubectl, namespace, "hostile")}


def statuses(said: str) -> set[str]:
    """The statuses of all HTTP answers in it."""
    return {line.split()[1] for line in said.splitlines() if line.startswith("HTTP/1.1 ")}


def secrets_of(pod: dict[str, Any]) -> list[str]:
    """What proves a supervisor and what a pod may be given: its uid and its capabilities."""
    variables = pod["spec"]["containers"][0]["env"]
    settings = json.loads(next(each["value"] for each in variables if each["name"] == "FUNCLET_SETTINGS"))
    return [pod["metadata"]["uid"], settings["code"]["capability"], settings["announce"]["capability"]]

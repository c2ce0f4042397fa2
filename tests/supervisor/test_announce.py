"""A pod tells the gateways that it listens, until one of them has come and proved itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.pod import CAPABILITY, KEY, POD, UID, InternalPort, prove
from support.supervisor import REVISION, Gateway, Supervisor, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

ECHO = "def handler(event, context): return event"


def announcing(functions: Functions, url: str, **changes: Any) -> Supervisor:
    return functions.python(
        ECHO,
        **{
            "listen": "tcp:127.0.0.1:0",
            "keys": [KEY.setting],
            "announce": {"url": f"{url}/announce", "capability": CAPABILITY},
            "variables": POD,
            **changes,
        },
    )


def test_it_tells_who_and_where_it_is_and_takes_an_event_from_whoever_comes(functions: Functions) -> None:
    with InternalPort(lambda _: (204, b"")) as port:
        announcing(functions, port.url)
        request = port.first()
        told = request.json
        with Gateway(f"tcp:127.0.0.1:{told.pop('port')}") as gateway:
            assert prove(gateway).status == 200
            assert gateway.invoke(b"7").json == 7
    assert (request.method, request.path) == ("POST", "/announce")
    assert request.authorization == f"Bearer {CAPABILITY}"
    assert told == {
        "namespace": "shop",
        "pod": "hello-abc",
        "uid": UID,
        "address": "10.1.2.3",
        "revision": REVISION,
    }


@pytest.mark.parametrize("status", [204, 404])
def test_it_tells_it_again_until_a_gateway_has_proved_itself(functions: Functions, status: int) -> None:
    with InternalPort(lambda _: (status, b"")) as port:
        supervisor = announcing(functions, port.url)
        address = f"tcp:127.0.0.1:{port.first().json['port']}"
        with Gateway(address) as unproved:
            assert unproved.invoke().status == 401
        wait_for(lambda: len(port.came) >= 3)
        with Gateway(address) as gateway:
            assert prove(gateway).status == 200
            wait_for(lambda: len(supervisor.descendants()) == 1)
            told = len(port.came)
            gateway.invoke()
        # Longer than the next pause would have been.
        with pytest.raises(AssertionError):
            wait_for(lambda: len(port.came) > told, patience=1.0)


def test_it_is_told_before_the_function_is_ready(functions: Functions) -> None:
    with InternalPort(lambda _: (204, b"")) as port:
        supervisor = functions.python(
            "import os, time\nwhile not os.path.exists('go'): time.sleep(0.005)\n" + ECHO,
            listen="tcp:127.0.0.1:0",
            keys=[KEY.setting],
            announce={"url": port.url, "capability": CAPABILITY},
            variables=POD,
        )
        told = port.first().json
        with Gateway(f"tcp:127.0.0.1:{told['port']}") as gateway:
            prove(gateway)
            assert gateway.request("GET", "/ready").status == 503
            (supervisor.folder / "go").touch()
            wait_for(lambda: gateway.request("GET", "/ready").status == 200)


def test_it_says_once_why_it_cannot_be_told(functions: Functions) -> None:
    with InternalPort(lambda _: (401, b"")) as port:
        supervisor = announcing(functions, port.url)
        assert supervisor.complaint() == "funclet supervisor: announcement: the gateway answered 401\n"
        wait_for(lambda: len(port.came) >= 3)


def test_where_nobody_listens_the_function_runs_all_the_same(functions: Functions) -> None:
    with InternalPort(lambda _: (204, b"")) as port:
        url = port.url
    supervisor = announcing(functions, url)
    assert "Connection refused" in supervisor.complaint()
    wait_for(supervisor.descendants)


def test_memory_of_the_one_who_tells_is_not_the_functions(functions: Functions) -> None:
    with InternalPort(lambda _: (204, b"")) as port:
        announcing(functions, port.url)
        told = port.first().json
        with Gateway(f"tcp:127.0.0.1:{told['port']}") as gateway:
            prove(gateway)
            assert 1 < int(gateway.invoke().headers["x-funclet-memory-mb"]) < 40

"""Contract 1 between gateway and supervisor, as a gateway sees it."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from support.supervisor import REVISION, Gateway, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

ECHO = "def handler(event, context): return event"
#: waits until the file that the event names is there
WAIT = """
import os, time
def handler(event, context):
    open(event["file"] + ".started", "w").close()
    while not os.path.exists(event["file"]):
        time.sleep(0.005)
    return "done"
"""


def head(**changes: str) -> dict[str, str]:
    return {
        "x-funclet-revision": REVISION,
        "x-funclet-token": uuid.uuid4().hex,
        "lambda-runtime-aws-request-id": "id-1",
        "content-length": "2",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }


def test_the_supervisor_speaks_first_and_names_its_life_and_revision(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as one, functions.started[0].gateway() as two:
        name, boot, revision = one.greeting
        assert (name, revision) == ("FUNCLET/1", f"revision={REVISION}")
        assert len(boot.removeprefix("boot=")) == 16
        assert int(boot.removeprefix("boot="), 16) >= 0
        assert one.greeting == two.greeting
    with functions.python(ECHO).gateway() as other:
        assert other.greeting[1] != boot


def test_an_event_comes_back_with_what_is_metered(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        first = gateway.invoke(b'{"a": "\xc3\xa9"}')
        second = gateway.invoke(b"[1]")
    assert (first.status, first.outcome, first.json) == (200, "ok", {"a": "é"})
    assert first.headers["content-type"] == "application/json"
    assert int(first.headers["x-funclet-init-us"]) > 0
    assert 0 < int(first.headers["x-funclet-duration-us"]) <= int(first.headers["x-funclet-billed-ms"]) * 1000
    assert 1 < int(first.headers["x-funclet-memory-mb"]) < 128
    assert second.json == [1]
    assert "x-funclet-init-us" not in second.headers
    assert "x-funclet-log-tail" not in second.headers


def test_the_function_is_told_what_the_gateway_tells(functions: Functions) -> None:
    supervisor = functions.python(
        """
        import os
        def handler(event, context):
            return [context.aws_request_id, context.invoked_function_arn, context.client_context.custom,
                    context.identity.cognito_identity_id, os.environ["_X_AMZN_TRACE_ID"],
                    0 < context.get_remaining_time_in_millis() <= 3000]
    """.replace("\n        ", "\n")
    )
    answer = supervisor.invoke(
        lambda_runtime_aws_request_id="r-1",
        lambda_runtime_invoked_function_arn="arn:x",
        lambda_runtime_client_context='{"custom": {"a": 1}}',
        lambda_runtime_cognito_identity='{"cognitoIdentityId": "i"}',
        lambda_runtime_trace_id="Root=1",
    )
    assert answer.json == ["r-1", "arn:x", {"a": 1}, "i", "Root=1", True]


def test_another_revision_is_not_started_and_the_connection_stays_open(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        assert gateway.invoke(b"x" * 6_000_000, x_funclet_revision="other").not_started == "revision"
        assert gateway.invoke(b"1").json == 1


def test_not_started_is_decided_from_the_head_alone(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        gateway.send("POST", "/invoke", head(x_funclet_revision="other", content_length="6000000"))
        answer = gateway.answer()
        assert (answer.status, answer.not_started) == (503, "revision")
        gateway.socket.sendall(b"x" * 6_000_000)
        assert gateway.request("GET", "/ready").status in {200, 503}


def test_while_one_event_runs_another_is_not_started(functions: Functions) -> None:
    supervisor = functions.python(WAIT)
    file = supervisor.folder / "go"
    with supervisor.gateway() as one, supervisor.gateway() as two:
        one.send_invoke(json.dumps({"file": str(file)}).encode())
        assert two.invoke().not_started == "busy"
        file.touch()
        assert one.answer().json == "done"
        assert two.invoke(json.dumps({"file": str(file)}).encode()).json == "done"


def test_an_event_on_its_way_keeps_the_instance(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as one, functions.started[0].gateway() as two:
        one.send("POST", "/invoke", head(), b"{")
        assert wait_for(lambda: two.invoke().not_started) == "busy"
        one.socket.sendall(b"}")
        assert one.answer().json == {}


def test_a_gateway_that_goes_while_it_sends_frees_the_instance(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as two:
        with functions.started[0].gateway() as one:
            token = uuid.uuid4().hex
            one.send("POST", "/invoke", head(x_funclet_token=token), b"{")
            wait_for(lambda: two.invoke().not_started)
        wait_for(lambda: two.invoke().outcome)
        assert two.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"] == "refused"


def test_a_token_that_was_asked_about_never_runs(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        token = uuid.uuid4().hex
        assert gateway.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"] == "refused"
        assert gateway.invoke(x_funclet_token=token).not_started == "refused"
        assert gateway.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"] == "refused"


def test_a_call_that_runs_or_ran_is_told_as_started(functions: Functions) -> None:
    supervisor = functions.python(WAIT)
    file = supervisor.folder / "go"
    with supervisor.gateway() as one, supervisor.gateway() as two:
        token = one.send_invoke(json.dumps({"file": str(file)}).encode())
        wait_for((supervisor.folder / "go.started").exists)
        assert two.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"] == "started"
        file.touch()
        assert one.answer().outcome == "ok"
        assert two.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"] == "started"
        assert two.invoke(x_funclet_token=token).not_started == "refused"


def test_a_fence_ends_a_call_whose_event_is_still_on_its_way(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as one, functions.started[0].gateway() as two:
        token = uuid.uuid4().hex
        one.send("POST", "/invoke", head(x_funclet_token=token), b"{")
        wait_for(lambda: two.invoke().not_started)
        assert two.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"] == "refused"
        assert one.ended()
        assert two.invoke().outcome == "ok"


def test_ready_means_that_the_runtime_has_asked(functions: Functions) -> None:
    supervisor = functions.python("""
import os, time
while not os.path.exists("go"): time.sleep(0.005)
def handler(event, context): return event
""")
    with supervisor.gateway() as gateway:
        assert gateway.request("GET", "/ready").status == 503
        (supervisor.folder / "go").touch()
        wait_for(lambda: gateway.request("GET", "/ready").status == 200)


def test_an_event_may_come_during_init(functions: Functions) -> None:
    answer = functions.python("import time; time.sleep(0.2)\n" + ECHO).invoke(7)
    assert answer.json == 7
    assert int(answer.headers["x-funclet-init-us"]) > 200_000
    assert int(answer.headers["x-funclet-duration-us"]) < 200_000


def test_a_retired_instance_refuses_and_lives_on(functions: Functions) -> None:
    supervisor = functions.python(ECHO)
    with supervisor.gateway() as gateway:
        assert gateway.request("POST", "/retire").status == 204
        assert gateway.invoke().not_started == "draining"
        assert supervisor.process.poll() is None


def test_when_the_gateway_goes_the_event_runs_on_and_its_answer_is_dropped(functions: Functions) -> None:
    supervisor = functions.python(WAIT)
    file = supervisor.folder / "go"
    event = json.dumps({"file": str(file)}).encode()
    with supervisor.gateway() as gateway:
        gateway.send_invoke(event)
        wait_for((supervisor.folder / "go.started").exists)
    with supervisor.gateway() as gateway:
        assert gateway.invoke().not_started == "busy"
        file.touch()
        wait_for(lambda: supervisor.lines("REPORT"))
        assert gateway.invoke(event).json == "done"
    wait_for(lambda: len(supervisor.lines("REPORT")) == 2)


def test_the_largest_event_and_answer_pass(functions: Functions) -> None:
    event = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'
    with functions.python(ECHO).gateway() as gateway:
        for _ in range(2):
            answer = gateway.invoke(event)
            assert (answer.outcome, answer.body == event) == ("ok", True)


def test_an_answer_is_kept_for_a_slow_gateway_while_others_are_served(functions: Functions) -> None:
    supervisor = functions.python("def handler(event, context): return 'x' * 6_000_000")
    with supervisor.gateway() as slow, supervisor.gateway() as quick:
        slow.send_invoke()
        wait_for(lambda: supervisor.lines("REPORT"))
        assert quick.request("GET", "/ready").status == 200
        assert len(slow.answer().json) == 6_000_000


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"x_funclet_token": "short"}, 400),
        ({"x_funclet_token": "g" * 32}, 400),
        ({"lambda_runtime_aws_request_id": ""}, 400),
        ({"lambda_runtime_aws_request_id": "a b"}, 400),
        ({"content_length": "7000000"}, 413),
        ({"content_length": "-1"}, 400),
        ({"x_long": "x" * 70_000}, 431),
    ],
)
def test_a_request_that_cannot_be_is_refused_and_the_connection_closed(
    functions: Functions, changes: dict[str, str], status: int
) -> None:
    with functions.python(ECHO).gateway() as gateway:
        gateway.send("POST", "/invoke", head(**changes))
        assert gateway.answer().status == status
        assert gateway.ended()
    assert functions.started[0].invoke(1).json == 1


def test_an_event_without_a_length_is_refused(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        told = head(transfer_encoding="chunked")
        del told["content-length"]
        gateway.send("POST", "/invoke", told, b"2\r\n{}\r\n0\r\n\r\n")
        assert gateway.answer().status == 411


@pytest.mark.parametrize("path", ["/", "/invoke/", "/INVOKE", "http://x/invoke", "/..%2finvoke", "/fence"])
def test_there_are_no_other_routes(functions: Functions, path: str) -> None:
    with functions.python(ECHO).gateway() as gateway:
        assert gateway.request("GET", path).status == 404
        assert gateway.invoke(b"1").json == 1


def test_requests_may_come_in_one_piece_and_are_answered_in_turn(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        lines = "".join(f"{name}: {value}\r\n" for name, value in head().items())
        again = "".join(f"{name}: {value}\r\n" for name, value in head().items())
        gateway.socket.sendall(
            f"POST /invoke HTTP/1.1\r\n{lines}\r\n10POST /invoke HTTP/1.1\r\n{again}\r\n11"
            "GET /ready HTTP/1.1\r\n\r\n".encode()
        )
        assert [gateway.answer().body for _ in range(3)] == [b"10", b"11", b""]


def test_a_connection_may_be_asked_to_close(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        assert gateway.invoke(b"1", connection="close").json == 1
        assert gateway.ended()


def test_more_connections_than_the_cap_are_closed_and_the_others_served(functions: Functions) -> None:
    supervisor = functions.python(ECHO)
    with supervisor.gateway() as first:
        more = []
        for _ in range(140):
            try:
                more.append(supervisor.gateway())
            except ConnectionError:
                break
        assert 100 < len(more) < 140
        assert first.invoke(b"1").json == 1
        for gateway in more:
            gateway.socket.close()
    assert supervisor.invoke(2).json == 2


def test_the_environment_is_the_settings_and_the_runtime_api_alone(functions: Functions) -> None:
    os.environ["FUNCLET_TEST_SECRET"] = "of the platform"
    try:
        supervisor = functions.python("import os\ndef handler(event, context): return dict(os.environ)")
    finally:
        del os.environ["FUNCLET_TEST_SECRET"]
    told: dict[str, Any] = supervisor.invoke().json
    assert told.pop("AWS_LAMBDA_RUNTIME_API").startswith("127.0.0.1:")
    told.pop("LC_CTYPE", None)
    assert told == supervisor.settings["environment"]


def test_of_the_supervisors_descriptors_the_function_holds_its_connection_and_its_lifeline_alone(
    functions: Functions,
) -> None:
    supervisor = functions.python(
        "import os\ndef handler(event, context):\n"
        "    numbers = [n for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "    return {n: os.readlink(f'/proc/self/fd/{n}') for n in numbers}"
    )
    told = supervisor.invoke().json
    assert told.pop("0") == "/dev/null"
    assert told.pop("1") == told.pop("2")
    assert sorted(link.partition(":")[0] for link in told.values()) == ["pipe", "socket"]


#: comes through init once the file "go" is there; keeps the events that reach it
WAITS = """
import os, time
while not os.path.exists("go"): time.sleep(0.01)
def handler(event, context):
    open("events", "a").write(f"{event} ")
    return event
"""


def fence(gateway: Gateway, token: str) -> str:
    """What a supervisor says of a call."""
    return gateway.request("POST", "/fence", x_funclet_token=token).headers["x-funclet-call"]


def test_an_event_that_waits_for_init_is_withdrawn_by_its_fence(functions: Functions) -> None:
    supervisor = functions.python(WAITS)
    with supervisor.gateway() as gateway, supervisor.gateway() as other:
        token = gateway.send_invoke(b"1")
        wait_for(lambda: other.invoke().not_started == "busy")
        assert fence(other, token) == "refused"
        assert gateway.answer().not_started == "refused"
        assert gateway.invoke(b"1", x_funclet_token=token).not_started == "refused"
        gateway.send_invoke(b"2")
        (supervisor.folder / "go").touch()
        assert gateway.answer().json == 2
    assert (supervisor.folder / "events").read_text() == "2 "


def test_a_withdrawn_event_does_not_keep_an_instance_that_drains(functions: Functions) -> None:
    supervisor = functions.python(WAITS)
    with supervisor.gateway() as gateway, supervisor.gateway() as other:
        token = gateway.send_invoke(b"1")
        wait_for(lambda: other.invoke().not_started == "busy")
        supervisor.terminate()
        wait_for(lambda: other.invoke().not_started == "draining")
        assert fence(other, token) == "refused"
        assert gateway.answer().not_started == "refused"
    assert supervisor.exit_status() == 0

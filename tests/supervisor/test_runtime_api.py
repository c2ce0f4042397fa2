"""The Runtime API as a runtime process of any making sees it, a hostile one included (bad inputs 67 to 71)."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.supervisor import Supervisor, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

#: a runtime client by hand; `steps` is what it does with an event; what it notes, it answers next time
CLIENT = """
import http.client, json, os, socket, sys, threading, time
ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/"
def raw(text, close=True):
    host, port = ADDRESS.split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(text)
    return connection
def ask(method, route, body=None, headers={}):
    api = http.client.HTTPConnection(ADDRESS)
    api.request(method, route if route.startswith("/") else BASE + route, body, headers)
    answer = api.getresponse()
    return answer.status, answer.read().decode(), answer.headers
def post(request_id, body="null", verb="response", **rest):
    return ask("POST", f"invocation/{request_id}/{verb}", body, **rest)[:2]
notes = []
while True:
    status, event, headers = ask("GET", "invocation/next")
    assert status == 200, status
    me = headers["Lambda-Runtime-Aws-Request-Id"]
    if json.loads(event) == "notes":
        post(me, json.dumps(notes))
        notes.clear()
        continue
    exec(json.loads(event))
"""
ID_ERROR = [400, "InvalidRequestID"]
STATE_ERROR = [403, "InvalidStateTransition"]
OK = [202, None]


@pytest.fixture
def supervisor(functions: Functions) -> Supervisor:
    return functions.command([sys.executable, "-I", "client.py"], {"client.py": CLIENT})


def notes(supervisor: Supervisor) -> list[Any]:
    """What the client noted: of each answer its status and error type."""
    return [[status, json.loads(body).get("errorType")] for status, body in supervisor.invoke("notes").json]


def test_an_event_has_awss_headers(supervisor: Supervisor) -> None:
    code = "post(me, json.dumps([dict(headers), time.time()]))"
    answer = supervisor.invoke(
        code, lambda_runtime_aws_request_id="r-1", lambda_runtime_trace_id="Root=1", content_type="text/x"
    )
    told, now = answer.json
    deadline = int(told.pop("Lambda-Runtime-Deadline-Ms")) / 1000
    assert 2 < deadline - now <= 3
    assert told == {
        "Content-Type": "text/x",
        "Lambda-Runtime-Aws-Request-Id": "r-1",
        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:hello",
        "Lambda-Runtime-Trace-Id": "Root=1",
        "Content-Length": str(len(json.dumps(code))),
    }


def test_an_answer_is_accepted_and_passed_on_byte_for_byte(supervisor: Supervisor) -> None:
    answer = supervisor.invoke("notes.append(post(me, b'\\x00\\xff any', headers={'Content-Type': 'x/y'}))")
    assert (answer.outcome, answer.body, answer.headers["content-type"]) == ("ok", b"\x00\xff any", "x/y")
    assert supervisor.invoke("notes").json == [[202, '{"status":"OK"}\n']]


def test_an_error_is_passed_on_byte_for_byte(supervisor: Supervisor) -> None:
    answer = supervisor.invoke("notes.append(post(me, '{ \"errorType\" :1}', 'error'))")
    assert (answer.outcome, answer.body) == ("error", b'{ "errorType" :1}')
    assert notes(supervisor) == [[202, None]]


def test_ping_is_answered(supervisor: Supervisor) -> None:
    supervisor.invoke("notes.append(ask('GET', '/2018-06-01/ping')[:2]); post(me)")
    assert supervisor.invoke("notes").json == [[200, "pong"]]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("notes.append(post(me)); notes.append(post(me))", [OK, STATE_ERROR]),
        ("notes.append(post('random')); post(me)", [ID_ERROR]),
        ("notes.append(post('random', verb='error')); post(me)", [ID_ERROR]),
        ("notes.append(post('x' * 5000)); post(me)", [ID_ERROR]),
        ("notes.append(ask('POST', 'init/error', '{}')[:2]); post(me)", [STATE_ERROR]),
        ("notes.append(ask('GET', 'invocation/next')[:2]); post(me)", [STATE_ERROR]),
        ("notes.append(ask('GET', 'nothing')[:2]); post(me)", [[404, "NotFound"]]),
        ("notes.append(ask('GET', f'invocation/{me}/response')[:2]); post(me)", [[404, "NotFound"]]),
        ("notes.append(post(me, 'x' * 6291557)); ", [[413, "RequestEntityTooLarge"]]),
    ],
)
def test_what_is_out_of_order_is_refused_and_hurts_nothing(
    supervisor: Supervisor, code: str, said: list[Any]
) -> None:
    assert supervisor.invoke(code).status == 200
    assert notes(supervisor) == said


def test_an_old_id_is_refused_and_the_next_event_unaffected(supervisor: Supervisor) -> None:
    supervisor.invoke("old = me; post(me)")
    assert supervisor.invoke("notes.append(post(old, '1')); post(me, '2')").json == 2
    assert notes(supervisor) == [ID_ERROR]


def test_of_two_who_ask_at_once_one_gets_the_event(functions: Functions) -> None:
    code = CLIENT.replace(
        "notes = []",
        "notes = []\nfor _ in range(2): threading.Thread(target=lambda: notes.append(ask('GET', 'invocation/next'))).start()\n"
        "while not notes: time.sleep(0.001)\n"
        "assert len(notes) == 1\nfirst = notes.pop()\nassert first[0] == 403, first\nopen('refused', 'w').close()\n"
        "while not notes: time.sleep(0.001)\n"
        "post(notes[0][2]['Lambda-Runtime-Aws-Request-Id'], notes.pop()[1])\n",
    )
    supervisor = functions.command([sys.executable, "-I", "client.py"], {"client.py": code})
    wait_for((supervisor.folder / "refused").exists)
    assert supervisor.invoke(5).json == 5
    assert supervisor.invoke("post(me, '6')").json == 6


def test_a_late_answer_finds_nobody(functions: Functions) -> None:
    supervisor = functions.command([sys.executable, "-I", "client.py"], {"client.py": CLIENT}, timeout_ms=300)
    supervisor.wait_until_ready()
    code = "os.setsid() if os.fork() == 0 else None; time.sleep(1); post(me, '1')"
    assert supervisor.invoke(code).json["errorType"] == "Sandbox.Timedout"
    assert supervisor.invoke("post(me, '2')").json == 2


def test_a_chunked_answer_with_trailers_is_read_as_gos_client_sends_it(supervisor: Supervisor) -> None:
    code = (
        "raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n"
        "Trailer: Lambda-Runtime-Function-Error-Type\\r\\n\\r\\n3\\r\\nabc\\r\\n2\\r\\nde\\r\\n0\\r\\n\\r\\n'.encode()).recv(99)"
    )
    answer = supervisor.invoke(code)
    assert (answer.outcome, answer.body) == ("ok", b"abcde")


def test_an_error_in_the_trailers_is_the_outcome(supervisor: Supervisor) -> None:
    code = (
        "raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n"
        "Lambda-Runtime-Function-Error-Type: Mine\\r\\nLambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\\r\\n\\r\\n'.encode()).recv(99)"
    )
    answer = supervisor.invoke(code)
    assert (answer.outcome, answer.body) == ("error", b'{"a":1}')
    told = supervisor.invoke(code.replace("eyJhIjoxfQ==", "not base64!"))
    assert (told.outcome, told.json["errorType"]) == ("error", "Mine")


def test_an_answer_that_breaks_off_is_an_error(supervisor: Supervisor) -> None:
    code = "raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nContent-Length: 10\\r\\n\\r\\nabc'.encode()).close(); time.sleep(60)"
    answer = supervisor.invoke(code)
    assert (answer.outcome, answer.json["errorType"]) == ("error", "Runtime.TruncatedResponse")
    assert supervisor.invoke("post(me, '2')").json == 2


def test_a_process_that_ends_in_mid_answer_is_told_as_an_exit(supervisor: Supervisor) -> None:
    code = "kept = raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nContent-Length: 10\\r\\n\\r\\nabc'.encode()); os._exit(2)"
    answer = supervisor.invoke(code)
    assert answer.json["errorMessage"].endswith("Runtime exited with error: exit status 2")


def test_what_was_answered_before_the_exit_counts(supervisor: Supervisor) -> None:
    for _ in range(5):
        code = "kept = raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\n5'.encode()); os._exit(2)"
        assert supervisor.invoke(code).json == 5


@pytest.mark.parametrize(
    "garbage", ["b'garbage\\r\\n\\r\\n'", "os.urandom(5000)", "b'a' * 3_000_000", "b'GET / HTTP/1.1\\r\\n'"]
)
def test_garbage_on_a_connection_of_its_own_hurts_nothing(supervisor: Supervisor, garbage: str) -> None:
    code = f"kept = []\ntry:\n    kept.append(raw({garbage}))\nexcept OSError:\n    pass\npost(me, '1')"
    assert supervisor.invoke(code).json == 1
    assert supervisor.invoke("post(me, '2')").json == 2


def test_more_connections_than_the_cap_are_closed(supervisor: Supervisor) -> None:
    # That the others are closed is heard in its own time: until then one more is closed too.
    code = (
        "kept = [raw(b'') for _ in range(80)]\n"
        "assert kept[-1].recv(1) == b''\n"
        "kept.clear()\n"
        "while True:\n"
        "    try: post(me, '1'); break\n"
        "    except (OSError, http.client.HTTPException): time.sleep(0.01)"
    )
    assert supervisor.invoke(code).json == 1
    assert supervisor.invoke("post(me, '2')").json == 2


def test_the_first_of_two_answers_at_once_counts(supervisor: Supervisor) -> None:
    code = (
        "slow = raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n1'.encode())\n"
        "time.sleep(0.05); notes.append(post(me, '9')); slow.sendall(b'1'); slow.recv(99)"
    )
    assert supervisor.invoke(code).json == 11
    assert notes(supervisor) == [STATE_ERROR]


def test_an_answer_and_the_next_question_may_come_in_one_write(supervisor: Supervisor) -> None:
    code = (
        "one = raw(f'POST {BASE}invocation/{me}/response HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\n1'\n"
        "    f'GET {BASE}invocation/next HTTP/1.1\\r\\n\\r\\n'.encode())\n"
        "got = b''\n"
        "while not got.endswith(b'77'): got += one.recv(999)\n"
        "me = got.partition(b'Request-Id: ')[2].partition(b'\\r')[0].decode()\n"
        "post(me, json.dumps(got.decode()))"
    )
    assert supervisor.invoke(code).json == 1
    both = supervisor.invoke(77).json
    assert both.startswith("HTTP/1.1 202 Accepted\r\n")
    assert both.count("HTTP/1.1 200 OK\r\n") == 1
    assert supervisor.invoke("post(me, '3')").json == 3


def test_a_runtime_that_never_asks_again_is_ended_at_the_timeout(functions: Functions) -> None:
    supervisor = functions.command([sys.executable, "-I", "client.py"], {"client.py": CLIENT}, timeout_ms=300)
    supervisor.wait_until_ready()
    assert supervisor.invoke("post(me, '1'); time.sleep(60)").json == 1
    assert supervisor.invoke("post(me, '2')").json["errorType"] == "Sandbox.Timedout"
    assert supervisor.invoke("post(me, '3')").json == 3


def test_a_runtime_that_does_not_read_its_event_is_ended_at_the_timeout(functions: Functions) -> None:
    code = CLIENT.replace(
        "notes = []",
        "notes = []\nif not os.path.exists('x'):\n    open('x', 'w').close()\n    kept = raw(f'GET {BASE}invocation/next HTTP/1.1\\r\\n\\r\\n'.encode()); time.sleep(60)",
    )
    supervisor = functions.command([sys.executable, "-I", "client.py"], {"client.py": code}, timeout_ms=300)
    supervisor.wait_until_ready()
    assert supervisor.invoke("x" * 6_000_000).json["errorType"] == "Sandbox.Timedout"
    wait_for(lambda: supervisor.invoke("post(me, '3')").outcome == "ok")


TWICE_IN_PYTHON = """
import http.client, os
def handler(event, context):
    if event == "twice":
        api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        api.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", '"first"')
        api.getresponse().read()
    return event
"""
TWICE_IN_NODEJS = """
export async function handler(event, context) {
  const route = `/2018-06-01/runtime/invocation/${context.awsRequestId}/response`;
  if (event === "twice") {
    await (await fetch(`http://${process.env.AWS_LAMBDA_RUNTIME_API}${route}`, { method: "POST", body: '"first"' })).text();
  }
  return event;
}
"""


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_a_function_that_answers_on_its_own_as_well_takes_no_other_event_along(
    functions: Functions, language: str
) -> None:
    if language == "python":
        supervisor = functions.python(TWICE_IN_PYTHON)
    else:
        supervisor = functions.nodejs(TWICE_IN_NODEJS, "index.mjs")
    with supervisor.gateway() as gateway:
        for number in range(10):
            assert gateway.invoke(b'"twice"').json == "first"
            # Once before the client has answered as well, and once after that.
            time.sleep(number % 2 * 0.02)
            answer = gateway.invoke(b"%d" % number)
            assert (answer.outcome, answer.json) == ("ok", number)


def test_what_stands_behind_a_refused_answer_is_dropped_with_the_connection(supervisor: Supervisor) -> None:
    code = (
        "both = raw(f'POST {BASE}invocation/x/response HTTP/1.1\\r\\nContent-Length: 1\\r\\n\\r\\n1'\n"
        "    f'GET {BASE}invocation/next HTTP/1.1\\r\\n\\r\\n'.encode())\n"
        "got = b''\n"
        "while piece := both.recv(999): got += piece\n"
        "notes.append(got.decode()); post(me)"
    )
    supervisor.invoke(code)
    [told] = supervisor.invoke("notes").json
    assert told.startswith("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n")
    assert told.count("HTTP/1.1") == 1


FLOOD = """
import http.client, os, socket, sys, threading
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
BASE = "/2018-06-01/runtime/"
kept = []
def send(text):
    connection = socket.create_connection((host, int(port)))
    connection.settimeout(2)
    kept.append(connection)
    try:
        connection.sendall(text)
    except OSError:
        pass
def flood(text, count=60):
    threads = [threading.Thread(target=send, args=(text,)) for _ in range(count)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
SERVE = """
api = http.client.HTTPConnection(host, int(port))
while True:
    api.request("GET", BASE + "invocation/next")
    answer = api.getresponse()
    event = answer.read()
    api.request("POST", f"{BASE}invocation/{answer.headers['lambda-runtime-aws-request-id']}/response", event)
    api.getresponse().read()
"""


@pytest.mark.parametrize(
    "flood",
    [
        "flood(f'POST {BASE}init/error HTTP/1.1\\r\\nContent-Length: 6291556\\r\\n\\r\\n'.encode() + b'x' * 6291555)",
        "flood(b'GET / HTTP/1.1\\r\\nx: ' + b'x' * 1048576)",
        "flood(b'GET / HTTP/1.1\\r\\nx: ' + b'x' * 1048576 + b'\\r\\n\\r\\n')",
        "flood(b'POST / HTTP/1.1\\r\\ncontent-length: 9\\r\\nx: ' + b'x' * 1048576 + b'\\r\\n\\r\\n')",
        "flood(b'POST / HTTP/1.1\\r\\ncontent-length: 9\\r\\n' + b''.join(b'%x:\\r\\n' % n for n in range(140000)) + b'\\r\\n')",
        "flood(b'POST / HTTP/1.1\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n0\\r\\nx: ' + b'x' * 1048576)",
        "flood(b'GET /2018-06-01/ping HTTP/1.1\\r\\n\\r\\n' * 200_000, count=10)",
    ],
    ids=["init errors", "open heads", "whole heads", "heads of bodies", "many lines", "trailers", "pings"],
)
def test_no_runtime_process_makes_the_supervisor_grow(functions: Functions, flood: str) -> None:
    code = FLOOD + flood.replace("\\\\", "\\") + SERVE
    supervisor = functions.command(
        [sys.executable, "-I", "app.py"], {"app.py": code}, memory_mb=1024, init_timeout_ms=60_000
    )
    assert supervisor.invoke(5).json == 5
    # It starts with 15 MB; without bounds it came to 380.
    assert supervisor.peak_memory < 80 << 20


def test_one_init_error_is_told_at_a_time_and_one_that_broke_off_may_be_told_again(
    functions: Functions,
) -> None:
    code = f"""{FLOOD}
def told(): return http.client.HTTPConnection(host, int(port))
half = f"POST {{BASE}}init/error HTTP/1.1\\r\\nContent-Length: 9\\r\\n\\r\\nabc".encode()
send(half)
api = told()
api.request("POST", BASE + "init/error", '{{"errorMessage": "second"}}')
assert api.getresponse().status == 403
kept.pop().close()
while True:
    api = told()
    api.request("POST", BASE + "init/error", '{{"errorMessage": "third"}}')
    if api.getresponse().status == 202: break
"""
    supervisor = functions.command([sys.executable, "-I", "app.py"], {"app.py": code})
    assert supervisor.invoke().json == {"errorMessage": "third"}


def test_an_init_error_that_breaks_off_does_not_end_the_second_try(functions: Functions) -> None:
    code = f"""
import time
if not os.path.exists("tried"):
    open("tried", "w").close()
    send(f"POST {{BASE}}init/error HTTP/1.1\\r\\nContent-Length: 9\\r\\n\\r\\nabc".encode())
    os._exit(1)
time.sleep(0.5)
{SERVE}"""
    supervisor = functions.command([sys.executable, "-I", "app.py"], {"app.py": FLOOD + code})
    answer = supervisor.invoke(7)
    assert (answer.outcome, answer.body) == ("ok", b"7")
    assert len(supervisor.lines("INIT_START")) == 2


def test_whoever_asks_without_reading_moves_no_deadline(functions: Functions) -> None:
    supervisor = functions.command(
        [sys.executable, "-I", "client.py"], {"client.py": CLIENT}, timeout_ms=1000
    )
    supervisor.wait_until_ready()
    began = time.monotonic()
    code = (
        "kept = [raw(b'') for _ in range(30)]\n"
        "for each in kept: each.setblocking(False)\n"
        "while True:\n"
        "    for each in kept:\n"
        "        try: each.send(f'GET {BASE}invocation/next HTTP/1.1\\r\\n\\r\\n'.encode() * 500)\n"
        "        except BlockingIOError: pass\n"
    )
    assert supervisor.invoke(code).json["errorType"] == "Sandbox.Timedout"
    assert time.monotonic() - began < 2
    assert supervisor.invoke("post(me, '2')").json == 2


def test_whoever_reads_late_gets_all_its_answers(supervisor: Supervisor) -> None:
    code = (
        "kept = raw(b'')\n"
        "asking = threading.Thread(target=kept.sendall, args=(b'GET /2018-06-01/ping HTTP/1.1\\r\\n\\r\\n' * 20_000,))\n"
        "asking.start()\n"
        "time.sleep(0.2)\n"
        "got = bytearray()\n"
        "while got.count(b'pong') < 20_000: got += kept.recv(1 << 20)\n"
        "asking.join()\n"
        "post(me, str(got.count(b'pong')))"
    )
    assert supervisor.invoke(code).json == 20_000

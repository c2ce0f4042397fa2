"""Starting that fails: once more for an event, then told, and the instance ends (bad inputs 48, 62, 63)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from support.supervisor import Answer, Gateway, python_command, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

#: milliseconds; enough for a process to begin on a machine that is busy
SHORT = 2000
ECHO = "def handler(event, context): return event"
#: fails as long as the file "ok" is not there, and counts its starts
FLAKY = """
import os
open("starts", "a").write("x")
{failure}
def handler(event, context): return event
"""


def test_an_import_error_is_told_as_the_client_posted_it_and_the_instance_ends(functions: Functions) -> None:
    supervisor = functions.python("import nowhere")
    answer = supervisor.invoke(lambda_runtime_aws_request_id="r-1")
    assert (answer.status, answer.outcome) == (200, "init-error")
    assert answer.body.decode() == (
        "{\"errorMessage\": \"Unable to import module 'app': No module named 'nowhere'\", "
        '"errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": []}'
    )
    assert supervisor.exit_status() == 3
    assert len(supervisor.lines("INIT_START")) == 2
    assert len(supervisor.lines("INIT_REPORT")) == 2
    assert len(supervisor.lines("END RequestId: r-1")) == 1


@pytest.mark.parametrize(
    ("failure", "error_type", "message"),
    [
        ("raise ValueError('boo')", "ValueError", "boo"),
        (
            "import sys; sys.exit(1)",
            "Runtime.ExitError",
            "RequestId: r-1 Error: Runtime exited with error: exit status 1",
        ),
        (
            "os._exit(0)",
            "Runtime.ExitError",
            "RequestId: r-1 Error: Runtime exited without providing a reason",
        ),
        (
            "os.kill(os.getpid(), 9)",
            "Runtime.ExitError",
            "RequestId: r-1 Error: Runtime exited with error: signal: killed",
        ),
        (
            "import time; time.sleep(60)",
            "Sandbox.Timedout",
            "RequestId: r-1 Error: Initialization timed out after 2.00 seconds",
        ),
    ],
)
def test_each_way_of_failing_is_tried_twice_and_told(
    functions: Functions, failure: str, error_type: str, message: str
) -> None:
    limit = SHORT if error_type == "Sandbox.Timedout" else 10_000
    supervisor = functions.python(FLAKY.format(failure=failure), init_timeout_ms=limit)
    answer = supervisor.invoke(lambda_runtime_aws_request_id="r-1")
    assert answer.outcome == "init-error"
    assert (answer.json["errorType"], answer.json["errorMessage"]) == (error_type, message)
    assert supervisor.exit_status() == 3
    assert (supervisor.folder / "starts").read_text() == "xx"


def test_an_init_that_hangs_is_told_as_such_in_nodejs_too(functions: Functions) -> None:
    supervisor = functions.nodejs("for (;;);", init_timeout_ms=SHORT)
    answer = supervisor.invoke(lambda_runtime_aws_request_id="r-1")
    assert (answer.outcome, answer.json["errorType"]) == ("init-error", "Sandbox.Timedout")
    assert answer.json["errorMessage"] == "RequestId: r-1 Error: Initialization timed out after 2.00 seconds"


def test_the_second_try_may_succeed(functions: Functions) -> None:
    failure = "if open('starts').read() == 'x': raise ValueError"
    supervisor = functions.python(FLAKY.format(failure=failure))
    answer = supervisor.invoke(5)
    assert (answer.outcome, answer.json) == ("ok", 5)
    assert int(answer.headers["x-funclet-init-us"]) > 0


def init_error(gateway: Gateway) -> Answer | None:
    """What /ready says of init, once it says that it failed."""
    answer = gateway.request("GET", "/ready")
    assert answer.status == 503
    return answer if answer.outcome == "init-error" else None


def test_without_an_event_the_second_try_follows_at_once(functions: Functions) -> None:
    failure = "if open('starts').read() == 'x': raise ValueError"
    supervisor = functions.python(FLAKY.format(failure=failure))
    supervisor.wait_until_ready()
    assert (supervisor.folder / "starts").read_text() == "xx"


def test_whoever_asks_whether_it_is_ready_is_told_why_it_never_will_be(functions: Functions) -> None:
    supervisor = functions.python(FLAKY.format(failure="import nowhere"))
    with supervisor.gateway() as gateway:
        told = wait_for(lambda: init_error(gateway))
        assert told.headers["content-type"] == "application/json"
        assert told.json["errorMessage"] == "Unable to import module 'app': No module named 'nowhere'"
        assert (supervisor.folder / "starts").read_text() == "xx"
        answer = gateway.invoke()
    assert (answer.outcome, answer.body) == ("init-error", told.body)
    assert supervisor.exit_status() == 3
    assert (supervisor.folder / "starts").read_text() == "xx"


def test_an_instance_that_is_to_go_as_its_init_failed_ends_with_the_status_that_says_so(
    functions: Functions,
) -> None:
    supervisor = functions.python("import nowhere")
    with supervisor.gateway() as gateway:
        wait_for(lambda: init_error(gateway))
        assert gateway.request("POST", "/retire").status == 204
    supervisor.process.terminate()
    assert supervisor.exit_status() == 3


def test_an_end_in_init_is_told_without_naming_a_request(functions: Functions) -> None:
    with functions.python(FLAKY.format(failure="os._exit(7)")).gateway() as gateway:
        told = wait_for(lambda: init_error(gateway))
    assert told.json == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "Runtime exited with error: exit status 7",
    }


def test_a_command_that_is_not_there_is_told_before_any_event(functions: Functions) -> None:
    with functions.command(["/nowhere/bootstrap"]).gateway() as gateway:
        assert wait_for(lambda: init_error(gateway)).json["errorType"] == "Runtime.InvalidEntrypoint"


def test_an_init_that_takes_too_long_is_told_after_one_limit_and_tried_again_for_an_event(
    functions: Functions,
) -> None:
    failure = "import time\nif not os.path.exists('ok'): time.sleep(60)"
    supervisor = functions.python(FLAKY.format(failure=failure), init_timeout_ms=1000)
    with supervisor.gateway() as gateway:
        told = wait_for(lambda: init_error(gateway))
        assert told.json["errorMessage"] == "Initialization timed out after 1.00 seconds"
        assert (supervisor.folder / "starts").read_text() == "x"
        (supervisor.folder / "ok").touch()
        assert gateway.invoke(b"6").json == 6


def test_an_instance_that_is_to_go_does_not_try_again(functions: Functions) -> None:
    failure = "import time\nwhile not os.path.exists('go'): time.sleep(0.01)\nos._exit(1)"
    supervisor = functions.python(FLAKY.format(failure=failure))
    with supervisor.gateway() as gateway:
        assert gateway.request("POST", "/retire").status == 204
        (supervisor.folder / "go").touch()
        wait_for(lambda: init_error(gateway))
    assert (supervisor.folder / "starts").read_text() == "x"


def test_a_process_that_exits_before_any_event_is_not_started_over_and_over(functions: Functions) -> None:
    code = """
import http.client, os
open("starts", "a").write("x")
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
if not os.path.exists("stay"): os._exit(1)
answer = api.getresponse(); body = answer.read()
api.request("POST", f"/2018-06-01/runtime/invocation/{answer.headers['lambda-runtime-aws-request-id']}/response", body)
api.getresponse().read()
os._exit(0)
"""
    supervisor = functions.command([*python_command()[:1], "app.py"], {"app.py": code})
    with supervisor.gateway() as gateway:
        wait_for(lambda: not supervisor.descendants() and (supervisor.folder / "starts").exists())
        assert gateway.request("GET", "/ready").status == 503
        (supervisor.folder / "stay").touch()
        assert gateway.invoke(b"8").json == 8
    assert (supervisor.folder / "starts").read_text().startswith("xx")


def test_a_command_that_is_not_there_is_told_in_lambdas_words(functions: Functions) -> None:
    supervisor = functions.command(["/nowhere/bootstrap"])
    answer = supervisor.invoke(lambda_runtime_aws_request_id="r-1")
    assert answer.outcome == "init-error"
    assert answer.json == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": "RequestId: r-1 Error: fork/exec /nowhere/bootstrap: no such file or directory",
    }
    assert supervisor.exit_status() == 3


def test_a_command_that_may_not_run_is_told(functions: Functions) -> None:
    folder = functions.folder()
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    answer = functions.command([str(folder / "bootstrap")]).invoke()
    assert answer.json["errorMessage"].endswith("bootstrap: permission denied")


def test_a_folder_that_is_not_there_is_told(functions: Functions) -> None:
    answer = functions.command(["true"], working_directory="/nowhere").invoke()
    assert answer.json["errorType"] == "Runtime.InvalidWorkingDir"
    assert answer.json["errorMessage"].endswith("chdir /nowhere: no such file or directory")


def test_memory_is_limited_during_init_too(functions: Functions) -> None:
    code = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(4 << 20)); time.sleep(0.002)\n"
    answer = functions.python(code, memory_mb=64).invoke()
    assert (answer.outcome, answer.json["errorType"]) == ("init-error", "Runtime.OutOfMemory")


def test_a_runtime_that_posts_an_init_error_and_stays_is_ended(functions: Functions) -> None:
    code = """
import http.client, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("POST", "/2018-06-01/runtime/init/error", '{"errorMessage": "mine"}', {"Lambda-Runtime-Function-Error-Type": "My.Type"})
assert api.getresponse().status == 202
time.sleep(60)
"""
    began = time.monotonic()
    supervisor = functions.command([*python_command()[:1], "app.py"], {"app.py": code})
    answer = supervisor.invoke()
    assert (answer.outcome, answer.json) == ("init-error", {"errorMessage": "mine"})
    assert time.monotonic() - began < 5
    assert supervisor.said("Error Type: My.Type")


def test_a_runtime_that_gave_up_gets_no_event(functions: Functions) -> None:
    code = """
import http.client, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("POST", "/2018-06-01/runtime/init/error", '{"errorMessage": "mine"}')
api.getresponse().read()
api.request("GET", "/2018-06-01/runtime/invocation/next")
assert api.getresponse().status == 403
time.sleep(60)
"""
    supervisor = functions.command([*python_command()[:1], "app.py"], {"app.py": code})
    assert supervisor.invoke().json == {"errorMessage": "mine"}


def test_the_tail_of_an_init_error_holds_what_the_runtime_said(functions: Functions) -> None:
    answer = functions.python("import time; time.sleep(0.2); import nowhere").invoke(x_funclet_tail="1")
    assert "[ERROR] Runtime.ImportModuleError: Unable to import module 'app'" in answer.tail
    assert json.loads(answer.body)["errorType"] == "Runtime.ImportModuleError"

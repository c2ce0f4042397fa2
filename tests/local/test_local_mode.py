"""`funclet local` from end to end: real processes, the real Invoke API, real files that change."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from support.local import FUNCLET, Local, function, gone, local_mode, until

pytestmark = pytest.mark.processes

SLOW = """
import time
def handler(event, context):
    time.sleep(event["seconds"])
    return "done"
"""
WHO = """
import os
BORN = os.getpid()
def handler(event, context):
    return {"pid": BORN, "version": context.function_version}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifests" / "f.yaml"
    path.parent.mkdir()
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_function_runs_behind_the_invoke_api(manifest: Path, state: Path) -> None:
    manifest.write_text(function("hello"))
    with local_mode(manifest, state=state) as local:
        answer = local.invoke("hello", {"name": "Ada"}, X_Amz_Log_Type="Tail")
        assert (answer.status, answer.json) == (200, {"name": "Ada"})
        assert answer.headers["x-amz-executed-version"] == "$LATEST"
        request_id = answer.headers["x-amzn-requestid"]
        assert f"START RequestId: {request_id} Version: $LATEST\n" in answer.log
        assert re.search(rf"REPORT RequestId: {request_id}\tDuration: .*\tInit Duration: ", answer.log)


def test_an_answer_of_no_bytes_reaches_its_caller_as_such(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f", "def handler(event, context):\n    return b''\n"))
    with local_mode(manifest, state=state) as local:
        answer = local.invoke("f")
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
        assert "x-amz-function-error" not in answer.headers


def test_a_changed_manifest_is_taken_up_within_a_second_and_no_call_is_lost(
    manifest: Path, state: Path
) -> None:
    code = "def handler(event, context):\n    return {}\n"
    manifest.write_text(function("f", code.format(0)))
    answers: list[tuple[int, int]] = []
    ending = threading.Event()
    with local_mode(manifest, state=state) as local:

        def call() -> None:
            while not ending.is_set():
                answer = local.invoke("f")
                answers.append((answer.status, answer.json if answer.status == 200 else -1))

        callers = [threading.Thread(target=call) for _ in range(3)]
        for caller in callers:
            caller.start()
        for number in range(1, 5):
            manifest.write_text(function("f", code.format(number)))
            until(lambda number=number: answers[-1:] == [(200, number)], f"version {number} answers", 5)  # type: ignore[misc]  # a default binds the loop's value
        ending.set()
        for caller in callers:
            caller.join()
    assert {status for status, _ in answers} == {200}
    assert {number for _, number in answers} == {0, 1, 2, 3, 4}


def test_changed_code_in_a_folder_is_taken_up(manifest: Path, state: Path) -> None:
    code = manifest.parent / "src"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context):\n    return 1\n")
    manifest.write_text(function("f", spec={"code": {"zip": {"path": "src"}}}))
    with local_mode(manifest, state=state) as local:
        assert local.invoke("f").json == 1
        (code / "app.py").write_text("def handler(event, context):\n    return 2\n")
        until(lambda: local.invoke("f").json == 2, "the new code answers", 5)


def test_a_removed_manifest_removes_its_function_and_says_so(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    with local_mode(manifest.parent, state=state) as local:
        assert local.invoke("f").status == 200
        manifest.unlink()
        local.said("Function f removed")
        until(lambda: local.invoke("f").status == 404, "the function is gone")


def test_a_file_that_is_empty_for_a_moment_removes_nothing(manifest: Path, state: Path) -> None:
    text = function("f")
    manifest.write_text(text)
    with local_mode(manifest, state=state) as local:
        manifest.write_text("")
        time.sleep(0.15)  # what an editor needs, not a wait for anything
        manifest.write_text(text)
        assert local.invoke("f").status == 200
        (manifest.parent / "f.yaml").write_text(text + "---\n" + function("g"))
        until(lambda: local.known("g"), "g is served")
        assert "removed" not in local.lines()


def test_a_half_written_manifest_waits_until_it_is_whole(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    with local_mode(manifest, state=state) as local:
        whole = function("f", "def handler(event, context):\n    return 'whole'\n")
        manifest.write_text(whole[: len(whole) // 2])
        local.said("f.yaml:1: ")
        assert local.invoke("f", "old").json == "old"
        manifest.write_text(whole)
        until(lambda: local.invoke("f").json == "whole", "the whole manifest serves")


def test_a_wrong_manifest_is_told_with_every_field_and_hurts_no_other(manifest: Path, state: Path) -> None:
    wrong = function("bad", spec={"memory": "1Mi", "timeout": "901s", "handlr": "x", "scaling": {"min": -1}})
    manifest.write_text(function("good") + "---\n" + wrong)
    with local_mode(manifest, state=state) as local:
        assert local.invoke("good").status == 200
        assert local.invoke("bad").status == 404
        for field in ("spec.memory", "spec.timeout", "spec.handlr", "spec.scaling.min"):
            assert re.search(rf"f\.yaml:3: document 2: Function bad: {re.escape(field)}: ", local.lines()), (
                local.lines()
            )


def test_a_change_that_cannot_start_leaves_the_old_one_serving_and_says_why(
    manifest: Path, state: Path
) -> None:
    manifest.write_text(function("f", "def handler(event, context):\n    return 'old'\n"))
    with local_mode(manifest, state=state) as local:
        assert local.invoke("f").json == "old"
        manifest.write_text(function("f", "import nowhere\n"))
        local.said("No module named 'nowhere'")
        assert local.invoke("f").json == "old"


def test_versions_survive_a_restart(manifest: Path, state: Path) -> None:
    auto = {"publish": "Auto"}
    manifest.write_text(function("f", "def handler(event, context):\n    return 1\n", spec=auto))
    with local_mode(manifest, state=state) as local:
        until(lambda: local.known("f:1"), "version 1 is there")
    manifest.write_text(function("f", "def handler(event, context):\n    return 2\n", spec=auto))
    with local_mode(manifest, state=state) as local:
        until(lambda: local.known("f:2"), "version 2 is there")
        assert [local.invoke(f"f:{version}").json for version in (1, 2)] == [1, 2]
        assert not local.known("f:3")


def live(**spec: object) -> str:
    body = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Alias",
        "metadata": {"name": "a-live"},
        "spec": {"function": "f", "name": "live", "version": "1", **spec},
    }
    return json.dumps(body) + "\n---\n"


def test_an_alias_to_version_1_applied_with_its_function_then_shares_calls_with_version_2(
    manifest: Path, state: Path
) -> None:
    auto = {"publish": "Auto"}
    first, second = (f"def handler(event, context):\n    return {answer}\n" for answer in (1, 2))
    manifest.write_text(live() + function("f", first, spec=auto))
    with local_mode(manifest, state=state) as local:
        answer = local.invoke("f:live")
        assert (answer.json, answer.headers["x-amz-executed-version"]) == (1, "1")
        manifest.write_text(live() + function("f", second, spec=auto))
        until(lambda: local.known("f:2"), "version 2 is there")
        assert local.invoke("f:live").json == 1
        shared = live(routingConfig={"additionalVersionWeights": {"2": 0.5}})
        manifest.write_text(shared + function("f", second, spec=auto))
        until(lambda: local.invoke("f:live").json == 2, "calls are shared out")
        answers = [local.invoke("f:live") for _ in range(100)]
        assert all(each.headers["x-amz-executed-version"] == str(each.json) for each in answers)
        assert 20 < sum(each.json == 2 for each in answers) < 80
        assert not local.known("f:3")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://localhost:8700"}])
@pytest.mark.parametrize("admin", [False, True])
def test_web_pages_can_reach_nothing(
    manifest: Path, state: Path, headers: dict[str, str], *, admin: bool
) -> None:
    manifest.write_text(function("f"))
    path = "/metrics" if admin else "/2015-03-31/functions/f/invocations"
    with local_mode(manifest, state=state) as local:
        method = "GET" if admin else "POST"
        assert local.request(method, path, headers=headers, admin=admin).status == 403
        assert local.request(method, path, admin=admin).status == 200


def test_both_listeners_are_on_loopback_alone(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    with local_mode(manifest, state=state) as local:
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = {
            row[1].partition(":")[0]
            for row in rows
            # 0A: it listens; whoever is merely connected may have such a port of its own.
            if row[3] == "0A" and int(row[1].partition(":")[2], 16) in {local.port, local.admin_port}
        }
        assert ours == {"0100007F"}


def test_functions_see_nothing_of_the_callers_environment(manifest: Path, state: Path) -> None:
    manifest.write_text(
        function(
            "f",
            "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
            spec={"environment": {"MINE": "1"}},
        )
    )
    env = {
        "AWS_ACCESS_KEY_ID": "canary-1",
        "AWS_SECRET_ACCESS_KEY": "canary-2",
        "SECRET": "canary-3",
        "SHARED": "shown",
    }
    with local_mode(manifest, state=state, env=env, flags=("--pass-env=SHARED", "--pass-env=UNSET")) as local:
        local.said("--pass-env UNSET: there is no such variable in this shell.")
        seen = local.invoke("f").json
        assert "canary" not in json.dumps(seen)
        assert (seen["MINE"], seen["SHARED"], seen["AWS_LAMBDA_FUNCTION_NAME"]) == ("1", "shown", "f")
        for pid in local.descendants():
            assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()


TAMPERS = """
import pathlib
def handler(event, context):
    own = pathlib.Path(__file__)
    if event == "tamper":
        for path in (own.parent, own):
            path.chmod(0o755)
        own.write_text("def handler(event, context):\\n    return 'tampered'\\n")
    if event == "write":
        own.with_name("new.txt").write_text("")
    return "whole"
"""


def test_a_function_cannot_change_what_its_version_is(manifest: Path, state: Path) -> None:
    short = {"publish": "Auto", "scaling": {"idle": "1s"}}
    manifest.write_text(function("f", TAMPERS, spec=short))
    with local_mode(manifest, state=state) as local:
        until(lambda: local.known("f:1"), "version 1 is there")
        if os.geteuid() != 0:
            assert local.invoke("f", "write").json["errorType"] == "PermissionError"
        assert local.invoke("f:1", "tamper").json == "whole"
        assert local.invoke("f").json == "whole"
        assert local.invoke("f", "tamper").json == "whole"
        until(lambda: not local.descendants(), "both instances ended")
        assert [local.invoke(name).json for name in ("f:1", "f")] == ["whole", "whole"]
        shutil.rmtree(state / "code")
        until(lambda: not local.descendants(), "both instances ended")
        assert [local.invoke(name).json for name in ("f:1", "f")] == ["whole", "whole"]


def test_a_state_folder_that_is_removed_is_told_in_a_line(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    with local_mode(manifest, state=state) as local:
        shutil.rmtree(state)
        manifest.write_text(function("f", "def handler(event, context):\n    return 2\n"))
        local.said(f"The state folder {state} was removed: nothing is kept any more.")


CREDENTIALS = """
import os
from botocore.session import Session
def handler(event, context):
    session = Session()
    found = session.get_credentials()
    return {
        "home": os.path.expanduser("~"),
        "tmp": os.environ["TMPDIR"],
        "key": found and found.access_key,
        "profiles": session.available_profiles,
    }
"""


def test_functions_have_no_credentials_of_the_person_at_the_keyboard(
    manifest: Path, state: Path, tmp_path: Path
) -> None:
    libraries = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    manifest.write_text(
        function("f", CREDENTIALS, spec={"environment": {"PYTHONPATH": libraries}, "timeout": "20s"})
        + "---\n"
        + function("own", CREDENTIALS, spec=_own(tmp_path, libraries))
    )
    _canary(tmp_path)
    with local_mode(manifest, state=state, env={"HOME": str(tmp_path)}, within=_with_home(tmp_path)) as local:
        seen = local.invoke("f").json
        assert seen["home"] == seen["tmp"]
        assert (seen["key"], seen["profiles"]) == (None, [])
        assert local.invoke("own").json["key"] == "canary"


def _canary(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = canary\naws_secret_access_key = canary\n"
    )
    (home / ".aws" / "config").write_text("[profile canary]\nregion = eu-west-1\n")


def _own(home: Path, libraries: str) -> dict[str, object]:
    """A function that is told where credentials are."""
    told = {"PYTHONPATH": libraries, "AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws" / "credentials")}
    return {"environment": told, "timeout": "20s"}


def _with_home(home: Path) -> tuple[str, ...]:
    """Run a command where the system's own table of users says that this user lives there, if we may."""
    table = home / "passwd"
    table.write_text(f"root:x:0:0:root:{home}:/bin/sh\n")
    # Root in a container, or in a root file system of its own, may not be allowed to.
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return ()
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return ()
    script = 'mount --bind "$0" /etc/passwd && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, str(table))


def test_idle_instances_end_and_calls_start_new_ones(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f", WHO, spec={"scaling": {"idle": "1s"}}))
    with local_mode(manifest, state=state) as local:
        first = local.invoke("f").json["pid"]
        assert local.invoke("f").json["pid"] == first
        until(lambda: gone({first}) and not local.descendants(), "the instance ended")
        assert local.invoke("f").json["pid"] != first


def test_a_floor_of_instances_stands_by(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f", spec={"scaling": {"min": 2, "idle": "1s"}}))
    with local_mode(manifest, state=state) as local:
        until(lambda: len(local.descendants()) == 4, "two supervisors with a runtime process each")


def test_memory_limits_are_enforced(manifest: Path, state: Path) -> None:
    code = "def handler(event, context):\n    return len(bytearray(event['mb'] << 20))\n"
    manifest.write_text(function("f", code, spec={"memory": "128Mi", "timeout": "20s"}))
    with local_mode(manifest, state=state) as local:
        assert local.invoke("f", {"mb": 1}).json == 1 << 20
        failed = local.invoke("f", {"mb": 2000})
        assert failed.headers["x-amz-function-error"] == "Unhandled"
        assert failed.json["errorType"] == "Runtime.OutOfMemory"
        assert local.invoke("f", {"mb": 1}).json == 1 << 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_finishes_what_runs_and_leaves_no_process(manifest: Path, state: Path, number: int) -> None:
    manifest.write_text(function("f", SLOW))
    results: list[bytes] = []
    with local_mode(manifest, state=state) as local:
        assert local.invoke("f", {"seconds": 0}).status == 200
        caller = threading.Thread(target=lambda: results.append(local.invoke("f", {"seconds": 1}).body))
        caller.start()
        until(lambda: _in_flight(local) == 1, "the call runs")
        below = local.descendants()
        assert below
        assert local.stop(number) == 0
        caller.join()
        until(lambda: gone(below), "every process is gone")
    assert results == [b'"done"']


def test_a_second_signal_ends_it_at_once(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f", SLOW, spec={"timeout": "60s"}))
    with local_mode(manifest, state=state) as local:
        caller = threading.Thread(target=lambda: _ignore(lambda: local.invoke("f", {"seconds": 50})))
        caller.start()
        until(lambda: _in_flight(local) == 1, "the call runs")
        below = local.descendants()
        local.process.send_signal(signal.SIGINT)
        local.said("Finishing what runs")
        local.process.send_signal(signal.SIGINT)
        local.process.wait(20)
        until(lambda: gone(below), "every process is gone")
        caller.join()


def test_killing_it_leaves_no_process_either(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    with local_mode(manifest, state=state) as local:
        assert local.invoke("f").status == 200
        below = local.descendants()
        local.process.kill()
        local.process.wait()
        until(lambda: gone(below), "every process is gone")
    with local_mode(manifest, state=state) as local:
        assert local.invoke("f").status == 200


KILLS = """
import os, time
def daemon():
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            os.write(write, b"%d" % os.getpid())
            os.execvp("sleep", ["sleep", "600"])
        os._exit(0)
    os.wait()
    return os.read(read, 20).decode()
def handler(event, context):
    if "file" in event:
        with open(event["file"], "w") as file: file.write(" ".join(daemon() for _ in range(5)))
        os.kill(os.getppid(), 9)
        time.sleep(60)
    return os.getppid()
"""


def test_a_function_that_kills_its_supervisor_is_told_and_leaves_no_process(
    manifest: Path, state: Path
) -> None:
    manifest.write_text(function("f", KILLS, spec={"timeout": "30s"}))
    with local_mode(manifest, state=state) as local:
        before = local.invoke("f", {}).json
        began = time.monotonic()
        failed = local.invoke("f", {"file": str(state / "pids")})
        assert time.monotonic() - began < 5
        assert (failed.status, failed.headers["x-amz-function-error"]) == (200, "Unhandled")
        daemons = {int(pid) for pid in (state / "pids").read_text().split()}
        assert len(daemons) == 5
        assert local.invoke("f", {}).json != before
        until(lambda: gone(daemons), "the daemons are gone")
        until(lambda: len(local.descendants()) == 2, "a supervisor and its process are all there is")
        assert local.stop() == 0


def test_each_version_has_a_folder_for_its_files_that_goes_with_it(manifest: Path, state: Path) -> None:
    code = (
        "import os, tempfile\ndef handler(event, context):\n"
        "    folder = tempfile.gettempdir()\n"
        "    open(f'{folder}/{context.function_version}', 'w').close()\n"
        "    return [folder, sorted(os.listdir(folder))]\n"
    )
    manifest.write_text(function("f", code, spec={"publish": "Auto"}))
    with local_mode(manifest, state=state) as local:
        until(lambda: local.known("f:1"), "version 1 is there")
        latest, one = (local.invoke(name).json for name in ("f", "f:1"))
        assert latest[0] != one[0]
        assert (latest[1], one[1]) == (["$LATEST"], ["1"])
        assert local.stop() == 0
    assert not any(Path(folder).exists() for folder, _ in (latest, one))


def test_a_taken_port_says_who_to_ask(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [FUNCLET, "local", str(manifest), f"--port={port}", f"--state={state}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 2
    assert re.search(rf"Port {port} is taken by .* \(process {os.getpid()}\)\. .*--port", ended.stderr)


def test_a_path_that_is_not_there_is_told(state: Path) -> None:
    ended = subprocess.run(
        [FUNCLET, "local", "nowhere.yaml", "--port=0", "--admin-port=0", f"--state={state}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "funclet local: nowhere.yaml: there is no such file or folder\n"


def test_manifests_come_from_standard_input_too(state: Path) -> None:
    with local_mode("-", state=state, stdin=function("f")) as local:
        assert local.invoke("f", 1).json == 1


def test_throttling_at_reserved_concurrency_has_the_reason_of_aws(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f", SLOW, spec={"concurrency": {"reserved": 1}}))
    with local_mode(manifest, state=state) as local:
        caller = threading.Thread(target=lambda: local.invoke("f", {"seconds": 1}))
        caller.start()
        until(lambda: _in_flight(local) == 1, "the call runs")
        refused = local.invoke("f", {"seconds": 0})
        caller.join()
        assert refused.status == 429
        assert refused.json == {
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        }
        assert local.invoke("f", {"seconds": 0}).status == 200


def test_metrics_and_health_need_no_token_and_everything_else_does(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    path = "/apis/funclet.dev/v1alpha1/namespaces/default/functions"
    with local_mode(manifest, state=state) as local:
        assert [
            local.request("GET", f"/{open_}", admin=True).status for open_ in ("healthz", "readyz", "metrics")
        ] == [200, 200, 200]
        assert local.request("GET", path, admin=True).status == 401
        token = (state / "admin.token").read_text().strip()
        listed = local.request("GET", path, headers={"Authorization": f"Bearer {token}"}, admin=True)
        assert [item["metadata"]["name"] for item in listed.json["items"]] == ["f"]


def test_what_its_modules_log_is_told_where_everything_else_is(manifest: Path, state: Path) -> None:
    manifest.write_text(function("f"))
    path = f"/blobs/{hashlib.sha256(b'x').hexdigest()}"
    with local_mode(manifest, state=state, may_trace=True) as local:
        (state / "blobs" / "partial").rmdir()
        token = (state / "admin.token").read_text().strip()
        answer = local.request("PUT", path, b"x", {"Authorization": f"Bearer {token}"}, admin=True)
        assert answer.status == 500
        local.said(f"local.rest.errors: request failed  method=PUT path={path}\nTraceback")
        assert local.invoke("f", 1).json == 1


def _in_flight(local: Local) -> float:
    metrics = local.request("GET", "/metrics", admin=True).body.decode()
    found = re.search(r'^funclet_in_flight\{function="f"\} (\S+)$', metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _ignore(call: object) -> None:
    assert callable(call)
    try:
        call()
    except OSError:
        return

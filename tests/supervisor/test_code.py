"""A pod's code: fetched by its capability, verified, unpacked read-only, and only then run (bad inputs 41-46, 74)."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from funclet.supervisor import fetch
from funclet.supervisor.code import Code
from funclet.supervisor.memory import OWN
from funclet.supervisor.pod_settings import CodeSource
from support.pod import CAPABILITY, InternalPort, Request, archive, loop_in_this_process
from support.supervisor import Supervisor, is_alive, python_command, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from funclet.supervisor.outcome import Fault
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

ECHO = archive({"app.py": "def handler(event, context): return event", "pkg/data.txt": "x"})

NOWHERE = {"url": "http://127.0.0.1:1/code", "sha256": "0" * 64, "capability": CAPABILITY}


def started(
    functions: Functions, port: InternalPort, folder: Path, content: bytes = ECHO, **changes: Any
) -> Supervisor:
    return of(functions, port.code(content, str(folder), **changes), folder)


def of(functions: Functions, code: dict[str, Any], folder: Path) -> Supervisor:
    task_root = {"LAMBDA_TASK_ROOT": str(folder)}
    return functions.command(
        python_command(), code=code, working_directory=str(folder), environment=task_root
    )


def test_the_function_runs_from_the_code_that_came(functions: Functions, tmp_path: Path) -> None:
    with InternalPort(lambda _: (200, ECHO)) as port:
        assert started(functions, port, tmp_path).invoke(5).json == 5
        [request] = port.came
    assert request.authorization == f"Bearer {CAPABILITY}"
    assert request.path.startswith("/code/")


def test_the_code_cannot_be_changed_by_mistake_and_nothing_else_is_there(
    functions: Functions, tmp_path: Path
) -> None:
    with InternalPort(lambda _: (200, ECHO)) as port:
        started(functions, port, tmp_path).wait_until_ready()
    found = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path, *tmp_path.rglob("*"))
    }
    assert {name: mode for name, mode in found.items() if "__pycache__" not in name} == {
        ".": 0o555,
        "app.py": 0o444,
        "pkg": 0o555,
        "pkg/data.txt": 0o444,
    }


def test_while_the_code_comes_the_supervisor_greets_and_takes_an_event(
    functions: Functions, tmp_path: Path
) -> None:
    go = threading.Event()

    def answer(_: Request) -> tuple[int, bytes]:
        assert go.wait(20)
        return 200, ECHO

    with InternalPort(answer) as port:
        supervisor = started(functions, port, tmp_path)
        with supervisor.gateway() as one, supervisor.gateway() as two:
            wait_for(lambda: port.came)
            one.send_invoke(b"7")
            # What was sent before this is asked has been taken by the time that the next request is.
            assert two.request("GET", "/ready").status == 503
            assert two.invoke().not_started == "busy"
            go.set()
            assert one.answer().json == 7
    assert len(supervisor.lines("INIT_START")) == 1


def test_a_gateway_that_does_not_know_the_code_yet_is_asked_again(
    functions: Functions, tmp_path: Path
) -> None:
    answers = iter([(404, b""), (503, b"later"), (200, ECHO)])
    with InternalPort(lambda _: next(answers)) as port:
        assert started(functions, port, tmp_path).invoke(5).json == 5
        assert len(port.came) == 3


@pytest.mark.parametrize(
    ("answer", "headers", "said"),
    [
        ((401, b""), {}, "the gateway answered 401"),
        ((404, b"spec.code.zip.url: no such object\n"), {}, "spec.code.zip.url: no such object"),
        ((404, b"\x1b[2J"), {}, "the gateway answered 404"),
        ((302, b""), {"location": "http://169.254.169.254/"}, "the gateway answered 302"),
        ((200, b"another"), {}, "its SHA-256 is another"),
        ((200, b""), {"content-length": "300000000"}, "at most 262144000 bytes"),
        ((200, b"abc"), {"transfer-encoding": "chunked", "content-length": ""}, "must tell its length"),
        ((200, ECHO), {"content-length": str(len(ECHO) + 1)}, "the archive broke off"),
        ((200, b""), {"x-long": "x" * 400_000}, "the answer has no head"),
    ],
)
def test_what_cannot_be_the_code_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    answer: tuple[int, bytes],
    headers: dict[str, str],
    said: str,
) -> None:
    monkeypatch.setattr(fetch, "_PAUSES", (0.0,))
    with InternalPort(lambda _: answer, headers=headers) as port:
        with pytest.raises(fetch.CodeError, match=said) as raised:
            fetch.fetch(CodeSource(port.code(ECHO, str(tmp_path))))
        assert len(port.came) == 2
    assert raised.value.error_type == "CodeUnavailable"
    assert not list(tmp_path.iterdir())


def test_code_that_does_not_come_is_told_after_some_tries(functions: Functions, tmp_path: Path) -> None:
    with InternalPort(lambda _: (404, b"")) as port:
        supervisor = started(functions, port, tmp_path)
        told = supervisor.invoke()
        assert len(port.came) == 4
    assert (told.outcome, told.json["errorType"]) == ("init-error", "CodeUnavailable")
    assert "the gateway answered 404" in told.json["errorMessage"]
    assert supervisor.exit_status() == 3


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with InternalPort(lambda _: (200, ECHO)) as port:
        source = CodeSource(port.code(ECHO, str(tmp_path / "file")))
        with pytest.raises(fetch.CodeError, match=r"file: File exists"):
            fetch.fetch(source)


def test_where_nobody_listens_that_is_told_to_whoever_asks_for_readiness(
    functions: Functions, tmp_path: Path
) -> None:
    with InternalPort(lambda _: (200, ECHO)) as port:
        code = port.code(ECHO, str(tmp_path))
    supervisor = of(functions, code, tmp_path)
    with supervisor.gateway() as gateway:
        wait_for(lambda: gateway.request("GET", "/ready").outcome)
        answer = gateway.request("GET", "/ready")
    assert (answer.status, answer.json["errorType"]) == (503, "CodeUnavailable")
    assert "Connection refused" in answer.json["errorMessage"]
    assert "CodeUnavailable" in supervisor.log()


def test_an_archive_that_breaks_a_rule_is_refused_at_once(functions: Functions, tmp_path: Path) -> None:
    evil = archive({"../evil.py": "x"})
    with InternalPort(lambda _: (200, evil)) as port:
        answer = started(functions, port, tmp_path / "task", evil).invoke()
        assert len(port.came) == 1
    assert (answer.outcome, answer.json["errorType"]) == ("init-error", "InvalidZipFileException")
    assert not (tmp_path / "evil.py").exists()


def test_what_nobody_foresaw_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_: CodeSource) -> None:
        raise OverflowError("too\nlarge \ud800")

    monkeypatch.setattr(fetch, "fetch", fail)
    faults: list[Fault | None] = []
    with loop_in_this_process() as loop:

        def told(fault: Fault | None) -> None:
            faults.append(fault)
            loop.stop(0)

        before = set(OWN)
        Code(loop, CodeSource({**NOWHERE, "folder": str(tmp_path)})).fetch(told)
        (child,) = OWN - before
        loop.run()
    os.waitpid(child, 0)
    [fault] = faults
    assert fault is not None
    assert (fault.error_type, fault.message) == (
        "CodeUnavailable",
        "The function's code could not be made ready: OverflowError: too large \\ud800",
    )


def test_what_an_earlier_life_left_is_removed_and_links_are_not_followed(
    functions: Functions, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    task = tmp_path / "task"
    (task / "pkg").mkdir(parents=True)
    (task / "pkg/data.txt").touch()
    (task / "pkg").chmod(0o555)
    (task / "link").symlink_to(outside)
    (task / "app.py").symlink_to(outside / "kept")
    with InternalPort(lambda _: (200, ECHO)) as port:
        assert started(functions, port, task).invoke(5).json == 5
    assert (outside / "kept").read_bytes() == b""
    assert not (task / "link").exists()


def test_a_draining_supervisor_does_not_wait_for_its_code(functions: Functions, tmp_path: Path) -> None:
    gone = threading.Event()
    with InternalPort(lambda _: (200, ECHO) if gone.wait(20) else (500, b"")) as port:
        supervisor = started(functions, port, tmp_path)
        wait_for(lambda: port.came)
        [child] = supervisor.descendants()
        supervisor.terminate()
        assert supervisor.exit_status() == 0
        wait_for(lambda: not is_alive(child))
        gone.set()


CHANGES = archive(
    {
        "app.py": "import os\ndef handler(event, context):\n    exec(event)\n    return 'mine'\n",
        "pkg/data.txt": "x",
    }
)
#: by the owner of everything in it
REPLACE = (
    "os.unlink('app.py'); open('app.py', 'w').write('def handler(event, context): return 1'); os._exit(1)"
)
ADD = (
    "os.makedirs('json'); open('json/__init__.py', 'w').write('raise SystemExit(5)'); "
    "os.makedirs('__pycache__', exist_ok=True); open('__pycache__/x.pyc', 'w').close(); os._exit(1)"
)


def test_code_that_the_function_has_changed_does_not_run_again(functions: Functions, tmp_path: Path) -> None:
    with InternalPort(lambda _: (200, CHANGES)) as port:
        supervisor = started(functions, port, tmp_path, CHANGES)
        with supervisor.gateway() as gateway:
            assert gateway.invoke(b'"pass"').json == "mine"
            gateway.invoke(f'"{REPLACE}"'.encode())
            told = gateway.invoke(b'"pass"')
        assert len(port.came) == 1
    assert (told.outcome, told.json["errorType"]) == ("init-error", "CodeChanged")
    assert "has changed its own code" in told.json["errorMessage"]
    assert supervisor.said("CodeChanged: The function has changed its own code")
    assert supervisor.exit_status() == 3


def test_whoever_asks_whether_changed_code_is_ready_is_told(functions: Functions, tmp_path: Path) -> None:
    with InternalPort(lambda _: (200, CHANGES)) as port:
        supervisor = started(functions, port, tmp_path, CHANGES)
        with supervisor.gateway() as gateway:
            gateway.invoke(f'"{REPLACE}"'.encode())
            told = wait_for(lambda: answer if (answer := gateway.request("GET", "/ready")).outcome else None)
    assert (told.status, told.json["errorType"]) == (503, "CodeChanged")


def test_what_the_function_has_added_to_its_code_is_gone_when_it_starts_again(
    functions: Functions, tmp_path: Path
) -> None:
    with InternalPort(lambda _: (200, CHANGES)) as port:
        supervisor = started(functions, port, tmp_path, CHANGES)
        for _ in range(2):
            supervisor.invoke(ADD)
            assert supervisor.invoke("pass").json == "mine"
        assert len(port.came) == 1
    assert not (tmp_path / "json").exists()


def test_a_new_life_in_a_sealed_folder_begins_with_the_code_alone(
    functions: Functions, tmp_path: Path
) -> None:
    with InternalPort(lambda _: (200, ECHO)) as port:
        for _ in range(2):
            supervisor = started(functions, port, tmp_path)
            assert supervisor.invoke(5).json == 5
            supervisor.terminate()
            assert supervisor.exit_status() == 0

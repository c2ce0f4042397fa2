"""The supervisor runs in any image, as the first process, without rights, and leaves nothing of itself there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import container
from support.pod import CAPABILITY, InternalPort, archive
from support.supervisor import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from images.conftest import Pod

pytestmark = pytest.mark.processes

#: a runtime in nothing but a shell and wget
BOOTSTRAP = Path(__file__).parents[2] / "e2e/own_images/shell/bootstrap"


@pytest.fixture
def start(tmp_path: Path, bundle: Path, pods: list[Pod]) -> Callable[..., Pod]:
    def start_pod(command: list[str], files: dict[str, str], **changes: Any) -> Pod:
        from images.conftest import Pod  # noqa: PLC0415 - found once pytest has set its path

        (tmp_path / "task").mkdir()
        for name, content in files.items():
            (tmp_path / "task" / name).write_text(content)
            (tmp_path / "task" / name).chmod(0o755)
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        tmp_path.chmod(0o755)
        pods.append(Pod(root, bundle, command, **changes))
        return pods[-1]

    return start_pod


def python_image() -> dict[str, Path]:
    """This machine's own programs and libraries, as an image that somebody made for AWS."""
    folders = {str(folder): folder for folder in map(Path, ("/usr", "/bin", "/lib", "/lib64", "/etc"))}
    for prefix in {sys.prefix, sys.base_prefix}:
        if not Path(prefix).is_relative_to("/usr"):
            folders[prefix] = Path(prefix)
    return {target: source.resolve() for target, source in folders.items() if source.exists()}


def static_busybox() -> str:
    """The whole of an image; where CI should have installed it and has not, that is a failure."""
    busybox = shutil.which("busybox")
    if busybox is not None:
        told = subprocess.run(["ldd", busybox], capture_output=True, check=False).stderr
        if b"not a dynamic" in told:
            return busybox
    lack = "needs a static busybox (Debian's busybox-static)"
    if os.environ.get("CI") == "true":
        pytest.fail(lack)
    pytest.skip(lack)


def test_an_image_with_a_shell_alone_runs_functions(tmp_path: Path, start: Callable[..., Pod]) -> None:
    busybox = static_busybox()
    (tmp_path / "root/bin").mkdir(parents=True)
    shutil.copy(busybox, tmp_path / "root/bin/busybox")
    for name in ("sh", "wget", "sed", "tr", "cat"):
        (tmp_path / "root/bin" / name).symlink_to("busybox")
    pod = start(
        ["/var/task/bootstrap"], {"bootstrap": BOOTSTRAP.read_text()}, environment={"STAGE": "of the image"}
    )
    with pod.gateway() as gateway:
        for number in range(3):
            answer = gateway.invoke(b"%d" % number)
            assert answer.json == {"event": number, "stage": "of the image"}
    assert pod.end()[0] == 0


def test_an_image_with_awss_runtime_client_runs_functions(start: Callable[..., Pod]) -> None:
    pytest.importorskip("awslambdaric", reason="AWS's client is for Linux")
    code = "import os\ndef handler(event, context): return [event, os.getuid(), os.getpid() != 1]"
    pod = start(
        [sys.executable, "-m", "awslambdaric", "app.handler"], {"app.py": code}, read_only=python_image()
    )
    with pod.gateway() as gateway:
        assert gateway.invoke(b'"hello"').json == ["hello", container.UID, True]


def test_a_pod_without_rights_fetches_its_code_and_tells_the_gateways(start: Callable[..., Pod]) -> None:
    content = archive({"app.py": "import os\ndef handler(event, context): return os.listdir('.')"})
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    with InternalPort(lambda request: (200, content) if request.method == "GET" else (204, b"")) as port:
        pod = start(
            command,
            {"left": "by an earlier life"},
            read_only=python_image(),
            code=port.code(content, "/var/task"),
            announce={"url": f"{port.url}/announce", "capability": CAPABILITY},
        )
        with pod.gateway() as gateway:
            assert set(gateway.invoke().json) - {"__pycache__"} == {"app.py"}
        assert {request.method for request in port.came} == {"GET", "POST"}
    assert pod.end()[0] == 0


def test_a_function_cannot_replace_its_code_for_the_next_process(start: Callable[..., Pod]) -> None:
    """Anybody may write the folder, as in a pod, where it is a volume of root's (bad input 74)."""
    code = """
import os
def handler(event, context):
    if event == "mine": return event
    if event == "add": open("json.py", "w").write("raise SystemExit(5)")
    if event == "replace":
        os.unlink("app.py")
        open("app.py", "w").write("def handler(event, context): return 'theirs'")
    os._exit(1)
"""
    content = archive({"app.py": code})
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    with InternalPort(lambda _: (200, content)) as port:
        pod = start(command, {}, read_only=python_image(), code=port.code(content, "/var/task"))
        with pod.gateway() as gateway:
            for event in (b'"mine"', b'"add"'):
                gateway.invoke(event)
                assert gateway.invoke(b'"mine"').json == "mine"
            gateway.invoke(b'"replace"')
            told = gateway.invoke(b'"mine"')
        assert (told.outcome, told.json["errorType"]) == ("init-error", "CodeChanged")
    assert pod.process.wait(20) == 3
    assert pod.termination.read_text().startswith("CodeChanged: The function has changed its own code in ")


def test_the_images_settings_of_loader_and_python_reach_the_function_and_not_the_supervisor(
    start: Callable[..., Pod],
) -> None:
    code = "import os\ndef handler(event, context): return [os.environ[n] for n in event]"
    environment = {
        "LD_LIBRARY_PATH": "/nowhere",
        "PYTHONPATH": "/nowhere",
        "PYTHONHOME": "",
        "LC_ALL": "en_US.ISO-8859-1",
    }
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    pod = start(command, {"app.py": code}, read_only=python_image(), environment=environment)
    with pod.gateway() as gateway:
        told = gateway.invoke(b'["LD_LIBRARY_PATH", "PYTHONPATH", "LC_ALL"]').json
        assert told == ["/nowhere", "/nowhere", "en_US.ISO-8859-1"]


#: tells which process it was loaded into, whichever way
LIBRARY = """
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void tell(void) {
    int out = open("/var/task/loaded", O_WRONLY | O_CREAT | O_APPEND, 0666);
    dprintf(out, "%d ", getpid());
    close(out);
}
unsigned int la_version(unsigned int version) { tell(); return version; }
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a shared library that tells where it is loaded."""
    if not shutil.which("gcc"):
        pytest.skip("needs a C compiler")
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "tell.c").write_text(LIBRARY)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "tell.so", folder / "tell.c"], check=True)
    return folder


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT"])
def test_a_library_that_the_image_or_a_secret_names_is_loaded_into_the_function_alone(
    start: Callable[..., Pod], library: Path, name: str
) -> None:
    code = f"import os\ndef handler(event, context): return [os.environ['{name}'], os.getpid()]"
    pod = start(
        [sys.executable, "-m", "awslambdaric", "app.handler"],
        {"app.py": code},
        read_only={**python_image(), "/library": library},
        environment={name: "/library/tell.so"},
    )
    with pod.gateway() as gateway:
        told, pid = gateway.invoke().json
    assert told == "/library/tell.so"
    loaded = set(map(int, (pod.task / "loaded").read_text().split()))
    assert pid in loaded
    assert 1 not in loaded


def test_nothing_that_the_supervisor_starts_with_sees_a_variable_of_the_image(
    start: Callable[..., Pod],
) -> None:
    code = "import os\ndef handler(event, context): return {name: os.environ[name] for name in event}"
    given = {
        "GLIBC_TUNABLES": "glibc.malloc.check=3",
        "GCONV_PATH": "/var/task",
        "LOCPATH": "/var/task",
        "LD_DEBUG": "all",
        "LD_DEBUG_OUTPUT": "/var/task/debug",
        "MALLOC_ARENA_MAX": "1",
        "TZ": "Asia/Tokyo",
    }
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    pod = start(command, {"app.py": code}, read_only=python_image(), environment=given)
    with pod.gateway() as gateway:
        assert gateway.invoke(json.dumps(list(given)).encode()).json == given
    variables = Path(f"/proc/{pod.pid}/environ").read_bytes().split(b"\0")[:-1]
    assert all(each.startswith(b"FUNCLET_") or each[0] & 0x80 for each in variables)
    assert "debug.1" not in {path.name for path in pod.task.iterdir()}


def test_the_function_cannot_look_into_the_supervisor(start: Callable[..., Pod]) -> None:
    code = """
def handler(event, context):
    found = []
    for name in ("environ", "mem", "maps", "fd/0"):
        try:
            open(f"/proc/1/{name}", "rb").read(1)
        except OSError as error:
            found.append(type(error).__name__)
    return found
"""
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    pod = start(command, {"app.py": code}, read_only=python_image())
    with pod.gateway() as gateway:
        assert gateway.invoke().json == ["PermissionError"] * 4


def test_what_the_function_leaves_behind_is_ended_with_its_process(start: Callable[..., Pod]) -> None:
    code = """
import os, subprocess, sys
def handler(event, context):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True)
    os._exit(1)
"""
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    pod = start(command, {"app.py": code}, read_only=python_image())
    with pod.gateway() as gateway:
        assert gateway.invoke().json["errorType"] == "Runtime.ExitError"
        children = Path(f"/proc/{pod.pid}/task/{pod.pid}/children")
        wait_for(lambda: len(children.read_text().split()) == 1)


def test_where_memory_runs_out_the_kernel_takes_the_function_before_the_first_process(
    start: Callable[..., Pod],
) -> None:
    """A kubelet gives all of a pod a score that is nearly the highest, which nobody there may lower."""
    code = "import os\ndef handler(event, context): os._exit(1) if event else None"
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    pod = start(command, {"app.py": code}, read_only=python_image())
    with pod.gateway() as gateway:
        gateway.invoke(b"0")
        Path(f"/proc/{pod.pid}/oom_score_adj").write_text("990")
        gateway.invoke(b"1")
        gateway.invoke(b"0")
        [runtime] = Path(f"/proc/{pod.pid}/task/{pod.pid}/children").read_text().split()
        score = Path(f"/proc/{runtime}/oom_score_adj")
        wait_for(lambda: score.read_text() == "1000\n")
    assert pod.end()[0] == 0


def test_an_init_error_is_left_where_kubernetes_keeps_it(start: Callable[..., Pod]) -> None:
    pod = start(["/nowhere/bootstrap"], {})
    with pod.gateway() as gateway:
        assert gateway.invoke().outcome == "init-error"
    assert pod.process.wait(20) == 3
    assert (
        pod.termination.read_text()
        == "Runtime.InvalidEntrypoint: fork/exec /nowhere/bootstrap: no such file or directory"
    )


def test_a_secret_that_the_function_was_given_is_not_left_there(start: Callable[..., Pod]) -> None:
    secret = "canary-of-the-database"
    code = "import os\nraise ValueError(os.environ['DB_PASSWORD'], os.environ['LAMBDA_TASK_ROOT'])"
    command = [sys.executable, "-m", "awslambdaric", "app.handler"]
    pod = start(command, {"app.py": code}, read_only=python_image(), environment={"DB_PASSWORD": secret})
    with pod.gateway() as gateway:
        assert secret in gateway.invoke().json["errorMessage"]
    assert pod.process.wait(20) == 3
    assert pod.termination.read_text() == "ValueError: ('***', '/var/task')"


def test_settings_that_cannot_be_are_left_there_too(start: Callable[..., Pod]) -> None:
    pod = start(["/bin/true"], {}, memory_mb=0)
    assert pod.process.wait(20) == 1
    assert pod.termination.read_text().startswith("Runtime.InvalidSettings: memory_mb must be")


def test_the_bundle_is_small_and_compiled(bundle: Path) -> None:
    files = [path for path in bundle.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60 << 20
    sources = [path for path in files if path.suffix == ".py"]
    compiled = [path for path in files if path.suffix == ".pyc"]
    assert len(sources) == len(compiled) > 40


def test_install_brings_the_bundle_into_a_folder_again_and_again(tmp_path: Path, bundle: Path) -> None:
    root, volume = tmp_path / "root", tmp_path / "volume"
    root.mkdir()
    volume.mkdir()
    volume.chmod(0o777)
    tmp_path.chmod(0o755)
    for _ in range(2):
        process = container.start(
            root,
            ["/funclet/bin/install", "/volume"],
            {},
            read_only={"/funclet": bundle},
            binds={"/volume": volume},
        )
        assert process.wait(20) == 0

    def content(folder: Path) -> dict[str, tuple[bytes, int]]:
        return {
            str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
            for path in folder.rglob("*")
            if path.is_file()
        }

    assert content(volume) == content(bundle)


def test_install_says_what_it_wants(tmp_path: Path, bundle: Path) -> None:
    (tmp_path / "root").mkdir()
    process = container.start(
        tmp_path / "root",
        ["/funclet/bin/install"],
        {},
        read_only={"/funclet": bundle},
        stderr=subprocess.PIPE,
    )
    _, said = process.communicate(timeout=20)
    assert (process.returncode, b"usage: install FOLDER" in said) == (2, True)

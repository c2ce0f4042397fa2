"""The program that starts another one with arguments before its own, with no library and no shell."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from images.conftest import SUPERVISOR_IMAGE

if TYPE_CHECKING:
    from pathlib import Path

LAUNCHER = SUPERVISOR_IMAGE / "launcher.py"
here = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"},
    reason="it is a program for Linux",
)
TELL = [sys.executable, "-c", "import os, sys; print(ascii([sys.argv[1:], os.environ['STAGE']]))"]


def write(path: Path, *arguments: str) -> Path:
    subprocess.run([sys.executable, str(LAUNCHER), str(path), *arguments], check=True)
    return path


@pytest.fixture(scope="module")
def teller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("launcher") / "tell", *TELL, "fixed one", "two")


@here
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=8
    )
)
def test_its_own_arguments_follow_the_fixed_ones_and_the_environment_stays(
    teller: Path, arguments: list[str]
) -> None:
    done = subprocess.run(
        [str(teller), *arguments],
        env={**os.environ, "STAGE": "x=y", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ascii([["fixed one", "two", *arguments], "x=y"])


def hiding(machine: str, *arguments: str) -> bytes:
    script = "import runpy, sys; sys.stdout.buffer.write(runpy.run_path(sys.argv[1])['program'](sys.argv[3:], sys.argv[2], hide=True))"
    command = [sys.executable, "-c", script, str(LAUNCHER), machine, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


@here
def test_it_hides_every_variable_that_is_not_the_platforms(tmp_path: Path) -> None:
    program = tmp_path / "hide"
    tell = "import sys; sys.stdout.buffer.write(open('/proc/self/environ', 'rb').read())"
    program.write_bytes(hiding(platform.machine(), sys.executable, "-S", "-c", tell))
    program.chmod(0o755)
    given = {
        "FUNCLET_A": "1",
        "LD_PRELOAD": "/x",
        "A": "",
        "FUNCLET": "y",
        "É": "z",
        "LAST": "é=",
        "FUNCLET_": "",
    }
    done = subprocess.run([str(program)], env=given, capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == [
        b"FUNCLET_A=1",
        b"\xccD_PRELOAD=/x",
        b"\xc1=",
        b"\xc6UNCLET=y",
        "É=z".encode(),
        b"\xccAST=" + "é=".encode(),
        b"FUNCLET_=",
    ]
    assert done.stderr == b""


def test_on_another_processor_it_compares_with_the_same_eight_bytes() -> None:
    made = hiding("aarch64", "/a")
    words = struct.unpack_from("<9I", made, 64 + 2 * 56)
    parts = {word >> 21 & 3: word >> 5 & 0xFFFF for word in words[5:9] if word & 0x1F == 10}
    assert struct.pack("<4H", *(parts[part] for part in range(4))) == b"FUNCLET_"


@here
def test_without_any_variable_there_is_nothing_to_hide(tmp_path: Path) -> None:
    program = tmp_path / "hide"
    program.write_bytes(hiding(platform.machine(), sys.executable, "-S", "-c", "print('there')"))
    program.chmod(0o755)
    assert subprocess.run([str(program)], env={}, capture_output=True, check=True).stdout == b"there\n"


@here
def test_it_becomes_the_other_program(tmp_path: Path) -> None:
    program = write(tmp_path / "pid", sys.executable, "-c", "import os; print(os.getpid())")
    process = subprocess.Popen([str(program)], stdout=subprocess.PIPE)
    said, _ = process.communicate(timeout=20)
    assert int(said) == process.pid


@here
def test_what_cannot_be_started_is_told_by_the_status_of_a_shell(tmp_path: Path) -> None:
    assert subprocess.run([str(write(tmp_path / "x", "/nowhere"))], check=False).returncode == 127


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("aarch64", 183)])
def test_its_arguments_are_where_the_program_says(machine: str, number: int) -> None:
    made = hiding(machine, "/a", "bc")
    assert made[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", made, 18)[0] == number
    *_, first, second = struct.unpack_from("<2Q", made, len(made) - 6 - 16)
    assert made[first - 0x400000 :] == b"/a\0bc\0"
    assert made[second - 0x400000 :] == b"bc\0"
    assert len(made) < 400

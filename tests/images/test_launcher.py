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
    script = "import runpy, sys; sys.stdout.buffer.write(runpy.run_path(sys.argv[1])['program'](['/a', 'bc'], sys.argv[2]))"
    made = subprocess.run(
        [sys.executable, "-c", script, str(LAUNCHER), machine], check=True, capture_output=True
    ).stdout
    assert made[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", made, 18)[0] == number
    *_, first, second = struct.unpack_from("<2Q", made, len(made) - 6 - 16)
    assert made[first - 0x400000 :] == b"/a\0bc\0"
    assert made[second - 0x400000 :] == b"bc\0"
    assert len(made) < 400

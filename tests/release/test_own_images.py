"""What goes into the images that e2e tests build as users would."""

import sys
from pathlib import Path

import pytest

from cluster.errors import CannotRun
from own_images.build import CLIENT, HERE, LOCKED, locked, names_a_loader

DOCKERFILES = sorted(HERE.glob("*/Dockerfile"))


def test_awss_client_is_taken_by_its_locked_hashes() -> None:
    lines = locked(LOCKED.read_text("utf-8"), CLIENT).splitlines()
    heads = [line.partition("==")[0] for line in lines if "==" in line]
    assert heads == list(CLIENT)
    assert all(line.startswith("    --hash=sha256:") for line in lines if "==" not in line)
    assert not lines[-1].endswith("\\")


def test_what_is_not_locked_is_named() -> None:
    with pytest.raises(CannotRun, match=r"nothing is not in dev\.txt"):
        locked(LOCKED.read_text("utf-8"), ("nothing",))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_they_run_nothing_in_the_build_and_have_nothing_of_funclets(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert {line.split()[0] for line in lines} <= {"ARG", "FROM", "COPY", "ENV", "WORKDIR", "USER", "CMD"}
    assert "funclet" not in "\n".join(lines)
    assert "USER 65532:65532" in lines


@pytest.mark.skipif(sys.platform != "linux", reason="reads a program for Linux")
def test_a_program_with_libraries_names_a_loader() -> None:
    assert names_a_loader(Path("/bin/sh").read_bytes())

"""What a newcomer meets before anything of Python is there."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: a Python of a system without python3-venv: it leaves half an environment behind
HALF_A_PYTHON = """#!/bin/sh
if [ "$1" = -m ]; then
    mkdir -p .venv/bin
    touch .venv/bin/python
    exit 1
fi
"""

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]


def test_make_can_be_run_again_after_its_own_advice(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "python").write_text(HALF_A_PYTHON)
    (tmp_path / "python").chmod(0o755)
    for _ in range(2):
        made = subprocess.run(
            ["make", "PYTHON=./python", ".venv/bin/python"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 2
        assert "apt-get install python3-venv" in made.stdout
        assert not (tmp_path / ".venv").exists()

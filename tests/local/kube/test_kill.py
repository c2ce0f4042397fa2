"""A real process that writes, killed at any moment: what it acknowledged is there."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from funclet.local.kube.store import LocalKube
from funclet.plan.plan import Key

WRITER = """
import asyncio, sys
from pathlib import Path
from funclet.local.kube.store import LocalKube

def manifest(number):
    spec = {"runtime": "python3.11", "handler": "app.handler", "code": {"inline": {"app.py": "x" * number * 100}}}
    return {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "metadata": {"name": "greet"},
            "spec": {**spec, "environment": {"N": str(number)}}}

async def main():
    kube = LocalKube(Path(sys.argv[1]))
    for number in range(int(sys.argv[2]), 1000):
        await kube.apply(manifest(number), manager="user")
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.processes
def test_no_acknowledged_write_is_lost_by_kill_9(tmp_path: Path) -> None:
    last = 0
    for round_ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(last + 1)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(3 + round_):
                last = int(writer.stdout.readline())
            writer.kill()
            # What it said before it died counts too.
            said = writer.stdout.read().split()
            last = int(said[-1]) if said else last
        kube = LocalKube(tmp_path)
        assert kube.problems == ()
        found = asyncio.run(kube.get(Key("Function", "default", "greet")))
        assert int(found["spec"]["environment"]["N"]) in {last, last + 1}
        last = int(found["spec"]["environment"]["N"])
    assert list(tmp_path.rglob("*.partial")) == []

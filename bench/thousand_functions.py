"""A thousand Functions applied at once: seconds until all are Ready, the operator's memory, its idle CPU.

`PYTHONPATH=e2e:tests .venv/bin/python bench/thousand_functions.py`, where a Kubernetes for tests is built. etcd, the API
server, whoever applies and the operator share this machine, so that the seconds are those of all of them.
"""

import argparse
import asyncio
import os
import time
from pathlib import Path

from support.api_server import Server, make_namespace, serving
from support.operators import OperatorProcess, Seen, condition, running

_TICKS = os.sysconf("SC_CLK_TCK")
#: applies under way at once
_TOGETHER = 16


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def megabytes(pid: int, field: str) -> float:
    """Memory of a process: VmRSS now, VmHWM at its highest."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines[field].split()[0]) / 1024


async def apply_all(seen: Seen, count: int, *, publish: str) -> None:
    """Apply so many Functions, several at a time."""
    some = asyncio.Semaphore(_TOGETHER)

    async def one(number: int) -> None:
        async with some:
            await seen.apply(seen.function(f"fn-{number:05}", publish=publish))

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))


async def until_ready(seen: Seen, count: int) -> None:
    """Wait until all are Ready."""
    while True:
        found = await seen.kube.list("Function")
        if sum(condition(each).get("status") == "True" for each in found) == count:
            return
        await asyncio.sleep(0.5)


def tell(what: str, value: float, unit: str, goal: float) -> None:
    """Print one figure beside its goal."""
    print(f"{what:44} {value:8.1f} {unit:5} goal <= {goal:g}{'' if value <= goal else '  MISSED'}")


async def measure(server: Server, count: int, idle: float, publish: str) -> None:
    """Measure one operator that sees them come, and one that finds them there."""
    connection = await server.connect()
    seen = Seen(connection, Seen.new())
    await make_namespace(connection, seen.namespace)
    with running(server.kubeconfig, seen.namespace, whole=True) as operator:
        await operator.leads()
        pid, begun = operator.process.pid, time.monotonic()
        await apply_all(seen, count, publish=publish)
        print(f"{'all applied':44} {time.monotonic() - begun:8.1f} s")
        await until_ready(seen, count)
        tell(f"{count} Functions Ready", time.monotonic() - begun, "s", 120)
        print(f"{'CPU of the operator until then':44} {cpu_seconds(pid):8.1f} s")
        await at_rest(operator, idle)
        operator.terminate()
    with running(server.kubeconfig, seen.namespace, "two", whole=True) as heir:
        begun = time.monotonic()
        await heir.leads()
        await seen.settled()
        print(f"{'an operator that begins: one more is Ready':44} {time.monotonic() - begun:8.1f} s")
        await at_rest(heir, idle)
    await connection.close()


async def at_rest(operator: OperatorProcess, idle: float) -> None:
    """Measure memory, and CPU while nothing happens."""
    pid = operator.process.pid
    # Whatever looks again after a burst has looked by then.
    await asyncio.sleep(10)
    tell("memory of the operator", megabytes(pid, "VmRSS"), "MB", 200)
    print(f"{'memory at its highest':44} {megabytes(pid, 'VmHWM'):8.1f} MB")
    before = cpu_seconds(pid)
    await asyncio.sleep(idle)
    tell(f"idle CPU over {idle:g} s", 100 * (cpu_seconds(pid) - before) / idle, "%", 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds over which idle CPU is measured")
    parser.add_argument("--publish", choices=("Auto", "Manual"), default="Manual")
    options = parser.parse_args()
    with serving() as server:
        asyncio.run(measure(server, options.functions, options.idle, options.publish))


if __name__ == "__main__":
    main()

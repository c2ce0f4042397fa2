"""Measures Funclet on the test cluster beside a bare Deployment in the same run: from zero, warm, and many Functions.

    PYTHONPATH=e2e python bench/on_cluster.py      (make bench-cluster)

The moment of each call is random: else the kubelet's tick, once a second, shows in every figure.
"""

import argparse
import asyncio
import contextlib
import platform
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from rich.console import Console

from cluster import providers
from cluster.containerd import repository
from cluster.kubectl import Kubectl
from cluster.provider import Provider
from faults import pods
from funclet.kube.client import ClusterKube, connect
from funclet.plan.plan import Key
from load.invoking import Target
from many_functions import Many
from release import release
from release.release import Release
from told import console, markdown, show

_DOCUMENT = Path(__file__).parents[1] / "docs" / "performance-cluster.md"
_NAMESPACE = "bench"
_HELLO = "def handler(event, context):\n    return 'hello'\n"
#: seconds
_PATIENCE = 120.0
_POLL = 0.005
#: how long a dial of the bare pod may take: its Service has no endpoint yet, and a lost packet would cost it a second
_DIAL = 0.1
#: calls over one connection, which a Service leads to one gateway
_PER_CONNECTION = 20
_PORT = 8700

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    provider: Provider
    release: Release
    kube: ClusterKube
    terminal: Console

    @property
    def kubectl(self) -> Kubectl:
        """Of the cluster."""
        return self.provider.kubectl


@dataclass
class Figure:
    """Measured values in seconds, shown in `unit`; a goal is of their median."""

    name: str
    unit: str = "s"
    goal: float | None = None
    values: list[float] = field(default_factory=list)

    def row(self) -> list[str]:
        """Name, goal, median, p95, worst, number."""
        factor = 1000 if self.unit == "ms" else 1
        median = statistics.median(self.values) * factor
        rest = (quantile(self.values, 0.95) * factor, max(self.values) * factor)
        missed = " (missed)" if self.goal is not None and median > self.goal else ""
        goal = f"p50 ≤ {self.goal:g} {self.unit}" if self.goal is not None else ""
        shown = [f"{median:.3g} {self.unit}{missed}", *(f"{each:.3g} {self.unit}" for each in rest)]
        return [self.name, goal, *shown, str(len(self.values))]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 100) // 100) - 1)]


def spread_of_ratio(
    ours: Sequence[float], theirs: Sequence[float], draw: random.Random
) -> tuple[float, float]:
    """The middle 95 % of the ratio of medians, over 2,000 samples of these with replacement."""
    ratios = sorted(
        statistics.median(draw.choices(ours, k=len(ours)))
        / statistics.median(draw.choices(theirs, k=len(theirs)))
        for _ in range(2000)
    )
    return ratios[50], ratios[-51]


# -- what is measured


def _function() -> Manifest:
    return {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "hello", "namespace": _NAMESPACE},
        "spec": {
            "runtime": "python",
            "handler": "app.handler",
            "code": {"inline": {"app.py": _HELLO}},
            "scaling": {"idle": "1s"},
        },
    }


def _bare(name: str, image: str, pod: Manifest, *, probe: bool) -> list[Manifest]:
    """A Deployment of the same image and the same resources that serves HTTP, as somebody would write it."""
    labels = {"app": name}
    resources = pod["containers"][0]["resources"]
    container = {
        "name": "web",
        "image": image,
        "command": ["python3", "-m", "http.server", "8080"],
        "ports": [{"containerPort": 8080}],
        "resources": resources,
        "securityContext": pod["containers"][0]["securityContext"],
    }
    if probe:
        container["readinessProbe"] = {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}
    spec = {
        "containers": [container],
        "securityContext": pod["securityContext"],
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        # Python as the first process takes no notice of SIGTERM.
        "terminationGracePeriodSeconds": 1,
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": _NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": _NAMESPACE},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [deployment, service]


# -- from zero


async def _until_none(bench: Bench, selector: str) -> None:
    latest = time.monotonic() + _PATIENCE
    while bench.kubectl.get("pods", "-n", _NAMESPACE, "-l", selector)["items"]:
        if time.monotonic() > latest:
            raise TimeoutError(f"pods of {selector} do not go")
        await asyncio.sleep(0.2)


async def _cold_bare(bench: Bench, session: aiohttp.ClientSession, name: str) -> float:
    """Seconds from asking for one replica until the first answer through its Service."""
    await _until_none(bench, f"app={name}")
    address = bench.kubectl.get("service", name, "-n", _NAMESPACE)["spec"]["clusterIP"]
    await asyncio.sleep(random.random())  # noqa: S311 - no secret
    deployment = Key("Deployment", _NAMESPACE, name)
    patience = aiohttp.ClientTimeout(total=1.0, sock_connect=_DIAL)
    begun = time.perf_counter()
    await bench.kube.scale(deployment, 1, manager="bench")
    while True:
        try:
            async with session.get(f"http://{address}/", timeout=patience) as response:
                if response.status == 200:
                    break
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(_POLL)
    seconds = time.perf_counter() - begun
    await bench.kube.scale(deployment, 0, manager="bench")
    return seconds


async def _call(session: aiohttp.ClientSession, target: Target) -> float:
    begun = time.perf_counter()
    async with session.post(target.address, data=b"{}", headers=target.headers) as response:
        body = await response.read()
        if (response.status, body) != (200, b'"hello"'):
            raise RuntimeError(f"{response.status}: {body!r}")
    return time.perf_counter() - begun


async def _cold_function(bench: Bench, session: aiohttp.ClientSession, target: Target) -> float:
    """Seconds of a call that finds no instance."""
    await _until_none(bench, "funclet.dev/function=hello")
    await asyncio.sleep(random.random())  # noqa: S311 - no secret
    return await _call(session, target)


async def from_zero(bench: Bench, starts: int, target: Target) -> list[list[str]]:
    """The three in turns, so that whatever else the machine does meets all of them."""
    probed = Figure("bare Deployment from zero, readiness probe every second")
    unprobed = Figure("bare Deployment from zero, no probe")
    ours = Figure("function from zero, its revision's Deployment")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        for number in range(starts):
            probed.values.append(await _cold_bare(bench, session, "bare"))
            unprobed.values.append(await _cold_bare(bench, session, "bare-unprobed"))
            ours.values.append(await _cold_function(bench, session, target))
            last = ", ".join(f"{each.values[-1]:.2f}" for each in (probed, unprobed, ours))
            bench.terminal.print(f"start {number + 1} of {starts}: {last} s", style="dim")
    draw = random.Random(0)  # noqa: S311 - no secret
    rows = [each.row() for each in (probed, unprobed, ours)]
    for other, goal in ((probed, 0.8), (unprobed, None)):
        ratio = statistics.median(ours.values) / statistics.median(other.values)
        low, high = spread_of_ratio(ours.values, other.values, draw)
        missed = " (missed)" if goal is not None and ratio > goal else ""
        name = "ratio of the medians, " + ("probed" if other is probed else "no probe")
        wanted = f"≤ {goal}" if goal is not None else ""
        rows.append([name, wanted, f"{ratio:.2f}{missed}", f"{low:.2f} to {high:.2f}", "", str(starts)])
    return rows


# -- warm


async def warm(bench: Bench, calls: int, target: Target) -> list[list[str]]:
    """One call at a time: through the Service, whichever gateway that leads to, and to each gateway by itself."""
    service = Figure("warm, c=1, through the gateway's Service", "ms", 2.0)
    while len(service.values) < calls:
        async with aiohttp.ClientSession() as session:
            await _call(session, target)
            service.values += [await _call(session, target) for _ in range(_PER_CONNECTION)]
    figures = [service]
    for pod in bench.release.pods("gateway"):
        there = replace(target, url=f"http://{pod['status']['podIP']}:{_PORT}")
        figure = Figure("", "ms")
        async with aiohttp.ClientSession() as session:
            await _call(session, there)
            figure.values += [await _call(session, there) for _ in range(calls // 2)]
        figures.append(figure)
    # The home needs no relay, so it is the faster one.
    by_speed = sorted(figures[1:], key=lambda each: statistics.median(each.values))
    for number, figure in enumerate(by_speed):
        figure.name = "warm, c=1, at the function's home" if number == 0 else "warm, c=1, relayed to it"
    return [each.row() for each in (service, *by_speed)]


# -- all of it


@contextlib.asynccontextmanager
async def _prepared(terminal: Console) -> AsyncIterator[Bench]:
    """A namespace, and the connection to the cluster; gone afterwards, whatever happened."""
    provider = providers.choose(providers.default(), print)
    # One of an earlier run may be on its way out, and takes along what is put into it.
    provider.kubectl("delete", "namespace", _NAMESPACE, "--ignore-not-found", "--timeout=120s", timeout=130)
    provider.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}})
    kube = await connect(provider.kubeconfig)
    try:
        yield Bench(provider, release.find(provider), kube, terminal)
    finally:
        await kube.close()
        provider.kubectl("delete", "namespace", _NAMESPACE, "--ignore-not-found", "--wait=false")


async def _measure(starts: int, calls: int, functions: int, terminal: Console) -> tuple[list[list[str]], str]:
    async with _prepared(terminal) as bench:
        kubectl = bench.kubectl
        kubectl.apply(_function())
        kubectl("wait", "--for=condition=Ready", "fn/hello", "-n", _NAMESPACE, "--timeout=30s")
        target = bench.release.target("hello", _NAMESPACE)
        async with aiohttp.ClientSession() as session:
            await _call(session, target)
        (of_function,) = pods.of_function(kubectl, _NAMESPACE, "hello")
        image = _python_image(kubectl)
        for name, probe in (("bare", True), ("bare-unprobed", False)):
            kubectl.apply(*_bare(name, image, of_function["spec"], probe=probe))
        rows = await from_zero(bench, starts, target)
        stay = '--patch={"spec":{"scaling":{"idle":"5m"}}}'
        kubectl("patch", "fn/hello", "-n", _NAMESPACE, "--type=merge", stay)
        rows += await warm(bench, calls, target)
        rows += await Many(bench.kube, _NAMESPACE, bench.release).rows(functions, terminal)
        nodes = kubectl.get("nodes")["items"]
        info = nodes[0]["status"]["nodeInfo"]
        where = (
            f"{len(nodes)} node, {nodes[0]['status']['capacity']['cpu']} cores, Kubernetes {info['kubeletVersion']}, "
            f"{info['containerRuntimeVersion']}, {len(bench.release.pods('gateway'))} gateways; "
            f"{platform.system()} {platform.machine()}, CPython {platform.python_version()}"
        )
        return rows, where


def _python_image(kubectl: Kubectl) -> str:
    """Name the image of functions in Python, by digest, as the platform has it."""
    for each in kubectl.get("configmap", "-n", release.NAMESPACE)["items"]:
        text = each.get("data", {}).get("platform.yaml")
        for runtime in yaml.safe_load(text)["runtimes"] if text else ():
            if "python" in runtime["names"]:
                image = runtime["image"]
                return f"{repository(image['ref'])}@{image['digest']}"
    raise RuntimeError("the release has no image for python")


_COLUMNS = ("figure", "goal", "p50", "p95", "worst", "N")


def _document(rows: list[list[str]], where: str) -> str:
    lines = [
        "# Performance on a cluster",
        "",
        "Written by `make bench-cluster`; measured, not promised. The load generator shares the node's cores. From zero: in turns,",
        "each call at a random moment of the kubelet's second. The bare Deployments have the image, the resources and the security",
        "context of the function's pod, and Python's `http.server`; what is measured there is from asking for one replica until the",
        "first answer through the Service, dialled every few milliseconds. In the rows of ratios, *p95* is the middle 95 % of the",
        "ratio when the measurements are drawn again. The operator is the installed one, in its pod.",
        "",
        f"{where}.",
        "",
        *markdown(_COLUMNS, rows),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run all of it; 1 where a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=40)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--functions", type=int, default=1000)
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance-cluster.md alone")
    options = parser.parse_args()
    terminal = console()
    rows, where = asyncio.run(_measure(options.starts, options.calls, options.functions, terminal))
    show(terminal, _COLUMNS, rows)
    if not options.no_write:
        _DOCUMENT.write_text(_document(rows, where))
    return int(any("(missed)" in cell for row in rows for cell in row))


if __name__ == "__main__":
    sys.exit(main())

"""Measures Funclet on the test cluster beside a bare Deployment in the same run: from zero, and warm.

    PYTHONPATH=e2e python bench/on_cluster.py      (make bench-cluster)

The moment of each call is random: else the kubelet's tick, once a second, shows in every figure.
"""

import argparse
import asyncio
import platform
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from rich.console import Console

from cluster import providers
from cluster.containerd import repository
from cluster.kubectl import Kubectl
from funclet.kube.client import ClusterKube, connect
from funclet.plan.plan import Key
from load.invoking import Target
from release import release
from told import console, markdown, show

_DOCUMENT = Path(__file__).parents[1] / "docs" / "performance-cluster.md"
_NAMESPACE = "bench"
_HELLO = "def handler(event, context):\n    return 'hello'\n"
#: seconds
_PATIENCE = 120.0
_POLL = 0.005
_LABELS = {"app": "bare"}

Manifest = dict[str, Any]


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


def _bare(image: str) -> list[Manifest]:
    """A Deployment of the same image that serves HTTP, as somebody would write it, and its Service."""
    container = {
        "name": "web",
        "image": image,
        "command": ["python3", "-m", "http.server", "8080"],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "bare", "namespace": _NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": {"containers": [container]}},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "bare", "namespace": _NAMESPACE},
        "spec": {"selector": _LABELS, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [deployment, service]


async def _until_none(kubectl: Kubectl, selector: str) -> None:
    latest = time.monotonic() + _PATIENCE
    while kubectl.get("pods", "-n", _NAMESPACE, "-l", selector)["items"]:
        if time.monotonic() > latest:
            raise TimeoutError(f"pods of {selector} do not go")
        await asyncio.sleep(0.2)


async def _cold_bare(kubectl: Kubectl, kube: ClusterKube, session: aiohttp.ClientSession, url: str) -> float:
    """Seconds from asking for one replica until the first answer through its Service."""
    await _until_none(kubectl, "app=bare")
    await asyncio.sleep(random.random())  # noqa: S311 - no secret
    deployment = Key("Deployment", _NAMESPACE, "bare")
    begun = time.perf_counter()
    await kube.scale(deployment, 1, manager="bench")
    while True:
        try:
            async with session.get(url, timeout=aiohttp.ClientTimeout(total=1.0)) as response:
                if response.status == 200:
                    break
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(_POLL)
    seconds = time.perf_counter() - begun
    await kube.scale(deployment, 0, manager="bench")
    return seconds


async def _call(session: aiohttp.ClientSession, target: Target) -> float:
    begun = time.perf_counter()
    async with session.post(target.address, data=b"{}", headers=target.headers) as response:
        body = await response.read()
        if (response.status, body) != (200, b'"hello"'):
            raise RuntimeError(f"{response.status}: {body!r}")
    return time.perf_counter() - begun


async def _cold_function(kubectl: Kubectl, session: aiohttp.ClientSession, target: Target) -> float:
    """Seconds of a call that finds no instance."""
    await _until_none(kubectl, "funclet.dev/function=hello")
    await asyncio.sleep(random.random())  # noqa: S311 - no secret
    return await _call(session, target)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _row(name: str, goal: str, values: Sequence[float], unit: float, suffix: str) -> list[str]:
    shown = [
        f"{value * unit:.3g}" for value in (statistics.median(values), _quantile(values, 0.95), max(values))
    ]
    return [name, goal, *(f"{each} {suffix}" for each in shown), str(len(values))]


async def _measure(starts: int, calls: int, terminal: Console) -> list[list[str]]:
    provider = providers.choose(providers.default(), print)
    kubectl = provider.kubectl
    installed = release.find(provider)
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}})
    kubectl.apply(_function(), *_bare(_python_image(kubectl)))
    kubectl("wait", "--for=condition=Ready", "fn/hello", "-n", _NAMESPACE, "--timeout=30s")
    target = installed.target("hello", _NAMESPACE)
    address = kubectl.get("service", "bare", "-n", _NAMESPACE)["spec"]["clusterIP"]
    bare: list[float] = []
    ours: list[float] = []
    kube = await connect(provider.kubeconfig)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        await _call(session, target)
        for number in range(starts):
            # In turns, so that whatever else the machine does meets both.
            bare.append(await _cold_bare(kubectl, kube, session, f"http://{address}/"))
            ours.append(await _cold_function(kubectl, session, target))
            line = f"start {number + 1} of {starts}: bare {bare[-1]:.2f} s, ours {ours[-1]:.2f} s"
            terminal.print(line, style="dim")
    await kube.close()
    stay = '--patch={"spec":{"scaling":{"idle":"5m"}}}'
    kubectl("patch", "fn/hello", "-n", _NAMESPACE, "--type=merge", stay)
    async with aiohttp.ClientSession() as session:
        for _ in range(50):
            await _call(session, target)
        warm = [await _call(session, target) for _ in range(calls)]
    kubectl("delete", "namespace", _NAMESPACE, "--wait=false")
    ratio = statistics.median(ours) / statistics.median(bare)
    return [
        _row("bare Deployment from zero, first answer", "", bare, 1, "s"),
        _row("function from zero, first answer", "≤ 0.8 of bare", ours, 1, "s"),
        ["ratio of the medians", "≤ 0.8", f"{ratio:.2f}" + ("" if ratio <= 0.8 else " (missed)"), "", "", ""],
        _row("warm, c=1, through the gateway's Service", "p50 ≤ 2 ms", warm, 1000, "ms"),
    ]


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


def _document(rows: list[list[str]]) -> str:
    lines = [
        "# Performance on a cluster",
        "",
        "Written by `make bench-cluster`; measured, not promised. One node, the load generator on the same cores.",
        "",
        f"{platform.system()} {platform.machine()}, CPython {platform.python_version()}.",
        "",
        *markdown(_COLUMNS, rows),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance-cluster.md alone")
    options = parser.parse_args()
    terminal = console()
    rows = asyncio.run(_measure(options.starts, options.calls, terminal))
    show(terminal, _COLUMNS, rows)
    if not options.no_write:
        _DOCUMENT.write_text(_document(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

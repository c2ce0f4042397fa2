"""The quick start on a cluster: the examples that need nothing built, applied as they are, called through the Lambda API."""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from faults.waiting import until
from load.asking import answer_of
from load.invoking import Target
from release.helm import Helm
from release.images import ROOT
from release.release import NAME, NAMESPACE

if TYPE_CHECKING:
    from cluster.provider import Provider
    from release.release import Release

pytestmark = pytest.mark.timeout(300)
EXAMPLES = ROOT / "examples"


@pytest.fixture
def examples(funclet: Release, namespace: str) -> str:
    """The namespace that they are applied to; those with code beside the manifest are the command line's."""
    for name in ("greet", "shell"):
        funclet.kubectl("apply", "-n", namespace, "-f", str(EXAMPLES / name))
    for name in ("greet", "checksum"):
        funclet.kubectl(
            "wait", f"fn/{name}", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70
        )
    return namespace


async def test_the_readme_leads_to_a_function_that_answers(provider: Provider, funclet: Release) -> None:
    """Its own commands, one after the other; the first three are what `make e2e` and its fixture did."""
    *made, apply, show = quick_start()
    values = "build/images/values.json"
    install = (
        f"helm install {NAME} charts/funclet --namespace {NAMESPACE} --create-namespace --values {values}"
    )
    assert made == ["make images", "make load", install]
    try:
        typed(provider, apply)
        await until(lambda: "True" in typed(provider, show), "greet is Ready")
        target = Target(funclet.url, "greet", funclet.token)
        assert (await answer_of(target, {"name": "Ada"}))["message"] == "Hello, Ada!"
    finally:
        typed(provider, apply.replace("apply", "delete"))


async def test_greet_answers(funclet: Release, examples: str) -> None:
    assert (await asked(funclet, examples, "greet", {"name": "Ada"}))["message"] == "Hello, Ada!"


async def test_a_bootstrap_script_answers(funclet: Release, examples: str) -> None:
    event = '{"name": "Ada"}'
    answer = await asked(funclet, examples, "checksum", json.loads(event))
    assert answer == {"sha256": hashlib.sha256(event.encode()).hexdigest(), "bytes": len(event)}


async def test_nobody_is_served_without_a_token(funclet: Release, examples: str) -> None:
    target = funclet.target("greet", examples)
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with session.post(URL(target.address, encoded=True), data=b"{}", headers=headers) as answer:
                assert answer.status == 403


def test_helm_test_passes(provider: Provider, funclet: Release) -> None:
    assert "Phase:          Succeeded" in Helm(provider.kubeconfig)(
        "test", NAME, f"--namespace={funclet.namespace}", "--timeout=2m"
    )


def quick_start() -> list[str]:
    """The commands of the README's section on clusters, without what is said beside them."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## On a cluster\n")[2].partition("\n## ")[0]
    lines = [line.partition(" #")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    return [line for line in lines if line]


def typed(provider: Provider, command: str) -> str:
    """What a command of kubectl prints for somebody in the repository's folder."""
    program, *words = shlex.split(command)
    assert program == "kubectl"
    return provider.kubectl(
        *(str(ROOT / word) if "/" in word and "=" not in word else word for word in words)
    )


async def asked(funclet: Release, namespace: str, function: str, event: dict[str, Any]) -> Any:
    """What the function answers."""
    return await answer_of(funclet.target(function, namespace), event)

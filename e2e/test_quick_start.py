"""The quick start on a cluster: the examples that need nothing built, applied as they are, called through the Lambda API."""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from faults import pods
from load.asking import answer_of
from load.invoking import Target
from release.helm import Helm
from release.images import ROOT
from release.release import NAME, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.provider import Provider
    from release.release import Release

pytestmark = pytest.mark.timeout(300)
EXAMPLES = ROOT / "examples"
# Of the chart: where somebody works who names no namespace.
DEFAULT = "default"
ADA = {"name": "Ada"}
STORY = {"text": (EXAMPLES / "alice.txt").read_text("utf-8")}
SENT = json.dumps(STORY).encode()
TOP = (("the", 14), ("it", 12), ("to", 10), ("a", 8), ("and", 8))
ANSWERS = {
    "greet": (ADA, {"message": "Hello, Ada!", "version": "$LATEST"}),
    "greet:live": (ADA, {"message": "Hello, Ada!", "version": "1"}),
    "word-count": (
        STORY,
        {"words": 278, "different": 143, "top": [{"word": word, "count": count} for word, count in TOP]},
    ),
    "checksum": (STORY, {"sha256": hashlib.sha256(SENT).hexdigest(), "bytes": len(SENT)}),
}


@pytest.fixture(scope="module")
def shown(provider: Provider, funclet: Release) -> Iterator[str]:
    """What the README's last command shows once its own commands, one after the other, led to Ready.

    The first three are what `make e2e` and the release's fixture did.
    """
    *made, apply, show = quick_start()
    values = "build/images/values.json"
    install = (
        f"helm install {NAME} charts/funclet --namespace {NAMESPACE} --create-namespace --values {values}"
    )
    assert made == ["make images", "make load", install]
    assert apply == "kubectl apply -f examples/"
    try:
        typed(provider, apply)
        # `wait` alone among kubectl's commands looks below the folder unasked.
        wait = ("wait", f"--filename={EXAMPLES}", "--recursive=false", "--for=condition=Ready")
        funclet.kubectl(*wait, "--timeout=60s", timeout=70)
        yield typed(provider, show)
    finally:
        # With all that is theirs: a version that outlived its function would be counted by the next of that name.
        delete = ("delete", f"--filename={EXAMPLES}", "--ignore-not-found", "--cascade=foreground")
        funclet.kubectl(*delete, "--timeout=90s", timeout=100)


def test_every_example_of_the_folder_is_ready_and_called_here(shown: str) -> None:
    ready = {name: ready for name, ready, *_ in map(str.split, shown.splitlines()[1:])}
    names = {name.partition(":")[0] for name in ANSWERS}
    assert names == {file.stem for file in EXAMPLES.glob("*.yaml")}
    assert {name: ready.get(name) for name in names} == dict.fromkeys(names, "True")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("function", ANSWERS)
async def test_the_first_call_starts_a_pod_and_is_answered(funclet: Release, function: str) -> None:
    """By the name alone, as the README's reader calls it."""
    name, _, qualifier = function.partition(":")
    version = "1" if qualifier else "$LATEST"
    assert running(funclet, name, version) == 0
    event, expected = ANSWERS[function]
    assert await answer_of(Target(funclet.url, name, funclet.token, qualifier), event) == expected
    assert running(funclet, name, version) >= 1


@pytest.mark.usefixtures("shown")
async def test_nobody_is_served_without_a_token(funclet: Release) -> None:
    target = funclet.target("greet", DEFAULT)
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


def running(funclet: Release, function: str, version: str) -> int:
    """How many pods a version of a function has that are not going."""
    found = pods.of_function(funclet.kubectl, DEFAULT, function)
    return sum(pod["metadata"]["annotations"]["funclet.dev/version"] == version for pod in found)

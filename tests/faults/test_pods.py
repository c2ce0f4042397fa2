import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from cluster.kubectl import Kubectl
from faults import pods

pytestmark = pytest.mark.processes
SCRIPT = """\
#!{python}
import json, pathlib, sys
if "get" in sys.argv:
    print(json.dumps({{"items": {items!r}}}))
else:
    with pathlib.Path({log!r}).open("a") as log:
        print(*sys.argv[2:], file=log)
"""
Make = Callable[..., Kubectl]


@pytest.fixture
def kubectl(tmp_path: Path) -> Make:
    """A program that finds these pods, and writes down what else it is asked."""

    def make(*items: pods.Pod) -> Kubectl:
        program = tmp_path / "kubectl"
        log = str(tmp_path / "log")
        program.write_text(SCRIPT.format(python=sys.executable, items=list(items), log=log))
        program.chmod(0o755)
        return Kubectl(program, tmp_path / "kubeconfig")

    return make


def pod(name: str, **metadata: str) -> pods.Pod:
    return {"metadata": {"name": name, "namespace": "n", "uid": f"{name}-uid", **metadata}, "status": {}}


def test_a_pod_that_goes_is_not_counted(kubectl: Make) -> None:
    found = pods.of_function(
        kubectl(pod("stays"), pod("goes", deletionTimestamp="2026-01-02T03:04:05Z")), "n", "f"
    )
    assert [each["metadata"]["name"] for each in found] == ["stays"]


def test_the_same_seed_deletes_the_same_pod(kubectl: Make, tmp_path: Path) -> None:
    several = kubectl(*(pod(f"pod-{number}") for number in range(9)))
    names = {pods.delete_one(several, "n", "f", Random("7")) for _ in range(3)}  # noqa: S311  # chance by a seed
    (name,) = names
    assert (tmp_path / "log").read_text().splitlines() == 3 * [f"delete pod {name} -n n --wait=false"]


def test_where_there_is_no_pod_none_is_deleted(kubectl: Make, tmp_path: Path) -> None:
    assert pods.delete_one(kubectl(), "n", "f", Random("7")) == ""  # noqa: S311  # as above
    assert not (tmp_path / "log").exists()


def test_a_pod_that_runs_elsewhere_is_deleted_without_grace(kubectl: Make, tmp_path: Path) -> None:
    assert pods.kill(kubectl(), pod("far")) == "deleted without grace"
    assert (tmp_path / "log").read_text() == "delete pod far -n n --grace-period=0 --force\n"


@pytest.mark.parametrize("status", ["True", "False"])
def test_a_pod_is_ready_by_its_condition(status: str) -> None:
    conditions = [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": status}]
    assert pods.is_ready({"status": {"conditions": conditions}}) == (status == "True")
    assert not pods.is_ready({"status": {}})

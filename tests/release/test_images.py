from pathlib import Path
from typing import Any

import pytest

from cluster.containerd import Loaded
from cluster.errors import CannotRun
from release.images import PLACES, archives, values
from support.chart import COMPONENT, parsed, render

DIGEST = "sha256:" + 64 * "b"
LOADED = {name: Loaded(f"localhost/{name}:0.1.0", DIGEST) for name in PLACES}


def test_the_chart_takes_the_values_and_names_each_image_by_its_digest() -> None:
    rendered = render(values(LOADED))
    (platform,) = [each for each in rendered.all("ConfigMap") if "platform.yaml" in each["data"]]
    (told,) = parsed(platform["data"]["platform.yaml"])
    named: list[Any] = [told["supervisorImage"], *(each["image"] for each in told["runtimes"])]
    assert {each["digest"] for each in named} == {DIGEST}
    assert {each["ref"].partition(":")[0] for each in named} == {
        "localhost/funclet-supervisor",
        "localhost/funclet-python",
        "localhost/funclet-node",
        "localhost/funclet-provided",
    }


def test_operator_and_gateway_run_the_image_by_its_digest() -> None:
    images = {
        pod["spec"]["containers"][0]["image"]
        for component, pod in render(values(LOADED)).pods()
        if component in {"operator", "gateway"}
    }
    assert images == {f"localhost/funclet:0.1.0@{DIGEST}"}


def test_an_image_that_is_not_built_is_named(tmp_path: Path) -> None:
    for name in PLACES:
        (tmp_path / f"{name}.tar").touch()
    assert archives(tmp_path)["funclet"] == tmp_path / "funclet.tar"
    (tmp_path / "funclet-node.tar").unlink()
    with pytest.raises(CannotRun, match="not built yet: funclet-node; make images"):
        archives(tmp_path)


def test_components_are_labelled_as_the_release_looks_for_them() -> None:
    labels = {
        pod["metadata"]["labels"][COMPONENT]: pod["metadata"]["labels"]["app.kubernetes.io/instance"]
        for _, pod in render(values(LOADED)).pods()
    }
    assert labels["gateway"] == labels["operator"] == "funclet"

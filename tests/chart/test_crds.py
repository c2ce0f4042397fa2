"""The chart's definitions are those of crds/, with switches around them."""

from pathlib import Path

import pytest

from funclet.api.crd import definition, drift, rendered, templates, write
from funclet.api.schema import MODELS
from support.chart import CHART, parsed, render

KIND = "CustomResourceDefinition"


def test_the_chart_s_files_are_what_the_models_say() -> None:
    assert drift(CHART / "templates" / "crds", templates()) == ""


def test_drift_of_the_chart_s_files_is_told(tmp_path: Path) -> None:
    write(tmp_path, templates())
    assert drift(tmp_path, templates()) == ""
    changed = tmp_path / "funclet.dev_aliases.yaml"
    changed.write_text(changed.read_text().replace("fna", "als"))
    assert "-    - als\n" in drift(tmp_path, templates())


@pytest.mark.parametrize("kind", MODELS)
def test_a_definition_is_installed_as_it_is_and_kept(kind: str) -> None:
    (found,) = [each for each in render().all(KIND) if each["spec"]["names"]["kind"] == kind]
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found == definition(kind)


def test_definitions_go_with_the_release_if_a_value_says_so() -> None:
    found = {each["metadata"]["name"]: each for each in render({"crds": {"keep": False}}).all(KIND)}
    wanted = [each for text in rendered().values() for each in parsed(text)]
    assert found == {each["metadata"]["name"]: each for each in wanted}


def test_definitions_are_left_out_if_a_value_says_so() -> None:
    assert render({"crds": {"enabled": False}}).all(KIND) == []

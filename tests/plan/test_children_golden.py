"""Whole children, to be read: each file in golden/children has a Function and what is made for its $LATEST.

FUNCLET_SETTINGS, which is one line, is shown as what it says. UPDATE_GOLDEN=1 writes the files anew.
"""

import json
import os
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest
import yaml

from funclet.api.function import Function
from funclet.api.rules import parse
from funclet.plan.deployment import at_zero, deployment_manifest
from funclet.plan.record import record_manifest
from support.rendering import revision_of, template
from support.restricted import violations

FILES = sorted((Path(__file__).parent / "golden" / "children").glob("*.yaml"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def children(content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record, and the Deployment as it is created."""
    function = parse(content["function"], unknown="refuse")
    assert isinstance(function, Function)
    revision = revision_of(function)
    pod = template(revision, **content.get("platform", {}))
    record = record_manifest(function, revision, pod)
    return record, at_zero(deployment_manifest(function, revision.key, pod))


def shown(pod: dict[str, Any]) -> dict[str, Any]:
    """A template with its settings made readable."""
    copied: dict[str, Any] = json.loads(json.dumps(pod))
    variables = copied["spec"]["containers"][0]["env"]
    settings = next(each for each in variables if each["name"] == "FUNCLET_SETTINGS")
    settings["value"] = json.loads(settings["value"])
    return copied


def readable(record: dict[str, Any], deployment: dict[str, Any]) -> dict[str, Any]:
    """Both, with the template once."""
    return {
        "record": {**record, "data": {**record["data"], "template": "as in the deployment"}},
        "deployment": {
            **deployment,
            "spec": {**deployment["spec"], "template": shown(deployment["spec"]["template"])},
        },
    }


@each_file
def test_the_children_are_those_in_the_file(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    made = readable(*children(content))
    if os.environ.get("UPDATE_GOLDEN"):
        given = {name: content[name] for name in ("function", "platform") if name in content}
        path.write_text(yaml.safe_dump({**given, **made}, sort_keys=False, width=110))
    assert yaml.safe_load(path.read_text()) == {**content, **made}


@each_file
@pytest.mark.parametrize("release", ["1.31", "1.34", kubernetes_validate.latest_version()])
def test_kubernetes_knows_every_field_of_them(path: Path, release: str) -> None:
    record, deployment = children(yaml.safe_load(path.read_text()))
    for manifest in (record, deployment):
        kubernetes_validate.validate(manifest, release, strict=True)


@each_file
def test_record_and_deployment_have_the_same_restricted_template(path: Path) -> None:
    record, deployment = children(yaml.safe_load(path.read_text()))
    assert record["data"]["template"] == deployment["spec"]["template"]
    assert violations(deployment["spec"]["template"]) == []

from pathlib import Path
from typing import Any

import pytest

from funclet.api.rules import validate
from support.examples import CHECKOUT, EXAMPLES, manifests

FILES = sorted(EXAMPLES.glob("*/function.yaml"))
DOCUMENTS = [
    pytest.param(file.parent, document, id=f"{file.parent.name}/{document['metadata']['name']}")
    for file in FILES
    for document in manifests(file.parent.name)
]


@pytest.mark.parametrize(("folder", "document"), DOCUMENTS)
def test_every_object_keeps_the_rules_of_its_kind(folder: Path, document: dict[str, Any]) -> None:
    assert validate(document, unknown="refuse") == (), folder


@pytest.mark.parametrize(("folder", "document"), DOCUMENTS)
def test_code_by_path_lies_in_the_checkout(folder: Path, document: dict[str, Any]) -> None:
    path = document["spec"].get("code", {}).get("zip", {}).get("path", "")
    assert (folder / path).resolve().is_relative_to(CHECKOUT)


def test_no_two_objects_have_the_same_kind_and_name() -> None:
    names = [(d["kind"], d["metadata"]["name"]) for file in FILES for d in manifests(file.parent.name)]
    assert len(names) == len(set(names))


def test_the_readme_tells_of_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [file.parent.name for file in FILES if f"`{file.parent.name}/`" not in text] == []


def test_a_folder_of_examples_holds_no_other_manifest() -> None:
    others = {path for suffix in ("yaml", "yml", "json") for path in EXAMPLES.rglob(f"*.{suffix}")} - set(
        FILES
    )
    assert others == set()

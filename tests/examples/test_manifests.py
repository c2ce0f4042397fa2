from pathlib import Path
from typing import Any

import pytest

from funclet.api.rules import validate
from funclet.local.manifests import manifest_files
from support.examples import CHECKOUT, EXAMPLES, manifests

#: what kubectl takes of the folder itself
FLAT = sorted(EXAMPLES.glob("*.yaml"))
FILES = [*FLAT, *sorted(EXAMPLES.glob("*/function.yaml"))]


def params(files: list[Path]) -> list[Any]:
    """Each object of these files, with its file."""
    named = [(file, str(file.relative_to(EXAMPLES))) for file in files]
    return [
        pytest.param(file, document, id=f"{name}/{document['kind']}-{document['metadata']['name']}")
        for file, name in named
        for document in manifests(name)
    ]


@pytest.mark.parametrize(("file", "document"), params(FILES))
def test_every_object_keeps_the_rules_of_its_kind(file: Path, document: dict[str, Any]) -> None:
    assert validate(document, unknown="refuse") == (), file


@pytest.mark.parametrize(("file", "document"), params(FILES))
def test_code_by_path_lies_in_the_checkout(file: Path, document: dict[str, Any]) -> None:
    path = document["spec"].get("code", {}).get("zip", {}).get("path", "")
    assert (file.parent / path).resolve().is_relative_to(CHECKOUT)


@pytest.mark.parametrize(("file", "document"), params(FLAT))
def test_what_kubectl_applies_needs_nothing_but_a_cluster(file: Path, document: dict[str, Any]) -> None:
    assert document["kind"] in {"Function", "Alias"}, f"{file}: Funclet publishes for the cluster it is on"
    if document["kind"] == "Function":
        assert set(document["spec"]["code"]) == {"inline"}, file


def test_no_two_objects_have_the_same_kind_and_name() -> None:
    names = [
        (document["kind"], document["metadata"]["name"])
        for file in FILES
        for document in manifests(str(file.relative_to(EXAMPLES)))
    ]
    assert len(names) == len(set(names))


def test_the_readme_tells_of_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    told = [file.name if file in FLAT else f"{file.parent.name}/" for file in FILES]
    assert [name for name in told if f"| `{name}` |" not in text] == []


def test_neither_local_mode_nor_kubectl_finds_anything_else() -> None:
    assert set(manifest_files([str(EXAMPLES)])) == {str(file) for file in FILES}
    assert {path for suffix in ("yml", "json") for path in EXAMPLES.rglob(f"*.{suffix}")} == set()

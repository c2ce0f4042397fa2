import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.local.manifests import ManifestError, manifest_files, parse, read_text


def bodies(text: str) -> list[dict[str, Any]]:
    return [manifest.body for manifest in parse("f.yaml", text).manifests]


def test_several_objects_come_with_their_lines() -> None:
    parsed = parse("/x/f.yaml", "kind: A\n---\n# a comment\nkind: B\n---\n")
    assert [(manifest.body, manifest.place) for manifest in parsed.manifests] == [
        ({"kind": "A"}, "/x/f.yaml:1"),
        ({"kind": "B"}, "/x/f.yaml:4"),
    ]
    assert parsed.problems == ()


def test_a_place_is_short_below_the_current_folder_and_readable_for_standard_input() -> None:
    for source, place in (((Path.cwd() / "a" / "f.yaml"), "a/f.yaml:1"), ("-", "standard input:1")):
        (manifest,) = parse(str(source), "kind: A").manifests
        assert manifest.place == place


@pytest.mark.parametrize("text", ["", "---\n---\n", "# only a comment\n"])
def test_a_file_may_hold_nothing(text: str) -> None:
    assert parse("f.yaml", text).problems == ()
    assert bodies(text) == []


def test_a_problem_is_told_at_the_line_of_its_field() -> None:
    text = "kind: Function\nmetadata: {name: a}\n---\nkind: Function\nmetadata:\n  name: b\nspec:\n  memory: 1Mi\n"
    _, manifest = parse("f.yaml", text).manifests
    assert (
        manifest.told("spec.memory", "too little")
        == "f.yaml:8: document 2: Function b: spec.memory: too little"
    )
    assert manifest.told("spec.handler", "is required").startswith("f.yaml:7: ")
    assert manifest.told("", "is wrong").endswith("Function b: the object: is wrong")


@pytest.mark.parametrize("text", ["7", "kind:\nmetadata: 7", "metadata: [a]"])
def test_a_problem_can_be_told_of_the_strangest_object(text: str) -> None:
    for manifest in parse("f.yaml", text).manifests:
        assert manifest.told("spec", "is required")


def test_what_is_no_object_is_told_and_the_others_are_read() -> None:
    parsed = parse("f.yaml", "kind: A\n---\n- a\n- b\n---\nkind: C\n---\nkind: [\n")
    assert [manifest.body["kind"] for manifest in parsed.manifests] == ["A", "C"]
    first, second = parsed.problems
    assert first == "f.yaml:3: document 2: a manifest is an object with apiVersion and kind"
    assert second.startswith("f.yaml:8: ")


def test_a_list_is_the_objects_in_it_each_at_its_own_line() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  metadata: {name: a}\n- kind: B\n  spec:\n    x: 1\n- 7\n"
    parsed = parse("f.yaml", text)
    first, second = parsed.manifests
    assert (first.body["kind"], first.place, second.place) == ("A", "f.yaml:4", "f.yaml:6")
    assert second.told("spec.x", "is wrong").startswith("f.yaml:8: document 1: B : spec.x: ")
    assert parsed.problems == ("f.yaml:9: document 1: a manifest is an object with apiVersion and kind",)


def test_standard_input_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for data, problem in ((b"\xff", "is not UTF-8"), (b" " * ((2 << 20) + 1), "may have at most")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        with pytest.raises(ManifestError, match=f"^standard input: .*{problem}"):
            read_text("-")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    parse("f.yaml", text)


def test_a_folder_means_all_yaml_below_it_but_hidden_files(tmp_path: Path) -> None:
    for name in ("a.yaml", "b/c.yml", "b/package.json", "b/readme.md", ".hidden/e.yaml", ".f.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = manifest_files([str(tmp_path), str(tmp_path / "a.yaml")])
    assert found == [str(tmp_path.resolve() / name) for name in ("a.yaml", "b/c.yml")]


def test_a_path_that_is_not_there_is_told() -> None:
    with pytest.raises(ManifestError, match=r"^nowhere\.yaml: there is no such file or folder$"):
        manifest_files(["nowhere.yaml"])


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"kind: \xff\xfe")
    with pytest.raises(ManifestError, match=r"is not UTF-8 \(byte 6\)"):
        read_text(str(tmp_path / "f.yaml"))

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.local.manifests import ManifestError, manifest_files, parse, read_text


def bodies(text: str) -> list[dict[str, Any]]:
    return [document.body for document in parse("f.yaml", text)]


def test_several_documents_come_with_their_lines() -> None:
    documents = parse("/x/f.yaml", "kind: A\n---\n# a comment\nkind: B\n---\n")
    assert [(document.body, document.place) for document in documents] == [
        ({"kind": "A"}, "/x/f.yaml:1"),
        ({"kind": "B"}, "/x/f.yaml:4"),
    ]


def test_json_is_yaml() -> None:
    assert bodies('{"kind": "A", "spec": {"n": 1, "on": true}}') == [
        {"kind": "A", "spec": {"n": 1, "on": True}}
    ]


def test_dates_stay_texts_as_they_do_in_json() -> None:
    assert bodies("version: 2026-11-23") == [{"version": "2026-11-23"}]


@pytest.mark.parametrize("text", ["", "---\n---\n", "# only a comment\n"])
def test_a_file_may_hold_nothing(text: str) -> None:
    assert bodies(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [A", r"f\.yaml:1: .*expected"),
        ("- a\n- b", r"f\.yaml:1: a manifest is an object"),
        ("kind: A\nkind: B", r"f\.yaml:2: the key 'kind' stands there twice"),
        ("spec:\n  1: a", r"f\.yaml:2: the key 1 is not a text"),
        ("a: !!python/object:os.system x", r"f\.yaml:1: could not determine a constructor"),
        ("a: &x [*x]", "more than|recursive"),
        ("[" * 5000, r"nested too deeply|expected"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        bodies(text)


def test_a_small_file_cannot_become_a_huge_object() -> None:
    lines = ['a0: &a0 ["x","x","x","x","x","x","x","x","x","x"]']
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ManifestError, match="aliases written out"):
        bodies("\n".join(lines))


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ManifestError):
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

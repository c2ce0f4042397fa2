import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.local.documents import MAX_DEPTH, load, load_one


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1.5e3", -1500.0),
        ("'1'", "1"),
        ("true", True),
        ("on", True),
        ("no", False),
        ("y", "y"),
        ("~", None),
        ("0o17", 15),
        ("017", 15),
        ("0x1F", 31),
        ("089", "089"),
        ("2026-01-01", "2026-01-01"),
        ("1:30", "1:30"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("|\n a\n b\n", "a\nb\n"),
        ("1.2.3", "1.2.3"),
        ("[]", []),
        ("{}", {}),
        ("{1: a}", {"1": "a"}),
    ],
)
def test_a_scalar_means_what_kubectl_takes_it_for(text: str, value: Any) -> None:
    assert load_one(f"a: {text}")["a"] == value
    assert type(load_one(f"a: {text}")["a"]) is type(value)


def test_merge_keys_give_way_to_what_stands_there() -> None:
    assert load_one("base: &b {x: 1, y: 1}\na: {<<: *b, y: 2}")["a"] == {"x": 1, "y": 2}
    assert load_one("b: &b {x: 1}\nc: &c {x: 2, z: 3}\na: {<<: [*b, *c]}")["a"] == {"x": 1, "z": 3}


def test_documents_are_numbered_and_empty_ones_are_left_out() -> None:
    stream = load("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n")
    assert [(each.number, each.line, each.value) for each in stream.documents] == [
        (2, 3, {"a": 1}),
        (4, 7, {"b": 2}),
    ]
    assert stream.error is None


def test_the_documents_before_a_half_written_one_are_read() -> None:
    stream = load("a: 1\n---\nb: [1,\n")
    assert [each.value for each in stream.documents] == [{"a": 1}]
    assert stream.error is not None
    assert stream.error.line == 3


def test_a_field_path_leads_to_its_line_or_to_its_nearest_parents() -> None:
    text = "kind: F\nspec:\n  code:\n    inline:\n      app.py: x\n  layers:\n  - a\n  - b\n"
    (document,) = load(text).documents
    lines = {path: document.line_of(path) for path in ("spec", "spec.code.inline[app.py]", "spec.layers[1]")}
    assert lines == {"spec": 2, "spec.code.inline[app.py]": 5, "spec.layers[1]": 8}
    assert document.line_of("spec.code.zip.path") == 3
    assert document.line_of("metadata.name") == 1
    assert document.line_of("") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("? [a]\n: b", "a key must be text"),
        ("true: 1", "quotes"),
        ("1.5: 1", "quotes"),
        ("x: .inf", "JSON"),
        ("x: -.NaN", "JSON"),
        ("x: 1e999", "too large"),
        (f"x: {'9' * 40}", "too large"),
        ("x: !!binary aGk=", "tag"),
        ("x: !!timestamp 2026-01-01", "tag"),
        ("!!set {a}", "tag"),
        ("*a", "no anchor"),
        ("<<: [1]", "mapping"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "deep"),
        ("\ud800", "surrogates"),
    ],
)
def test_what_json_cannot_hold_is_refused(text: str, message: str) -> None:
    error = load(text).error
    assert error is not None
    assert message in str(error)


def test_aliases_of_a_long_text_count_with_its_length() -> None:
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 10)}]"
    assert "aliases" in str(load(text).error)


def test_a_bomb_is_refused_before_it_costs_anything() -> None:
    lines = ["k0: &k0 [x]"]
    lines += [f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 50)}]" for n in range(1, 40)]
    bomb = "\n".join(lines)
    began = time.process_time()
    assert load(bomb).error is not None
    assert time.process_time() - began < 1


#: what YAML can hold without escapes
_TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | _TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
        max_leaves=20,
    )
)
def test_json_is_read_as_json(value: Any) -> None:
    text = json.dumps({"value": value}, ensure_ascii=False)
    if "<<" not in _keys(value):
        assert load_one(text) == json.loads(text)


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in _keys(each))]
    return [key for each in value for key in _keys(each)] if isinstance(value, list) else []

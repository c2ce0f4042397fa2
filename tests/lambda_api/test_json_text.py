"""JSON checked slice by slice says what Python's own reader says."""

import json
import sys
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from funclet.lambda_api.json_text import DEPTH_LIMIT, SLICE, Steps, steps


def why(check: Steps) -> tuple[str | None, int]:
    """Run the check; return what it says and how often it paused."""
    pauses = 0
    while True:
        try:
            next(check)
        except StopIteration as end:
            value: str | None = end.value
            return value, pauses
        pauses += 1


def refuse(name: str) -> object:
    raise ValueError(name)


def is_json(body: bytes) -> bool:
    try:
        json.JSONDecoder(parse_constant=refuse, parse_int=float).decode(body.decode())
    except ValueError:
        return False
    return True


_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('[{,:"\\\na\xe9', max_size=3), inner, max_size=4),
    max_leaves=25,
)  # fmt: skip
_tokens = st.lists(
    st.sampled_from([b"[", b"]", b"{", b"}", b",", b":", b'"', b'""', b'"a":', b"1", b"0", b"-", b".5", b"e1", b"\\", b"\\u00e9",
                     b"\\n", b" ", b"\n", b"\t", b"true", b"null", b"NaN", b"\x00", b"\xc3\xa9", b"\xc3", b"[[1],", b'{"a":{}}']),
    max_size=14,
).map(b"".join)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(_texts, st.booleans(), st.sampled_from([None, 1]), st.integers(1, 40))
def test_every_document_of_pythons_writer_is_told_as_by_its_reader(
    document: object, ascii_only: bool, indent: int | None, size: int  # noqa: FBT001 - drawn
) -> None:  # fmt: skip
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    assert (why(steps(body, size))[0] is None) == is_json(body)


@settings(deadline=None, max_examples=600)
@given(_tokens | st.binary(max_size=12), st.integers(1, 20))
@example(b'["\t"]', 1)
@example(b'["\\u00', 3)
@example(b"[1,]", 20)
@example(b"]", 1)
@example(b'{"[":1}', 20)
@example(b"01", 1)
@example(b"[1]]", 1)
def test_any_tokens_are_told_as_by_pythons_reader(body: bytes, size: int) -> None:
    assert (why(steps(body, size))[0] is None) == is_json(body)


@settings(deadline=None, max_examples=150)
@given(_texts, st.integers(0, 200), st.binary(max_size=2), st.integers(1, 40))
def test_a_document_with_a_fault_is_told_as_by_pythons_reader(
    document: object, at: int, fault: bytes, size: int
) -> None:
    text = json.dumps(document).encode()
    body = text[:at] + fault + text[at + 1 :]
    assert (why(steps(body, size))[0] is None) == is_json(body)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'], ids=["lists", "objects", "both"])
def test_the_depth_is_bounded_to_the_bracket(opening: bytes) -> None:
    brackets = opening.count(b"[") + opening.count(b"{")
    closing = opening.translate(bytes.maketrans(b"[{", b"]}"), b'"a:')[::-1]

    def nested(depth: int) -> bytes:
        return opening * (depth // brackets) + b"1" + closing * (depth // brackets)

    assert why(steps(nested(DEPTH_LIMIT)))[0] is None
    assert "nesting depth" in (why(steps(nested(DEPTH_LIMIT + brackets)))[0] or "")
    assert why(steps(b"[" * (DEPTH_LIMIT - 1) + b"1,[2],[3],4" + b"]" * (DEPTH_LIMIT - 1)))[0] is None
    assert why(steps(b"[" * (DEPTH_LIMIT - 1) + b"1,[[2]],4" + b"]" * (DEPTH_LIMIT - 1)))[0] is not None


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000])
def test_a_hundred_thousand_brackets_need_no_recursion(body: bytes) -> None:
    before = sys.getrecursionlimit()
    assert "nesting depth" in (why(steps(body))[0] or "")
    assert sys.getrecursionlimit() == before


def test_a_fault_is_told_with_its_place() -> None:
    assert why(steps(b'{"a": x}'))[0] == "Unexpected byte at 6"
    assert why(steps(b'{"a": '))[0] == "Unexpected end"
    assert why(steps('"é'.encode() + b"\xff", 2))[0] == "Invalid UTF-8 at byte 3"


@pytest.mark.parametrize("member", [b"1,", b"[],", b'{"a":[{"b":[1]}]},', b'"a",', b"[[[[]]]],"])
def test_a_large_text_is_told_in_slices_and_without_building_it(member: bytes) -> None:
    body = b"[" + member * (400_000 // len(member)) + b"0]"
    tracemalloc.start()
    said, pauses = why(steps(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said is None
    assert pauses >= len(body) // SLICE
    assert peak < 200_000

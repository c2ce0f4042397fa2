import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.kube.port import KubeError
from funclet.local.rest.body import MAX_BODY, decode
from support.rest import APPLY, FUNCTIONS, Served, function, served

GREET = f"{FUNCTIONS}/greet?fieldManager=x"
LAUGHS = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


async def apply(rest: Served, data: bytes | str) -> tuple[int, Any]:
    return await rest.ask("PATCH", GREET, data=data, Content_Type=APPLY["Content-Type"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("spec: [", "line 1"),
        ("spec:\n  code: {inline: {a: b}\n", "not YAML"),
        ("a: 1\na: 2", "line 2: the key 'a' stands twice"),
        ("a: 1\n---\nb: 2", "one document"),
        ("", "one document"),
        ("text", "must be an object"),
        ("[1]", "must be an object"),
        (LAUGHS, "aliases"),
        ("a: &a [*a]", "no anchor"),
        ("[" * 1000, "nested"),
        ("a: !!python/object/apply:os.system [id]", "tag"),
        (b"\xff\xfe\xff", "UTF-8"),
        (b"a: \x00", "control characters"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ("{" + '"a":{' * 500 + "}" * 501, "nested"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_400_that_says_why(
    rest: Served, body: bytes | str, message: str
) -> None:
    code, status = await apply(rest, body)
    assert (code, status["reason"]) == (400, "BadRequest")
    assert message in status["message"]


@pytest.mark.parametrize(
    "body", ["{", "", "nul", "{'a': 1}", "NaN", '{"a": 1e999, "b": Infinity}', '{"a": ' * 100_000]
)
async def test_bad_json_is_a_400(rest: Served, body: str) -> None:
    code, status = await rest.ask("POST", FUNCTIONS, data=body, Content_Type="application/json")
    assert (code, status["kind"]) == (400, "Status")


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_the_cap_is_a_413(rest: Served, *, chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 65536 + 2):
            yield b" " * 65536

    data: Any = chunks() if chunked else b" " * (MAX_BODY + 1)
    code, status = await rest.ask("POST", FUNCTIONS, data=data, Content_Type="application/json")
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")


async def test_a_body_of_just_the_cap_is_read(rest: Served) -> None:
    text = json.dumps(function()).encode()
    code, _ = await apply(rest, text + b" " * (MAX_BODY - len(text)))
    assert code == 201


async def test_a_compressed_body_is_a_415_and_never_unpacked(rest: Served) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    code, status = await rest.ask(
        "POST", FUNCTIONS, data=bomb, Content_Type="application/json", Content_Encoding="gzip"
    )
    assert (code, status["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("method", "path", "type_"),
    [
        ("POST", FUNCTIONS, "text/plain"),
        ("POST", FUNCTIONS, "application/x-www-form-urlencoded"),
        ("PATCH", GREET, "application/json-patch+json"),
        ("PATCH", GREET, "application/strategic-merge-patch+json"),
        ("PATCH", GREET.replace("?", "/status?"), "application/json"),
    ],
)
async def test_a_content_type_that_is_not_taken_is_a_415(
    rest: Served, method: str, path: str, type_: str
) -> None:
    code, status = await rest.ask(method, path, data="{}", Content_Type=type_)
    assert (code, status["reason"]) == (415, "UnsupportedMediaType")


def written(body: bytes, *, as_yaml: bool) -> str | int:
    """The value as JSON writes it, or the status of the refusal."""
    try:
        return json.dumps(decode(body, as_yaml=as_yaml), allow_nan=False)
    except KubeError as error:
        return error.status


@given(body=st.binary(max_size=200), as_yaml=st.booleans())
def test_any_bytes_are_a_value_or_a_bad_request(body: bytes, *, as_yaml: bool) -> None:
    assert isinstance(told := written(body, as_yaml=as_yaml), str) or told == 400


@given(st.text(alphabet="{}[]:,&*!-?|>'\"#%@ \n\tab1.~<", max_size=60))
def test_any_yaml_is_a_value_that_json_can_write_or_a_bad_request(text: str) -> None:
    assert isinstance(told := written(text.encode(), as_yaml=True), str) or told == 400

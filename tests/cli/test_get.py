import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from funclet.cli import columns, render
from support.cli import Command
from support.objects import version_manifest
from support.rest import FUNCTIONS, Served, alias, function

pytestmark = pytest.mark.processes

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def dated(found: dict[str, Any], created: str, **status: Any) -> dict[str, Any]:
    return {**found, "metadata": {**found["metadata"], "creationTimestamp": created}, "status": status}


def ready(status: str, reason: str) -> list[dict[str, str]]:
    return [{"type": "Active", "status": "False"}, {"type": "Ready", "status": status, "reason": reason}]


FUNCTION_ROWS = [
    dated(
        function("greet"),
        "2026-01-02T11:59:18Z",
        conditions=ready("True", "Ready"),
        lastVersion=12,
        instances=3,
        servingRevision="greet-latest-abc",
        functionArn="arn:aws:lambda:us-east-1:123456789012:function:greet",
    ),
    dated(
        function("thumbnails", memory="1Gi", timeout="30s"),
        "2025-12-30T12:00:00Z",
        conditions=ready("False", "CodeNotFound"),
    ),
    dated(function("new"), "2026-01-02T12:00:00Z"),
]

PLAIN = """\
NAME        READY    RUNTIME     VERSION  INSTANCES  AGE
greet       True     python3.11  12       3          42s
thumbnails  False    python3.11  0        0          3d
new         Unknown  python3.11  0        0          0s
"""
WIDE = """\
NAME        READY    RUNTIME     VERSION  INSTANCES  AGE  REASON        MEMORY  TIMEOUT  HANDLER      REVISION          ARN
greet       True     python3.11  12       3          42s  Ready         128Mi   3s       app.handler  greet-latest-abc  arn:aws:lambda:us-east-1:123456789012:function:greet
thumbnails  False    python3.11  0        0          3d   CodeNotFound  1Gi     30s      app.handler  -                 -
new         Unknown  python3.11  0        0          0s   -             128Mi   3s       app.handler  -                 -
"""  # as it looks
ALIASES = """\
NAME        READY    FUNCTION  ALIAS  VERSIONS      AGE
greet-live  Unknown  greet     live   2 90%, 1 10%  1h
"""
VERSIONS = """\
NAME      READY    FUNCTION  VERSION  INSTANCES  AGE
greet-v1  Unknown  greet     1        0          5m
"""


@pytest.mark.parametrize(("wide", "expected"), [(False, PLAIN), (True, WIDE)])
def test_functions_look_like_this(*, wide: bool, expected: str) -> None:
    assert render.table(*columns.rows("Function", FUNCTION_ROWS, NOW, wide=wide), colours=False) == expected


def test_aliases_look_like_this() -> None:
    weighted = alias(version="2", routingConfig={"additionalVersionWeights": {"1": 0.1}})
    found = [dated(weighted, "2026-01-02T10:59:59Z")]
    assert render.table(*columns.rows("Alias", found, NOW, wide=False), colours=False) == ALIASES


def test_versions_look_like_this() -> None:
    spec = {**function()["spec"], "function": "greet", "version": "1", "codeSha256": "0123456789abcdef" * 4}
    found = [dated({"metadata": {"name": "greet-v1"}, "spec": spec}, "2026-01-02T11:54:59Z")]
    assert render.table(*columns.rows("FunctionVersion", found, NOW, wide=False), colours=False) == VERSIONS


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Function", {**function()["spec"], "runtime": "provided.al2023"}),
        ("FunctionVersion", {"function": "thumbnails", "version": "10"}),
        (
            "Alias",
            {
                "function": "thumbnails",
                "name": "live",
                "version": "12",
                "routingConfig": {"additionalVersionWeights": {"11": 0.05}},
            },
        ),
    ],
)
def test_a_usual_table_fits_into_80_columns(kind: str, spec: dict[str, Any]) -> None:
    name = "thumbnails-v12-x7k2m9q4ab"
    found = dated(
        {"metadata": {"name": name}, "spec": spec}, "2025-01-02T11:54:59Z", lastVersion=12, instances=100
    )
    text = render.table(*columns.rows(kind, [found], NOW, wide=False), colours=False)
    assert max(map(len, text.splitlines())) <= 80


def test_on_a_terminal_readiness_has_a_colour_and_nothing_else_moves() -> None:
    told = render.table(*columns.rows("Function", FUNCTION_ROWS, NOW, wide=False), colours=True)
    assert "\x1b[32m True\x1b[0m" in told
    assert "\x1b[31m False\x1b[0m" in told
    for code in ("\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"):
        told = told.replace(code, "")
    assert told == PLAIN


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    assert render.table(["NAME"], [["a\x1b]0;title\x07\u202eb"]], colours=False) == "NAME\na�]0;title��b\n"


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"metadata": {}},
        {"metadata": {"name": "x", "creationTimestamp": "yesterday"}},
        {"status": {"conditions": []}},
    ],
)
@pytest.mark.parametrize("kind", ["Function", "FunctionVersion", "Alias"])
def test_an_object_that_lacks_everything_still_has_a_row(kind: str, found: dict[str, Any]) -> None:
    header, cells = columns.rows(kind, [found], NOW, wide=True)
    assert len(cells[0]) == len(header)


@pytest.mark.parametrize("kind", ["functions", "function", "fn", "Function", "functions.funclet.dev"])
async def test_a_kind_has_many_names(funclet: Command, rest: Served, kind: str) -> None:
    await rest.apply(function())
    ran = await funclet("get", kind)
    assert (ran.code, ran.out.splitlines()[0].split()[:2]) == (0, ["NAME", "READY"])
    assert ran.out.splitlines()[1].startswith("greet ")
    assert "\x1b" not in ran.out


async def test_all_kinds_come_as_one_table_each(funclet: Command, rest: Served) -> None:
    await rest.apply(function())
    await rest.apply(alias())
    both = await funclet("get", "all")
    assert [line.split()[0] for line in both.out.splitlines() if line] == [
        "NAME",
        "greet",
        "NAME",
        "greet-live",
    ]
    assert (await funclet("get", "fn,fna")).out.count("NAME") == 2


async def test_json_and_yaml_are_the_objects_themselves(funclet: Command, rest: Served) -> None:
    source = "def handler(event, context):\n    return event\n"
    await rest.apply(function("a", code={"inline": {"app.py": source}}))
    _, found = await rest.ask("GET", f"{FUNCTIONS}/a")
    as_yaml = await funclet("get", "fn", "a", "-o", "yaml")
    assert json.loads((await funclet("get", "fn", "a", "-o", "json")).out) == found
    assert yaml.safe_load(as_yaml.out) == found
    assert "app.py: |" in as_yaml.out
    listed = json.loads((await funclet("get", "fn", "-o", "json")).out)
    assert (listed["kind"], listed["items"]) == ("List", [found])


async def test_none_at_all_is_said_on_standard_error(funclet: Command) -> None:
    ran = await funclet("get", "functions")
    assert (ran.code, ran.out) == (0, "")
    assert "funclet apply" in ran.err
    assert json.loads((await funclet("get", "functions", "-o", "json")).out)["items"] == []


@pytest.mark.parametrize(
    ("kind", "name", "object_name"),
    [
        ("fn", "greet-me-x", "greet-me-x"),
        ("fn", "Greet_Me", "greet-me-x"),
        ("fnv", "Greet_Me:1", "greet-me-x-by-hand-1"),
        ("fna", "Greet_Me:live", "greet-live"),
        ("fna", "greet-me-x:live", "greet-live"),
    ],
)
async def test_an_object_is_found_by_its_own_name_and_by_the_one_in_the_lambda_api(
    funclet: Command, rest: Served, kind: str, name: str, object_name: str
) -> None:
    await rest.apply(function("other"))
    await rest.apply(function("greet-me-x", functionName="Greet_Me"))
    await rest.apply(version_manifest(1, "greet-me-x"))
    await rest.apply(alias(function="greet-me-x"))
    ran = await funclet("get", kind, name, "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["metadata"]["name"] == object_name


async def test_an_objects_own_name_goes_before_anothers_lambda_name(funclet: Command, rest: Served) -> None:
    await rest.apply(function("a", functionName="b"))
    await rest.apply(function("b", functionName="c"))
    ran = await funclet("get", "fn", "b", "-o", "json")
    assert json.loads(ran.out)["metadata"]["name"] == "b"


@pytest.mark.parametrize(
    ("kind", "name"), [("fna", "greet:nope"), ("fnv", "greet:9"), ("fna", "nope:live"), ("fna", ":live")]
)
async def test_a_qualifier_that_is_not_there_exits_4(
    funclet: Command, rest: Served, kind: str, name: str
) -> None:
    await rest.apply(function())
    await rest.apply(alias())
    assert (await funclet("get", kind, name)).code == 4


async def test_what_is_not_there_exits_4(funclet: Command) -> None:
    ran = await funclet("get", "fn", "missing")
    assert (ran.code, ran.out) == (4, "")
    assert "missing" in ran.err


async def test_a_kind_that_does_not_exist_exits_2_with_those_that_do(funclet: Command) -> None:
    ran = await funclet("get", "pods")
    assert ran.code == 2
    assert "functions (fn), functionversions (fnv), aliases (fna)" in ran.err


@pytest.mark.parametrize("name", ["../functions", "a/b", "%2e%2e", "a?watch=true", "a\nb"])
async def test_a_hostile_name_is_only_a_name_that_is_not_there(funclet: Command, name: str) -> None:
    assert (await funclet("get", "fn", name)).code == 4

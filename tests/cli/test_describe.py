import pytest

from funclet.plan.plan import Event, Key
from support.cli import Command
from support.objects import version_manifest
from support.rest import Served, alias, function

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
async def _objects(rest: Served) -> None:
    await rest.apply(function("greet-me-x", functionName="Greet_Me"))
    await rest.apply(function("other"))
    await rest.apply(version_manifest(1, "greet-me-x"))
    await rest.apply(version_manifest(2, "greet-me-x"))
    await rest.apply(version_manifest(1, "other"))
    await rest.apply(alias(function="greet-me-x"))
    await rest.kube.record(
        Key("Function", "default", "greet-me-x"), Event("Normal", "Published", "version 1")
    )
    await rest.kube.record(Key("Function", "default", "other"), Event("Warning", "Published", "version 7"))


@pytest.mark.parametrize(
    "arguments", [("Greet_Me",), ("greet-me-x",), ("fn", "Greet_Me"), ("Greet_Me:$LATEST",)]
)
async def test_a_function_is_described_by_either_name(funclet: Command, arguments: tuple[str, ...]) -> None:
    ran = await funclet("describe", *arguments)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Function greet-me-x\n")
    assert [line.split()[0] for line in ran.out.splitlines() if "  Unknown  " in line] == ["2", "1", "live"]
    assert "Published: version 1\n" in ran.out
    assert "version 7" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (("Greet_Me:1",), "FunctionVersion greet-me-x-by-hand-1"),
        (("Greet_Me:live",), "Alias greet-live"),
        (("fna", "greet-live"), "Alias greet-live"),
    ],
)
async def test_versions_and_aliases_are_described_too(
    funclet: Command, arguments: tuple[str, ...], first: str
) -> None:
    ran = await funclet("describe", *arguments)
    assert (ran.code, ran.out.splitlines()[0]) == (0, first)


async def test_several_are_described_one_after_the_other(funclet: Command) -> None:
    ran = await funclet("describe", "fn", "other", "Greet_Me")
    assert [line for line in ran.out.splitlines() if line.startswith("Function")] == [
        "Function other",
        "Function greet-me-x",
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("nope",), 4), (("Greet_Me:nope",), 4), (("Greet_Me:9",), 4), (("pods", "x"), 2), ((), 2)],
)
async def test_what_is_not_there_or_not_clear_is_told(
    funclet: Command, arguments: tuple[str, ...], code: int
) -> None:
    ran = await funclet("describe", *arguments)
    assert (ran.code, ran.out) == (code, "")

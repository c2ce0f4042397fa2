import pytest

from funclet.local.manifests import SOURCE
from support.cli import Command, manifest
from support.rest import Served, alias, function

pytestmark = pytest.mark.processes


async def test_by_name_and_several_at_once(funclet: Command, rest: Served) -> None:
    for name in ("a", "b", "c"):
        await rest.apply(function(name))
    ran = await funclet("delete", "fn", "a", "b")
    assert (ran.code, ran.out) == (0, "function.funclet.dev/a deleted\nfunction.funclet.dev/b deleted\n")
    assert [each["metadata"]["name"] for each in await rest.kube.list("Function")] == ["c"]


async def test_by_the_name_in_the_lambda_api(funclet: Command, rest: Served) -> None:
    await rest.apply(function("greet-me-x", functionName="Greet_Me"))
    await rest.apply(alias(function="greet-me-x"))
    assert (await funclet("delete", "fna", "Greet_Me:live")).out == "alias.funclet.dev/greet-live deleted\n"
    assert (await funclet("delete", "fn", "Greet_Me")).out == "function.funclet.dev/greet-me-x deleted\n"


async def test_a_manifest_means_object_names_alone(funclet: Command, rest: Served) -> None:
    await rest.apply(function("a", functionName="b"))
    assert (await funclet("delete", "-f", "-", stdin=manifest(function("b")))).code == 4
    assert len(await rest.kube.list("Function")) == 1


async def test_by_manifest_with_aliases_before_functions(funclet: Command, rest: Served) -> None:
    await rest.apply(function())
    await rest.apply(alias())
    ran = await funclet("delete", "-f", "-", stdin=manifest(function(), alias()))
    assert ran.out == "alias.funclet.dev/greet-live deleted\nfunction.funclet.dev/greet deleted\n"


async def test_a_manifest_need_not_be_valid_to_name_what_to_delete(funclet: Command, rest: Served) -> None:
    await rest.apply(function())
    ran = await funclet("delete", "-f", "-", stdin="kind: Function\nmetadata: {name: greet}")
    assert (ran.code, ran.out) == (0, "function.funclet.dev/greet deleted\n")


async def test_what_is_not_there_exits_4_and_the_others_are_deleted(funclet: Command, rest: Served) -> None:
    await rest.apply(function("b"))
    ran = await funclet("delete", "fn", "a", "b")
    assert (ran.code, ran.out) == (4, "function.funclet.dev/b deleted\n")
    assert ran.err.startswith("function.funclet.dev/a: ")


async def test_what_is_not_there_can_count_as_deleted(funclet: Command) -> None:
    ran = await funclet("delete", "fn", "a", "--ignore-not-found")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize(
    "arguments", [(), ("fn",), ("fn", "a", "-f", "x"), ("pods", "a"), ("-f", "missing.yaml")]
)
async def test_what_is_not_clear_deletes_nothing(funclet: Command, arguments: tuple[str, ...]) -> None:
    assert (await funclet("delete", *arguments)).code == 2


@pytest.mark.parametrize(
    "text",
    ["kind: Function", "kind: Function\nmetadata: 7", "kind: Function\nmetadata: {name: [a]}", "kind: ["],
)
async def test_a_manifest_that_names_nothing_deletes_nothing(funclet: Command, text: str) -> None:
    ran = await funclet("delete", "-f", "-", stdin=text)
    assert (ran.code, ran.out) == (2, "")
    assert "Nothing was deleted" in ran.err


@pytest.mark.parametrize("name", ["..", "../aliases/greet-live", ""])
async def test_a_hostile_name_reaches_nothing_else(funclet: Command, rest: Served, name: str) -> None:
    await rest.apply(function())
    await rest.apply(alias())
    assert (await funclet("delete", "fn", name)).code in {4, 5}
    assert len(await rest.kube.list("Alias")) == len(await rest.kube.list("Function")) == 1


async def test_what_a_manifest_of_local_mode_still_describes_is_told_to_come_back(
    funclet: Command, rest: Served
) -> None:
    file = funclet.folder / "f.yaml"
    file.write_text("")
    for name, source in (("a", str(file)), ("b", str(file.with_name("gone.yaml"))), ("c", "-")):
        body = function(name)
        body["metadata"]["annotations"] = {SOURCE: source}
        await rest.apply(body)
    ran = await funclet("delete", "fn", "a", "b", "c")
    assert (ran.code, ran.out.count("deleted")) == (0, 3)
    assert ran.err == "warning: a comes back with the next change: f.yaml describes it\n"

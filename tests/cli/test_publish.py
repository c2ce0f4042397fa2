import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from funclet.plan.revision import Platform, ResolvedRuntime
from funclet.reconcile.loop import Reconciler
from funclet.reconcile.sources import BlobCode
from support.cli import Command
from support.rest import FUNCTIONS, Served, alias, function

pytestmark = pytest.mark.processes

PLATFORM = Platform("123456789012", "us-east-1", {"python3.11": ResolvedRuntime("python3.11", "local:1")})


@pytest.fixture
async def reconciled(rest: Served) -> AsyncIterator[Served]:
    """The listener, with the real loop behind the store."""
    reconciler = Reconciler(rest.kube, PLATFORM, BlobCode(rest.blobs))
    running = asyncio.create_task(reconciler.run())
    yield rest
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_it_prints_the_number_of_the_new_version(funclet: Command, reconciled: Served) -> None:
    await reconciled.apply(function())
    ran = await funclet("publish", "greet", "--description", "the first")
    assert (ran.code, ran.out, ran.err) == (0, "1\n", "")
    (version,) = await reconciled.kube.list("FunctionVersion")
    assert (version["spec"]["version"], version["spec"]["description"]) == ("1", "the first")


async def test_a_function_is_published_by_its_lambda_name_too(funclet: Command, reconciled: Served) -> None:
    await reconciled.apply(function("greet-me-x", functionName="Greet_Me"))
    ran = await funclet("publish", "Greet_Me", "--alias", "live")
    assert (ran.code, ran.out) == (0, "1\n")
    (made,) = await reconciled.kube.list("Alias")
    assert made["spec"] == {"function": "greet-me-x", "name": "live", "version": "1"}


async def test_what_did_not_change_is_published_once(funclet: Command, reconciled: Served) -> None:
    await reconciled.apply(function())
    assert [(await funclet("publish", "greet")).out for _ in range(2)] == ["1\n", "1\n"]
    await reconciled.apply(function(memory="256Mi"))
    assert (await funclet("publish", "greet")).out == "2\n"


async def test_publishing_takes_nothing_from_whoever_applied_the_function(
    funclet: Command, reconciled: Served
) -> None:
    await reconciled.apply(function(memory="256Mi"), "funclet-cli")
    await funclet("publish", "greet")
    _, found = await reconciled.apply(function(), "funclet-cli")
    assert "memory" not in found["spec"]
    assert "funclet.dev/publish" in found["metadata"]["annotations"]


async def test_an_alias_is_made_and_then_moved(funclet: Command, reconciled: Served) -> None:
    await reconciled.apply(function())
    ran = await funclet("publish", "greet", "--alias", "live")
    assert (ran.out, ran.err) == ("1\n", "Alias live of greet leads to version 1.\n")
    await reconciled.apply(function(memory="256Mi"))
    await funclet("publish", "greet", "--alias", "live")
    (made,) = await reconciled.kube.list("Alias")
    assert made["spec"] == {"function": "greet", "name": "live", "version": "2"}


async def test_an_alias_of_another_object_name_is_moved_and_not_made_twice(
    funclet: Command, reconciled: Served
) -> None:
    await reconciled.apply(function())
    await reconciled.apply(alias("my-own-name", version="$LATEST"))
    await funclet("publish", "greet", "--alias", "live")
    (moved,) = await reconciled.kube.list("Alias")
    assert (moved["metadata"]["name"], moved["spec"]["version"]) == ("my-own-name", "1")


@pytest.mark.parametrize("number", ["1", "2"])
async def test_the_weights_that_somebody_else_gave_an_alias_go(
    funclet: Command, reconciled: Served, number: str
) -> None:
    await reconciled.apply(function())
    await funclet("publish", "greet")
    await reconciled.apply(function(memory="256Mi"))
    await funclet("publish", "greet")
    other = {"1": "2", "2": "1"}[number]
    shared = {"additionalVersionWeights": {number: 0.1}}
    await reconciled.apply(alias(version=other, routingConfig=shared), "somebody")
    ran = await funclet("publish", "greet", "--alias", "live")
    assert (ran.code, ran.out, ran.err) == (0, "2\n", "Alias live of greet leads to version 2.\n")
    (moved,) = await reconciled.kube.list("Alias")
    assert moved["spec"] == {"function": "greet", "name": "live", "version": "2"}


async def test_the_number_is_printed_though_the_alias_cannot_be_pointed(
    funclet: Command, reconciled: Served
) -> None:
    await reconciled.apply(function())
    ran = await funclet("publish", "greet", "--alias", "no alias")
    assert (ran.code, ran.out) == (5, "1\n")


@pytest.mark.parametrize(("name", "told"), [("live", {"alias": "live"}), ("no alias", {})])
async def test_programs_are_told_all_of_it_too(
    funclet: Command, reconciled: Served, name: str, told: dict[str, str]
) -> None:
    await reconciled.apply(function())
    ran = await funclet("publish", "greet", "--alias", name, "-o", "json")
    assert json.loads(ran.out) == {"function": "greet", "version": "1", **told}


async def test_a_function_that_is_not_there_exits_4(funclet: Command, reconciled: Served) -> None:
    assert (await funclet("publish", "missing")).code == 4
    assert (await reconciled.ask("GET", f"{FUNCTIONS}/missing"))[0] == 404


async def test_a_function_that_cannot_be_published_says_why(funclet: Command, reconciled: Served) -> None:
    await reconciled.apply(function(code={"zip": {"blob": "0" * 64, "sha256": "0" * 64}}))
    ran = await funclet("publish", "greet", "--timeout", "1")
    assert (ran.code, ran.out) == (5, "")
    assert "Version not published within 1 s: CodeNotFound: " in ran.err
    assert "funclet describe greet" in ran.err


async def test_when_nothing_answers_the_request_it_says_so(funclet: Command, rest: Served) -> None:
    await rest.apply(function())
    ran = await funclet("publish", "greet", "--timeout", "0.5")
    assert ran.code == 5
    assert "nothing looks after the function" in ran.err

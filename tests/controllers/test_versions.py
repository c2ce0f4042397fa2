"""Versions as a user of kubectl gets them."""

from funclet.kube.port import Object
from funclet.plan.publish import PUBLISH_DESCRIPTION, PUBLISH_REQUEST
from support.operators import Seen, condition


async def versions(seen: Seen, function: str) -> dict[str, Object]:
    """The versions of a function, by number."""
    found = [each for each in await seen.kube.list("FunctionVersion") if each["spec"]["function"] == function]
    return {each["spec"]["version"]: each for each in found}


async def published(seen: Seen, name: str, number: int) -> Object:
    """Wait until a version was published."""
    return await seen.until(
        name, lambda found: (found.get("status", {}).get("publication") or {}).get("version") == str(number)
    )


async def test_auto_publishes_each_change_and_moves_the_alias(seen: Seen) -> None:
    name = seen.new()
    for number, memory in enumerate(("128Mi", "256Mi"), 1):
        await seen.apply(seen.function(name, publish="Auto", publishAlias="live", memory=memory))
        await published(seen, name, number)
    found = await versions(seen, name)
    assert {number: each["spec"]["memory"] for number, each in found.items()} == {"1": "128Mi", "2": "256Mi"}
    for each in found.values():
        ready = await seen.ready(each["metadata"]["name"], "FunctionVersion")
        assert ready["status"]["functionArn"].endswith(f":function:{name}:{each['spec']['version']}")
    (alias,) = [each for each in await seen.kube.list("Alias") if each["spec"]["function"] == name]
    done = await seen.ready(alias["metadata"]["name"], "Alias")
    assert (done["spec"]["version"], done["status"]["version"]) == ("2", "2")
    assert (await seen.ready(name))["status"]["lastVersion"] == 2


async def test_a_description_is_no_change_that_is_published(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name, publish="Auto"))
    await published(seen, name, 1)
    await seen.apply(seen.function(name, publish="Auto", description="only words"))
    await seen.ready(name)
    assert set(await versions(seen, name)) == {"1"}


async def test_manual_publishes_only_what_the_annotation_asks_for_and_once(seen: Seen) -> None:
    name = seen.new()
    manifest = seen.function(name)
    await seen.apply(manifest)
    await seen.ready(name)
    assert await versions(seen, name) == {}
    asked = {PUBLISH_REQUEST: "one", PUBLISH_DESCRIPTION: "the first"}
    manifest["metadata"]["annotations"] = asked
    await seen.apply(manifest)
    done = await published(seen, name, 1)
    assert done["status"]["publication"]["request"] == "one"
    manifest["metadata"]["annotations"] = {**asked, PUBLISH_REQUEST: "two"}
    await seen.apply(manifest)
    again = await seen.until(name, lambda found: found["status"]["publication"].get("request") == "two")
    assert again["status"]["publication"]["version"] == "1"
    found = await versions(seen, name)
    assert [each["spec"]["description"] for each in found.values()] == ["the first"]


async def test_of_two_functions_of_one_lambda_name_the_older_holds_it(seen: Seen) -> None:
    older, younger, shared = seen.new(), seen.new(), seen.new()
    await seen.apply(seen.function(older, functionName=shared))
    await seen.ready(older)
    # Ages are whole seconds, and of two of one age the name decides: the younger comes with a later name.
    younger = f"z{younger}"
    await seen.apply(seen.function(younger, functionName=shared))
    told = await seen.said(younger, "NameTaken")
    assert older in condition(told)["message"]
    assert "functionArn" not in told["status"]
    await seen.kube.delete(seen.key(older))
    assert (await seen.ready(younger))["status"]["functionArn"].endswith(f":function:{shared}")


async def test_versions_that_were_restored_without_a_status_keep_their_numbers(seen: Seen) -> None:
    """A backup brings specs back, in any order, and neither status nor owner."""
    name = seen.new()
    for number in (3, 1, 2):
        manifest = seen.version(number, name, memory=f"{number + 1}28Mi")
        await seen.apply(manifest)
    await seen.apply(seen.alias("live", "2", name))
    await seen.apply(seen.function(name, publish="Auto", memory="1Gi"))
    await published(seen, name, 4)
    found = await versions(seen, name)
    assert sorted(found) == ["1", "2", "3", "4"]
    for each in found.values():
        await seen.ready(each["metadata"]["name"], "FunctionVersion")
    await seen.ready(f"{name}-live", "Alias")


async def test_a_number_that_was_given_out_is_not_given_out_again(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name, publish="Auto"))
    await published(seen, name, 1)
    (first,) = (await versions(seen, name)).values()
    await seen.kube.delete(seen.key(first["metadata"]["name"], "FunctionVersion"))
    await seen.apply(seen.function(name, publish="Auto", memory="256Mi"))
    await published(seen, name, 2)
    assert set(await versions(seen, name)) == {"2"}


async def test_an_alias_says_that_its_version_is_missing_until_it_comes(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    await seen.apply(seen.alias("live", "5", name))
    told = await seen.said(f"{name}-live", "VersionNotFound", "Alias")
    assert condition(told, "Stalled")["status"] == "True"
    await seen.apply(seen.version(5, name))
    await seen.ready(f"{name}-live", "Alias")
    await seen.kube.delete(seen.key(f"{name}-by-hand-5", "FunctionVersion"))
    await seen.said(f"{name}-live", "VersionNotFound", "Alias")


async def test_an_alias_of_another_functions_version_is_stalled(seen: Seen) -> None:
    one, other = seen.new(), seen.new()
    await seen.apply(seen.function(one))
    await seen.apply(seen.function(other, publish="Auto"))
    await published(seen, other, 1)
    await seen.apply(seen.alias("live", "1", one))
    await seen.said(f"{one}-live", "VersionNotFound", "Alias")

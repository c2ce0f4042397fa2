"""Whatever is deleted goes with all that it owns, in any order, whether an operator is there or not."""

from collections.abc import AsyncIterator

import pytest

from funclet.kube.kinds import KINDS, kind_of
from funclet.plan.plan import Key
from support.api_server import Server, make_namespace
from support.operators import QUICK, Seen, eventually, running

#: what may be left of a namespace's functions
OF_FUNCTIONS = ("Function", "FunctionVersion", "Alias", "ControllerRevision", "Deployment", "Pod")


@pytest.fixture
async def place(whole: Server) -> AsyncIterator[Seen]:
    """A namespace of a test's own, where garbage is collected."""
    connection = await whole.connect()
    name = Seen.new()
    await make_namespace(connection, name)
    yield Seen(connection, name)
    await connection.close()


async def make_everything(seen: Seen) -> list[Key]:
    """A function with a published version, one by hand, an alias that follows, and children; gives what there is."""
    await seen.apply(seen.function("greet", publish="Auto", publishAlias="live"))
    await seen.deployed("greet")
    await seen.until("greet", lambda found: found["status"].get("publication"))
    by_hand = seen.version(7, "greet", memory="512Mi")
    await seen.apply(by_hand)
    await seen.deployed(by_hand["metadata"]["name"], "FunctionVersion")
    await seen.settled()
    return await everything(seen)


async def everything(seen: Seen) -> list[Key]:
    """All objects of functions but those that `settled` makes."""
    found = [
        Key(kind, seen.namespace, each["metadata"]["name"])
        for kind in OF_FUNCTIONS
        for each in await seen.kube.list(kind)
    ]
    return [key for key in found if not key.name.startswith("f-")]


async def emptied(seen: Seen) -> None:
    """Wait until nothing is left."""

    async def nothing() -> bool:
        return not await everything(seen)

    await eventually(nothing)


async def delete(seen: Seen, key: Key, *, policy: str = "Background") -> None:
    """Delete as kubectl does."""
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
    await seen.connection.call("DELETE", kind_of(key.kind).path(key.namespace, key.name), body=body)


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_a_deleted_function_takes_everything_along_while_an_operator_looks_on(
    place: Seen, whole: Server, policy: str
) -> None:
    with running(whole.kubeconfig, place.namespace):
        there = await make_everything(place)
        assert {key.kind for key in there} == {*OF_FUNCTIONS} - {"Pod"}
        await delete(place, place.key("greet"), policy=policy)
        await emptied(place)
        await place.settled()
        assert await everything(place) == []


@pytest.mark.parametrize("first", ["children first", "function first"])
async def test_everything_goes_without_an_operator_in_any_order(
    place: Seen, whole: Server, first: str
) -> None:
    with running(whole.kubeconfig, place.namespace):
        there = await make_everything(place)
    order = sorted(there, key=lambda key: OF_FUNCTIONS.index(key.kind), reverse=first == "children first")
    function = next(key for key in there if key.kind == "Function")
    if first == "children first":
        for key in order:
            await delete(place, key)
    else:
        await delete(place, function)
    await emptied(place)


async def test_what_a_function_is_held_with_by_somebody_else_is_waited_for(
    place: Seen, whole: Server
) -> None:
    """A Function with another's finalizer stays for a while: nothing is made for it, and nothing is torn down early."""
    with running(whole.kubeconfig, place.namespace) as operator:
        manifest = place.function("greet", publish="Auto", scaling={"min": 1})
        manifest["metadata"]["finalizers"] = ["example.com/hold"]
        await place.apply(manifest)
        deployment = (await place.deployed("greet"))["metadata"]["name"]
        await place.until("greet", lambda found: found["status"].get("publication"))
        await delete(place, place.key("greet"))
        await place.settled()
        assert (await place.get("greet"))["metadata"]["deletionTimestamp"]
        assert await place.there(deployment, "Deployment") is not None
        await place.merge("greet", {"metadata": {"finalizers": None}})
        await emptied(place)
        assert "reconcile failed" not in operator.said


async def test_what_was_deleted_while_no_operator_was_there_is_known_to_the_next(
    place: Seen, whole: Server
) -> None:
    with running(whole.kubeconfig, place.namespace, lease=QUICK) as first:
        await make_everything(place)
        first.kill()
    await delete(place, place.key("greet"))
    await emptied(place)
    with running(whole.kubeconfig, place.namespace, "two", lease=QUICK) as heir:
        await place.settled()
        assert await everything(place) == []
        # A Function of the same name begins with the first number: nothing of the old one is remembered.
        await place.apply(place.function("greet", publish="Auto"))
        found = await place.ready("greet")
        assert found["status"]["lastVersion"] == 1
        assert "reconcile failed" not in heir.said


async def test_a_function_that_is_made_again_at_once_gets_children_of_its_own(
    place: Seen, whole: Server
) -> None:
    with running(whole.kubeconfig, place.namespace):
        await place.apply(place.function("greet"))
        old = await place.deployed("greet")
        await delete(place, place.key("greet"))
        await place.apply(place.function("greet"))
        await place.ready("greet")
        await place.want("greet", old["metadata"]["name"])
        uid = (await place.get("greet"))["metadata"]["uid"]
        for kind in ("Deployment", "ControllerRevision"):
            await place.until(
                old["metadata"]["name"],
                lambda found: found["metadata"]["ownerReferences"][0]["uid"] == uid,
                kind,
            )
        await place.ready("greet")


async def test_a_version_that_an_alias_names_may_be_deleted_and_the_alias_says_so(
    place: Seen, whole: Server
) -> None:
    with running(whole.kubeconfig, place.namespace):
        await place.apply(place.function("greet", publish="Auto"))
        await place.apply(place.alias("stable", "1", "greet"))
        await place.ready("greet-stable", "Alias")
        (version,) = await place.kube.list("FunctionVersion")
        await delete(place, place.key(version["metadata"]["name"], "FunctionVersion"))
        await place.said("greet-stable", "VersionNotFound", "Alias")


async def test_a_namespace_can_be_deleted_with_an_operator_and_without(place: Seen, whole: Server) -> None:
    other = Seen(place.connection, Seen.new())
    await make_namespace(place.connection, other.namespace)
    with running(whole.kubeconfig, place.namespace) as leaves, running(whole.kubeconfig, other.namespace):
        await make_everything(place)
        await make_everything(other)
        leaves.kill()
        for each in (place, other):
            await place.connection.call("DELETE", f"/api/v1/namespaces/{each.namespace}")

        async def gone() -> bool:
            found = await place.connection.call("GET", "/api/v1/namespaces")
            return {place.namespace, other.namespace}.isdisjoint(
                each["metadata"]["name"] for each in found["items"]
            )

        await eventually(gone, within=60)


async def test_no_object_that_funclet_makes_has_a_finalizer(place: Seen, whole: Server) -> None:
    with running(whole.kubeconfig, place.namespace):
        for key in await make_everything(place):
            assert key.kind in KINDS
            assert not (await place.raw(key.name, key.kind))["metadata"].get("finalizers"), key

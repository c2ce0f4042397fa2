"""Routes as a gateway on a cluster makes them from statuses: it resolves nothing and trusts what is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan import reasons
from funclet.plan.followed import followed_route
from funclet.plan.plan import Key
from funclet.plan.revision import Platform, Revision
from funclet.plan.route_table import build_route
from funclet.plan.routes import LATEST, AliasRoute, FunctionRoute, Unavailable
from support.objects import (
    CODE,
    NOW,
    PLATFORM,
    SHA,
    PlainStore,
    alias,
    alias_manifest,
    function,
    function_manifest,
    version,
    version_manifest,
)

#: what a gateway knows of the platform: no runtimes
BARE = Platform(PLATFORM.account, PLATFORM.region, {})


def seen(
    *,
    latest: str | None = "greet-latest-new",
    serving: str | None = "greet-latest-new",
    observed: int | None = 1,
    conditions: list[dict[str, Any]] | None = None,
    sha: str | None = SHA,
    **spec: Any,
) -> Function:
    """A Function with this status."""
    told = {
        "observedGeneration": observed,
        "latestRevision": latest,
        "servingRevision": serving,
        "codeSha256": sha,
        "runtimeDigest": "sha256:" + "b" * 64,
        "conditions": conditions or [],
    }
    return function(status={name: each for name, each in told.items() if each is not None}, **spec)


def follow(of: Function, before: FunctionRoute | None = None, *versions: FunctionVersion) -> FunctionRoute:
    return followed_route(of, versions, (), BARE, before)


def key_in(route: FunctionRoute, name: str = LATEST) -> str:
    """The revision's key, or the reason why there is none."""
    found = route.versions[name]
    return found.key if isinstance(found, Revision) else found.reason


def not_ready(reason: str) -> dict[str, Any]:
    return {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": "because",
        "lastTransitionTime": NOW,
    }


OLD, NEW = "greet-latest-old", "greet-latest-new"
BEFORE = follow(seen(latest=OLD, serving=OLD))


@pytest.mark.parametrize(
    ("status", "before", "key"),
    [
        # settled
        ({}, None, NEW),
        ({}, BEFORE, NEW),
        # in the middle of a takeover: what is to come
        ({"serving": OLD}, None, NEW),
        ({"serving": OLD}, BEFORE, NEW),
        # nothing serves yet
        ({"serving": None}, None, NEW),
        # the operator has not seen the newest spec
        ({"observed": 0}, BEFORE, OLD),
        ({"observed": 0, "serving": OLD}, None, NEW),
        # blocked: the new one cannot even be made, the old one goes on
        ({"latest": None, "serving": OLD}, BEFORE, OLD),
        ({"latest": None, "serving": OLD}, None, OLD),
        ({"latest": OLD, "serving": OLD}, BEFORE, OLD),
        # nobody has looked
        ({"latest": None, "serving": None}, None, reasons.FUNCTION_PENDING),
        ({"sha": None}, None, reasons.FUNCTION_PENDING),
        # it cannot run, and the status says why
        (
            {"latest": None, "serving": None, "conditions": [not_ready("RuntimeNotAvailable")]},
            None,
            "RuntimeNotAvailable",
        ),
    ],
)
def test_what_latest_means(status: dict[str, Any], before: FunctionRoute | None, key: str) -> None:
    assert key_in(follow(seen(**status), before)) == key


def test_a_route_of_another_object_of_that_name_is_no_memory() -> None:
    other = followed_route(function("other", functionName="greet"), (), (), BARE, None)
    assert key_in(follow(seen(observed=0), other)) == NEW


@pytest.mark.parametrize(
    ("status", "before", "key"),
    [
        ({}, None, None),
        ({"serving": None}, None, None),
        ({"serving": OLD}, None, OLD),
        ({"serving": OLD}, BEFORE, OLD),
        ({"observed": 0, "serving": OLD}, None, OLD),
        # $LATEST is what serves: there is nothing beside it
        ({"latest": None, "serving": OLD}, BEFORE, None),
        ({"observed": 0, "serving": OLD}, BEFORE, None),
        ({"sha": None, "serving": OLD}, None, None),
    ],
)
def test_what_serves_until_latest_takes_over(
    status: dict[str, Any], before: FunctionRoute | None, key: str | None
) -> None:
    serving = follow(seen(**status), before).serving
    assert (serving.key if serving is not None else None) == key


def test_what_serves_keeps_the_settings_that_it_was_made_with() -> None:
    first = follow(seen(latest=OLD, serving=OLD, timeout="7s"))
    second = follow(seen(serving=OLD, timeout="9s"), first)
    third = follow(seen(serving=OLD, timeout="8s"), second)
    for each in (second, third):
        assert each.serving is not None
        assert each.serving.settings.timeout == "7s"


def test_a_revision_has_hash_and_digest_of_the_status_and_the_settings_of_the_spec() -> None:
    found = follow(seen(timeout="7s")).versions[LATEST]
    assert isinstance(found, Revision)
    assert (found.code_sha256, found.runtime.digest) == (SHA, "sha256:" + "b" * 64)
    assert (found.settings.timeout, found.function, found.version) == ("7s", "greet", LATEST)


def test_while_a_takeover_goes_on_the_old_revision_keeps_its_settings() -> None:
    before = follow(seen(latest=OLD, serving=OLD, timeout="7s"))
    after = follow(seen(latest=None, serving=OLD, timeout="9s"), before).versions[LATEST]
    assert isinstance(after, Revision)
    assert after.settings.timeout == "7s"


def test_settings_that_were_guessed_before_the_operator_looked_are_mended_when_it_has() -> None:
    guessed = follow(seen(observed=0, timeout="9s"))
    mended = follow(seen(observed=1, timeout="3s"), guessed).versions[LATEST]
    assert isinstance(mended, Revision)
    assert mended.settings.timeout == "3s"


def test_a_version_is_what_its_own_status_says() -> None:
    looked_at = version(1, made=True, status={"revision": "greet-v1-x"}, timeout="5s")
    route = follow(seen(), None, looked_at)
    found = route.versions["1"]
    assert isinstance(found, Revision)
    assert (found.key, found.version, found.settings.timeout) == ("greet-v1-x", "1", "5s")
    assert (found.code_sha256, found.runtime.digest) == (SHA, "local:1111")


def test_a_version_that_nobody_has_looked_at_is_not_run() -> None:
    found = follow(seen(), None, version(1, made=True)).versions["1"]
    assert isinstance(found, Unavailable)
    assert found.reason == reasons.FUNCTION_PENDING
    assert "version" in found.message


def test_a_version_that_cannot_run_says_why() -> None:
    broken = version(1, made=True, status={"conditions": [not_ready("CodeMismatch")]})
    assert key_in(follow(seen(), None, broken), "1") == "CodeMismatch"


def test_a_users_version_that_was_not_admitted_is_none() -> None:
    assert set(follow(seen(), None, version(1)).versions) == {LATEST}


def test_function_level_fields_hold_at_once_although_the_operator_has_not_looked() -> None:
    route = follow(seen(observed=0, concurrency={"reserved": 3}, scaling={"idle": "30s", "min": 2}), BEFORE)
    assert (route.reserved, route.idle, route.min_instances) == (3, 30.0, 2)


def test_aliases_are_those_of_the_function() -> None:
    weights = {"additionalVersionWeights": {"1": 0.25}}
    aliases = [alias("live", "2", routingConfig=weights), alias("newest", "$LATEST")]
    route = followed_route(seen(), (), aliases, BARE, None)
    assert route.aliases == {"live": AliasRoute("2", {"1": 0.25}), "newest": AliasRoute("$LATEST", {})}


# -- against what the operator itself would route


def settled(spec: dict[str, Any], numbers: list[int], pointed: list[str]) -> PlainStore:
    """Objects as the operator leaves them."""
    store = PlainStore()
    store.apply(function_manifest(**spec))
    for number in numbers:
        store.apply(version_manifest(number))
    for index, to in enumerate(pointed):
        store.apply(alias_manifest(f"alias{index}", to))
    store.settle()
    return store


@given(
    timeout=st.sampled_from(["3s", "90s"]),
    runtime=st.sampled_from(["python3.11", "python", "provided"]),
    reserved=st.none() | st.integers(0, 5),
    publish=st.sampled_from(["Auto", "Manual"]),
    numbers=st.lists(st.integers(1, 4), max_size=3, unique=True),
    pointed=st.lists(st.sampled_from(["$LATEST", "1", "2", "9"]), max_size=2),
)
def test_a_settled_function_is_routed_as_by_whoever_resolved_it(
    timeout: str, runtime: str, reserved: int | None, publish: str, numbers: list[int], pointed: list[str]
) -> None:
    concurrency = {} if reserved is None else {"reserved": reserved}
    spec = {"timeout": timeout, "runtime": runtime, "publish": publish, "concurrency": concurrency}
    store = settled(spec, sorted(numbers), pointed)
    of = store._function("greet")
    assert of is not None
    assert store.objects[Key("Function", "default", "greet")]["status"]["latestRevision"]
    resolved = build_route(of, store.versions(), store.aliases(), PLATFORM, lambda _: CODE)
    followed = followed_route(of, store.versions(), store.aliases(), BARE, None)
    # The name of a runtime is for people; its digest decides.
    assert _without_names(followed) == _without_names(resolved)
    again = followed_route(of, store.versions(), store.aliases(), BARE, followed)
    assert again == followed


def _without_names(route: FunctionRoute) -> tuple[Any, ...]:
    versions = {
        name: (each.key, each.code_sha256, each.runtime.digest, each.settings.model_dump(), each.version)
        if isinstance(each, Revision)
        else each
        for name, each in route.versions.items()
    }
    return (
        *(getattr(route, name) for name in ("namespace", "function", "name", "arn", "reserved", "idle")),
        versions,
        route.aliases,
        route.min_instances,
    )

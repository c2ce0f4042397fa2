from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan import reasons
from funclet.plan.observed import CodeState
from funclet.plan.revision import Revision
from funclet.plan.route_table import build_route, build_routes, keep_serving
from funclet.plan.routes import (
    FunctionRoute,
    Unavailable,
    UnavailableError,
    UnknownQualifierError,
    resolve,
)
from support.objects import CODE, PLATFORM, alias, function, version

ARN = "arn:aws:lambda:us-east-1:123456789012:function:greet"


def route(*, weight: float | None = None) -> FunctionRoute:
    weights = {} if weight is None else {"additionalVersionWeights": {"1": weight}}
    return build_route(
        function(),
        [version(1, made=True), version(2, made=True)],
        [alias("live", "2", routingConfig=weights), alias("newest", "$LATEST"), alias("lost", "7")],
        PLATFORM,
        lambda _: CODE,
    )


@pytest.mark.parametrize(
    ("qualifier", "executed", "arn"),
    [
        (None, "$LATEST", ARN),
        ("$LATEST", "$LATEST", f"{ARN}:$LATEST"),
        ("2", "2", f"{ARN}:2"),
        ("live", "2", f"{ARN}:live"),
        ("newest", "$LATEST", f"{ARN}:newest"),
    ],
)
def test_a_qualifier_means_a_version_and_stays_in_the_arn(
    qualifier: str | None, executed: str, arn: str
) -> None:
    target = resolve(route(), qualifier, 0.5)
    assert (target.executed_version, target.invoked_arn) == (executed, arn)
    assert target.revision.version == executed


@pytest.mark.parametrize(
    ("weight", "draw", "executed"),
    [
        (0.1, 0.0, "1"),
        (0.1, 0.0999, "1"),
        (0.1, 0.1, "2"),
        (0.1, 0.9999, "2"),
        (0.0, 0.0, "2"),
        (1.0, 0.9999, "1"),
        (0.5, 0.4999, "1"),
        (0.5, 0.5, "2"),
    ],
)
def test_a_draw_below_the_weight_goes_to_the_extra_version(weight: float, draw: float, executed: str) -> None:
    assert resolve(route(weight=weight), "live", draw).executed_version == executed


@given(st.integers(0, 100))
def test_the_share_of_evenly_spread_draws_is_the_weight(percent: int) -> None:
    table = route(weight=percent / 100)
    hits = [resolve(table, "live", (draw + 0.5) / 1000).executed_version for draw in range(1000)]
    assert hits.count("1") == percent * 10


@pytest.mark.parametrize("qualifier", ["3", "nope", "lost", "01"])
def test_an_unknown_qualifier_is_told_with_its_arn(qualifier: str) -> None:
    with pytest.raises(UnknownQualifierError) as caught:
        resolve(route(), qualifier, 0.0)
    assert caught.value.arn == f"{ARN}:{qualifier}"


def test_a_version_that_cannot_run_here_says_why() -> None:
    table = build_route(function(runtime="nodejs22.x"), [], [], PLATFORM, lambda _: CODE)
    with pytest.raises(UnavailableError, match=r"nodejs22\.x is not available here"):
        resolve(table, None, 0.0)


def test_code_that_is_not_known_yet_makes_latest_wait_but_not_the_versions() -> None:
    table = build_route(function(), [version(1, made=True)], [], PLATFORM, lambda _: None)
    assert table.versions["$LATEST"] == Unavailable(reasons.CODE_PENDING, "the code is being made ready")
    assert isinstance(table.versions["1"], Revision)


def test_function_level_settings_come_through() -> None:
    spec: dict[str, Any] = {"concurrency": {"reserved": 4}, "scaling": {"min": 2, "idle": "90s"}}
    table = build_route(function(**spec), [], [], PLATFORM, lambda _: CODE)
    assert (table.reserved, table.per_instance, table.idle, table.min_instances) == (4, 1, 90.0, 2)


def test_a_version_that_was_not_admitted_is_not_served() -> None:
    table = build_route(function(), [version(1)], [], PLATFORM, lambda _: CODE)
    assert set(table.versions) == {"$LATEST"}


def test_the_older_of_two_functions_holds_a_lambda_name() -> None:
    old = function("b", created="2026-01-01T00:00:00Z", functionName="Same")
    new = function("a", created="2026-01-01T00:00:01Z", functionName="Same")
    table = build_routes([new, old], [], [], PLATFORM, lambda _: CODE)
    assert {key: each.function for key, each in table.items()} == {("default", "Same"): "b"}


def test_of_two_functions_of_one_second_the_first_name_holds() -> None:
    table = build_routes(
        [function("b", functionName="Same"), function("a", functionName="Same")],
        [],
        [],
        PLATFORM,
        lambda _: CODE,
    )
    assert table["default", "Same"].function == "a"


def test_the_older_of_two_aliases_holds_a_name() -> None:
    young = alias("live", "1")
    old = alias("live", "2", created="2025-01-01T00:00:00Z")
    table = build_route(function(), [], [young, old], PLATFORM, lambda _: CODE)
    assert table.aliases["live"].version == "2"


def test_versions_of_another_function_are_not_mixed_in() -> None:
    table = build_routes(
        [function(), function("other")], [version(1, made=True)], [], PLATFORM, lambda _: CODE
    )
    assert set(table["default", "other"].versions) == {"$LATEST"}


def test_a_broken_change_leaves_the_old_latest_in_place() -> None:
    before = build_route(function(), [], [], PLATFORM, lambda _: CODE)
    after = build_route(function(runtime="nodejs22.x"), [], [], PLATFORM, lambda _: CODE)
    assert keep_serving(after, before).versions == before.versions
    changed = build_route(function(), [], [], PLATFORM, lambda _: CodeState("b" * 64))
    assert keep_serving(changed, before) == changed

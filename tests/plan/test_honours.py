"""Settings that a laptop does nothing for."""

from dataclasses import replace
from typing import Any

import pytest

from funclet.plan import reasons
from funclet.plan.function import plan_function
from funclet.plan.function_version import plan_version
from funclet.plan.observed import FunctionObserved, VersionObserved
from funclet.plan.plan import Event, Plan
from support.objects import CODE, NOW, PLATFORM, function, said, version

LAPTOP = replace(
    PLATFORM,
    without=frozenset({"secrets", "configMaps"}),
    unenforced=frozenset({"role", "ephemeralStorage", "network"}),
)
SECRETS: dict[str, Any] = {"secrets": [{"name": "s", "prefix": ""}]}


def plan(**spec: Any) -> Plan:
    return plan_function(function(**spec), FunctionObserved(code=CODE), LAPTOP, NOW)


def message(plan: Plan) -> str:
    assert plan.status is not None
    return next(str(each["message"]) for each in plan.status["conditions"] if each["type"] == "Ready")


@pytest.mark.parametrize(
    ("spec", "field"),
    [(SECRETS, "spec.secrets"), ({"configMaps": [{"name": "c", "prefix": ""}]}, "spec.configMaps")],
)
def test_what_a_function_would_miss_keeps_it_from_being_served(spec: dict[str, Any], field: str) -> None:
    refused = plan(**spec)
    assert said(refused) == ("False", reasons.NOT_SUPPORTED)
    assert message(refused).startswith(f"{field}: not supported here")


def test_a_version_that_asks_for_it_is_not_served_either() -> None:
    found = version(1, **SECRETS)
    planned = plan_version(found, VersionObserved(function=function(), code=CODE), LAPTOP, NOW)
    assert said(planned) == ("False", reasons.NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"role": "somebody"}, "spec.role"),
        ({"ephemeralStorage": "1Gi"}, "spec.ephemeralStorage"),
        ({"network": {"egress": "None"}}, "spec.network"),
    ],
)
def test_what_binds_nobody_is_told_once_and_stands_in_the_condition(spec: dict[str, Any], field: str) -> None:
    served = plan(**spec)
    told = Event("Warning", reasons.NOT_ENFORCED, f"{field}: not enforced on a laptop")
    assert said(served) == ("True", reasons.READY)
    assert message(served) == f"$LATEST can be called; {told.message}"
    assert told in served.events
    assert served.status is not None
    again = function(status=dict(served.status), **spec)
    assert told not in plan_function(again, FunctionObserved(code=CODE), LAPTOP, NOW).events


def test_a_version_says_so_too() -> None:
    found = version(1, network={"egress": "None"})
    planned = plan_version(found, VersionObserved(function=function(), code=CODE), LAPTOP, NOW)
    assert message(planned) == "version 1 can be called; spec.network: not enforced on a laptop"


@pytest.mark.parametrize("spec", [{}, {"ephemeralStorage": "536870912"}, {"network": {"egress": "Internet"}}])
def test_what_asks_for_nothing_is_served_without_a_word(spec: dict[str, Any]) -> None:
    assert message(plan(**spec)) == "$LATEST can be called"


def test_a_cluster_gives_all_of_it() -> None:
    served = plan_function(function(**SECRETS, role="x"), FunctionObserved(code=CODE), PLATFORM, NOW)
    assert (said(served), message(served)) == (("True", reasons.READY), "$LATEST can be called")

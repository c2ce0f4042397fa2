from typing import Any

import pytest

from funclet.api.alias import Alias
from funclet.plan import reasons
from funclet.plan.alias import plan_alias
from funclet.plan.deletes import Refusal, refuse_version_delete
from funclet.plan.observed import AliasObserved
from funclet.plan.plan import Plan
from support.objects import NOW, PLATFORM, alias, function, said


def plan(found: Alias, **observed: Any) -> Plan:
    around = AliasObserved(**{"function": function(), "versions": frozenset({"1", "2"}), **observed})
    return plan_alias(found, around, PLATFORM, NOW)


WEIGHTED: dict[str, Any] = {"routingConfig": {"additionalVersionWeights": {"1": 0.1}}}


@pytest.mark.parametrize(
    ("found", "observed", "reason"),
    [
        (alias("live", "2"), {}, reasons.READY),
        (alias("live", "2", **WEIGHTED), {}, reasons.READY),
        (alias("live", "$LATEST"), {"versions": frozenset()}, reasons.READY),
        (alias("live", "3"), {}, reasons.VERSION_NOT_FOUND),
        (alias("live", "2", **WEIGHTED), {"versions": frozenset({"2"})}, reasons.VERSION_NOT_FOUND),
        (alias("live", "2"), {"function": None}, reasons.FUNCTION_NOT_FOUND),
        (
            alias("live", "2"),
            {"rivals": (alias("live", "1", created="2025-01-01T00:00:00Z"),)},
            reasons.NAME_TAKEN,
        ),
        (
            alias("live", "2"),
            {"rivals": (alias("live", "1", created="2027-01-01T00:00:00Z"),)},
            reasons.READY,
        ),
        (alias("live", "2", rollout={"type": "Linear"}), {}, reasons.NOT_SUPPORTED),
        (alias("live", "2", provisionedConcurrency=1), {}, reasons.NOT_SUPPORTED),
    ],
    ids=[
        "a version",
        "two versions with weights",
        "$LATEST",
        "no such version",
        "no such weighted version",
        "no such function",
        "an older alias has the name",
        "a younger alias wants the name",
        "a rollout",
        "provisioned concurrency",
    ],
)
def test_an_alias_says_whether_what_it_names_is_there(
    found: Alias, observed: dict[str, Any], reason: str
) -> None:
    done = plan(found, **observed)
    status = "True" if reason == reasons.READY else "False"
    assert said(done) == (status, reason)
    assert done.applies == ()


def test_an_alias_tells_its_arn_and_version() -> None:
    done = plan(alias("live", "2"))
    assert done.status is not None
    assert done.status["aliasArn"] == "arn:aws:lambda:us-east-1:123456789012:function:greet:live"
    assert done.status["version"] == "2"


def test_a_missing_version_is_named() -> None:
    assert "no version 3" in plan(alias("live", "3")).events[0].message


@pytest.mark.parametrize(
    ("version", "aliases", "refusal"),
    [
        ("1", (), None),
        ("1", (alias("live", "2"),), None),
        (
            "2",
            (alias("live", "2"),),
            Refusal(
                "ResourceConflictException",
                "Unable to delete version because the following aliases reference it: [live]",
            ),
        ),
        (
            "1",
            (alias("live", "2", **WEIGHTED), alias("beta", "1")),
            Refusal(
                "ResourceConflictException",
                "Unable to delete version because the following aliases reference it: [beta, live]",
            ),
        ),
        (
            "$LATEST",
            (),
            Refusal(
                "InvalidParameterValueException",
                "$LATEST version cannot be deleted without deleting the function.",
            ),
        ),
    ],
)
def test_a_version_that_an_alias_names_is_not_deleted_by_the_lambda_api(
    version: str, aliases: tuple[Alias, ...], refusal: Refusal | None
) -> None:
    assert refuse_version_delete(version, aliases) == refusal

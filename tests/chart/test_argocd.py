"""Argo CD tells the health of Funclet's resources as kstatus does."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from funclet.api.base import GROUP
from funclet.api.schema import MODELS
from funclet.plan.conditions import Mark, State, Verdict, conditions
from support.chart import ROOT
from support.lua import run_health

DATA: Mapping[str, str] = yaml.safe_load((ROOT / "deploy" / "argocd" / "health.yaml").read_text())["data"]
(SCRIPT,) = set(DATA.values())


def seen(state: State, *, generation: int = 2, observed: int | None = 2) -> dict[str, Any]:
    """A resource whose status says this, as the operator writes it."""
    said = conditions(
        Verdict(state, "Because", "It is so."),
        Mark("Active", "False", "ScaledToZero"),
        previous=(),
        generation=observed,
        now="2026-01-01T00:00:00Z",
    )
    return {
        "metadata": {"generation": generation},
        "status": {
            "observedGeneration": observed,
            "conditions": [each.model_dump(by_alias=True) for each in said],
        },
    }


def test_every_kind_is_told_by_the_one_script() -> None:
    assert DATA.keys() == {f"resource.customizations.health.{GROUP}_{kind}" for kind in MODELS}


@pytest.mark.parametrize(
    ("state", "status", "message"),
    [
        ("Ready", "Healthy", "It is so."),
        ("Reconciling", "Progressing", "Because: It is so."),
        ("Stalled", "Degraded", "Because: It is so."),
    ],
)
def test_a_verdict_is_told(state: State, status: str, message: str) -> None:
    assert run_health(SCRIPT, seen(state)) == (status, message)


@pytest.mark.parametrize("state", ["Ready", "Stalled"])
def test_a_status_of_an_older_generation_is_not_believed(state: State) -> None:
    status, message = run_health(SCRIPT, seen(state, generation=3))
    assert status == "Progressing"
    assert message == "The operator has not seen this generation yet"


@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": {"generation": 1}},
        {"metadata": {"generation": 1}, "status": {}},
        {"metadata": {"generation": 1}, "status": {"observedGeneration": 1}},
        {"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "conditions": []}},
    ],
)
def test_a_resource_of_which_nothing_is_known_is_not_healthy(obj: dict[str, Any]) -> None:
    assert run_health(SCRIPT, obj)[0] == "Progressing"


def test_a_condition_that_says_no_without_a_verdict_is_still_under_way() -> None:
    obj = seen("Ready")
    obj["status"]["conditions"] = [{"type": "Ready", "status": "Unknown", "reason": "Observed"}]
    assert run_health(SCRIPT, obj) == ("Progressing", "Observed: ")

"""Whole plans, to be read: each file in golden/ has the objects and what is planned for the first of them.

UPDATE_GOLDEN=1 writes the plans anew; read the difference before it is committed.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from funclet.kube.objects import key_of
from funclet.plan.plan import Plan
from support.objects import NOW, PlainStore

GOLDEN = Path(__file__).parent / "golden"


def shown(plan: Plan) -> dict[str, Any]:
    """The plan as YAML shows it; what is empty is left out."""
    fields: dict[str, Any] = {
        "deletes": [f"{key.kind} {key.name}" for key in plan.deletes],
        "statusBefore": plan.status_before,
        "applies": list(plan.applies),
        "status": plan.status,
        "events": [f"{event.type} {event.reason}: {event.message}" for event in plan.events],
        "requeueAfter": plan.requeue_after,
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_plan_is_the_one_in_the_file(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    store = PlainStore()
    for manifest in content["objects"]:
        store.objects[key_of(manifest)] = manifest
    plan = shown(store.plan(key_of(content["objects"][0]), NOW))
    if os.environ.get("UPDATE_GOLDEN") and plan != content["plan"]:
        text = path.read_text()
        written = yaml.safe_dump({"plan": plan}, sort_keys=False, width=100)
        path.write_text(text[: text.index("\nplan:")] + "\n" + written)
        return
    assert plan == content["plan"]

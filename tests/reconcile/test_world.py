from typing import Any

import pytest

from funclet.api.function import Function
from funclet.api.rules import InvalidObjectError
from funclet.reconcile.reading import read
from support.objects import NOW, function_manifest, stored


def read_function(**fields: Any) -> Function:
    found = read({**stored(function_manifest()), **fields})
    assert isinstance(found, Function)
    return found


def test_fields_of_a_newer_funclet_are_passed_over() -> None:
    manifest = stored(function_manifest(hologram={"depth": 3}))
    assert isinstance(read(manifest), Function)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"conditions": "none"},
        {"conditions": [{"type": 7}]},
        {"instances": -1},
        {"instances": "many"},
        {"observedGeneration": "first"},
    ],
    ids=str,
)
def test_a_spoilt_field_of_the_status_costs_only_itself(spoilt: dict[str, Any]) -> None:
    assert read_function(status={"lastVersion": 7, **spoilt}).status.last_version == 7


@pytest.mark.parametrize("status", ["broken", 5, [1]])
def test_a_status_that_is_none_counts_as_empty(status: Any) -> None:
    assert read_function(status=status).status.last_version == 0


def test_a_spec_that_breaks_a_rule_is_told() -> None:
    with pytest.raises(InvalidObjectError, match="handler"):
        read(
            {
                **stored(function_manifest(handler="../x.y")),
                "status": {"instances": -1, "observedGeneration": NOW},
            }
        )

"""Each rule, on values that it accepts and values that it refuses: as CEL, by its twin, and in whole objects.

Where the Python engine lacks a function of Kubernetes, the row's name says which stand-in it ran with.
"""

import pytest

from funclet.api.rules.registry import RULES
from funclet.api.rules.rule import Rule
from support.cel import evaluate, stand_ins
from support.rule_examples.table import EXAMPLES, Row, rows

ROWS = tuple(rows())


def _name(row: Row) -> str:
    lacking = stand_ins(row.rule.cel)
    verdict = "accepts" if row.accepted else "refuses"
    return f"{row.rule.name} {verdict} {ascii(row.value)[:60]}" + (
        f" (stand-in: {', '.join(lacking)})" if lacking else ""
    )


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_cel_of_a_rule_gives_the_expected_verdict(row: Row) -> None:
    assert bool(evaluate(row.rule.cel, **row.variables)) is row.accepted


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_twin_of_a_rule_gives_the_same_verdict(row: Row) -> None:
    assert row.rule.holds(*row.operands) is row.accepted


@pytest.mark.parametrize("row", [row for row in ROWS if row.rule.message_cel and not row.accepted], ids=_name)
def test_a_message_that_names_a_value_has_the_same_words_in_cel_and_python(row: Row) -> None:
    assert row.rule.message_cel is not None
    said = str(evaluate(row.rule.message_cel, **row.variables))
    # Kubernetes falls back to the plain message where the other has more than one line.
    assert row.rule.words(row.value) == (row.rule.message if "\n" in said else said)


def test_every_rule_has_a_name_of_its_own_and_examples_of_both_kinds() -> None:
    assert sorted(rule.name for rule in RULES) == sorted(examples.rule for examples in EXAMPLES)
    assert all(examples.accepted and examples.refused for examples in EXAMPLES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_message_is_one_line_that_an_api_server_takes(rule: Rule) -> None:
    assert rule.message.strip() == rule.message
    assert 0 < len(rule.message) <= 2048
    assert "\n" not in rule.message


def test_only_the_sum_and_quantities_of_kubernetes_are_stood_in_for() -> None:
    lacking = {rule.name: stand_ins(rule.cel) for rule in RULES if stand_ins(rule.cel)}
    assert lacking == {
        "little inline code": ("sum",),
        "little environment": ("sum",),
        "memory in range": ("quantity", "compareTo"),
        "ephemeralStorage in range": ("quantity", "compareTo"),
    }

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.api.alias import Alias
from funclet.plan.observed import FunctionObserved
from funclet.plan.publish import next_number
from support.objects import CODE, PlainStore, alias, alias_manifest, function, function_manifest, version


def weighted(to: str, other: str) -> Alias:
    return alias("live", to, routingConfig={"additionalVersionWeights": {other: 0.1}})


def number(last: int = 0, existing: tuple[int, ...] = (), aliases: tuple[Alias, ...] = ()) -> int:
    observed = FunctionObserved(CODE, versions=tuple(map(version, existing)), aliases=aliases)
    return next_number(function(status={"lastVersion": last}), observed)


@pytest.mark.parametrize(
    ("last", "existing", "aliases", "given"),
    [
        (0, (), (), 1),
        (0, (), (alias("live", "1"),), 1),
        (0, (), (alias("live", "1"), alias("beta", "1")), 1),
        (0, (), (alias("live", "1"), alias("dev", "$LATEST")), 1),
        (0, (), (alias("dev", "$LATEST"),), 1),
        (0, (), (alias("live", "2"),), 3),
        (0, (), (alias("live", "1"), alias("beta", "2")), 3),
        (0, (), (weighted("1", "2"),), 3),
        (1, (), (alias("live", "1"),), 2),
        (0, (1,), (alias("live", "1"),), 2),
        (0, (5,), (alias("live", "1"),), 6),
        (4, (2,), (alias("live", "9"),), 10),
    ],
    ids=[
        "nothing is remembered",
        "an alias waits for the first",
        "several wait for it",
        "one waits, one is at $LATEST",
        "$LATEST is no number",
        "an alias to 2 speaks of a lost version",
        "so does one of several",
        "so does a weight",
        "the first was given out, and is gone",
        "the first is there",
        "another is there",
        "the greatest counts",
    ],
)
def test_the_next_number(
    last: int, existing: tuple[int, ...], aliases: tuple[Alias, ...], given: int
) -> None:
    assert number(last, existing, aliases) == given


numbers = st.integers(1, 5)


@given(st.integers(0, 5), st.sets(numbers, max_size=3), st.lists(numbers, max_size=3))
def test_what_was_given_out_is_never_given_out_again(last: int, existing: set[int], named: list[int]) -> None:
    aliases = tuple(alias(f"a{index}", str(each)) for index, each in enumerate(named))
    given = number(last, tuple(existing), aliases)
    assert given > max({last, *existing})
    assert given > max(named, default=0) or given == 1


MANIFESTS: tuple[dict[str, Any], ...] = (
    function_manifest(publish="Auto"),
    alias_manifest("live", "1"),
    alias_manifest("dev", "$LATEST"),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_a_function_and_its_alias_applied_afresh_give_version_1(
    order: tuple[int, ...], *, together: bool
) -> None:
    store = PlainStore()
    for index in order:
        store.apply(MANIFESTS[index])
        if not together:
            store.settle()
    store.settle()
    assert [each.spec.version for each in store.versions()] == ["1"]
    ready = {
        each.metadata.name: [
            condition.status for condition in each.status.conditions if condition.type == "Ready"
        ]
        for each in store.aliases()
    }
    assert ready == {"greet-live": ["True"], "greet-dev": ["True"]}
